//! Vaults and Managed HSMs, deleted ones too, and the keys in them; deleted secrets and certificates.

use futures_util::{StreamExt as _, join, stream};
use reprieve_core::azure::world::LogUse;
use reprieve_core::azure::{ResourceId, Subject, SubscriptionId};
use serde_json::Value;

use super::Found;
use crate::answer::{id, is_true, text};
use crate::api;
use crate::control::{AzureControl, CONCURRENCY, is_managed_hsm};
use crate::vault::ObjectKind;

impl AzureControl {
    pub(super) async fn vaults_of(&self, subscription: &SubscriptionId) -> Found {
        let path = |kind: &str| format!("{}/providers/Microsoft.KeyVault/{kind}", subscription.resource());
        let (vaults, hsms) = (path("vaults"), path("managedHSMs"));
        let (vaults, hsms, deleted_vaults, deleted_hsms) = join!(
            self.arm.list(&vaults, api::KEY_VAULT),
            self.arm.list(&hsms, api::KEY_VAULT),
            self.deleted_vaults(subscription, false),
            self.deleted_vaults(subscription, true),
        );
        let mut found = Found::default();
        let of = |what: &'static str| move || format!("the {what} of subscription `{subscription}`");
        let vaults = found.read(of("vaults"), vaults);
        let hsms = found.read(of("Managed HSMs"), hsms);
        let mut deleted = found.read(of("deleted vaults"), deleted_vaults);
        deleted.extend(found.read(of("deleted Managed HSMs"), deleted_hsms));
        found.subjects.extend(deleted.into_iter().map(|vault| Subject::Vault(vault.id)));
        let present: Vec<ResourceId> = vaults.iter().chain(&hsms).filter_map(|vault| id(vault, "/id")).collect();
        let looks = stream::iter(present).map(|vault| self.look_through_vault(vault));
        looks.buffer_unordered(CONCURRENCY).fold(found, async |all, found| all.join(found)).await
    }

    async fn look_through_vault(&self, vault: ResourceId) -> Found {
        let (settings, held) = join!(self.settings(&vault), self.objects_of(&vault));
        let mut found = held;
        found.vault(&vault);
        let about = [Subject::VaultProtection(vault.clone()), Subject::Vault(vault.clone()), Subject::VaultLogging(vault.clone())];
        found.subjects.extend(about);
        let settings = found.read(|| format!("the diagnostic settings of `{vault}`"), settings);
        found.storage.extend(settings.into_iter().filter_map(|setting| Some((setting.storage?, LogUse::VaultAudit))));
        found
    }

    /// Finds the keys of a vault, and whatever in it is deleted.
    async fn objects_of(&self, vault: &ResourceId) -> Found {
        let mut found = Found::default();
        let client = match self.data_of(vault) {
            Ok(client) => client,
            Err(error) => {
                found.unreadable.push(format!("what `{vault}` holds could not be read: {error}"));
                return found;
            }
        };
        let of = |what: &'static str| move || format!("the {what} of `{vault}`");
        let (keys, deleted_keys) = join!(client.keys(), client.deleted_keys());
        let keys = found.read(of("keys"), keys);
        for key in named(&keys, "/kid").map(|name| vault.child("keys", name)) {
            found.subjects.extend([Subject::VaultObject(key.clone()), Subject::RotationPolicy(key)]);
        }
        let deleted = found.read(of("deleted keys"), deleted_keys);
        found.subjects.extend(named(&deleted, "/kid").map(|name| Subject::VaultObject(vault.child("keys", name))));
        if is_managed_hsm(vault) {
            return found;
        }
        let (secrets, certificates) = join!(client.deleted_objects(ObjectKind::Secret), client.deleted_objects(ObjectKind::Certificate));
        let secrets = found.read(of("deleted secrets"), secrets);
        let certificates = found.read(of("deleted certificates"), certificates);
        found.subjects.extend(named(&secrets, "/id").map(|name| Subject::VaultObject(vault.child("secrets", name))));
        found.subjects.extend(named(&certificates, "/id").map(|name| Subject::VaultObject(vault.child("certificates", name))));
        found
    }
}

/// Returns the names of what is listed, by URLs `https://HOST/COLLECTION/NAME[/VERSION]`. What belongs to a certificate comes and goes
/// with that.
fn named<'a>(listed: &'a [Value], url: &'static str) -> impl Iterator<Item = &'a str> {
    let own = listed.iter().filter(|item| !is_true(item, "/managed"));
    own.filter_map(move |item| text(item, url)?.split('/').nth(4)).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_belongs_to_a_certificate_is_left_to_it() {
        let listed = [
            json!({"kid": "https://kv.vault.azure.net/keys/logs"}),
            json!({"kid": "https://kv.vault.azure.net/keys/web", "managed": true}),
            json!({"kid": "https://kv.vault.azure.net/deletedkeys/old/1"}),
        ];
        assert_eq!(named(&listed, "/kid").collect::<Vec<_>>(), ["logs", "old"]);
    }
}
