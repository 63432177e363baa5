//! Records of a vault's or Managed HSM's audit log (`AuditEvent`): what was done to its keys, secrets and certificates.
//!
//! `resultType` says `Success` of refused calls too: the status of the HTTP answer is what counts. The object is taken from its URL,
//! and only where that URL is of the very vault that logged it.
//! Source: <https://learn.microsoft.com/azure/key-vault/general/logging>

use reprieve_core::azure::ResourceId;
use reprieve_core::azure::event::VAULT_SOURCE;
use reprieve_core::{Actor, CallOutcome, Details, Event, EventForm, Target};
use serde_json::{Map, Value};

use super::{claims, event_id, outcome, text_or_number, text_or_value};
use crate::cloudtrail::time;
use crate::error::{WireError, shorten};
use crate::fields::{Fields, Oddities};

const EXPECTED: &str = "a record of a vault's audit log";
const VAULTS: &str = "microsoft.keyvault/vaults";
const HSMS: &str = "microsoft.keyvault/managedhsms";

/// Says whether an object is such a record: by its category, and by its resource where it has one. Other services have a category of
/// this name as well.
pub(super) fn is_record(object: &Map<String, Value>) -> bool {
    let odd = &mut Oddities::default();
    let record = Fields::new(object, "");
    let resource = record.text("resourceId", odd).and_then(|text| ResourceId::parse(&text).ok());
    let is_vault = resource.as_ref().map(|id| matches!(id.resource_type().as_str(), VAULTS | HSMS));
    match text_or_value(&record, "category", odd) {
        Some(category) => category.eq_ignore_ascii_case("AuditEvent") && is_vault.unwrap_or(true),
        // Calls of the resource manager are paths; a vault's are words.
        None => is_vault == Some(true) && text_or_value(&record, "operationName", odd).is_some_and(|name| !name.contains('/')),
    }
}

/// Parses a record.
///
/// # Errors
/// When it is not a JSON object, or names no operation.
pub fn parse(value: &Value) -> Result<Event, WireError> {
    let object = value.as_object().ok_or_else(|| WireError::not_an_object(EXPECTED, value))?;
    let mut odd = Oddities::default();
    let record = Fields::new(object, "");
    let name = text_or_value(&record, "operationName", &mut odd).ok_or_else(|| WireError::no_operation(EXPECTED, value))?;
    let properties = record.object("properties", &mut odd);
    let time = time::read(&record, "time", &mut odd);
    if time.is_none() {
        odd.note("time", "does not say when it happened");
    }
    let target = target(&record, &properties, &mut odd);
    let outcome = outcome(&record, &properties, &mut odd);
    let actor = actor(&record, &properties, &mut odd);
    let id = id(&record, &properties, &name, object, &mut odd);
    Ok(Event {
        id,
        form: EventForm::ApiCall,
        source: VAULT_SOURCE.to_owned(),
        name,
        time,
        account: None,
        region: None,
        actor,
        target,
        outcome,
        details: Details::default(),
        oddities: odd.into_vec(),
    })
}

/// The log gives no id of its own: one is derived from what tells one call from another, however the record was delivered.
fn id(record: &Fields<'_>, properties: &Fields<'_>, name: &str, object: &Map<String, Value>, odd: &mut Oddities) -> reprieve_core::EventId {
    let quiet = &mut Oddities::default();
    let resource = record.text("resourceId", quiet).map(|id| id.to_ascii_lowercase());
    let [time, correlation] = ["time", "correlationId"].map(|field| record.text(field, quiet));
    let [url, request] = ["id", "requestId"].map(|field| either(record, properties, field));
    let parts = [
        ("time", time.as_deref()),
        ("operationName", Some(name)),
        ("resourceId", resource.as_deref()),
        ("correlationId", correlation.as_deref()),
        ("id", url.as_deref()),
        ("requestId", request.as_deref()),
    ];
    event_id(None, "id", &parts, object, odd)
}

/// Reads a field that vaults write under `properties`, and Managed HSMs beside it.
fn either(record: &Fields<'_>, properties: &Fields<'_>, name: &str) -> Option<String> {
    let odd = &mut Oddities::default();
    text_or_number(properties, name, odd).or_else(|| text_or_number(record, name, odd))
}

/// Vaults log their own id in capitals, however it was written when they were made; people read it in lower case.
fn vault(text: &str) -> Option<ResourceId> {
    let shouts = !text.bytes().any(|byte| byte.is_ascii_lowercase());
    ResourceId::parse(&if shouts { text.to_ascii_lowercase() } else { text.to_owned() }).ok()
}

fn target(record: &Fields<'_>, properties: &Fields<'_>, odd: &mut Oddities) -> Target {
    let written = record.text("resourceId", odd);
    let urls = ["id", "requestUri"].map(|field| (field, either(record, properties, field)));
    let Some(vault) = written.as_deref().and_then(vault) else {
        odd.note(
            "resourceId",
            written.map_or_else(|| "is missing".to_owned(), |text| format!("is not the id of a vault: `{}`", shorten(&text))),
        );
        let [(_, id), (_, uri)] = urls;
        return id.or(uri).map_or(Target::Unnamed, |url| Target::Named(shorten(without_query(&url))));
    };
    for (field, url) in urls {
        let Some(url) = url else { continue };
        match part(&vault, &url) {
            Part::OfVault(id) => return Target::Azure(id),
            Part::Foreign => {
                odd.note(properties.path(field), format!("is not of the vault `{}`: `{}`", vault.name(), shorten(without_query(&url))));
                return Target::Named(shorten(without_query(&url)));
            }
            Part::Whole | Part::Elsewhere => {}
        }
    }
    Target::Azure(vault)
}

/// What a URL names.
enum Part {
    /// An object in the vault, or what stands in its place.
    OfVault(ResourceId),
    /// The vault, and no more than that.
    Whole,
    /// Something in another vault.
    Foreign,
    /// Nothing of a vault's data: the resource manager's own calls.
    Elsewhere,
}

/// Reads `https://VAULT.vault.azure.net/keys/NAME/VERSION`, in whichever cloud.
fn part(vault: &ResourceId, url: &str) -> Part {
    let Some((_, rest)) = without_query(url).split_once("://") else { return Part::Elsewhere };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let mut labels = host.split('.');
    let (name, service) = (labels.next().unwrap_or_default(), labels.next().unwrap_or_default());
    if !matches!(service, "vault" | "managedhsm") {
        return Part::Elsewhere;
    }
    let expected = if vault.is(HSMS) { "managedhsm" } else { "vault" };
    if service != expected || !name.eq_ignore_ascii_case(vault.name()) {
        return Part::Foreign;
    }
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let kind = match parts.next().map(str::to_ascii_lowercase).as_deref() {
        Some("keys" | "deletedkeys") => "keys",
        Some("secrets" | "deletedsecrets") => "secrets",
        Some("certificates" | "deletedcertificates") => "certificates",
        Some(_) => return Part::OfVault(vault.clone()),
        None => return Part::Whole,
    };
    let object = parts.next().filter(|name| is_object_name(kind, name));
    Part::OfVault(object.map_or_else(|| vault.clone(), |name| vault.child(kind, name)))
}

/// Objects have names of letters, digits and `-`; `certificates/contacts` and `certificates/issuers` are a vault's settings.
fn is_object_name(kind: &str, name: &str) -> bool {
    let is_setting = kind == "certificates" && matches!(name.to_ascii_lowercase().as_str(), "contacts" | "issuers");
    !is_setting && name.len() <= 127 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

fn outcome(record: &Fields<'_>, properties: &Fields<'_>, odd: &mut Oddities) -> CallOutcome {
    let message = record.text("resultDescription", odd).map(|text| shorten(&text));
    let kind = text_or_number(record, "resultType", odd);
    let signature = text_or_number(record, "resultSignature", odd);
    let written = either(record, properties, "httpStatusCode");
    let status = written.as_deref().and_then(|text| text.trim().parse::<u32>().ok());
    if status.is_none() {
        odd.note(properties.path("httpStatusCode"), "is not the status of an answer");
    }
    let reason = status.filter(|status| *status >= 400).map(outcome::reason);
    let words: Vec<&str> = [&reason, &signature, &kind].into_iter().flatten().map(String::as_str).collect();
    let outcome = outcome::of_words(&words, message, &properties.path("httpStatusCode"), odd);
    if outcome != CallOutcome::Succeeded && kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("succe")) {
        odd.note("resultType", "says success of a call that was refused");
    }
    outcome
}

fn actor(record: &Fields<'_>, properties: &Fields<'_>, odd: &mut Oddities) -> Actor {
    let identity = record.object("identity", odd);
    let mut claims = identity.object("claim", odd);
    if !claims.is_present() {
        claims = identity.object("claims", odd);
    }
    let mut actor = claims::read(&claims, odd);
    if let Some(address) = record.text("callerIpAddress", odd) {
        actor.source_address = Some(claims::address(&address));
    }
    if actor.tenant_id.is_none() && actor.is_known() {
        actor.tenant_id = either(record, properties, "tenantId");
    }
    actor.user_agent = either(record, properties, "clientInfo");
    actor
}
