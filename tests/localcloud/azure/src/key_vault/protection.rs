//! The rules of soft delete and purge protection, which vaults and Managed HSMs share: on once is on for good.
//!
//! Must not let anything be switched off. Source: <https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview>.

use serde_json::{Value, json};

use crate::crud::set;
use crate::request::Answer;

/// How many days a deleted vault stays where nothing was said.
pub(crate) const DEFAULT_RETENTION_DAYS: i64 = 90;

/// Applies what is wanted of soft delete, its retention and purge protection to the properties, or refuses.
///
/// `held` are the properties before, where there is a vault. A new vault gets soft delete whatever is wanted, as since 2020.
///
/// # Errors
/// The answer by which Key Vault refuses.
pub(crate) fn apply(held: Option<&Value>, wanted: &Value, into: &mut Value) -> Result<(), Answer> {
    let had = |field: &str| held.and_then(|held| held.get(field)).and_then(Value::as_bool);
    let wants = |field: &str| wanted.get(field).and_then(Value::as_bool);
    if wants("enableSoftDelete") == Some(false) && (held.is_none() || had("enableSoftDelete") == Some(true)) {
        return Err(refuse(
            "The property \"enableSoftDelete\" can be set to false only for creating new vault. Enabling the 'soft delete' functionality on a \
             vault is irreversible.",
        ));
    }
    if wants("enablePurgeProtection") == Some(false) {
        return Err(refuse(
            "The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge protection for a vault is an irreversible action.",
        ));
    }
    let has_soft_delete = held.is_none() || had("enableSoftDelete") == Some(true) || wants("enableSoftDelete") == Some(true);
    if wants("enablePurgeProtection") == Some(true) && !has_soft_delete {
        return Err(refuse(
            "The property \"enablePurgeProtection\" cannot be set to true when the property \"enableSoftDelete\" is not set to true.",
        ));
    }
    if has_soft_delete {
        set(into, "enableSoftDelete", json!(true));
        set(into, "softDeleteRetentionInDays", json!(retention(held, wanted)?));
    }
    if had("enablePurgeProtection") == Some(true) || wants("enablePurgeProtection") == Some(true) {
        set(into, "enablePurgeProtection", json!(true));
    }
    Ok(())
}

/// The retention is fixed when soft delete comes on.
fn retention(held: Option<&Value>, wanted: &Value) -> Result<i64, Answer> {
    let wanted = wanted.get("softDeleteRetentionInDays").and_then(Value::as_i64);
    let held = held.and_then(|held| held.get("softDeleteRetentionInDays")).and_then(Value::as_i64);
    match (held, wanted) {
        (Some(held), Some(wanted)) if held != wanted => {
            Err(refuse("The property \"softDeleteRetentionInDays\" has been set already and it can't be modified."))
        }
        (None, Some(wanted)) if !(7..=90).contains(&wanted) => {
            Err(refuse("Vault has invalid \"softDeleteRetentionInDays\" property; \"softDeleteRetentionInDays\" must be between 7 and 90."))
        }
        (held, wanted) => Ok(held.or(wanted).unwrap_or(DEFAULT_RETENTION_DAYS)),
    }
}

fn refuse(message: &str) -> Answer {
    Answer::error(400, "BadRequest", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_stays_on() {
        let on = json!({ "enableSoftDelete": true, "softDeleteRetentionInDays": 90, "enablePurgeProtection": true });
        let soft = json!({ "enableSoftDelete": true, "softDeleteRetentionInDays": 30 });
        let old = json!({});
        for (held, wanted, expected) in [
            (None, json!({}), Some(json!({ "enableSoftDelete": true, "softDeleteRetentionInDays": 90 }))),
            (None, json!({ "softDeleteRetentionInDays": 7 }), Some(json!({ "enableSoftDelete": true, "softDeleteRetentionInDays": 7 }))),
            (None, json!({ "softDeleteRetentionInDays": 6 }), None),
            (None, json!({ "softDeleteRetentionInDays": 91 }), None),
            (None, json!({ "enableSoftDelete": false }), None),
            (None, json!({ "enablePurgeProtection": false }), None),
            (Some(&on), json!({ "enablePurgeProtection": false }), None),
            (Some(&on), json!({ "enableSoftDelete": false }), None),
            (Some(&on), json!({}), Some(on.clone())),
            (Some(&soft), json!({ "softDeleteRetentionInDays": 90 }), None),
            (Some(&soft), json!({ "softDeleteRetentionInDays": 30 }), Some(soft.clone())),
            (Some(&old), json!({}), Some(json!({}))),
            (Some(&old), json!({ "enablePurgeProtection": true }), None),
            (Some(&old), json!({ "enableSoftDelete": true, "enablePurgeProtection": true }), Some(on.clone())),
        ] {
            let mut into = json!({});
            let applied = apply(held, &wanted, &mut into).ok().map(|()| into);
            assert_eq!(applied, expected, "{held:?} {wanted}");
        }
    }
}
