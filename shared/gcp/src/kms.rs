//! Cloud KMS, REST v1: looks at versions of keys, restores and enables them, and lists those that wait or are disabled.
//!
//! Source: <https://docs.cloud.google.com/kms/docs/reference/rest>

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use reprieve_core::google::{GoogleName, KeyVersion, Labels, Loss, VersionState};
use reprieve_engine::{CallError, KeyVersionControl, LatestCalls, LostVersions};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api::{Api, encoded};
use crate::logging::ActivityLog;

const BASE: &str = "https://cloudkms.googleapis.com/v1";

const READ_VERSION: &str = "cloudkms:GetCryptoKeyVersion";
const READ_KEY: &str = "cloudkms:GetCryptoKey";
const RESTORE: &str = "cloudkms:RestoreCryptoKeyVersion";
const UPDATE: &str = "cloudkms:UpdateCryptoKeyVersion";

const LOCATIONS: Collection = Collection { call: "cloudkms:ListLocations", name: "locations", filter: None };
const RINGS: Collection = Collection { call: "cloudkms:ListKeyRings", name: "keyRings", filter: None };
const KEYS: Collection = Collection { call: "cloudkms:ListCryptoKeys", name: "cryptoKeys", filter: None };
const LOST_VERSIONS: Collection = Collection {
    call: "cloudkms:ListCryptoKeyVersions",
    name: "cryptoKeyVersions",
    filter: Some("state=DESTROY_SCHEDULED OR state=DISABLED"),
};

/// The longest page that is asked for.
const PAGE_SIZE: u32 = 500;

/// More pages than this are no inventory, but a server that repeats itself.
const PAGES_LIMIT: usize = 1000;

/// How long lists may fail in one project, with all that is tried of each: the sweep has minutes for everything.
const FAILING_TAKES: Duration = Duration::from_mins(1);

/// What is listed: its name in paths and answers, and the call that lists it.
#[derive(Debug, Clone, Copy)]
struct Collection {
    call: &'static str,
    name: &'static str,
    filter: Option<&'static str>,
}

/// The keys of some projects. Clones share the pace at which the log is read.
#[derive(Debug, Clone)]
pub struct CloudKms {
    api: Api,
    log: Arc<ActivityLog>,
    projects: Vec<String>,
}

impl CloudKms {
    /// Makes a client that lists what is in these projects.
    #[must_use]
    pub fn new(api: Api, projects: impl IntoIterator<Item = String>) -> Self {
        Self { log: Arc::new(ActivityLog::new(api.clone())), api, projects: projects.into_iter().collect() }
    }

    /// Reads all pages of a list, and adds its items to those found: where it fails, what it found before stays.
    async fn list(&self, of: Collection, parent: &str, items: &mut Vec<Value>) -> Result<(), CallError> {
        let filter = of.filter.map_or_else(String::new, |filter| format!("&filter={}", encoded(filter)));
        let mut page = String::new();
        for _ in 0..PAGES_LIMIT {
            let url = format!("{BASE}/{parent}/{}?pageSize={PAGE_SIZE}{filter}&pageToken={}", of.name, encoded(&page));
            let mut answer = self.api.read_json(of.call, &url).await?;
            if let Some(Value::Array(found)) = answer.get_mut(of.name).map(Value::take) {
                items.extend(found);
            }
            match answer.get("nextPageToken").and_then(Value::as_str).filter(|token| !token.is_empty()) {
                Some(token) => token.clone_into(&mut page),
                None => return Ok(()),
            }
        }
        Err(CallError::Rejected { call: of.call, message: format!("the list of `{parent}/{}` has no end", of.name) })
    }
}

/// The search of one project for lost versions. What cannot be read is noted, and the search goes on with what can.
struct Search<'a> {
    kms: &'a CloudKms,
    project: &'a str,
    lost: &'a mut LostVersions,
    /// How long lists have failed.
    failing: Duration,
}

impl Search<'_> {
    async fn run(mut self) {
        let project = format!("projects/{}", self.project);
        for location in self.names(LOCATIONS, &project).await {
            for ring in self.names(RINGS, &location).await {
                for key in self.names(KEYS, &ring).await {
                    for version in self.list(LOST_VERSIONS, &key).await {
                        self.take(&key, &version);
                    }
                }
            }
        }
    }

    /// Returns the names of the items that have one, as far as they can be listed.
    async fn names(&mut self, of: Collection, parent: &str) -> Vec<String> {
        let items = self.list(of, parent).await;
        items.iter().filter_map(|item| item.get("name")?.as_str()).map(ToOwned::to_owned).collect()
    }

    /// Returns the items as far as they can be listed; none once lists have failed for too long.
    async fn list(&mut self, of: Collection, parent: &str) -> Vec<Value> {
        let mut items = Vec::new();
        if self.failing >= FAILING_TAKES {
            return items;
        }
        let began = Instant::now();
        if let Err(error) = self.kms.list(of, parent, &mut items).await {
            self.fail(parent, &error, began.elapsed());
        }
        items
    }

    /// Takes a version that is lost.
    fn take(&mut self, key: &str, version: &Value) {
        match version_of(LOST_VERSIONS.call, version) {
            Ok(version) if Loss::of_state(&version.state).is_some() => self.lost.found.push(version),
            Ok(_) => {}
            Err(error) => self.note(&format!("{error} (in `{key}`)")),
        }
    }

    /// Notes a list that failed for so long.
    fn fail(&mut self, parent: &str, error: &CallError, took: Duration) {
        self.note(&format!("{error} (in `{parent}`)"));
        self.failing = self.failing.saturating_add(took);
        if self.failing >= FAILING_TAKES {
            self.note("lists have failed for too long, and what is left of it is left to the next search");
        }
    }

    fn note(&mut self, why: &str) {
        self.lost.unread.push(format!("project `{}` could not be searched to its end: {why}", self.project));
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
        self.log.calls_on(version, before).await
    }

    async fn lost(&self) -> LostVersions {
        let mut lost = LostVersions::default();
        for project in &self.projects {
            Search { kms: self, project, lost: &mut lost, failing: Duration::ZERO }.run().await;
        }
        lost
    }
}

/// A name is a path already; only what no path may hold is written otherwise.
pub(crate) fn url(name: &GoogleName) -> String {
    let parts: Vec<String> = name.as_str().split('/').map(encoded).collect();
    format!("{BASE}/{}", parts.join("/"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Endpoint, GoogleHttp};
    use crate::token::MetadataServer;

    const KEY: &str = "projects/prod/locations/us/keyRings/a/cryptoKeys/k";

    /// Keys behind an address at which nobody answers.
    fn out_of_reach() -> CloudKms {
        let http = GoogleHttp::new(Some(Endpoint::parse("http://127.0.0.1:1").unwrap())).unwrap();
        CloudKms::new(Api::new(http.clone(), MetadataServer::new(http)), ["prod".to_owned()])
    }

    #[tokio::test]
    async fn a_version_that_cannot_be_read_hides_no_other() {
        let (kms, mut lost) = (out_of_reach(), LostVersions::default());
        let mut search = Search { kms: &kms, project: "prod", lost: &mut lost, failing: Duration::ZERO };
        for (number, state) in [(1, json!("DISABLED")), (2, Value::Null), (3, json!("DESTROY_SCHEDULED"))] {
            search.take(KEY, &json!({"name": format!("{KEY}/cryptoKeyVersions/{number}"), "state": state}));
        }
        let found: Vec<_> = lost.found.iter().map(|version| version.name.version()).collect();
        assert_eq!((found, lost.unread.len()), (vec![Some("1"), Some("3")], 1), "{lost:?}");
        assert!(lost.unread[0].contains("it has no state") && lost.unread[0].contains(KEY), "{lost:?}");
    }

    #[tokio::test]
    async fn a_project_whose_lists_fail_for_too_long_is_searched_no_further() {
        let (kms, mut lost) = (out_of_reach(), LostVersions::default());
        let mut search = Search { kms: &kms, project: "prod", lost: &mut lost, failing: Duration::ZERO };
        let error = CallError::Unavailable { call: KEYS.call, message: "503".to_owned() };
        for (notes, took) in [(1, FAILING_TAKES / 2), (3, FAILING_TAKES / 2)] {
            search.fail("projects/prod/locations/us/keyRings/a", &error, took);
            assert_eq!(search.lost.unread.len(), notes, "{:?}", search.lost);
        }
        // Nobody is asked any more, so that nothing more fails.
        assert_eq!(search.list(LOST_VERSIONS, KEY).await, Vec::<Value>::new());
        assert_eq!(lost.unread.len(), 3, "{lost:?}");
    }
}
