//! Builders of events: what happened, to which key, by whom, when. Whatever a test does not say is usual.

use jiff::Timestamp;
use reprieve_core::azure::ResourceId;
use reprieve_core::{Actor, ActorKind, CallOutcome, Details, Event, EventForm, EventId, KeyArn, RoleArn, Target};

/// When the events of the tests happen.
pub const EVENT_TIME: &str = "2026-11-20T10:00:00Z";
/// When they reach us.
pub const RECEIVED_AT: &str = "2026-11-20T10:00:01Z";
/// The account of the tests.
pub const ACCOUNT: &str = "111122223333";
/// The Region of the tests.
pub const REGION: &str = "eu-central-1";
/// Our own role in the tests.
pub const REMEDIATOR_ROLE: &str = "arn:aws:iam::111122223333:role/reprieve-guard";

/// Reads a time.
#[must_use]
pub fn time(text: &str) -> Timestamp {
    text.parse().expect("the test writes a time")
}

/// Returns a key of the tests' account and Region, by its id.
#[must_use]
pub fn key(id: &str) -> KeyArn {
    KeyArn::parse(&format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{id}")).expect("the test writes a key id")
}

/// Returns our own role.
#[must_use]
pub fn remediator_role() -> RoleArn {
    RoleArn::parse(REMEDIATOR_ROLE).expect("the constant is a role's ARN")
}

/// Returns a session of a role.
#[must_use]
pub fn session(role: &str, name: &str) -> Actor {
    let short = role.rsplit('/').next().unwrap_or(role);
    let role = if role.starts_with("arn:") { role.to_owned() } else { format!("arn:aws:iam::{ACCOUNT}:role/{role}") };
    let role = RoleArn::parse(&role).expect("the test writes a role");
    Actor {
        kind: ActorKind::AssumedRole,
        arn: Some(format!("arn:aws:sts::{}:assumed-role/{short}/{name}", role.account())),
        account: Some(role.account()),
        role: Some(role),
        session_name: Some(name.to_owned()),
        ..Actor::unknown()
    }
}

/// Returns somebody who may delete keys and approves nothing.
#[must_use]
pub fn mallory() -> Actor {
    session("Admin", "mallory@example.com")
}

/// Returns ourselves.
#[must_use]
pub fn remediator() -> Actor {
    session(REMEDIATOR_ROLE, "reprieve-guard")
}

/// An event that is being built.
#[derive(Debug, Clone)]
pub struct EventBuilder {
    event: Event,
}

/// Begins a KMS call that succeeded, by [`mallory`], at [`EVENT_TIME`].
#[must_use]
pub fn event(name: &str) -> EventBuilder {
    let event = Event {
        id: EventId::parse(&format!("{}-1", name.replace(' ', "-"))).expect("the test writes the name of a call"),
        form: EventForm::ApiCall,
        source: "kms.amazonaws.com".to_owned(),
        name: name.to_owned(),
        time: Some(time(EVENT_TIME)),
        account: reprieve_core::AccountId::parse(ACCOUNT).ok(),
        region: reprieve_core::Region::parse(REGION).ok(),
        actor: mallory(),
        target: Target::Unnamed,
        outcome: CallOutcome::Succeeded,
        details: Details::default(),
        oddities: Vec::new(),
    };
    EventBuilder { event }
}

/// Begins a `ScheduleKeyDeletion` with a waiting period of 7 days.
#[must_use]
pub fn schedule(key: &KeyArn) -> EventBuilder {
    event("ScheduleKeyDeletion").on(key).details(Details { waiting_period_days: Some(7), ..Details::default() })
}

/// Begins a `TagResource` that sets these tags.
#[must_use]
pub fn tagging(key: &KeyArn, tags: &reprieve_core::facts::Tags) -> EventBuilder {
    let is_approval = |name: &String| reprieve_core::approval::APPROVAL_TAGS.contains(&name.as_str());
    let approval_tags = tags.iter().filter(|(name, _)| is_approval(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    event("TagResource").on(key).details(Details { tag_keys: tags.keys().cloned().collect(), approval_tags, ..Details::default() })
}

/// Begins a `DisableKey`.
#[must_use]
pub fn disable(key: &KeyArn) -> EventBuilder {
    event("DisableKey").on(key)
}

/// Begins a `DisableKeyRotation`.
#[must_use]
pub fn disable_rotation(key: &KeyArn) -> EventBuilder {
    event("DisableKeyRotation").on(key)
}

impl EventBuilder {
    /// Gives it an id.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.event.id = EventId::parse(id).expect("the test writes an event id");
        self
    }

    /// Says what it acted on.
    #[must_use]
    pub fn on(mut self, key: &KeyArn) -> Self {
        self.event.target = Target::Key(key.clone());
        self.event.account = Some(key.account());
        self.event.region = Some(key.region());
        self
    }

    /// Says what it acted on in Azure, where there is neither account nor Region.
    #[must_use]
    pub fn on_azure(mut self, resource: &ResourceId) -> Self {
        self.event.target = Target::Azure(resource.clone());
        (self.event.account, self.event.region) = (None, None);
        self
    }

    /// Says what it acted on, where that is no key.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.event.target = target;
        self
    }

    /// Says who did it.
    #[must_use]
    pub fn by(mut self, actor: Actor) -> Self {
        self.event.actor = actor;
        self
    }

    /// Says when.
    #[must_use]
    pub fn at(mut self, text: &str) -> Self {
        self.event.time = Some(time(text));
        self
    }

    /// Says that nobody knows when.
    #[must_use]
    pub const fn at_no_known_time(mut self) -> Self {
        self.event.time = None;
        self
    }

    /// Says that the provider refused it.
    #[must_use]
    pub fn refused(mut self, code: &str) -> Self {
        self.event.outcome = CallOutcome::Refused { code: code.to_owned(), message: None };
        self
    }

    /// Says how it reached us.
    #[must_use]
    pub const fn form(mut self, form: EventForm) -> Self {
        self.event.form = form;
        self
    }

    /// Says which service it is of.
    #[must_use]
    pub fn source(mut self, source: &str) -> Self {
        source.clone_into(&mut self.event.source);
        self
    }

    /// Gives it parameters and results.
    #[must_use]
    pub fn details(mut self, details: Details) -> Self {
        self.event.details = details;
        self
    }

    /// Returns the event.
    #[must_use]
    pub fn build(self) -> Event {
        self.event
    }
}
