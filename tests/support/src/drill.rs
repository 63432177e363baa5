//! A world for drills: keys, an alias, and the drill over a stage.

mod stage;

use std::time::Duration;

use jiff::SignedDuration;
use reprieve_core::drill::{DRILL_TAG, DRILL_TAG_VALUE, DrillAlias, DrillPlace, DrillReport, MANAGED_BY, Terms};
use reprieve_core::facts::Tags;
use reprieve_core::monitoring::MANAGED_BY_TAG;
use reprieve_core::{AccountId, EventId, KeyArn, KeyState, Mode, Record, Region};
use reprieve_engine::{CallError, Clock as _, Rehearsal, RehearsalPorts, RehearsalSettings, Rehearsed};

use crate::clock::FakeClock;
use crate::event::{ACCOUNT, EVENT_TIME, REGION, key, time};
use crate::finish;
use crate::keys::{FakeKey, FakeKeyControl};
use crate::sinks::{FakeAuditSink, FakeNoticeSink};
pub use stage::{Answers, FakeStage};

/// The alias of the drill's key.
pub const DRILL_ALIAS: &str = "alias/reprieve-drill";

/// The alarm that must go off.
pub const DRILL_ALARM: &str = "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled";

/// Returns the tags of the drill's key.
#[must_use]
pub fn drill_tags() -> Tags {
    Tags::from([(DRILL_TAG.to_owned(), DRILL_TAG_VALUE.to_owned()), (MANAGED_BY_TAG.to_owned(), MANAGED_BY.to_owned())])
}

/// Returns the alias of the drill's key.
#[must_use]
pub fn drill_alias() -> DrillAlias {
    DrillAlias::parse(DRILL_ALIAS).expect("the constant is an alias")
}

/// Returns where the tests hold drills.
#[must_use]
pub fn drill_place() -> DrillPlace {
    let account = AccountId::parse(ACCOUNT).expect("the constant is an account id");
    DrillPlace { account, region: Region::parse(REGION).expect("the constant is a Region") }
}

/// The drill over the stage.
pub type TestRehearsal = Rehearsal<FakeStage, FakeStage, FakeStage, FakeStage, FakeAuditSink, FakeNoticeSink, FakeClock, FakeStage>;

/// Everything that a test of the drill works with.
#[derive(Debug)]
pub struct DrillWorld {
    /// The time.
    pub clock: FakeClock,
    /// KMS.
    pub keys: FakeKeyControl,
    /// Everything else that the drill touches.
    pub stage: FakeStage,
    /// The audit store.
    pub audit: FakeAuditSink,
    /// The people.
    pub notices: FakeNoticeSink,
    /// The drill.
    pub rehearsal: TestRehearsal,
}

/// Returns a world without keys, in which everything answers as it should: the guard has 2 minutes, the alarm 12.
#[must_use]
pub fn drill_world() -> DrillWorld {
    let clock = FakeClock::at(time(EVENT_TIME));
    let keys = FakeKeyControl::new(clock.clone());
    let stage = FakeStage::new(clock.clone(), keys.clone());
    let (audit, notices) = (FakeAuditSink::default(), FakeNoticeSink::default());
    let rehearsal = Rehearsal {
        ports: RehearsalPorts {
            keys: stage.clone(),
            drill_key: stage.clone(),
            inventory: stage.clone(),
            watch: stage.clone(),
            audit: audit.clone(),
            notices: notices.clone(),
            clock: clock.clone(),
            meter: stage.clone(),
        },
        settings: RehearsalSettings {
            mode: Mode::Enforce,
            alias: drill_alias(),
            place: drill_place(),
            terms: Terms {
                guard_deadline_ms: 120_000,
                alarm_deadline_ms: 720_000,
                hears_people: true,
                alarm: Some(DRILL_ALARM.to_owned()),
            },
            patience: Duration::from_secs(3),
        },
    };
    DrillWorld { clock, keys, stage, audit, notices, rehearsal }
}

impl DrillWorld {
    /// Adds the drill's key, as an earlier drill made and noted it.
    #[must_use]
    pub fn with_key(self) -> (Self, KeyArn) {
        let own = key("own-drill-key");
        self.keys.put(&own, FakeKey { tags: drill_tags(), aliases: vec![DRILL_ALIAS.to_owned()], ..FakeKey::default() });
        let made_at = self.clock.now().checked_sub(SignedDuration::from_hours(24)).expect("yesterday exists");
        self.stage.remember(|item| (item.key, item.created_at, item.creations) = (Some(own.clone()), Some(made_at), 1));
        (self, own)
    }

    /// Holds a drill in an invocation of 15 minutes.
    ///
    /// # Errors
    /// As the drill.
    pub fn hold(&self, id: &str) -> Result<Rehearsed, CallError> {
        self.hold_within(id, SignedDuration::from_mins(15))
    }

    /// Holds a drill in an invocation of this length.
    ///
    /// # Errors
    /// As the drill.
    pub fn hold_within(&self, id: &str, lasts: SignedDuration) -> Result<Rehearsed, CallError> {
        let id = EventId::parse(id).expect("the test writes an id");
        let stopped_at = self.clock.now().checked_add(lasts).expect("a test stays within the years that exist");
        finish(self.rehearsal.rehearse(id, stopped_at)).expect("nothing on the stage waits for ever")
    }

    /// Holds a drill that ends, and returns its outcome and report.
    ///
    /// # Panics
    /// Where it does not end.
    #[expect(clippy::panic, reason = "a test that goes another way must stop")]
    pub fn hold_to_the_end(&self, id: &str) -> (Record, Option<DrillReport>) {
        match self.hold(id) {
            Ok(Rehearsed::Ended { record, report, .. }) => (*record, report),
            other => panic!("the drill came to no end: {other:?}"),
        }
    }

    /// Says whether the key serves.
    #[must_use]
    pub fn serves(&self, key: &KeyArn) -> bool {
        self.keys.state(key) == KeyState::Enabled
    }
}
