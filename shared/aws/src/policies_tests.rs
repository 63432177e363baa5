//! The policy source against a parameter that changes: when it is read, what bridges a fault, and that all else fails closed.

use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use aws_sdk_ssm::Client;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use futures_util::future::join_all;
use jiff::{Timestamp, ToSpan as _};
use reprieve_core::Policy;
use reprieve_engine::PolicySource as _;
use serde_json::json;

use super::*;
use crate::lazily::lazily;
use reprieve_test_support::TestClock;

const NAME: &str = "/reprieve/policies";
const FIRST: &str = r#"@id("first") @because("it is the first") permit (principal, action, resource) when { context has approval };"#;
const SECOND: &str = r#"@id("second") @because("it is the second") forbid (principal, action, resource);"#;
const INVALID: &str = r#"@id("first") permit (principal, action, resource) when { context.nonsense };"#;

/// What the parameter answers from now on.
#[derive(Debug, Clone, Copy)]
enum Says {
    Text(&'static str),
    Refuses(u16, &'static str),
}

const MISSING: Says = Says::Refuses(400, "ParameterNotFound");
const DENIED: Says = Says::Refuses(400, "AccessDeniedException");
const THROTTLED: Says = Says::Refuses(400, "ThrottlingException");
const BROKEN: Says = Says::Refuses(500, "InternalServerError");

#[derive(Clone)]
struct Parameter(Arc<StdMutex<Says>>);

impl Parameter {
    fn saying(says: Says) -> Self {
        Self(Arc::new(StdMutex::new(says)))
    }

    fn now_says(&self, says: Says) {
        *self.0.lock().unwrap() = says;
    }

    fn answer(&self) -> HttpResponse {
        let (status, body) = match *self.0.lock().unwrap() {
            Says::Text(text) => (200, json!({"Parameter": {"Name": NAME, "Value": text}})),
            Says::Refuses(status, code) => (status, json!({"__type": code, "message": "the words of Systems Manager"})),
        };
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body.to_string()))
    }

    fn rule(&self) -> Rule {
        let parameter = self.clone();
        mock!(Client::get_parameter).then_http_response(move || parameter.answer())
    }
}

fn clock() -> TestClock {
    TestClock::at("2026-01-02T12:00:00Z")
}

fn store(rule: &Rule) -> ParameterStore {
    let client = mock_client!(aws_sdk_ssm, RuleMode::MatchAny, [rule]);
    ParameterStore::new(lazily(move || client))
}

fn no_store() -> ParameterStore {
    ParameterStore::new(lazily(|| panic!("a client was made")))
}

fn file(name: &str, text: &str) -> PolicyFile {
    PolicyFile { name: name.to_owned(), text: text.to_owned() }
}

fn source<C: Clock + Clone>(rule: &Rule, clock: &C) -> SsmPolicySource<C> {
    policies(store(rule), Ok(Vec::new()), Some(NAME.to_owned()), clock.clone())
}

/// The ids of the user's policies, in one line, or why nothing is permitted.
fn users(policy: &Arc<Policy>) -> Result<String, String> {
    if let Some(reason) = policy.closed_reason() {
        return Err(reason.to_string());
    }
    let summaries = policy.summaries().unwrap();
    Ok(summaries.into_iter().filter(|policy| policy.file.is_some()).map(|policy| policy.id).collect::<Vec<_>>().join(", "))
}

#[tokio::test]
async fn without_a_parameter_nothing_is_ever_called() {
    let shipped = policies(no_store(), Ok(Vec::new()), None, clock());
    assert_eq!(users(&shipped.current().await).as_deref(), Ok(""));
    let bundled = policies(no_store(), Ok(vec![file("policies/first.cedar", FIRST)]), None, clock());
    assert_eq!(users(&bundled.current().await).as_deref(), Ok("first"));
    assert!(Arc::ptr_eq(&bundled.current().await, &bundled.current().await));
}

#[tokio::test]
async fn files_that_are_not_valid_permit_nothing() {
    let source = policies(no_store(), Ok(vec![file("policies/first.cedar", "permit (")]), None, clock());
    let reason = users(&source.current().await).unwrap_err();
    assert!(reason.contains("deployed with the function") && reason.contains("`policies/first.cedar`"), "{reason}");

    let unread = Err(PolicyError::Closed("`policies` cannot be read".to_owned()));
    let source = policies(no_store(), unread, Some(NAME.to_owned()), clock());
    assert_eq!(users(&source.current().await), Err("`policies` cannot be read".to_owned()), "and no parameter is asked for");
}

#[tokio::test]
async fn the_parameter_stands_beside_the_files() {
    let rule = Parameter::saying(Says::Text(SECOND)).rule();
    let bundled = vec![file("policies/first.cedar", FIRST)];
    let source = policies(store(&rule), Ok(bundled), Some(NAME.to_owned()), clock());
    assert_eq!(users(&source.current().await).as_deref(), Ok("first, second"));
}

#[tokio::test]
async fn policies_are_read_anew_after_five_minutes_and_kept_where_nothing_changed() {
    let parameter = Parameter::saying(Says::Text(FIRST));
    let (rule, clock) = (parameter.rule(), clock());
    let source = source(&rule, &clock);
    let policy = source.current().await;
    clock.pass(299.seconds());
    source.current().await;
    assert_eq!(rule.num_calls(), 1);
    clock.pass(1.second());
    assert!(Arc::ptr_eq(&source.current().await, &policy), "the same text is parsed once");
    assert_eq!(rule.num_calls(), 2);
    parameter.now_says(Says::Text(SECOND));
    clock.pass(5.minutes());
    assert_eq!(users(&source.current().await).as_deref(), Ok("second"));
}

#[tokio::test]
async fn policies_are_read_once_for_all_who_wait() {
    let rule = Parameter::saying(Says::Text(FIRST)).rule();
    let source = source(&rule, &clock());
    let policies = join_all((0..5).map(|_| source.current())).await;
    assert_eq!(rule.num_calls(), 1);
    assert!(policies.iter().all(|policy| Arc::ptr_eq(policy, &policies[0])));
}

#[tokio::test(start_paused = true)]
async fn policies_that_cannot_be_had_permit_nothing_and_say_what_to_do() {
    for (says, what, advice) in [
        (MISSING, "there is no parameter `/reprieve/policies`", "write the policies to the parameter"),
        (DENIED, "access denied", "allow the function's role to read the parameter"),
        (THROTTLED, "throttled", "tried again soon"),
        (BROKEN, "no usable answer", "tried again soon"),
        (Says::Text("permit ("), "cannot be read", "`reprieve policy check`"),
        (Says::Text(INVALID), "do not fit the schema", "`reprieve policy check`"),
    ] {
        let parameter = Parameter::saying(says);
        let (rule, clock) = (parameter.rule(), clock());
        let source = source(&rule, &clock);
        let reason = users(&source.current().await).unwrap_err();
        assert!(reason.starts_with("the policies in the parameter `/reprieve/policies` cannot be used: "), "{reason}");
        assert!(reason.contains(what) && reason.contains(advice), "{says:?}: {reason}");
        parameter.now_says(Says::Text(FIRST));
        clock.pass(29.seconds());
        users(&source.current().await).unwrap_err();
        clock.pass(1.second());
        assert_eq!(users(&source.current().await).as_deref(), Ok("first"), "mended after {says:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_passes_is_bridged_for_an_hour() {
    for says in [THROTTLED, BROKEN] {
        let parameter = Parameter::saying(Says::Text(FIRST));
        let (rule, clock) = (parameter.rule(), clock());
        let source = source(&rule, &clock);
        source.current().await;
        parameter.now_says(says);
        clock.pass(59.minutes());
        assert_eq!(users(&source.current().await).as_deref(), Ok("first"));
        clock.pass(1.minute());
        let reason = users(&source.current().await).unwrap_err();
        assert!(reason.contains("tried again soon"), "{reason}");
        parameter.now_says(Says::Text(FIRST));
        clock.pass(30.seconds());
        assert_eq!(users(&source.current().await).as_deref(), Ok("first"), "open again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_stays_closes_at_once_and_nothing_bridges_it_later() {
    for says in [MISSING, DENIED, Says::Text(INVALID)] {
        let parameter = Parameter::saying(Says::Text(FIRST));
        let (rule, clock) = (parameter.rule(), clock());
        let source = source(&rule, &clock);
        source.current().await;
        parameter.now_says(says);
        clock.pass(5.minutes());
        users(&source.current().await).unwrap_err();
        parameter.now_says(THROTTLED);
        clock.pass(30.seconds());
        users(&source.current().await).unwrap_err();
    }
}

/// A clock under which nothing is answered in time.
#[derive(Debug, Clone)]
struct Impatient(TestClock);

impl Clock for Impatient {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration).await;
    }

    async fn within<F: Future + Send>(&self, _limit: Duration, _answer: F) -> Option<F::Output> {
        None
    }
}

#[tokio::test]
async fn no_event_waits_long_for_policies_while_good_ones_are_at_hand() {
    let parameter = Parameter::saying(Says::Text(FIRST));
    let rule = parameter.rule();
    let clock = Impatient(clock());
    let source = source(&rule, &clock);
    assert_eq!(users(&source.current().await).as_deref(), Ok("first"), "the first reading is waited for");
    parameter.now_says(Says::Text(SECOND));
    clock.0.pass(5.minutes());
    assert_eq!(users(&source.current().await).as_deref(), Ok("first"));
    clock.0.pass(1.hour());
    assert_eq!(
        users(&source.current().await).as_deref(),
        Ok("second"),
        "what has bridged as long as it may is read, however long it takes"
    );
}

#[tokio::test]
async fn below_a_path_every_parameter_is_a_file() {
    for (texts, expected) in [
        (vec![("b", SECOND), ("a", FIRST)], Ok("first, second")),
        (vec![("a", FIRST), ("b", FIRST)], Err("`first`")),
        (vec![], Err("there is no parameter below `/reprieve/policies/`; write the policies")),
        (vec![("a", FIRST), ("b", "permit (")], Err("cannot be read: `/reprieve/policies/b`")),
    ] {
        let rule = mock!(Client::get_parameters_by_path).then_http_response(move || {
            let parameter = |(name, text): &(&str, &str)| json!({"Name": format!("{NAME}/{name}"), "Value": text});
            let body = json!({"Parameters": texts.iter().map(parameter).collect::<Vec<_>>()});
            HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(body.to_string()))
        });
        let source = policies(store(&rule), Ok(Vec::new()), Some(format!("{NAME}/")), clock());
        match (users(&source.current().await), expected) {
            (Ok(ids), Ok(expected)) => assert_eq!(ids, expected),
            (Err(reason), Err(expected)) => assert!(reason.contains(expected), "{reason}"),
            (actual, expected) => panic!("{actual:?}, not {expected:?}"),
        }
    }
}
