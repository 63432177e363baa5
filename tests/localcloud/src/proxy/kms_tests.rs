//! The table of key states and calls, row by row.

use serde_json::json;

use super::*;

const ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/k";

fn key(state: KeyState) -> Key {
    Key {
        arn: ARN.into(),
        state,
        origin: if state == KeyState::PendingImport { "EXTERNAL" } else { "AWS_KMS" }.into(),
        spec: "SYMMETRIC_DEFAULT".into(),
        has_material: state != KeyState::PendingImport,
        deletion_date: None,
        multi_region_type: None,
        primary_region: None,
        member_regions: None,
        pending_window_in_days: None,
    }
}

const STATES: [KeyState; 8] = [
    KeyState::Enabled,
    KeyState::Disabled,
    KeyState::PendingDeletion,
    KeyState::PendingReplicaDeletion,
    KeyState::PendingImport,
    KeyState::Unavailable,
    KeyState::Creating,
    KeyState::Updating,
];

#[test]
fn every_call_is_allowed_in_exactly_its_states() {
    // One letter a state, in the order of STATES: y may, n may not.
    let table = [
        ("CancelKeyDeletion", "nnyynnnn"),
        ("EnableKey", "yynnnynn"),
        ("DisableKey", "yynnnynn"),
        ("ScheduleKeyDeletion", "yynnyyyn"),
        ("TagResource", "yynnyyyy"),
        ("UntagResource", "yynnyyyy"),
        ("PutKeyPolicy", "yyyyyyyy"),
        ("ListResourceTags", "yyyyyyyy"),
        ("DescribeKey", "yyyyyyyy"),
        ("RevokeGrant", "yyyyyyyy"),
        ("CreateGrant", "ynnnnyyy"),
        ("EnableKeyRotation", "ynnnnnnn"),
    ];
    for (operation, row) in table {
        for (state, letter) in STATES.into_iter().zip(row.chars()) {
            let refused = state_refusal(operation, &key(state));
            assert_eq!(refused.is_none(), letter == 'y', "{operation} in {state:?}: {refused:?}");
        }
    }
}

#[test]
fn refusals_speak_the_words_of_kms() {
    let table = [
        ("CancelKeyDeletion", KeyState::Enabled, "KMSInvalidStateException", format!("{ARN} is not pending deletion.")),
        ("EnableKey", KeyState::PendingDeletion, "KMSInvalidStateException", format!("{ARN} is pending deletion.")),
        ("EnableKey", KeyState::PendingImport, "KMSInvalidStateException", format!("{ARN} is pending import.")),
        ("TagResource", KeyState::PendingDeletion, "KMSInvalidStateException", format!("{ARN} is pending deletion.")),
        ("DisableKeyRotation", KeyState::Disabled, "DisabledException", format!("{ARN} is disabled.")),
    ];
    for (operation, state, code, message) in table {
        assert_eq!(state_refusal(operation, &key(state)), Some(Refusal::bad_request(code, message)));
    }
}

#[test]
fn cancel_works_on_an_unavailable_key_whose_deletion_was_pending() {
    let mut key = key(KeyState::Unavailable);
    assert!(state_refusal("CancelKeyDeletion", &key).is_some());
    key.deletion_date = Some(1.into());
    assert_eq!(state_refusal("CancelKeyDeletion", &key), None);
}

#[test]
fn a_cancelled_key_without_material_cannot_be_enabled() {
    let key = Key { origin: "EXTERNAL".into(), has_material: false, ..key(KeyState::Disabled) };
    assert_eq!(
        state_refusal("EnableKey", &key),
        Some(Refusal::bad_request("KMSInvalidStateException", format!("{ARN} is pending import.")))
    );
}

#[test]
fn rotation_is_for_symmetric_keys_of_kms_only() {
    for key in [
        Key { spec: "RSA_2048".into(), ..key(KeyState::Enabled) },
        Key { spec: "HMAC_256".into(), ..key(KeyState::Enabled) },
        Key { origin: "EXTERNAL".into(), ..key(KeyState::Enabled) },
    ] {
        let code = state_refusal("DisableKeyRotation", &key).map(|refusal| refusal.code);
        assert_eq!(code.as_deref(), Some("UnsupportedOperationException"));
    }
}

#[test]
fn references_are_judged_before_the_key_is_looked_at() {
    let given = |operation: &str, given: &str| reference(operation, given, "111122223333", "us-east-1").map_err(|refusal| refusal.code);
    let table = [
        ("ScheduleKeyDeletion", "k", Ok(Reference::KeyId("k".into()))),
        ("ScheduleKeyDeletion", ARN, Ok(Reference::KeyId("k".into()))),
        ("ScheduleKeyDeletion", "alias/a", Err("NotFoundException")),
        ("TagResource", "arn:aws:kms:us-east-1:111122223333:alias/a", Err("InvalidArnException")),
        ("DescribeKey", "alias/a", Ok(Reference::Alias("alias/a".into()))),
        ("EnableKey", "arn:aws:kms:eu-west-1:111122223333:key/k", Err("NotFoundException")),
        ("EnableKey", "arn:aws:kms:us-east-1:444455556666:key/k", Err("AccessDeniedException")),
        ("EnableKey", "arn:aws:kms:us-east-1", Err("InvalidArnException")),
        ("EnableKey", "arn:aws:s3:us-east-1:111122223333:key/k", Err("InvalidArnException")),
        ("EnableKey", "arn:aws:kms:us-east-1:111122223333:key/", Err("InvalidArnException")),
    ];
    for (operation, text, expected) in table {
        assert_eq!(given(operation, text), expected.map_err(str::to_owned), "{operation} {text}");
    }
}

#[test]
fn a_message_of_more_than_4096_bytes_is_not_signed() {
    let of = |characters: &str| json!({"Message": characters});
    let largest = format!("{}eA==", "eHh4".repeat(1_365));
    let one_more = format!("{}eHg=", "eHh4".repeat(1_365));
    assert_eq!(message_refusal("Sign", &of(&largest)), None);
    assert_eq!(message_refusal("Sign", &of(&one_more)).map(|refusal| refusal.code).as_deref(), Some("ValidationException"));
    assert_eq!(message_refusal("Encrypt", &of(&one_more)), None);
}
