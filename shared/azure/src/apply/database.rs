//! The auditing of database servers: switched on, and written to where it is kept.

use reprieve_core::azure::ResourceId;
use reprieve_engine::CallError;
use serde_json::{Value, json};

use super::gone;
use crate::answer::{is_same, text};
use crate::api;
use crate::arm::Condition;
use crate::control::AzureControl;
use crate::observe::database::{auditing_path, auditing_properties, engine_of, version_of};

impl AzureControl {
    pub(super) async fn put_sql_auditing(&self, server: &ResourceId, wanted: &Value) -> Result<(), CallError> {
        let path = auditing_path(server);
        let present = self.arm.get(&path, api::SQL).await?.ok_or_else(|| gone(server))?;
        self.put_properties(&path, api::SQL, &auditing_properties(&present), wanted).await
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
