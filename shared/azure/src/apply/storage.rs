//! Storage accounts and containers that keep logs: soft delete and versions on, containers there.

use azure_core::http::{Context, Method, PipelineSendOptions, Request, Url};
use reprieve_core::azure::ResourceId;
use reprieve_engine::CallError;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::gone;
use crate::answer::{code, is_true, number};
use crate::api;
use crate::arm::Condition;
use crate::control::AzureControl;
use crate::error::of_answer;
use crate::observe::storage::{service_path, service_properties};
use crate::patience::{Fault, pause_asked, persist};

const RESTORE: &str = "blob:RestoreContainer";
/// What tokens for blobs are asked for.
const SCOPE: &str = "https://storage.azure.com/.default";
/// The version of the blob service: the first with this call is 2019-12-12.
/// <https://learn.microsoft.com/rest/api/storageservices/restore-container>
const VERSION: &str = "2021-12-02";

impl AzureControl {
    pub(super) async fn put_blob_service(&self, account: &ResourceId, wanted: &Value) -> Result<(), CallError> {
        let path = service_path(account);
        let present = self.arm.get(&path, api::STORAGE).await?.ok_or_else(|| gone(account))?;
        let present = service_properties(&present);
        self.put_properties(&path, api::STORAGE, &present, &not_shortened(&present, wanted)).await
    }

    pub(super) async fn create_container(&self, container: &ResourceId) -> Result<(), CallError> {
        if self.container(container).await?.is_some() {
            return Ok(());
        }
        let body = json!({ "properties": { "publicAccess": "None" } });
        self.arm.put(container.as_str(), api::STORAGE, &body, Condition::Always).await.map(drop)
    }

    /// Restores a deleted version of a container under its own name. Only the blob service itself has this call.
    pub(super) async fn restore_container(&self, container: &ResourceId, version: &str) -> Result<(), CallError> {
        if self.container(container).await?.is_some() {
            return Ok(());
        }
        let about = format!("`{container}`");
        let refused = |message: String| CallError::Rejected { call: RESTORE, message };
        let outside = || refused(format!("{about} is in no storage account"));
        let account = container.within("Microsoft.Storage/storageAccounts").ok_or_else(outside)?;
        let host = format!("{}.blob.core.windows.net", account.name().to_ascii_lowercase());
        let url = format!("https://{host}/{}?restype=container&comp=undelete", container.name());
        let url = Url::parse(&url).map_err(|error| refused(format!("no URL: {error} ({about})")))?;
        let pipeline = self.connection.pipeline(&host, SCOPE);
        let end = Instant::now() + self.connection.budget();
        let restored = persist(RESTORE, end, || async {
            let mut request = Request::new(url.clone(), Method::Put);
            request.insert_header("x-ms-version", VERSION);
            request.insert_header("x-ms-deleted-container-name", container.name().to_owned());
            request.insert_header("x-ms-deleted-container-version", version.to_owned());
            request.insert_header("content-length", "0");
            let options = PipelineSendOptions { skip_checks: true, ..PipelineSendOptions::default() };
            let answer = pipeline.send(&Context::new(), &mut request, Some(options)).await;
            let answer = answer.map_err(|error| Fault::of_sdk(RESTORE, &about, &error))?;
            if answer.status().is_success() {
                return Ok(());
            }
            Err(Fault { error: of_answer(RESTORE, &about, &answer), pause: pause_asked(answer.headers()) })
        });
        match restored.await {
            // Its first answer was lost, or somebody else was quicker.
            Err(error) if code(&error) == "ContainerAlreadyExists" => Ok(()),
            answer => answer,
        }
    }
}

/// Keeps what is on for longer than is wanted: somebody may have lengthened it since the plan was made.
fn not_shortened(present: &Value, wanted: &Value) -> Value {
    let mut wanted = wanted.clone();
    for policy in ["/deleteRetentionPolicy", "/containerDeleteRetentionPolicy"] {
        let (Some(present), Some(wanted)) = (present.pointer(policy), wanted.pointer_mut(policy).and_then(Value::as_object_mut)) else {
            continue;
        };
        let days = wanted.get("days").and_then(Value::as_u64);
        let kept = number(present, "/days").filter(|days| is_true(present, "/enabled") && days > &0);
        if let Some(kept) = kept.filter(|kept| days.is_none_or(|days| u64::from(*kept) > days)) {
            wanted.insert("days".to_owned(), json!(kept));
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_retention_stays() {
        let policy = |days: u32| json!({"deleteRetentionPolicy": {"enabled": true, "days": days}});
        assert_eq!(not_shortened(&policy(90), &policy(30)), policy(90));
        assert_eq!(not_shortened(&policy(7), &policy(30)), policy(30));
        let off = json!({"deleteRetentionPolicy": {"enabled": false, "days": 90}});
        assert_eq!(not_shortened(&off, &policy(30)), policy(30));
    }
}
