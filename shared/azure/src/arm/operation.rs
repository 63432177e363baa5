//! Asynchronous operations of Resource Manager: what an accepted request tells about its end, and how its state is read
//! (<https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>).

use azure_core::http::Url;
use azure_core::http::headers::{HeaderName, Headers};
use serde_json::Value;

use super::Answer;
use super::path;

const AZURE_ASYNC_OPERATION: HeaderName = HeaderName::from_static("azure-asyncoperation");
const LOCATION: HeaderName = HeaderName::from_static("location");

/// The provisioning states in which a resource is on its way. Others are ends, those of Managed HSM such as `Activated` included.
const UNDER_WAY: [&str; 13] = [
    "Accepted",
    "Creating",
    "InProgress",
    "Pending",
    "Provisioning",
    "Recovering",
    "Registering",
    "RegisteringDns",
    "ResolvingDns",
    "Restoring",
    "Running",
    "Updating",
    "Validating",
];

/// Where the end of an operation is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Follow {
    /// By a status document.
    Status(Url),
    /// By this URL, which answers 202 until then.
    Location(Url),
    /// By the resource itself.
    Resource,
}

/// How far an operation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Not done.
    UnderWay,
    /// Done.
    Done,
    /// It failed or was cancelled; this is what is told about it.
    Failed(Value),
}

impl Follow {
    /// Returns where the end of what was just accepted is told; nothing where it has ended already.
    ///
    /// # Errors
    /// When it would be told by another host.
    pub(crate) fn of(answer: &Answer) -> Result<Option<Self>, String> {
        if let Some(url) = link(&answer.headers, &AZURE_ASYNC_OPERATION)? {
            return Ok(Some(Self::Status(url)));
        }
        if answer.status == 202
            && let Some(url) = link(&answer.headers, &LOCATION)?
        {
            return Ok(Some(Self::Location(url)));
        }
        let is_under_way = answer.status == 202 || progress_of_resource(&answer.body) == Progress::UnderWay;
        Ok(is_under_way.then_some(Self::Resource))
    }

    /// Reads how far it is, from the answer at the place where it is told.
    pub(crate) fn progress(&self, answer: &Answer) -> Progress {
        match self {
            Self::Status(_) => progress_of_status(answer),
            Self::Location(_) if answer.status == 202 => Progress::UnderWay,
            Self::Location(_) => Progress::Done,
            Self::Resource => progress_of_resource(&answer.body),
        }
    }
}

/// Reads where the result of an action will be.
pub(crate) fn result_link(headers: &Headers) -> Result<Option<Url>, String> {
    link(headers, &LOCATION)
}

fn link(headers: &Headers, name: &HeaderName) -> Result<Option<Url>, String> {
    headers.get_optional_str(name).map(path::link).transpose()
}

fn progress_of_status(answer: &Answer) -> Progress {
    let status = answer.body.get("status").and_then(Value::as_str);
    match status {
        Some(status) if status.eq_ignore_ascii_case("Succeeded") => Progress::Done,
        Some(status) if ["Failed", "Canceled", "Cancelled"].iter().any(|end| status.eq_ignore_ascii_case(end)) => {
            Progress::Failed(answer.body.clone())
        }
        // Some providers answer 200 or 204 without a word at the end.
        None if answer.status != 202 => Progress::Done,
        Some(_) | None => Progress::UnderWay,
    }
}

fn progress_of_resource(body: &Value) -> Progress {
    let state = body.pointer("/properties/provisioningState").and_then(Value::as_str).unwrap_or("Succeeded");
    if UNDER_WAY.iter().any(|under_way| state.eq_ignore_ascii_case(under_way)) {
        return Progress::UnderWay;
    }
    let has_failed = ["Failed", "Canceled"].iter().any(|end| state.eq_ignore_ascii_case(end));
    if has_failed { Progress::Failed(body.get("properties").cloned().unwrap_or_default()) } else { Progress::Done }
}
