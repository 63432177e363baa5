//! By what is decided, as the options say it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use reprieve_core::approval::{Revocation, SealedApproval, Written};
use reprieve_core::{KeyArn, Policy};
use reprieve_replay::{Period, Rules};
use serde::Deserialize;

use crate::args::replay::ReplayArguments;
use crate::policies;

/// What the ledger held of one key, as people write it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfOneKey {
    #[serde(default)]
    approvals: Vec<SealedApproval>,
    #[serde(default)]
    revocations: Vec<Revocation>,
}

/// Returns the rules.
///
/// # Errors
/// When a policy is not valid, or the approvals cannot be read.
pub(super) fn of(arguments: &ReplayArguments) -> anyhow::Result<Rules> {
    Ok(Rules {
        policy: Policy::with_user_policies(&policies::read(&arguments.policy)?)?,
        approval: arguments.rules.approval(),
        written: arguments.approvals.as_deref().map(written).transpose()?.unwrap_or_default(),
        remediator: arguments.rules.remediator_role.clone(),
        period: Period { from: arguments.from, to: arguments.to },
        accounts: arguments.accounts.iter().cloned().collect(),
        regions: arguments.regions.iter().cloned().collect(),
    })
}

fn written(file: &Path) -> anyhow::Result<BTreeMap<String, Written>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("the approvals `{}` cannot be read", file.display()))?;
    parse(&text).with_context(|| format!("the approvals `{}` cannot be used (see `reprieve replay --help`)", file.display()))
}

fn parse(text: &str) -> anyhow::Result<BTreeMap<String, Written>> {
    let by_key: BTreeMap<String, OfOneKey> = serde_json::from_str(text)?;
    let one = |(key, OfOneKey { approvals, revocations })| Ok((canonical(key)?, Written { approvals, revocations }));
    by_key.into_iter().map(one).collect()
}

/// Returns the name under which the key's acts are counted.
fn canonical(key: String) -> anyhow::Result<String> {
    if key.starts_with('/') {
        return Ok(key.to_ascii_lowercase());
    }
    if key.starts_with("projects/") {
        return Ok(key);
    }
    Ok(KeyArn::parse(&key)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approvals_are_read_by_key_and_what_is_misspelt_is_refused() {
        let key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let read =
            parse(&format!(r#"{{"{key}": {{"revocations": [{{"change": "CHG-1", "by": "dana", "at": "2026-11-01T00:00:00Z"}}]}}}}"#));
        assert_eq!(read.unwrap().get(key).map(|written| written.revocations.len()), Some(1));
        for wrong in ["[]", r#"{"alias/payments": {}}"#, &format!(r#"{{"{key}": {{"approval": []}}}}"#), &format!(r#"{{"{key}": 5}}"#)] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse(r#"{"/subscriptions/S/vaults/KV": {}}"#).unwrap().contains_key("/subscriptions/s/vaults/kv"));
    }
}
