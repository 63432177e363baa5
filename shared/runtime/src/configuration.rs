//! Configuration: parsed once at start into types that cannot be wrong. Every wrong variable is named at once.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

use reprieve_core::{AccountId, ApprovalKeys, ApprovalRules, Domain, Mode, Region, RoleArn};
use tracing_subscriber::filter::Targets;

use crate::environment::{
    APPROVAL_KEYS, APPROVER_ROLES, AUDIT_BUCKET, AUDIT_RETENTION_DAYS, AWS_ENDPOINT_URL, AWS_REGION, BREAK_GLASS_HOURS, BREAK_GLASS_ROLES,
    CHANGE_CALENDARS, KMS_CALLS_PER_SECOND, LEDGER_TABLE, LOG, METRICS_NAMESPACE, MINIMUM_WAITING_DAYS, MODE, NOTICE_TOPIC_ARN, OWNER_TAG,
    POLICY_FOLDER, POLICY_PARAMETER, REMEDIATOR_ROLE_ARN, SANDBOX_ACCOUNTS, Variable, WEBHOOK_PARAMETER,
};
use crate::telemetry;

/// What a guard function is configured with.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// Whether plans are carried out.
    pub mode: Mode,
    /// The ledger table.
    pub ledger_table: String,
    /// The audit bucket.
    pub audit_bucket: String,
    /// How long a record is locked, in days.
    pub audit_retention_days: u32,
    /// The ARN of the notice topic.
    pub notice_topic_arn: String,
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
    /// The parameter with the webhooks that hear notices too.
    pub webhook_parameter: Option<String>,
    /// How often this process calls `CancelKeyDeletion`, and how often `EnableKey`, in a second.
    pub kms_calls_per_second: NonZeroU32,
    /// The CloudWatch namespace.
    pub metrics_namespace: String,
    /// What is logged.
    pub log: Targets,
    /// The Region.
    pub region: Region,
    /// A local cloud's address, in place of AWS.
    pub endpoint_url: Option<String>,
}

/// Every variable that is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigurationError {
    /// The variable and what is wrong with it.
    pub wrong: Vec<(&'static str, String)>,
}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} environment variable(s) are wrong:", self.wrong.len())?;
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
        let mut reader = Reader { lookup, wrong: Vec::new() };
        let mode = reader.read(MODE, |text| Mode::parse(text).ok_or_else(|| "is neither".to_owned()));
        let ledger_table = reader.read(LEDGER_TABLE, text_of(3..=255));
        let audit_bucket = reader.read(AUDIT_BUCKET, text_of(3..=63));
        let audit_retention_days = reader.read(AUDIT_RETENTION_DAYS, number_in(1..=36_500));
        let notice_topic_arn = reader.read(NOTICE_TOPIC_ARN, |text| {
            let is_topic = text.split(':').count() == 6 && text.starts_with("arn:") && text.split(':').nth(2) == Some("sns");
            if is_topic { Ok(text.to_owned()) } else { Err("is not one".to_owned()) }
        });
        let remediator = reader.read(REMEDIATOR_ROLE_ARN, |text| RoleArn::parse(text).map_err(|error| error.to_string()));
        let rules = read_rules(&mut reader);
        let change_calendars = reader.read(CHANGE_CALENDARS, |text| Ok(items(text).map(ToOwned::to_owned).collect()));
        let policy_parameter = reader.read(POLICY_PARAMETER, parameter_name);
        let policy_folder = reader.read(POLICY_FOLDER, |text| Ok(PathBuf::from(text)));
        let owner_tag = reader.read(OWNER_TAG, text_of(1..=128));
        let webhook_parameter = reader.read(WEBHOOK_PARAMETER, parameter_name);
        let kms_calls_per_second = reader.read(KMS_CALLS_PER_SECOND, |text| {
            text.parse::<NonZeroU32>().ok().filter(|calls| calls.get() <= 5).ok_or_else(|| "is out of range".to_owned())
        });
        let metrics_namespace = reader.read(METRICS_NAMESPACE, text_of(1..=255));
        let log = reader.read(LOG, telemetry::parse_filter);
        let region = reader.read(AWS_REGION, |text| Region::parse(text).map_err(|error| error.to_string()));
        let endpoint_url = reader.read(AWS_ENDPOINT_URL, |text| {
            let is_url = text.is_empty() || text.starts_with("http://") || text.starts_with("https://");
            if is_url { Ok(Some(text.to_owned()).filter(|text| !text.is_empty())) } else { Err("is not one".to_owned()) }
        });
        let wrong = reader.wrong;
        let assembled = || {
            let remediator = remediator?;
            let region = region?;
            Some(Self {
                mode: mode?,
                ledger_table: ledger_table?,
                audit_bucket: audit_bucket?,
                audit_retention_days: audit_retention_days?,
                notice_topic_arn: notice_topic_arn?,
                domain: Domain { account: Some(remediator.account()), region: Some(region.clone()), remediator: Some(remediator) },
                rules: rules?,
                change_calendars: change_calendars?,
                policy_parameter: policy_parameter?,
                policy_folder: policy_folder?,
                owner_tag: owner_tag?,
                webhook_parameter: webhook_parameter?,
                kms_calls_per_second: kms_calls_per_second?,
                metrics_namespace: metrics_namespace?,
                log: log?,
                region,
                endpoint_url: endpoint_url?,
            })
        };
        assembled().ok_or(ConfigurationError { wrong })
    }
}

struct Reader<F> {
    lookup: F,
    wrong: Vec<(&'static str, String)>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn read<T>(&mut self, variable: Variable, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let Some(value) = (self.lookup)(variable.name).or_else(|| variable.default.map(ToOwned::to_owned)) else {
            self.wrong.push((variable.name, format!("is not set; it takes {}", variable.accepts)));
            return None;
        };
        let value = value.trim();
        parse(value).map_err(|what| self.wrong.push((variable.name, format!("`{value}` {what}; it takes {}", variable.accepts)))).ok()
    }
}

fn read_rules(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<ApprovalRules> {
    let keys = reader.read(APPROVAL_KEYS, |text| ApprovalKeys::parse(text).map_err(|error| error.to_string()));
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
    })
}

/// The items of a list that is separated by commas.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn roles(text: &str) -> Result<BTreeSet<RoleArn>, String> {
    items(text).map(|arn| RoleArn::parse(arn).map_err(|error| error.to_string())).collect()
}

fn number_in(range: std::ops::RangeInclusive<u32>) -> impl Fn(&str) -> Result<u32, String> {
    move |text| text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| "is out of range".to_owned())
}

fn parameter_name(text: &str) -> Result<Option<String>, String> {
    let fits = text.len() <= 1011 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte));
    if fits { Ok(Some(text.to_owned()).filter(|text| !text.is_empty())) } else { Err("is not one".to_owned()) }
}

fn text_of(length: std::ops::RangeInclusive<usize>) -> impl Fn(&str) -> Result<String, String> {
    move |text| {
        let fits = length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(text.to_owned()) } else { Err("does not fit".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

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
        assert_eq!(configuration.mode, Mode::Observe);
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
