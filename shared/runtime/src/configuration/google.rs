//! What the guard on Google Cloud is configured with: what it guards, where it keeps evidence, who approves.

use std::collections::BTreeSet;

use reprieve_core::google::GoogleName;
use reprieve_core::{ApprovalRules, Mode};
use tracing_subscriber::filter::Targets;

use super::ConfigurationError;
use super::reader::{Reader, approval_keys, items, mode, name_of, number_in, optional};
use super::recording::public_keys;
use crate::environment::{
    APPROVAL_KEYS, FORMER_SEAL_KEYS, GOOGLE_AUDIT_BUCKET, GOOGLE_CLAIMS_BUCKET, GOOGLE_ENDPOINT_URL, GOOGLE_PORT, GOOGLE_PROJECTS,
    GOOGLE_SEAL_KEY, LOG, MINIMUM_WAITING_DAYS, MODE, WEBHOOKS,
};
use crate::telemetry;

/// What the guard on Google Cloud is configured with.
#[derive(Debug, Clone)]
pub struct GoogleConfiguration {
    /// Whether plans are carried out.
    pub mode: Mode,
    /// What is logged.
    pub log: Targets,
    /// The port on which Cloud Run calls.
    pub port: u16,
    /// The projects that are guarded.
    pub projects: BTreeSet<String>,
    /// The bucket of the audit records.
    pub audit_bucket: String,
    /// The bucket of the claims.
    pub claims_bucket: String,
    /// The version of a key that signs seals; without one, nothing is sealed.
    pub seal_key: Option<GoogleName>,
    /// The public keys that sealed before, as one text of PEM blocks; empty where there are none.
    pub former_seal_keys: String,
    /// The chats that hear notices, as they are written. A secret.
    pub webhooks: String,
    /// What the deployment says about approving.
    pub rules: ApprovalRules,
    /// A local sandbox, in place of Google Cloud.
    pub endpoint_url: Option<String>,
}

impl GoogleConfiguration {
    /// Parses the configuration. `lookup` returns the value of a variable, `None` where it is not set.
    ///
    /// # Errors
    /// Names every wrong variable at once.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigurationError> {
        let mut reader = Reader::new(lookup);
        let mode = reader.read(MODE, mode);
        let log = reader.read(LOG, telemetry::parse_filter);
        let port = reader.read(GOOGLE_PORT, |text| text.parse().map_err(|_| "is none".to_owned()));
        let projects = reader.read(GOOGLE_PROJECTS, projects);
        let audit_bucket = reader.read(GOOGLE_AUDIT_BUCKET, name_of(3..=63, b"-_."));
        let claims_bucket = reader.read(GOOGLE_CLAIMS_BUCKET, name_of(3..=63, b"-_."));
        let seal_key = reader.read(GOOGLE_SEAL_KEY, optional(key_version));
        let former_seal_keys = reader.read(FORMER_SEAL_KEYS, public_keys);
        let webhooks = reader.read(WEBHOOKS, |text| Ok(text.to_owned()));
        let keys = reader.read(APPROVAL_KEYS, approval_keys);
        let minimum_waiting_days = reader.read(MINIMUM_WAITING_DAYS, number_in(7..=30));
        let endpoint_url = reader.read(GOOGLE_ENDPOINT_URL, optional(|text| Ok(text.to_owned())));
        if let Some(bucket) = audit_bucket.as_ref().filter(|bucket| Some(*bucket) == claims_bucket.as_ref()) {
            reader.complain(GOOGLE_CLAIMS_BUCKET, &format!("`{bucket}` is the audit store, where nothing may ever be taken away"));
        }
        if let (Some(Some(key)), Some(projects)) = (&seal_key, &projects)
            && key.project().is_none_or(|project| !projects.contains(project))
        {
            let nowhere = format!("`{key}` is in no project of `{}`, so that nobody would give it back", GOOGLE_PROJECTS.name);
            reader.complain(GOOGLE_SEAL_KEY, &nowhere);
        }
        let assembled = || {
            Some(Self {
                mode: mode?,
                log: log?,
                port: port?,
                projects: projects?,
                audit_bucket: audit_bucket?,
                claims_bucket: claims_bucket?,
                seal_key: seal_key?,
                former_seal_keys: former_seal_keys?,
                webhooks: webhooks?,
                rules: ApprovalRules { keys: keys?, minimum_waiting_days: minimum_waiting_days?, ..ApprovalRules::default() },
                endpoint_url: endpoint_url?,
            })
        };
        reader.finish(assembled())
    }
}

fn projects(text: &str) -> Result<BTreeSet<String>, String> {
    let is_fit = |project: &&str| project.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:".contains(&byte));
    if let Some(wrong) = items(text).find(|project| !is_fit(project)) {
        return Err(format!("names `{wrong}`, which is no project's id"));
    }
    let projects: BTreeSet<String> = items(text).map(ToOwned::to_owned).collect();
    if projects.is_empty() { Err("names none".to_owned()) } else { Ok(projects) }
}

/// No version of a key that signs is the primary one, so one is named.
fn key_version(text: &str) -> Result<GoogleName, String> {
    let name = GoogleName::parse(text).map_err(|error| error.to_string())?;
    let is_version = name.is_key_version() && name.version().is_some();
    if is_version { Ok(name) } else { Err("is no version of a key".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEAL_KEY: &str = "projects/prod-data/locations/europe-west3/keyRings/reprieve/cryptoKeys/seal/cryptoKeyVersions/1";

    fn parse(changed: &[(&str, &str)]) -> Result<GoogleConfiguration, ConfigurationError> {
        let least = [
            ("REPRIEVE_GOOGLE_PROJECTS", "prod-payments, prod-data"),
            ("REPRIEVE_GOOGLE_AUDIT_BUCKET", "acme-reprieve-audit"),
            ("REPRIEVE_GOOGLE_CLAIMS_BUCKET", "acme-reprieve-claims"),
        ];
        GoogleConfiguration::parse(|name| {
            let found = changed.iter().chain(&least).find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_least_configuration_observes() {
        let configuration = parse(&[]).unwrap();
        assert_eq!((configuration.mode, configuration.port, configuration.projects.len()), (Mode::Observe, 8080, 2));
        assert!(configuration.rules.keys.is_empty());
        assert_eq!((configuration.seal_key, configuration.former_seal_keys.as_str()), (None, ""));
    }

    #[test]
    fn the_key_of_the_seals_is_a_version_in_a_guarded_project() {
        let named = |key: &str| parse(&[("REPRIEVE_GOOGLE_SEAL_KEY", key)]);
        assert_eq!(named(SEAL_KEY).unwrap().seal_key.map(String::from).as_deref(), Some(SEAL_KEY));
        let elsewhere = named(&SEAL_KEY.replace("prod-data", "lab")).unwrap_err().to_string();
        assert!(elsewhere.contains("is in no project of `REPRIEVE_GOOGLE_PROJECTS`"), "{elsewhere}");
    }

    #[test]
    fn every_wrong_variable_is_named() {
        for (name, value) in [
            ("REPRIEVE_GOOGLE_PROJECTS", ""),
            ("REPRIEVE_GOOGLE_PROJECTS", "Prod Payments"),
            ("REPRIEVE_GOOGLE_AUDIT_BUCKET", "a/b"),
            ("REPRIEVE_GOOGLE_CLAIMS_BUCKET", "acme-reprieve-audit"),
            ("REPRIEVE_GOOGLE_SEAL_KEY", "seal"),
            ("REPRIEVE_GOOGLE_SEAL_KEY", "projects/prod-data/locations/europe-west3/keyRings/reprieve/cryptoKeys/seal"),
            ("REPRIEVE_GOOGLE_SEAL_KEY", "projects/lab/locations/europe-west3/keyRings/reprieve/cryptoKeys/seal/cryptoKeyVersions/1"),
            ("REPRIEVE_FORMER_SEAL_KEYS", "projects/prod-data"),
            ("REPRIEVE_MODE", "on"),
            ("PORT", "http"),
        ] {
            let wrong = parse(&[(name, value)]).unwrap_err().wrong;
            assert_eq!(wrong.iter().map(|(name, _)| *name).collect::<Vec<_>>(), [name], "{value}");
        }
    }
}
