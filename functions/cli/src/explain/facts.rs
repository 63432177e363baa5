//! What is known of the keys: read from `--facts`, or assumed from what an event claims. Nothing is looked up.

use std::collections::BTreeMap;

use anyhow::Context as _;
use jiff::Timestamp;
use reprieve_core::approval::{Revocation, SealedApproval};
use reprieve_core::facts::Rotation;
use reprieve_core::{CalendarState, Event, Inventory, KeyArn, KeyDescription, KeyFacts, KeyState, Known, Recollection, Serving, Threat};
use serde::Deserialize;
use serde_json::Value;

/// Where the facts come from.
#[derive(Debug)]
pub(crate) enum FactsSource {
    /// None were given: what the event claims is assumed.
    Assumed,
    /// The same for every key.
    OneForAll(Box<KeyFacts>),
    /// By key; a key that is not listed was not looked up.
    ByKey(BTreeMap<KeyArn, KeyFacts>),
}

/// The facts of one key as people write them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFacts {
    #[serde(default = "yes")]
    exists: bool,
    state: Option<String>,
    deletion_date: Option<Timestamp>,
    pending_window_days: Option<u32>,
    #[serde(default)]
    aws_managed: bool,
    #[serde(default)]
    imported_material: bool,
    key_store: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    rotation_enabled: Option<bool>,
    rotation_period_days: Option<u32>,
    serving_before: Option<Serving>,
    #[serde(default)]
    approvals: Vec<SealedApproval>,
    #[serde(default)]
    revocations: Vec<Revocation>,
    change_calendar: Option<CalendarState>,
}

const fn yes() -> bool {
    true
}

impl FactsSource {
    /// Reads the file, where there is one.
    ///
    /// # Errors
    /// When it cannot be read, or is not as the help says.
    pub(crate) fn load(file: Option<&str>, now: Timestamp) -> anyhow::Result<Self> {
        let Some(file) = file else {
            return Ok(Self::Assumed);
        };
        let text = std::fs::read_to_string(file).with_context(|| format!("the facts `{file}` cannot be read"))?;
        Self::parse(&text, now).with_context(|| format!("the facts `{file}` cannot be used (see `reprieve explain --help`)"))
    }

    fn parse(text: &str, now: Timestamp) -> anyhow::Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let Value::Object(object) = &value else {
            anyhow::bail!("expected a JSON object");
        };
        if object.is_empty() || !object.keys().all(|key| key.starts_with("arn:")) {
            return Ok(Self::OneForAll(Box::new(parse_one(value, now)?)));
        }
        let mut by_key = BTreeMap::new();
        for (arn, facts) in object {
            let facts = parse_one(facts.clone(), now).with_context(|| format!("the facts of `{arn}`"))?;
            by_key.insert(KeyArn::parse(arn)?, facts);
        }
        Ok(Self::ByKey(by_key))
    }

    /// Returns what is known of a key, and what was assumed, as a sentence.
    pub(crate) fn of(&self, key: &KeyArn, event: &Event) -> (KeyFacts, Option<String>) {
        match self {
            Self::Assumed => {
                let (facts, sentence) = assume(event);
                (facts, Some(sentence))
            }
            Self::OneForAll(facts) => (facts.as_ref().clone(), None),
            Self::ByKey(by_key) => {
                (by_key.get(key).cloned().unwrap_or_else(|| unreadable("the given facts say nothing of this key")), None)
            }
        }
    }
}

/// Reads the facts of one key, in the short form or as records hold them.
fn parse_one(value: Value, now: Timestamp) -> anyhow::Result<KeyFacts> {
    let is_full_form = ["description", "recollection", "rotation"].iter().any(|part| value.get(part).is_some());
    if is_full_form {
        return Ok(serde_json::from_value(value)?);
    }
    let written: WrittenFacts = serde_json::from_value(value)?;
    Ok(written.into_facts(now))
}

impl WrittenFacts {
    fn into_facts(self, now: Timestamp) -> KeyFacts {
        if !self.exists {
            return KeyFacts { description: Known::Absent, tags: Known::Absent, rotation: Known::Absent, ..unreadable(NOT_GIVEN) };
        }
        let rotation = self.rotation_enabled.map(|enabled| Rotation { enabled, period_days: self.rotation_period_days });
        let prior_rotation = self.rotation_period_days.map(|days| Rotation { enabled: true, period_days: Some(days) });
        let inventory = self.serving_before.or(prior_rotation.map(|_| Serving::Enabled));
        let inventory = inventory.map(|serving| Inventory { serving, as_of: now, rotation: prior_rotation });
        let recollection = Recollection { inventory, case: None, approvals: self.approvals, revocations: self.revocations };
        let description = self.state.map(|state| KeyDescription {
            state: KeyState::parse(&state),
            aws_managed: self.aws_managed,
            deletion_date: self.deletion_date,
            pending_window_days: self.pending_window_days,
            imported_material: self.imported_material,
            key_store: self.key_store,
        });
        KeyFacts {
            description: given(description),
            tags: given(self.tags),
            rotation: given(rotation),
            recollection: Known::Is(recollection),
            calendar: self.change_calendar.map_or(Known::Absent, Known::Is),
            ..unreadable(NOT_GIVEN)
        }
    }
}

const NOT_GIVEN: &str = "not given in the facts";

fn given<T>(part: Option<T>) -> Known<T> {
    part.map_or_else(|| Known::Unreadable(NOT_GIVEN.to_owned()), Known::Is)
}

fn unreadable(reason: &str) -> KeyFacts {
    KeyFacts {
        description: Known::Unreadable(reason.to_owned()),
        tags: Known::Unreadable(reason.to_owned()),
        rotation: Known::Unreadable(reason.to_owned()),
        recollection: Known::Unreadable(reason.to_owned()),
        tagging: Known::Unreadable(reason.to_owned()),
        calendar: Known::Absent,
    }
}

/// Assumes that the key is as the event left it, carries no tags, and was never seen before.
fn assume(event: &Event) -> (KeyFacts, String) {
    let multi_region = event.target.key().is_some_and(|key| key.key_id().starts_with("mrk-"));
    let no_date = event.details.deletion_date.is_none();
    let state = match Threat::of(event) {
        Some(Threat::DeletionScheduled) if multi_region && no_date => KeyState::PendingReplicaDeletion,
        Some(Threat::DeletionScheduled) => KeyState::PendingDeletion,
        Some(Threat::KeyDisabled) => KeyState::Disabled,
        Some(Threat::MaterialDeleted | Threat::MaterialExpired) => KeyState::PendingImport,
        Some(Threat::KeyStoreDisconnected | Threat::KeyStoreDeleted) => KeyState::Unavailable,
        Some(
            Threat::RotationDisabled
            | Threat::MaterialExpires
            | Threat::PolicyReplaced
            | Threat::GrantRemoved
            | Threat::TagsChanged
            | Threat::AliasChanged
            | Threat::RegionDisabled
            | Threat::KeyDeleted,
        )
        | None => KeyState::Enabled,
    };
    let rotation = if Threat::of(event) == Some(Threat::RotationDisabled) { ", does not rotate" } else { "" };
    let sentence = format!("the key is as the event left it ({}{rotation}), carries no tags, and was never seen before", state.as_str());
    let description = KeyDescription { deletion_date: event.details.deletion_date, ..KeyDescription::in_state(state) };
    let facts = KeyFacts {
        description: Known::Is(description),
        tags: Known::Is(BTreeMap::new()),
        rotation: Known::Is(Rotation { enabled: false, period_days: None }),
        recollection: Known::Is(Recollection::default()),
        ..unreadable(NOT_GIVEN)
    };
    (facts, sentence)
}
