//! An approved deletion and everything that decides on it, to be forged.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reprieve_core::approval::{SEAL_TAG, SealedApproval};
use reprieve_core::facts::Tags;
use reprieve_core::{
    ApprovalRules, Decision, Domain, Event, KeyArn, KeyDescription, KeyFacts, KeyState, Known, Recollection, RoleArn, Situation, decide,
};
use reprieve_test_support::approval::{approval_tags, co_approval_tags, plain_tags};
use reprieve_test_support::event::{RECEIVED_AT, remediator_role, schedule, session, tagging};
use reprieve_test_support::world::{approval_rules, shipped_policy};
use reprieve_test_support::{Terms, key, sealed_approval, sealed_by_security, time};

/// One forgery.
pub(crate) struct Forgery {
    /// What is forged, and how.
    pub(crate) name: &'static str,
    /// What people must be told.
    pub(crate) reason: &'static str,
    /// What a step of the reasoning must say as well.
    pub(crate) step: Option<&'static str>,
    /// The scene, forged.
    pub(crate) scene: Scene,
}

/// Forges a scene.
pub(crate) fn forgery(name: &'static str, reason: &'static str, mut scene: Scene, forge: impl FnOnce(&mut Scene)) -> Forgery {
    forge(&mut scene);
    Forgery { name, reason, step: None, scene }
}

impl Forgery {
    /// Expects a step of the reasoning as well.
    pub(crate) fn reasoned(self, step: &'static str) -> Self {
        Self { step: Some(step), ..self }
    }
}

/// The deletion of a key by mallory on the day of the tests, with what was observed of the key.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) event: Event,
    pub(crate) tags: Known<Tags>,
    pub(crate) tagging: Known<Event>,
    pub(crate) recollection: Known<Recollection>,
    pub(crate) rules: ApprovalRules,
    pub(crate) now: Timestamp,
}

/// The key of the scenes: a multi-Region one, whose copies elsewhere share its id.
pub(crate) fn the_key() -> KeyArn {
    key("mrk-1234abcd12ab34cd56ef1234567890ab")
}

impl Scene {
    fn with_tags(tags: Tags) -> Self {
        Self {
            event: schedule(&the_key()).build(),
            tags: Known::Is(tags),
            tagging: Known::Absent,
            recollection: Known::Is(Recollection::default()),
            rules: approval_rules(),
            now: time(RECEIVED_AT),
        }
    }

    /// Approved by carol in sealed tags.
    pub(crate) fn sealed() -> Self {
        Self::with_tags(approval_tags(&sealed_approval(&the_key(), &Terms::default())))
    }

    /// Approved by carol in the ledger.
    pub(crate) fn late() -> Self {
        let mut scene = Self::with_tags(Tags::new());
        scene.recollection().approvals.push(sealed_approval(&the_key(), &Terms::default()));
        scene
    }

    /// Approved by carol in a ledger that holds a hundred other changes of the same key.
    pub(crate) fn after_many_changes() -> Self {
        let mut scene = Self::late();
        let window = "2026-01-20T09:00:00Z/2026-01-20T17:00:00Z".to_owned();
        let earlier = sealed_approval(&the_key(), &Terms { change: "CHG-999".to_owned(), window, ..Terms::default() });
        scene.recollection().approvals.extend(vec![earlier; 100]);
        scene
    }

    /// Approved by carol, and by dave with another approval key, for a key in production.
    pub(crate) fn two_approvers() -> Self {
        let mut scene = Self::sealed();
        scene.set("env", "prod");
        scene.co_approve(&sealed_by_security(&the_key(), &Terms::of_approver("dave@example.com")));
        scene
    }

    /// Approved by tags without a seal, which carol set the day before in the role of an approver.
    pub(crate) fn plain() -> Self {
        let tags = plain_tags(&Terms::default());
        let mut scene = Self::with_tags(tags.clone());
        scene.rules.approver_roles.insert(RoleArn::parse("arn:aws:iam::111122223333:role/Approver").unwrap());
        let setter = session("Approver", "carol@example.com");
        scene.tagging = Known::Is(tagging(&the_key(), &tags).by(setter).at("2026-11-19T12:00:00Z").build());
        scene
    }

    /// Returns the key that is deleted.
    pub(crate) fn key(&self) -> &KeyArn {
        self.event.target.key().unwrap()
    }

    /// Decides, wherever the key is: in a deployment of its account and Region.
    pub(crate) fn decide(&self) -> Decision {
        let facts = KeyFacts {
            description: Known::Is(KeyDescription::in_state(KeyState::PendingDeletion)),
            tags: self.tags.clone(),
            tagging: self.tagging.clone(),
            recollection: self.recollection.clone(),
            ..KeyFacts::default()
        };
        let domain = Domain { account: Some(self.key().account()), region: Some(self.key().region()), remediator: Some(remediator_role()) };
        let situation = Situation { facts: &facts, policy: shipped_policy(), rules: &self.rules, domain: &domain, now: self.now };
        decide(&self.event, &situation)
    }

    fn tags(&mut self) -> &mut Tags {
        let Known::Is(tags) = &mut self.tags else { unreachable!("the tags of a scene are known until its forgery") };
        tags
    }

    /// Returns what the ledger knows.
    pub(crate) fn recollection(&mut self) -> &mut Recollection {
        let Known::Is(recollection) = &mut self.recollection else { unreachable!("a scene's ledger is known until its forgery") };
        recollection
    }

    /// Returns the call that set the plain tags.
    pub(crate) fn setting(&mut self) -> &mut Event {
        let Known::Is(call) = &mut self.tagging else { unreachable!("who set plain tags is known until the forgery") };
        call
    }

    /// Writes a tag.
    pub(crate) fn set(&mut self, tag: &str, value: &str) {
        self.tags().insert(tag.to_owned(), value.to_owned());
    }

    /// Removes a tag.
    pub(crate) fn remove(&mut self, tag: &str) {
        assert!(self.tags().remove(tag).is_some(), "the tag `{tag}` was there to be removed");
    }

    /// Writes another approval in place of the first.
    pub(crate) fn approve(&mut self, approval: &SealedApproval) {
        self.tags().extend(approval_tags(approval));
    }

    /// Writes another approval in place of the second.
    pub(crate) fn co_approve(&mut self, approval: &SealedApproval) {
        self.tags().extend(co_approval_tags(approval));
    }

    /// Returns the bytes of the first approval's signature.
    pub(crate) fn signature(&mut self) -> Vec<u8> {
        let text = self.tags().get(SEAL_TAG).and_then(|seal| seal.rsplit('.').next().map(str::to_owned)).unwrap();
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// Writes another text in place of the first approval's signature.
    pub(crate) fn set_signature(&mut self, text: &str) {
        self.set(SEAL_TAG, &format!("v1.test-2026.{text}"));
    }

    /// Moves the deletion to another moment; it is decided this long after.
    pub(crate) fn happens(&mut self, at: &str, decided_at: &str) {
        self.event.time = Some(time(at));
        self.now = time(decided_at);
    }

    /// Moves the deletion to another key.
    pub(crate) fn on(&mut self, arn: &str) {
        let actor = self.event.actor.clone();
        self.event = schedule(&KeyArn::parse(arn).unwrap()).by(actor).build();
    }
}
