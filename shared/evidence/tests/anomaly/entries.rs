//! Entries as the tests write them.

use jiff::{SignedDuration, Timestamp};
use reprieve_core::audit::{Asset, AssetKind, Credential, Excerpt, Log, Operation};
use reprieve_core::{
    AccountId, Actor, ActorKind, AuditEvent, CallOutcome, Details, Event, EventForm, EventId, KeyArn, Region, RoleArn, Target,
};
use reprieve_evidence::anomaly::{Baseline, Settings};

/// A Monday.
pub(crate) const FIRST: &str = "2026-08-03T00:00:00Z";
pub(crate) const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
pub(crate) const OTHER_KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/ffffabcd-12ab-34cd-56ef-1234567890ab";
pub(crate) const OFFICE: &str = "203.0.113.7";
pub(crate) const ELSEWHERE: &str = "198.51.100.9";

/// An entry, to be changed.
#[derive(Debug, Clone)]
pub(crate) struct Entry(pub(crate) AuditEvent);

/// `Decrypt` by role `payments` with [`KEY`], from the office.
pub(crate) fn entry(at: Timestamp) -> Entry {
    let event = Event {
        id: EventId::parse(&format!("event-{}", at.as_nanosecond())).unwrap(),
        form: EventForm::ApiCall,
        source: "kms.amazonaws.com".to_owned(),
        name: "Decrypt".to_owned(),
        time: Some(at),
        account: AccountId::parse("111122223333").ok(),
        region: Region::parse("eu-central-1").ok(),
        actor: Actor { kind: ActorKind::AssumedRole, source_address: Some(OFFICE.to_owned()), ..Actor::unknown() },
        target: Target::Unnamed,
        outcome: CallOutcome::Succeeded,
        details: Details::default(),
        oddities: Vec::new(),
    };
    let audit = AuditEvent {
        log: Log::CloudTrail,
        event,
        operation: Operation::Decrypt,
        asset: None,
        credential: Credential::default(),
        request: Excerpt::new(),
        response: Excerpt::new(),
    };
    Entry(audit).by("payments").on(KEY)
}

impl Entry {
    pub(crate) fn by(mut self, role: &str) -> Self {
        self.0.event.actor.role = Some(RoleArn::parse(&format!("arn:aws:iam::111122223333:role/{role}")).unwrap());
        self
    }

    pub(crate) fn on(mut self, key: &str) -> Self {
        self.0.event.target = Target::Key(KeyArn::parse(key).unwrap());
        self.0.asset = Some(Asset { kind: AssetKind::Key, id: key.to_owned(), version: None });
        self
    }

    pub(crate) fn on_secret(mut self, name: &str) -> Self {
        let id = format!("arn:aws:secretsmanager:eu-central-1:111122223333:secret:{name}");
        self.0.event.target = Target::Named(id.clone());
        self.0.asset = Some(Asset { kind: AssetKind::Secret, id, version: None });
        self.doing("GetSecretValue", Operation::Access)
    }

    pub(crate) fn from(mut self, address: &str) -> Self {
        self.0.event.actor.source_address = Some(address.to_owned());
        self
    }

    pub(crate) fn doing(mut self, name: &str, operation: Operation) -> Self {
        name.clone_into(&mut self.0.event.name);
        self.0.operation = operation;
        self
    }

    pub(crate) fn refused(mut self) -> Self {
        self.0.event.outcome = CallOutcome::Refused { code: "AccessDeniedException".to_owned(), message: None };
        self
    }
}

/// The moment so many days after [`FIRST`], at this time of day.
pub(crate) fn at(day: i64, hour: i64, minute: i64) -> Timestamp {
    let first: Timestamp = FIRST.parse().unwrap();
    first.checked_add(SignedDuration::from_mins(day * 24 * 60 + hour * 60 + minute)).unwrap()
}

/// Eight weeks of role `payments`: Monday to Friday, 07:00 to 18:00, four entries an hour with [`KEY`]; and of role `audit`, which
/// reads settings of both keys.
pub(crate) fn eight_weeks() -> Vec<AuditEvent> {
    let mut entries = Vec::new();
    for day in (0..56).filter(|day| day % 7 < 5) {
        for hour in 7..18 {
            entries.extend((0..4).map(|quarter| entry(at(day, hour, quarter * 15)).0));
        }
        for key in [KEY, OTHER_KEY] {
            entries.push(entry(at(day, 9, 30)).by("audit").on(key).doing("DescribeKey", Operation::Read).0);
            entries.push(entry(at(day, 10, 30)).by("billing").on(OTHER_KEY).0);
        }
    }
    entries
}

/// A baseline that knows [`eight_weeks`]. The next day, number 56, is a Monday.
pub(crate) fn learned() -> Baseline {
    let mut baseline = Baseline::new(Settings::default());
    for event in eight_weeks() {
        baseline.learn(&event);
    }
    baseline
}
