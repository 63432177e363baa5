//! Telemetry: one JSON object a line, constant messages, data in fields. Never a token, never a raw event.

use tracing_subscriber::EnvFilter;

/// Starts logging to standard output. Does nothing where logging has started already.
pub fn start(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_env_filter(filter)
        .try_init();
    if started.is_err() {
        tracing::debug!("logging has started already");
    }
}
