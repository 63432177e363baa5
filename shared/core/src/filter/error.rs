//! What is wrong with a filter pattern: where, and what to write instead.

use thiserror::Error;

/// A pattern that CloudWatch Logs refuses, or that cannot be judged on CloudTrail records. It is never retryable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("column {column}: {what}; {instead}")]
pub struct FilterError {
    /// Where it stands: the column of the first character that is wrong, counted from 1, in characters.
    pub column: usize,
    /// What is wrong, the pattern's own words in backticks.
    pub what: String,
    /// What to write instead.
    pub instead: String,
}
