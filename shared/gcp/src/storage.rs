//! A bucket of Cloud Storage: objects that are written once. How long they are kept is the bucket's retention policy.
//!
//! Source: <https://docs.cloud.google.com/storage/docs/json_api/v1/objects/insert>: `ifGenerationMatch=0` makes a write succeed only
//! where there is no such object.

use http::{Method, StatusCode};
use jiff::Timestamp;
use reprieve_engine::{CallError, EvidenceStore, StoredObject};
use serde_json::Value;

use crate::api::{Api, Call, encoded};

const HOST: &str = "https://storage.googleapis.com";

const INSERT: &str = "storage:InsertObject";
const READ: &str = "storage:GetObject";
const LIST: &str = "storage:ListObjects";

/// More pages than this are no archive, but a server that repeats itself.
const PAGES_LIMIT: usize = 100_000;

/// Says why a name is no bucket's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a bucket: 3 to 63 lower-case letters, digits, `-`, `_` and `.`")]
pub struct BucketError(String);

/// A bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    api: Api,
    name: String,
}

impl Bucket {
    /// Names a bucket.
    ///
    /// # Errors
    /// When it is no bucket's name.
    pub fn new(api: Api, name: &str) -> Result<Self, BucketError> {
        let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        if (3..=222).contains(&name.len()) && name.bytes().all(is_fit) {
            return Ok(Self { api, name: name.to_owned() });
        }
        Err(BucketError(name.to_owned()))
    }
}

impl EvidenceStore for Bucket {
    async fn put_once(&self, name: &str, content_type: &str, bytes: &[u8]) -> Result<bool, CallError> {
        let url = format!("{HOST}/upload/storage/v1/b/{}/o?uploadType=media&ifGenerationMatch=0&name={}", self.name, encoded(name));
        let call = Call { name: INSERT, method: Method::POST, url: &url, content_type, body: bytes.to_vec() };
        let answer = self.api.call(call, |status| status == StatusCode::PRECONDITION_FAILED).await?;
        Ok(answer.status.is_success())
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, CallError> {
        let url = format!("{HOST}/storage/v1/b/{}/o/{}?alt=media", self.name, encoded(name));
        let call = Call { name: READ, method: Method::GET, url: &url, content_type: "application/octet-stream", body: Vec::new() };
        let answer = self.api.call(call, |status| status == StatusCode::NOT_FOUND).await?;
        Ok(answer.status.is_success().then(|| answer.body.to_vec()))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<StoredObject>, CallError> {
        let mut objects = Vec::new();
        let mut page = String::new();
        for _ in 0..PAGES_LIMIT {
            let url = format!("{HOST}/storage/v1/b/{}/o?prefix={}&pageToken={}", self.name, encoded(prefix), encoded(&page));
            let answer = self.api.read_json(LIST, &url).await?;
            for item in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
                let unreadable =
                    || CallError::Rejected { call: LIST, message: "an object is listed without name, time or size".to_owned() };
                objects.push(object_of(item).ok_or_else(unreadable)?);
            }
            let Some(next) = answer.get("nextPageToken").and_then(Value::as_str).filter(|token| !token.is_empty()) else {
                objects.sort_by(|one, other| one.name.cmp(&other.name));
                return Ok(objects);
            };
            next.clone_into(&mut page);
        }
        Err(CallError::Rejected { call: LIST, message: format!("the list of `{prefix}` has no end") })
    }
}

fn object_of(item: &Value) -> Option<StoredObject> {
    let text = |field: &str| item.get(field).and_then(Value::as_str);
    let modified: Timestamp = text("timeCreated")?.parse().ok()?;
    Some(StoredObject { name: text("name")?.to_owned(), modified, size_bytes: text("size")?.parse().ok()? })
}
