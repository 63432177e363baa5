//! Values of which there are few: named in the help, and completed by shells.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use reprieve_core::monitoring::{CisVersion, PatternMode};

/// A moment, in UTC or with an offset.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "write a moment such as 2026-01-31T12:00:00Z".to_owned())
}

/// The versions of the benchmark. A last `.0` may be written.
pub(crate) fn cis_version() -> impl TypedValueParser<Value = CisVersion> {
    let versions = [("1.4", "1.4.0"), ("3.0", "3.0.0"), ("5.0", "5.0.0"), ("6.0", "6.0.0"), ("7.0", "7.0.0")];
    PossibleValuesParser::new(versions.map(|(version, whole)| PossibleValue::new(version).alias(whole)))
        .try_map(|version| CisVersion::parse(&version))
}

/// When a filter of others serves a control.
pub(crate) fn pattern_mode() -> impl TypedValueParser<Value = PatternMode> {
    PossibleValuesParser::new(["by-matching", "exact"]).try_map(|mode| PatternMode::parse(&mode))
}
