//! What is kept of requests and responses: these fields and no others, so no plaintext, ciphertext, signature or secret.

use reprieve_core::audit::Excerpt;
use serde_json::Value;

use crate::fields::Fields;

/// The most of one value that is kept, in characters.
const VALUE_LIMIT: usize = 512;
/// The most items of one list that are kept.
const LIST_LIMIT: usize = 50;

/// What is kept of requests, by path; `*` stands for the items of a list.
const OF_REQUESTS: &[&str] = &[
    "algorithm",
    "bucket.cmekSettings.kmsKeyName",
    "bucket.locked",
    "bucket.retentionDays",
    "bucketId",
    "cmekSettings.kmsKeyName",
    "cryptoKey.cryptoKeyBackend",
    "cryptoKey.destroyScheduledDuration",
    "cryptoKey.importOnly",
    "cryptoKey.labels.reprieve-action",
    "cryptoKey.labels.reprieve-change",
    "cryptoKey.labels.reprieve-window",
    "cryptoKey.labels.incident-hold",
    "cryptoKey.name",
    "cryptoKey.nextRotationTime",
    "cryptoKey.purpose",
    "cryptoKey.rotationPeriod",
    "cryptoKey.versionTemplate.algorithm",
    "cryptoKey.versionTemplate.protectionLevel",
    "cryptoKeyId",
    "cryptoKeyVersion.name",
    "cryptoKeyVersion.state",
    "cryptoKeyVersionId",
    "exclusion.disabled",
    "exclusion.filter",
    "exclusion.name",
    "force",
    "importJob.importMethod",
    "importJob.protectionLevel",
    "importJobId",
    "keyRingId",
    "lengthBytes",
    "logName",
    "metricName",
    "name",
    "parent",
    "policy.auditConfigs.*.service",
    "policy.bindings.*.members.*",
    "policy.bindings.*.role",
    "protectionLevel",
    "resource",
    "secret.expireTime",
    "secret.name",
    "secret.rotation.nextRotationTime",
    "secret.rotation.rotationPeriod",
    "secret.ttl",
    "secret.versionDestroyTtl",
    "secretId",
    "settings.disableDefaultSink",
    "settings.kmsKeyName",
    "sink.destination",
    "sink.disabled",
    "sink.exclusions.*.disabled",
    "sink.exclusions.*.filter",
    "sink.exclusions.*.name",
    "sink.filter",
    "sink.name",
    "sinkName",
    "skipInitialVersionCreation",
    "uniqueWriterIdentity",
    "updateMask",
    "updateMask.paths.*",
];

/// What is kept of responses.
const OF_RESPONSES: &[&str] = &[
    "algorithm",
    "createTime",
    "destroyEventTime",
    "destroyTime",
    "disabled",
    "expireTime",
    "generateTime",
    "importMethod",
    "lifecycleState",
    "name",
    "nextRotationTime",
    "primary.name",
    "primary.state",
    "protectionLevel",
    "purpose",
    "reimportEligible",
    "retentionDays",
    "rotationPeriod",
    "scheduledDestroyTime",
    "state",
];

pub(super) fn request(request: &Fields<'_>) -> Excerpt {
    kept(request, OF_REQUESTS)
}

pub(super) fn response(response: &Fields<'_>) -> Excerpt {
    kept(response, OF_RESPONSES)
}

fn kept(fields: &Fields<'_>, allowed: &[&str]) -> Excerpt {
    let mut excerpt = Excerpt::new();
    let Some(object) = fields.entries() else { return excerpt };
    for path in allowed {
        let mut parts = path.split('.');
        let Some(value) = parts.next().and_then(|first| object.get(first)) else { continue };
        let first = path.split('.').next().unwrap_or_default();
        collect(value, &parts.collect::<Vec<&str>>(), first.to_owned(), &mut excerpt);
    }
    excerpt
}

/// Adds the scalars that a path leads to, each under where it stands: `policy.bindings.0.role`.
fn collect(value: &Value, path: &[&str], at: String, excerpt: &mut Excerpt) {
    let Some((part, rest)) = path.split_first() else {
        if let Some(text) = scalar(value) {
            excerpt.insert(at, text);
        }
        return;
    };
    if *part == "*" {
        for (index, item) in value.as_array().into_iter().flatten().take(LIST_LIMIT).enumerate() {
            collect(item, rest, format!("{at}.{index}"), excerpt);
        }
        return;
    }
    if let Some(inner) = value.get(part) {
        collect(inner, rest, format!("{at}.{part}"), excerpt);
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(VALUE_LIMIT).collect()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
