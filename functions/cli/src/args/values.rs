//! Values of which there are few: named in the help, and completed by shells.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use reprieve_core::monitoring::{CisVersion, PatternMode};

/// A moment, in UTC or with an offset.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "write a moment such as 2026-01-31T12:00:00Z".to_owned())
}

/// Who approves. What a printed command has in the place of an id of Microsoft Entra ID is none: sealed, it would count as a person.
pub(crate) fn approver(text: &str) -> Result<String, String> {
    let usual = text.to_ascii_lowercase();
    for kind in ["object:", "application:"] {
        if usual.strip_prefix(kind).is_some_and(|id| !is_guid(id)) {
            return Err(format!("behind `{kind}` stands an id of Microsoft Entra ID, a GUID: put that of whoever approves in its place"));
        }
    }
    Ok(text.to_owned())
}

fn is_guid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approver_is_named_by_a_guid_or_by_no_id_at_all() {
        for (name, is_one) in [
            ("carol@example.com", true),
            ("arn:aws:iam::111122223333:role/Approver", true),
            ("object:1b4e28ba-2fa1-11d2-883f-0016d3cca427", true),
            ("Application:1B4E28BA-2FA1-11D2-883F-0016D3CCA427", true),
            ("object:OTHER-ID", false),
            ("APPLICATION:other-id", false),
            ("object:", false),
            ("object:1b4e28ba2fa111d2883f0016d3cca427", false),
            ("object:1b4e28b1-2fa1-11d2-883f-0016d3cca42", false),
            ("object:1b4e28b1-2fa1-11d2-883f-0016d3cca42x", false),
            ("object: 1b4e28ba-2fa1-11d2-883f-0016d3cca427", false),
        ] {
            assert_eq!(approver(name).is_ok(), is_one, "{name}");
        }
    }
}
