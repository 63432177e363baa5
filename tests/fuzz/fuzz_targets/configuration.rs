//! Reads whatever stands in the variables of a function, as lines `NAME=VALUE`: nothing ends the process, every error names a variable of
//! the table, webhooks are never shown, and what is read is within what the table says.
#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use reprieve_runtime::configuration::{
    AzureConfiguration, Configuration, ConfigurationError, DrillConfiguration, GoogleConfiguration, MonitoringConfiguration,
    RecordingConfiguration, ReplayConfiguration,
};
use reprieve_runtime::environment::{ALL, WEBHOOKS};
use reprieve_wire::chat::Webhooks;

/// What makes every function start.
const GOOD: [(&str, &str); 21] = [
    ("AWS_REGION", "eu-central-1"),
    ("FUNCTIONS_CUSTOMHANDLER_PORT", "7071"),
    ("REPRIEVE_AUDIT_BUCKET", "reprieve-audit"),
    ("REPRIEVE_AZURE_CLIENT_ID", "00000000-0000-0000-0000-000000000001"),
    ("REPRIEVE_AZURE_PRINCIPAL_ID", "00000000-0000-0000-0000-000000000001"),
    ("REPRIEVE_AZURE_STORAGE_ACCOUNT", "streprieve"),
    ("REPRIEVE_AZURE_SUBSCRIPTIONS", "00000000-0000-0000-0000-000000000001"),
    ("REPRIEVE_AZURE_TENANT_ID", "00000000-0000-0000-0000-000000000001"),
    ("REPRIEVE_DRILL_ALARM", "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled"),
    ("REPRIEVE_DRILL_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/111122223333/reprieve-drill"),
    ("REPRIEVE_FUNCTION_ROLE_ARN", "arn:aws:iam::111122223333:role/reprieve-drill"),
    ("REPRIEVE_GOOGLE_AUDIT_BUCKET", "acme-reprieve-audit"),
    ("REPRIEVE_GOOGLE_CLAIMS_BUCKET", "acme-reprieve-claims"),
    ("REPRIEVE_GOOGLE_PROJECTS", "prod-payments"),
    ("REPRIEVE_LEDGER_TABLE", "reprieve-ledger"),
    ("REPRIEVE_NOTICE_TOPIC_ARN", "arn:aws:sns:eu-central-1:111122223333:reprieve"),
    ("REPRIEVE_REMEDIATOR_ROLE_ARN", "arn:aws:iam::111122223333:role/reprieve-guard"),
    ("REPRIEVE_REPLAY_BUCKET", "reprieve-replays"),
    ("REPRIEVE_SEAL_KEY_ARN", "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
    ("REPRIEVE_TELL_FROM", "medium"),
    ("REPRIEVE_WEBHOOKS", ""),
];

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let good: HashMap<&str, &str> = GOOD.into();
    let mut variables = good.clone();
    variables.extend(text.lines().filter_map(|line| line.split_once('=')));
    let lookup = |name: &str| variables.get(name).map(ToString::to_string);
    let guard = Configuration::parse(lookup);
    let azure = AzureConfiguration::parse(lookup);
    let google = GoogleConfiguration::parse(lookup);
    let monitoring = MonitoringConfiguration::parse(lookup);
    let recording = RecordingConfiguration::parse(lookup);
    if let Ok(guard) = &guard {
        let days = guard.basics.surroundings.audit_retention_days;
        assert!((1..=36_500).contains(&days) && guard.kms_calls_per_second.get() <= 5, "{guard:?}");
        assert_eq!(guard.domain.account, guard.domain.remediator.as_ref().map(|role| role.account()));
    }
    if let Ok(azure) = &azure {
        assert!(!azure.desired.subscriptions.is_empty() && (10..=270).contains(&azure.sweep_budget.as_secs()), "{azure:?}");
    }
    let errors = [
        guard.err(),
        azure.err(),
        google.err(),
        monitoring.err(),
        recording.err(),
        ReplayConfiguration::parse(lookup).err(),
        DrillConfiguration::parse(lookup).err(),
    ];
    errors.iter().flatten().for_each(|error| names_variables_and_no_secret(error, &variables));
    let webhooks = variables[WEBHOOKS.name];
    if let Err(error) = Webhooks::parse(webhooks) {
        keeps_secret(&error.to_string(), webhooks, "");
    }
});

fn names_variables_and_no_secret(error: &ConfigurationError, variables: &HashMap<&str, &str>) {
    assert!(!error.wrong.is_empty(), "{error}");
    for (name, _) in &error.wrong {
        assert!(ALL.iter().any(|variable| variable.name == *name), "{error}");
    }
    // What stands in another variable as well may be shown with that one.
    let others: String = variables.iter().filter(|(name, _)| **name != WEBHOOKS.name).map(|(_, value)| format!("{value}\n")).collect();
    keeps_secret(&error.to_string(), variables[WEBHOOKS.name], &others);
}

/// Words of sixteen letters and more are no words of the sentence.
fn keeps_secret(said: &str, webhooks: &str, others: &str) {
    let words = webhooks.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| word.len() >= 16);
    for word in words.filter(|word| !others.contains(*word)) {
        assert!(!said.contains(word), "{said} shows {word}");
    }
}
