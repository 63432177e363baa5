//! Keys, through Microsoft's client.

use azure_core::http::{RequestContent, Response};
use azure_security_keyvault_keys::models::{KeyClientUpdateKeyPropertiesOptions, KeyRotationPolicy, UpdateKeyPropertiesParameters};
use futures_util::TryStreamExt as _;
use reprieve_engine::CallError;
use serde_json::{Value, json};

use super::{PAGES_LIMIT, VaultClient, checked, found, page_of, too_long, value_of};
use crate::patience::{Fault, persist};

const KEYS: &str = "keys";
const DELETED_KEYS: &str = "deletedkeys";

impl VaultClient {
    /// Reads the latest version of a key: its bundle, without private parts. `None` where there is none, deleted ones included.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn key(&self, name: &str) -> Result<Option<Value>, CallError> {
        let call = "keyvault:GetKey";
        let (name, about) = (checked(call, name)?, self.about(KEYS, name));
        found(self.ask(call, &about, || self.keys.get_key(name, None)).await)
    }

    /// Lists all keys with their attributes, none of the deleted ones.
    ///
    /// # Errors
    /// When the list cannot be read whole.
    pub async fn keys(&self) -> Result<Vec<Value>, CallError> {
        let call = "keyvault:GetKeys";
        let about = self.about(KEYS, "");
        persist(call, self.end(), || async {
            let pages = self.keys.list_key_properties(None).map_err(|error| Fault::of_sdk(call, &about, &error))?;
            collect(call, &about, pages.into_pages()).await
        })
        .await
    }

    /// Reads a deleted key, with its `recoveryId` and `scheduledPurgeDate`. `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn deleted_key(&self, name: &str) -> Result<Option<Value>, CallError> {
        let call = "keyvault:GetDeletedKey";
        let (name, about) = (checked(call, name)?, self.about(DELETED_KEYS, name));
        found(self.ask(call, &about, || self.keys.get_deleted_key(name, None)).await)
    }

    /// Lists all deleted keys.
    ///
    /// # Errors
    /// When the list cannot be read whole.
    pub async fn deleted_keys(&self) -> Result<Vec<Value>, CallError> {
        let call = "keyvault:GetDeletedKeys";
        let about = self.about(DELETED_KEYS, "");
        persist(call, self.end(), || async {
            let pages = self.keys.list_deleted_key_properties(None).map_err(|error| Fault::of_sdk(call, &about, &error))?;
            collect(call, &about, pages.into_pages()).await
        })
        .await
    }

    /// Recovers a deleted key, with all its versions. The vault answers at once, and has the key back some seconds later.
    ///
    /// # Errors
    /// [`CallError::NotFound`] where no such key is deleted, [`CallError::InvalidState`] where it is being deleted or recovered.
    pub async fn recover_key(&self, name: &str) -> Result<Value, CallError> {
        let call = "keyvault:RecoverDeletedKey";
        let (name, about) = (checked(call, name)?, self.about(DELETED_KEYS, name));
        self.ask(call, &about, || self.keys.recover_deleted_key(name, None)).await
    }

    /// Enables a key: this version of it, or the latest.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn enable_key(&self, name: &str, version: Option<&str>) -> Result<Value, CallError> {
        let call = "keyvault:UpdateKey";
        let (name, about) = (checked(call, name)?, self.about(KEYS, name));
        let version = version.map(|version| checked(call, version).map(str::to_owned)).transpose()?;
        let body = json!({"attributes": {"enabled": true}}).to_string();
        self.ask(call, &about, || {
            let parameters: RequestContent<UpdateKeyPropertiesParameters> = RequestContent::from_str(&body);
            let options = KeyClientUpdateKeyPropertiesOptions { key_version: version.clone(), ..Default::default() };
            self.keys.update_key_properties(name, parameters, Some(options))
        })
        .await
    }

    /// Reads a key's rotation policy. `None` where there is no such key; a key that does not rotate has a policy without a rotation.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn rotation_policy(&self, name: &str) -> Result<Option<Value>, CallError> {
        let call = "keyvault:GetKeyRotationPolicy";
        let (name, about) = (checked(call, name)?, self.about(KEYS, name));
        found(self.ask(call, &about, || self.keys.get_key_rotation_policy(name, None)).await)
    }

    /// Writes a key's rotation policy whole, and returns what the vault made of it.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn set_rotation_policy(&self, name: &str, policy: &Value) -> Result<Value, CallError> {
        let call = "keyvault:UpdateKeyRotationPolicy";
        let (name, about) = (checked(call, name)?, self.about(KEYS, name));
        let body = policy.to_string();
        self.ask(call, &about, || {
            let policy: RequestContent<KeyRotationPolicy> = RequestContent::from_str(&body);
            self.keys.update_key_rotation_policy(name, policy, None)
        })
        .await
    }

    /// Makes one call of the client's, and returns the answer as it was sent.
    async fn ask<T, F>(&self, call: &'static str, about: &str, ask: impl Fn() -> F) -> Result<Value, CallError>
    where
        F: Future<Output = azure_core::Result<Response<T>>>,
    {
        let attempt = || async {
            let answer = ask().await.map_err(|error| Fault::of_sdk(call, about, &error))?;
            Ok(answer.into_body())
        };
        let body = persist(call, self.end(), attempt).await?;
        value_of(call, about, body.as_ref())
    }
}

async fn collect<T>(
    call: &'static str,
    about: &str,
    mut pages: impl futures_util::Stream<Item = azure_core::Result<Response<T>>> + Unpin,
) -> Result<Vec<Value>, Fault> {
    let mut listed = Vec::new();
    for _page in 0..PAGES_LIMIT {
        match pages.try_next().await.map_err(|error| Fault::of_sdk(call, about, &error))? {
            None => return Ok(listed),
            Some(page) => listed.extend(page_of(call, about, page.into_body().as_ref())?.0),
        }
    }
    Err(Fault::from(too_long(call, about)))
}
