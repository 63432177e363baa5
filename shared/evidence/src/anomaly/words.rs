//! The reasons in words.

use std::fmt::Write as _;

use reprieve_core::audit::{Asset, AssetKind, AuditEvent};

use super::days::{Day, Fade, Novelty, weekday, written};
use super::profile::Principal;

/// The longest name in a sentence, in characters.
const NAME_LIMIT: usize = 96;

/// Gaps of more days than this are named by the day before them.
const LONG_GAP_DAYS: i64 = 30;

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Names the caller: `role X`, `user X`, or as the event names them.
pub(super) fn caller(event: &AuditEvent) -> String {
    let actor = &event.event.actor;
    let last = |text: &str| text.rsplit('/').next().unwrap_or(text).to_owned();
    let named = match (&actor.role, actor.arn.as_deref()) {
        (Some(role), _) => format!("role {}", last(role.as_str())),
        (None, Some(arn)) if arn.contains(":user/") => format!("user {}", last(arn)),
        (None, _) => actor.display_name(),
    };
    shown(&named)
}

/// Names what was called: `key 1234abcd-...`, `secret prod/db`.
pub(super) fn object(asset: &Asset) -> String {
    let kind = match asset.kind {
        AssetKind::Key => "key",
        AssetKind::KeyAlias => "alias",
        AssetKind::KeyStore => "key store",
        AssetKind::Vault => "vault",
        AssetKind::Secret => "secret",
        AssetKind::Parameter => "parameter",
        AssetKind::Certificate => "certificate",
        AssetKind::AuditLog => "log",
        AssetKind::Storage => "storage",
        AssetKind::DatabaseAudit => "database audit of",
        AssetKind::Alert => "alert",
    };
    shown(&format!("{kind} {}", name_of(asset)))
}

/// What in an id of Azure or Google stands before the name of a key or secret; a version may follow it.
const COLLECTIONS: [&str; 4] = ["cryptoKeys", "secrets", "keys", "certificates"];

/// Returns an asset's own name.
fn name_of(asset: &Asset) -> &str {
    let id = asset.id.as_str();
    if let Some(resource) = id.strip_prefix("arn:").and_then(|rest| rest.splitn(5, ':').nth(4)) {
        // Names of secrets and parameters may have slashes of their own.
        return match asset.kind {
            AssetKind::Secret => resource.strip_prefix("secret:").unwrap_or(resource),
            AssetKind::Parameter => resource.strip_prefix("parameter").unwrap_or(resource),
            AssetKind::Key
            | AssetKind::KeyAlias
            | AssetKind::KeyStore
            | AssetKind::Vault
            | AssetKind::Certificate
            | AssetKind::AuditLog
            | AssetKind::Storage
            | AssetKind::DatabaseAudit
            | AssetKind::Alert => resource.split_once('/').map_or(resource, |(_, name)| name),
        };
    }
    let parts: Vec<&str> = id.split('/').collect();
    let place = parts.iter().rposition(|part| COLLECTIONS.contains(part));
    place.and_then(|place| parts.get(place + 1)).or(parts.last()).copied().unwrap_or(id)
}

/// Names the act: the call's own name where that is one word, else the kind of act.
pub(super) fn act(event: &AuditEvent) -> String {
    let name = &event.event.name;
    let is_word = !name.is_empty() && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_word { name.clone() } else { event.operation.as_str().replace('_', "-") }
}

/// What is said after `never` where something was forgotten for want of room.
const fn as_remembered(novelty: &Novelty) -> &'static str {
    if novelty.is_uncertain { " (as far as is remembered)" } else { "" }
}

/// `first Decrypt by role X on key Y`.
pub(super) fn first_use(event: &AuditEvent, asset: &Asset, novelty: &Novelty, day: Day) -> String {
    let act = format!("{} by {} on {}", act(event), caller(event), object(asset));
    match (novelty.last, novelty.is_of_today) {
        (None, false) => format!("first {act}{}", as_remembered(novelty)),
        (None, true) => format!("{act}, which is new since today{}", as_remembered(novelty)),
        (Some(last), _) if is_long_ago(last, day) => format!("first {act} since {}", written(last)),
        (Some(last), _) => format!("{act}, which is rare: last on {}", written(last)),
    }
}

/// `role X never called Decrypt before`: nowhere.
pub(super) fn first_anywhere(event: &AuditEvent, novelty: &Novelty, day: Day) -> String {
    let (act, caller) = (act(event), caller(event));
    match (novelty.last, novelty.is_of_today) {
        (None, false) => format!("{caller} never called {act} before"),
        (None, true) => format!("{caller} never called {act} before today"),
        (Some(last), _) if is_long_ago(last, day) => format!("{caller} did not call {act} since {}", written(last)),
        (Some(last), _) => format!("{caller} seldom calls {act}: last on {}", written(last)),
    }
}

/// `never before from 198.51.100.0/24`; `place` says where.
pub(super) fn from_where(place: &str, novelty: &Novelty, day: Day) -> String {
    match (novelty.last, novelty.is_of_today) {
        (None, false) => format!("never before {place}{}", as_remembered(novelty)),
        (None, true) => format!("never before today {place}{}", as_remembered(novelty)),
        (Some(last), _) if is_long_ago(last, day) => format!("for the first time since {} {place}", written(last)),
        (Some(last), _) => format!("seldom {place}, last on {}", written(last)),
    }
}

fn is_long_ago(last: Day, day: Day) -> bool {
    i64::from(day) - i64::from(last) > LONG_GAP_DAYS
}

/// `03:00 on a Sunday (usually Monday to Friday, 07:00 to 18:00 UTC)`.
pub(super) fn at_hour(day: Day, hour: u8, principal: &Principal, fade: &Fade) -> String {
    let weekday = WEEKDAYS.get(usize::from(weekday(day))).copied().unwrap_or_default();
    let mut sentence = format!("{hour:02}:00 UTC on a {weekday}");
    if let Some(usual) = usual_hours(principal, day, fade) {
        // Writing to a string cannot fail.
        write!(sentence, " (usually {usual})").ok();
    }
    sentence
}

/// An hour or a weekday that has less than this share of the busiest one is left out.
const LEFT_OUT: f64 = 0.15;

fn usual_hours(principal: &Principal, day: Day, fade: &Fade) -> Option<String> {
    let mut by_hour = [0.0_f64; 24];
    let mut by_weekday = [0.0_f64; 7];
    for (hour, seen) in &principal.hours.all {
        for at in seen.usual.before(day) {
            let weight = fade.at(i64::from(day) - 1 - i64::from(at));
            if let Some(sum) = by_hour.get_mut(usize::from(*hour)) {
                *sum += weight;
            }
            if let Some(sum) = by_weekday.get_mut(usize::from(weekday(at))) {
                *sum += weight;
            }
        }
    }
    let (first_hour, last_hour) = span(&by_hour)?;
    let (first_day, last_day) = span(&by_weekday)?;
    let name = |index: usize| WEEKDAYS.get(index).copied().unwrap_or_default();
    let days = match (first_day, last_day) {
        _ if (last_day + 1) % 7 == first_day => "every day".to_owned(),
        (first, last) if first == last => format!("on a {}", name(first)),
        (first, last) => format!("{} to {}", name(first), name(last)),
    };
    if (last_hour + 1) % 24 == first_hour {
        return Some(format!("{days}, at any hour"));
    }
    Some(format!("{days}, {first_hour:02}:00 to {:02}:00 UTC", (last_hour + 1) % 24))
}

/// Returns the first and the last of what is usual, around a ring: what is left out is the longest gap. `None` where nothing is known.
fn span(ring: &[f64]) -> Option<(usize, usize)> {
    let most = ring.iter().copied().fold(0.0, f64::max);
    let used: Vec<usize> =
        (0..ring.len()).filter(|index| most > 0.0 && ring.get(*index).is_some_and(|sum| *sum >= most * LEFT_OUT)).collect();
    let (first, last) = (*used.first()?, *used.last()?);
    let around = (first + ring.len() - last, last, first);
    let gaps = used.windows(2).filter_map(|pair| match pair {
        [from, to] => Some((to - from, *from, *to)),
        _ => None,
    });
    // Of gaps of the same length, the one around the end, which is read most easily.
    let (_, before, after) = gaps.fold(around, |longest, gap| if gap.0 > longest.0 { gap } else { longest });
    Some((after, before))
}

/// Writes a number with thousands.
pub(super) fn count(number: u32) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a name on one line, of bounded length, without what steers a display.
pub(super) fn shown(text: &str) -> String {
    let clean =
        |c: char| if c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c) { '?' } else { c };
    if text.chars().count() <= NAME_LIMIT {
        return text.chars().map(clean).collect();
    }
    let kept: String = text.chars().take(NAME_LIMIT - 3).map(clean).collect();
    format!("{kept}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_goes_around_the_clock_where_that_is_shorter() {
        let ring = |used: &[usize]| (0..24).map(|hour| if used.contains(&hour) { 1.0 } else { 0.0 }).collect::<Vec<f64>>();
        assert_eq!(span(&ring(&[7, 8, 9, 17])), Some((7, 17)));
        assert_eq!(span(&ring(&[22, 23, 0, 1])), Some((22, 1)));
        assert_eq!(span(&ring(&[5])), Some((5, 5)));
        assert_eq!(span(&ring(&(0..24).collect::<Vec<_>>())), Some((0, 23)));
        assert_eq!(span(&ring(&[])), None);
    }

    #[test]
    fn an_asset_is_named_as_people_know_it() {
        for (kind, id, named) in [
            (AssetKind::Key, "arn:aws:kms:eu-central-1:111122223333:key/mrk-1", "key mrk-1"),
            (AssetKind::Secret, "arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/db-AbCdEf", "secret prod/db-AbCdEf"),
            (AssetKind::Parameter, "arn:aws:ssm:eu-central-1:111122223333:parameter/prod/db", "parameter /prod/db"),
            (AssetKind::Storage, "arn:aws:s3:::logs", "storage logs"),
            (AssetKind::Secret, "projects/p/secrets/s/versions/3", "secret s"),
            (AssetKind::Key, "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1", "key k"),
            (AssetKind::Key, "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv/keys/k", "key k"),
            (AssetKind::Vault, "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv", "vault kv"),
            (AssetKind::KeyAlias, "alias/prod", "alias prod"),
            (AssetKind::Key, "", "key "),
        ] {
            assert_eq!(object(&Asset { kind, id: id.to_owned(), version: None }), named);
        }
    }

    #[test]
    fn numbers_have_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567"), (12_345, "12,345")] {
            assert_eq!(count(number), text);
        }
    }
}
