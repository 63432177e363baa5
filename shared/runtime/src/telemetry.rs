//! Telemetry: one JSON object a line, constant messages, data in fields. Never a token, never a raw event.

use std::fmt::Display;
use std::process::ExitCode;

use tracing_subscriber::filter::{FilterExt as _, LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

/// Reads what is to be logged: a level, or levels by module, such as `info` or `warn,reprieve_engine=debug`.
///
/// # Errors
/// Says what cannot be read.
pub fn parse_filter(text: &str) -> Result<Targets, String> {
    text.parse().map_err(|error| format!("cannot be read: {error}"))
}

/// The most that is ever logged, whatever is asked for. Below it, libraries write events as they came and requests as they are sent, with
/// the tokens in their headers: `lambda_runtime` the payload, the AWS SDK what it signs.
const MOST: LevelFilter = LevelFilter::DEBUG;

/// Starts logging to standard output, no more than `debug`. Does nothing where logging has started already.
pub fn start(filter: Targets) {
    let lines = fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false).with_target(false);
    if tracing_subscriber::registry().with(lines.with_filter(filter.and(MOST))).try_init().is_err() {
        tracing::debug!("logging has started already");
    }
}

/// What is logged before the configuration is known.
#[must_use]
pub fn default_filter() -> Targets {
    Targets::new().with_default(LevelFilter::INFO)
}

/// Logs why a function cannot run, once, even where its configuration is what is wrong; and returns what its process ends with.
#[must_use]
pub fn exit_code(ran: Result<(), impl Display>) -> ExitCode {
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            start(default_filter());
            tracing::error!(%error, "the function cannot run");
            ExitCode::FAILURE
        }
    }
}
