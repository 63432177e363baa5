//! The story of one key: every event, decision and state, in the order of time.
//!
//! Unlike [`crate::judge`] it tells of uses as well, in runs, so each record that can be about the key is parsed. Memory is bounded by
//! [`MOST_USES`] and the number of acts on the one key.

mod collect;
mod part;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use reprieve_core::{CallOutcome, Severity};
use serde::Serialize;

pub use self::collect::StoryCollector;
pub use self::part::{MOST_USES, StoryPart};
use crate::act::Act;
use crate::answer::{Aftermath, Verdict};
use crate::judge::history::{Judgement, Lived, live_through};
use crate::part::Problem;
use crate::rules::Rules;

/// The story of a key. Its JSON is what `reprieve replay --explain KEY --json` writes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Story {
    /// What was asked for, as it was written.
    pub asked: String,
    /// The keys that it names, by their canonical names: several where replicas share an id; none where the logs know none.
    pub keys: Vec<String>,
    /// What happened, in the order of time. What has no time comes first.
    pub chapters: Vec<Chapter>,
    /// Events that are told, each once; an estimate where `notes` say so.
    pub events: u64,
    /// What a reader should know of it.
    pub notes: Vec<String>,
    /// Files that were read.
    pub files: u64,
    /// Things that could not be read.
    pub errors: u64,
    /// What could not be read: of too many, those that come first.
    pub problems: Vec<Problem>,
}

/// One line of the story.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chapter {
    /// When it happened; of a run of uses, the first.
    pub time: Option<Timestamp>,
    /// The key that it happened to.
    pub key: String,
    /// The call.
    pub call: String,
    /// Who called.
    pub by: String,
    /// Why the provider refused it, by its code; absent where it succeeded.
    pub refused: Option<String>,
    /// What it was.
    #[serde(flatten)]
    pub what: What,
}

/// What a line tells of.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum What {
    /// An act that can change whether the key can be used, and by whom.
    Act {
        /// The event's id.
        event: String,
        /// What would have been decided; absent where nothing is decided on such an act.
        decision: Option<Box<Told>>,
        /// The state of the key after it, in the provider's word, where the logs tell.
        state: Option<String>,
    },
    /// A run of like uses within one hour: by the same caller, with the same call and outcome.
    Uses {
        /// How many.
        count: u64,
        /// The last of them.
        last: Option<Timestamp>,
    },
}

/// A decision, as a story tells it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    /// What would have been done.
    pub verdict: Verdict,
    /// How urgent it would have been that a human looks.
    pub severity: Severity,
    /// Why.
    pub why: String,
    /// What a human would have been told besides.
    pub escalations: Vec<String>,
    /// What would have been called, in order.
    pub plan: Vec<String>,
    /// What became of the key.
    pub aftermath: Aftermath,
    /// What the logs do not say and was assumed.
    pub assumed: Vec<String>,
}

/// Tells the story: of the period that the rules name, with all before it as its history.
#[must_use]
pub fn tell(part: &StoryPart, rules: &Rules) -> Story {
    let mut keys: BTreeSet<String> = part.runs.keys().map(|run| run.key.clone()).collect();
    let mut acts: BTreeMap<String, Vec<&Act>> = BTreeMap::new();
    for act in part.gathered.acts.values() {
        let key = act.key().unwrap_or_else(|| part.asked.trim().to_owned());
        acts.entry(key).or_default().push(act);
    }
    keys.extend(acts.keys().cloned());
    let mut chapters = Vec::new();
    for (key, acts) in acts {
        let history = live_through(&acts, rules);
        let lived = history.acts.into_iter().filter(|lived| rules.period.holds(lived.act.event.time));
        chapters.extend(lived.map(|lived| chapter_of(&key, lived)));
    }
    for (run, found) in part.runs.iter().filter(|(_, found)| is_in(rules, found.first, found.last)) {
        chapters.push(Chapter {
            time: found.first,
            key: run.key.clone(),
            call: run.call.clone(),
            by: run.by.clone(),
            refused: run.refused.clone(),
            what: What::Uses { count: part.count(found), last: found.last },
        });
    }
    // Acts of one key come in the order in which they happened, and stay in it.
    chapters.sort_by(|one, other| (one.time, &one.key).cmp(&(other.time, &other.key)));
    let events = chapters.iter().map(|chapter| match chapter.what {
        What::Act { .. } => 1,
        What::Uses { count, .. } => count,
    });
    Story {
        asked: part.asked.clone(),
        events: events.sum(),
        notes: notes(part, &keys),
        keys: keys.into_iter().collect(),
        chapters,
        files: part.gathered.files,
        errors: part.gathered.problems,
        problems: part.gathered.named.iter().cloned().collect(),
    }
}

/// Says whether a run lies in the period, in part or whole.
fn is_in(rules: &Rules, first: Option<Timestamp>, last: Option<Timestamp>) -> bool {
    match (first, last) {
        (Some(first), Some(last)) => {
            let period = rules.period;
            period.from.is_none_or(|from| from <= last) && period.to.is_none_or(|to| first < to)
        }
        (Some(_) | None, Some(_) | None) => rules.period.holds(None),
    }
}

fn chapter_of(key: &str, lived: Lived<'_>) -> Chapter {
    let Lived { act, judgement, state, aftermath } = lived;
    let event = &act.event;
    let refused = match &event.outcome {
        CallOutcome::Refused { code, .. } => Some(code.clone()),
        CallOutcome::Succeeded => None,
    };
    Chapter {
        time: event.time,
        key: key.to_owned(),
        call: event.name.clone(),
        by: event.actor.display_name(),
        refused,
        what: What::Act { event: event.id.to_string(), decision: judgement.map(|judgement| Box::new(told(judgement, aftermath))), state },
    }
}

fn told(judgement: Judgement, aftermath: Aftermath) -> Told {
    let Judgement { verdict, threat: _, severity, why, escalations, plan, assumed } = judgement;
    Told { verdict, severity, why, escalations, plan, aftermath, assumed }
}

fn notes(part: &StoryPart, keys: &BTreeSet<String>) -> Vec<String> {
    let mut notes = Vec::new();
    if part.asked.contains("alias/") && !keys.is_empty() {
        let keys: Vec<String> = keys.iter().filter(|key| !key.contains("alias/")).map(|key| format!("`{key}`")).collect();
        notes.push(format!(
            "`{}` is an alias: this is what was done to it, or by it, on {}. Ask for the key itself for all that happened to it.",
            part.asked,
            if keys.is_empty() { "a key that the logs do not name".to_owned() } else { keys.join(" and ") }
        ));
    } else if keys.len() > 1 {
        notes.push(format!("{} keys are named so: each has a history of its own.", keys.len()));
    }
    if !part.is_exact() {
        notes.push(format!("Uses are more than {MOST_USES}: how many there are is estimated from a sample of their ids."));
    }
    match part.span_hours() {
        Some(1) => {}
        Some(hours) => notes.push(format!("Runs of uses are many, so each is of {hours} hours.")),
        None => notes.push("Runs of uses are many, so each is as long as the logs.".to_owned()),
    }
    notes
}
