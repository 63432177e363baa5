//! What OCSF says of Google Cloud: the provider, the project, the resource, and which of the activities a call is.

use reprieve_core::google::GoogleName;
use reprieve_core::{Event, Target};
use serde_json::{Map, Value, json};

use super::frame::fields;
use super::{Coded, OTHER};

/// Says whether an event is of Google Cloud: by what it acted on, else by the service that it comes from.
pub(super) fn is_of(event: &Event) -> bool {
    match &event.target {
        Target::Google(_) => true,
        Target::Azure(_) | Target::Key(_) | Target::KeyStore(_) => false,
        Target::Named(_) | Target::Unnamed => event.source.ends_with(".googleapis.com"),
    }
}

/// Returns a project, as an account.
pub(super) fn project(id: &str) -> Value {
    json!({ "uid": id, "type": "GCP Project", "type_id": 11 })
}

/// Returns the resource acted on.
pub(super) fn resource(name: &GoogleName) -> Map<String, Value> {
    fields([
        ("uid", Some(name.as_str().into())),
        ("name", name.as_str().rsplit('/').next().map(Into::into)),
        ("type", Some(resource_type(name).into())),
        ("region", name.location().map(Into::into)),
        ("owner", name.project().map(|id| json!({ "account": project(id) }))),
    ])
}

/// The name of the resource's kind, as Google's asset inventory writes it, by the last collection in its name.
fn resource_type(name: &GoogleName) -> &'static str {
    const KINDS: [(&str, &str); 7] = [
        ("cryptoKeyVersions", "cloudkms.googleapis.com/CryptoKeyVersion"),
        ("cryptoKeys", "cloudkms.googleapis.com/CryptoKey"),
        ("importJobs", "cloudkms.googleapis.com/ImportJob"),
        ("keyRings", "cloudkms.googleapis.com/KeyRing"),
        ("ekmConnections", "cloudkms.googleapis.com/EkmConnection"),
        ("secrets", "secretmanager.googleapis.com/Secret"),
        ("sinks", "logging.googleapis.com/LogSink"),
    ];
    let is_version_of_secret = name.after("secrets").is_some() && name.after("versions").is_some();
    if is_version_of_secret {
        return "secretmanager.googleapis.com/SecretVersion";
    }
    KINDS.iter().find(|(collection, _)| name.after(collection).is_some()).map_or("Google Cloud resource", |(_, kind)| kind)
}

/// Returns API Activity's activity for a method, by the verb that its last segment begins with.
pub(super) fn activity(method: &str) -> Coded<'static> {
    const VERBS: [(&str, Coded<'static>); 14] = [
        ("Create", (1, "Create")),
        ("Import", (1, "Create")),
        ("Add", (1, "Create")),
        ("Get", (2, "Read")),
        ("List", (2, "Read")),
        ("Access", (2, "Read")),
        ("Update", (3, "Update")),
        ("Set", (3, "Update")),
        ("Enable", (3, "Update")),
        ("Disable", (3, "Update")),
        ("Restore", (3, "Update")),
        ("Undelete", (3, "Update")),
        ("Delete", (4, "Delete")),
        ("Destroy", (4, "Delete")),
    ];
    let last = method.rsplit('.').next().unwrap_or_default();
    VERBS.iter().find(|(verb, _)| last.starts_with(verb)).map_or((OTHER, "Other"), |(_, activity)| *activity)
}
