//! What people do in a run, by the provider's calls and at the approver's desk, and what is logged of it.

use jiff::{SignedDuration, Timestamp};
use reprieve_core::approval::{Revocation, SealedApproval};
use reprieve_core::facts::{INCIDENT_HOLD_TAG, Tags};
use reprieve_core::{Actor, Details, KeyArn};
use reprieve_engine::{CallError, KeyControl as _, Ledger as _};
use reprieve_test_support::approval::{approval_tags, sealed_by_attacker};
use reprieve_test_support::event::{self, mallory, schedule, session, tagging};
use reprieve_test_support::{Terms, finish, sealed_approval};

use super::{Done, Fate, Message, Play, millis};
use crate::plan::{Act, Approver, Deed, Paper, Place, Who};

impl Play {
    /// Somebody acts, and what KMS logs of it is on its way.
    pub(super) fn act(&mut self, number: usize) {
        let Act { key, who, deed, copies, .. } = self.plan.acts[number].clone();
        let (now, arn) = (self.now(), self.arns[key].clone());
        let changes = self.keys.changes().len();
        let answer = self.carry_out(&arn, deed);
        let change = (self.keys.changes().len() > changes).then_some(changes);
        self.done.push(Done { act: number, at: now, change, took_effect: answer.is_ok() });
        let Some(event) = self.event_of(&arn, deed) else { return };
        let seconds = Timestamp::from_second(now.as_second()).unwrap();
        let mut event = event.id(&format!("act-{number}")).by(actor(who)).at(&seconds.to_string());
        if answer.is_err() {
            event = event.refused("KMSInvalidStateException");
        }
        let event = event.build();
        self.world.circumstances.logged(event.clone());
        for delay in copies {
            let visible_at = now + millis(delay);
            let state = Fate::Waiting;
            self.messages.push(Message { act: number, event: event.clone(), visible_at, first_received_at: None, received: 0, state });
        }
    }

    fn carry_out(&self, arn: &KeyArn, deed: Deed) -> Result<(), CallError> {
        let answered = "a fake always answers";
        match deed {
            Deed::Schedule { days } => self.keys.call(arn, |keys| keys.schedule_deletion(arn, days)),
            Deed::Disable => self.keys.call(arn, |keys| keys.disable(arn)),
            Deed::Cancel => self.keys.call(arn, |keys| finish(keys.cancel_deletion(arn)).expect(answered)),
            Deed::Enable => self.keys.call(arn, |keys| finish(keys.enable(arn)).expect(answered)),
            Deed::Approve(paper) if paper.place == Place::Ledger => {
                finish(self.world.ledger.approve(arn, &self.sealed(arn, paper))).expect(answered)
            }
            Deed::Approve(_) | Deed::Hold => self.keys.call(arn, |keys| keys.tag(arn, self.tags(arn, deed))),
            Deed::Revoke { change } => {
                let revocation = Revocation { change: name_of(change), by: "carol@example.com".to_owned(), at: self.now(), reason: None };
                finish(self.world.ledger.revoke(arn, &revocation)).expect(answered)
            }
        }
    }

    fn tags(&self, arn: &KeyArn, deed: Deed) -> Tags {
        match deed {
            Deed::Approve(paper) => approval_tags(&self.sealed(arn, paper)),
            Deed::Hold => [(INCIDENT_HOLD_TAG.to_owned(), "INC-7".to_owned())].into(),
            Deed::Schedule { .. } | Deed::Disable | Deed::Cancel | Deed::Enable | Deed::Revoke { .. } => Tags::new(),
        }
    }

    fn sealed(&self, arn: &KeyArn, paper: Paper) -> SealedApproval {
        let (opens, closes) = self.window(paper);
        let approver = match paper.approver {
            Approver::Carol | Approver::Forger => "carol@example.com",
            Approver::Mallory => "mallory@example.com",
        };
        let terms = Terms {
            change: name_of(paper.change),
            action: paper.action.to_owned(),
            window: format!("{opens}/{closes}"),
            approver: approver.to_owned(),
        };
        if paper.approver == Approver::Forger { sealed_by_attacker(arn, &terms) } else { sealed_approval(arn, &terms) }
    }

    /// Returns when a paper's window opens and closes.
    pub(crate) fn window(&self, paper: Paper) -> (Timestamp, Timestamp) {
        let (opens, closes) = paper.window_secs;
        (self.began + SignedDuration::from_secs(opens), self.began + SignedDuration::from_secs(closes))
    }

    fn event_of(&self, arn: &KeyArn, deed: Deed) -> Option<event::EventBuilder> {
        Some(match deed {
            Deed::Schedule { days } => {
                let pending = self.keys.find(arn).and_then(|key| key.pending);
                let deletion_date = pending.and_then(|pending| pending.date);
                schedule(arn).details(Details { waiting_period_days: Some(days), deletion_date, ..Details::default() })
            }
            Deed::Disable => event::disable(arn),
            Deed::Cancel => event::event("CancelKeyDeletion").on(arn),
            Deed::Enable => event::event("EnableKey").on(arn),
            Deed::Approve(Paper { place: Place::Ledger, .. }) | Deed::Revoke { .. } => return None,
            Deed::Approve(_) | Deed::Hold => tagging(arn, &self.tags(arn, deed)),
        })
    }
}

fn actor(who: Who) -> Actor {
    match who {
        Who::Mallory => mallory(),
        Who::Alice => session("Admin", "alice@example.com"),
    }
}

fn name_of(change: u32) -> String {
    format!("CHG-{change}")
}
