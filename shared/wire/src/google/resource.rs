//! What an entry is about: its target, and the asset without its version.

use reprieve_core::Target;
use reprieve_core::audit::{Asset, AssetKind};
use reprieve_core::google::GoogleName;

use super::method::Method;
use crate::error::shorten;
use crate::fields::{Fields, Oddities};

pub(super) struct Resource {
    pub(super) target: Target,
    pub(super) asset: Option<Asset>,
}

pub(super) fn read(
    entry: &Fields<'_>,
    payload: &Fields<'_>,
    request: &Fields<'_>,
    response: &Fields<'_>,
    method: &Method,
    odd: &mut Oddities,
) -> Resource {
    let written = payload.text("resourceName", odd);
    let asked = asked(request);
    if let (Some(written), Some(asked)) = (&written, &asked)
        && key_of(written) != key_of(asked)
        && written.contains("/cryptoKeys/")
        && asked.contains("/cryptoKeys/")
    {
        odd.note(payload.path("resourceName"), format!("is not the key that the request names: `{}`", shorten(asked)));
    }
    let name = written.or(asked).or_else(|| of_labels(entry)).map(|name| completed(name, request, response));
    let name = name.map(|name| by_project_id(name, entry, odd));
    let Some(name) = name else {
        return Resource { target: Target::Unnamed, asset: None };
    };
    let parsed = GoogleName::parse(&name);
    let (id, version) = split_version(parsed.as_ref().map_or(name.as_str(), GoogleName::as_str));
    let asset = Asset { kind: kind_of(id).unwrap_or(method.kind), id: id.to_owned(), version: version.map(ToOwned::to_owned) };
    let target = match parsed {
        Ok(name) => Target::Google(name),
        Err(error) => {
            odd.note(payload.path("resourceName"), error.to_string());
            Target::Named(name)
        }
    };
    Resource { target, asset: Some(asset) }
}

/// The name that the request asks for.
fn asked(request: &Fields<'_>) -> Option<String> {
    let quiet = &mut Oddities::default();
    let direct = ["name", "sinkName", "logName", "metricName", "resource"].iter().find_map(|field| request.text(field, quiet));
    let inner = ["cryptoKeyVersion", "cryptoKey", "secret"];
    direct.or_else(|| inner.iter().find_map(|field| request.object(field, quiet).text("name", quiet)))
}

/// The key of a name, without its version.
fn key_of(name: &str) -> &str {
    split_version(name).0
}

/// What was made is named after what it was made in: the answer says its whole name, or the request its id.
fn completed(name: String, request: &Fields<'_>, response: &Fields<'_>) -> String {
    let quiet = &mut Oddities::default();
    let is_in = |inner: &String| inner.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('/'));
    if let Some(answered) = response.text("name", quiet).filter(is_in) {
        return answered;
    }
    let made =
        [("cryptoKeyId", "/keyRings/", "/cryptoKeys/"), ("secretId", "projects/", "/secrets/"), ("keyRingId", "/locations/", "/keyRings/")];
    for (field, parent, collection) in made {
        if let Some(id) = request.text(field, quiet)
            && name.contains(parent)
            && !name.contains(collection)
        {
            return format!("{name}{collection}{id}");
        }
    }
    name
}

/// A key can be called by its project's number as well: whoever guards projects by their ids must know it then too.
fn by_project_id(name: String, entry: &Fields<'_>, odd: &mut Oddities) -> String {
    let quiet = &mut Oddities::default();
    let is_number = |project: &str| !project.is_empty() && project.bytes().all(|byte| byte.is_ascii_digit());
    let id = entry.object("resource", quiet).object("labels", quiet).text("project_id", quiet).filter(|id| !is_number(id));
    let parts = name.strip_prefix("projects/").and_then(|rest| rest.split_once('/'));
    match (id, parts) {
        (Some(id), Some((project, rest))) if is_number(project) && rest.contains("/keyRings/") => {
            odd.note("protoPayload.resourceName", format!("names the project by its number, `{project}`"));
            format!("projects/{id}/{rest}")
        }
        (Some(_) | None, Some(_) | None) => name,
    }
}

/// Some exports hold no name, but the labels of the monitored resource.
fn of_labels(entry: &Fields<'_>) -> Option<String> {
    let quiet = &mut Oddities::default();
    let resource = entry.object("resource", quiet);
    let labels = resource.object("labels", quiet);
    let label = |name: &str| labels.text(name, &mut Oddities::default());
    let (project, location, ring) = (label("project_id")?, label("location")?, label("key_ring_id")?);
    let ring = format!("projects/{project}/locations/{location}/keyRings/{ring}");
    let Some(key) = label("crypto_key_id") else { return Some(ring) };
    let version = label("crypto_key_version_id").map_or_else(String::new, |version| format!("/cryptoKeyVersions/{version}"));
    Some(format!("{ring}/cryptoKeys/{key}{version}"))
}

/// Splits `.../cryptoKeyVersions/3` and `.../secrets/S/versions/latest`.
fn split_version(name: &str) -> (&str, Option<&str>) {
    let of_secret = || name.split_once("/versions/").filter(|(secret, _)| secret.contains("/secrets/"));
    name.split_once("/cryptoKeyVersions/").or_else(of_secret).map_or((name, None), |(id, version)| (id, Some(version)))
}

/// The kind, by the name's collections.
fn kind_of(id: &str) -> Option<AssetKind> {
    let last_collection = id.rsplit('/').nth(1)?;
    Some(match last_collection {
        "cryptoKeys" | "keyHandles" => AssetKind::Key,
        "keyRings" | "importJobs" | "ekmConnections" => AssetKind::KeyStore,
        "secrets" if !id.contains("/namespaces/") => AssetKind::Secret,
        "sinks" | "exclusions" | "logs" => AssetKind::AuditLog,
        "buckets" | "views" | "links" => AssetKind::Storage,
        "metrics" | "alertPolicies" | "notificationChannels" => AssetKind::Alert,
        _ => return None,
    })
}
