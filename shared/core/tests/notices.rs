//! Notices as people read them: whole texts of the usual ones, the command that each carries, and what attackers write into names.
#![expect(clippy::unwrap_used, reason = "what builds records for tests is still a test")]

use reprieve_core::approval::{Approval, CHANGE_TAG};
use reprieve_core::decision::Why;
use reprieve_core::facts::{Rotation, Tags};
use reprieve_core::notice::{Notice, SUBJECT_LIMIT};
use reprieve_core::{
    Actor, ApprovalFinding, ApprovalRules, Decision, Event, KeyArn, KeyDescription, KeyFacts, KeyNames, KeyState, Known, Mode, Phase, Plan,
    Recollection, Record, Severity, Situation, Status, Step, StepOutcome, StepResult, Target, Threat, decide,
};
use reprieve_test_support::approval::{Terms, approval_tags, plain_tags, sealed_approval};
use reprieve_test_support::event::{disable, event, mallory, schedule, time};
use reprieve_test_support::key;
use reprieve_test_support::world::{approval_rules, domain, shipped_policy};

const KEY_ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn our_key() -> KeyArn {
    key(KEY_ID)
}

fn caller() -> Actor {
    Actor { source_address: Some("203.0.113.7".to_owned()), ..mallory() }
}

fn facts(state: KeyState, tags: Tags) -> KeyFacts {
    let deletion_date = (state == KeyState::PendingDeletion).then(|| time("2026-11-27T10:15:00Z"));
    KeyFacts {
        description: Known::Is(KeyDescription { deletion_date, ..KeyDescription::in_state(state) }),
        tags: Known::Is(tags),
        rotation: Known::Is(Rotation { enabled: false, period_days: None }),
        recollection: Known::Is(Recollection::default()),
        ..KeyFacts::default()
    }
}

fn decided(event: &Event, facts: &KeyFacts, rules: &ApprovalRules) -> Decision {
    let domain = domain();
    decide(event, &Situation { facts, policy: shipped_policy(), rules, domain: &domain, now: time("2026-11-20T10:15:01Z") })
}

/// The record of an answer in which each step ended so.
fn record(event: Event, decision: Decision, result: &StepResult) -> Record {
    let planned = decision.plan().map(|plan| plan.steps.clone()).unwrap_or_default();
    let steps: Vec<_> = planned.into_iter().map(|step| StepOutcome { step, result: result.clone(), at: None }).collect();
    let status = match &decision {
        Decision::Remedy { .. } => Status::of_steps(&steps),
        Decision::Stand { .. } => Status::NothingToDo,
        Decision::Escalate { .. } => Status::Escalated,
    };
    Record {
        phase: Phase::Outcome,
        attempt: 1,
        claimed: true,
        recorded_at: time("2026-11-20T10:15:03Z"),
        received_at: time("2026-11-20T10:15:01Z"),
        mode: if *result == StepResult::NotCarriedOut { Mode::Observe } else { Mode::Enforce },
        threat: Threat::of(&event),
        subject: None,
        event,
        considering: Plan::default(),
        decision: Some(decision),
        steps,
        status,
        state_after: None,
        detect_ms: Some(1_000),
        remediate_ms: None,
        names: KeyNames { aliases: vec!["alias/payments-db".to_owned()], owner: Some("team-payments".to_owned()) },
    }
}

/// The record of a deletion at a quarter past ten.
fn deletion(tags: Tags, rules: &ApprovalRules, result: &StepResult) -> Record {
    let event = schedule(&our_key()).by(caller()).at("2026-11-20T10:15:00Z").build();
    let decision = decided(&event, &facts(KeyState::PendingDeletion, tags), rules);
    record(event, decision, result)
}

fn notice(record: &Record) -> Notice {
    Notice::of(record).unwrap()
}

fn lines(notice: &Notice) -> Vec<&str> {
    notice.commands.iter().map(|command| command.line.as_str()).collect()
}

const NEXT_TIME: &str = concat!(
    "reprieve approve arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    r#" --action delete --change CHG-... --window "2h from 2026-11-20T11:00:00Z""#
);
const AFTER_ALL: &str = concat!(
    "reprieve approve arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    r#" --action delete --change CHG-... --window "2h from 2026-11-20T10:00:00Z" --late"#
);
const LIST: &str = "reprieve approvals arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

#[test]
fn an_unapproved_deletion_is_told_in_full() {
    let notice = notice(&deletion(Tags::new(), &approval_rules(), &StepResult::Done));
    assert_eq!(notice.subject, "[High] key alias/payments-db is back: it was scheduled for deletion");
    assert_eq!(
        notice.text(),
        format!(
            "\
key alias/payments-db is back: it was scheduled for deletion

Key alias/payments-db was scheduled for deletion by mallory@example.com as Admin on 2026-11-20 10:15:00 UTC, from 203.0.113.7. \
Nothing approves that.
It would have been deleted on 2026-11-27 10:15:00 UTC. That was averted.

What was done:
- cancel the deletion: done
- enable the key: done

Why it is not approved:
- neither the key's tags nor the ledger hold an approval
- no policy permits it

Who: mallory@example.com as Admin
Role: arn:aws:iam::111122223333:role/Admin
From: 203.0.113.7
Call: ScheduleKeyDeletion
When: 2026-11-20T10:15:00Z
Alias: alias/payments-db
Owner: team-payments
Key: {KEY_ID}
Account: 111122223333
Region: eu-central-1
Averted deletion: 2026-11-27T10:15:00Z

Next time, a change manager other than mallory@example.com as Admin runs this first; put in the change id and the window you plan:
{NEXT_TIME}

To see every approval of this key:
{LIST}"
        )
    );
}

#[test]
fn a_self_approval_says_who_may_not_and_keeps_the_change() {
    let terms = Terms::of_approver("mallory@example.com");
    let tags = approval_tags(&sealed_approval(&our_key(), &terms));
    let notice = notice(&deletion(tags, &approval_rules(), &StepResult::Done));
    assert_eq!(notice.warnings, ["mallory@example.com as Admin tried to approve their own act"]);
    assert_eq!(lines(&notice), [NEXT_TIME.replace("CHG-...", "CHG-1001"), LIST.to_owned()]);
    let purpose = &notice.commands.first().unwrap().purpose;
    assert_eq!(purpose, "Next time, a change manager other than mallory@example.com as Admin runs this first; put in the window you plan");
    assert!(notice.text().contains("approved by mallory@example.com for 2026-11-20T09:00:00Z"), "{}", notice.text());
}

#[test]
fn a_key_that_needs_two_approvers_asks_for_two() {
    let tags = Tags::from([("env".to_owned(), "prod".to_owned())]);
    let notice = notice(&deletion(tags, &approval_rules(), &StepResult::Done));
    assert_eq!(
        notice.commands.first().unwrap().purpose,
        "Next time, two change managers other than mallory@example.com as Admin each run, with an approval key of their own, this first; \
         put in the change id and the window you plan"
    );
}

#[test]
fn a_broken_glass_says_when_its_pass_ends_and_how_to_approve_before() {
    let role = caller().role.unwrap();
    let rules = ApprovalRules { break_glass_roles: [role].into(), ..approval_rules() };
    let notice = notice(&deletion(Tags::new(), &rules, &StepResult::Done));
    assert_eq!(notice.headline, "key alias/payments-db passes for now (break-glass): it was scheduled for deletion");
    let text = notice.text();
    for sentence in [
        "Its deletion is due on 2026-11-27 10:15:00 UTC.",
        "It passes until 2026-11-21 10:15:00 UTC. Then it is taken back, unless somebody else has approved it.",
        "Pass ends: 2026-11-21T10:15:00Z",
        "Deadline: 2026-11-27T10:15:00Z",
        "To let it stand beyond 2026-11-21 10:15:00 UTC, a change manager other than mallory@example.com as Admin runs this; put in the change id:\n",
    ] {
        assert!(text.contains(sentence), "{sentence}\n{text}");
    }
    assert_eq!(lines(&notice), [AFTER_ALL, LIST]);
    let shorter = ApprovalRules { break_glass_hours: 4, ..rules };
    let text = self::notice(&deletion(Tags::new(), &shorter, &StepResult::Done)).text();
    assert!(text.contains("Pass ends: 2026-11-20T14:15:00Z"), "the pass lasts as long as the deployment says: {text}");
}

#[test]
fn what_still_stands_can_be_approved_after_all() {
    let failed = || StepResult::FailedForNow { error: "kms:CancelKeyDeletion: throttled: Rate exceeded".to_owned() };
    let refused = || StepResult::Refused { error: "kms:CancelKeyDeletion: access denied: no".to_owned() };
    for (result, can_stand) in [
        (StepResult::NotCarriedOut, true),
        (failed(), true),
        (refused(), true),
        (StepResult::Unsupported { error: "x".to_owned() }, true),
        (StepResult::Done, false),
        (StepResult::AlreadySo, false),
    ] {
        let notice = notice(&deletion(Tags::new(), &approval_rules(), &result));
        assert_eq!(lines(&notice), if can_stand { vec![NEXT_TIME, AFTER_ALL, LIST] } else { vec![NEXT_TIME, LIST] }, "{result:?}");
        assert_eq!(notice.text().contains("It will be deleted on 2026-11-27 10:15:00 UTC if nothing is done."), can_stand, "{result:?}");
        assert_eq!(notice.text().contains("\nDeadline: 2026-11-27T10:15:00Z"), can_stand, "{result:?}");
        assert_eq!(notice.text().contains("That was averted."), !can_stand, "{result:?}");
    }
    let mut undated = deletion(Tags::new(), &approval_rules(), &StepResult::NotCarriedOut);
    undated.event.time = None;
    assert_eq!(lines(&notice(&undated)), [NEXT_TIME, LIST], "no window can be shown to hold an event without a time");
}

#[test]
fn a_cancelled_deletion_is_not_approved_after_all() {
    let mut record = deletion(Tags::new(), &approval_rules(), &StepResult::Done);
    record.steps.last_mut().unwrap().result = StepResult::Refused { error: "no".to_owned() };
    record.status = Status::of_steps(&record.steps);
    assert_eq!(lines(&notice(&record)), [NEXT_TIME, LIST]);
}

#[test]
fn observing_says_what_would_be_done() {
    let notice = notice(&deletion(Tags::new(), &approval_rules(), &StepResult::NotCarriedOut));
    assert_eq!(notice.headline, "key alias/payments-db would have been given back (mode observe): it was scheduled for deletion");
    assert_eq!(notice.sections.first().unwrap().title, "What would be done");
}

#[test]
fn each_act_is_approved_under_its_own_name() {
    let key = our_key();
    for (event, state, action) in [
        (disable(&key), KeyState::Disabled, "disable"),
        (event("DisableKeyRotation").on(&key), KeyState::Enabled, "disable-rotation"),
        (event("PutKeyPolicy").on(&key), KeyState::Enabled, "replace-policy"),
        (event("DeleteImportedKeyMaterial").on(&key), KeyState::PendingImport, "delete-material"),
        (event("RevokeGrant").on(&key), KeyState::Enabled, "remove-grant"),
    ] {
        let event = event.build();
        let decision = decided(&event, &facts(state, Tags::new()), &approval_rules());
        let notice = notice(&record(event, decision, &StepResult::Done));
        let expected = format!(r#"reprieve approve {ARN} --action {action} --change CHG-... --window "2h from 2026-11-20T11:00:00Z""#);
        assert_eq!(lines(&notice), [expected.as_str(), LIST], "{action}");
    }
}

#[test]
fn where_approving_makes_no_sense_no_command_is_shown() {
    let rules = approval_rules();
    let escalated = |event: Event, facts: &KeyFacts| {
        let decision = decided(&event, facts, &rules);
        record(event, decision, &StepResult::Done)
    };
    let pending = facts(KeyState::PendingDeletion, Tags::new());
    let absent = KeyFacts { description: Known::Absent, ..pending.clone() };
    let mut gone = deletion(Tags::new(), &rules, &StepResult::Done);
    gone.status = Status::DoesNotExist;
    let mut refused = escalated(schedule(&our_key()).refused("AccessDenied").build(), &pending);
    if let Some(Decision::Stand { why }) = &mut refused.decision {
        why.escalations.push("look at it".to_owned());
    }
    for (what, record) in [
        ("deleted for good", escalated(event("DeleteKey").on(&our_key()).build(), &pending)),
        ("no such key", escalated(schedule(&our_key()).build(), &absent)),
        ("an alias", escalated(schedule(&our_key()).target(Target::Named("alias/x".to_owned())).build(), &pending)),
        ("gone when we came", gone),
        ("refused", refused),
    ] {
        assert_eq!(lines(&notice(&record)), Vec::<&str>::new(), "{what}");
    }
}

#[test]
fn the_window_holds_what_it_is_for() {
    use reprieve_core::approval::window::Window;
    let typed = |line: &str| Window::parse_typed(line.split('"').nth(1).unwrap()).unwrap();
    for at in ["2026-11-20T10:00:00Z", "2026-11-20T10:59:59.999Z", "2026-11-20T09:15:00Z", "2026-10-01T00:00:00Z"] {
        let mut record = deletion(Tags::new(), &approval_rules(), &StepResult::NotCarriedOut);
        record.event.time = Some(time(at));
        let notice = notice(&record);
        let (next, late) = (typed(lines(&notice).first().unwrap()), typed(lines(&notice).get(1).unwrap()));
        assert!(next.start > record.recorded_at && next.start > time(at), "{at}: a window that has passed plans nothing");
        assert!(late.start <= time(at) && time(at) < late.end, "{at}");
    }
}

#[test]
fn a_change_that_is_no_plain_word_stays_out_of_commands() {
    let finding = |change: &str| {
        let approval = Approval {
            change: change.to_owned(),
            approver: "carol".to_owned(),
            approver_identities: ["person:carol".to_owned()].into(),
            resource: ARN.to_owned(),
            window_start: time("2026-11-19T09:00:00Z"),
            window_end: time("2026-11-19T17:00:00Z"),
            source: reprieve_core::approval::ApprovalSource::Ledger,
            seal_key: Some("k".to_owned()),
            set_at: None,
            revoked: None,
        };
        ApprovalFinding::Established(Box::new(approval))
    };
    for (change, shown) in [
        ("CHG-42", "CHG-42"),
        ("2026.11_a", "2026.11_a"),
        ("$(reboot)", "CHG-..."),
        ("a;b", "CHG-..."),
        ("a b", "CHG-..."),
        ("a'b", "CHG-..."),
        ("`id`", "CHG-..."),
        ("--late", "CHG-..."),
        ("", "CHG-..."),
        ("änderung", "CHG-..."),
    ] {
        let why = Why { approval: finding(change), ..Why::new(Severity::High, "x") };
        let plan = Plan::new(vec![Step::CancelKeyDeletion { key: our_key() }]);
        let record = record(schedule(&our_key()).build(), Decision::Remedy { plan, why }, &StepResult::Done);
        let expected = format!(" --change {shown} --window ");
        assert!(lines(&notice(&record)).first().unwrap().contains(&expected), "{change}");
    }
}

/// Line breaks, a fake fact, a right-to-left override, a link, mark-up of three channels, a command of the attacker's own.
const HOSTILE: &str = "eve\n\nDeadline: never\r\u{2028}\u{202e}\u{200b}\u{7f}https://evil.example/login <!channel> <https://e|ok> [ok](https://e) `$(id)` **b** <at>all</at>";

#[test]
fn names_of_attackers_stay_on_their_line() {
    let tags = plain_tags(&Terms { change: HOSTILE.to_owned(), ..Terms::default() });
    assert_eq!(tags.get(CHANGE_TAG).map(String::as_str), Some(HOSTILE));
    let mut record = deletion(tags, &approval_rules(), &StepResult::Refused { error: HOSTILE.to_owned() });
    record.names = KeyNames { aliases: vec![HOSTILE.to_owned(); 5], owner: Some(HOSTILE.to_owned()) };
    record.event.actor = Actor { user_name: Some(HOSTILE.to_owned()), source_address: Some(HOSTILE.to_owned()), ..Actor::unknown() };
    if let Some(Decision::Remedy { why, .. }) = &mut record.decision {
        why.sentence = HOSTILE.to_owned();
        why.reasoning.insert(0, HOSTILE.to_owned());
        why.escalations.push(HOSTILE.to_owned());
    }
    let notice = notice(&record);
    let text = notice.text();
    assert!(!text.lines().any(|line| line.starts_with("Deadline: never")), "{text}");
    let steers = |c: char| (c.is_control() && c != '\n') || ('\u{200b}'..='\u{202e}').contains(&c);
    assert!(!text.contains(steers), "{text:?}");
    assert!(!text.contains("://"), "no live links: {text}");
    assert_eq!(lines(&notice), [NEXT_TIME, AFTER_ALL, LIST]);
    assert!(notice.subject.len() <= SUBJECT_LIMIT && notice.subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    assert!(notice.subject.contains("could NOT be given back"), "{}", notice.subject);
}

#[test]
fn nothing_makes_a_notice_long() {
    let long = "ü".repeat(100_000);
    let mut record = deletion(Tags::new(), &approval_rules(), &StepResult::Refused { error: long.clone() });
    record.names = KeyNames { aliases: vec![long.clone(); 100], owner: Some(long.clone()) };
    if let Some(Decision::Remedy { why, .. }) = &mut record.decision {
        why.reasoning = vec![long; 1_000];
    }
    let notice = notice(&record);
    assert!(notice.text().chars().count() < 20_000);
    let reasons = &notice.sections.last().unwrap().lines;
    assert_eq!((reasons.len(), reasons.get(6).map(String::as_str)), (8, Some("993 more findings are in the record")));
}

#[test]
fn an_escalation_names_the_key_by_its_alias() {
    let event = event("PutKeyPolicy").on(&our_key()).build();
    let decision = decided(&event, &facts(KeyState::Enabled, Tags::new()), &approval_rules());
    let notice = notice(&record(event, decision, &StepResult::Done));
    assert_eq!(
        notice.sentences,
        ["Key alias/payments-db had its key policy replaced by mallory@example.com as Admin and Reprieve can still read it. \
          Check that its users and administrators are still let in."]
    );
}
