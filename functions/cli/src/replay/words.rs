//! What a replay comes to, in words: the same on a terminal and on the page.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reprieve_replay::{Aftermath, Answer, Decided, KeyHistory, Period, Problem, Verdict};

use super::Replay;
use crate::plain::{counted, grouped, period, rough, short_name};

/// The verdicts, in the order in which they are told.
pub(super) const VERDICTS: [Verdict; 5] =
    [Verdict::WouldRestore, Verdict::WouldEscalate, Verdict::Approved, Verdict::Refused, Verdict::Recorded];

/// Names a verdict.
pub(super) const fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::WouldRestore => "would restore",
        Verdict::Approved => "approved",
        Verdict::Refused => "refused",
        Verdict::WouldEscalate => "would escalate",
        Verdict::Recorded => "recorded",
    }
}

/// Says what a verdict means.
pub(super) const fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::WouldRestore => "nothing covered it: the key would be given back",
        Verdict::Approved => "an approval, or a policy that needs none, covered it",
        Verdict::Refused => "the provider had refused the call",
        Verdict::WouldEscalate => "Reprieve cannot undo it: a human would be woken",
        Verdict::Recorded => "it endangers no key, or Reprieve did it itself",
    }
}

/// Returns how many decisions came to this.
pub(super) fn count(answer: &Answer, verdict: Verdict) -> u64 {
    answer.kpis.verdicts.get(&verdict).copied().unwrap_or(0)
}

/// Returns how many acts there were.
pub(super) fn acts(answer: &Answer) -> u64 {
    answer.acts.values().sum()
}

/// Returns the decisions on what would have been undone, in the order of time.
pub(super) fn restored(answer: &Answer) -> impl Iterator<Item = &Decided> {
    answer.decisions.iter().filter(|decided| decided.verdict == Verdict::WouldRestore)
}

/// Returns keys that were in danger, the longest first.
pub(super) fn in_danger(answer: &Answer) -> Vec<&KeyHistory> {
    let mut keys: Vec<&KeyHistory> = answer.keys.iter().filter(|key| key.seconds_in_danger > 0).collect();
    keys.sort_by(|a, b| b.seconds_in_danger.cmp(&a.seconds_in_danger).then_with(|| a.key.cmp(&b.key)));
    keys
}

/// Says which period is told of: the one that was asked for, else from the first act to the last.
pub(super) fn period_of(answer: &Answer, asked: Period) -> String {
    // A day that has begun is told as that day.
    match (asked.from.or(answer.first.map(midnight)), asked.to, answer.last) {
        (None, None, _) => "no acts on keys".to_owned(),
        (from, Some(to), _) => period(from, Some(to), ""),
        (from, None, last) => period(from, last.map(next_midnight), ""),
    }
}

fn midnight(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(86_400) * 86_400).unwrap_or(at)
}

fn next_midnight(at: Timestamp) -> Timestamp {
    Timestamp::from_second((at.as_second().div_euclid(86_400) + 1) * 86_400).unwrap_or(at)
}

/// Returns how many days that is, at least one.
pub(super) fn days(answer: &Answer, asked: Period) -> u64 {
    let from = asked.from.or(answer.first);
    let to = asked.to.or(answer.last);
    let seconds = from.zip(to).map_or(0, |(from, to)| to.as_second() - from.as_second());
    u64::try_from(seconds).unwrap_or(0).div_ceil(86_400).max(1)
}

/// Says in a few sentences what it comes to.
pub(super) fn lead(replay: &Replay) -> String {
    let answer = &replay.answer;
    let (acts, keys) = (acts(answer), answer.keys.len() as u64);
    let when = if replay.partial.is_some() { "As far as was read, in" } else { "In" };
    let when = format!("{when} {}", counted(days(answer, replay.period), "day"));
    if acts == 0 {
        let tell = if answer.read.records == 1 { "tells" } else { "tell" };
        return format!("{} {tell} of no act on a key in this period.", counted(answer.read.records, "record"));
    }
    let [restored, escalated, approved, refused] =
        [Verdict::WouldRestore, Verdict::WouldEscalate, Verdict::Approved, Verdict::Refused].map(|verdict| count(answer, verdict));
    let mut parts = Vec::new();
    let stand = if approved == 1 { " stand that was covered" } else { " stand that were covered" };
    for (number, before, after) in [(restored, "undone ", ""), (escalated, "woken a human for ", ""), (approved, "let ", stand)] {
        if number > 0 {
            parts.push(format!("{before}{}{after}", grouped(number)));
        }
    }
    let begin = format!("{when} {} on {}", counted(acts, "act"), counted(keys, "key"));
    let mut sentences = vec![match parts.split_last() {
        None => format!("{begin}; Reprieve would have undone none."),
        Some((one, [])) => format!("{begin}; Reprieve would have {one}."),
        Some((last, first)) => format!("{begin}; Reprieve would have {} and {last}.", first.join(", ")),
    }];
    if refused > 0 {
        sentences.push(format!("The provider had refused {}.", grouped(refused)));
    }
    if restored > 0 {
        sentences.push(fate(answer, restored));
    }
    sentences.join(" ")
}

/// Says what became of what would have been undone.
fn fate(answer: &Answer, restored: u64) -> String {
    let kpis = &answer.kpis;
    let half = kpis.time_to_undo.map_or_else(String::new, |times| format!(", half of them within {}", rough(times.p50)));
    let mut parts = Vec::new();
    if kpis.undone_by_people > 0 {
        parts.push(format!("people undid {} themselves{half}", grouped(kpis.undone_by_people)));
    }
    if kpis.lost > 0 {
        parts.push(format!("{} ended with the key deleted", grouped(kpis.lost)));
    }
    if kpis.open > 0 {
        parts.push(format!("{} still stood when the logs end", grouped(kpis.open)));
    }
    if parts.is_empty() {
        return String::new();
    }
    format!("Of the {} to be undone, {}.", grouped(restored), parts.join("; "))
}

/// Says what the false-positive rate is, and what it means.
pub(super) fn false_positives(answer: &Answer) -> String {
    let kpis = &answer.kpis;
    let judged = kpis.true_positives.saturating_add(kpis.false_positives);
    let rest = match kpis.not_judged {
        0 => String::new(),
        count => format!(" {} {} not judged: the logs do not tell the end.", grouped(count), if count == 1 { "was" } else { "were" }),
    };
    match kpis.false_positive_rate {
        None => format!("Nothing that would have been undone can be judged as right or wrong.{rest}"),
        Some(_) => format!(
            "{} of {} that can be judged: nobody undid them until the key was deleted. They are taken as meant, unless nobody noticed: look at \
             these first. The other {}, people undid themselves.{rest}",
            grouped(kpis.false_positives),
            grouped(judged),
            grouped(kpis.true_positives)
        ),
    }
}

/// Writes the false-positive rate: `4.8 %`.
pub(super) fn rate(answer: &Answer) -> String {
    answer.kpis.false_positive_rate.map_or_else(|| "–".to_owned(), |rate| format!("{:.1} %", rate * 100.0))
}

/// Says what became of a key, in few words.
pub(super) fn aftermath_in_short(aftermath: &Aftermath) -> String {
    match aftermath {
        Aftermath::Undone { after_seconds, .. } => format!("undone in {}", rough(*after_seconds)),
        Aftermath::Lost { after_seconds, .. } => format!("lost in {}", rough(*after_seconds)),
        Aftermath::Open => "still so".to_owned(),
        Aftermath::Nothing => "nothing to undo".to_owned(),
    }
}

/// Says what became of a key.
pub(super) fn aftermath(aftermath: &Aftermath) -> String {
    match aftermath {
        Aftermath::Undone { by, call, after_seconds, .. } => format!("undone by {by} with {call}, after {}", rough(*after_seconds)),
        Aftermath::Lost { after_seconds, .. } => format!("the key was deleted, after {}", rough(*after_seconds)),
        Aftermath::Open => "still so when the logs end".to_owned(),
        Aftermath::Nothing => "there was nothing to undo".to_owned(),
    }
}

/// Says what could not be read.
pub(super) fn problem(problem: &Problem) -> String {
    match problem.record {
        Some(record) => format!("`{}`, record {record}: {}", problem.file, problem.why),
        None => format!("`{}`: {}", problem.file, problem.why),
    }
}

/// What was assumed, the most often first: each sentence with how many decisions it is of.
pub(super) fn assumed(answer: &Answer) -> Vec<(&str, u64)> {
    let mut counts = BTreeMap::<&str, u64>::new();
    for sentence in answer.decisions.iter().flat_map(|decided| &decided.assumed) {
        *counts.entry(sentence).or_default() += 1;
    }
    let mut sorted: Vec<(&str, u64)> = counts.into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    sorted
}

/// Files that were left out, by reason.
pub(super) fn left_out(replay: &Replay) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for file in &replay.left_out {
        *counts.entry(file.why.clause()).or_default() += 1;
    }
    counts
}

/// Where a key is, by its name: its account, subscription or project, and its Region or location where the name tells.
pub(super) fn place_of(key: &str) -> (&str, &str) {
    if key.starts_with("arn:") {
        let mut parts = key.split(':').skip(3);
        let region = parts.next().unwrap_or_default();
        return (parts.next().unwrap_or_default(), region);
    }
    let after = |word: &str| key.split('/').skip_while(|part| !part.eq_ignore_ascii_case(word)).nth(1).unwrap_or_default();
    if key.starts_with('/') { (after("subscriptions"), "") } else { (after("projects"), after("locations")) }
}

/// Names of keys as short as they can be without being taken for one another.
#[derive(Debug, Default)]
pub(super) struct ShortNames {
    counts: BTreeMap<String, u64>,
}

impl ShortNames {
    /// Makes them for these keys.
    pub(super) fn of(answer: &Answer) -> Self {
        let mut counts = BTreeMap::new();
        for key in &answer.keys {
            *counts.entry(begin_of(&short_name(&key.key))).or_default() += 1;
        }
        Self { counts }
    }

    /// Returns the short name of a key: of an id that looks drawn by lot its beginning, where no other key begins so.
    pub(super) fn of_key(&self, key: &str) -> String {
        let whole = short_name(key);
        let begin = begin_of(&whole);
        if self.counts.get(&begin).is_some_and(|count| *count > 1) { whole } else { begin }
    }
}

fn begin_of(name: &str) -> String {
    let id = name.strip_prefix("mrk-").unwrap_or(name);
    let is_id = id.len() >= 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let length = if id.len() == name.len() { 8 } else { 12 };
    match name.get(..length) {
        Some(begin) if is_id => format!("{begin}…"),
        Some(_) | None => name.to_owned(),
    }
}

/// Returns a text of at most so many characters.
pub(super) fn cut(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let kept: String = text.chars().take(characters.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_the_beginning_of_an_id_and_never_that_of_another() {
        for (name, short) in [
            ("1234abcd-12ab-34cd-56ef-1234567890ab", "1234abcd…"),
            ("mrk-1234abcd12ab34cd56ef1234567890ab", "mrk-1234abcd…"),
            ("alias/payments", "alias/payments"),
            ("kv-prod/invoices", "kv-prod/invoices"),
        ] {
            assert_eq!(begin_of(name), short);
        }
        let twins = ShortNames { counts: BTreeMap::from([("1234abcd…".to_owned(), 2)]) };
        assert_eq!(twins.of_key("arn:aws:kms:r:1:key/1234abcd-12ab-34cd-56ef-1234567890ab"), "1234abcd-12ab-34cd-56ef-1234567890ab");
    }

    #[test]
    fn a_key_says_where_it_is() {
        for (key, place) in [
            ("arn:aws:kms:eu-central-1:111122223333:key/1234abcd", ("111122223333", "eu-central-1")),
            ("/subscriptions/s-1/resourcegroups/g/providers/microsoft.keyvault/vaults/kv", ("s-1", "")),
            ("projects/p/locations/europe/keyRings/r/cryptoKeys/k", ("p", "europe")),
            ("unknown", ("", "")),
        ] {
            assert_eq!(place_of(key), place);
        }
    }

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!((cut("alice", 5), cut("alice@example.com", 8)), ("alice".to_owned(), "alice@e…".to_owned()));
    }
}
