//! What the function that records log files and seals the evidence is configured with.

use reprieve_core::{KeyArn, Severity};

use super::reader::{Reader, items};
use super::{ConfigurationError, Surroundings};
use crate::environment::{FORMER_SEAL_KEYS, SEAL_KEY_ARN, TELL_FROM};

/// What the function that records log files and seals the evidence is configured with.
#[derive(Debug, Clone)]
pub struct RecordingConfiguration {
    /// Evidence, people, metrics, log, place.
    pub surroundings: Surroundings,
    /// The key that signs seals.
    pub seal_key: KeyArn,
    /// The public keys that sealed before, as one text of PEM blocks; empty where there are none.
    pub former_seal_keys: String,
    /// The severity from which on people are told of an anomaly; `None` where they never are.
    pub tell_from: Option<Severity>,
}

impl RecordingConfiguration {
    /// Parses the configuration. `lookup` returns the value of a variable, `None` where it is not set.
    ///
    /// # Errors
    /// Names every wrong variable at once.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigurationError> {
        let mut reader = Reader::new(lookup);
        let surroundings = Surroundings::read(&mut reader);
        let seal_key = reader.read(SEAL_KEY_ARN, |text| KeyArn::parse(text).map_err(|error| error.to_string()));
        let former_seal_keys = reader.read(FORMER_SEAL_KEYS, public_keys);
        let tell_from = reader.read(TELL_FROM, severity);
        let assembled =
            || Some(Self { surroundings: surroundings?, seal_key: seal_key?, former_seal_keys: former_seal_keys?, tell_from: tell_from? });
        reader.finish(assembled())
    }
}

/// Reads public keys that sealed before, as one text of PEM blocks.
pub(super) fn public_keys(text: &str) -> Result<String, String> {
    items(text).map(pem).collect()
}

/// Wraps the base64 of a key as PEM; whether it is one is for whoever reads it.
fn pem(base64: &str) -> Result<String, String> {
    let is_base64 = base64.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    if !is_base64 {
        return Err("is no base64".to_owned());
    }
    let lines = base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
    Ok(format!("-----BEGIN PUBLIC KEY-----\n{}-----END PUBLIC KEY-----\n", lines.collect::<String>()))
}

fn severity(text: &str) -> Result<Option<Severity>, String> {
    match text {
        "informational" => Ok(Some(Severity::Informational)),
        "low" => Ok(Some(Severity::Low)),
        "medium" => Ok(Some(Severity::Medium)),
        "high" => Ok(Some(Severity::High)),
        "critical" => Ok(Some(Severity::Critical)),
        "never" => Ok(None),
        _ => Err("is none of them".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn parse(changes: &[(&'static str, &'static str)]) -> Result<RecordingConfiguration, ConfigurationError> {
        let mut variables = HashMap::from([
            ("REPRIEVE_AUDIT_BUCKET", "reprieve-audit"),
            ("REPRIEVE_NOTICE_TOPIC_ARN", "arn:aws:sns:eu-central-1:111122223333:reprieve"),
            ("REPRIEVE_SEAL_KEY_ARN", KEY),
            ("AWS_REGION", "eu-central-1"),
        ]);
        variables.extend(changes.iter().copied());
        RecordingConfiguration::parse(|name| variables.get(name).map(ToString::to_string))
    }

    #[test]
    fn people_are_told_from_a_severity_on_or_never() {
        assert_eq!(parse(&[]).unwrap().tell_from, Some(Severity::Medium));
        assert_eq!(parse(&[("REPRIEVE_TELL_FROM", "critical")]).unwrap().tell_from, Some(Severity::Critical));
        assert_eq!(parse(&[("REPRIEVE_TELL_FROM", "never")]).unwrap().tell_from, None);
    }

    #[test]
    fn keys_that_sealed_before_become_pem_blocks() {
        assert_eq!(parse(&[]).unwrap().former_seal_keys, "");
        let long = "A".repeat(70);
        let two = parse(&[("REPRIEVE_FORMER_SEAL_KEYS", Box::leak(format!("{long},QQ==").into_boxed_str()))]).unwrap().former_seal_keys;
        let expected = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n-----BEGIN PUBLIC KEY-----\nQQ==\n-----END PUBLIC KEY-----\n",
            "A".repeat(64),
            "A".repeat(6)
        );
        assert_eq!(two, expected);
    }

    #[test]
    fn a_mode_is_not_asked_for() {
        assert_eq!(parse(&[("REPRIEVE_MODE", "neither")]).unwrap().seal_key.as_str(), KEY);
    }

    #[test]
    fn every_wrong_variable_is_named_at_once() {
        let error = parse(&[
            ("REPRIEVE_AUDIT_BUCKET", ""),
            ("REPRIEVE_SEAL_KEY_ARN", "alias/seals"),
            ("REPRIEVE_FORMER_SEAL_KEYS", "arn:aws:kms"),
            ("REPRIEVE_TELL_FROM", "60"),
        ])
        .unwrap_err();
        let names: Vec<&str> = error.wrong.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["REPRIEVE_AUDIT_BUCKET", "REPRIEVE_SEAL_KEY_ARN", "REPRIEVE_FORMER_SEAL_KEYS", "REPRIEVE_TELL_FROM"]);
    }
}
