//! The life of a container's time-based retention policy and of its legal hold, as a state machine without any HTTP.
//!
//! None -> Unlocked -> Locked. An unlocked policy may be changed, shrunk and deleted; a locked one can only be made longer, five times.
//! It must not know of requests, answers or blobs.
//! Source: <https://learn.microsoft.com/azure/storage/blobs/immutable-time-based-retention-policy-overview>.

use jiff::{SignedDuration, Timestamp};

/// How often a locked policy may be made longer in its life.
pub const MOST_EXTENSIONS: usize = 5;

/// The shortest and the longest period, in days.
pub const PERIOD_DAYS: std::ops::RangeInclusive<u32> = 1..=146_000;

/// Whether the policy can still be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyState {
    /// It protects, and may still be changed or deleted.
    Unlocked,
    /// It can never be shortened or deleted.
    Locked,
}

impl PolicyState {
    /// Names the state as Azure writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unlocked => "Unlocked",
            Self::Locked => "Locked",
        }
    }
}

/// What was done to a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Written or rewritten while unlocked.
    Put,
    /// Locked.
    Lock,
    /// Made longer while locked.
    Extend,
}

impl Step {
    /// Names the step as the update history writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Lock => "lock",
            Self::Extend => "extend",
        }
    }
}

/// Who did a step, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The object id of the principal.
    pub object_id: String,
    /// The tenant of the principal.
    pub tenant_id: String,
    /// The user principal name, of people alone.
    pub upn: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// One line of the update history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// What was done.
    pub step: Step,
    /// The period in days that held from then on.
    pub period_days: u32,
    /// Who did it, and when.
    pub author: Author,
}

/// What a caller asks a policy to be; what is absent keeps its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// The period in days since a blob was created.
    pub period_days: Option<u32>,
    /// Whether append blobs may still grow.
    pub append_writes: Option<bool>,
    /// Whether append and block blobs may still grow.
    pub append_writes_all: Option<bool>,
}

/// A container's time-based retention policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The period in days since a blob was created.
    pub period_days: u32,
    /// Whether it can still be taken back.
    pub state: PolicyState,
    /// Whether append blobs may still grow.
    pub append_writes: bool,
    /// Whether append and block blobs may still grow.
    pub append_writes_all: bool,
    /// The version that `If-Match` must name, without quotes.
    pub etag: String,
    /// What was done so far, oldest first.
    pub history: Vec<Update>,
}

/// Why a step on a policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no policy to change.
    #[error("The immutability policy of the container does not exist.")]
    Missing,
    /// `If-Match` names another version.
    #[error("The condition specified using HTTP conditional header(s) is not met.")]
    StaleEtag,
    /// `If-Match` is required and absent.
    #[error("An If-Match header with the ETag of the immutability policy is required for this operation.")]
    EtagRequired,
    /// The step does not exist in this state.
    #[error("Operation not allowed on immutability policy with current state.")]
    WrongState,
    /// A locked policy would become shorter.
    #[error("The immutability period can only be extended: it is {current_days} days, `{wanted_days}` was asked for.")]
    Shorter {
        /// The period that holds.
        current_days: u32,
        /// The period that was asked for.
        wanted_days: u32,
    },
    /// A locked policy was made longer too often.
    #[error("The immutability policy was extended {MOST_EXTENSIONS} times, which is the most there can be.")]
    TooManyExtensions,
    /// The period is missing or out of range.
    #[error("The immutability period must be between 1 and 146000 days.")]
    BadPeriod,
    /// Both kinds of protected append were asked for.
    #[error("allowProtectedAppendWrites and allowProtectedAppendWritesAll are mutually exclusive.")]
    BothAppends,
}

impl Policy {
    /// Writes a policy: a new one, or over an unlocked one.
    ///
    /// # Errors
    /// The `Refusal` that Azure would answer; a locked policy is never rewritten.
    pub fn put(existing: Option<&Self>, wish: Wish, if_match: Option<&str>, etag: String, author: Author) -> Result<Self, Refusal> {
        if let Some(policy) = existing {
            policy.check_etag(if_match)?;
            if policy.state == PolicyState::Locked {
                return Err(Refusal::WrongState);
            }
        } else if if_match.is_some_and(|wanted| wanted != "*" && !wanted.is_empty()) {
            return Err(Refusal::StaleEtag);
        }
        let period_days = wish.period_days.filter(|days| PERIOD_DAYS.contains(days)).ok_or(Refusal::BadPeriod)?;
        let (append_writes, append_writes_all) = appends(existing, wish)?;
        let mut history = existing.map(|policy| policy.history.clone()).unwrap_or_default();
        history.push(Update { step: Step::Put, period_days, author });
        Ok(Self { period_days, state: PolicyState::Unlocked, append_writes, append_writes_all, etag, history })
    }

    /// Locks an unlocked policy, for good.
    ///
    /// # Errors
    /// The `Refusal` that Azure would answer.
    pub fn lock(&self, if_match: Option<&str>, etag: String, author: Author) -> Result<Self, Refusal> {
        self.require_etag(if_match)?;
        if self.state == PolicyState::Locked {
            return Err(Refusal::WrongState);
        }
        let mut locked = self.clone();
        locked.state = PolicyState::Locked;
        locked.etag = etag;
        locked.history.push(Update { step: Step::Lock, period_days: self.period_days, author });
        Ok(locked)
    }

    /// Makes a locked policy longer.
    ///
    /// # Errors
    /// The `Refusal` that Azure would answer: unlocked policies are put, not extended; nothing gets shorter; five times at most.
    pub fn extend(&self, wish: Wish, if_match: Option<&str>, etag: String, author: Author) -> Result<Self, Refusal> {
        self.require_etag(if_match)?;
        if self.state == PolicyState::Unlocked {
            return Err(Refusal::WrongState);
        }
        let wanted_days = wish.period_days.filter(|days| PERIOD_DAYS.contains(days)).ok_or(Refusal::BadPeriod)?;
        if wanted_days < self.period_days {
            return Err(Refusal::Shorter { current_days: self.period_days, wanted_days });
        }
        if self.extensions() >= MOST_EXTENSIONS {
            return Err(Refusal::TooManyExtensions);
        }
        let mut extended = self.clone();
        extended.period_days = wanted_days;
        extended.etag = etag;
        extended.history.push(Update { step: Step::Extend, period_days: wanted_days, author });
        Ok(extended)
    }

    /// Says whether the policy may be deleted: only while unlocked.
    ///
    /// # Errors
    /// The `Refusal` that Azure would answer.
    pub fn check_delete(&self, if_match: Option<&str>) -> Result<(), Refusal> {
        self.require_etag(if_match)?;
        match self.state {
            PolicyState::Unlocked => Ok(()),
            PolicyState::Locked => Err(Refusal::WrongState),
        }
    }

    /// Until when a blob that was created then is protected.
    #[must_use]
    pub fn protects_until(&self, created_at: Timestamp) -> Timestamp {
        let period = SignedDuration::from_hours(i64::from(self.period_days) * 24);
        created_at.checked_add(period).unwrap_or(Timestamp::MAX)
    }

    fn extensions(&self) -> usize {
        self.history.iter().filter(|update| update.step == Step::Extend).count()
    }

    fn check_etag(&self, if_match: Option<&str>) -> Result<(), Refusal> {
        match if_match {
            None | Some("*") => Ok(()),
            Some(wanted) if wanted.trim_matches('"') == self.etag => Ok(()),
            Some(_) => Err(Refusal::StaleEtag),
        }
    }

    fn require_etag(&self, if_match: Option<&str>) -> Result<(), Refusal> {
        match if_match {
            None => Err(Refusal::EtagRequired),
            Some(_) => self.check_etag(if_match),
        }
    }
}

/// What may still grow: as asked for, otherwise as it was.
fn appends(existing: Option<&Policy>, wish: Wish) -> Result<(bool, bool), Refusal> {
    let append_writes = wish.append_writes.unwrap_or_else(|| existing.is_some_and(|policy| policy.append_writes));
    let all = wish.append_writes_all.unwrap_or_else(|| existing.is_some_and(|policy| policy.append_writes_all));
    if append_writes && all {
        return Err(Refusal::BothAppends);
    }
    Ok((append_writes, all))
}

/// One tag of a legal hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldTag {
    /// The tag, 3 to 23 lower-case letters and digits.
    pub tag: String,
    /// Who set it, and when.
    pub author: Author,
}

/// A container's legal hold: in force while it has a tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LegalHold {
    /// The tags, oldest first.
    pub tags: Vec<HoldTag>,
    /// Whether append and block blobs may still grow under the hold.
    pub append_writes_all: bool,
}

impl LegalHold {
    /// Whether the hold is in force.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.tags.is_empty()
    }

    /// Adds tags; one that is there already stays as it is.
    pub fn set(&mut self, tags: &[String], author: &Author) {
        for tag in tags {
            let tag = tag.to_ascii_lowercase();
            if self.tags.iter().all(|held| held.tag != tag) {
                self.tags.push(HoldTag { tag, author: author.clone() });
            }
        }
    }

    /// Takes tags away.
    pub fn clear(&mut self, tags: &[String]) {
        self.tags.retain(|held| !tags.iter().any(|tag| tag.eq_ignore_ascii_case(&held.tag)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author() -> Author {
        Author { object_id: "o".into(), tenant_id: "t".into(), upn: None, at: Timestamp::UNIX_EPOCH }
    }

    fn days(period_days: u32) -> Wish {
        Wish { period_days: Some(period_days), ..Wish::default() }
    }

    fn unlocked(period_days: u32) -> Policy {
        Policy::put(None, days(period_days), None, "1".into(), author()).expect("a first policy")
    }

    fn locked(period_days: u32) -> Policy {
        unlocked(period_days).lock(Some("\"1\""), "2".into(), author()).expect("locks")
    }

    #[test]
    fn an_unlocked_policy_may_shrink() {
        let shorter = Policy::put(Some(&unlocked(90)), days(1), Some("1"), "2".into(), author()).expect("shrinks");
        assert_eq!((shorter.period_days, shorter.state), (1, PolicyState::Unlocked));
    }

    #[test]
    fn a_locked_policy_is_never_put_or_deleted() {
        let policy = locked(90);
        assert_eq!(Policy::put(Some(&policy), days(91), Some("2"), "3".into(), author()), Err(Refusal::WrongState));
        assert_eq!(policy.check_delete(Some("2")), Err(Refusal::WrongState));
    }

    #[test]
    fn a_locked_policy_never_gets_shorter() {
        let refusal = locked(90).extend(days(89), Some("2"), "3".into(), author());
        assert_eq!(refusal, Err(Refusal::Shorter { current_days: 90, wanted_days: 89 }));
    }

    #[test]
    fn a_locked_policy_gets_longer_five_times() {
        let mut policy = locked(90);
        for step in 1..=5 {
            let wanted = policy.etag.clone();
            policy = policy.extend(days(90 + step), Some(&wanted), format!("x{step}"), author()).expect("extends");
        }
        assert_eq!(policy.extend(days(200), Some("*"), "y".into(), author()), Err(Refusal::TooManyExtensions));
    }

    #[test]
    fn an_unlocked_policy_is_put_not_extended() {
        assert_eq!(unlocked(90).extend(days(91), Some("1"), "2".into(), author()), Err(Refusal::WrongState));
    }

    #[test]
    fn locking_takes_the_current_etag() {
        for (if_match, refusal) in [(None, Refusal::EtagRequired), (Some("other"), Refusal::StaleEtag)] {
            assert_eq!(unlocked(90).lock(if_match, "2".into(), author()), Err(refusal), "{if_match:?}");
        }
    }

    #[test]
    fn what_may_still_grow_survives_a_new_period() {
        let wish = Wish { period_days: Some(90), append_writes: Some(true), append_writes_all: None };
        let first = Policy::put(None, wish, None, "1".into(), author()).expect("a first policy");
        let second = Policy::put(Some(&first), days(91), None, "2".into(), author()).expect("a second");
        assert!(second.append_writes);
    }

    #[test]
    fn a_hold_lasts_while_it_has_a_tag() {
        let mut hold = LegalHold::default();
        hold.set(&["Case1".into(), "case2".into(), "case1".into()], &author());
        hold.clear(&["case2".into()]);
        assert!(hold.is_held());
        hold.clear(&["CASE1".into()]);
        assert!(!hold.is_held());
    }
}
