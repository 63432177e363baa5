//! What really happened in a run, told without any of the guard's own code: who did what to which key, what was approved and when, and in
//! whose name each key is as it is.

use jiff::{SignedDuration, Timestamp};
use reprieve_core::KeyArn;
use reprieve_core::facts::INCIDENT_HOLD_TAG;
use reprieve_test_support::{FakeKey, KeyChange};

use crate::plan::{Act, Approver, Deed, Kind, Paper, Place, Who};
use crate::play::{Play, at_first, millis};

/// Why a key is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It was so before the run.
    Before,
    /// Somebody disabled it.
    Act(usize),
    /// The deletion that this act scheduled was cancelled, which leaves a key disabled; and who cancelled it.
    Cancelled { act: usize, by_us: bool },
}

/// How it stands with a key between two changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// The act that scheduled the deletion that is pending.
    pub(crate) pending: Option<usize>,
    /// Why it is disabled, where it is.
    pub(crate) disabled: Option<Cause>,
}

/// A change of a key, and how it stood before.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) change: KeyChange,
    pub(crate) before: Standing,
}

struct Written {
    key: usize,
    paper: Paper,
    at: Timestamp,
    /// When other tags took its place.
    until: Option<Timestamp>,
}

/// What happened.
pub(crate) struct Truth<'a> {
    play: &'a Play,
    papers: Vec<Written>,
    pub(crate) told: Vec<Told>,
    /// How it stands with each key in the end.
    pub(crate) standing: Vec<Standing>,
}

impl<'a> Truth<'a> {
    pub(crate) fn of(play: &'a Play) -> Self {
        let first = |kind: &Kind| Standing { pending: None, disabled: (*kind == Kind::DisabledBefore).then_some(Cause::Before) };
        let mut standing: Vec<Standing> = play.plan.keys.iter().map(first).collect();
        let mut told = Vec::new();
        for (index, change) in play.keys.changes().into_iter().enumerate() {
            let now = &mut standing[number_of(play, &change.key)];
            let before = *now;
            let act = play.done.iter().find(|done| done.change == Some(index)).map(|done| done.act);
            now.change(&change, act);
            told.push(Told { change, before });
        }
        let mut truth = Self { play, papers: Vec::new(), told, standing };
        truth.file_papers();
        truth
    }

    fn file_papers(&mut self) {
        for done in self.play.done.iter().filter(|done| done.took_effect) {
            let Act { key, deed: Deed::Approve(paper), .. } = self.play.plan.acts[done.act] else { continue };
            if paper.place == Place::Tags {
                let replaced = self.papers.iter_mut().filter(|other| other.key == key && other.paper.place == Place::Tags);
                replaced.for_each(|other| other.until = other.until.or(Some(done.at)));
            }
            self.papers.push(Written { key, paper, at: done.at, until: None });
        }
    }

    pub(crate) fn act(&self, number: usize) -> &Act {
        &self.play.plan.acts[number]
    }

    fn time_of(&self, act: usize) -> Timestamp {
        self.play.done[act].at
    }

    /// Says whether an act is approved, as whoever looks from `from` to `until` must see it: the whole time, and by all of KMS.
    pub(crate) fn is_approved(&self, act: usize, from: Timestamp, until: Timestamp) -> bool {
        let Act { key, who, deed, .. } = *self.act(act);
        let action = match deed {
            Deed::Schedule { .. } => "delete",
            Deed::Disable => "disable",
            Deed::Cancel | Deed::Enable | Deed::Approve(_) | Deed::Revoke { .. } | Deed::Hold => return false,
        };
        // The log tells whole seconds, and the event's time is what is approved.
        let time = Timestamp::from_second(self.time_of(act).as_second()).unwrap();
        self.papers.iter().filter(|written| written.key == key).any(|Written { paper, at, until: replaced, .. }| {
            let (opens, closes) = self.play.window(*paper);
            let is_seen = *at + self.lag_of(paper.place) <= from && replaced.is_none_or(|replaced| replaced > until);
            let is_good = match paper.approver {
                Approver::Carol => true,
                Approver::Mallory => who != Who::Mallory,
                Approver::Forger => false,
            };
            paper.action == action && is_good && is_seen && opens <= time && time < closes && !self.is_revoked(key, paper.change, until)
        })
    }

    /// Says whether an act was approved at any time before then.
    pub(crate) fn was_ever_approved(&self, act: usize) -> bool {
        let moments = self.play.done.iter().map(|done| done.at + self.lag_of(Place::Tags));
        moments.chain([self.play.now()]).any(|moment| self.is_approved(act, moment, moment))
    }

    fn lag_of(&self, place: Place) -> SignedDuration {
        if place == Place::Tags { millis(self.play.plan.lag.1) } else { SignedDuration::ZERO }
    }

    fn is_revoked(&self, key: usize, change: u32, until: Timestamp) -> bool {
        self.play.done.iter().any(|done| {
            let act = self.act(done.act);
            act.key == key && act.deed == Deed::Revoke { change } && done.at <= until
        })
    }

    /// Says whether a disablement is approved, or one that somebody repeated while the key was disabled by it.
    pub(crate) fn is_disabling_approved(&self, act: usize, is_approved: impl Fn(usize) -> bool) -> bool {
        let key = self.act(act).key;
        let repeats =
            self.play.done.iter().filter(|done| done.act >= act && done.took_effect && done.change.is_none_or(|_| done.act == act));
        let acts = repeats.map(|done| done.act).filter(|act| self.act(*act).key == key && self.act(*act).deed == Deed::Disable);
        acts.into_iter().any(is_approved)
    }

    /// Says whether somebody disabled the key once more while this act had it disabled, so that it is not known whose act it is.
    pub(crate) fn is_repeated(&self, act: usize, until: Timestamp) -> bool {
        let key = self.act(act).key;
        let repeats = self.play.done.iter().filter(|done| done.act > act && done.took_effect && done.change.is_none() && done.at <= until);
        repeats.map(|done| self.act(done.act)).any(|other| other.key == key && other.deed == Deed::Disable)
    }

    /// Says whether another deletion of the key was scheduled so shortly before or after that their dates are taken for one.
    pub(crate) fn has_twin(&self, act: usize) -> bool {
        let (key, at) = (self.act(act).key, self.time_of(act));
        let others = self.play.done.iter().filter(|done| done.act != act && done.change.is_some());
        let near = others.filter(|done| done.at.duration_since(at).abs() <= SignedDuration::from_secs(61)).map(|done| self.act(done.act));
        near.into_iter().any(|other| other.key == key && matches!(other.deed, Deed::Schedule { .. }))
    }

    /// Says whether somebody enabled the key before this act and nothing ever told us, so that it was known as meant to be disabled.
    pub(crate) fn was_enabled_unheard(&self, act: usize) -> bool {
        let key = self.act(act).key;
        let enabled = self.play.done.iter().filter(|done| done.act < act && done.change.is_some()).map(|done| self.act(done.act));
        let mut enabled = enabled;
        let last = enabled.rfind(|done| done.key == key && done.deed == Deed::Enable);
        last.is_some_and(|enabling| enabling.copies.is_empty())
    }

    /// Says whether an incident holds the key, as whoever looks from then on must see it.
    pub(crate) fn is_held(&self, key: usize, from: Timestamp) -> bool {
        self.told.iter().any(|Told { change, .. }| {
            let sets = change.after.tags.contains_key(INCIDENT_HOLD_TAG) && !change.before.tags.contains_key(INCIDENT_HOLD_TAG);
            change.key == self.play.arns[key] && sets && change.at + self.lag_of(Place::Tags) <= from
        })
    }

    /// Says whether a key was so at any moment of these.
    pub(crate) fn was_so(&self, arn: &KeyArn, from: Timestamp, until: Timestamp, is_so: impl Fn(&FakeKey) -> bool) -> bool {
        let first = at_first(self.play.plan.keys[number_of(self.play, arn)]);
        let mut at_begin = first;
        for Told { change, .. } in self.told.iter().filter(|told| told.change.key == *arn) {
            if change.at <= from {
                at_begin = change.after.clone();
            } else if change.at <= until && (is_so(&change.before) || is_so(&change.after)) {
                return true;
            }
        }
        is_so(&at_begin)
    }
}

pub(crate) fn number_of(play: &Play, arn: &KeyArn) -> usize {
    play.arns.iter().position(|other| other == arn).unwrap()
}

impl Standing {
    fn change(&mut self, change: &KeyChange, act: Option<usize>) {
        let KeyChange { before, after, by, .. } = change;
        if before.pending.is_none() && after.pending.is_some() {
            self.pending = act;
        } else if before.pending.is_some() && after.pending.is_none() {
            let cancelled = self.pending.take().map(|act| Cause::Cancelled { act, by_us: by.is_some() });
            self.disabled = self.disabled.or(cancelled);
        } else if before.enabled && !after.enabled {
            self.disabled = act.map(Cause::Act);
        } else if after.enabled && !before.enabled {
            self.disabled = None;
        }
    }
}
