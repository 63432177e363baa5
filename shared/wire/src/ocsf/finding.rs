//! An anomaly, as a Detection Finding: what was unusual about one entry, with its reasons in words and the entry as evidence.

use reprieve_core::finding::Reason;
use reprieve_core::{Finding, Severity};
use serde_json::{Map, Value, json};

use super::frame::{DETECTION_FINDING, Frame, fields, metadata, object, reprieve};
use super::{Coded, entry, observe, seen};

/// Writes a finding as an OCSF event. The same finding always gives the same JSON, keys in the same order.
#[must_use]
pub fn finding_json(finding: &Finding) -> Value {
    let audit = &finding.audit;
    let (account, region) = (audit.account(), audit.region());
    let mut metadata = metadata(&reprieve(), &finding.id());
    metadata.extend(fields([
        ("correlation_uid", Some(audit.event.id.as_str().into())),
        ("event_code", Some(audit.event.name.as_str().into())),
        ("logged_time", Some(finding.found_at.as_millisecond().into())),
        ("original_time", audit.event.time.map(|time| time.to_string().into())),
        ("tenant_uid", audit.event.actor.tenant_id.as_deref().map(Into::into)),
    ]));
    let frame = Frame {
        class: &DETECTION_FINDING,
        activity: (1, "Create"),
        status: (1, "New"),
        severity: Some(finding.severity),
        time: finding.found_at.as_millisecond(),
        message: finding.sentence(),
        metadata,
        cloud: seen::place(audit.cloud(), account.as_deref(), region.as_deref(), &audit.event),
    };
    frame.write(attributes(finding), finding)
}

/// Detection Finding's own attributes.
fn attributes(finding: &Finding) -> Map<String, Value> {
    let mut evidence = entry::attributes(&finding.audit);
    let resources = evidence.remove("resources");
    let (risk_id, risk) = risk(finding.severity);
    let mut own = object(json!({
        "finding_info": information(finding),
        "is_alert": true,
        "evidences": [evidence],
        "risk_score": finding.score,
        "risk_level_id": risk_id,
        "risk_level": risk,
        "anomaly_analyses": [analysis(finding)],
    }));
    own.extend(fields([("resources", resources)]));
    observe::add(&mut own, "evidences[0].");
    own
}

fn information(finding: &Finding) -> Map<String, Value> {
    let audit = &finding.audit;
    let kinds: Vec<&str> = finding.reasons.iter().map(|reason| reason.kind.as_str()).collect();
    let title = finding.reasons.first().map_or_else(|| format!("Unusual: {}", audit.event.name), |reason| reason.sentence.clone());
    let seen = audit.event.time.map(jiff::Timestamp::as_millisecond);
    fields([
        ("uid", Some(finding.id().into())),
        ("title", Some(title.into())),
        ("desc", Some(finding.sentence().into())),
        ("created_time", Some(finding.found_at.as_millisecond().into())),
        ("first_seen_time", seen.map(Into::into)),
        ("last_seen_time", seen.map(Into::into)),
        ("product", Some(reprieve())),
        ("analytic", Some(json!({ "name": "Baseline of what is usual", "type_id": 2, "type": "Behavioral" }))),
        ("types", Some(kinds.into())),
        ("data_sources", Some(json!([audit.log.caption()]))),
    ])
}

/// What was compared with what is usual, and what was observed.
fn analysis(finding: &Finding) -> Value {
    let audit = &finding.audit;
    let principal = audit.principal().unwrap_or_else(|| audit.event.actor.display_name());
    let asset = audit.asset.as_ref().map(|asset| json!({ "name": asset.id, "type": asset.kind.as_str() }));
    let targets: Vec<Value> = std::iter::once(json!({ "name": principal, "type": "principal" })).chain(asset).collect();
    let anomaly =
        |reason: &Reason| json!({ "observation_parameter": reason.kind.as_str(), "observations": [{ "value": reason.sentence }] });
    let anomalies: Vec<Value> = finding.reasons.iter().map(anomaly).collect();
    json!({ "analysis_targets": targets, "anomalies": anomalies })
}

const fn risk(severity: Severity) -> Coded<'static> {
    match severity {
        Severity::Informational => (0, "Info"),
        Severity::Low => (1, "Low"),
        Severity::Medium => (2, "Medium"),
        Severity::High => (3, "High"),
        Severity::Critical => (4, "Critical"),
    }
}
