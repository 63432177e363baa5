//! The life of a key of AWS, reconstructed from the acts on it: what the function would have observed after each.

use jiff::Timestamp;
use reprieve_core::approval::{APPROVAL_TAGS, Written, plain};
use reprieve_core::facts::{INCIDENT_HOLD_TAG, Rotation, Tags};
use reprieve_core::lesson::{self, Lesson};
use reprieve_core::{
    CallOutcome, Decision, Domain, Event, Inventory, KeyArn, KeyDescription, KeyFacts, KeyState, Known, Recollection, Serving, Severity,
    Situation, Threat, Triage, Why, decide, triage,
};

use super::assumption::Assumption;
use super::effect::is_effective;
use super::history::Life;
use crate::act::Act;
use crate::rules::Rules;

/// What is held against the name of an incident that the log does not tell.
const UNNAMED_INCIDENT: &str = "(not in the log)";

/// The rotation period that KMS takes where none is asked for, in days.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html>
const USUAL_ROTATION_DAYS: u32 = 365;

/// A deletion that was scheduled.
#[derive(Debug, Clone)]
struct Pending {
    state: KeyState,
    deletion_date: Option<Timestamp>,
    window_days: Option<u32>,
}

/// A key's life; also that of a custom key store, or of whatever else an act names.
#[derive(Debug, Default)]
pub(super) struct KeyLife {
    /// Whether it is enabled, apart from what else keeps it from use; `None` where no act told.
    enabled: Option<bool>,
    pending: Option<Pending>,
    lacks_material: bool,
    is_imported: bool,
    is_deleted: bool,
    rotation: Option<Rotation>,
    tags: Tags,
    /// The latest call that set an approval tag.
    tagging: Option<Event>,
    inventory: Option<Inventory>,
    /// Of a custom key store.
    connection: Option<&'static str>,
}

impl Life for KeyLife {
    fn meet(&mut self, act: &Act, rules: &Rules) -> Option<(Decision, Vec<Assumption>)> {
        let event = &act.event;
        if is_effective(act) {
            self.live_through(act);
        }
        let decided = Threat::of(event).map(|_| self.decide(event, rules));
        // A decision on what endangers nothing teaches nothing, whatever it says.
        let recorded = Decision::Stand { why: Why::new(Severity::Informational, String::new()) };
        let decision = decided.as_ref().map_or(&recorded, |(decision, _)| decision);
        let now = event.time.unwrap_or(Timestamp::UNIX_EPOCH);
        if let Some(lesson) = lesson::from_event(event, decision, rules.remediator.as_ref(), now) {
            self.learn(lesson, None);
        }
        self.learn_by_looking(event);
        decided
    }

    fn state(&self) -> Option<String> {
        if let Some(connection) = self.connection {
            return Some(connection.to_owned());
        }
        if self.is_deleted {
            return Some("Deleted".to_owned());
        }
        self.key_state().map(|state| state.as_str().to_owned())
    }

    fn misfit(&self, act: &Act) -> u8 {
        if !is_effective(act) {
            return 1;
        }
        let is_pending = self.pending.is_some();
        let is_unknown = self.enabled.is_none() && !is_pending;
        let fits = |can: bool, changes: bool| match (can && !self.is_deleted, changes) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => 2,
        };
        match act.event.name.as_str() {
            // Whoever looks at the key after this second sees its tags.
            "CreateKey" | "TagResource" | "UntagResource" => 0,
            "EnableKey" => fits(!is_pending, self.enabled != Some(true)),
            "DisableKey" => fits(!is_pending, self.enabled != Some(false)),
            "ScheduleKeyDeletion" => fits(!is_pending, true),
            "CancelKeyDeletion" | "DeleteKey" => fits(is_pending || is_unknown, true),
            "DeleteImportedKeyMaterial" | "DeleteExpiredKeyMaterial" => fits(!self.lacks_material, true),
            "ImportKeyMaterial" => fits(!is_pending, self.lacks_material),
            "EnableKeyRotation" => fits(!is_pending, !self.rotates()),
            "DisableKeyRotation" => fits(!is_pending, self.rotates()),
            "ConnectCustomKeyStore" => fits(true, self.connection != Some("CONNECTED")),
            "DisconnectCustomKeyStore" => fits(true, self.connection != Some("DISCONNECTED")),
            _ => 1,
        }
    }
}

impl KeyLife {
    fn rotates(&self) -> bool {
        self.rotation.is_some_and(|rotation| rotation.enabled)
    }

    /// Returns the state that `DescribeKey` would have answered; `None` where no act told.
    fn key_state(&self) -> Option<KeyState> {
        match (&self.pending, self.lacks_material, self.enabled) {
            (Some(pending), _, _) => Some(pending.state.clone()),
            (None, true, _) => Some(KeyState::PendingImport),
            (None, false, Some(true)) => Some(KeyState::Enabled),
            (None, false, Some(false)) => Some(KeyState::Disabled),
            (None, false, None) => None,
        }
    }

    /// Changes what the key is, as KMS's table of states says.
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html>
    fn live_through(&mut self, act: &Act) {
        let event = &act.event;
        match event.name.as_str() {
            "CreateKey" => {
                let is_empty = act.state.as_deref() == Some("PendingImport") || act.is_for_import;
                *self = Self { enabled: Some(true), lacks_material: is_empty, is_imported: act.is_for_import, ..Self::default() };
                self.tag(event);
            }
            "EnableKey" => (self.enabled, self.pending) = (Some(true), None),
            // A key comes out of its waiting period disabled.
            "DisableKey" | "CancelKeyDeletion" => (self.enabled, self.pending) = (Some(false), None),
            "ScheduleKeyDeletion" => self.pending = Some(Pending::of(act)),
            "DeleteImportedKeyMaterial" | "DeleteExpiredKeyMaterial" => (self.lacks_material, self.is_imported) = (true, true),
            "ImportKeyMaterial" => {
                // A key that waits for its material is enabled by it, whatever it was before; another stays what it was.
                if self.lacks_material || self.enabled.is_none() {
                    self.enabled = Some(true);
                }
                (self.lacks_material, self.is_imported) = (false, true);
            }
            "EnableKeyRotation" => {
                let period_days = event.details.rotation_period_days.or(Some(USUAL_ROTATION_DAYS));
                self.rotation = Some(Rotation { enabled: true, period_days });
                // KMS lets no other key rotate.
                self.enabled = Some(true);
            }
            "DisableKeyRotation" => self.rotation = Some(Rotation { enabled: false, period_days: None }),
            "TagResource" => self.tag(event),
            "UntagResource" => {
                for tag in &event.details.tag_keys {
                    self.tags.remove(tag);
                }
            }
            "ConnectCustomKeyStore" => self.connection = Some("CONNECTED"),
            "DisconnectCustomKeyStore" => self.connection = Some("DISCONNECTED"),
            "DeleteCustomKeyStore" => self.connection = Some("DELETED"),
            "DeleteKey" | "CMK Deletion" | "KMS CMK Deletion" => self.is_deleted = true,
            _ => {}
        }
    }

    fn tag(&mut self, event: &Event) {
        let details = &event.details;
        self.tags.extend(details.approval_tags.clone());
        if details.tag_keys.iter().any(|tag| tag == INCIDENT_HOLD_TAG) {
            self.tags.insert(INCIDENT_HOLD_TAG.to_owned(), UNNAMED_INCIDENT.to_owned());
        }
        let approves = details.tag_keys.iter().any(|tag| APPROVAL_TAGS.contains(&tag.as_str()));
        if approves && event.name == "TagResource" {
            self.tagging = Some(event.clone());
        }
    }

    fn decide(&self, event: &Event, rules: &Rules) -> (Decision, Vec<Assumption>) {
        let domain = Domain { account: None, region: None, remediator: rules.remediator.clone() };
        let (key, threat) = match triage(event, &domain) {
            Triage::Settled(decision) => return (decision, Vec::new()),
            Triage::Examine { key, threat, .. } => (key, threat),
        };
        let (facts, assumed) = self.facts(event, &key, threat, rules);
        let now = event.time.unwrap_or(Timestamp::UNIX_EPOCH);
        let situation = Situation { facts: &facts, policy: &rules.policy, rules: &rules.approval, domain: &domain, now };
        (decide(event, &situation), assumed)
    }

    /// Returns what the function would have observed, and what of it is assumed.
    fn facts(&self, event: &Event, key: &KeyArn, threat: Threat, rules: &Rules) -> (KeyFacts, Vec<Assumption>) {
        let mut assumed = vec![Assumption::Tags, Assumption::Calendar];
        let mut inventory = self.inventory.clone();
        let is_rotation_known = inventory.as_ref().and_then(|known| known.rotation).is_some_and(|rotation| rotation.enabled);
        if inventory.is_none() || (threat == Threat::RotationDisabled && !is_rotation_known) {
            assumed.push(Assumption::StateBefore);
        }
        if threat == Threat::RotationDisabled && !is_rotation_known {
            // The function asks its inventory, which a sweep has filled; the log of the call is all that there is of it here.
            let as_of = event.time.unwrap_or(Timestamp::UNIX_EPOCH);
            let known = inventory.unwrap_or(Inventory { serving: Serving::Enabled, as_of, rotation: None });
            inventory = Some(Inventory { rotation: Some(Rotation { enabled: true, period_days: None }), ..known });
        }
        if self.tags.contains_key(INCIDENT_HOLD_TAG) {
            assumed.push(Assumption::Hold);
        }
        let written = rules.written_as_of(key.as_str(), event.time);
        assumed.push(if written.is_some() { Assumption::Ledger } else { Assumption::NoLedger });
        let Written { approvals, revocations } = written.unwrap_or_default();
        let recollection = Recollection { inventory, case: None, approvals, revocations };
        let tagging = if plain::needs_setter(&self.tags, threat.action(), &rules.approval) {
            self.tagging.clone().map_or(Known::Absent, Known::Is)
        } else {
            Known::Unreadable("not looked up".to_owned())
        };
        let rotation = self.rotation.unwrap_or(Rotation { enabled: false, period_days: None });
        let facts = KeyFacts {
            description: Known::Is(self.description()),
            tags: Known::Is(self.tags.clone()),
            rotation: Known::Is(rotation),
            recollection: Known::Is(recollection),
            tagging,
            calendar: Known::Absent,
        };
        (facts, assumed)
    }

    fn description(&self) -> KeyDescription {
        let pending = self.pending.as_ref();
        KeyDescription {
            deletion_date: pending.and_then(|pending| pending.deletion_date),
            pending_window_days: pending.and_then(|pending| pending.window_days),
            imported_material: self.is_imported,
            ..KeyDescription::in_state(self.key_state().unwrap_or(KeyState::Enabled))
        }
    }

    /// What a sweep would have seen soon after: a key that is enabled, and how it rotates.
    fn learn_by_looking(&mut self, event: &Event) {
        let is_seen = event.outcome == CallOutcome::Succeeded && matches!(event.name.as_str(), "ImportKeyMaterial" | "EnableKeyRotation");
        if let (true, Some(time), Some(KeyState::Enabled)) = (is_seen, event.time, self.key_state()) {
            let rotation = self.rotation.filter(|rotation| rotation.enabled);
            self.learn(Lesson::new(Serving::Enabled, time, time), rotation);
        }
    }

    /// As the ledger does: an older lesson never replaces a newer one, and one without a rotation leaves the known one.
    fn learn(&mut self, lesson: Lesson, rotation: Option<Rotation>) {
        let known = self.inventory.as_ref();
        if known.is_some_and(|inventory| inventory.as_of > lesson.as_of) {
            return;
        }
        let rotation = rotation.or_else(|| known?.rotation);
        self.inventory = Some(Inventory { serving: lesson.serving, as_of: lesson.as_of, rotation });
    }
}

impl Pending {
    fn of(act: &Act) -> Self {
        let details = &act.event.details;
        let is_multi_region = act.event.target.key().is_some_and(KeyArn::is_multi_region);
        let waits_for_replicas = match act.state.as_deref() {
            Some(state) => state == "PendingReplicaDeletion",
            None => is_multi_region && details.deletion_date.is_none(),
        };
        let state = if waits_for_replicas { KeyState::PendingReplicaDeletion } else { KeyState::PendingDeletion };
        let window_days = if waits_for_replicas { details.waiting_period_days } else { None };
        Self { state, deletion_date: details.deletion_date, window_days }
    }
}
