//! The few parameters and results that decisions and records need. Everything else stays in the provider's log.

use std::collections::BTreeMap;

use reprieve_core::Details;
use reprieve_core::approval::APPROVAL_TAGS;
use serde_json::Value;

use super::{KMS, time};
use crate::error::shorten_value;
use crate::fields::{Fields, Oddities};

pub(super) fn read(source: &str, request: &Fields<'_>, response: &Fields<'_>, additional: &Fields<'_>, odd: &mut Oddities) -> Details {
    match source {
        KMS => of_kms_call(request, response, additional, odd),
        "account.amazonaws.com" => Details { region_name: request.text("RegionName", odd), ..Details::default() },
        _ => Details::default(),
    }
}

fn of_kms_call(request: &Fields<'_>, response: &Fields<'_>, additional: &Fields<'_>, odd: &mut Oddities) -> Details {
    note_policy_object(request, odd);
    let grant_id = [request, response, additional].into_iter().find_map(|fields| fields.text("grantId", odd));
    Details {
        waiting_period_days: waiting_period_days(request, response, odd),
        deletion_date: time::read(response, "deletionDate", odd),
        material_expires: request.text("expirationModel", odd).as_deref() == Some("KEY_MATERIAL_EXPIRES"),
        material_valid_to: material_valid_to(request, odd),
        alias: request.text("aliasName", odd),
        grant_id,
        tag_keys: tag_keys(request, odd),
        approval_tags: approval_tags(request, odd),
        bypasses_lockout_check: request.flag("bypassPolicyLockoutSafetyCheck", odd).unwrap_or(false),
        awaits_material: awaits_material(request, response, odd),
        rotation_period_days: request.whole_number("rotationPeriodInDays", odd),
        region_name: None,
    }
}

/// `PutKeyPolicy` carries the policy as a JSON string; some logs hold it as an object.
fn note_policy_object(request: &Fields<'_>, odd: &mut Oddities) {
    let is_object = request.value("policy", odd).is_some_and(Value::is_object);
    if is_object {
        odd.note(request.path("policy"), "is an object where a string is expected");
    }
}

/// The answer counts where it is given; KMS takes 7 to 30 days.
fn waiting_period_days(request: &Fields<'_>, response: &Fields<'_>, odd: &mut Oddities) -> Option<u32> {
    let asked = request.whole_number("pendingWindowInDays", odd);
    let answered = response.whole_number("pendingWindowInDays", odd);
    if let (Some(asked), Some(answered)) = (asked, answered)
        && asked != answered
    {
        odd.note(response.path("pendingWindowInDays"), format!("is {answered} where {asked} was asked for"));
    }
    let days = answered.or(asked)?;
    if !(7..=30).contains(&days) {
        odd.note(request.path("pendingWindowInDays"), format!("is {days}, outside of the 7 to 30 days that KMS takes"));
    }
    Some(days)
}

fn material_valid_to(request: &Fields<'_>, odd: &mut Oddities) -> Option<jiff::Timestamp> {
    let model = request.text("expirationModel", odd);
    if model.as_deref() == Some("KEY_MATERIAL_DOES_NOT_EXPIRE") {
        return None;
    }
    let valid_to = time::read(request, "validTo", odd);
    if model.is_some() && valid_to.is_none() {
        odd.note(request.path("validTo"), "does not say when the imported material expires");
    }
    valid_to
}

/// `CreateKey` names the origin of the key material in what was asked for and in the answer; of a replica, in the answer alone.
fn awaits_material(request: &Fields<'_>, response: &Fields<'_>, odd: &mut Oddities) -> bool {
    let answered = response.object("keyMetadata", odd).text("origin", odd);
    answered.or_else(|| request.text("origin", odd)).as_deref() == Some("EXTERNAL")
}

/// `TagResource` lists `tags[].tagKey`, `UntagResource` lists `tagKeys[]`.
fn tag_keys(request: &Fields<'_>, odd: &mut Oddities) -> Vec<String> {
    let mut keys = Vec::new();
    for (list, path) in [("tags", request.path("tags")), ("tagKeys", request.path("tagKeys"))] {
        let Some(value) = request.value(list, odd).cloned() else { continue };
        let Value::Array(items) = &value else {
            odd.note(path, format!("is not a list: `{}`", shorten_value(&value)));
            continue;
        };
        for item in items {
            match item.as_str().or_else(|| member(item, TAG_KEY)) {
                Some(key) => keys.push(key.to_owned()),
                None => odd.note(path.clone(), format!("holds an item without a tag key: `{}`", shorten_value(item))),
            }
        }
    }
    keys
}

/// How logs spell the members of a tag.
const TAG_KEY: [&str; 4] = ["tagKey", "TagKey", "key", "Key"];
const TAG_VALUE: [&str; 4] = ["tagValue", "TagValue", "value", "Value"];

fn member<'a>(tag: &'a Value, names: [&str; 4]) -> Option<&'a str> {
    names.iter().find_map(|name| tag.get(name)?.as_str())
}

/// The approval tags that the call set. Of one that is named twice the last counts, as it does for KMS.
fn approval_tags(request: &Fields<'_>, odd: &mut Oddities) -> BTreeMap<String, String> {
    let Some(Value::Array(tags)) = request.value("tags", odd) else { return BTreeMap::new() };
    let pairs = tags.iter().filter_map(|tag| Some((member(tag, TAG_KEY)?, member(tag, TAG_VALUE)?)));
    pairs.filter(|(key, _)| APPROVAL_TAGS.contains(key)).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
