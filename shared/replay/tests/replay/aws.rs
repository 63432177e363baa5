//! Histories of keys of AWS, one for each trap.

use std::collections::BTreeMap;

use reprieve_core::approval::{Revocation, Written};
use reprieve_core::{KeyArn, RoleArn, Severity};
use reprieve_replay::Rules;
use reprieve_test_support::approval::approval_tags;
use reprieve_test_support::{Terms, sealed_approval};
use serde_json::json;

use crate::scene::{KEY, PRIMARY, REPLICA, Record, call, deleted, judged, judged_by, rules, schedule, tagging, told};

#[track_caller]
fn check(records: &[Record], rules: &Rules, expected: &[&str]) {
    assert_eq!(told(&judged_by(records, rules)), expected);
}

#[track_caller]
fn check_shipped(records: &[Record], expected: &[&str]) {
    check(records, &Rules::shipped(), expected);
}

/// The rules of a deployment whose ledger holds these approvals of the key.
fn with_ledger(terms: &[Terms], revocations: Vec<Revocation>) -> Rules {
    let key = KeyArn::parse(KEY).unwrap();
    let approvals = terms.iter().map(|terms| sealed_approval(&key, terms)).collect();
    Rules { written: BTreeMap::from([(KEY.to_owned(), Written { approvals, revocations })]), ..rules() }
}

fn state(records: &[Record]) -> Option<String> {
    judged(records).keys.first().and_then(|key| key.state.clone())
}

#[test]
fn a_deletion_that_people_cancelled_would_have_been_undone_sooner() {
    let history = [schedule("alice", "10:00:00"), call("CancelKeyDeletion", "bob", "11:00:00"), call("EnableKey", "bob", "12:00:00")];
    check_shipped(
        &history,
        &["ScheduleKeyDeletion: would_restore [CancelKeyDeletion, EnableKey], undone with CancelKeyDeletion after 3600, usable after 7200"],
    );
}

#[test]
fn a_cancelled_deletion_that_nobody_enabled_after_is_undone_and_not_usable() {
    let history = [call("DisableKey", "alice", "09:00:00"), schedule("alice", "10:00:00"), call("CancelKeyDeletion", "bob", "11:00:00")];
    check_shipped(
        &history,
        &[
            "DisableKey: would_restore [EnableKey], open",
            "ScheduleKeyDeletion: would_restore [CancelKeyDeletion, EnableKey], undone with CancelKeyDeletion after 3600, not usable",
        ],
    );
    assert_eq!(state(&history).as_deref(), Some("Disabled"));
}

#[test]
fn a_key_that_kms_deleted_is_lost() {
    let history = [schedule("alice", "10:00:00"), deleted("2026-12-20T12:00:00Z", KEY)];
    check_shipped(
        &history,
        &[
            "ScheduleKeyDeletion: would_restore [CancelKeyDeletion, EnableKey], lost after 2599200",
            "DeleteKey: would_escalate, lost after 0",
        ],
    );
    assert_eq!(state(&history).as_deref(), Some("Deleted"));
}

#[test]
fn an_approval_of_the_ledger_lets_a_deletion_stand() {
    let history = [schedule("alice", "10:00:00"), deleted("2026-12-20T12:00:00Z", KEY)];
    check(
        &history,
        &with_ledger(&[Terms::default()], Vec::new()),
        &["ScheduleKeyDeletion: approved, lost after 2599200", "DeleteKey: would_escalate, lost after 0"],
    );
}

#[test]
fn a_revocation_counts_from_when_it_was_written() {
    let revoked = |at: &str| Revocation { change: "CHG-1001".to_owned(), by: "dora".to_owned(), at: at.parse().unwrap(), reason: None };
    let history = [schedule("alice", "10:00:00")];
    let before = with_ledger(&[Terms::default()], vec![revoked("2026-11-20T09:30:00Z")]);
    check(&history, &before, &["ScheduleKeyDeletion: would_restore [CancelKeyDeletion, EnableKey], open"]);
    let after = with_ledger(&[Terms::default()], vec![revoked("2026-11-20T10:30:00Z")]);
    check(&history, &after, &["ScheduleKeyDeletion: approved, open"]);
}

#[test]
fn an_approved_disablement_is_given_back_disabled() {
    let history = [call("DisableKey", "alice", "10:00:00"), schedule("mallory", "11:00:00")];
    check(
        &history,
        &with_ledger(&[Terms::of_action("disable")], Vec::new()),
        &["DisableKey: approved, open", "ScheduleKeyDeletion: would_restore [CancelKeyDeletion], open"],
    );
}

#[test]
fn tags_that_the_log_shows_approve_until_they_are_taken_away() {
    let approval = approval_tags(&sealed_approval(&KeyArn::parse(KEY).unwrap(), &Terms::of_action("disable")));
    let tags: Vec<(&str, &str)> = approval.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let names: Vec<&str> = approval.keys().map(String::as_str).collect();
    let history = [
        tagging("carol", "09:00:00", &tags),
        call("DisableKey", "alice", "10:00:00"),
        call("EnableKey", "alice", "11:00:00"),
        call("UntagResource", "alice", "12:00:00").asking("tagKeys", json!(names)),
        call("DisableKey", "alice", "13:00:00"),
    ];
    check(
        &history,
        &rules(),
        &[
            "TagResource: recorded, nothing",
            "DisableKey: approved, undone with EnableKey after 3600, usable after 3600",
            "UntagResource: would_escalate, nothing",
            "DisableKey: would_restore [EnableKey], open",
        ],
    );
}

#[test]
fn plain_tags_approve_where_the_log_shows_that_an_approver_set_them() {
    let terms = Terms::of_action("disable");
    let tags = [("reprieve:change", "CHG-1"), ("reprieve:action", "disable"), ("reprieve:window", terms.window.as_str())];
    let history = |setter: &str| [tagging(setter, "09:00:00", &tags), call("DisableKey", "alice", "10:00:00")];
    let mut rules = rules();
    rules.approval.approver_roles = [RoleArn::parse("arn:aws:iam::111122223333:role/Role-carol").unwrap()].into();
    check(&history("carol"), &rules, &["TagResource: recorded, nothing", "DisableKey: approved, open"]);
    check(&history("mallory"), &rules, &["TagResource: recorded, nothing", "DisableKey: would_restore [EnableKey], open"]);
}

#[test]
fn nobody_approves_their_own_act() {
    let rules = with_ledger(&[Terms { approver: "alice".to_owned(), ..Terms::default() }], Vec::new());
    let answer = judged_by(&[schedule("alice", "10:00:00")], &rules);
    assert_eq!(told(&answer), ["ScheduleKeyDeletion: would_restore [CancelKeyDeletion, EnableKey], open"]);
    let escalations: Vec<&str> = answer.decisions.iter().flat_map(|decided| &decided.escalations).map(String::as_str).collect();
    assert_eq!(escalations, ["alice as Role-alice tried to approve their own act"]);
}

/// P130
#[test]
fn a_refused_call_changes_nothing() {
    let history = [
        call("DisableKey", "alice", "10:00:00"),
        call("EnableKey", "bob", "10:30:00").refused("AccessDenied"),
        schedule("mallory", "11:00:00").refused("AccessDenied"),
        call("EnableKey", "alice", "12:00:00"),
    ];
    check_shipped(
        &history,
        &[
            "DisableKey: would_restore [EnableKey], undone with EnableKey after 7200, usable after 7200",
            "ScheduleKeyDeletion: refused, nothing",
        ],
    );
    assert_eq!(state(&history).as_deref(), Some("Enabled"));
}

#[test]
fn a_dry_run_is_a_call_that_was_refused() {
    let history = [call("RevokeGrant", "alice", "10:00:00").asking("dryRun", json!(true)).refused("DryRunOperationException")];
    check_shipped(&history, &["RevokeGrant: refused, nothing"]);
}

#[test]
fn replicas_have_histories_of_their_own() {
    let history = [
        schedule("alice", "10:00:00").on(REPLICA).id("a"),
        call("ScheduleKeyDeletion", "alice", "10:05:00").on(PRIMARY).asking("pendingWindowInDays", json!(7)).id("b"),
        call("CancelKeyDeletion", "bob", "11:00:00").on(REPLICA).id("c"),
    ];
    let answer = judged(&history);
    let keys: Vec<(&str, Option<&str>)> = answer.keys.iter().map(|key| (key.key.as_str(), key.state.as_deref())).collect();
    assert_eq!(keys, [(PRIMARY, Some("PendingReplicaDeletion")), (REPLICA, Some("Disabled"))]);
    assert_eq!(
        told(&answer),
        [
            "ScheduleKeyDeletion: would_restore [CancelKeyDeletion, EnableKey], undone with CancelKeyDeletion after 3600, not usable",
            "ScheduleKeyDeletion: would_restore [CancelKeyDeletion, EnableKey], open",
        ]
    );
}

#[test]
fn imported_material_comes_back_only_by_importing_it_again() {
    let history = [
        call("ImportKeyMaterial", "alice", "09:00:00").asking("expirationModel", json!("KEY_MATERIAL_DOES_NOT_EXPIRE")),
        call("DeleteImportedKeyMaterial", "mallory", "10:00:00"),
        call("ImportKeyMaterial", "alice", "11:00:00")
            .asking("expirationModel", json!("KEY_MATERIAL_EXPIRES"))
            .asking("validTo", json!("2026-12-24T00:00:00Z")),
    ];
    check_shipped(
        &history,
        &[
            "DeleteImportedKeyMaterial: would_escalate, undone with ImportKeyMaterial after 3600, usable after 3600",
            "ImportKeyMaterial: would_escalate, open",
        ],
    );
    let with_material_gone = history.get(..2).unwrap();
    assert_eq!(state(with_material_gone).as_deref(), Some("PendingImport"));
    assert_eq!(state(&history).as_deref(), Some("Enabled"));
}

#[test]
fn a_key_made_for_imported_material_waits_for_it() {
    let made = call("CreateKey", "alice", "09:00:00").asking("origin", json!("EXTERNAL"));
    assert_eq!(state(&[made]).as_deref(), Some("PendingImport"));
}

#[test]
fn within_one_second_acts_are_taken_in_the_order_in_which_they_can_have_happened() {
    let history = [
        schedule("alice", "10:00:00").id("c"),
        call("EnableKey", "bob", "11:00:00").id("a"),
        call("CancelKeyDeletion", "bob", "11:00:00").id("b"),
    ];
    check_shipped(
        &history,
        &["ScheduleKeyDeletion: would_restore [CancelKeyDeletion, EnableKey], undone with CancelKeyDeletion after 3600, usable after 3600"],
    );
    assert_eq!(state(&history).as_deref(), Some("Enabled"));
}

#[test]
fn a_key_that_an_incident_holds_is_left_disabled() {
    let history = [tagging("carol", "09:00:00", &[("reprieve:incident-hold", "INC-7")]), call("DisableKey", "carol", "10:00:00")];
    let answer = judged(&history);
    assert_eq!(told(&answer), ["TagResource: would_escalate, nothing", "DisableKey: recorded, open"]);
    let assumed = &answer.decisions.last().unwrap().assumed;
    assert!(assumed.iter().any(|assumption| assumption.contains("not the incident")), "{assumed:?}");
}

#[test]
fn a_key_that_the_record_does_not_name_by_its_id_is_never_guessed() {
    let history = [call("DisableKey", "alice", "10:00:00").naming("alias/prod")];
    let answer = judged(&history);
    assert_eq!(told(&answer), ["DisableKey: would_escalate, open"]);
    let key = answer.decisions.first().and_then(|decided| decided.key.as_deref());
    assert_eq!(key, Some("arn:aws:kms:eu-central-1:111122223333:alias/prod"));
}

#[test]
fn a_bare_id_is_the_key_of_the_records_account_and_region() {
    let id = KeyArn::parse(KEY).unwrap().key_id().to_owned();
    let history = [schedule("alice", "10:00:00"), call("CancelKeyDeletion", "bob", "11:00:00").naming(&id)];
    check_shipped(
        &history,
        &["ScheduleKeyDeletion: would_restore [CancelKeyDeletion, EnableKey], undone with CancelKeyDeletion after 3600, not usable"],
    );
}

#[test]
fn rotation_is_given_back_with_the_period_that_it_had() {
    let history = [
        call("EnableKeyRotation", "alice", "09:00:00").asking("rotationPeriodInDays", json!(90)),
        call("DisableKeyRotation", "mallory", "10:00:00"),
        call("EnableKeyRotation", "alice", "11:00:00"),
    ];
    let answer = judged(&history);
    assert_eq!(
        told(&answer),
        ["DisableKeyRotation: would_restore [EnableKeyRotation], undone with EnableKeyRotation after 3600, not usable"]
    );
    let why = &answer.decisions.first().unwrap().why;
    assert!(why.contains("every 90 days"), "{why}");
}

#[test]
fn a_key_store_is_connected_again_by_people() {
    let store = |name: &str, time: &str| {
        call(name, "alice", time).without("resources").with("requestParameters", json!({ "customKeyStoreId": "cks-1" }))
    };
    let history = [store("DisconnectCustomKeyStore", "10:00:00"), store("ConnectCustomKeyStore", "10:10:00")];
    check_shipped(&history, &["DisconnectCustomKeyStore: would_escalate, undone with ConnectCustomKeyStore after 600, usable after 600"]);
    assert_eq!(state(&history).as_deref(), Some("CONNECTED"));
}

#[test]
fn what_reprieve_itself_undid_is_no_proof_by_people() {
    let role = RoleArn::parse("arn:aws:iam::111122223333:role/Role-reprieve").unwrap();
    let rules = Rules { remediator: Some(role), ..Rules::shipped() };
    let history =
        [schedule("alice", "10:00:00"), call("CancelKeyDeletion", "reprieve", "10:00:05"), call("EnableKey", "reprieve", "10:00:06")];
    let answer = judged_by(&history, &rules);
    assert_eq!(
        told(&answer),
        [
            "ScheduleKeyDeletion: would_restore [CancelKeyDeletion, EnableKey], undone by Reprieve with CancelKeyDeletion after 5, usable after 6"
        ]
    );
    assert_eq!((answer.kpis.true_positives, answer.kpis.not_judged), (0, 1));
}

#[test]
fn an_act_without_a_time_is_decided_on_alone() {
    let history = [call("DisableKey", "alice", "10:00:00").without("eventTime"), call("EnableKey", "bob", "11:00:00")];
    let answer = judged(&history);
    assert_eq!(told(&answer), ["DisableKey: would_restore [EnableKey], open"]);
    let assumed = &answer.decisions.first().unwrap().assumed;
    assert!(assumed.iter().any(|assumption| assumption.contains("does not say when")), "{assumed:?}");
}

#[test]
fn a_policy_that_was_replaced_is_told_and_takes_no_key_away() {
    let answer = judged(&[call("PutKeyPolicy", "alice", "10:00:00")]);
    assert_eq!(told(&answer), ["PutKeyPolicy: would_escalate, nothing"]);
    assert_eq!(answer.decisions.first().map(|decided| decided.severity), Some(Severity::Low));
}

#[test]
fn what_gives_back_and_what_makes_keys_is_not_decided_on() {
    let history =
        [call("CreateKey", "alice", "09:00:00"), call("EnableKey", "alice", "10:00:00"), call("CreateAlias", "alice", "11:00:00")];
    check_shipped(&history, &[]);
}

/// P130
#[test]
fn what_is_assumed_is_said() {
    let assumed = |records: &[Record]| judged(records).decisions.last().unwrap().assumed.clone();
    let before = "The logs do not tell what the key was before";
    let unknown = assumed(&[call("DisableKey", "alice", "10:00:00")]);
    assert!(unknown.iter().any(|sentence| sentence.starts_with(before)), "{unknown:?}");
    let known = assumed(&[call("CreateKey", "alice", "09:00:00"), call("DisableKey", "alice", "10:00:00")]);
    assert!(!known.iter().any(|sentence| sentence.starts_with(before)), "{known:?}");
    assert!(known.iter().any(|sentence| sentence.starts_with("Nothing was given of what the ledger held")), "{known:?}");
}
