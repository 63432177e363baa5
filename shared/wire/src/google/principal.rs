//! Who called: a person, a service account, or an identity of a workforce or workload identity pool, and who acted through it.
//!
//! Source: <https://docs.cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog#AuthenticationInfo>

use reprieve_core::audit::{Credential, Excerpt};
use reprieve_core::{Actor, ActorKind};
use serde_json::Value;

use crate::error::shorten;
use crate::fields::{Fields, Oddities};

/// The caller of one entry.
pub(super) struct Caller {
    pub(super) actor: Actor,
    pub(super) credential: Credential,
    /// What else the entry says of the caller.
    pub(super) excerpt: Excerpt,
}

pub(super) fn read(payload: &Fields<'_>, odd: &mut Oddities) -> Caller {
    let authentication = payload.object("authenticationInfo", odd);
    let subject = authentication.text("principalSubject", odd);
    let email = authentication.text("principalEmail", odd);
    let chain = delegation(&authentication);
    let mut actor = Actor::unknown();
    actor.kind = kind(email.as_deref(), subject.as_deref());
    // A pool's identity has no address; `user:ADDRESS` and `serviceAccount:ADDRESS` say again what the address says.
    actor.user_name = email.or_else(|| subject.as_deref().map(without_kind));
    // Each service account of the chain acted for the one before it: the first is who began.
    actor.source_identity = chain.first().cloned();
    actor.session_name = chain.get(1..).and_then(<[String]>::last).cloned();
    let metadata = payload.object("requestMetadata", odd);
    // Exports write `callerIP` as often as `callerIp`: neither is odd. `private` and `gce-internal-ip` are kept as they are written.
    let quiet = &mut Oddities::default();
    actor.source_address = metadata.text("callerIp", quiet);
    actor.user_agent = metadata.text("callerSuppliedUserAgent", odd);
    let credential = Credential {
        id: authentication.text("serviceAccountKeyName", odd).map(|name| key_id(&name)),
        mfa: None,
        identity_provider: subject.as_deref().and_then(pool),
        created_at: None,
    };
    let mut excerpt = Excerpt::new();
    let mut note = |name: &str, text: String| drop(excerpt.insert(name.to_owned(), shorten(&text)));
    if chain.len() > 1 {
        note("authenticationInfo.serviceAccountDelegationInfo", chain.join(" > "));
    }
    if let Some(client) = authentication.object("oauthInfo", quiet).text("oauthClientId", quiet) {
        note("authenticationInfo.oauthInfo.oauthClientId", client);
    }
    Caller { actor, credential, excerpt }
}

fn kind(email: Option<&str>, subject: Option<&str>) -> ActorKind {
    let subject = subject.unwrap_or_default();
    if subject.contains("/workforcePools/") {
        return ActorKind::GoogleUser;
    }
    if subject.contains("/workloadIdentityPools/") || subject.starts_with("serviceAccount:") {
        return ActorKind::GoogleServiceAccount;
    }
    match email {
        Some(email) if email.to_ascii_lowercase().ends_with("gserviceaccount.com") => ActorKind::GoogleServiceAccount,
        Some(_) => ActorKind::GoogleUser,
        None if subject.starts_with("user:") => ActorKind::GoogleUser,
        None if subject.is_empty() => ActorKind::Unknown,
        None => ActorKind::Other(shorten(subject.split_once(':').map_or("principalSubject", |(kind, _)| kind))),
    }
}

fn without_kind(subject: &str) -> String {
    let address = ["user:", "serviceAccount:"].iter().find_map(|kind| subject.strip_prefix(kind));
    address.unwrap_or(subject).to_owned()
}

/// The pool of `principal://iam.googleapis.com/PARENT/workforcePools/POOL/subject/...`, by its name.
fn pool(subject: &str) -> Option<String> {
    let (_, name) = subject.split_once("://").and_then(|(_, rest)| rest.split_once('/'))?;
    let end = name.find("/subject/").or_else(|| name.find("/group/")).or_else(|| name.find("/attribute."))?;
    let pool = name.get(..end)?;
    (pool.contains("workforcePools/") || pool.contains("workloadIdentityPools/")).then(|| pool.to_owned())
}

/// Who acted through the service account, the first one first.
fn delegation(authentication: &Fields<'_>) -> Vec<String> {
    let quiet = &mut Oddities::default();
    let items = authentication.value("serviceAccountDelegationInfo", quiet).and_then(Value::as_array).cloned().unwrap_or_default();
    let name = |item: &Value| {
        let email = |kind: &str| item.get(kind)?.get("principalEmail")?.as_str();
        let subject = || item.get("principalSubject").and_then(Value::as_str);
        let name = email("firstPartyPrincipal").or_else(|| email("thirdPartyPrincipal")).or_else(subject)?;
        (!name.is_empty()).then(|| without_kind(name))
    };
    items.iter().filter_map(name).collect()
}

/// The id in `//iam.googleapis.com/projects/P/serviceAccounts/ADDRESS/keys/ID`.
fn key_id(name: &str) -> String {
    name.rsplit_once("/keys/").map_or(name, |(_, id)| id).to_owned()
}
