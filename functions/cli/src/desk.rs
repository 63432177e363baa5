//! What the verbs of the change manager's desk share: opening it, what is approved, and how keys, people, times and commands are written.

pub(crate) mod approvable;
pub(crate) mod name;

use jiff::{Timestamp, Unit};
use reprieve_aws_desk::{Desk, DeskSettings, KeyFile};
use reprieve_azure_desk as azure;
use reprieve_core::approval::Written;
use reprieve_core::approval::window::Window;
use reprieve_core::facts::Recollection;

use crate::args::desk::{AzureArguments, CloudArguments};

/// Opens the desk on AWS as the options say.
///
/// # Errors
/// When TLS cannot be set up.
pub(crate) async fn open(cloud: &CloudArguments) -> anyhow::Result<Desk> {
    let settings = DeskSettings { profile: cloud.profile.clone(), region: cloud.region.clone() };
    Ok(Desk::open(&settings).await?)
}

/// Opens the desk on Azure as the options say. The environment may send it to a sandbox on this machine, with tokens for that: see
/// `shared/docs/approvals.md`.
///
/// # Errors
/// When TLS cannot be set up, or something that was given cannot be used.
pub(crate) fn open_azure(arguments: &AzureArguments) -> anyhow::Result<azure::Desk> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let settings = azure::DeskSettings {
        client_id: arguments.client_id.clone(),
        endpoint_url: variable("REPRIEVE_AZURE_ENDPOINT_URL"),
        access_tokens: variable("REPRIEVE_AZURE_ACCESS_TOKENS"),
    };
    Ok(azure::Desk::open(&settings)?)
}

/// Returns what the ledger of AWS holds of approvals.
pub(crate) fn written(known: &Recollection) -> Written {
    Written { approvals: known.approvals.clone(), revocations: known.revocations.clone() }
}

/// Returns what people call the key: its first alias, else its id.
pub(crate) fn name_of(key: &KeyFile) -> &str {
    key.aliases.first().map_or_else(|| key.arn.key_id(), String::as_str)
}

/// Returns a short name for whoever an approval names: of a session the person and the role, of other ARNs the last part.
pub(crate) fn short_approver(approver: &str) -> String {
    if !approver.starts_with("arn:") {
        return approver.to_owned();
    }
    let resource = approver.splitn(6, ':').nth(5).unwrap_or(approver);
    let mut parts = resource.split('/');
    match (parts.next(), parts.next(), parts.next_back()) {
        (Some("assumed-role"), Some(role), Some(session)) => format!("{session} as {role}"),
        (Some(_), Some(name), None) | (Some(_), Some(_), Some(name)) => name.to_owned(),
        (Some(_) | None, None | Some(_), _) => resource.to_owned(),
    }
}

/// Returns a moment as people read it, to the minute.
pub(crate) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Returns a window as people read it; the day of its end is left out where it is that of its start.
pub(crate) fn shown_window(window: Window) -> String {
    let same_day = window.start.strftime("%F").to_string() == window.end.strftime("%F").to_string();
    let end = window.end.strftime(if same_day { "%H:%M UTC" } else { "%Y-%m-%d %H:%M UTC" });
    format!("{} to {end}", window.start.strftime("%Y-%m-%d %H:%M"))
}

/// Returns how far two moments are apart, in the unit that suits.
pub(crate) fn distance(one: Timestamp, other: Timestamp) -> String {
    let minutes = one.since((Unit::Minute, other)).map_or(0, |span| span.get_minutes()).abs();
    let count = |count: i64, unit: &str| if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") };
    match minutes {
        0 => "less than a minute".to_owned(),
        1..120 => count(minutes, "minute"),
        120..2880 => count(minutes / 60, "hour"),
        _ => count(minutes / 1440, "day"),
    }
}

/// Returns a word as a shell takes it for one word.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@%+=:,./_-".contains(&byte));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approvers_are_shown_short() {
        for (approver, shown) in [
            ("carol@example.com", "carol@example.com"),
            ("arn:aws:sts::111122223333:assumed-role/Approver/carol@example.com", "carol@example.com as Approver"),
            ("arn:aws:iam::111122223333:user/path/carol", "carol"),
            ("arn:aws:iam::111122223333:role/platform/Approver", "Approver"),
            ("arn:aws:iam::111122223333:role/Approver", "Approver"),
            ("arn:aws:iam::111122223333:root", "root"),
        ] {
            assert_eq!(short_approver(approver), shown);
        }
    }

    #[test]
    fn distances_are_shown_in_the_unit_that_suits() {
        let start: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
        for (later, shown) in [
            ("2026-12-01T00:00:30Z", "less than a minute"),
            ("2026-12-01T00:01:30Z", "1 minute"),
            ("2026-12-01T01:30:00Z", "90 minutes"),
            ("2026-12-02T00:00:00Z", "24 hours"),
            ("2026-12-12T23:00:00Z", "11 days"),
        ] {
            let later = later.parse().unwrap();
            assert_eq!((distance(later, start).as_str(), distance(start, later).as_str()), (shown, shown));
        }
    }

    #[test]
    fn windows_name_the_day_of_their_end_where_it_is_another() {
        for (window, shown) in [
            ("2026-12-01T21:00:00Z/2026-12-01T23:00:00Z", "2026-12-01 21:00 to 23:00 UTC"),
            ("2026-12-01T21:00:00Z/2026-12-02T03:00:00Z", "2026-12-01 21:00 to 2026-12-02 03:00 UTC"),
        ] {
            assert_eq!(shown_window(Window::parse(window).unwrap()), shown);
        }
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_split_them() {
        for (word, text) in [("CHG-1", "CHG-1"), ("CHG 1", "'CHG 1'"), ("it's", r"'it'\''s'"), ("", "''")] {
            assert_eq!(quoted(word), text);
        }
    }
}
