//! Configuration: parsed once at start into types that cannot be wrong. Every wrong variable is named at once.

mod azure;
mod basics;
mod drill;
mod google;
mod monitoring;
mod reader;
mod recording;
mod replaying;

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

use reprieve_core::{AccountId, ApprovalRules, Domain};

pub use azure::AzureConfiguration;
pub use basics::{Basics, Surroundings};
pub use drill::DrillConfiguration;
pub use google::GoogleConfiguration;
pub use monitoring::MonitoringConfiguration;
pub use recording::RecordingConfiguration;
pub use replaying::ReplayConfiguration;

use crate::environment::{
    APPROVAL_KEYS, APPROVER_ROLES, BREAK_GLASS_HOURS, BREAK_GLASS_ROLES, CHANGE_CALENDARS, KMS_CALLS_PER_SECOND, LEDGER_TABLE,
    MINIMUM_WAITING_DAYS, OWNER_TAG, POLICY_FOLDER, POLICY_PARAMETER, REMEDIATOR_ROLE_ARN, SANDBOX_ACCOUNTS,
};
use reader::{Reader, approval_keys, items, number_in, parameter_name, role, roles, text_of};

/// What a guard function is configured with.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// What every function is configured with.
    pub basics: Basics,
    /// The ledger table.
    pub ledger_table: String,
    /// Where the function may act, and as whom.
    pub domain: Domain,
    /// What the deployment says about approving.
    pub rules: ApprovalRules,
    /// The change calendars that must be open; empty where none is asked.
    pub change_calendars: Vec<String>,
    /// The parameter, or the path of parameters, with the user's policies.
    pub policy_parameter: Option<String>,
    /// The folder with the user's policies that were packaged with the function.
    pub policy_folder: PathBuf,
    /// The tag that names a key's owner.
    pub owner_tag: String,
    /// How often this process calls `CancelKeyDeletion`, and how often `EnableKey`, in a second.
    pub kms_calls_per_second: NonZeroU32,
}

/// Every variable that is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigurationError {
    /// The variable and what is wrong with it.
    pub wrong: Vec<(&'static str, String)>,
}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.wrong.len() {
            1 => f.write_str("an environment variable is wrong:")?,
            several => write!(f, "{several} environment variables are wrong:")?,
        }
        for (name, what) in &self.wrong {
            write!(f, " `{name}`: {what};")?;
        }
        f.write_str(" nothing was started")
    }
}

impl Configuration {
    /// Parses the configuration. `lookup` returns the value of a variable, `None` where it is not set.
    ///
    /// # Errors
    /// Names every wrong variable at once.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigurationError> {
        let mut reader = Reader::new(lookup);
        let basics = Basics::read(&mut reader);
        let ledger_table = reader.read(LEDGER_TABLE, text_of(3..=255));
        let remediator = reader.read(REMEDIATOR_ROLE_ARN, role);
        let rules = read_rules(&mut reader);
        let change_calendars = reader.read(CHANGE_CALENDARS, |text| Ok(items(text).map(ToOwned::to_owned).collect()));
        let policy_parameter = reader.read(POLICY_PARAMETER, parameter_name);
        let policy_folder = reader.read(POLICY_FOLDER, |text| Ok(PathBuf::from(text)));
        let owner_tag = reader.read(OWNER_TAG, text_of(1..=128));
        let kms_calls_per_second = reader.read(KMS_CALLS_PER_SECOND, |text| {
            text.parse::<NonZeroU32>().ok().filter(|calls| calls.get() <= 5).ok_or_else(|| "is out of range".to_owned())
        });
        let assembled = || {
            let (basics, remediator) = (basics?, remediator?);
            let region = basics.surroundings.region.clone();
            Some(Self {
                basics,
                ledger_table: ledger_table?,
                domain: Domain { account: Some(remediator.account()), region: Some(region), remediator: Some(remediator) },
                rules: rules?,
                change_calendars: change_calendars?,
                policy_parameter: policy_parameter?,
                policy_folder: policy_folder?,
                owner_tag: owner_tag?,
                kms_calls_per_second: kms_calls_per_second?,
            })
        };
        reader.finish(assembled())
    }
}

fn read_rules(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<ApprovalRules> {
    let keys = reader.read(APPROVAL_KEYS, approval_keys);
    let approver_roles = reader.read(APPROVER_ROLES, roles);
    let break_glass_roles = reader.read(BREAK_GLASS_ROLES, roles);
    let break_glass_hours = reader.read(BREAK_GLASS_HOURS, number_in(1..=168));
    let sandbox_accounts =
        reader.read(SANDBOX_ACCOUNTS, |text| items(text).map(|id| AccountId::parse(id).map_err(|error| error.to_string())).collect());
    let minimum_waiting_days = reader.read(MINIMUM_WAITING_DAYS, number_in(7..=30));
    Some(ApprovalRules {
        keys: keys?,
        approver_roles: approver_roles?,
        break_glass_roles: break_glass_roles?,
        break_glass_hours: break_glass_hours?,
        sandbox_accounts: sandbox_accounts?,
        minimum_waiting_days: minimum_waiting_days?,
        ..ApprovalRules::default()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use reprieve_core::Mode;

    use super::*;

    fn good() -> HashMap<&'static str, &'static str> {
        HashMap::from([
            ("REPRIEVE_LEDGER_TABLE", "reprieve-ledger"),
            ("REPRIEVE_AUDIT_BUCKET", "reprieve-audit"),
            ("REPRIEVE_NOTICE_TOPIC_ARN", "arn:aws:sns:eu-central-1:111122223333:reprieve"),
            ("REPRIEVE_REMEDIATOR_ROLE_ARN", "arn:aws:iam::111122223333:role/reprieve-guard"),
            ("AWS_REGION", "eu-central-1"),
        ])
    }

    fn parse(variables: &HashMap<&'static str, &'static str>) -> Result<Configuration, ConfigurationError> {
        Configuration::parse(|name| variables.get(name).map(ToString::to_string))
    }

    #[test]
    fn the_safe_mode_is_the_default() {
        let configuration = parse(&good()).unwrap();
        assert_eq!(configuration.basics.mode, Mode::Observe);
        assert_eq!(configuration.domain.account.unwrap().as_str(), "111122223333");
        assert!(configuration.rules.keys.is_empty() && configuration.rules.approver_roles.is_empty());
    }

    #[test]
    fn every_wrong_variable_is_named_at_once() {
        let mut variables = good();
        variables.remove("REPRIEVE_LEDGER_TABLE");
        variables.extend([("REPRIEVE_MODE", "enforced"), ("REPRIEVE_AUDIT_RETENTION_DAYS", "0"), ("REPRIEVE_APPROVAL_KEYS", "a=b")]);
        let error = parse(&variables).unwrap_err();
        let names: Vec<&str> = error.wrong.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["REPRIEVE_MODE", "REPRIEVE_LEDGER_TABLE", "REPRIEVE_AUDIT_RETENTION_DAYS", "REPRIEVE_APPROVAL_KEYS"]);
        assert!(error.to_string().contains("`enforced` is neither; it takes `enforce` or `observe`"), "{error}");
    }
}
