//! Whether the seals follow one another: no hour without one, none out of line.

use jiff::Timestamp;

use super::hash::Hash;
use super::head::{Head, second};
use super::report::{Problem, ProblemKind};

/// A seal in the chain, or a file that stands where one should.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// The name under which it lies.
    pub(super) name: String,
    /// The name under which it belongs.
    pub(super) home: String,
    /// The time by which it stands in the chain: its own, or that of its name where it cannot be believed.
    pub(super) at: Timestamp,
    /// Its head, where its signature holds.
    pub(super) head: Option<Head>,
    /// Its hash, where it could be read.
    pub(super) hash: Option<Hash>,
}

/// Follows the chain; the links stand in its order, each seal once. Returns each problem with the time at which it stands.
pub(super) fn follow(links: &[&Link]) -> Vec<(Timestamp, Problem)> {
    let mut problems = Vec::new();
    // The last seal that is believed, and how many stand after it that are not. Nothing is said of a neighbour of these: what is wrong
    // with them is said already.
    let (mut last, mut doubtful): (Option<(&Link, &Head)>, u64) = (None, 0);
    for &link in links {
        let Some(head) = &link.head else {
            doubtful += 1;
            continue;
        };
        let problem = match last {
            None => beginning(link, head, doubtful),
            Some((before, previous)) => step((before, previous), (link, head), doubtful),
        };
        problems.extend(problem.map(|problem| (link.at, problem)));
        (last, doubtful) = (Some((link, head)), 0);
    }
    problems
}

fn beginning(link: &Link, head: &Head, doubtful: u64) -> Option<Problem> {
    let missing = head.sequence.saturating_sub(1).saturating_sub(doubtful);
    if missing > 0 {
        let until = second(head.from);
        let sentence = if doubtful > 0 {
            format!("of the seals before the one of {until}, {missing} are missing: it is number {}", head.sequence)
        } else {
            format!("the chain begins with seal number {}: {} before {until} {} missing", head.sequence, seals(missing), are(missing))
        };
        return Some(Problem { kind: ProblemKind::Gap, name: Some(link.name.clone()), from: None, until: Some(head.from), sentence });
    }
    let is_sound = head.sequence > 1 || (head.sequence == 1 && head.previous.is_none());
    let wrong =
        if head.sequence == 0 { "seals are numbered from 1, and it is number 0" } else { "it is number 1, and names a seal before it" };
    (!is_sound).then(|| broken(link, head, wrong.to_owned()))
}

fn step((before, previous): (&Link, &Head), (link, head): (&Link, &Head), doubtful: u64) -> Option<Problem> {
    let (ends, begins) = (second(previous.until), second(head.from));
    let missing = head.sequence.saturating_sub(previous.sequence).saturating_sub(1).saturating_sub(doubtful);
    if missing > 0 && head.previous != before.hash {
        let sentence = if doubtful > 0 {
            format!("between {ends} and {begins}, {} {} missing besides those that cannot be believed", seals(missing), are(missing))
        } else {
            format!("{} from {ends} to {begins} {} missing{}", seals(missing), are(missing), hours(previous.until, head.from))
        };
        return Some(gap(previous, head, sentence));
    }
    if doubtful > 0 {
        return None;
    }
    if head.previous != before.hash {
        if head.from > previous.until {
            return Some(gap(previous, head, format!("there is no seal from {ends} to {begins}{}", hours(previous.until, head.from))));
        }
        return Some(broken(link, head, format!("it follows another seal than `{}`, which is the one that is here", before.name)));
    }
    if head.sequence != previous.sequence.saturating_add(1) {
        return Some(broken(link, head, format!("it is number {}, and follows number {}", head.sequence, previous.sequence)));
    }
    if head.archive != previous.archive {
        let wrong = format!("it is of the archive `{}`, and follows one of `{}`", head.archive, previous.archive);
        return Some(broken(link, head, wrong));
    }
    if head.from > previous.until {
        return Some(gap(previous, head, format!("no seal was made from {ends} to {begins}{}", hours(previous.until, head.from))));
    }
    let overlap = || format!("it begins at {begins}, before the seal before it ends at {ends}");
    (head.from < previous.until).then(|| broken(link, head, overlap()))
}

fn gap(previous: &Head, head: &Head, sentence: String) -> Problem {
    Problem { kind: ProblemKind::Gap, name: None, from: Some(previous.until), until: Some(head.from), sentence }
}

fn broken(link: &Link, head: &Head, wrong: String) -> Problem {
    Problem {
        kind: ProblemKind::BrokenChain,
        name: Some(link.name.clone()),
        from: Some(head.from),
        until: Some(head.until),
        sentence: wrong,
    }
}

fn seals(count: u64) -> String {
    if count == 1 { "1 seal".to_owned() } else { format!("{count} seals") }
}

const fn are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// Names how long that is, where it is whole hours.
fn hours(from: Timestamp, until: Timestamp) -> String {
    let seconds = until.as_second().saturating_sub(from.as_second());
    match (seconds / 3600, seconds % 3600) {
        (1, 0) => ": 1 hour without a seal".to_owned(),
        (hours, 0) => format!(": {hours} hours without a seal"),
        _ => String::new(),
    }
}
