//! CloudFormation's custom resources: what it asks for, and the document that answers it.
//!
//! A stack waits an hour for an answer that never comes, so whoever asked is read first and by itself: a request that makes no sense
//! can still be refused. The address to answer to is a presigned URL, so a secret: no error and no `Debug` text shows it.
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref.html>.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value, json};

use crate::error::{WireError, kind, shorten, shorten_value};

/// The largest answer that CloudFormation reads, in bytes.
pub const ANSWER_LIMIT_BYTES: usize = 4096;

const EXPECTED: &str = "a CloudFormation custom resource request";

/// What is to become of the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestType {
    /// It is made.
    Create,
    /// The stack or its properties changed.
    Update,
    /// It is taken out of the stack, or its creation is rolled back.
    Delete,
}

impl RequestType {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "Create" => Some(Self::Create),
            "Update" => Some(Self::Update),
            "Delete" => Some(Self::Delete),
            _ => None,
        }
    }

    /// Returns CloudFormation's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Update => "Update",
            Self::Delete => "Delete",
        }
    }
}

/// Where an answer is put: a presigned URL of S3, to be used exactly as it was written.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseUrl(String);

impl ResponseUrl {
    /// Returns the URL. It is a secret: whoever has it may answer.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseUrl(..)")
    }
}

/// Who asked, and about which resource: what every answer repeats. What the request does not say is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// `ResponseURL`.
    pub url: ResponseUrl,
    /// `StackId`: the stack's ARN.
    pub stack_id: String,
    /// `RequestId`; a repeated request carries the same one.
    pub request_id: String,
    /// `LogicalResourceId`: the resource's name in the template.
    pub logical_resource_id: String,
    /// `PhysicalResourceId`: what an earlier answer called it; absent while it is being created.
    pub physical_resource_id: Option<String>,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomResourceRequest {
    /// What is to become of the resource.
    pub request_type: RequestType,
    /// Who asked.
    pub reply_to: ReplyTo,
    /// `ResourceType`, such as `Custom::ReprieveMonitoring`.
    pub resource_type: String,
    /// `ResourceProperties`, without `ServiceToken`. CloudFormation sends every scalar as a string.
    pub properties: Map<String, Value>,
    /// `OldResourceProperties` of an update, without `ServiceToken`.
    pub old_properties: Map<String, Value>,
}

/// A request that makes no sense, and who must be told so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct UnreadableRequest {
    /// What is wrong with it.
    pub error: WireError,
    /// Who asked, where the request says where to answer.
    pub reply_to: Option<Box<ReplyTo>>,
}

/// Says whether a payload is meant as a request of CloudFormation, readable or not.
#[must_use]
pub fn is_custom_resource_request(payload: &Value) -> bool {
    payload.get("ResponseURL").is_some() || (payload.get("RequestType").is_some() && payload.get("StackId").is_some())
}

/// Parses a request.
///
/// # Errors
/// Says what is wrong with the request, and to whom that can be answered.
pub fn parse_custom_resource_request(payload: &Value) -> Result<CustomResourceRequest, UnreadableRequest> {
    let object =
        payload.as_object().ok_or_else(|| UnreadableRequest { error: WireError::not_an_object(EXPECTED, payload), reply_to: None })?;
    let reply_to = reply_to(object).map_err(|error| UnreadableRequest { error, reply_to: None })?;
    let checked = request_type(object).and_then(|request_type| check_ids(&reply_to, request_type).map(|()| request_type));
    match checked {
        Ok(request_type) => Ok(CustomResourceRequest {
            request_type,
            reply_to,
            resource_type: text(object, "ResourceType"),
            properties: properties(object, "ResourceProperties"),
            old_properties: properties(object, "OldResourceProperties"),
        }),
        Err(error) => Err(UnreadableRequest { error, reply_to: Some(Box::new(reply_to)) }),
    }
}

fn reply_to(object: &Map<String, Value>) -> Result<ReplyTo, WireError> {
    let url = text(object, "ResponseURL");
    if url.is_empty() {
        let found = object.get("ResponseURL").map_or("nothing", kind);
        return Err(WireError::Container {
            expected: "the `ResponseURL` of a CloudFormation custom resource request",
            input: found.to_owned(),
        });
    }
    Ok(ReplyTo {
        url: ResponseUrl(url),
        stack_id: text(object, "StackId"),
        request_id: text(object, "RequestId"),
        logical_resource_id: text(object, "LogicalResourceId"),
        physical_resource_id: Some(text(object, "PhysicalResourceId")).filter(|id| !id.is_empty()),
    })
}

fn request_type(object: &Map<String, Value>) -> Result<RequestType, WireError> {
    let written = object.get("RequestType");
    let known = written.and_then(Value::as_str).and_then(RequestType::parse);
    known.ok_or_else(|| WireError::Container {
        expected: "a `RequestType` of `Create`, `Update` or `Delete`",
        input: written.map_or_else(|| "nothing".to_owned(), shorten_value),
    })
}

/// CloudFormation takes no answer that does not repeat these. What stands cannot be updated or deleted without its id.
fn check_ids(reply_to: &ReplyTo, request_type: RequestType) -> Result<(), WireError> {
    let nothing = |expected| Err(WireError::Container { expected, input: "nothing".to_owned() });
    if reply_to.stack_id.is_empty() {
        return nothing("the `StackId` of a CloudFormation custom resource request");
    }
    if reply_to.request_id.is_empty() {
        return nothing("the `RequestId` of a CloudFormation custom resource request");
    }
    if reply_to.logical_resource_id.is_empty() {
        return nothing("the `LogicalResourceId` of a CloudFormation custom resource request");
    }
    match (request_type, &reply_to.physical_resource_id) {
        (RequestType::Update, None) => nothing("the `PhysicalResourceId` of the resource that is to be updated"),
        (RequestType::Delete, None) => nothing("the `PhysicalResourceId` of the resource that is to be deleted"),
        (RequestType::Create, _) | (RequestType::Update | RequestType::Delete, Some(_)) => Ok(()),
    }
}

fn text(object: &Map<String, Value>, name: &str) -> String {
    object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn properties(object: &Map<String, Value>, name: &str) -> Map<String, Value> {
    let mut properties = object.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    properties.remove("ServiceToken");
    properties
}

/// Whether what was asked for came true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerStatus {
    /// The stack goes on.
    Success,
    /// The stack rolls back.
    Failed,
}

impl AnswerStatus {
    /// Returns CloudFormation's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomResourceAnswer {
    /// Whether what was asked for came true.
    pub status: AnswerStatus,
    /// What people read in the stack's events.
    pub reason: String,
    /// What the resource is called. Another one than before makes CloudFormation delete what bears the old one.
    pub physical_resource_id: String,
    /// What `Fn::GetAtt` returns, by attribute.
    pub data: BTreeMap<String, String>,
}

impl CustomResourceAnswer {
    /// Writes the answer to a request. Where it would be longer than CloudFormation reads, its longest texts are cut short.
    #[must_use]
    pub fn document(&self, reply_to: &ReplyTo) -> String {
        let mut answer = self.clone();
        loop {
            let document = answer.write(reply_to);
            let excess = document.len().saturating_sub(ANSWER_LIMIT_BYTES);
            if excess == 0 || !answer.cut_longest(excess) {
                return document;
            }
        }
    }

    fn write(&self, reply_to: &ReplyTo) -> String {
        json!({
            "Status": self.status.as_str(),
            "Reason": self.reason,
            "PhysicalResourceId": self.physical_resource_id,
            "StackId": reply_to.stack_id,
            "RequestId": reply_to.request_id,
            "LogicalResourceId": reply_to.logical_resource_id,
            "NoEcho": false,
            "Data": self.data,
        })
        .to_string()
    }

    /// Cuts the longest text, to be rid of this many bytes. Returns false where nothing is left to cut.
    fn cut_longest(&mut self, excess: usize) -> bool {
        let texts = std::iter::once(&mut self.reason).chain(self.data.values_mut());
        let Some(longest) = texts.max_by_key(|text| text.len()).filter(|text| !text.is_empty()) else {
            return false;
        };
        let kept = longest.len().saturating_sub(excess + '…'.len_utf8());
        let end = longest.floor_char_boundary(kept);
        longest.truncate(end);
        if end > 0 {
            longest.push('…');
        }
        true
    }
}

/// Shows the request without its address: enough for a log.
impl fmt::Display for CustomResourceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of `{}`", self.request_type.as_str(), shorten(&self.reply_to.logical_resource_id))
    }
}
