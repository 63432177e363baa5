//! A version that mallory destroyed or disabled, and what was observed of it.

use jiff::Timestamp;
use reprieve_core::audit::{AuditEvent, Credential, Excerpt, Log, Operation};
use reprieve_core::facts::Known;
use reprieve_core::google::decide::{KMS_SOURCE, decide, triage};
use reprieve_core::google::label::labels_of;
use reprieve_core::google::{
    GoogleDomain, GoogleName, GoogleSituation, GoogleTriage, KeyVersion, Labels, Loss, VersionFacts, VersionState,
};
use reprieve_core::{Actor, ActorKind, ApprovalRules, CallOutcome, Decision, Details, Event, EventForm, EventId, Policy, Target};
use reprieve_test_support::approval::{approval_tags, sealed_for};
use reprieve_test_support::{Terms, approval_keys, time};

pub(crate) const OWN: &str = "reprieve@security.iam.gserviceaccount.com";
/// When mallory called; inside the window of the approvals of the tests.
pub(crate) const AT: &str = "2026-11-20T10:00:00Z";

pub(crate) fn key() -> GoogleName {
    GoogleName::parse("projects/prod/locations/europe-west3/keyRings/payments/cryptoKeys/card-data").unwrap()
}

pub(crate) fn version() -> GoogleName {
    GoogleName::parse(&format!("{}/cryptoKeyVersions/3", key())).unwrap()
}

pub(crate) fn entry(operation: Operation, who: &str, at: &str) -> AuditEvent {
    let names = [(Operation::Destroy, "DestroyCryptoKeyVersion"), (Operation::Restore, "RestoreCryptoKeyVersion")];
    let name = names.iter().find(|(of, _)| *of == operation).map_or("UpdateCryptoKeyVersion", |(_, name)| *name);
    let actor = Actor { kind: ActorKind::GoogleUser, user_name: Some(who.to_owned()), ..Actor::unknown() };
    let event = Event {
        id: EventId::parse(&format!("{}-{at}-{who}", operation.as_str())).unwrap(),
        form: EventForm::ApiCall,
        source: KMS_SOURCE.to_owned(),
        name: name.to_owned(),
        time: Some(time(at)),
        account: None,
        region: None,
        actor,
        target: Target::Google(version()),
        outcome: CallOutcome::Succeeded,
        details: Details::default(),
        oddities: Vec::new(),
    };
    AuditEvent {
        log: Log::GoogleCloudAudit,
        event,
        operation,
        asset: None,
        credential: Credential::default(),
        request: Excerpt::new(),
        response: Excerpt::new(),
    }
}

pub(crate) struct Scene {
    pub(crate) entry: AuditEvent,
    pub(crate) facts: VersionFacts,
    pub(crate) domain: GoogleDomain,
    pub(crate) rules: ApprovalRules,
    pub(crate) now: Timestamp,
}

pub(crate) fn destroyed() -> Scene {
    scene(Operation::Destroy, "DESTROY_SCHEDULED")
}

pub(crate) fn disabled() -> Scene {
    scene(Operation::Disable, "DISABLED")
}

fn scene(operation: Operation, state: &str) -> Scene {
    let version = KeyVersion {
        name: version(),
        state: VersionState::parse(state),
        destroy_at: (operation == Operation::Destroy).then(|| time("2026-12-20T10:00:00Z")),
        destroyed_at: None,
        protection_level: Some("SOFTWARE".to_owned()),
    };
    Scene {
        entry: entry(operation, "mallory@example.com", AT),
        facts: VersionFacts { version: Known::Is(version), labels: Known::Is(Labels::new()), past: Known::Is(Vec::new()) },
        domain: GoogleDomain { projects: ["prod".to_owned()].into(), own_account: Some(OWN.to_owned()) },
        rules: ApprovalRules { keys: approval_keys(), ..ApprovalRules::default() },
        now: time("2026-11-20T10:00:05Z"),
    }
}

impl Scene {
    pub(crate) fn state(mut self, state: &str) -> Self {
        if let Known::Is(version) = &mut self.facts.version {
            version.state = VersionState::parse(state);
        }
        self
    }

    pub(crate) fn by(mut self, who: &str) -> Self {
        self.entry.event.actor.user_name = Some(who.to_owned());
        self
    }

    pub(crate) fn at(mut self, at: &str) -> Self {
        self.entry.event.time = Some(time(at));
        self
    }

    pub(crate) fn labelled(mut self, name: &str, value: &str) -> Self {
        if let Known::Is(labels) = &mut self.facts.labels {
            labels.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    pub(crate) fn approved(mut self, resource: &GoogleName, terms: &Terms) -> Self {
        self.facts.labels = Known::Is(approval_labels(resource, terms));
        self
    }

    pub(crate) fn after(mut self, past: Vec<AuditEvent>) -> Self {
        self.facts.past = Known::Is(past);
        self
    }

    pub(crate) fn decide(&self) -> Decision {
        let (version, loss) = match triage(&self.entry, &self.domain) {
            Some(GoogleTriage::Settled(decision)) => return *decision,
            Some(GoogleTriage::Examine { version, loss }) => (version, loss),
            None => panic!("nobody takes a version away"),
        };
        let policy = Policy::shipped();
        let Self { facts, domain, rules, now, .. } = self;
        let situation = GoogleSituation { facts, domain, policy: &policy, rules, now: *now };
        let decision = decide(&self.entry.event, &version, loss, &situation);
        if let Some(plan) = decision.plan() {
            assert!(plan.is_within(&loss.considering(&version)), "{plan}");
        }
        assert_eq!(Loss::of(&self.entry), Some(loss));
        decision
    }

    /// The steps that are planned, by their names; the decision's name where none is.
    pub(crate) fn answer(&self) -> String {
        let decision = self.decide();
        let Some(plan) = decision.plan() else { return decision.name().to_owned() };
        plan.steps.iter().map(reprieve_core::Step::name).collect::<Vec<_>>().join(", ")
    }
}

pub(crate) fn approval_labels(resource: &GoogleName, terms: &Terms) -> Labels {
    labels_of(&approval_tags(&sealed_for(resource, terms))).unwrap()
}
