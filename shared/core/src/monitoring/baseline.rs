//! What must be watched: the monitoring controls of the CIS AWS Foundations Benchmark, and our own beside them.
//!
//! Our own filters are additional ones: nothing is ever added to a CIS pattern, because auditors compare it.

use serde::{Deserialize, Serialize};

use super::controls;
use crate::decision::Severity;

/// A version of the CIS AWS Foundations Benchmark; it says the numbers of the controls and, in places, their patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CisVersion {
    /// v1.4.0: 4.1 to 4.15.
    #[serde(rename = "1.4")]
    V1_4,
    /// v3.0.0: 4.1 to 4.16.
    #[serde(rename = "3.0")]
    V3_0,
    /// v5.0.0: 4.1 to 4.16.
    #[serde(rename = "5.0")]
    V5_0,
    /// v6.0.0 and v7.0.0: 5.1 to 5.16.
    #[serde(rename = "6.0")]
    V6_0,
}

/// When a filter that others made serves a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternMode {
    /// When it matches every event that the benchmark's pattern matches.
    ByMatching,
    /// When its text is exactly the one that AWS Security Hub asks for; the benchmark's, where Security Hub asks for none.
    Exact,
}

/// One thing to be watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Control {
    /// Its id in the selected version: `4.7`, `5.7`; `reprieve.1` for our own.
    pub id: String,
    /// Its title.
    pub title: &'static str,
    /// The pattern.
    pub pattern: &'static str,
    /// The name of filter, metric and alarm; it begins with [`super::FILTER_PREFIX`].
    pub name: &'static str,
    /// How urgent it is that somebody looks when the alarm goes off.
    pub severity: Severity,
    /// Why it is watched.
    pub why: &'static str,
    /// Where the pattern is from.
    pub source: &'static str,
}

/// What must be watched, and how strictly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// When a filter that others made serves a control.
    pub mode: PatternMode,
    /// What must be watched, in order.
    pub controls: Vec<Control>,
}

/// Says why a text names no version of the benchmark, or no pattern mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not {expected}")]
pub struct BaselineError {
    input: String,
    expected: &'static str,
}

impl CisVersion {
    /// Every version, oldest first.
    pub const ALL: [Self; 4] = [Self::V1_4, Self::V3_0, Self::V5_0, Self::V6_0];

    /// Parses a version as it is written in the configuration. v7.0.0 numbers and asks as v6.0.0 does.
    ///
    /// # Errors
    /// When it is none of `1.4`, `3.0`, `5.0`, `6.0` and `7.0`, with or without a last `.0`.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        match text {
            "1.4" | "1.4.0" => Ok(Self::V1_4),
            "3.0" | "3.0.0" => Ok(Self::V3_0),
            "5.0" | "5.0.0" => Ok(Self::V5_0),
            "6.0" | "6.0.0" | "7.0" | "7.0.0" => Ok(Self::V6_0),
            _ => Err(BaselineError {
                input: text.to_owned(),
                expected: "a version of the CIS AWS Foundations Benchmark: write 1.4, 3.0, 5.0, 6.0 or 7.0",
            }),
        }
    }

    /// Returns the version as it is written in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_4 => "1.4",
            Self::V3_0 => "3.0",
            Self::V5_0 => "5.0",
            Self::V6_0 => "6.0",
        }
    }

    /// Returns the number of a monitoring control in this version: control 7 is `4.7` up to v5.0.0, and `5.7` since v6.0.0.
    #[must_use]
    pub fn number(self, control: u8) -> String {
        let section = match self {
            Self::V1_4 | Self::V3_0 | Self::V5_0 => 4,
            Self::V6_0 => 5,
        };
        format!("{section}.{control}")
    }
}

impl PatternMode {
    /// Parses a mode as it is written in the configuration.
    ///
    /// # Errors
    /// When it is neither `by-matching` nor `exact`.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        match text {
            "by-matching" => Ok(Self::ByMatching),
            "exact" => Ok(Self::Exact),
            _ => Err(BaselineError { input: text.to_owned(), expected: "a pattern mode: write by-matching or exact" }),
        }
    }

    /// Returns the mode as it is written in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ByMatching => "by-matching",
            Self::Exact => "exact",
        }
    }
}

impl Baseline {
    /// Returns what must be watched: the controls of a version, and our own beside them where `additional`.
    #[must_use]
    pub fn of(version: CisVersion, mode: PatternMode, additional: bool) -> Self {
        let mut all = controls::cis(version, mode);
        if additional {
            all.extend(controls::additional(mode));
        }
        Self { mode, controls: all }
    }
}
