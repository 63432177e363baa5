//! What people are told of an anomaly: who did what, from where, and what is unusual about it. Nothing was done because of it.

use super::part::moment;
use super::plain::{self, NAME_LIMIT, SENTENCE_LIMIT, VALUE_LIMIT};
use super::{Fact, Notice, SUBJECT_LIMIT, Section};
use crate::decision::{Decision, Why};
use crate::event::CallOutcome;
use crate::finding::Finding;
use crate::plan::Plan;
use crate::record::{KeyNames, Mode, Phase, Record, Status};

/// What a human does with a hint.
const ADVICE: &str = "Nothing was undone because of it: look whether it was meant. The entries around it are in the archive.";

impl Notice {
    /// Makes the notice of a finding.
    #[must_use]
    pub fn of_finding(finding: &Finding) -> Self {
        let headline = plain::line(&headline(finding), SENTENCE_LIMIT);
        let subject = format!("[{}] {headline}", finding.severity.caption());
        let reasons = finding.reasons.iter().map(|reason| format!("{} (+{})", reason.sentence, reason.weight));
        Self {
            subject: subject.chars().map(|c| if c.is_ascii() { c } else { '?' }).take(SUBJECT_LIMIT).collect(),
            severity: finding.severity,
            headline,
            sentences: vec![plain::line(&sentence(finding), SENTENCE_LIMIT), ADVICE.to_owned()],
            warnings: Vec::new(),
            sections: vec![Section {
                title: format!("Why it is unusual (score {} of 100)", finding.score),
                lines: reasons.map(|reason| plain::line(&reason, SENTENCE_LIMIT)).collect(),
            }],
            facts: facts(finding),
            commands: Vec::new(),
        }
    }
}

impl Finding {
    /// Returns the record with which a notice of it is sent, for machines. It is not kept: the finding itself is.
    ///
    /// Its attempt is 0, which no guard's record has, so that its id is never that of a decision about the same event.
    #[must_use]
    pub fn told_as(&self) -> Record {
        let event = self.audit.event.clone();
        Record {
            phase: Phase::Outcome,
            attempt: 0,
            claimed: true,
            recorded_at: self.found_at,
            received_at: self.found_at,
            mode: Mode::Observe,
            threat: None,
            subject: None,
            considering: Plan::default(),
            decision: Some(Decision::Escalate { why: Why::new(self.severity, self.sentence()) }),
            steps: Vec::new(),
            status: Status::Escalated,
            state_after: None,
            detect_ms: event.time.map(|time| crate::record::elapsed_ms(time, self.found_at)),
            remediate_ms: None,
            names: KeyNames::default(),
            event,
        }
    }
}

fn headline(finding: &Finding) -> String {
    let (event, asset) = (&finding.audit.event, finding.audit.asset.as_ref());
    let on = asset.map(|asset| format!(" on {} {}", asset.kind.as_str().replace('_', " "), last_of(&asset.id))).unwrap_or_default();
    format!("unusual: {}{on} by {}", plain::line(&event.name, NAME_LIMIT), plain::line(&event.actor.display_name(), NAME_LIMIT))
}

/// Who did what, when and from where, then what is unusual.
fn sentence(finding: &Finding) -> String {
    let event = &finding.audit.event;
    let when = event.time.map(|time| format!(" on {}", moment(time))).unwrap_or_default();
    let from =
        event.actor.source_address.as_ref().map(|address| format!(", from {}", plain::line(address, NAME_LIMIT))).unwrap_or_default();
    let result = match &event.outcome {
        CallOutcome::Succeeded => String::new(),
        CallOutcome::Refused { code, .. } => format!(", and was refused ({})", plain::line(code, NAME_LIMIT)),
    };
    let name = plain::line(&event.actor.display_name(), NAME_LIMIT);
    format!("{name} called {}{when}{from}{result}. It is unusual: {}", plain::line(&event.name, NAME_LIMIT), finding.sentence())
}

/// The last part of an id, as people know it.
fn last_of(id: &str) -> &str {
    id.rsplit(['/', ':']).next().unwrap_or(id)
}

fn facts(finding: &Finding) -> Vec<Fact> {
    let (audit, event) = (&finding.audit, &finding.audit.event);
    let facts = [
        ("Who", Some(event.actor.display_name())),
        ("Role", event.actor.role.as_ref().map(ToString::to_string)),
        ("Application", event.actor.app_id.clone()),
        ("From", event.actor.source_address.clone()),
        ("Call", Some(event.name.clone())),
        ("When", Some(event.time.map_or_else(|| "the entry does not say".to_owned(), |time| time.to_string()))),
        ("On", audit.asset.as_ref().map(|asset| asset.id.clone())),
        ("Account", audit.account()),
        ("Region", audit.region()),
        ("Log", Some(audit.log.caption().to_owned())),
        ("Finding", Some(finding.id())),
    ];
    let told = facts.into_iter().filter_map(|(label, value)| Some((label, value?)));
    told.map(|(label, value)| Fact { label: label.to_owned(), value: plain::line(&value, VALUE_LIMIT) }).collect()
}
