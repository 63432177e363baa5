//! `immutabilityPolicies/default` of a container in ARM: read, write, delete, lock, extend.
//!
//! Must not decide what a step may do: the state machine does.

use serde_json::{Value, json};

use crate::crud;
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::storage::containers::{author, not_found};
use crate::storage::immutability::{Policy, Refusal, Wish};
use crate::tenant::Tenant;

const POLICY_TYPE: &str = "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies";

/// Answers a request to the policy itself.
pub(super) fn answer(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, account: &str) -> Answer {
    if !path.name().eq_ignore_ascii_case("default") || !path.names_a_resource() {
        return crud::not_found(path);
    }
    let if_match = request.header("if-match").map(str::to_owned);
    match request.method.as_str() {
        "GET" => read(tenant, path, account),
        "PUT" => {
            step(tenant, path, account, |held, etag| Policy::put(held, wish(request), if_match.as_deref(), etag, author(request)).map(Some))
        }
        "DELETE" => step(tenant, path, account, |held, _| match held {
            Some(policy) => policy.check_delete(if_match.as_deref()).map(|()| None),
            None => Ok(None),
        }),
        _ => crud::method_not_allowed(request),
    }
}

/// Answers `lock`.
pub(super) fn lock(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, account: &str) -> Answer {
    let if_match = request.header("if-match").map(str::to_owned);
    step(tenant, path, account, |held, etag| held.ok_or(Refusal::Missing)?.lock(if_match.as_deref(), etag, author(request)).map(Some))
}

/// Answers `extend`.
pub(super) fn extend(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, account: &str) -> Answer {
    let if_match = request.header("if-match").map(str::to_owned);
    step(tenant, path, account, |held, etag| {
        held.ok_or(Refusal::Missing)?.extend(wish(request), if_match.as_deref(), etag, author(request)).map(Some)
    })
}

/// The properties of a policy, as ARM answers them.
pub(super) fn properties(policy: &Policy) -> Value {
    json!({
        "immutabilityPeriodSinceCreationInDays": policy.period_days,
        "state": policy.state.name(),
        "allowProtectedAppendWrites": policy.append_writes,
        "allowProtectedAppendWritesAll": policy.append_writes_all,
    })
}

fn wish(request: &ArmRequest) -> Wish {
    let wanted = crud::properties(&request.json());
    let flag = |name: &str| wanted.get(name).and_then(Value::as_bool);
    Wish {
        period_days: wanted.get("immutabilityPeriodSinceCreationInDays").and_then(Value::as_u64).and_then(|days| u32::try_from(days).ok()),
        append_writes: flag("allowProtectedAppendWrites"),
        append_writes_all: flag("allowProtectedAppendWritesAll"),
    }
}

fn read(tenant: &Tenant, path: &ResourcePath, account: &str) -> Answer {
    let name = container_name(path);
    match tenant.blobs.container(account, name) {
        Some(container) => shown(path, container.policy.as_ref()),
        None => not_found(name),
    }
}

fn container_name(path: &ResourcePath) -> &str {
    path.names.get(2).map_or("", String::as_str)
}

/// Takes one step of the state machine and keeps what it leads to.
fn step(
    tenant: &mut Tenant,
    path: &ResourcePath,
    account: &str,
    next: impl FnOnce(Option<&Policy>, String) -> Result<Option<Policy>, Refusal>,
) -> Answer {
    let etag = tenant.blobs.new_etag();
    let name = container_name(path);
    let Some(container) = tenant.blobs.account_mut(account).containers.get_mut(name) else { return not_found(name) };
    match next(container.policy.as_ref(), etag) {
        Ok(policy) => {
            container.policy = policy;
            shown(path, container.policy.as_ref())
        }
        Err(refusal) => refused(&refusal),
    }
}

/// A container without a policy is not answered 404: Azure shows a deleted policy of no days, with an empty entity tag.
fn shown(path: &ResourcePath, policy: Option<&Policy>) -> Answer {
    let id = path.id.strip_suffix("/lock").or_else(|| path.id.strip_suffix("/extend")).unwrap_or(&path.id);
    let etag = policy.map(|policy| format!("\"{}\"", policy.etag)).unwrap_or_default();
    let properties = policy.map_or_else(|| json!({ "immutabilityPeriodSinceCreationInDays": 0, "state": "Deleted" }), properties);
    let answer = Answer::ok(json!({ "id": id, "name": "default", "type": POLICY_TYPE, "etag": etag, "properties": properties }));
    if etag.is_empty() { answer } else { answer.with_header("ETag", etag) }
}

fn refused(refusal: &Refusal) -> Answer {
    let (status, code) = match refusal {
        Refusal::Missing => (404, "ImmutabilityPolicyNotFound"),
        Refusal::StaleEtag => (412, "ConditionNotMet"),
        Refusal::EtagRequired => (400, "MissingRequiredHeader"),
        Refusal::WrongState | Refusal::Shorter { .. } | Refusal::TooManyExtensions => (409, "OperationNotAllowedOnImmutabilityPolicy"),
        Refusal::BadPeriod | Refusal::BothAppends => (400, "InvalidRequestPropertyValue"),
    };
    Answer::error(status, code, &refusal.to_string())
}
