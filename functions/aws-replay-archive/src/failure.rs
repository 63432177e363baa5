//! Why an invocation failed, under names that the state machine sorts by: what to try again, and what not.

use lambda_runtime::Diagnostic;
use reprieve_engine::{CallError, Disposition};

/// Why an invocation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// It will never succeed as it was asked for.
    #[error("{0}")]
    Refused(String),
    /// Another attempt may succeed.
    #[error("{0}")]
    TryAgain(String),
    /// It would have been stopped before its end.
    #[error("{0}")]
    OutOfTime(String),
}

impl Failure {
    /// Returns the name by which Step Functions knows it; see `Retry` in `infra/aws/replay.yaml`.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Refused(_) => "Replay.Refused",
            Self::TryAgain(_) => "Replay.TryAgain",
            Self::OutOfTime(_) => "Replay.OutOfTime",
        }
    }

    /// Says what was tried when a call failed.
    pub(crate) fn of_call(what: &str, error: &CallError) -> Self {
        let text = format!("{what}: {error}");
        if error.disposition() == Disposition::Retryable { Self::TryAgain(text) } else { Self::Refused(text) }
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self { error_type: failure.name().to_owned(), error_message: failure.to_string() }
    }
}
