//! Whether a call took effect: by `status`, of which none, an empty one and code 0 mean success.

use reprieve_core::CallOutcome;
use serde_json::Value;

use crate::error::shorten;
use crate::fields::{Fields, Oddities};

/// The codes of `google.rpc.Code`, from 1. <https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto>
const CODES: [&str; 16] = [
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

pub(super) fn read(payload: &Fields<'_>, odd: &mut Oddities) -> CallOutcome {
    let status = payload.object("status", odd);
    let message = || status.text("message", &mut Oddities::default()).map(|text| shorten(&text));
    let code = status.value("code", odd).cloned();
    match code.as_ref().and_then(|code| number(code).map(|number| (code, number))) {
        Some((_, 0)) => return CallOutcome::Succeeded,
        Some((_, number)) => return CallOutcome::Refused { code: name(number), message: message() },
        None => {}
    }
    if let Some(code) = code {
        let word = code.as_str().map_or_else(|| code.to_string(), ToOwned::to_owned);
        if word == "OK" {
            return CallOutcome::Succeeded;
        }
        return CallOutcome::Refused { code: shorten(&word), message: message() };
    }
    if !status.is_present() && is_denied(payload) {
        odd.note(payload.path("status"), "is missing, and no permission that was asked for was granted");
        return CallOutcome::Refused { code: name(7), message: None };
    }
    CallOutcome::Succeeded
}

fn number(code: &Value) -> Option<u64> {
    code.as_u64().or_else(|| code.as_str()?.trim().parse().ok())
}

fn name(number: u64) -> String {
    let known = usize::try_from(number).ok().and_then(|number| CODES.get(number.checked_sub(1)?));
    known.map_or_else(|| format!("CODE_{number}"), |name| (*name).to_owned())
}

/// Says whether the entry names permissions, and says of each that it was not granted.
fn is_denied(payload: &Fields<'_>) -> bool {
    let items = payload.value("authorizationInfo", &mut Oddities::default()).and_then(Value::as_array).cloned().unwrap_or_default();
    !items.is_empty() && items.iter().all(|item| item.get("granted") == Some(&Value::Bool(false)))
}
