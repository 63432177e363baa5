//! What every event of OCSF has: its class, activity, severity, status and times; the product; the whole of it under `unmapped`.

use reprieve_core::Severity;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Coded, OTHER, SCHEMA_VERSION};

/// A class of events, and its category.
pub(super) struct Class {
    uid: u16,
    name: &'static str,
    category: Coded<'static>,
}

pub(super) const API_ACTIVITY: Class = Class { uid: 6003, name: "API Activity", category: (6, "Application Activity") };
pub(super) const DETECTION_FINDING: Class = Class { uid: 2004, name: "Detection Finding", category: (2, "Findings") };
pub(super) const COMPLIANCE_FINDING: Class = Class { uid: 2003, name: "Compliance Finding", category: (2, "Findings") };
pub(super) const REMEDIATION_ACTIVITY: Class = Class { uid: 7001, name: "Remediation Activity", category: (7, "Remediation") };

/// What an event says of itself.
pub(super) struct Frame<'a> {
    pub(super) class: &'static Class,
    pub(super) activity: Coded<'a>,
    pub(super) status: Coded<'a>,
    /// `None` where nothing is known yet.
    pub(super) severity: Option<Severity>,
    /// In milliseconds since 1970.
    pub(super) time: i64,
    pub(super) message: String,
    pub(super) metadata: Map<String, Value>,
    pub(super) cloud: Value,
}

impl Frame<'_> {
    /// Writes the event: the frame, the class's own attributes, and the whole of what it tells under `unmapped.reprieve`.
    pub(super) fn write(self, own: Map<String, Value>, whole: &impl Serialize) -> Value {
        let Class { uid, name, category } = *self.class;
        // The caption of 99 is the source's own word; that of the type stays the schema's.
        let activity_caption = if self.activity.0 == OTHER { "Other" } else { self.activity.1 };
        let mut event = object(json!({
            "class_uid": uid,
            "class_name": name,
            "category_uid": category.0,
            "category_name": category.1,
            "activity_id": self.activity.0,
            "activity_name": self.activity.1,
            "type_uid": u32::from(uid) * 100 + u32::from(self.activity.0),
            "type_name": format!("{name}: {activity_caption}"),
            "severity_id": self.severity.map_or(0, Severity::ocsf_id),
            "severity": self.severity.map_or("Unknown", Severity::caption),
            "status_id": self.status.0,
            "status": self.status.1,
            "time": self.time,
            "message": self.message,
            "metadata": self.metadata,
            "cloud": self.cloud,
            "unmapped": { "reprieve": all_of(whole) },
        }));
        event.extend(own);
        let mut event = Value::Object(event);
        // In order, whichever map `serde_json` was built with.
        event.sort_all_objects();
        event
    }
}

/// Begins the metadata: the version of the schema, the profile, the product that reports, and the event's id.
pub(super) fn metadata(product: &Value, uid: &str) -> Map<String, Value> {
    object(json!({ "version": SCHEMA_VERSION, "product": product, "profiles": ["cloud"], "uid": uid }))
}

/// Returns Reprieve, as a product.
pub(super) fn reprieve() -> Value {
    json!({ "name": "Reprieve", "vendor_name": "Reprieve", "version": env!("CARGO_PKG_VERSION") })
}

/// The whole of it, as the domain writes it.
fn all_of(whole: &impl Serialize) -> Value {
    serde_json::to_value(whole).unwrap_or_else(|error| json!({ "error": format!("it could not be written: {error}") }))
}

/// Takes the fields of an object literal.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// Makes an object out of the fields that are there.
pub(super) fn fields<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
