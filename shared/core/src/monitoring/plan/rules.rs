//! The event rules that feed the guard, and those that tell of drift: they must stand, be enabled, listen to no less than they were made
//! for, and have their target.

use serde_json::Value;

use super::Draft;
use crate::decision::Severity;
use crate::facts::Known;
use crate::monitoring::change::Change;
use crate::monitoring::desired::RuleWish;
use crate::monitoring::finding::Subject;

/// Plans the rules.
pub(super) fn plan(draft: &mut Draft<'_>) {
    for wish in &draft.desired.rules {
        draft.rely_on(&[&wish.name]);
        match draft.world.rules.get(&wish.name) {
            Some(Known::Is(rule)) => {
                let listens = rule.pattern.as_deref().is_some_and(|pattern| hears_no_less(pattern, &wish.pattern));
                if !listens {
                    draft.change(put(wish, rule.pattern.clone()));
                } else if !rule.is_enabled {
                    draft.change(Change::EnableRule { rule: wish.name.clone() });
                }
                match &rule.targets {
                    Known::Is(targets) if targets.contains(&wish.target_arn) => {}
                    Known::Is(_) | Known::Absent => draft.change(aim(wish)),
                    Known::Unreadable(reason) => unreadable(wish, "its targets", reason, "events:ListTargetsByRule", draft),
                }
            }
            Some(Known::Absent) | None => {
                draft.change(put(wish, None));
                draft.change(aim(wish));
            }
            Some(Known::Unreadable(reason)) => unreadable(wish, "it", reason, "events:DescribeRule", draft),
        }
    }
}

fn put(wish: &RuleWish, was: Option<String>) -> Change {
    Change::PutRule { rule: wish.name.clone(), pattern: wish.pattern.clone(), was }
}

fn aim(wish: &RuleWish) -> Change {
    Change::PutTargets { rule: wish.name.clone(), target_arn: wish.target_arn.clone(), dead_letter_arn: wish.dead_letter_arn.clone() }
}

fn unreadable(wish: &RuleWish, what: &str, reason: &str, call: &str, draft: &mut Draft<'_>) {
    let sentence = format!("The event rule `{}` may hand nothing over: {what} cannot be read ({reason}).", wish.name);
    draft.find(Subject::Rule(wish.name.clone()), Severity::High, sentence, &format!("Let the function's role call {call}."));
}

/// Says whether a pattern lets every event pass that the wanted one does: it asks for nothing more, and accepts no less.
///
/// A pattern that hears more is left alone: a newer stack may have widened it.
fn hears_no_less(observed: &str, wanted: &str) -> bool {
    match (serde_json::from_str(observed), serde_json::from_str(wanted)) {
        (Ok(observed), Ok(wanted)) => accepts_no_less(&observed, &wanted),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

fn accepts_no_less(observed: &Value, wanted: &Value) -> bool {
    match (observed, wanted) {
        (Value::Object(observed), Value::Object(wanted)) => {
            observed.iter().all(|(field, accepted)| wanted.get(field).is_some_and(|wanted| accepts_no_less(accepted, wanted)))
        }
        (Value::Array(observed), Value::Array(wanted)) => wanted.iter().all(|value| observed.contains(value)),
        (observed, wanted) => observed == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_may_hear_more_and_never_less() {
        let wanted = r#"{"source":["aws.kms"],"detail":{"eventName":["DisableKey","ScheduleKeyDeletion"]}}"#;
        for (observed, hears) in [
            (wanted, true),
            (r#"{"detail":{"eventName":["ScheduleKeyDeletion","DisableKey"]},"source":["aws.kms"]}"#, true),
            (r#"{"source":["aws.kms"],"detail":{"eventName":["DisableKey","ScheduleKeyDeletion","EnableKey"]}}"#, true),
            (r#"{"source":["aws.kms"]}"#, true),
            (r#"{"source":["aws.kms"],"detail":{"eventName":["DisableKey"]}}"#, false),
            (r#"{"source":["aws.kms"],"account":["111122223333"],"detail":{"eventName":["DisableKey","ScheduleKeyDeletion"]}}"#, false),
            (r#"{"source":["aws.s3"],"detail":{"eventName":["DisableKey","ScheduleKeyDeletion"]}}"#, false),
            ("no JSON", false),
        ] {
            assert_eq!(hears_no_less(observed, wanted), hears, "{observed}");
        }
    }
}
