//! Ids of Azure: subscriptions, resources, keys. Parsed once at the edge; compared without regard to case, as Azure does, and kept
//! as they were written.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Says why a text is not the id it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not {expected}")]
pub struct AzureIdError {
    input: String,
    expected: &'static str,
}

/// The id of a subscription, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SubscriptionId(String);

impl SubscriptionId {
    /// Parses the id: a GUID in practice; published logs hold other texts of letters, digits and `-`, which are kept.
    ///
    /// # Errors
    /// Says what was expected, with the input.
    pub fn parse(text: &str) -> Result<Self, AzureIdError> {
        let is_valid = !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let error = || AzureIdError { input: text.to_owned(), expected: "the id of an Azure subscription (a GUID)" };
        if is_valid { Ok(Self(text.to_ascii_lowercase())) } else { Err(error()) }
    }

    /// Returns the id, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the subscription as a resource: `/subscriptions/ID`.
    #[must_use]
    pub fn resource(&self) -> ResourceId {
        ResourceId::of(format!("/subscriptions/{}", self.0))
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SubscriptionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The id of a resource: a subscription, a resource group, or anything below. A key, secret or certificate is named as a child of its
/// vault: `.../vaults/NAME/keys/KEY`.
#[derive(Debug, Clone)]
pub struct ResourceId {
    written: String,
    canonical: String,
}

impl ResourceId {
    /// Parses `/subscriptions/ID[/resourceGroups/NAME][/providers/NAMESPACE/TYPE/NAME...]`.
    ///
    /// # Errors
    /// Says what was expected, with the input.
    pub fn parse(text: &str) -> Result<Self, AzureIdError> {
        let trimmed = text.trim_end_matches('/');
        if is_resource_id(trimmed) {
            return Ok(Self::of(trimmed.to_owned()));
        }
        Err(AzureIdError { input: text.to_owned(), expected: "the id of an Azure resource (`/subscriptions/ID/resourceGroups/...`)" })
    }

    fn of(written: String) -> Self {
        Self { canonical: written.to_ascii_lowercase(), written }
    }

    /// Returns the id as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Returns the id in lower case: the one text of this resource.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Returns the subscription.
    #[must_use]
    pub fn subscription(&self) -> SubscriptionId {
        SubscriptionId(self.canonical.split('/').nth(2).unwrap_or_default().to_owned())
    }

    /// Returns the name of the resource group, as it was written.
    #[must_use]
    pub fn resource_group(&self) -> Option<&str> {
        let mut parts = self.written.split('/').skip(3);
        parts.next().filter(|word| word.eq_ignore_ascii_case("resourceGroups"))?;
        parts.next()
    }

    /// Returns the resource group as a resource.
    #[must_use]
    pub fn group(&self) -> Option<Self> {
        let name = self.resource_group()?;
        Some(Self::of(format!("{}/resourceGroups/{name}", self.subscription().resource().as_str())))
    }

    /// Returns the type in lower case: `microsoft.keyvault/vaults/keys`, `microsoft.resources/subscriptions`, and so on.
    #[must_use]
    pub fn resource_type(&self) -> String {
        let mut parts = self.canonical.split('/').skip(1);
        let mut kind = None;
        while let Some((word, name)) = parts.next().zip(parts.next()) {
            kind = if word == "providers" { Some(name.to_owned()) } else { kind.map(|kind| kind + "/" + word) };
        }
        kind.unwrap_or_else(|| {
            let kind = if self.resource_group().is_some() { "subscriptions/resourcegroups" } else { "subscriptions" };
            format!("microsoft.resources/{kind}")
        })
    }

    /// Says whether the resource is of this type, whatever the case.
    #[must_use]
    pub fn is(&self, resource_type: &str) -> bool {
        self.resource_type().eq_ignore_ascii_case(resource_type)
    }

    /// Returns the last name, as it was written.
    #[must_use]
    pub fn name(&self) -> &str {
        self.written.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the resource that this is a part of: the vault of a key, the account of a container's service, what a diagnostic
    /// setting is about. `None` for a subscription.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (rest, _) = self.written.rsplit_once('/')?;
        let (rest, _) = rest.rsplit_once('/')?;
        // `.../providers/NAMESPACE` names nothing: what is before it is the scope.
        let is_provider = |text: &str| text.rsplit('/').nth(1).is_some_and(|word| word.eq_ignore_ascii_case("providers"));
        let rest = if is_provider(rest) { rest.rsplitn(3, '/').last()? } else { rest };
        Self::parse(rest).ok()
    }

    /// Returns what this belongs to that is of this type: itself, or what it is a part of.
    #[must_use]
    pub fn within(&self, resource_type: &str) -> Option<Self> {
        let mut id = self.clone();
        while !id.is(resource_type) {
            id = id.parent()?;
        }
        Some(id)
    }

    /// Returns a part of this resource: `vault.child("keys", "invoices")`.
    #[must_use]
    pub fn child(&self, kind: &str, name: &str) -> Self {
        Self::of(format!("{}/{kind}/{name}", self.written))
    }

    /// Returns an extension of this resource: `vault.extension("Microsoft.Insights", "diagnosticSettings", "audit")`.
    #[must_use]
    pub fn extension(&self, namespace: &str, kind: &str, name: &str) -> Self {
        Self::of(format!("{}/providers/{namespace}/{kind}/{name}", self.written))
    }
}

fn is_resource_id(text: &str) -> bool {
    let has_only_names = text.len() <= 2048
        && text.chars().all(|c| !c.is_control() && !"?#\\%".contains(c))
        && text.split('/').skip(1).all(|part| !part.is_empty() && part != "." && part != ".." && part.trim() == part);
    let mut parts = text.split('/');
    let is_rooted = parts.next() == Some("")
        && parts.next().is_some_and(|word| word.eq_ignore_ascii_case("subscriptions"))
        && parts.next().is_some_and(|id| SubscriptionId::parse(id).is_ok());
    let mut rest: Vec<&str> = parts.collect();
    if rest.first().is_some_and(|word| word.eq_ignore_ascii_case("resourceGroups")) {
        if rest.len() < 2 {
            return false;
        }
        rest.drain(..2);
    }
    has_only_names && is_rooted && are_providers(&rest)
}

/// `providers/NAMESPACE/TYPE/NAME[/TYPE/NAME...]`, once or again.
fn are_providers(parts: &[&str]) -> bool {
    let is_word = |part: &str| part.eq_ignore_ascii_case("providers");
    match parts {
        [] => true,
        [word, namespace, _, _, rest @ ..] if is_word(word) && namespace.contains('.') => {
            // A name may be that word as well.
            let next = rest.iter().step_by(2).position(|part| is_word(part)).map_or(rest.len(), |pair| 2 * pair);
            let (pairs, more) = rest.split_at(next);
            pairs.len().is_multiple_of(2) && are_providers(more)
        }
        [_, ..] => false,
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for ResourceId {}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ResourceId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.canonical.cmp(&other.canonical)
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Serialize for ResourceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for ResourceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A key in a vault, by its URL: what a storage account is told to encrypt with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyReference {
    /// The vault's URL without a trailing slash, in lower case: `https://NAME.vault.azure.net`.
    pub vault_uri: String,
    /// The key's name, in lower case.
    pub name: String,
    /// The version, where one is pinned. Without one, rotation is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl KeyReference {
    /// Parses `https://NAME.vault.azure.net/keys/KEY[/VERSION]`, also of a Managed HSM and of other clouds.
    ///
    /// # Errors
    /// Says what was expected, with the input.
    pub fn parse(text: &str) -> Result<Self, AzureIdError> {
        let error = || AzureIdError { input: text.to_owned(), expected: "the URL of a key (`https://NAME.vault.azure.net/keys/KEY`)" };
        let usual = text.trim_end_matches('/').to_ascii_lowercase();
        let rest = usual.strip_prefix("https://").ok_or_else(error)?;
        let parts: Vec<&str> = rest.split('/').collect();
        let (host, name, version) = match parts.as_slice() {
            [host, "keys", name] => (*host, *name, None),
            [host, "keys", name, version] => (*host, *name, Some((*version).to_owned())),
            _ => return Err(error()),
        };
        let is_label = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_host = host.contains('.') && host.split('.').all(is_label);
        if !is_host || !is_label(name) {
            return Err(error());
        }
        Ok(Self { vault_uri: format!("https://{}", host.trim_end_matches(":443")), name: name.to_owned(), version })
    }

    /// Returns the vault's name: the first label of its host.
    #[must_use]
    pub fn vault_name(&self) -> &str {
        self.vault_uri.trim_start_matches("https://").split('.').next().unwrap_or_default()
    }

    /// Says whether both are the same key, whatever version is pinned.
    #[must_use]
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.vault_uri == other.vault_uri && self.name == other.name
    }
}

impl fmt::Display for KeyReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/keys/{}", self.vault_uri, self.name)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, "/{version}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-prod";

    fn id(text: &str) -> ResourceId {
        ResourceId::parse(text).unwrap()
    }

    #[test]
    fn ids_are_compared_without_regard_to_case_and_kept_as_written() {
        let upper = id(&VAULT.to_uppercase());
        assert_eq!(upper, id(VAULT));
        assert_eq!(upper.as_str(), VAULT.to_uppercase());
        assert_eq!(upper.resource_type(), "microsoft.keyvault/vaults");
    }

    #[test]
    fn a_name_may_be_the_word_that_ids_are_made_of() {
        let vault = id("/subscriptions/s/resourceGroups/providers/providers/Microsoft.KeyVault/vaults/providers");
        let key = vault.child("keys", "providers");
        let version = key.child("versions", "1");
        for (id, resource_type) in [
            (vault.clone(), "microsoft.keyvault/vaults"),
            (key.clone(), "microsoft.keyvault/vaults/keys"),
            (version.clone(), "microsoft.keyvault/vaults/keys/versions"),
            (key.extension("Microsoft.Insights", "diagnosticSettings", "providers"), "microsoft.insights/diagnosticsettings"),
        ] {
            assert_eq!(ResourceId::parse(id.as_str()), Ok(id.clone()));
            assert_eq!(id.resource_type(), resource_type);
            assert_eq!(id.within("microsoft.keyvault/vaults"), Some(vault.clone()), "{id}");
        }
        assert_eq!((version.parent(), key.parent()), (Some(key), Some(vault.clone())));
        assert_eq!(vault.parent(), vault.group());
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "/",
            "kv-prod",
            "/subscriptions",
            "/subscriptions//resourceGroups/rg",
            "/subscriptions/{subscription-id}",
            "/subscriptions/a/resourceGroups",
            "/subscriptions/a/../b/c",
            "/subscriptions/a/providers/Microsoft.KeyVault",
            "/subscriptions/a/providers/Microsoft.KeyVault/vaults",
            "/subscriptions/a/vaults/b",
            "https://management.azure.com/subscriptions/a",
            "/subscriptions/a?x=1",
            "/subscriptions/a%2fb",
            "/subscriptions/a/providers/Microsoft.KeyVault/vaults/kv/keys",
        ] {
            assert!(ResourceId::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_id_knows_its_parts() {
        let key = id(VAULT).child("keys", "logs");
        assert_eq!(key.resource_type(), "microsoft.keyvault/vaults/keys");
        assert_eq!(key.parent().unwrap(), id(VAULT));
        assert_eq!(id(VAULT).parent().unwrap().name(), "rg");
        assert_eq!(key.within("Microsoft.KeyVault/vaults").unwrap(), id(VAULT));
        assert_eq!(key.within("Microsoft.Storage/storageAccounts"), None);
        let setting = id(VAULT).extension("Microsoft.Insights", "diagnosticSettings", "audit");
        assert_eq!(setting.parent().unwrap(), id(VAULT));
        assert_eq!(setting.resource_type(), "microsoft.insights/diagnosticsettings");
        let of_subscription = setting.subscription().resource().extension("microsoft.insights", "diagnosticSettings", "activity");
        assert_eq!(of_subscription.parent().unwrap(), setting.subscription().resource());
        assert_eq!(setting.subscription().resource().parent(), None);
        assert_eq!(id(VAULT).group().unwrap().resource_type(), "microsoft.resources/subscriptions/resourcegroups");
    }

    #[test]
    fn a_key_is_read_with_and_without_its_version() {
        let key = KeyReference::parse("https://KV-Prod.vault.azure.net/keys/Logs/").unwrap();
        assert_eq!((key.vault_uri.as_str(), key.name.as_str(), key.vault_name()), ("https://kv-prod.vault.azure.net", "logs", "kv-prod"));
        let pinned = KeyReference::parse("https://kv-prod.vault.azure.net/keys/logs/0123").unwrap();
        assert!(pinned.is_same_key(&key));
        assert_eq!(pinned.to_string(), "https://kv-prod.vault.azure.net/keys/logs/0123");
        for text in [
            "http://kv.vault.azure.net/keys/a",
            "https://kv.vault.azure.net/secrets/a",
            "https://kv/keys/a",
            "https://kv.vault.azure.net/keys/",
        ] {
            assert!(KeyReference::parse(text).is_err(), "{text}");
        }
    }
}
