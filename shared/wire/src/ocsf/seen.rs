//! What was seen, as OCSF objects: the caller, the call, the place, and the resource.

use std::net::{IpAddr, SocketAddr};

use reprieve_core::audit::{Cloud, Credential, Excerpt};
use reprieve_core::{Actor, ActorKind, CallOutcome, Event, KeyArn, Record, Region, Target};
use serde_json::{Map, Value, json};

use super::frame::fields;
use super::{Coded, OTHER, azure, google, observe};

/// The longest that OCSF lets an address be, in characters.
const LONGEST_ADDRESS: usize = 40;

/// Returns API Activity's own attributes, of an event alone.
pub(super) fn api_activity(event: &Event) -> Map<String, Value> {
    let nothing = Excerpt::new();
    let mut own = fields([
        ("actor", Some(actor(&event.actor, None))),
        ("api", Some(api(event, &nothing, &nothing))),
        ("http_request", http_request(&event.actor)),
        ("src_endpoint", Some(source_endpoint(&event.actor))),
        ("resources", Some(resources(event))),
    ]);
    observe::add(&mut own, "");
    own
}

/// Returns API Activity's activity for a call, by the verb that its name begins with; for any other verb, the call's own name.
pub(super) fn activity(event: &Event) -> Coded<'_> {
    const VERBS: [(&str, Coded<'static>); 22] = [
        ("Create", (1, "Create")),
        ("Replicate", (1, "Create")),
        ("Import", (1, "Create")),
        ("Get", (2, "Read")),
        ("List", (2, "Read")),
        ("Describe", (2, "Read")),
        ("Lookup", (2, "Read")),
        ("Schedule", (4, "Delete")),
        ("Delete", (4, "Delete")),
        ("Revoke", (4, "Delete")),
        ("Retire", (4, "Delete")),
        ("Enable", (3, "Update")),
        ("Disable", (3, "Update")),
        ("Cancel", (3, "Update")),
        ("Put", (3, "Update")),
        ("Update", (3, "Update")),
        ("Tag", (3, "Update")),
        ("Untag", (3, "Update")),
        ("Rotate", (3, "Update")),
        ("Connect", (3, "Update")),
        ("Disconnect", (3, "Update")),
        ("Synchronize", (3, "Update")),
    ];
    let usual = if azure::is_of(event) {
        azure::activity(&event.name)
    } else if google::is_of(event) {
        google::activity(&event.name)
    } else {
        VERBS.iter().find(|(verb, _)| event.name.starts_with(verb)).map_or((OTHER, "Other"), |(_, activity)| *activity)
    };
    if usual.0 == OTHER { (OTHER, event.name.as_str()) } else { usual }
}

/// Returns API Activity's status.
pub(super) const fn status(outcome: &CallOutcome) -> Coded<'static> {
    match outcome {
        CallOutcome::Succeeded => (1, "Success"),
        CallOutcome::Refused { .. } => (2, "Failure"),
    }
}

/// Returns the cloud that an event is of: by what it acted on, else by the service that it comes from.
fn cloud_of(event: &Event) -> Cloud {
    if azure::is_of(event) {
        Cloud::Azure
    } else if google::is_of(event) {
        Cloud::GoogleCloud
    } else {
        Cloud::Aws
    }
}

/// Returns the place of a decision: the key's own account and Region, else the event's; in Azure, the subscription.
pub(super) fn cloud_of_record(record: &Record) -> Value {
    let event = &record.event;
    let cloud = cloud_of(event);
    let (account, region) = match &event.target {
        Target::Azure(id) => (Some(id.subscription().to_string()), None),
        Target::Google(name) => (name.project().map(ToOwned::to_owned), name.location().map(ToOwned::to_owned)),
        Target::Key(_) | Target::KeyStore(_) | Target::Named(_) | Target::Unnamed if cloud == Cloud::Aws => {
            let (account, region) = record.place();
            (account.map(|account| account.to_string()), region.map(|region| region.to_string()))
        }
        Target::Key(_) | Target::KeyStore(_) | Target::Named(_) | Target::Unnamed => (None, None),
    };
    place(cloud, account.as_deref(), region.as_deref(), event)
}

/// Returns a place: the provider, the account, the Region, AWS's partition, and the tenant of the caller.
pub(super) fn place(cloud: Cloud, account: Option<&str>, region: Option<&str>, event: &Event) -> Value {
    let of_region = || region.and_then(|region| Region::parse(region).ok()).map(|region| region.partition());
    let partition = (cloud == Cloud::Aws).then(|| event.target.key().map(KeyArn::partition).or_else(of_region)).flatten();
    fields([
        ("provider", Some(cloud.caption().into())),
        ("region", region.map(Into::into)),
        ("account", account.map(|id| account_of(cloud, id))),
        ("cloud_partition", partition.map(|partition| partition.as_str().into())),
        ("org", event.actor.tenant_id.as_deref().map(|tenant| json!({ "uid": tenant }))),
    ])
    .into()
}

/// Returns an account, subscription or project.
pub(super) fn account_of(cloud: Cloud, id: &str) -> Value {
    match cloud {
        Cloud::Aws => json!({ "uid": id, "type": "AWS Account", "type_id": 10 }),
        Cloud::Azure => azure::subscription(id),
        Cloud::GoogleCloud => google::project(id),
    }
}

/// Returns the caller, and with what they called.
pub(super) fn actor(actor: &Actor, credential: Option<&Credential>) -> Value {
    let key = credential.and_then(|credential| credential.id.as_deref());
    let session = session(actor, credential);
    let is_of_session = session.is_some();
    let issued = json!([{ "uid": key, "type": "Access Key" }]);
    let (type_id, kind) = user_type(&actor.kind);
    let named = actor.user_name.as_deref().or(actor.session_name.as_deref());
    let user = fields([
        ("name", Some(named.map_or_else(|| actor.display_name(), ToOwned::to_owned).into())),
        ("display_name", Some(actor.display_name().into())),
        ("email_addr", actor.user_name.as_deref().filter(|name| is_email(name)).map(Into::into)),
        ("uid", actor.arn.as_deref().or(actor.object_id.as_deref()).map(Into::into)),
        ("type_id", Some(type_id.into())),
        ("type", Some(kind.into())),
        ("account", actor.account.as_ref().map(|account| account_of(Cloud::Aws, account.as_str()))),
        ("org", actor.tenant_id.as_deref().map(|tenant| json!({ "uid": tenant }))),
        ("programmatic_credentials", (key.is_some() && !is_of_session).then_some(issued)),
    ]);
    let provider = credential.and_then(|credential| credential.identity_provider.as_deref());
    fields([
        ("user", Some(user.into())),
        ("session", session),
        ("idp", provider.map(|provider| json!({ "name": provider }))),
        ("app_name", actor.invoked_by.as_deref().map(Into::into)),
        ("app_uid", actor.app_id.as_deref().map(Into::into)),
    ])
    .into()
}

/// The session of a role, or one of which the log says when and how it was opened.
fn session(actor: &Actor, credential: Option<&Credential>) -> Option<Value> {
    let opened = credential.and_then(|credential| credential.created_at);
    let mfa = credential.and_then(|credential| credential.mfa);
    if actor.role.is_none() && actor.session_name.is_none() && opened.is_none() && mfa.is_none() {
        return None;
    }
    let session = fields([
        ("issuer", actor.role.as_ref().map(|role| role.as_str().into())),
        ("uid", actor.session_name.as_deref().map(Into::into)),
        ("uid_alt", actor.source_identity.as_deref().map(Into::into)),
        ("created_time", opened.map(|time| time.as_millisecond().into())),
        ("is_mfa", mfa.map(Into::into)),
        ("credential_uid", credential.and_then(|credential| credential.id.as_deref()).map(Into::into)),
    ]);
    Some(session.into())
}

fn user_type(kind: &ActorKind) -> Coded<'_> {
    match kind {
        ActorKind::Root => (2, "Admin"),
        ActorKind::IamUser
        | ActorKind::FederatedUser
        | ActorKind::IdentityCenterUser
        | ActorKind::ExternalUser
        | ActorKind::EntraUser
        | ActorKind::GoogleUser => (1, "User"),
        ActorKind::AwsService | ActorKind::ServicePrincipal | ActorKind::GoogleServiceAccount => (4, "Service"),
        ActorKind::AssumedRole => (OTHER, "AssumedRole"),
        ActorKind::Role => (OTHER, "Role"),
        ActorKind::AwsAccount => (OTHER, "AWSAccount"),
        ActorKind::Unknown => (0, "Unknown"),
        ActorKind::Other(other) => (OTHER, other),
    }
}

/// Says whether a text is an address as OCSF's `email_t` has it.
fn is_email(text: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+'".contains(&byte));
    let is_domain = |domain: &str| {
        let is_label = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        domain.contains('.') && domain.split('.').all(is_label)
    };
    text.split_once('@').is_some_and(|(name, domain)| is_name(name) && is_domain(domain))
}

/// Returns the call, with excerpts of what was asked and answered.
pub(super) fn api(event: &Event, request: &Excerpt, response: &Excerpt) -> Value {
    let (code, error, message) = match &event.outcome {
        CallOutcome::Succeeded => (None, None, None),
        // Azure and Google answer in numbers.
        CallOutcome::Refused { code, message } => (code.parse::<u32>().ok(), Some(code.as_str()), message.as_deref()),
    };
    let answer = fields([
        ("code", code.map(Into::into)),
        ("error", error.map(Into::into)),
        ("error_message", message.map(Into::into)),
        ("data", data(response)),
    ]);
    fields([
        ("operation", Some(event.name.as_str().into())),
        ("service", Some(json!({ "name": event.source }))),
        ("request", data(request).map(|data| json!({ "uid": request_uid(event, request), "data": data }))),
        ("response", (!answer.is_empty()).then_some(answer.into())),
    ])
    .into()
}

/// Returns the request's id, where the log tells it; else the entry's, which there is one of for each request.
fn request_uid<'a>(event: &'a Event, request: &'a Excerpt) -> &'a str {
    let told = ["requestID", "correlationId", "operation.id"].iter().find_map(|path| request.get(*path));
    told.map_or(event.id.as_str(), String::as_str)
}

fn data(excerpt: &Excerpt) -> Option<Value> {
    let fields = || excerpt.iter().map(|(path, text)| (path.clone(), text.as_str().into()));
    (!excerpt.is_empty()).then(|| Value::Object(fields().collect()))
}

/// Returns what the caller's program says that it is.
pub(super) fn http_request(actor: &Actor) -> Option<Value> {
    Some(json!({ "user_agent": actor.user_agent.as_deref()? }))
}

/// Returns where the call came from: an address, or the name of a service, or whatever the log says.
pub(super) fn source_endpoint(actor: &Actor) -> Value {
    let Some(text) = actor.source_address.as_deref() else {
        return json!({ "name": "unknown" });
    };
    if let Ok(address) = text.parse::<IpAddr>() {
        // One written at full length is written short.
        let shown = if text.len() <= LONGEST_ADDRESS { text.to_owned() } else { address.to_string() };
        return json!({ "ip": shown });
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return json!({ "ip": socket.ip().to_string(), "port": socket.port() });
    }
    if text.ends_with(".amazonaws.com") { json!({ "svc_name": text }) } else { json!({ "name": text }) }
}

/// Returns the resource acted on; none where none was named.
pub(super) fn resources(event: &Event) -> Value {
    match &event.target {
        Target::Key(key) => json!([key_of_aws(key)]),
        Target::Google(name) => json!([google::resource(name)]),
        Target::KeyStore(id) => json!([{ "uid": id, "type": "AWS KMS custom key store" }]),
        Target::Azure(id) => json!([azure::resource(id)]),
        Target::Named(name) => json!([{ "name": name }]),
        Target::Unnamed => json!([]),
    }
}

fn key_of_aws(key: &KeyArn) -> Map<String, Value> {
    fields([
        ("uid", Some(key.as_str().into())),
        ("type", Some("AWS::KMS::Key".into())),
        ("region", Some(key.region().as_str().into())),
        ("cloud_partition", Some(key.partition().as_str().into())),
        ("owner", Some(json!({ "account": account_of(Cloud::Aws, key.account().as_str()) }))),
    ])
}
