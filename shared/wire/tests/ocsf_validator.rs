//! The judge of OCSF itself: it accepts a good event, and refuses each kind of violation by name.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop, and says where")]

use reprieve_test_support::ocsf::violations;
use reprieve_wire::ocsf::{audit_json, finding_json, posture_json};
use serde_json::{Value, json};

use crate::ocsf_entry::{decrypt, finding, posture, refused};

/// Writes a value at a path, or takes away what is there.
fn changed(mut event: Value, pointer: &str, value: Option<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = event.pointer_mut(parent).unwrap_or_else(|| unreachable!("{pointer}"));
    match (parent, value) {
        (Value::Object(object), Some(value)) => drop(object.insert(name.to_owned(), value)),
        (Value::Object(object), None) => drop(object.remove(name)),
        _ => unreachable!("{pointer}"),
    }
    event
}

#[test]
fn each_kind_of_violation_is_refused() {
    let some = |value: Value| Some(value);
    for (pointer, value, expected) in [
        // Required attributes, of the event and of objects in it.
        ("/actor", None, "actor: is required, and missing"),
        ("/api/operation", None, "api.operation: is required, and missing"),
        ("/metadata/product", None, "metadata.product: is required, and missing"),
        ("/cloud", None, "cloud: is required, and missing"),
        ("/api/request/uid", None, "api.request.uid: is required, and missing"),
        ("/time", None, "time: is required, and missing"),
        // Constraints.
        ("/metadata/product", some(json!({ "version": "1" })), "metadata.product: has none of name, uid"),
        ("/actor", some(json!({ "idp": { "name": "x" } })), "actor: has none of process, user, invoked_by, session, app_name, app_uid"),
        ("/src_endpoint", some(json!({})), "src_endpoint: has none of ip, uid, name"),
        ("/actor/user", some(json!({ "type": "x" })), "actor.user: has none of account, name, uid"),
        // Enumerations and their captions.
        ("/severity_id", some(json!(7)), "severity_id: 7 is none of its values"),
        ("/severity", some(json!("Grave")), "severity_id: is 1, and `severity` is `Grave`, not `Informational`"),
        ("/status", some(json!("Failure")), "status_id: is 1, and `status` is `Failure`, not `Success`"),
        ("/activity_name", None, "activity_id: is 99, and `activity_name` does not say what it is"),
        ("/activity_name", some(json!("Other")), "activity_id: is 99, and `activity_name` says no more than `Other`"),
        ("/actor/user/type", some(json!(null)), "actor.user.type: is not a text: null"),
        ("/cloud/account/type", some(json!("GCP Project")), "cloud.account.type_id: is 10, and `type` is `GCP Project`, not `AWS Account`"),
        // Types.
        ("/time", some(json!("2026-11-20T10:00:00Z")), "time: is not a time in milliseconds since 1970"),
        ("/time", some(json!(1.5)), "time: is not a time in milliseconds since 1970"),
        ("/time", some(json!(1_795_168_800_000_000_000_i64)), "time: is not a time in milliseconds since 1970"),
        ("/src_endpoint/ip", some(json!("AWS Internal")), "src_endpoint.ip: is not an address"),
        ("/src_endpoint/port", some(json!(70_000)), "src_endpoint.port: is not a port"),
        ("/actor/session/is_mfa", some(json!("true")), "actor.session.is_mfa: is not true or false"),
        ("/api/operation", some(json!(["Decrypt"])), "api.operation: is not a text"),
        ("/api/response/code", some(json!("403")), "api.response.code: is not a whole number"),
        ("/resources", some(json!({ "uid": "x" })), "resources: is not a list"),
        ("/actor/user/email_addr", some(json!("alice")), "actor.user.email_addr: is not an email address"),
        ("/metadata/product/url_string", some(json!("example.com")), "metadata.product.url_string: is not a URL"),
        ("/cloud", some(json!("AWS")), "cloud: is not an object (cloud)"),
        ("/api/request/data", some(json!(null)), "api.request.data: is not anything but null"),
        // Names that the schema does not have.
        ("/shoe_size", some(json!(44)), "shoe_size: is no attribute of which a rule is known"),
        ("/actor/user/uuid", some(json!("x")), "actor.user.uuid: is no attribute of which a rule is known"),
        // Attributes that are to be replaced.
        ("/actor/invoked_by", some(json!("s3.amazonaws.com")), "actor.invoked_by: is deprecated: `app_name`, since 1.2.0"),
        ("/actor/user/credential_uid", some(json!("AKIA")), "actor.user.credential_uid: is deprecated"),
        ("/cloud/project_uid", some(json!("p")), "cloud.project_uid: is deprecated"),
        // Profiles.
        ("/metadata/profiles", None, "cloud: is of the profile `cloud`, which is not declared"),
        ("/metadata/profiles", some(json!(["cloud", "linux"])), "metadata.profiles: `linux` is no profile of class 6003"),
        ("/is_alert", some(json!(true)), "is_alert: is of the profile `security_control`, which is not declared"),
        // Arithmetic and names of the class.
        ("/type_uid", some(json!(600_301)), "type_uid: is not class_uid * 100 + activity_id = 600399"),
        ("/category_uid", some(json!(3)), "category_uid: is not 6, the category of class 6003"),
        ("/class_name", some(json!("Account Change")), "class_name: is not `API Activity`"),
        ("/type_name", some(json!("API Activity: Decrypt")), "type_name: is not `API Activity: Other`"),
        ("/category_name", some(json!("Audit Activity")), "category_name: is not `Application Activity`"),
        ("/class_uid", some(json!(3005)), "class_uid: 3005 is no class of which the rules are known"),
        ("/class_uid", None, "class_uid: missing, or not a number"),
        ("/metadata/version", some(json!("1.0.0-rc.2")), "metadata.version: is not 1.8.0"),
        // Observables.
        ("/resources", some(json!([])), "observables[0].name: `resources[0].uid` is not in the event"),
        ("/src_endpoint/ip", some(json!("192.0.2.11")), "`src_endpoint.ip` has another value in the event"),
    ] {
        let found = violations(&changed(audit_json(&decrypt()), pointer, value));
        assert!(found.iter().any(|one| one.contains(expected)), "{expected}\n{found:#?}");
    }
}

#[test]
fn the_other_classes_are_judged_by_their_own_rules() {
    for (event, pointer, value, expected) in [
        (finding_json(&finding()), "/finding_info/uid", None, "finding_info.uid: is required, and missing"),
        (finding_json(&finding()), "/status", Some(json!("Success")), "status_id: is 1, and `status` is `Success`, not `New`"),
        (finding_json(&finding()), "/finding_info/analytic/type_id", None, "finding_info.analytic.type_id: is required, and missing"),
        (finding_json(&finding()), "/finding_info/product_uid", Some(json!("x")), "finding_info.product_uid: is deprecated"),
        (posture_json(&posture()), "/compliance", None, "compliance: is required, and missing"),
        (posture_json(&posture()), "/compliance/status_detail", Some(json!("x")), "compliance.status_detail: is deprecated"),
        (posture_json(&posture()), "/resource", Some(json!({})), "resource: is deprecated: `resources`, since 1.3.0"),
    ] {
        let found = violations(&changed(event, pointer, value));
        assert!(found.iter().any(|one| one.contains(expected)), "{expected}\n{found:#?}");
    }
}

#[test]
fn an_evidence_needs_something_to_show() {
    let mut event = finding_json(&finding());
    event["evidences"] = json!([{ "http_request": { "user_agent": "x" } }]);
    let found = violations(&event);
    assert!(found.iter().any(|one| one.starts_with("evidences[0]: has none of actor, api")), "{found:#?}");
}

#[test]
fn a_null_is_refused_wherever_it_stands() {
    let event = audit_json(&refused());
    for (name, value) in event.as_object().unwrap() {
        assert!(!value.is_null(), "{name}");
        assert!(!violations(&changed(event.clone(), &format!("/{name}"), Some(Value::Null))).is_empty(), "{name}");
    }
}

#[test]
fn what_is_no_object_is_refused() {
    assert_eq!(violations(&json!([])), ["the event is not an object"]);
}
