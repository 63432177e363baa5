//! The errors of a vault's data plane, in Key Vault's words.
//!
//! Must not decide when they are due.

use jiff::Timestamp;
use serde_json::json;

use super::store::{Object, ObjectKind, State};
use crate::request::Answer;

/// An error of the data plane.
pub(super) fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::error(status, code, message)
}

/// An error of the data plane that says more inside.
pub(super) fn error_with(status: u16, code: &str, message: &str, inner: &str) -> Answer {
    let body = json!({ "error": { "code": code, "message": message, "innererror": { "code": inner } } });
    Answer { body: Some(body), ..Answer::status(status) }
}

/// The 404 of a live object.
pub(super) fn not_found(kind: ObjectKind, name: &str) -> Answer {
    let word = kind.word().to_ascii_lowercase();
    let message = format!(
        "A {word} with (name/id) {name} was not found in this key vault. If you recently deleted this {word} you may be able to recover it using \
         the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"
    );
    error(404, &format!("{}NotFound", kind.word()), &message)
}

/// The 404 of a deleted object.
pub(super) fn not_deleted(kind: ObjectKind, name: &str) -> Answer {
    error(404, &format!("{}NotFound", kind.word()), &format!("Deleted {} not found: {name}", kind.word()))
}

/// The 409 of an object that is deleted, being deleted or being recovered.
pub(super) fn conflict(kind: ObjectKind, object: &Object, now: Timestamp) -> Answer {
    let (word, name) = (kind.word(), &object.name);
    match object.state {
        State::Live { .. } => error_with(
            409,
            "Conflict",
            &format!("{word} {name} is currently being recovered, and cannot be changed; wait until it is done."),
            "ObjectIsBeingRecovered",
        ),
        State::Deleted { ready_at, .. } if now < ready_at => error_with(
            409,
            "Conflict",
            &format!("{word} {name} is currently being deleted and cannot be re-created, recovered or purged; retry later."),
            "ObjectIsBeingDeleted",
        ),
        State::Deleted { .. } => {
            let lower = word.to_ascii_lowercase();
            let message = format!(
                "{word} {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the {lower} can only be recovered or purged."
            );
            error_with(409, "Conflict", &message, "ObjectIsDeletedButRecoverable")
        }
    }
}
