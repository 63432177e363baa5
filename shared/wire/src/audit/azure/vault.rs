//! Records of the audit logs of vaults and Managed HSMs: operations are words such as `KeyUnwrap` and `SecretGet`.
//!
//! Source: <https://learn.microsoft.com/azure/key-vault/general/logging>

use reprieve_core::audit::{Asset, AssetKind, Log, Operation};
use reprieve_core::azure::ResourceId;
use reprieve_core::{Event, Target};

use super::{Told, credential, entry as entry_of, excerpt_of, object, text};
use crate::audit::Parsed;
use crate::audit::excerpt::azure as fields;
use crate::audit::excerpt::without_secrets_of_url;
use crate::fields::{Fields, Oddities};

/// What the last words of an operation's name say; the first that fits counts.
const ENDINGS: [(&str, Operation); 52] = [
    // Of whole names.
    ("keywrap", Operation::Wrap),
    ("keyunwrap", Operation::Unwrap),
    ("keyencrypt", Operation::Encrypt),
    ("keydecrypt", Operation::Decrypt),
    ("keysign", Operation::Sign),
    ("keyverify", Operation::Verify),
    ("keyrelease", Operation::Access),
    ("secretget", Operation::Access),
    ("secretset", Operation::Create),
    ("vaultput", Operation::Update),
    ("vaultpatch", Operation::Update),
    ("getrandombytes", Operation::Generate),
    ("updaterotationpolicy", Operation::Update),
    ("rotationpolicyupdate", Operation::Update),
    ("rotationpolicyset", Operation::Update),
    ("getrotationpolicy", Operation::Read),
    ("rotationpolicyget", Operation::Read),
    ("keyrotate", Operation::Rotate),
    ("keyrotateifdue", Operation::Rotate),
    ("certificaterenew", Operation::Rotate),
    ("certificatependingmerge", Operation::Update),
    ("vaultaccesspolicychangedeventgridnotification", Operation::ChangeAccess),
    ("eventgridnotification", Operation::Other),
    ("getdeleted", Operation::Read),
    ("listdeleted", Operation::List),
    ("deletedget", Operation::Read),
    ("deletedlist", Operation::List),
    ("listversions", Operation::List),
    ("versionslist", Operation::List),
    ("securitydomaindownload", Operation::Backup),
    ("securitydomainupload", Operation::Restore),
    ("backupcreate", Operation::Backup),
    ("restorecreate", Operation::Restore),
    // Of what is done.
    ("contactsset", Operation::Update),
    ("contactsdelete", Operation::Update),
    ("issuerset", Operation::Update),
    ("issuerdelete", Operation::Update),
    ("policyupdate", Operation::Update),
    ("policyset", Operation::Update),
    ("pendingupdate", Operation::Update),
    ("pendingdelete", Operation::Update),
    ("create", Operation::Create),
    ("import", Operation::Import),
    ("backup", Operation::Backup),
    ("recover", Operation::Restore),
    ("restore", Operation::Restore),
    ("purge", Operation::Purge),
    ("delete", Operation::Destroy),
    ("list", Operation::List),
    ("update", Operation::Update),
    ("set", Operation::Update),
    ("get", Operation::Read),
];

/// Makes an entry. Everything in such a log is ours.
pub(super) fn entry(mut event: Event, record: &Fields<'_>) -> Parsed {
    let properties = object(record, "properties");
    let url = text(record, "requestUri").or_else(|| text(&properties, "requestUri")).unwrap_or_default().to_ascii_lowercase();
    if url.contains("/keys/providers/microsoft.authorization/") {
        event.target = whole_hsm(event.target);
    }
    let is_hsm =
        event.target.azure().is_some_and(|id| id.within("Microsoft.KeyVault/managedHSMs").is_some()) || url.contains(".managedhsm.");
    let log = if is_hsm { Log::ManagedHsmAudit } else { Log::KeyVaultAudit };
    let told = Told {
        operation: operation(&event, record),
        asset: asset(&event, record, is_hsm),
        credential: credential::read(record),
        request: excerpt_of(record, &fields::VAULT_REQUEST),
        response: excerpt_of(record, &fields::VAULT_RESPONSE),
    };
    entry_of(log, event, told)
}

/// Roles on all keys of a Managed HSM are under `keys/providers/Microsoft.Authorization`: that is no key of this name.
fn whole_hsm(target: Target) -> Target {
    match target {
        Target::Azure(id) => Target::Azure(id.within("Microsoft.KeyVault/managedHSMs").unwrap_or(id)),
        Target::Key(_) | Target::KeyStore(_) | Target::Google(_) | Target::Named(_) | Target::Unnamed => target,
    }
}

fn operation(event: &Event, record: &Fields<'_>) -> Operation {
    let name = event.name.to_ascii_lowercase();
    let of_role = name.contains("roleassignment") || name.contains("roledefinition");
    if of_role && !name.ends_with("get") && !name.ends_with("list") {
        return Operation::ChangeAccess;
    }
    let told = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending)).map_or(Operation::Other, |(_, operation)| *operation);
    // An update that switches a key, secret or certificate off.
    if told == Operation::Update && is_switched_off(record) { Operation::Disable } else { told }
}

fn is_switched_off(record: &Fields<'_>) -> bool {
    let properties = object(record, "properties");
    ["keyProperties", "secretProperties", "certificateProperties"].iter().any(|part| {
        let part = object(&properties, part);
        object(&part, "attributes").flag("enabled", &mut Oddities::default()) == Some(false)
    })
}

fn asset(event: &Event, record: &Fields<'_>, is_hsm: bool) -> Option<Asset> {
    let (kind, id) = match &event.target {
        Target::Azure(id) => (kind_of(id), id.as_str().to_owned()),
        Target::Named(name) => {
            let name = without_secrets_of_url(name);
            (kind_of_name(&event.name, is_hsm), name.split(['?', '#']).next().unwrap_or_default().to_owned())
        }
        Target::Key(_) | Target::KeyStore(_) | Target::Google(_) | Target::Unnamed => return None,
    };
    let has_versions = matches!(kind, AssetKind::Key | AssetKind::Secret | AssetKind::Certificate);
    let version = if has_versions { version(record) } else { None };
    Some(Asset { kind, id, version })
}

fn kind_of(id: &ResourceId) -> AssetKind {
    match id.resource_type().rsplit('/').next() {
        Some("keys") => AssetKind::Key,
        Some("secrets") => AssetKind::Secret,
        Some("certificates") => AssetKind::Certificate,
        Some("managedhsms") => AssetKind::KeyStore,
        Some(_) | None => AssetKind::Vault,
    }
}

fn kind_of_name(operation: &str, is_hsm: bool) -> AssetKind {
    let usual = operation.to_ascii_lowercase();
    let of_word = [("key", AssetKind::Key), ("secret", AssetKind::Secret), ("certificate", AssetKind::Certificate)];
    let whole = if is_hsm { AssetKind::KeyStore } else { AssetKind::Vault };
    of_word.iter().find(|(word, _)| usual.starts_with(word)).map_or(whole, |(_, kind)| *kind)
}

/// The version of the object: the last part of its URL. The answer's id names it also where the request's URL does not.
fn version(record: &Fields<'_>) -> Option<String> {
    let properties = object(record, "properties");
    let urls = ["id", "requestUri"].map(|name| text(&properties, name).or_else(|| text(record, name)));
    urls.iter().flatten().find_map(|url| version_of_url(url))
}

/// Reads `https://VAULT.vault.azure.net/keys/NAME/VERSION[/wrapkey]`: a version is hexadecimal, which no action is.
fn version_of_url(url: &str) -> Option<String> {
    let (_, rest) = url.split(['?', '#']).next()?.split_once("://")?;
    let mut parts = rest.split('/').filter(|part| !part.is_empty()).skip(1);
    let kind = parts.next()?.to_ascii_lowercase();
    let name = parts.next()?.to_ascii_lowercase();
    let version = parts.next()?;
    let is_setting = kind == "certificates" && matches!(name.as_str(), "contacts" | "issuers");
    let is_object = !is_setting
        && matches!(kind.as_str(), "keys" | "secrets" | "certificates" | "deletedkeys" | "deletedsecrets" | "deletedcertificates");
    let is_version = version.len() <= 64 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_object && is_version).then(|| version.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_told_from_an_action() {
        for (url, version) in [
            ("https://kv.vault.azure.net/keys/a/0123ABCD", Some("0123abcd")),
            ("https://kv.vault.azure.net/keys/a/0123abcd/wrapkey?api-version=7.4", Some("0123abcd")),
            ("https://kv.vault.azure.net/keys/a/backup", None),
            ("https://kv.vault.azure.net/keys/a?api-version=7.4", None),
            ("https://kv.vault.azure.net/certificates/issuers/abc", None),
            ("https://kv.vault.azure.net/", None),
            ("not a url", None),
        ] {
            assert_eq!(version_of_url(url).as_deref(), version, "{url}");
        }
    }
}
