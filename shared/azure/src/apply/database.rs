//! The auditing of database servers: switched on, and written to where it is kept.

use reprieve_core::azure::ResourceId;
use reprieve_core::azure::world::SqlAuditing;
use reprieve_engine::CallError;
use serde_json::{Value, json};

use super::{PUT, gone};
use crate::answer::{holds, is_same, merged, text, writable};
use crate::api;
use crate::arm::Condition;
use crate::control::AzureControl;
use crate::observe::database::{auditing_of, auditing_path, engine_of, version_of};

impl AzureControl {
    pub(super) async fn put_sql_auditing(&self, server: &ResourceId, wanted: &Value) -> Result<(), CallError> {
        let path = auditing_path(server);
        let present = auditing_of(&self.arm.get(&path, api::SQL).await?.ok_or_else(|| gone(server))?);
        let kept = kept(&present.properties, wanted);
        if present.works_by_key() {
            self.spare_the_key(server, &auditing_of(&json!({ "properties": merged(&kept, wanted) }))).await?;
        }
        self.put_properties(&path, api::SQL, &kept, wanted).await
    }

    /// Refuses to write over auditing that works by an access key, unless the server's identity may write in its place: Azure never tells
    /// the key, so that it cannot be sent back.
    async fn spare_the_key(&self, server: &ResourceId, afterwards: &SqlAuditing) -> Result<(), CallError> {
        let answer = self.arm.get(server.as_str(), api::SQL).await?.ok_or_else(|| gone(server))?;
        if self.may_write_audit(server, &answer, Some(afterwards)).await? == Some(true) {
            return Ok(());
        }
        let message =
            format!("the auditing of `{server}` works by an access key, and its identity is not seen to have a role in its place");
        Err(CallError::InvalidState { call: PUT, message })
    }

    pub(super) async fn put_server_parameter(&self, server: &ResourceId, name: &str, value: &str) -> Result<(), CallError> {
        let version = version_of(engine_of(server)?);
        let path = format!("{server}/configurations/{name}");
        let present = self.arm.get(&path, version).await?.ok_or_else(|| gone(server))?;
        if text(&present, "/properties/value").is_some_and(|present| is_same(present, value)) {
            return Ok(());
        }
        let body = json!({ "properties": { "value": value, "source": "user-override" } });
        self.arm.put(&path, version, &body, Condition::Always).await.map(drop)
    }
}

/// Returns what is there to be merged into: the subscription of a storage account goes with the account.
fn kept(present: &Value, wanted: &Value) -> Value {
    let is_another = text(wanted, "/storageEndpoint").is_some_and(|endpoint| !holds(present, &json!({ "storageEndpoint": endpoint })));
    let left_out: &[&str] = if is_another { &["storageAccountSubscriptionId"] } else { &[] };
    writable(Some(present), left_out)
}
