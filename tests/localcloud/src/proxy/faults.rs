//! Faults on request: which call or event is hit, and by what.
//!
//! Pure but for its counters: must not wait, answer or publish itself.

use serde::{Deserialize, Serialize};

use super::answer::Refusal;

/// Says whether a fault comes before a call takes effect or after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The call never reaches the service.
    #[default]
    Before,
    /// The call takes effect, its answer is lost.
    After,
}

/// Describes calls that are to fail.
///
/// As JSON: `{"service":"kms","operation":"EnableKey","calls":2,"answer":{"status":400,"code":"ThrottlingException"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFault {
    /// Service as signatures name it, such as `kms`.
    pub service: String,
    /// Operation, such as `EnableKey`; `*` for any.
    pub operation: String,
    /// Text that the key reference of the call must hold, such as a key id.
    #[serde(default)]
    pub key: Option<String>,
    /// Text that the caller's ARN must hold, such as a role name.
    #[serde(default)]
    pub caller: Option<String>,
    /// Texts each of which the path of the call or its body must hold, such as a part of an object's name, or a key in its body.
    #[serde(default)]
    pub texts: Vec<String>,
    /// The first matching call that is hit, counted from 1.
    #[serde(default = "one")]
    pub first_call: u32,
    /// How many calls are hit from there on.
    #[serde(default = "one")]
    pub calls: u32,
    /// Before or after the call takes effect.
    #[serde(default)]
    pub phase: Phase,
    /// How long the answer is held back, in milliseconds; longer than the client waits makes a timeout.
    #[serde(default)]
    pub delay_ms: u64,
    /// What is answered; nothing lets the call go on after the delay.
    #[serde(default)]
    pub answer: Option<FaultAnswer>,
    /// Whether the process of the function that makes the call is killed at that moment, so that nobody hears the answer.
    #[serde(default)]
    pub kills_caller: bool,
}

/// The answer of a failing call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultAnswer {
    /// HTTP status.
    pub status: u16,
    /// Exception name.
    pub code: String,
    /// Message.
    #[serde(default)]
    pub message: String,
}

fn one() -> u32 {
    1
}

impl CallFault {
    /// Makes a fault that refuses the first matching call with this answer.
    #[must_use]
    pub fn refuse(service: &str, operation: &str, status: u16, code: &str) -> Self {
        Self {
            service: service.to_owned(),
            operation: operation.to_owned(),
            key: None,
            caller: None,
            texts: Vec::new(),
            first_call: 1,
            calls: 1,
            phase: Phase::Before,
            delay_ms: 0,
            answer: Some(FaultAnswer { status, code: code.to_owned(), message: "injected".to_owned() }),
            kills_caller: false,
        }
    }

    /// Makes a fault that kills the process of the function that makes the first matching call, before the call has any effect or,
    /// with [`CallFault::after_effect`], after that and before it is answered. The process is gone before anything else happens;
    /// what else it had asked for until then takes effect, as it would on AWS.
    #[must_use]
    pub fn kill(service: &str, operation: &str) -> Self {
        Self { kills_caller: true, ..Self::refuse(service, operation, 500, "CallerKilled") }
    }

    /// Makes a fault that throttles the first matching call as KMS does.
    #[must_use]
    pub fn throttle(service: &str, operation: &str) -> Self {
        Self::refuse(service, operation, 400, "ThrottlingException")
    }

    /// Makes a fault that answers the first matching call so late that its client has given up.
    #[must_use]
    pub fn hang(service: &str, operation: &str, delay_ms: u64) -> Self {
        Self { delay_ms, answer: None, ..Self::refuse(service, operation, 500, "") }
    }

    /// Hits calls of this key only.
    #[must_use]
    pub fn on_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Hits calls of callers whose ARN holds this text only.
    #[must_use]
    pub fn by_caller(mut self, caller: &str) -> Self {
        self.caller = Some(caller.to_owned());
        self
    }

    /// Hits calls only whose path or body holds this text, and those named before.
    #[must_use]
    pub fn holding(mut self, text: &str) -> Self {
        self.texts.push(text.to_owned());
        self
    }

    /// Hits `calls` calls from the N-th matching one on, counted from 1.
    #[must_use]
    pub fn from_call(mut self, first_call: u32, calls: u32) -> Self {
        (self.first_call, self.calls) = (first_call, calls);
        self
    }

    /// Lets the call take effect and loses its answer.
    #[must_use]
    pub fn after_effect(mut self) -> Self {
        self.phase = Phase::After;
        self
    }
}

/// What hits one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) phase: Phase,
    pub(crate) delay_ms: u64,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) kills_caller: bool,
}

/// What a fault is matched against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) key: Option<&'a str>,
    pub(crate) caller: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a [u8],
}

impl Target<'_> {
    fn holds(&self, text: &str) -> bool {
        self.path.contains(text) || String::from_utf8_lossy(self.body).contains(text)
    }
}

/// The faults in force, with how many calls each has seen.
#[derive(Debug, Default)]
pub(crate) struct CallFaults(Vec<(CallFault, u32)>);

impl CallFaults {
    pub(crate) fn add(&mut self, fault: CallFault) {
        self.0.push((fault, 0));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Lists the faults in force and how many matching calls each has seen.
    pub(crate) fn list(&self) -> Vec<(CallFault, u32)> {
        self.0.clone()
    }

    /// Counts a call against all faults and returns the first that hits it.
    pub(crate) fn hit(&mut self, target: Target<'_>) -> Option<Hit> {
        let mut hit = None;
        for (fault, seen) in &mut self.0 {
            if !matches(fault, target) {
                continue;
            }
            *seen = seen.saturating_add(1);
            let last = fault.first_call.saturating_add(fault.calls);
            if hit.is_none() && (fault.first_call..last).contains(seen) {
                hit = Some(Hit {
                    phase: fault.phase,
                    delay_ms: fault.delay_ms,
                    refusal: fault.answer.as_ref().map(|answer| Refusal {
                        status: answer.status,
                        code: answer.code.clone(),
                        message: answer.message.clone(),
                    }),
                    kills_caller: fault.kills_caller,
                });
            }
        }
        hit
    }
}

fn matches(fault: &CallFault, target: Target<'_>) -> bool {
    let holds = |wanted: &Option<String>, given: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| given.is_some_and(|given| given.contains(wanted)))
    };
    fault.service == target.service
        && (fault.operation == "*" || fault.operation == target.operation)
        && holds(&fault.key, target.key)
        && holds(&fault.caller, Some(target.caller))
        && fault.texts.iter().all(|text| target.holds(text))
}

/// What happens to an event instead of its plain delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventAction {
    /// It is never delivered.
    Lose,
    /// It is delivered this many times.
    Duplicate(u32),
    /// It is delivered after so many milliseconds.
    Delay(u64),
    /// It is held until the next matching event, and delivered after that one.
    Hold,
}

/// Describes events that are to be lost, duplicated, delayed or reordered.
///
/// As JSON: `{"operations":["DisableKey","EnableKey"],"action":"hold"}` or `{"action":{"delay":500},"events":3}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventFault {
    /// Event names that are hit; empty for all.
    #[serde(default)]
    pub operations: Vec<String>,
    /// Text that the event must hold, such as a key id.
    #[serde(default)]
    pub key: Option<String>,
    /// How many events are hit.
    #[serde(default = "one")]
    pub events: u32,
    /// What happens to them.
    pub action: EventAction,
}

impl EventFault {
    /// Makes a fault that hits the next event of these names.
    #[must_use]
    pub fn on(operations: &[&str], action: EventAction) -> Self {
        Self { operations: operations.iter().map(|&name| name.to_owned()).collect(), key: None, events: 1, action }
    }

    /// Hits events that speak of this key only.
    #[must_use]
    pub fn on_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Hits so many events.
    #[must_use]
    pub fn times(mut self, events: u32) -> Self {
        self.events = events;
        self
    }

    /// Tells whether an event of that name and text is meant.
    pub(crate) fn matches(&self, event_name: &str, text: &str) -> bool {
        (self.operations.is_empty() || self.operations.iter().any(|name| name == event_name))
            && self.key.as_deref().is_none_or(|key| text.contains(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target<'a>(operation: &'a str, key: &'a str) -> Target<'a> {
        Target { service: "kms", operation, key: Some(key), caller: "arn:aws:sts::1:assumed-role/guard/f", path: "/", body: b"{}" }
    }

    #[test]
    fn the_nth_call_and_only_it_is_hit() {
        let mut faults = CallFaults::default();
        faults.add(CallFault::throttle("kms", "EnableKey").from_call(2, 2));
        let hits: Vec<bool> = (0..5).map(|_| faults.hit(target("EnableKey", "k")).is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
    }

    #[test]
    fn other_operations_keys_and_callers_are_left_alone() {
        let mut faults = CallFaults::default();
        faults.add(CallFault::throttle("kms", "EnableKey").on_key("1234").by_caller("role/guard"));
        assert_eq!(faults.hit(target("DisableKey", "1234")), None);
        assert_eq!(faults.hit(target("EnableKey", "99")), None);
        assert_eq!(faults.hit(Target { caller: "arn:aws:iam::1:user/x", ..target("EnableKey", "1234") }), None);
        assert_eq!(faults.hit(Target { service: "s3", ..target("EnableKey", "1234") }), None);
        assert!(faults.hit(target("EnableKey", "arn:aws:kms:us-east-1:1:key/1234")).is_some());
    }

    #[test]
    fn a_call_is_told_from_others_by_what_is_in_it() {
        let fault = || CallFault::kill("s3", "PutObject").holding("outcome").holding("key/k1");
        let put = |path, body| {
            let mut faults = CallFaults::default();
            faults.add(fault());
            faults.hit(Target { service: "s3", path, body, ..target("PutObject", "") }).map(|hit| hit.kills_caller)
        };
        assert_eq!(put("/audit/e1.outcome.json", b"about key/k1"), Some(true));
        assert_eq!(put("/audit/e1.intent.json", b"about key/k1"), None);
        assert_eq!(put("/audit/e1.outcome.json", b"about key/k2"), None);
    }

    #[test]
    fn a_lost_answer_comes_after_the_effect() {
        let mut faults = CallFaults::default();
        faults.add(CallFault::refuse("kms", "*", 503, "ServiceUnavailable").after_effect());
        let hit = faults.hit(target("CancelKeyDeletion", "k"));
        assert_eq!(hit.map(|hit| (hit.phase, hit.refusal.map(|refusal| refusal.status))), Some((Phase::After, Some(503))));
    }

    #[test]
    fn faults_read_from_json_with_sensible_defaults() {
        let fault = serde_json::from_str::<CallFault>(
            r#"{"service":"kms","operation":"EnableKey","answer":{"status":400,"code":"ThrottlingException"}}"#,
        );
        assert_eq!(fault.ok().map(|fault| (fault.first_call, fault.calls, fault.phase)), Some((1, 1, Phase::Before)));
        let event = serde_json::from_str::<EventFault>(r#"{"action":{"delay":500},"events":3}"#);
        assert_eq!(event.ok().map(|event| (event.action, event.events)), Some((EventAction::Delay(500), 3)));
    }

    #[test]
    fn events_are_matched_by_name_and_key() {
        let fault = EventFault::on(&["EnableKey", "DisableKey"], EventAction::Hold).on_key("abc");
        assert!(fault.matches("DisableKey", "... key/abc ..."));
        assert!(!fault.matches("DisableKey", "... key/other ..."));
        assert!(!fault.matches("TagResource", "abc"));
        assert!(EventFault::on(&[], EventAction::Lose).matches("Anything", ""));
    }
}
