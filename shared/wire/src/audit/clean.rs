//! Takes out of an event what its parser quotes of the input: an audit entry holds only what a list names.
//!
//! Notes keep what they say, and lose what they quote. A provider's message may repeat a parameter, so of its words only those pass
//! that providers' own sentences are made of, the names of actions and permissions, and ARNs.

use reprieve_core::audit::Credential;
use reprieve_core::{CallOutcome, Event, Oddity, Target};

use super::excerpt::without_secrets_of_url;

/// The most words of a message that are kept.
const MOST_WORDS: usize = 80;
/// The longest name or agent that is kept, in characters.
const MOST_CHARACTERS: usize = 512;

/// Words of the sentences in which providers refuse a call, in lower case.
const WORDS: &str = "a access action actions active alias all allow allowed already alternate an and any are as assertion assigned \
    assignment associated at attempt authentication authorization authorized backing backup be because been being boundary but by \
    call caller can cannot can't caught certificate change client cluster condition conflict connected context control could current \
    custom data date deny denied delete deleted deleting deletion denies disabled disconnected do does doesn't domain due enabled \
    encrypted encryption error event exceeded exist exists expired explicit failed failure find following for forbidden found from \
    function given grant group handles has have held hsm identity identity-based if in insufficient invalid is it its key keys limit \
    lock locked log made managed manager marked material may message missing more must my name network no not object of on one only \
    operation or organization other out parameter pending performing perform permission permissions permitted perms please policies \
    policy previous principal process progress protection public purge rate read recoverable recovery refused region rejected \
    request requested requests required reset resource resource-based resources role rotation same scheduled scope secret secrets \
    security service session set signature some specified state status store subscription such support supported temporarily tenant \
    allows that the there this throttled throttling throughput time to token too trail unable unauthorized unavailable under unknown \
    unsupported until update use used user user-assigned using valid vault vaults version vpc was were when where which while who \
    will window with without you your";

/// Cleans an event.
pub(crate) fn event(mut event: Event) -> Event {
    event.oddities = event.oddities.into_iter().map(oddity).collect();
    event.outcome = outcome(event.outcome);
    event.target = match event.target {
        Target::Named(name) => Target::Named(limited(&without_query(&name))),
        target @ (Target::Key(_) | Target::KeyStore(_) | Target::Azure(_) | Target::Google(_) | Target::Unnamed) => target,
    };
    let actor = &mut event.actor;
    for text in [&mut actor.user_agent, &mut actor.source_address, &mut actor.session_name, &mut actor.user_name].into_iter().flatten() {
        *text = limited(&without_queries(text));
    }
    event
}

/// Cleans what names a credential.
pub(crate) fn credential(mut credential: Credential) -> Credential {
    for text in [&mut credential.id, &mut credential.identity_provider].into_iter().flatten() {
        *text = limited(&without_queries(text));
    }
    credential
}

/// A note quotes the input behind a backtick, or in brackets.
fn oddity(oddity: Oddity) -> Oddity {
    let said = oddity.what.split(['`', '(']).next().unwrap_or_default();
    let said = said.trim_end_matches([' ', ':', ',', ';']);
    // That is how the guard takes it; here the outcome says that it failed.
    let what = said.replace("the call is taken to have had its effect", "whether the call had its effect is not known");
    Oddity { field: oddity.field, what }
}

fn outcome(outcome: CallOutcome) -> CallOutcome {
    match outcome {
        CallOutcome::Succeeded => CallOutcome::Succeeded,
        CallOutcome::Refused { code, message } => {
            CallOutcome::Refused { code: self::code(&code), message: message.as_deref().and_then(self::message) }
        }
    }
}

/// Codes are one word, such as `AccessDenied` or `Client.UnauthorizedOperation`; anything else is no code.
fn code(text: &str) -> String {
    let is_code = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':' | b'/' | b'#');
    if text.len() <= 100 && text.bytes().all(is_code) { text.to_owned() } else { "(unreadable code)".to_owned() }
}

fn message(text: &str) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace().take(MOST_WORDS) {
        let kept = self::word(word);
        let is_repeated = kept == "…" && words.last().is_some_and(|last| last == "…");
        if !is_repeated {
            words.push(kept);
        }
    }
    words.iter().any(|word| word != "…").then(|| words.join(" "))
}

/// Returns a word that may pass, or `…` with the punctuation behind it left out.
fn word(text: &str) -> String {
    let bare = text.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let usual = bare.to_ascii_lowercase();
    let is_number = !bare.is_empty() && bare.len() <= 3 && bare.bytes().all(|byte| byte.is_ascii_digit());
    let is_known = WORDS.split_ascii_whitespace().any(|known| known == usual);
    if is_number || is_known || is_action(bare) || is_permission(bare) || is_arn(bare) {
        without_odd_marks(text, bare)
    } else {
        "…".to_owned()
    }
}

/// Keeps the punctuation of a sentence around a word, and nothing else.
fn without_odd_marks(text: &str, bare: &str) -> String {
    let behind = text.rsplit_once(bare).map_or("", |(_, behind)| behind);
    let mark: String = behind.chars().filter(|c| matches!(c, '.' | ',' | ':' | ';')).take(1).collect();
    format!("{bare}{mark}")
}

/// `kms:Decrypt`: a service and one of its actions, in letters.
fn is_action(text: &str) -> bool {
    const SERVICES: [&str; 12] =
        ["kms", "secretsmanager", "ssm", "cloudhsm", "acm", "acm-pca", "s3", "cloudtrail", "logs", "cloudwatch", "sns", "events"];
    text.split_once(':').is_some_and(|(service, action)| {
        SERVICES.contains(&service) && action.len() <= 50 && action.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}

/// `cloudkms.cryptoKeyVersions.destroy`: a service of Google Cloud, a kind of resource and a verb, in letters.
fn is_permission(text: &str) -> bool {
    const SERVICES: [&str; 4] = ["cloudkms", "secretmanager", "logging", "monitoring"];
    let is_word = |part: &str| part.len() <= 50 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    match text.split('.').collect::<Vec<&str>>().as_slice() {
        [service, resource, verb] => SERVICES.contains(service) && is_word(resource) && is_word(verb),
        _ => false,
    }
}

fn is_arn(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'/' | b'-' | b'_' | b'.' | b'+' | b'@' | b'*');
    text.starts_with("arn:") && text.split(':').count() >= 6 && text.len() <= 512 && text.bytes().all(is_plain)
}

/// Names are written by whoever calls: what looks like a query is cut off, as it may hold a signature.
fn without_query(text: &str) -> String {
    let text = without_secrets_of_url(text);
    text.split(['?', '#']).next().unwrap_or_default().to_owned()
}

/// Returns a text in which every URL has lost its query.
fn without_queries(text: &str) -> String {
    let words: Vec<_> = text.split(' ').map(without_secrets_of_url).collect();
    words.join(" ")
}

fn limited(text: &str) -> String {
    if text.chars().count() <= MOST_CHARACTERS {
        text.to_owned()
    } else {
        format!("{}…", text.chars().take(MOST_CHARACTERS).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_message_the_providers_words_actions_and_arns_are_kept_and_nothing_that_a_caller_chose() {
        for (written, kept) in [
            (
                "User: arn:aws:iam::111122223333:user/eve is not authorized to perform: kms:Decrypt on resource: \
                 arn:aws:kms:eu-west-1:111122223333:key/1234 because no identity-based policy allows the kms:Decrypt action",
                Some(
                    "User: arn:aws:iam::111122223333:user/eve is not authorized to perform: kms:Decrypt on resource: \
                     arn:aws:kms:eu-west-1:111122223333:key/1234 because no identity-based policy allows the kms:Decrypt action",
                ),
            ),
            ("1 validation error detected: Value 'hunter2' at 'plaintext' failed", Some("1 … error … at … failed")),
            (
                "Permission 'cloudkms.cryptoKeyVersions.destroy' denied on resource 'hunter2' (or it may not exist).",
                Some("Permission cloudkms.cryptoKeyVersions.destroy denied on resource … or it may not exist."),
            ),
            ("cloudkms.aHVudGVyMg==.get", None),
            ("hunter2", None),
            ("", None),
        ] {
            assert_eq!(message(written).as_deref(), kept, "{written}");
        }
    }

    #[test]
    fn a_code_is_one_word() {
        assert_eq!(code("Client.UnauthorizedOperation"), "Client.UnauthorizedOperation");
        assert_eq!(code("{\"plaintext\":\"aGVsbG8=\"}"), "(unreadable code)");
    }

    #[test]
    fn a_note_says_what_was_odd_and_quotes_nothing() {
        for (what, said) in [
            ("is not a time: `hunter2`", "is not a time"),
            ("is a list where a string is expected; its items are joined", "is a list where a string is expected; its items are joined"),
            (
                "is the only place that reports a failure: 1 of 2 backing keys were not deleted (key handles: 9)",
                "is the only place that reports a failure: 1 of 2 backing keys were not deleted",
            ),
        ] {
            assert_eq!(oddity(Oddity { field: "f".to_owned(), what: what.to_owned() }).what, said);
        }
    }
}
