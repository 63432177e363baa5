//! What the function that rehearses the incident is configured with.

use std::time::Duration;

use reprieve_core::RoleArn;

use super::reader::{Reader, name_of, number_in, role, text_of};
use super::{Basics, ConfigurationError};
use crate::environment::{
    DRILL_ALARM, DRILL_ALARM_DEADLINE_SECONDS, DRILL_ALIAS, DRILL_GUARD_DEADLINE_SECONDS, DRILL_QUEUE_URL, FUNCTION_ROLE_ARN, LEDGER_TABLE,
};

/// What the function that rehearses the incident is configured with.
#[derive(Debug, Clone)]
pub struct DrillConfiguration {
    /// What every function is configured with.
    pub basics: Basics,
    /// The function's own role.
    pub function_role: RoleArn,
    /// The ledger table.
    pub ledger_table: String,
    /// The alias of the key that is sacrificed, `alias/NAME`.
    pub alias: String,
    /// The URL of the queue that hears what people hear.
    pub queue_url: String,
    /// The name of the alarm that must go off.
    pub alarm: String,
    /// How long the guard may take.
    pub guard_deadline: Duration,
    /// How long the alarm may take.
    pub alarm_deadline: Duration,
}

impl DrillConfiguration {
    /// Parses the configuration. `lookup` returns the value of a variable, `None` where it is not set.
    ///
    /// # Errors
    /// Names every wrong variable at once.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigurationError> {
        let mut reader = Reader::new(lookup);
        let basics = Basics::read(&mut reader);
        let function_role = reader.read(FUNCTION_ROLE_ARN, role);
        let ledger_table = reader.read(LEDGER_TABLE, text_of(3..=255));
        let alias = reader.read(DRILL_ALIAS, alias);
        let queue_url = reader.read(DRILL_QUEUE_URL, |text| {
            let is_url = text.starts_with("https://") || text.starts_with("http://");
            if is_url { text_of(12..=2048)(text) } else { Err("is not one".to_owned()) }
        });
        let alarm = reader.read(DRILL_ALARM, text_of(1..=255));
        let guard_deadline = reader.read(DRILL_GUARD_DEADLINE_SECONDS, number_in(10..=900));
        let alarm_deadline = reader.read(DRILL_ALARM_DEADLINE_SECONDS, number_in(60..=840));
        let assembled = || {
            Some(Self {
                basics: basics?,
                function_role: function_role?,
                ledger_table: ledger_table?,
                alias: alias?,
                queue_url: queue_url?,
                alarm: alarm?,
                guard_deadline: Duration::from_secs(guard_deadline?.into()),
                alarm_deadline: Duration::from_secs(alarm_deadline?.into()),
            })
        };
        reader.finish(assembled())
    }
}

/// `alias/aws/...` belongs to AWS, and to keys that nobody can sacrifice.
fn alias(text: &str) -> Result<String, String> {
    match text.strip_prefix("alias/") {
        Some(name) if !name.starts_with("aws/") => name_of(1..=250, b"/_-")(name).map(|_| text.to_owned()),
        Some(_) => Err("belongs to AWS".to_owned()),
        None => Err("is not one".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn parse(changes: &[(&'static str, &'static str)]) -> Result<DrillConfiguration, ConfigurationError> {
        let mut variables = HashMap::from([
            ("REPRIEVE_AUDIT_BUCKET", "reprieve-audit"),
            ("REPRIEVE_NOTICE_TOPIC_ARN", "arn:aws:sns:eu-central-1:111122223333:reprieve"),
            ("REPRIEVE_FUNCTION_ROLE_ARN", "arn:aws:iam::111122223333:role/reprieve-drill"),
            ("REPRIEVE_LEDGER_TABLE", "reprieve-ledger"),
            ("REPRIEVE_DRILL_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/111122223333/reprieve-drill"),
            ("REPRIEVE_DRILL_ALARM", "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled"),
            ("AWS_REGION", "eu-central-1"),
        ]);
        variables.extend(changes.iter().copied());
        DrillConfiguration::parse(|name| variables.get(name).map(ToString::to_string))
    }

    #[test]
    fn deadlines_have_defaults() {
        let configuration = parse(&[]).unwrap();
        assert_eq!(configuration.alias, "alias/reprieve-drill");
        assert_eq!((configuration.guard_deadline, configuration.alarm_deadline), (Duration::from_mins(2), Duration::from_mins(12)));
    }

    #[test]
    fn every_wrong_variable_is_named_at_once() {
        let error = parse(&[
            ("REPRIEVE_DRILL_ALIAS", "alias/aws/s3"),
            ("REPRIEVE_DRILL_QUEUE_URL", "reprieve-drill"),
            ("REPRIEVE_DRILL_ALARM", ""),
            ("REPRIEVE_DRILL_GUARD_DEADLINE_SECONDS", "2m"),
            ("REPRIEVE_DRILL_ALARM_DEADLINE_SECONDS", "900"),
        ])
        .unwrap_err();
        let names: Vec<&str> = error.wrong.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            [
                "REPRIEVE_DRILL_ALIAS",
                "REPRIEVE_DRILL_QUEUE_URL",
                "REPRIEVE_DRILL_ALARM",
                "REPRIEVE_DRILL_GUARD_DEADLINE_SECONDS",
                "REPRIEVE_DRILL_ALARM_DEADLINE_SECONDS"
            ]
        );
    }
}
