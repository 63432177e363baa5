//! The sentences, lists and facts of a notice.

use jiff::Timestamp;

use super::monitoring;
use super::plain::{self, NAME_LIMIT, SENTENCE_LIMIT, VALUE_LIMIT};
use super::{Fact, Section, has_failed};
use crate::decision::{Decision, Why};
use crate::event::EventForm;
use crate::google::Change;
use crate::plan::Step;
use crate::record::{Record, Status, StepOutcome, StepResult};
use crate::threat::Threat;

/// How many lines of reasoning are told; the record holds them all.
const REASONS_LIMIT: usize = 6;

/// How many aliases are named.
const ALIASES_LIMIT: usize = 3;

/// Returns a moment as people read it, to the second.
pub(super) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Returns when an act under a broken glass is taken back, where one was let pass.
pub(super) fn pass_ends(record: &Record) -> Option<Timestamp> {
    record.decision.as_ref()?.why().pass_ends
}

/// Says what happened, what becomes of the key, and how long a pass lasts.
pub(super) fn sentences(record: &Record, decision: &Decision) -> Vec<String> {
    let why = decision.why();
    let act = act(record).filter(|_| decision.plan().is_some() && !why.reasoning.is_empty());
    let opening = super::drill::drill_opening(record).or(act).unwrap_or_else(|| with_names(&why.sentence, record));
    let sentences = [Some(opening), deadline_sentence(record, decision), pass_sentence(record)];
    sentences.into_iter().flatten().map(|sentence| plain::line(&sentence, SENTENCE_LIMIT)).collect()
}

/// Says who did what, when and from where, in one sentence. `None` where nothing shows a threat.
fn act(record: &Record) -> Option<String> {
    let event = &record.event;
    let actor = &event.actor;
    let who = if actor.is_known() { format!(" by {}", plain::line(&actor.display_name(), NAME_LIMIT)) } else { String::new() };
    let when = event.time.map(|time| format!(" on {}", moment(time))).unwrap_or_default();
    let from = actor.source_address.as_ref().map(|address| format!(", from {}", plain::line(address, NAME_LIMIT))).unwrap_or_default();
    let found = if event.form == EventForm::Sweep { " A sweep found it." } else { "" };
    Some(format!("{} {}{who}{when}{from}. Nothing approves that.{found}", name(record), record.threat?.phrase_for(&event.target)))
}

/// Names the key by its alias, in a sentence that names it by its ARN.
fn with_names(sentence: &str, record: &Record) -> String {
    match record.key() {
        Some(key) => sentence.replace(&format!("`{key}`"), &name(record)),
        None => sentence.to_owned(),
    }
}

/// Begins a sentence: the key by its alias, else by its id.
fn name(record: &Record) -> String {
    match (record.key(), record.names.aliases.first()) {
        (Some(_), Some(alias)) => format!("Key {}", plain::line(alias, NAME_LIMIT)),
        (Some(key), None) => format!("Key {}", key.key_id()),
        (None, _) => plain::line(record.event.target.display_name(), NAME_LIMIT),
    }
}

fn deadline_sentence(record: &Record, decision: &Decision) -> Option<String> {
    let deadline = moment(decision.why().deadline?);
    if is_averted(record) {
        return Some(format!("It would have been deleted on {deadline}. That was averted."));
    }
    if record.status == Status::DoesNotExist {
        return None;
    }
    let (fate, end) = match record.threat {
        Some(Threat::MaterialExpires) => ("lose its key material", "Its key material expires"),
        Some(_) | None => ("be deleted", "Its deletion is due"),
    };
    match (decision.why().permitted, is_open(record)) {
        (true, _) => Some(format!("{end} on {deadline}.")),
        (false, true) => Some(format!("It will {fate} on {deadline} if nothing is done.")),
        (false, false) => None,
    }
}

fn pass_sentence(record: &Record) -> Option<String> {
    let end = moment(pass_ends(record)?);
    Some(format!("It passes until {end}. Then it is taken back, unless somebody else has approved it."))
}

/// The deletion was pending and is cancelled, by us or before us.
fn is_averted(record: &Record) -> bool {
    record.threat == Some(Threat::DeletionScheduled)
        && record.steps.first().is_some_and(|first| {
            let takes_back = matches!(first.step, Step::CancelKeyDeletion { .. } | Step::Google(Change::RestoreCryptoKeyVersion { .. }));
            !takes_back || first.result.is_success()
        })
}

fn is_open(record: &Record) -> bool {
    has_failed(record.status) || matches!(record.status, Status::Escalated | Status::Observed)
}

/// Lists what was done, and why it was decided so.
pub(super) fn sections(record: &Record, why: &Why) -> Vec<Section> {
    let done = if record.status == Status::Observed { "What would be done" } else { "What was done" };
    let reasons = match why.permitted {
        _ if crate::drill::is_drill(&record.event) => super::drill::REASONS_TITLE,
        true => "Why it passes",
        false => "Why it is not approved",
    };
    let sections = [
        Section { title: done.to_owned(), lines: record.steps.iter().map(step_line).collect() },
        Section { title: reasons.to_owned(), lines: reason_lines(why) },
    ];
    sections.into_iter().filter(|section| !section.lines.is_empty()).collect()
}

fn step_line(step: &StepOutcome) -> String {
    plain::line(&format!("{}: {}", step.step, result_phrase(step)), SENTENCE_LIMIT)
}

/// The last line is what the policies say, so it is never the one that is left out.
fn reason_lines(why: &Why) -> Vec<String> {
    let Some((verdict, found)) = why.reasoning.split_last() else {
        return Vec::new();
    };
    let untold = found.len().saturating_sub(REASONS_LIMIT);
    let note = (untold > 0).then(|| format!("{untold} more findings are in the record"));
    let told = found.iter().take(REASONS_LIMIT).cloned().chain(note).chain([verdict.clone()]);
    told.map(|line| plain::line(&line, SENTENCE_LIMIT)).collect()
}

fn result_phrase(step: &StepOutcome) -> String {
    match &step.result {
        StepResult::Done => "done".to_owned(),
        StepResult::AlreadySo => "was so already".to_owned(),
        StepResult::TakesEffectLater => "accepted, takes effect when the key store is connected".to_owned(),
        StepResult::NotCarriedOut => "not carried out, mode is observe".to_owned(),
        StepResult::NotReached => "not reached".to_owned(),
        StepResult::FailedForNow { error } => format!("failed, will be tried again: {error}"),
        StepResult::Refused { error } => format!("refused: {error}"),
        StepResult::Unsupported { error } => format!("not possible: {error}"),
        StepResult::DoesNotExist if matches!(step.step, Step::Monitoring(_) | Step::Azure(_)) => {
            "what it changes does not exist".to_owned()
        }
        StepResult::DoesNotExist => "the key does not exist".to_owned(),
    }
}

/// Returns who, what and when, then which key, then the deadlines.
pub(super) fn facts(record: &Record, decision: &Decision) -> Vec<Fact> {
    let event = &record.event;
    let (account, region) = record.place();
    let deadline = decision.why().deadline;
    let is_open = is_open(record) || decision.why().permitted;
    let key = record.key();
    let is_occasion = monitoring::is_occasion(record);
    let facts = [
        ("Who", Some(event.actor.display_name()).filter(|_| !is_occasion)),
        ("Role", event.actor.role.as_ref().map(ToString::to_string)),
        ("Application", event.actor.app_id.clone()),
        ("From", event.actor.source_address.clone()),
        (if is_occasion { "Occasion" } else { "Call" }, Some(event.name.clone())),
        ("When", Some(event.time.map_or_else(|| "the event does not say".to_owned(), |time| time.to_string()))),
        ("Alias", aliases(record)),
        ("Owner", record.names.owner.clone()),
        ("Key", key.map(|key| key.key_id().to_owned())),
        ("Target", if key.is_none() { Some(event.target.display_name().to_owned()) } else { None }),
        ("Subscription", event.target.azure().map(|id| id.subscription().to_string())),
        ("Account", account.map(|account| account.to_string())),
        ("Region", region.map(|region| region.to_string())),
        ("Deadline", deadline.filter(|_| is_open).map(|time| time.to_string())),
        ("Averted deletion", deadline.filter(|_| !is_open && is_averted(record)).map(|time| time.to_string())),
        ("Pass ends", pass_ends(record).map(|time| time.to_string())),
    ];
    let told = facts.into_iter().filter_map(|(label, value)| Some((label, value?)));
    told.map(|(label, value)| Fact { label: label.to_owned(), value: plain::line(&value, VALUE_LIMIT) }).collect()
}

fn aliases(record: &Record) -> Option<String> {
    let aliases = &record.names.aliases;
    let named: Vec<String> = aliases.iter().take(ALIASES_LIMIT).map(|alias| plain::line(alias, NAME_LIMIT)).collect();
    let untold = aliases.len().saturating_sub(named.len());
    let note = if untold > 0 { format!(" and {untold} more") } else { String::new() };
    (!named.is_empty()).then(|| format!("{}{note}", named.join(", ")))
}
