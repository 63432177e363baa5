//! With what was called, by the claims of a token of Microsoft Entra ID: the token's id, the second factor, who vouched for a guest,
//! since when. Never the token.

use reprieve_core::audit::Credential;
use serde_json::Value;

use super::{object, text};
use crate::cloudtrail::time;
use crate::fields::{Fields, Oddities};

const METHODS: [&str; 2] = ["amr", "http://schemas.microsoft.com/claims/authnmethodsreferences"];
const IDENTITY_PROVIDER: [&str; 2] = ["idp", "http://schemas.microsoft.com/identity/claims/identityprovider"];

/// Reads the claims of a record, wherever it has them.
pub(super) fn read(record: &Fields<'_>) -> Credential {
    let identity = object(record, "identity");
    let of_record = object(record, "claims");
    let [claims, claim] = ["claims", "claim"].map(|name| object(&identity, name));
    let found = [&of_record, &claims, &claim].into_iter().find(|claims| claims.is_present());
    found.map_or_else(Credential::default, of_claims)
}

fn of_claims(claims: &Fields<'_>) -> Credential {
    let first = |names: [&str; 2]| names.iter().find_map(|name| text(claims, name));
    Credential {
        id: text(claims, "uti"),
        mfa: second_factor(claims),
        identity_provider: first(IDENTITY_PROVIDER),
        created_at: time::read(claims, "iat", &mut Oddities::default()),
    }
}

/// Methods are a list, or a text such as `pwd,mfa`. Where none is named, nothing is known.
fn second_factor(claims: &Fields<'_>) -> Option<bool> {
    let value = METHODS.iter().find_map(|name| claims.value(name, &mut Oddities::default()))?;
    let methods: Vec<String> = match value {
        Value::String(text) => text.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase).collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_ascii_lowercase).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
    };
    Some(methods.iter().any(|method| method == "mfa" || method == "ngcmfa"))
}
