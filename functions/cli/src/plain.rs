//! Numbers, durations, moments and names as people read them, the same on a terminal, in a chart and on the page.

use jiff::{SignedDuration, Timestamp};

/// Writes a number with a comma after each three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes how many of something there are.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{} {}", grouped(count), plural(count, noun))
}

/// Returns the noun for so many.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => noun.to_owned(),
        (_, Some(stem)) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        (_, _) => format!("{noun}s"),
    }
}

/// Writes a duration in milliseconds: `840 ms`, `2.4 s`, `1 min 20 s`, `3 h 5 min`.
pub(crate) fn duration(ms: i64) -> String {
    let sign = if ms < 0 { "−" } else { "" };
    let ms = ms.unsigned_abs();
    let two = |first: u64, unit: &str, second: u64, small: &str| {
        if second == 0 { format!("{sign}{first} {unit}") } else { format!("{sign}{first} {unit} {second} {small}") }
    };
    match ms {
        ..1_000 => format!("{sign}{ms} ms"),
        1_000..60_000 => format!("{sign}{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => two(ms / 60_000, "min", ms / 1_000 % 60, "s"),
        3_600_000..172_800_000 => two(ms / 3_600_000, "h", ms / 60_000 % 60, "min"),
        172_800_000.. => two(ms / 86_400_000, "days", ms / 3_600_000 % 24, "h"),
    }
}

/// Writes a duration in seconds by its largest unit alone: `45 s`, `12 min`, `3 h`, `7 days`.
pub(crate) fn rough(seconds: i64) -> String {
    let sign = if seconds < 0 { "−" } else { "" };
    match seconds.unsigned_abs() {
        seconds @ ..120 => format!("{sign}{seconds} s"),
        seconds @ 120..7_200 => format!("{sign}{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{sign}{} h", seconds / 3_600),
        seconds @ 172_800.. => format!("{sign}{} days", grouped(seconds / 86_400)),
    }
}

/// Writes a size in the unit that fits, of thousands.
pub(crate) fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a size is shown with one digit")]
    let mut shown = bytes as f64;
    for unit in ["B", "kB", "MB"] {
        if shown < 1000.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{shown:.1} {unit}") };
        }
        shown /= 1000.0;
    }
    format!("{shown:.1} GB")
}

/// Says which period something is of; `otherwise` where it is open on both sides.
pub(crate) fn period(from: Option<Timestamp>, to: Option<Timestamp>, otherwise: &str) -> String {
    let is_midnight = |at: Timestamp| at.as_second().rem_euclid(86_400) == 0 && at.subsec_nanosecond() == 0;
    let day = |at: Timestamp| at.strftime("%-d %B %Y").to_string();
    let begins = |at: Timestamp| if is_midnight(at) { day(at) } else { format!("{} UTC", moment(at)) };
    let ends = |at: Timestamp| {
        let before = at.checked_sub(SignedDuration::from_secs(1)).unwrap_or(at);
        if is_midnight(at) { day(before) } else { format!("{} UTC", moment(at)) }
    };
    match (from, to) {
        (Some(from), Some(to)) if begins(from) == ends(to) => begins(from),
        (Some(from), Some(to)) => format!("{} to {}", begins(from), ends(to)),
        (Some(from), None) => format!("since {}", begins(from)),
        (None, Some(to)) => format!("until {}", ends(to)),
        (None, None) => otherwise.to_owned(),
    }
}

/// Shows characters that would steer a terminal: names in an archive are chosen by whoever called.
pub(crate) fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Writes a moment to the minute.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// Writes a share: `98.4 %`, or a dash where there is nothing to share.
pub(crate) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |percent| format!("{percent} %"))
}

/// Returns the part of an id by which people tell it from others: the alias, the last part of an ARN, a key with its vault.
pub(crate) fn short_name(id: &str) -> String {
    if id.starts_with("arn:") {
        let resource = id.splitn(6, ':').nth(5).unwrap_or(id);
        return resource.strip_prefix("key/").or_else(|| resource.strip_prefix("secret:")).unwrap_or(resource).to_owned();
    }
    if id.starts_with('/') {
        let parts: Vec<&str> = id.split('/').collect();
        let vault = parts.iter().position(|part| part.eq_ignore_ascii_case("vaults")).and_then(|at| parts.get(at + 1));
        let last = parts.last().copied().unwrap_or(id);
        return match vault {
            Some(vault) if *vault != last => format!("{vault}/{last}"),
            Some(_) | None => last.to_owned(),
        };
    }
    if id.starts_with("projects/") {
        return id.rsplit_once("/cryptoKeys/").map_or(id, |(_, key)| key).to_owned();
    }
    id.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_read_well() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!((counted(1, "key"), counted(2, "key"), counted(3, "entry")), ("1 key".into(), "2 keys".into(), "3 entries".into()));
        for (ms, text) in [
            (0, "0 ms"),
            (840, "840 ms"),
            (2_449, "2.4 s"),
            (-1_500, "−1.5 s"),
            (60_000, "1 min"),
            (80_000, "1 min 20 s"),
            (11_100_000, "3 h 5 min"),
            (190_800_000, "2 days 5 h"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn rough_durations_and_sizes_have_one_unit() {
        for (seconds, text) in [(0, "0 s"), (119, "119 s"), (120, "2 min"), (11_100, "3 h"), (190_800, "2 days"), (-300, "−5 min")] {
            assert_eq!(rough(seconds), text);
        }
        for (bytes, text) in [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (162_300_000, "162.3 MB"), (1_040_000_000_000, "1040.0 GB")] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn no_name_steers_a_terminal() {
        assert_eq!(visible("a\u{1b}[31mb\r\u{9b}"), "a\u{fffd}[31mb\u{fffd}\u{fffd}");
    }

    #[test]
    fn a_short_name_is_the_part_that_differs() {
        for (id, name) in [
            ("alias/orders", "alias/orders"),
            ("arn:aws:kms:eu-central-1:111122223333:key/1234abcd", "1234abcd"),
            ("arn:aws:secretsmanager:eu-central-1:111122223333:secret:db-9x", "db-9x"),
            ("/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/logs/keys/k", "logs/k"),
            ("/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/logs", "logs"),
            ("projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1", "k/cryptoKeyVersions/1"),
        ] {
            assert_eq!(short_name(id), name);
        }
    }
}
