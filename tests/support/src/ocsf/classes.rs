//! The classes: what they share, and what each has of its own.

use super::rule::{Attribute, Constraint, Kind, Values, may, must};
use Kind::{Flag, Integer, Json, Object, Text, Timestamp};

/// A class of events.
pub(super) struct Class {
    pub(super) uid: u64,
    pub(super) caption: &'static str,
    pub(super) category: (u64, &'static str),
    pub(super) activities: Values,
    pub(super) profiles: &'static [&'static str],
    pub(super) constraint: Option<Constraint>,
    own: &'static [Attribute],
}

impl Class {
    /// Returns the attributes: its own, and the base event's where it does not say otherwise.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &'static Attribute> {
        let own = self.own;
        let base = BASE.iter().filter(move |base| own.iter().all(|attribute| attribute.name != base.name));
        own.iter().chain(base)
    }
}

const SEVERITIES: Values =
    &[(0, "Unknown"), (1, "Informational"), (2, "Low"), (3, "Medium"), (4, "High"), (5, "Critical"), (6, "Fatal"), (99, "Other")];
const CALL_STATUSES: Values = &[(0, "Unknown"), (1, "Success"), (2, "Failure"), (99, "Other")];
const REMEDY_STATUSES: Values = &[
    (0, "Unknown"),
    (1, "Success"),
    (2, "Failure"),
    (3, "Does Not Exist"),
    (4, "Partial"),
    (5, "Unsupported"),
    (6, "Error"),
    (99, "Other"),
];
const FINDING_STATUSES: Values =
    &[(0, "Unknown"), (1, "New"), (2, "In Progress"), (3, "Suppressed"), (4, "Resolved"), (5, "Archived"), (6, "Deleted"), (99, "Other")];
const CALLS: Values = &[(0, "Unknown"), (1, "Create"), (2, "Read"), (3, "Update"), (4, "Delete"), (99, "Other")];
const FINDINGS: Values = &[(0, "Unknown"), (1, "Create"), (2, "Update"), (3, "Close"), (99, "Other")];
const REMEDIES: Values = &[(0, "Unknown"), (1, "Isolate"), (2, "Evict"), (3, "Restore"), (4, "Harden"), (5, "Detect"), (99, "Other")];
const CONFIDENCES: Values = &[(0, "Unknown"), (1, "Low"), (2, "Medium"), (3, "High"), (99, "Other")];
const RISKS: Values = &[(0, "Info"), (1, "Low"), (2, "Medium"), (3, "High"), (4, "Critical"), (99, "Other")];

/// What every class has; the profile `cloud` adds `cloud`.
const BASE: &[Attribute] = &[
    must("activity_id", Integer),
    may("activity_name", Text),
    must("category_uid", Integer),
    may("category_name", Text),
    must("class_uid", Integer),
    may("class_name", Text),
    must("cloud", Object("cloud")).of("cloud"),
    may("count", Integer),
    may("duration", Integer),
    may("end_time", Timestamp),
    may("message", Text),
    must("metadata", Object("metadata")),
    may("observables", Object("observable")).list(),
    may("raw_data", Text),
    may("raw_data_size", Integer),
    may("severity", Text),
    must("severity_id", Integer).coded(SEVERITIES, "severity"),
    may("start_time", Timestamp),
    may("status", Text),
    may("status_code", Text),
    may("status_detail", Text),
    may("status_id", Integer).coded(CALL_STATUSES, "status"),
    must("time", Timestamp),
    may("timezone_offset", Integer),
    may("type_name", Text),
    must("type_uid", Integer),
    may("unmapped", Json),
];

pub(super) const CLASSES: &[Class] = &[
    Class {
        uid: 6003,
        caption: "API Activity",
        category: (6, "Application Activity"),
        activities: CALLS,
        profiles: &["ai_operation", "cloud", "datetime", "host", "osint", "security_control", "trace"],
        constraint: None,
        own: &[
            must("activity_id", Integer).coded(CALLS, "activity_name"),
            must("actor", Object("actor")),
            must("api", Object("api")),
            may("http_request", Object("http_request")),
            may("resources", Object("resource_details")).list(),
            must("src_endpoint", Object("network_endpoint")),
            may("is_alert", Flag).of("security_control"),
        ],
    },
    Class {
        uid: 2004,
        caption: "Detection Finding",
        category: (2, "Findings"),
        activities: FINDINGS,
        profiles: &["cloud", "datetime", "host", "incident", "osint", "security_control"],
        constraint: None,
        own: &[
            must("activity_id", Integer).coded(FINDINGS, "activity_name"),
            may("anomaly_analyses", Object("anomaly_analysis")).list(),
            may("api", Object("api")).of("cloud"),
            may("confidence", Text),
            may("confidence_id", Integer).coded(CONFIDENCES, "confidence"),
            may("confidence_score", Integer),
            may("evidences", Object("evidences")).list(),
            must("finding_info", Object("finding_info")),
            may("is_alert", Flag),
            may("remediation", Object("remediation")),
            may("resources", Object("resource_details")).list(),
            may("risk_level", Text),
            may("risk_level_id", Integer).coded(RISKS, "risk_level"),
            may("risk_score", Integer),
            may("status_id", Integer).coded(FINDING_STATUSES, "status"),
            may("ticket", Json).of("incident").deprecated("`tickets`, since 1.5.0"),
        ],
    },
    Class {
        uid: 2003,
        caption: "Compliance Finding",
        category: (2, "Findings"),
        activities: FINDINGS,
        profiles: &["cloud", "datetime", "host", "incident", "osint", "security_control"],
        constraint: None,
        own: &[
            must("activity_id", Integer).coded(FINDINGS, "activity_name"),
            may("api", Object("api")).of("cloud"),
            must("compliance", Object("compliance")),
            may("confidence", Text),
            may("confidence_id", Integer).coded(CONFIDENCES, "confidence"),
            may("evidences", Object("evidences")).list(),
            must("finding_info", Object("finding_info")),
            may("is_alert", Flag).of("security_control"),
            may("remediation", Object("remediation")),
            may("resource", Json).deprecated("`resources`, since 1.3.0"),
            may("resources", Object("resource_details")).list(),
            may("status_id", Integer).coded(FINDING_STATUSES, "status"),
            may("ticket", Json).of("incident").deprecated("`tickets`, since 1.5.0"),
        ],
    },
    Class {
        uid: 7001,
        caption: "Remediation Activity",
        category: (7, "Remediation"),
        activities: REMEDIES,
        profiles: &["cloud", "datetime", "host", "osint", "security_control"],
        constraint: None,
        own: &[
            must("activity_id", Integer).coded(REMEDIES, "activity_name"),
            may("api", Object("api")).of("cloud"),
            must("command_uid", Text),
            may("countermeasures", Object("d3fend")).list(),
            may("is_alert", Flag).of("security_control"),
            may("remediation", Object("remediation")),
            may("status_id", Integer).coded(REMEDY_STATUSES, "status"),
        ],
    },
];
