//! How things stood, as a Compliance Finding: whether every key was monitored, none was at risk, and every storage account that receives
//! the Activity Log was under a customer-managed key.
//!
//! Each is a finding of its own about one moment; nothing is ever updated. It is new (1) where something is amiss, else resolved (4).

use reprieve_core::posture::KeyAtRisk;
use reprieve_core::{Posture, Severity};
use serde_json::{Map, Value, json};

use super::frame::{COMPLIANCE_FINDING, Frame, fields, metadata, object, reprieve};
use super::{Coded, seen};

const CONTROL: &str = "Every customer-managed key is monitored and none is at risk; logs are kept under customer-managed keys";

/// Writes a posture as an OCSF event. The same posture always gives the same JSON, keys in the same order.
#[must_use]
pub fn posture_json(posture: &Posture) -> Value {
    let uid = id(posture);
    let mut metadata = metadata(&reprieve(), &uid);
    metadata.extend(fields([("logged_time", Some(posture.at.as_millisecond().into()))]));
    let account = seen::account_of(posture.cloud, &posture.account);
    let cloud = json!({ "provider": posture.cloud.caption(), "region": posture.region, "account": account });
    let frame = Frame {
        class: &COMPLIANCE_FINDING,
        activity: (1, "Create"),
        status: if is_well(posture) { (4, "Resolved") } else { (1, "New") },
        severity: Some(severity(posture)),
        time: posture.at.as_millisecond(),
        message: message(posture),
        metadata,
        cloud,
    };
    frame.write(attributes(posture, &uid), posture)
}

/// Returns the posture's id: one place at one moment has one.
fn id(posture: &Posture) -> String {
    let cloud = posture.cloud.caption().to_ascii_lowercase();
    format!("{cloud}.{}.{}.{}.posture", posture.account, posture.region, posture.at)
}

fn attributes(posture: &Posture, uid: &str) -> Map<String, Value> {
    let status: Coded<'static> = if is_well(posture) { (1, "Pass") } else { (3, "Fail") };
    let resources: Vec<Value> = posture.at_risk.iter().map(|key| resource(key, posture)).collect();
    object(json!({
        "finding_info": {
            "uid": uid,
            "title": CONTROL,
            "desc": message(posture),
            "created_time": posture.at.as_millisecond(),
            "product": reprieve(),
            "types": ["posture"],
        },
        "compliance": {
            "control": CONTROL,
            "status_id": status.0,
            "status": status.1,
            "status_details": posture.at_risk.iter().map(|key| format!("{}: {}", key.id, key.why)).collect::<Vec<_>>(),
            "assessments": assessments(posture),
        },
        "resources": resources,
    }))
}

fn assessments(posture: &Posture) -> Value {
    let Posture { keys, keys_monitored, log_storages, log_storages_under_customer_key, at_risk, .. } = posture;
    let assessment = |name: &str, desc: String, is_met: bool| json!({ "name": name, "desc": desc, "meets_criteria": is_met });
    json!([
        assessment("keys monitored", format!("{keys_monitored} of {keys}"), keys_monitored == keys),
        assessment("keys at risk", at_risk.len().to_string(), at_risk.is_empty()),
        assessment(
            "log storages under a customer-managed key",
            format!("{log_storages_under_customer_key} of {log_storages}"),
            log_storages_under_customer_key == log_storages,
        ),
    ])
}

fn resource(key: &KeyAtRisk, posture: &Posture) -> Value {
    let detail = fields([("why", Some(key.why.as_str().into())), ("deadline", key.deadline.map(|time| time.to_string().into()))]);
    json!({
        "uid": key.id,
        "type": "key",
        "region": posture.region,
        "owner": { "account": seen::account_of(posture.cloud, &posture.account) },
        "role_id": 3,
        "role": "Affected",
        "data": detail,
    })
}

fn is_well(posture: &Posture) -> bool {
    posture.keys_monitored == posture.keys && posture.log_storages_under_customer_key == posture.log_storages && posture.at_risk.is_empty()
}

/// A key with a deadline is being lost.
fn severity(posture: &Posture) -> Severity {
    if posture.at_risk.iter().any(|key| key.deadline.is_some()) {
        Severity::High
    } else if is_well(posture) {
        Severity::Informational
    } else {
        Severity::Medium
    }
}

fn message(posture: &Posture) -> String {
    let Posture { keys, keys_monitored, log_storages, log_storages_under_customer_key, at_risk, .. } = posture;
    let logs = match log_storages {
        0 => String::new(),
        _ => format!(", {log_storages_under_customer_key} of {log_storages} log storages under a customer-managed key"),
    };
    format!("{keys_monitored} of {keys} keys monitored, {} at risk{logs}", at_risk.len())
}
