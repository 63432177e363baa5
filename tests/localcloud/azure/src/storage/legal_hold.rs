//! `setLegalHold` and `clearLegalHold` of a container in ARM.
//!
//! Must not lift a hold that was not named.

use serde_json::{Value, json};

use crate::crud;
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::storage::containers::{author, not_found};
use crate::tenant::Tenant;

/// Which of the two actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// `setLegalHold`.
    Set,
    /// `clearLegalHold`.
    Clear,
}

/// Answers either action.
pub(super) fn answer(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, account: &str, change: Change) -> Answer {
    if request.method != http::Method::POST {
        return crud::method_not_allowed(request);
    }
    let body = request.json();
    let tags: Vec<String> =
        body.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(|tag| Some(tag.as_str()?.to_owned())).collect();
    if let Some(tag) = tags.iter().find(|tag| !is_fit(tag)) {
        return crud::bad_request(
            "InvalidRequestPropertyValue",
            &format!("The legal hold tag `{tag}` must be 3 to 23 letters and digits."),
        );
    }
    let name = path.names.get(2).map_or("", String::as_str);
    let Some(container) = tenant.blobs.account_mut(account).containers.get_mut(name) else { return not_found(name) };
    match change {
        Change::Set => container.hold.set(&tags, &author(request)),
        Change::Clear => container.hold.clear(&tags),
    }
    if let Some(all) = body.get("allowProtectedAppendWritesAll").and_then(Value::as_bool) {
        container.hold.append_writes_all = all;
    }
    let held: Vec<&str> = container.hold.tags.iter().map(|held| held.tag.as_str()).collect();
    Answer::ok(json!({ "hasLegalHold": container.hold.is_held(), "tags": held }))
}

fn is_fit(tag: &str) -> bool {
    (3..=23).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
