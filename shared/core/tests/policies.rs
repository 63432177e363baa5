//! The shipped policies one by one, and whom each spares; in `sets`, what a policy set must be.
#![expect(clippy::unwrap_used, reason = "a test whose question cannot be asked must stop, and says where")]

#[path = "policies/sets.rs"]
mod sets;

use jiff::Timestamp;
use reprieve_core::actor::identities_of_name;
use reprieve_core::approval::{Approval, ApprovalRules, ApprovalSource, Revocation, weigh_established};
use reprieve_core::facts::Tags;
use reprieve_core::policy::{Asked, PolicyError, Question, Verdict};
use reprieve_core::{AccountId, Actor, ActorKind, KeyArn, Policy, RoleArn};
use reprieve_test_support::event::{ACCOUNT, EVENT_TIME, mallory, session, time};
use reprieve_test_support::key;
use reprieve_test_support::world::shipped_policy;

/// What is asked, as it is with an approval that covers everything; a test changes what it is about.
#[derive(Clone)]
struct Scene {
    actor: Actor,
    action: &'static str,
    key: KeyArn,
    tags: Option<Tags>,
    key_state: Option<&'static str>,
    waiting_period_days: Option<u32>,
    event_time: Option<Timestamp>,
    now: Timestamp,
    change_calendar: Option<&'static str>,
    approvals: Vec<Approval>,
    revocations_known: bool,
    rules: ApprovalRules,
}

fn scene() -> Scene {
    Scene {
        actor: mallory(),
        action: "delete",
        key: key("k"),
        tags: Some(Tags::new()),
        key_state: Some("PendingDeletion"),
        waiting_period_days: Some(7),
        event_time: Some(time(EVENT_TIME)),
        now: time("2026-11-20T10:00:01Z"),
        change_calendar: None,
        approvals: vec![approval_by("carol@example.com")],
        revocations_known: true,
        rules: ApprovalRules::default(),
    }
}

fn approval_by(approver: &str) -> Approval {
    Approval {
        change: "CHG-1".to_owned(),
        approver: approver.to_owned(),
        approver_identities: identities_of_name(approver),
        resource: key("k").to_string(),
        window_start: time("2026-11-20T09:00:00Z"),
        window_end: time("2026-11-20T17:00:00Z"),
        source: ApprovalSource::SealedTags,
        seal_key: Some("key-1".to_owned()),
        set_at: None,
        revoked: None,
    }
}

fn second_approval_by(approver: &str) -> Approval {
    Approval { source: ApprovalSource::Ledger, seal_key: Some("key-2".to_owned()), ..approval_by(approver) }
}

fn revoked(approval: Approval) -> Approval {
    let revocation = Revocation { change: approval.change.clone(), by: "dave".to_owned(), at: time(EVENT_TIME), reason: None };
    Approval { revoked: Some(revocation), ..approval }
}

impl Scene {
    fn ask(&self, policy: &Policy) -> Result<Verdict, PolicyError> {
        let approvals: Vec<&Approval> = self.approvals.iter().collect();
        let standing = weigh_established(&approvals, self.event_time, &self.actor);
        policy.ask(&Question {
            actor: &self.actor,
            action: self.action,
            resource: Asked::Key(&self.key),
            tags: self.tags.as_ref(),
            key_state: self.key_state,
            waiting_period_days: self.waiting_period_days,
            event_time: self.event_time,
            now: self.now,
            change_calendar: self.change_calendar,
            approval: standing.best,
            revocations_known: self.revocations_known,
            independent_approvers: standing.independent_approvers,
            rules: &self.rules,
        })
    }

    /// Asks the shipped policies.
    #[track_caller]
    fn expect(&self, permitted: bool, policies: &[&str]) {
        let verdict = self.ask(shipped_policy()).unwrap();
        assert_eq!(permitted_by(&verdict), (permitted, policies.to_vec()));
        assert!(verdict.errors.is_empty(), "{:?}", verdict.errors);
    }

    fn unapproved(self) -> Self {
        Self { approvals: Vec::new(), ..self }
    }

    fn at(self, text: &str) -> Self {
        Self { event_time: Some(time(text)), ..self }
    }

    fn tagged(self, name: &str, value: &str) -> Self {
        Self { tags: Some(Tags::from([(name.to_owned(), value.to_owned())])), ..self }
    }

    /// The same, by somebody who may break the glass, decided at once.
    fn under_broken_glass(mut self) -> Self {
        self.actor = session("BreakGlass", "oncall@example.com");
        self.rules.break_glass_roles = self.actor.role.clone().into_iter().collect();
        self.now = time(EVENT_TIME);
        self
    }

    /// The same, decided as the pass ends.
    fn after_the_pass(mut self) -> Self {
        self = self.under_broken_glass();
        self.now = time("2026-11-21T10:00:00Z");
        self
    }

    fn in_sandbox(mut self) -> Self {
        self.rules.sandbox_accounts = AccountId::parse(ACCOUNT).into_iter().collect();
        self
    }

    /// What a shipped policy forbids passes in a sandbox, and under a broken glass until the pass ends.
    #[track_caller]
    fn expect_forbidden_but_for_exemptions(&self, policy: &str) {
        self.expect(false, &[policy]);
        let under_broken_glass = self.clone().under_broken_glass().ask(shipped_policy()).unwrap();
        assert!(under_broken_glass.permitted, "under a broken glass: {under_broken_glass:?}");
        assert!(!under_broken_glass.escalations.is_empty(), "a broken glass wakes somebody");
        self.clone().after_the_pass().expect(false, &[policy]);
        let in_sandbox = self.clone().in_sandbox().ask(shipped_policy()).unwrap();
        assert!(in_sandbox.permitted, "in a sandbox: {in_sandbox:?}");
        assert!(in_sandbox.policies.contains(&"sandbox-accounts".to_owned()), "{in_sandbox:?}");
    }
}

fn permitted_by(verdict: &Verdict) -> (bool, Vec<&str>) {
    (verdict.permitted, verdict.policies.iter().map(String::as_str).collect())
}

#[test]
fn nothing_matches_means_deny() {
    scene().unapproved().expect(false, &[]);
}

#[test]
fn change_window_permits_from_its_start_to_before_its_end() {
    for (at, inside) in [
        ("2026-11-20T08:59:59.999Z", false),
        ("2026-11-20T09:00:00Z", true),
        ("2026-11-20T16:59:59.999Z", true),
        ("2026-11-20T17:00:00Z", false),
    ] {
        scene().at(at).expect(inside, if inside { &["change-window"] } else { &[] });
    }
    Scene { event_time: None, ..scene() }.expect(false, &[]);
}

#[test]
fn change_window_is_judged_by_the_time_of_the_event_alone() {
    Scene { now: time("2026-11-27T10:00:00Z"), ..scene() }.expect(true, &["change-window"]);
}

#[test]
fn sandbox_accounts_permits_in_the_named_accounts_alone() {
    scene().unapproved().in_sandbox().expect(true, &["sandbox-accounts"]);
    Scene { actor: Actor::unknown(), ..scene() }.unapproved().in_sandbox().expect(true, &["sandbox-accounts"]);
    let mut elsewhere = scene().unapproved();
    elsewhere.rules.sandbox_accounts = AccountId::parse("999988887777").into_iter().collect();
    elsewhere.expect(false, &[]);
}

#[test]
fn break_glass_permits_until_its_pass_ends_and_escalates() {
    let broken = scene().unapproved().under_broken_glass();
    for (now, passes) in [(EVENT_TIME, true), ("2026-11-21T09:59:59.999Z", true), ("2026-11-21T10:00:00Z", false)] {
        let scene = Scene { now: time(now), ..broken.clone() };
        scene.expect(passes, if passes { &["break-glass"] } else { &[] });
        assert_eq!(scene.ask(shipped_policy()).unwrap().escalations.len(), usize::from(passes), "{now}");
    }
}

#[test]
fn break_glass_takes_the_configured_hours_and_role() {
    let mut brief = scene().unapproved().under_broken_glass();
    brief.rules.break_glass_hours = 1;
    brief.now = time("2026-11-20T10:59:59Z");
    brief.expect(true, &["break-glass"]);
    brief.now = time("2026-11-20T11:00:00Z");
    brief.expect(false, &[]);
    let mut other_role = scene().unapproved().under_broken_glass();
    other_role.rules.break_glass_roles = RoleArn::parse("arn:aws:iam::999988887777:role/BreakGlass").into_iter().collect();
    other_role.expect(false, &[]);
}

#[test]
fn break_glass_needs_a_known_time() {
    Scene { event_time: None, ..scene() }.unapproved().under_broken_glass().expect(false, &[]);
}

#[test]
fn approver_is_not_the_actor_forbids_under_every_name() {
    let actor = session("Admin", "Alice@example.com");
    for (approver, own) in [
        ("alice@example.com", true),
        ("arn:aws:iam::111122223333:role/Admin", true),
        ("arn:aws:sts::111122223333:assumed-role/Admin/bob@example.com", true),
        ("arn:aws:sts::111122223333:assumed-role/Approver/alice@example.com", true),
        ("arn:aws:sts::999988887777:assumed-role/Admin/bob@example.com", false),
        ("carol@example.com", false),
    ] {
        let asked = Scene { actor: actor.clone(), approvals: vec![approval_by(approver)], ..scene() };
        let verdict = asked.ask(shipped_policy()).unwrap();
        let expected = if own { (false, vec!["approver-is-not-the-actor"]) } else { (true, vec!["change-window"]) };
        assert_eq!(permitted_by(&verdict), expected, "{approver}");
    }
}

#[test]
fn approver_is_not_the_actor_spares_the_exempt() {
    let own = |scene: Scene, name: &str| Scene { approvals: vec![approval_by(name)], ..scene };
    own(scene().under_broken_glass(), "oncall@example.com").expect(true, &["break-glass", "change-window"]);
    own(scene().after_the_pass(), "oncall@example.com").expect(false, &["approver-is-not-the-actor"]);
    own(scene().in_sandbox(), "mallory@example.com").expect(true, &["change-window", "sandbox-accounts"]);
}

#[test]
fn actor_is_known_forbids_the_unknown() {
    Scene { actor: Actor::unknown(), ..scene() }.expect(false, &["actor-is-known"]);
    let service = Actor { kind: ActorKind::AwsService, invoked_by: Some("backup.amazonaws.com".to_owned()), ..Actor::unknown() };
    Scene { actor: service, ..scene() }.expect(false, &["actor-is-known"]);
}

#[test]
fn revoked_approval_forbids() {
    Scene { approvals: vec![revoked(approval_by("carol"))], ..scene() }.expect_forbidden_but_for_exemptions("revoked-approval");
    Scene { approvals: vec![revoked(approval_by("carol")), second_approval_by("erin")], ..scene() }.expect(true, &["change-window"]);
}

#[test]
fn revocations_are_known_forbids_where_the_ledger_could_not_be_read() {
    let unread = Scene { revocations_known: false, ..scene() };
    unread.expect_forbidden_but_for_exemptions("revocations-are-known");
    unread.unapproved().expect(false, &[]);
}

#[test]
fn replica_needs_its_own_approval_forbids_the_primary_s() {
    let replica = KeyArn::parse("arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd").unwrap();
    let primary = KeyArn::parse("arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd").unwrap();
    let approved_for = |key: &KeyArn| vec![Approval { resource: key.to_string(), ..approval_by("carol") }];
    let asked = Scene { approvals: approved_for(&primary), key: replica.clone(), ..scene() };
    asked.expect_forbidden_but_for_exemptions("replica-needs-its-own-approval");
    Scene { approvals: approved_for(&replica), ..asked }.expect(true, &["change-window"]);
}

#[test]
fn two_approvers_for_prod_forbids_one() {
    for value in ["prod", "production"] {
        scene().tagged("env", value).expect_forbidden_but_for_exemptions("two-approvers-for-prod");
    }
    scene().tagged("env", "staging").expect(true, &["change-window"]);
    scene().tagged("Env", "prod").expect(true, &["change-window"]);
}

#[test]
fn two_approvers_for_prod_wants_two_people_under_two_keys_for_what_harms() {
    let prod = scene().tagged("env", "prod");
    for (second, two) in [
        (second_approval_by("dave"), true),
        (second_approval_by("Carol@example.com"), false),
        (second_approval_by("mallory@example.com"), false),
        (Approval { seal_key: Some("key-1".to_owned()), ..second_approval_by("dave") }, false),
        (Approval { seal_key: None, source: ApprovalSource::PlainTags, ..second_approval_by("dave") }, false),
        (Approval { window_end: time("2026-11-20T09:30:00Z"), ..second_approval_by("dave") }, false),
        (revoked(second_approval_by("dave")), false),
    ] {
        let asked = Scene { approvals: vec![approval_by("carol@example.com"), second.clone()], ..prod.clone() };
        let expected = if two { (true, vec!["change-window"]) } else { (false, vec!["two-approvers-for-prod"]) };
        assert_eq!(permitted_by(&asked.ask(shipped_policy()).unwrap()), expected, "{second:?}");
    }
    for (action, needs_two) in [("delete", true), ("disable", true), ("delete-material", true), ("disable-rotation", false)] {
        let permitted = Scene { action, ..prod.clone() }.ask(shipped_policy()).unwrap().permitted;
        assert_eq!(permitted, !needs_two, "{action}");
    }
}

#[test]
fn change_calendar_is_open_forbids_what_is_not_open() {
    scene().expect(true, &["change-window"]);
    Scene { change_calendar: Some("OPEN"), ..scene() }.expect(true, &["change-window"]);
    for state in ["CLOSED", "unknown"] {
        Scene { change_calendar: Some(state), ..scene() }.expect_forbidden_but_for_exemptions("change-calendar-is-open");
    }
}

#[test]
fn minimum_waiting_period_forbids_shorter_ones() {
    let mut asked = scene();
    asked.rules.minimum_waiting_days = 30;
    for (days, enough) in [(Some(29), false), (Some(30), true), (None, false)] {
        asked.waiting_period_days = days;
        if enough {
            asked.expect(true, &["change-window"]);
        } else {
            asked.expect_forbidden_but_for_exemptions("minimum-waiting-period");
        }
    }
    Scene { action: "disable", ..asked }.expect(true, &["change-window"]);
    Scene { waiting_period_days: None, ..scene() }.expect(true, &["change-window"]);
}

#[test]
fn window_is_not_too_long_forbids_more_than_14_days() {
    let until = |end: &str| Scene { approvals: vec![Approval { window_end: time(end), ..approval_by("carol") }], ..scene() };
    until("2026-12-04T09:00:00Z").expect(true, &["change-window"]);
    until("2026-12-04T09:00:00.001Z").expect_forbidden_but_for_exemptions("window-is-not-too-long");
}

#[test]
fn every_reason_to_forbid_is_named() {
    let verdict = Scene { change_calendar: Some("CLOSED"), ..scene() }.tagged("env", "prod").ask(shipped_policy()).unwrap();
    assert_eq!(permitted_by(&verdict), (false, vec!["change-calendar-is-open", "two-approvers-for-prod"]));
    assert_eq!(verdict.because.len(), 2);
}
