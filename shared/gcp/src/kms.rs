//! Cloud KMS, REST v1: looks at versions of keys, restores and enables them, and lists those that wait or are disabled.
//!
//! Source: <https://docs.cloud.google.com/kms/docs/reference/rest>

use http::Method;
use jiff::Timestamp;
use reprieve_core::google::{GoogleName, KeyVersion, Labels, VersionState};
use reprieve_engine::{CallError, KeyVersionControl, LatestCalls, LostVersions};
use serde_json::{Value, json};

use crate::api::{Api, encoded};
use crate::logging;

const BASE: &str = "https://cloudkms.googleapis.com/v1";

const READ_VERSION: &str = "cloudkms:GetCryptoKeyVersion";
const READ_KEY: &str = "cloudkms:GetCryptoKey";
const RESTORE: &str = "cloudkms:RestoreCryptoKeyVersion";
const UPDATE: &str = "cloudkms:UpdateCryptoKeyVersion";
const LIST_LOCATIONS: &str = "cloudkms:ListLocations";
const LIST_RINGS: &str = "cloudkms:ListKeyRings";
const LIST_KEYS: &str = "cloudkms:ListCryptoKeys";
const LIST_VERSIONS: &str = "cloudkms:ListCryptoKeyVersions";

/// The longest page that is asked for.
const PAGE_SIZE: u32 = 500;

/// More pages than this are no inventory, but a server that repeats itself.
const PAGES_LIMIT: usize = 1000;

/// The keys of some projects.
#[derive(Debug, Clone)]
pub struct CloudKms {
    api: Api,
    projects: Vec<String>,
}

impl CloudKms {
    /// Makes a client that lists what is in these projects.
    #[must_use]
    pub fn new(api: Api, projects: impl IntoIterator<Item = String>) -> Self {
        Self { api, projects: projects.into_iter().collect() }
    }

    /// Reads all pages of a list: the items of `field` under `path`.
    async fn list(&self, call: &'static str, path: &str, field: &str, filter: Option<&str>) -> Result<Vec<Value>, CallError> {
        let mut items = Vec::new();
        let mut page = String::new();
        for _ in 0..PAGES_LIMIT {
            let filter = filter.map_or_else(String::new, |filter| format!("&filter={}", encoded(filter)));
            let url = format!("{BASE}/{path}?pageSize={PAGE_SIZE}{filter}&pageToken={}", encoded(&page));
            let mut answer = self.api.read_json(call, &url).await?;
            if let Some(Value::Array(found)) = answer.get_mut(field).map(Value::take) {
                items.extend(found);
            }
            match answer.get("nextPageToken").and_then(Value::as_str).filter(|token| !token.is_empty()) {
                Some(token) => token.clone_into(&mut page),
                None => return Ok(items),
            }
        }
        Err(CallError::Rejected { call, message: format!("the list of `{path}` has no end") })
    }

    /// Adds the lost versions of a project to those found: where it fails, what it found before stays.
    async fn lost_in(&self, project: &str, lost: &mut Vec<KeyVersion>) -> Result<(), CallError> {
        for location in names(&self.list(LIST_LOCATIONS, &format!("projects/{project}/locations"), "locations", None).await?) {
            for ring in names(&self.list(LIST_RINGS, &format!("{location}/keyRings"), "keyRings", None).await?) {
                for key in names(&self.list(LIST_KEYS, &format!("{ring}/cryptoKeys"), "cryptoKeys", None).await?) {
                    let path = format!("{key}/cryptoKeyVersions");
                    let filter = "state=DESTROY_SCHEDULED OR state=DISABLED";
                    let versions = self.list(LIST_VERSIONS, &path, "cryptoKeyVersions", Some(filter)).await?;
                    for version in &versions {
                        let version = version_of(LIST_VERSIONS, version)?;
                        if matches!(version.state, VersionState::DestroyScheduled | VersionState::Disabled) {
                            lost.push(version);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

impl KeyVersionControl for CloudKms {
    async fn version(&self, name: &GoogleName) -> Result<KeyVersion, CallError> {
        version_of(READ_VERSION, &self.api.read_json(READ_VERSION, &url(name)).await?)
    }

    async fn labels(&self, key: &GoogleName) -> Result<Labels, CallError> {
        let answer = self.api.read_json(READ_KEY, &url(key)).await?;
        let Some(labels) = answer.get("labels") else { return Ok(Labels::new()) };
        let unreadable = |error| CallError::Rejected { call: READ_KEY, message: format!("the labels of `{key}` cannot be read: {error}") };
        serde_json::from_value(labels.clone()).map_err(unreadable)
    }

    async fn restore(&self, version: &GoogleName) -> Result<(), CallError> {
        self.api.send_json(RESTORE, Method::POST, &format!("{}:restore", url(version)), &json!({})).await.map(drop)
    }

    async fn enable(&self, version: &GoogleName) -> Result<(), CallError> {
        let body = json!({ "state": "ENABLED" });
        self.api.send_json(UPDATE, Method::PATCH, &format!("{}?updateMask=state", url(version)), &body).await.map(drop)
    }

    async fn past(&self, version: &GoogleName, before: Option<Timestamp>) -> Result<LatestCalls, CallError> {
        logging::calls_on(&self.api, version, before).await
    }

    async fn lost(&self) -> LostVersions {
        let mut lost = LostVersions::default();
        for project in &self.projects {
            if let Err(error) = self.lost_in(project, &mut lost.found).await {
                lost.unread.push(format!("project `{project}` could not be searched to its end: {error}"));
            }
        }
        lost
    }
}

/// A name is a path already; only what no path may hold is written otherwise.
pub(crate) fn url(name: &GoogleName) -> String {
    let parts: Vec<String> = name.as_str().split('/').map(encoded).collect();
    format!("{BASE}/{}", parts.join("/"))
}

/// The names of the items that have one.
fn names(items: &[Value]) -> Vec<String> {
    items.iter().filter_map(|item| item.get("name")?.as_str()).map(ToOwned::to_owned).collect()
}

fn version_of(call: &'static str, value: &Value) -> Result<KeyVersion, CallError> {
    let rejected = |what: &str| CallError::Rejected { call, message: format!("the answer is no version of a key: {what}") };
    let text = |field: &str| value.get(field).and_then(Value::as_str);
    let time = |field: &str| text(field).and_then(|text| text.parse::<Timestamp>().ok());
    let name = GoogleName::parse(text("name").unwrap_or_default()).map_err(|error| rejected(&error.to_string()))?;
    if !name.is_key_version() {
        return Err(rejected(&format!("it is named `{name}`")));
    }
    Ok(KeyVersion {
        name,
        state: VersionState::parse(text("state").ok_or_else(|| rejected("it has no state"))?),
        destroy_at: time("destroyTime"),
        destroyed_at: time("destroyEventTime"),
        protection_level: text("protectionLevel").map(ToOwned::to_owned),
    })
}
