//! The scenarios: what somebody does to a key, what the guard promises, and how it is shown that the promise was kept.

mod afterwards;
mod approval;
mod burst;
mod delivery;
mod everyday;
mod evidence;
mod faults;
mod monitoring;
mod policies;
mod privilege;
mod proof;
mod standing;
mod unapproved;

use std::pin::Pin;
use std::time::Instant;

use anyhow::Result;

use crate::report::Report;
use crate::stage::Stage;

pub use policies::{BROKEN as BROKEN_RULES, STRICT as STRICT_RULES};
pub use proof::Observation;

pub(crate) type Playing<'a> = Pin<Box<dyn Future<Output = Result<Observation>> + 'a>>;

/// What scenarios are played on.
pub trait Playhouse {
    /// Ends what a scenario asked to go wrong.
    fn clear_faults(&self);
}

impl Playhouse for Stage {
    fn clear_faults(&self) {
        self.cloud.clear_faults();
    }
}

/// One scenario, on the stage of a cloud.
#[derive(Clone, Copy)]
pub struct Scenario<S: 'static = Stage> {
    /// Its name, for `--only` and reports.
    pub name: &'static str,
    /// A few words for the table.
    pub title: &'static str,
    /// What happens, in a sentence or two.
    pub story: &'static str,
    /// How it must end.
    pub expected: &'static str,
    /// Whether it does so much that only a summary is worth showing.
    pub is_crowded: bool,
    pub(crate) play: for<'a> fn(&'a S) -> Playing<'a>,
}

impl<S: Playhouse> Scenario<S> {
    /// Plays the scenario and says how it ended. What fails is in the report, never an error.
    pub async fn play(&self, stage: &S) -> Report {
        let began = Instant::now();
        let observation = (self.play)(stage).await.unwrap_or_else(|error| Observation::broken(&error));
        // The next scenario begins without the faults of this one, however it ended.
        stage.clear_faults();
        Report::of(self, observation, began.elapsed())
    }
}

/// All scenarios, in the order in which they are shown.
pub const ALL: [Scenario; 23] = [
    Scenario {
        name: "unapproved-deletion",
        title: "unapproved deletion",
        story: "Mallory, with a developer's stolen credentials, schedules a key for deletion.",
        expected: "Enabled",
        is_crowded: false,
        play: |stage| Box::pin(unapproved::deletion(stage)),
    },
    Scenario {
        name: "approved-deletion",
        title: "approved deletion",
        story: "Alice seals change CHG-2041; Pat deletes the key inside the window.",
        expected: "PendingDeletion",
        is_crowded: false,
        play: |stage| Box::pin(approval::covered(stage)),
    },
    Scenario {
        name: "altered-approval",
        title: "sealed approval, one tag altered",
        story: "The window of CHG-2042 opens tomorrow. Mallory stretches the tag and deletes the key today.",
        expected: "Enabled",
        is_crowded: false,
        play: |stage| Box::pin(approval::altered(stage)),
    },
    Scenario {
        name: "self-approval",
        title: "self-approval",
        story: "Alice seals an approval, changes into another role and deletes the key herself.",
        expected: "Enabled, escalated",
        is_crowded: false,
        play: |stage| Box::pin(approval::of_oneself(stage)),
    },
    Scenario {
        name: "forged-seal",
        title: "seal of an unknown key",
        story: "Refused the approvers' key, Mallory seals CHG-2046 with a key of her own. Pat falls for it.",
        expected: "Enabled",
        is_crowded: false,
        play: |stage| Box::pin(approval::forged(stage)),
    },
    Scenario {
        name: "retired-approval-key",
        title: "seal of a retired key",
        story: "Alice seals CHG-2047 with the key that her group used last year.",
        expected: "Enabled",
        is_crowded: false,
        play: |stage| Box::pin(approval::by_retired_key(stage)),
    },
    Scenario {
        name: "leaked-approval-key",
        title: "approval key taken out",
        story: "Sam seals CHG-2055 and Pat deletes. Then Sam's approval key leaks, and is taken out of ApprovalKeys.",
        expected: "Enabled",
        is_crowded: false,
        play: |stage| Box::pin(afterwards::by_leaked_key(stage)),
    },
    Scenario {
        name: "late-approval",
        title: "late approval",
        story: "Pat deletes without asking, and the event is lost. Alice approves before the sweep looks.",
        expected: "PendingDeletion",
        is_crowded: false,
        play: |stage| Box::pin(afterwards::approved_late(stage)),
    },
    Scenario {
        name: "revoked-approval",
        title: "revoked approval",
        story: "Alice seals CHG-2050 and Pat deletes. Sam finds the key in use and revokes; the sweep looks.",
        expected: "Enabled",
        is_crowded: false,
        play: |stage| Box::pin(afterwards::revoked(stage)),
    },
    Scenario {
        name: "two-approvers",
        title: "production key, two approvers",
        story: "The key is tagged env=prod. Alice's approval alone does not do; with Sam's beside it, it does.",
        expected: "back, then stands",
        is_crowded: false,
        play: |stage| Box::pin(standing::two_approvers(stage)),
    },
    Scenario {
        name: "break-glass",
        title: "break-glass",
        story: "Oscar, on call, deletes a leaked key at once. Nobody approved it yet.",
        expected: "stands, told",
        is_crowded: false,
        play: |stage| Box::pin(standing::glass_broken(stage)),
    },
    Scenario {
        name: "plain-tags-of-deleter",
        title: "plain tags, set by the deleter",
        story: "Mallory writes CHG-2052 onto the key, without a seal, and deletes it.",
        expected: "Enabled, escalated",
        is_crowded: false,
        play: |stage| Box::pin(standing::tagged_by_deleter(stage)),
    },
    Scenario {
        name: "plain-tags-of-change-manager",
        title: "plain tags of a change manager",
        story: "Cora, a change manager, writes CHG-2053 onto the key, without a seal. Pat deletes it.",
        expected: "PendingDeletion",
        is_crowded: false,
        play: |stage| Box::pin(standing::tagged_by_change_manager(stage)),
    },
    Scenario {
        name: "disabled-before",
        title: "key that was disabled before",
        story: "Pat disables a key under an approved change. Later Mallory schedules its deletion.",
        expected: "Disabled",
        is_crowded: false,
        play: |stage| Box::pin(everyday::disabled_before(stage)),
    },
    Scenario {
        name: "multi-region",
        title: "multi-Region primary and replica",
        story: "Mallory schedules a primary whose replica lives elsewhere, and a replica whose primary does.",
        expected: "Enabled, Enabled",
        is_crowded: false,
        play: |stage| Box::pin(unapproved::multi_region(stage)),
    },
    Scenario {
        name: "disable-key",
        title: "DisableKey",
        story: "Mallory disables a key: whatever it encrypts stands still.",
        expected: "Enabled",
        is_crowded: false,
        play: |stage| Box::pin(unapproved::disablement(stage)),
    },
    Scenario {
        name: "incident-hold",
        title: "incident hold",
        story: "Rosa holds a compromised key disabled for INC-77. Mallory schedules its deletion.",
        expected: "Disabled",
        is_crowded: false,
        play: |stage| Box::pin(everyday::incident_hold(stage)),
    },
    Scenario {
        name: "refused-call",
        title: "refused call",
        story: "Mallory tries to delete a key with a role that may only look; IAM refuses.",
        expected: "recorded only",
        is_crowded: false,
        play: |stage| Box::pin(everyday::refused(stage)),
    },
    Scenario {
        name: "duplicate-and-reordered",
        title: "duplicate and reordered events",
        story: "Mallory disables a key, then schedules it. The second event comes first, three times.",
        expected: "one remediation",
        is_crowded: false,
        play: |stage| Box::pin(delivery::duplicated_and_reordered(stage)),
    },
    Scenario {
        name: "lost-event",
        title: "lost event",
        story: "Mallory schedules a key for deletion, and EventBridge loses the event. The sweep looks.",
        expected: "Enabled",
        is_crowded: false,
        play: |stage| Box::pin(delivery::lost(stage)),
    },
    Scenario {
        name: "lost-event-approved",
        title: "lost event, approved deletion",
        story: "Alice seals CHG-2049, Pat deletes, and the event is lost. The sweep asks CloudTrail who it was.",
        expected: "PendingDeletion",
        is_crowded: false,
        play: |stage| Box::pin(afterwards::approved_and_lost(stage)),
    },
    Scenario {
        name: "enable-throttled",
        title: "EnableKey throttled",
        story: "The deletion is cancelled, then KMS throttles EnableKey until the function gives up.",
        expected: "Enabled, resumed",
        is_crowded: false,
        play: |stage| Box::pin(delivery::throttled(stage)),
    },
    Scenario {
        name: "burst",
        title: "burst of 50 keys",
        story: "Mallory schedules 50 keys as fast as KMS lets her: three times faster than anybody may cancel.",
        expected: "50 of 50 Enabled",
        is_crowded: true,
        play: |stage| Box::pin(burst::of(stage, burst::SHOWN)),
    },
];

/// What goes wrong with the guard's own machinery: it takes minutes, and a stage of its own, so it is no part of [`ALL`].
pub const FAULTS: [Scenario; 4] = [
    Scenario {
        name: "burst-of-200",
        title: "burst of 200 keys",
        story: "Mallory schedules 200 keys, with waiting periods of all lengths, as fast as KMS lets her.",
        expected: "200 of 200 Enabled",
        is_crowded: true,
        play: |stage| Box::pin(burst::of(stage, burst::LARGE)),
    },
    Scenario {
        name: "killed-mid-flight",
        title: "function killed, at nine points",
        story: "At each call that matters, the process that makes it is killed: before it has an effect, and before it is answered.",
        expected: "9 of 9 Enabled",
        is_crowded: true,
        play: |stage| Box::pin(faults::killed(stage)),
    },
    Scenario {
        name: "cloud-restarted",
        title: "cloud away, then started again",
        story: "Amid a burst of 40 keys every connection is cut for some seconds; then the cloud itself ends and is started again.",
        expected: "40 of 40 Enabled",
        is_crowded: true,
        play: |stage| Box::pin(faults::restarted(stage)),
    },
    Scenario {
        name: "outage-outlasts-retries",
        title: "outage longer than all retries",
        story: "The cloud is away until the queue gives the events up. Then the sweep looks.",
        expected: "set aside, 3 of 3 Enabled",
        is_crowded: true,
        play: |stage| Box::pin(faults::outlasted(stage)),
    },
];

/// The second line, in the order in which it is shown: provisioned, attacked, mended, rehearsed.
pub const MONITORING: [Scenario; 12] = [
    Scenario {
        name: "bare-account",
        title: "bare account, provisioned",
        story: "Nobody watches this account. The monitoring is deployed, and somebody on call confirms the subscription.",
        expected: "every control holds",
        is_crowded: false,
        play: |stage| Box::pin(monitoring::provisioned(stage)),
    },
    Scenario {
        name: "alarm-reaches-a-human",
        title: "the alarm reaches a human",
        story: "Mallory disables a key. The guard is quicker; the second line must be heard of all the same.",
        expected: "e-mail received",
        is_crowded: false,
        play: |stage| Box::pin(monitoring::alarm_reaches_a_human(stage)),
    },
    Scenario {
        name: "trail-torn-down",
        title: "trail stopped, then deleted",
        story: "Mallory, with an administrator's stolen credentials, stops the trail. Mended, she deletes it.",
        expected: "mended, twice",
        is_crowded: false,
        play: |stage| Box::pin(monitoring::trail_torn_down(stage)),
    },
    Scenario {
        name: "filter-torn-down",
        title: "filter made impossible, deleted",
        story: "Mallory replaces a filter by one that holds the right words and can never match; then she deletes it.",
        expected: "mended, twice",
        is_crowded: false,
        play: |stage| Box::pin(monitoring::filter_torn_down(stage)),
    },
    Scenario {
        name: "alarm-torn-down",
        title: "alarm muted, then deleted",
        story: "Mallory disables the actions of an alarm, then deletes it.",
        expected: "mended, twice",
        is_crowded: false,
        play: |stage| Box::pin(monitoring::alarm_torn_down(stage)),
    },
    Scenario {
        name: "log-group-torn-down",
        title: "retention cut, log group deleted",
        story: "Mallory lets the logs expire after a day, then deletes the log group.",
        expected: "mended, twice",
        is_crowded: false,
        play: |stage| Box::pin(monitoring::log_group_torn_down(stage)),
    },
    Scenario {
        name: "nobody-is-told",
        title: "subscriber removed",
        story: "Mallory unsubscribes whoever is on call. Nobody can confirm for them.",
        expected: "mended",
        is_crowded: false,
        play: |stage| Box::pin(monitoring::nobody_is_told(stage)),
    },
    Scenario {
        name: "guard-made-deaf",
        title: "guard made deaf, three ways",
        story: "Mallory disables the rule that feeds the guard, takes its target away, deletes it; then she deletes a key.",
        expected: "mended, three times",
        is_crowded: false,
        play: |stage| Box::pin(monitoring::guard_made_deaf(stage)),
    },
    Scenario {
        name: "monitoring-made-deaf",
        title: "monitoring made deaf",
        story: "Mallory takes away the five rules that tell the monitoring of drift, then stops the trail. The daily check comes.",
        expected: "mended, twice",
        is_crowded: false,
        play: |stage| Box::pin(monitoring::monitoring_made_deaf(stage)),
    },
    Scenario {
        name: "alarm-silenced",
        title: "alarm set to OK by hand",
        story: "Mallory sets the state of an alarm. It would be right again by itself; what did she hide?",
        expected: "told",
        is_crowded: false,
        play: |stage| Box::pin(monitoring::alarm_silenced(stage)),
    },
    Scenario {
        name: "torn-down-in-one-go",
        title: "everything, in one go",
        story: "Rule, alarms, log group and trail: Mallory takes away all of it within a second.",
        expected: "mended",
        is_crowded: false,
        play: |stage| Box::pin(monitoring::torn_down_in_one_go(stage)),
    },
    Scenario {
        name: "drill",
        title: "the weekly drill",
        story: "A sacrificial key is scheduled for deletion, by nobody but the drill, and every path to a human is timed.",
        expected: "every path proven",
        is_crowded: false,
        play: |stage| Box::pin(monitoring::rehearsed(stage)),
    },
];

/// The evidence, in the order in which it is shown: recorded, a file that breaks off, kept apart, sealed.
pub const EVIDENCE: [Scenario; 4] = [
    Scenario {
        name: "log-file-recorded",
        title: "log file recorded, once",
        story: "Mallory schedules a key for deletion, and the trail writes it down. The file is told of three times.",
        expected: "recorded once",
        is_crowded: false,
        play: |stage| Box::pin(evidence::recorded(stage)),
    },
    Scenario {
        name: "broken-log-file",
        title: "log file that breaks off",
        story: "Of one file the second half is missing. The file after it is whole.",
        expected: "set aside, the other recorded",
        is_crowded: false,
        play: |stage| Box::pin(evidence::broken_file(stage)),
    },
    Scenario {
        name: "evidence-kept-apart",
        title: "recorder and sealer kept apart",
        story: "Somebody got hold of the recorder's and the sealer's credentials, and Mallory of an administrator's. They try to sign, forge, delete.",
        expected: "all refused",
        is_crowded: true,
        play: |stage| Box::pin(evidence::kept_apart(stage)),
    },
    Scenario {
        name: "evidence-sealed",
        title: "sealed, and one byte altered",
        story: "Everything is sealed. In a copy of the archive, one byte of one record is altered; in another, a record is left out.",
        expected: "sealed, altered object named",
        is_crowded: false,
        play: |stage| Box::pin(evidence::sealed(stage)),
    },
];

/// Returns everything that the demo plays, in order: keys first, then the second line, then the evidence.
pub fn demonstrated() -> impl Iterator<Item = Scenario> {
    ALL.into_iter().chain(MONITORING).chain(EVIDENCE)
}

/// What the functions' role must not do, tried out with a function's own credentials: IAM speaks here, the guard does not, so it is
/// no part of [`ALL`].
pub const LEAST_PRIVILEGE: Scenario = Scenario {
    name: "least-privilege",
    title: "least privilege",
    story: "Somebody got hold of the guard's own credentials, and tries what else they are good for.",
    expected: "all refused",
    is_crowded: true,
    play: |stage| Box::pin(privilege::of_the_guard(stage)),
};

/// What becomes of a key whose rotation somebody switched off, for the proof of least privilege: nothing else needs that grant.
pub const ROTATION_OFF: Scenario = Scenario {
    name: "rotation-off",
    title: "rotation switched off",
    story: "Somebody switches the yearly rotation of a key off.",
    expected: "Enabled, rotating",
    is_crowded: false,
    play: |stage| Box::pin(privilege::rotation_given_back(stage)),
};

/// What is left of the monitoring when its stack is deleted: nothing could be shown after it, so it is no part of [`MONITORING`].
pub const GIVEN_UP: Scenario = Scenario {
    name: "monitoring-given-up",
    title: "monitoring given up",
    story: "Somebody deletes the stack of the monitoring. What it made stays, and watches.",
    expected: "still watched",
    is_crowded: false,
    play: |stage| Box::pin(monitoring::stack_deleted(stage)),
};

/// What a first deployment does, in mode `observe`: it needs a stage of its own, so it is no part of [`ALL`].
pub const OBSERVING: Scenario = Scenario {
    name: "observe-mode",
    title: "mode observe",
    story: "Mallory schedules a key for deletion where the guard may only watch.",
    expected: "PendingDeletion, told",
    is_crowded: false,
    play: |stage| Box::pin(unapproved::observed(stage)),
};

/// What broken policies do, under [`BROKEN_RULES`]: they need a stage of their own, so it is no part of [`ALL`].
pub const UNUSABLE_POLICIES: Scenario = Scenario {
    name: "unusable-policies",
    title: "policies that cannot be used",
    story: "Somebody saved half a policy. Alice seals CHG-2054, and Pat deletes the key.",
    expected: "Enabled, counted",
    is_crowded: false,
    play: |stage| Box::pin(policies::unusable(stage)),
};

/// What rules of the company's own do, under [`STRICT_RULES`]: likewise.
pub const STRICTER_RULES: Scenario = Scenario {
    name: "stricter-rules",
    title: "policies and a calendar of one's own",
    story: "A deletion stands while the calendar is open, until it closes. Evidence is under legal hold, whoever approves.",
    expected: "PendingDeletion, Enabled, Enabled",
    is_crowded: false,
    play: |stage| Box::pin(policies::strict(stage)),
};
