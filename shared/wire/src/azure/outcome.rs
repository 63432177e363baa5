//! Whether a call on Azure did what it says. Records say it in several places, and some of them say `Success` of a call that was
//! refused: whichever place tells of a refusal is believed. A server that failed does not say whether the call took effect, so such a
//! call is never taken for refused: a look too many does no harm. For the same reason a call that has only begun is taken for done;
//! whoever counts calls asks [`has_only_begun`].

use reprieve_core::audit::{AuditEvent, Log};
use reprieve_core::{CallOutcome, Event};

use crate::error::shorten;
use crate::fields::Oddities;

/// What is noted of a call whose server failed.
const OF_UNKNOWN_EFFECT: &str = "tells of a server that failed; the call is taken to have had its effect";

/// The reason phrases of HTTP that name a failure, as Azure writes them.
const FAILURES: [(&str, u16); 20] = [
    ("BadRequest", 400),
    ("Unauthorized", 401),
    ("PaymentRequired", 402),
    ("Forbidden", 403),
    ("NotFound", 404),
    ("MethodNotAllowed", 405),
    ("NotAcceptable", 406),
    ("RequestTimeout", 408),
    ("Conflict", 409),
    ("Gone", 410),
    ("PreconditionFailed", 412),
    ("RequestEntityTooLarge", 413),
    ("UnsupportedMediaType", 415),
    ("UnprocessableEntity", 422),
    ("Locked", 423),
    ("TooManyRequests", 429),
    ("InternalServerError", 500),
    ("BadGateway", 502),
    ("ServiceUnavailable", 503),
    ("GatewayTimeout", 504),
];

/// Where a record of the Activity Log says how its call stands, as its REST API lists it and as it is exported; the first that is there
/// counts.
pub(super) const STATUS_FIELDS: [&str; 2] = ["status", "resultType"];

/// What the Activity Log says of a call that goes on, in small letters and without spaces, which differ from record to record.
/// Source: <https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema>
const BEGINNINGS: [&str; 5] = ["start", "started", "accept", "accepted", "inprogress"];

/// Says whether a record of the Activity Log tells that a call has begun, and not how it ended: another record of the same call tells
/// that.
#[must_use]
pub fn has_only_begun(entry: &AuditEvent) -> bool {
    let said = |field: &&str| entry.response.get(&format!("{field}.value")).or_else(|| entry.response.get(*field));
    let status = || STATUS_FIELDS.iter().find_map(said);
    let is_of_activities = matches!(entry.log, Log::AzureActivityLog);
    is_of_activities && entry.event.outcome == CallOutcome::Succeeded && status().is_some_and(|status| is_beginning(status))
}

fn is_beginning(status: &str) -> bool {
    let letters = status.chars().filter(|letter| !letter.is_whitespace());
    BEGINNINGS.contains(&letters.map(|letter| letter.to_ascii_lowercase()).collect::<String>().as_str())
}

/// Takes the most telling of these words: a reason such as `Forbidden` or `403` before a mere `Failed`. None of them: the call is
/// taken to have had its effect.
pub(super) fn of_words(words: &[&str], message: Option<String>, field: &str, odd: &mut Oddities) -> CallOutcome {
    if let Some(word) = words.iter().find(|word| parts(word).filter_map(failing_status).any(|status| status >= 500)) {
        odd.note(field, format!("{OF_UNKNOWN_EFFECT}: `{}`", shorten(word)));
        return CallOutcome::Succeeded;
    }
    let reason = words.iter().flat_map(|word| parts(word)).find(|part| failing_status(part).is_some());
    let code = reason.or_else(|| words.iter().copied().find(|word| is_failure(word)));
    code.map_or(CallOutcome::Succeeded, |code| CallOutcome::Refused { code: shorten(code), message })
}

/// Returns what said that the server failed, where that left open whether the call took effect.
pub(crate) fn failure_of_server(event: &Event) -> Option<String> {
    let quoted = event.oddities.iter().find_map(|oddity| oddity.what.strip_prefix(OF_UNKNOWN_EFFECT))?;
    Some(quoted.trim_start_matches(": ").trim_matches('`').to_owned())
}

fn is_failure(word: &str) -> bool {
    let usual = word.trim().to_ascii_lowercase();
    usual.starts_with("fail") || usual.starts_with("cancel")
}

fn parts(word: &str) -> impl Iterator<Item = &str> {
    word.split(['.', ' ']).filter(|part| !part.is_empty())
}

fn failing_status(word: &str) -> Option<u16> {
    let number = word.parse::<u16>().ok().filter(|status| word.len() == 3 && (400..600).contains(status));
    number.or_else(|| FAILURES.iter().find(|(phrase, _)| phrase.eq_ignore_ascii_case(word)).map(|(_, status)| *status))
}

/// Returns the reason phrase of a failing status; of an unusual one, its number.
pub(super) fn reason(status: u32) -> String {
    let phrase = FAILURES.iter().find(|(_, number)| u32::from(*number) == status).map(|(phrase, _)| (*phrase).to_owned());
    phrase.unwrap_or_else(|| status.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_from_success_in_every_word_that_azure_writes() {
        for (word, expected) in [
            ("Success", None),
            ("Succeeded", None),
            ("Succeeded.Created", None),
            ("200", None),
            ("", None),
            ("OK", None),
            ("None", None),
            ("Failed", Some("Failed")),
            ("Failure", Some("Failure")),
            ("Canceled", Some("Canceled")),
            ("Failed.Forbidden", Some("Forbidden")),
            ("forbidden", Some("forbidden")),
            ("403", Some("403")),
            ("Conflict", Some("Conflict")),
            ("Forbidden (HTTP Status Code: 403)", Some("Forbidden")),
        ] {
            let outcome = of_words(&["Succeeded", word], None, "status", &mut Oddities::default());
            let refused = |code: &str| CallOutcome::Refused { code: code.to_owned(), message: None };
            assert_eq!(outcome, expected.map_or(CallOutcome::Succeeded, refused), "{word}");
        }
    }

    #[test]
    fn a_call_that_has_begun_is_taken_for_done() {
        for word in ["Start", "Started", "ACCEPT", "Accepted", "In Progress", "InProgress"] {
            assert!(is_beginning(word), "{word}");
            assert_eq!(of_words(&[word], None, "status", &mut Oddities::default()), CallOutcome::Succeeded, "{word}");
        }
        for word in ["Succeeded", "Failed", "Restarted", ""] {
            assert!(!is_beginning(word), "{word}");
        }
    }
}
