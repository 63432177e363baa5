//! The data of vaults and Managed HSMs: which call it is, may the caller, do it, log it.
//!
//! Must not do a call that is not logged.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::errors::{conflict, error, error_with, not_deleted, not_found};
use super::store::{Object, ObjectKind, State, VaultData, Version, recovery};
use super::{access, audit, certificates, keys, local_roles_api, rotation, secrets};
use crate::crud::{self, set};
use crate::request::{Answer, ArmRequest};
use crate::tenant::{Happening, Resource, Tenant};

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    List,
    ListVersions,
    Get,
    ListDeleted,
    GetDeleted,
    Create,
    Import,
    Update,
    Delete,
    Recover,
    Purge,
    PolicyGet,
    PolicySet,
    PendingGet,
    Rotate,
    Use(Use),
}

/// What a key is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Sign,
    Verify,
    Wrap,
    Unwrap,
    Encrypt,
    Decrypt,
}

/// A call on a vault's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) kind: ObjectKind,
    pub(super) verb: Verb,
    /// The object's name, or an empty text.
    pub(super) name: String,
    /// The version asked for, or an empty text.
    pub(super) version: String,
}

/// What a call works on.
pub(super) struct Place<'a> {
    pub(super) tenant: &'a mut Tenant,
    pub(super) request: &'a ArmRequest,
    /// The vault or HSM.
    pub(super) vault: &'a Resource,
    pub(super) call: &'a Call,
}

impl Place<'_> {
    pub(super) fn data(&mut self) -> &mut VaultData {
        let entry = self.tenant.data.entry(self.request.host.clone());
        entry.or_insert_with(|| VaultData::of_vault(&self.vault.id))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.request.now
    }

    /// Finds the live object that the call names, to change it.
    ///
    /// # Errors
    /// The 404 where there is none.
    pub(super) fn live(&mut self) -> Result<&mut Object, Answer> {
        let (now, call) = (self.now(), self.call);
        let missing = not_found(call.kind, &call.name);
        self.data().object_mut(call.kind, &call.name).filter(|object| object.is_live(now)).ok_or(missing)
    }

    /// Finds the version that the call names, of a live object.
    ///
    /// # Errors
    /// The 404 where there is none.
    pub(super) fn version(&mut self) -> Result<&mut Version, Answer> {
        let call = self.call;
        let missing = not_found(call.kind, &call.name);
        self.live()?.version_mut(&call.version).ok_or(missing)
    }

    /// The id of an object or of one of its versions.
    pub(super) fn id(&self, kind: ObjectKind, name: &str, version: &str) -> String {
        let version = if version.is_empty() { String::new() } else { format!("/{version}") };
        format!("https://{}/{}/{name}{version}", self.request.host, kind.plural())
    }

    /// Shows an object's version as its GET does.
    pub(super) fn view(&self, kind: ObjectKind, object: &Object, version: &Version) -> Value {
        match kind {
            ObjectKind::Key => keys::view(self, object, version),
            ObjectKind::Secret => secrets::view(self, object, version),
            ObjectKind::Certificate => certificates::view(self, object, version),
        }
    }

    /// Shows an object's version as a list does.
    fn entry(&self, kind: ObjectKind, object: &Object, version: &Version, is_versioned: bool) -> Value {
        let id = self.id(kind, &object.name, if is_versioned { &version.id } else { "" });
        let id_field = if kind == ObjectKind::Key { "kid" } else { "id" };
        let mut entry = json!({ "attributes": version.attributes(self.vault), "tags": version.tags });
        set(&mut entry, id_field, json!(id));
        if object.is_managed {
            set(&mut entry, "managed", json!(true));
        }
        entry
    }
}

/// Answers a request to a vault's or an HSM's host.
pub(super) fn answer(tenant: &mut Tenant, request: &ArmRequest) -> Answer {
    let now = request.now;
    let Some(data) = tenant.data.get_mut(&request.host) else { return error(404, "NotFound", "There is no such vault.") };
    data.purge_due(now);
    let data = data.clone();
    let Some(vault) = tenant.resource(&data.resource_id).cloned() else { return error(404, "NotFound", "There is no such vault.") };
    if let Some(answer) = local_roles_api::answer(tenant, request, &data, &vault) {
        return answer;
    }
    let Some(call) = read(request).filter(|call| !data.is_hsm || call.kind == ObjectKind::Key) else {
        return error(404, "NotFound", &format!("The sandbox knows no `{}` on `{}`.", request.method, request.path));
    };
    let answer = if request.api_version().is_empty() {
        error(400, "BadParameter", "Api version must be specified")
    } else if let Some(refusal) = access::refuse(tenant, request, &vault, &data, &call) {
        refusal
    } else {
        let mut place = Place { tenant, request, vault: &vault, call: &call };
        perform(&mut place).unwrap_or_else(|refusal| refusal)
    };
    let record = audit::record(request, &vault, &call, &answer);
    tenant.push_happening(Happening::KeyVaultAudit { vault_id: vault.id.clone(), record });
    answer.with_header("x-ms-keyvault-region", crud::text(&vault.body, "/location")).with_header("Cache-Control", "no-cache")
}

/// Reads which call a request is. A slash at the end and an empty version are none.
fn read(request: &ArmRequest) -> Option<Call> {
    let segments: Vec<&str> = request.path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (collection, rest) = segments.split_first()?;
    let (kind, is_deleted) = match *collection {
        "keys" => (ObjectKind::Key, false),
        "secrets" => (ObjectKind::Secret, false),
        "certificates" => (ObjectKind::Certificate, false),
        "deletedkeys" => (ObjectKind::Key, true),
        "deletedsecrets" => (ObjectKind::Secret, true),
        "deletedcertificates" => (ObjectKind::Certificate, true),
        _ => return None,
    };
    let call = |verb: Verb, name: &str, version: &str| Some(Call { kind, verb, name: name.to_owned(), version: version.to_owned() });
    if is_deleted {
        return match (request.method.as_str(), rest) {
            ("GET", []) => call(Verb::ListDeleted, "", ""),
            ("GET", [name]) => call(Verb::GetDeleted, name, ""),
            ("DELETE", [name]) => call(Verb::Purge, name, ""),
            ("POST", [name, "recover"]) => call(Verb::Recover, name, ""),
            _ => None,
        };
    }
    match (request.method.as_str(), rest) {
        ("GET", []) => call(Verb::List, "", ""),
        ("GET", [name, "versions"]) => call(Verb::ListVersions, name, ""),
        ("DELETE", [name]) => call(Verb::Delete, name, ""),
        ("GET", [name]) => call(Verb::Get, name, ""),
        ("POST", [name, "create"]) if kind != ObjectKind::Secret => call(Verb::Create, name, ""),
        ("PUT", [name]) if kind == ObjectKind::Secret => call(Verb::Create, name, ""),
        ("POST", [name, "import"]) if kind == ObjectKind::Certificate => call(Verb::Import, name, ""),
        ("GET", [name, "policy"]) if kind == ObjectKind::Certificate => call(Verb::PolicyGet, name, ""),
        ("PATCH", [name, "policy"]) if kind == ObjectKind::Certificate => call(Verb::PolicySet, name, ""),
        ("GET", [name, "pending"]) if kind == ObjectKind::Certificate => call(Verb::PendingGet, name, ""),
        ("GET", [name, "rotationpolicy"]) if kind == ObjectKind::Key => call(Verb::PolicyGet, name, ""),
        ("PUT", [name, "rotationpolicy"]) if kind == ObjectKind::Key => call(Verb::PolicySet, name, ""),
        ("POST", [name, "rotate"]) if kind == ObjectKind::Key => call(Verb::Rotate, name, ""),
        ("POST", [name, act]) if kind == ObjectKind::Key => call(cryptographic(act)?, name, ""),
        ("POST", [name, version, act]) if kind == ObjectKind::Key => call(cryptographic(act)?, name, version),
        ("PATCH", [name]) => call(Verb::Update, name, ""),
        ("PATCH", [name, version]) => call(Verb::Update, name, version),
        ("GET", [name, version]) => call(Verb::Get, name, version),
        _ => None,
    }
}

fn cryptographic(act: &str) -> Option<Verb> {
    match act {
        "sign" => Some(Verb::Use(Use::Sign)),
        "verify" => Some(Verb::Use(Use::Verify)),
        "wrapkey" => Some(Verb::Use(Use::Wrap)),
        "unwrapkey" => Some(Verb::Use(Use::Unwrap)),
        "encrypt" => Some(Verb::Use(Use::Encrypt)),
        "decrypt" => Some(Verb::Use(Use::Decrypt)),
        _ => None,
    }
}

/// What a call comes to; a refusal is the `Err`.
pub(super) type Outcome = Result<Answer, Answer>;

fn perform(place: &mut Place) -> Outcome {
    let kind = place.call.kind;
    match place.call.verb {
        Verb::List => Ok(list(place)),
        Verb::ListVersions => list_versions(place),
        Verb::Get if kind == ObjectKind::Secret => secrets::get(place),
        Verb::Get => get(place),
        Verb::ListDeleted => list_deleted(place),
        Verb::GetDeleted => get_deleted(place),
        Verb::Delete => delete(place),
        Verb::Recover => recover(place),
        Verb::Purge => purge(place),
        Verb::Update => update(place),
        Verb::Create if kind == ObjectKind::Key => keys::create(place),
        Verb::Create if kind == ObjectKind::Secret => secrets::set_secret(place),
        Verb::Create => certificates::create(place),
        Verb::Import => certificates::import(place),
        Verb::PolicyGet if kind == ObjectKind::Key => rotation::get(place),
        Verb::PolicySet if kind == ObjectKind::Key => rotation::set_policy(place),
        Verb::PolicyGet => certificates::policy(place),
        Verb::PolicySet => certificates::set_policy(place),
        Verb::PendingGet => certificates::pending(place),
        Verb::Rotate => rotation::rotate(place),
        Verb::Use(purpose) => keys::use_key(place, purpose),
    }
}

fn list(place: &mut Place) -> Answer {
    let (now, kind) = (place.now(), place.call.kind);
    let objects: Vec<Object> = place.data().objects.iter().filter(|((of, _), _)| *of == kind).map(|(_, object)| object.clone()).collect();
    let live = objects.iter().filter(|object| object.is_live(now));
    let entries = live.filter_map(|object| Some(place.entry(kind, object, object.versions.last()?, false))).collect();
    page(place, entries)
}

/// A page of the data plane: `maxresults` of at most 25, and a `nextLink` that is null where there are no more.
fn page(place: &Place, entries: Vec<Value>) -> Answer {
    let query = |name: &str| place.request.query.get(name).and_then(|value| value.parse::<usize>().ok());
    let size = query("maxresults").unwrap_or(25).clamp(1, 25).min(place.tenant.options.page_size.max(1));
    let skip = query("$skiptoken").unwrap_or(0);
    let has_more = entries.len() > skip + size;
    let shown: Vec<Value> = entries.into_iter().skip(skip).take(size).collect();
    let mut body = json!({ "value": shown });
    if has_more {
        let (host, path, version) = (&place.request.host, &place.request.path, place.request.api_version());
        let link = format!("https://{host}{path}?api-version={version}&$skiptoken={}&maxresults={size}", skip + size);
        set(&mut body, "nextLink", json!(link));
    }
    Answer::ok(body)
}

fn list_versions(place: &mut Place) -> Outcome {
    let kind = place.call.kind;
    let object = place.live()?.clone();
    let entries = object.versions.iter().map(|version| place.entry(kind, &object, version, true)).collect();
    Ok(page(place, entries))
}

fn get(place: &mut Place) -> Outcome {
    let kind = place.call.kind;
    let version = place.version()?.clone();
    let object = place.live()?.clone();
    Ok(Answer::ok(place.view(kind, &object, &version)))
}

fn update(place: &mut Place) -> Outcome {
    let (kind, now, sent) = (place.call.kind, place.now(), place.request.json());
    let version = place.version()?;
    if let Some(attributes) = sent.get("attributes") {
        version.take_attributes(attributes);
    }
    if let Some(tags) = sent.get("tags").and_then(Value::as_object) {
        version.tags.clone_from(tags);
    }
    if kind == ObjectKind::Key {
        keys::take_operations(version, &sent);
    }
    if kind == ObjectKind::Secret {
        secrets::take_content_type(version, &sent);
    }
    version.updated = now.as_second();
    let version = version.clone();
    let object = place.live()?.clone();
    let mut body = place.view(kind, &object, &version);
    // An update of a secret does not show its value.
    if let Some(fields) = body.as_object_mut().filter(|_| kind == ObjectKind::Secret) {
        fields.remove("value");
    }
    Ok(Answer::ok(body))
}

/// Adds a version to an object, which is made where it is not there.
///
/// # Errors
/// The conflict with an object of this name that is deleted, being deleted, or being recovered.
pub(super) fn add_version(place: &mut Place, kind: ObjectKind, name: &str, version: Version) -> Result<Object, Answer> {
    let now = place.now();
    if !is_valid_name(name) {
        return Err(error(400, "BadParameter", "The request URI contains an invalid name: it has 1-127 letters, digits and hyphens."));
    }
    let data = place.data();
    if let Some(object) = data.object(kind, name)
        && !object.is_live(now)
    {
        return Err(conflict(kind, object, now));
    }
    let object = data.objects.entry((kind, name.to_ascii_lowercase())).or_insert_with(|| Object {
        name: name.to_owned(),
        versions: Vec::new(),
        policy: None,
        is_managed: false,
        state: State::Live { from: now },
    });
    object.versions.push(version);
    Ok(object.clone())
}

fn is_valid_name(name: &str) -> bool {
    (1..=127).contains(&name.len()) && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
}

/// A certificate takes its key and secret along.
fn kinds_that_go_along(kind: ObjectKind) -> &'static [ObjectKind] {
    match kind {
        ObjectKind::Key => &[ObjectKind::Key],
        ObjectKind::Secret => &[ObjectKind::Secret],
        ObjectKind::Certificate => &[ObjectKind::Certificate, ObjectKind::Key, ObjectKind::Secret],
    }
}

fn delete(place: &mut Place) -> Outcome {
    let (now, kind) = (place.now(), place.call.kind);
    let name = place.call.name.clone();
    if let Some(object) =
        place.data().object(kind, &name).filter(|object| matches!(object.state, State::Live { .. }) && !object.is_live(now))
    {
        return Err(conflict(kind, object, now));
    }
    let object = place.live()?.clone();
    if object.is_managed {
        return Err(error(403, "Forbidden", "Operation is not allowed on a managed object: it belongs to a certificate."));
    }
    let Some(days) = recovery(place.vault).1 else {
        let body = object.versions.last().map(|version| place.view(kind, &object, version));
        for kind in kinds_that_go_along(kind) {
            place.data().objects.remove(&(*kind, name.to_ascii_lowercase()));
        }
        return Ok(Answer { body, ..Answer::status(200) });
    };
    let retention = SignedDuration::from_hours(24 * days);
    let state = State::Deleted {
        deleted_at: now,
        ready_at: now + place.tenant.options.object_deletion_delay,
        purge_at: now.checked_add(retention).unwrap_or(Timestamp::MAX),
    };
    set_state(place, state);
    deleted_view(place).map(Answer::ok)
}

fn set_state(place: &mut Place, state: State) {
    let (kind, name) = (place.call.kind, place.call.name.clone());
    for along in kinds_that_go_along(kind) {
        if let Some(object) = place.data().object_mut(*along, &name).filter(|object| *along == kind || object.is_managed) {
            object.state = state;
        }
    }
}

fn is_ready(object: &Object, now: Timestamp) -> bool {
    matches!(object.state, State::Deleted { ready_at, .. } if ready_at <= now)
}

fn deleted_view(place: &mut Place) -> Result<Value, Answer> {
    let (kind, name) = (place.call.kind, place.call.name.clone());
    let object = place.data().object(kind, &name).cloned().ok_or_else(|| not_deleted(kind, &name))?;
    let version = object.versions.last().ok_or_else(|| not_deleted(kind, &name))?;
    let mut view = place.view(kind, &object, version);
    if let Some(fields) = view.as_object_mut() {
        // What is deleted no longer shows a secret's value.
        fields.remove("value");
    }
    Ok(with_deletion(place, kind, &object, view))
}

/// Adds when the object was deleted, when it is purged, and where it is recovered.
fn with_deletion(place: &Place, kind: ObjectKind, object: &Object, mut view: Value) -> Value {
    if let State::Deleted { deleted_at, purge_at, .. } = object.state {
        set(&mut view, "recoveryId", json!(format!("https://{}/deleted{}/{}", place.request.host, kind.plural(), object.name)));
        set(&mut view, "deletedDate", json!(deleted_at.as_second()));
        set(&mut view, "scheduledPurgeDate", json!(purge_at.as_second()));
    }
    view
}

/// Finds the deleted object that the call names, once it can be recovered or purged.
fn deleted(place: &mut Place) -> Result<Object, Answer> {
    let (now, kind, name) = (place.now(), place.call.kind, place.call.name.clone());
    let found = place.data().object(kind, &name).filter(|object| matches!(object.state, State::Deleted { .. })).cloned();
    let object = found.ok_or_else(|| not_deleted(kind, &name))?;
    if is_ready(&object, now) { Ok(object) } else { Err(conflict(kind, &object, now)) }
}

fn list_deleted(place: &mut Place) -> Outcome {
    needs_soft_delete(place)?;
    let (now, kind) = (place.now(), place.call.kind);
    let objects: Vec<Object> = place.data().objects.iter().filter(|((of, _), _)| *of == kind).map(|(_, object)| object.clone()).collect();
    let gone = objects.iter().filter(|object| is_ready(object, now));
    let entries = gone
        .filter_map(|object| {
            let entry = place.entry(kind, object, object.versions.last()?, false);
            Some(with_deletion(place, kind, object, entry))
        })
        .collect();
    Ok(page(place, entries))
}

fn get_deleted(place: &mut Place) -> Outcome {
    needs_soft_delete(place)?;
    let (now, kind, name) = (place.now(), place.call.kind, place.call.name.clone());
    if place.data().object(kind, &name).is_none_or(|object| !is_ready(object, now)) {
        return Err(not_deleted(kind, &name));
    }
    deleted_view(place).map(Answer::ok)
}

fn recover(place: &mut Place) -> Outcome {
    needs_soft_delete(place)?;
    let kind = place.call.kind;
    let object = deleted(place)?;
    let from = place.now() + place.tenant.options.object_recovery_delay;
    set_state(place, State::Live { from });
    let version = object.versions.last().ok_or_else(|| not_deleted(kind, &object.name))?;
    let mut body = place.view(kind, &object, version);
    if let Some(fields) = body.as_object_mut() {
        fields.remove("value");
    }
    Ok(Answer::ok(body))
}

fn purge(place: &mut Place) -> Outcome {
    needs_soft_delete(place)?;
    let object = deleted(place)?;
    if place.vault.body.pointer("/properties/enablePurgeProtection").and_then(Value::as_bool) == Some(true) {
        let message = "Operation \"purge\" is not allowed because purge protection is enabled for this vault. Key Vault service will \
                       automatically purge it after the retention period has passed.";
        return Err(error(403, "Forbidden", message));
    }
    let kind = place.call.kind;
    for along in kinds_that_go_along(kind) {
        let key = (*along, object.name.to_ascii_lowercase());
        let goes = place.data().objects.get(&key).is_some_and(|object| *along == kind || object.is_managed);
        if goes {
            place.data().objects.remove(&key);
        }
    }
    Ok(Answer::no_content())
}

fn needs_soft_delete(place: &Place) -> Result<(), Answer> {
    if recovery(place.vault).1.is_some() {
        return Ok(());
    }
    let message = "Operation is not allowed on a vault without soft delete: enable it with `enableSoftDelete` first.";
    Err(error_with(400, "NotSupported", message, "SoftDeleteDisabled"))
}
