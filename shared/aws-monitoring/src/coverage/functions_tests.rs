//! The functions against scripted answers: every page, what a function is by its environment, and what is refused.

use aws_sdk_lambda::operation::get_function_configuration::{GetFunctionConfigurationError, GetFunctionConfigurationOutput};
use aws_sdk_lambda::operation::list_event_source_mappings::{
    ListEventSourceMappingsError, ListEventSourceMappingsInput, ListEventSourceMappingsOutput,
};
use aws_sdk_lambda::operation::list_functions::{ListFunctionsError, ListFunctionsInput, ListFunctionsOutput};
use aws_sdk_lambda::types::{EnvironmentError, EnvironmentResponse, EventSourceMappingConfiguration, State};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::retry::RetryConfig;

use super::*;
use crate::scripted::refusal;

const ROLE: &str = "arn:aws:iam::111122223333:role/guard";
const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111122223333:function:guard";
const QUEUE: &str = "arn:aws:sqs:eu-central-1:111122223333:guard";

fn functions(rules: &[&Rule]) -> Functions {
    Functions { client: mock_client!(aws_sdk_lambda, RuleMode::MatchAny, rules, |config| config.retry_config(RetryConfig::disabled())) }
}

fn environment(mode: Option<&str>) -> EnvironmentResponse {
    let variables = EnvironmentResponse::builder().variables(REMEDIATOR_ROLE, ROLE);
    mode.map_or(variables.clone(), |mode| variables.variables(MODE, mode)).build()
}

fn is(state: Option<State>, environment: Option<EnvironmentResponse>) -> Rule {
    mock!(Client::get_function_configuration).then_output(move || {
        let function = GetFunctionConfigurationOutput::builder().role(ROLE).set_state(state.clone());
        function.set_environment(environment.clone()).build()
    })
}

async fn look(rule: &Rule) -> Known<FunctionView> {
    functions(&[rule]).look(vec![FUNCTION.to_owned()]).await.remove(FUNCTION).unwrap()
}

#[tokio::test]
async fn a_function_is_a_guard_by_its_environment_and_gives_keys_back_in_one_mode_alone() {
    for (environment, expected) in [
        (Some(environment(Some("enforce"))), Guard::Enforces),
        (Some(environment(Some("observe"))), Guard::Observes),
        (Some(environment(Some("Enforce"))), Guard::Observes),
        (Some(environment(None)), Guard::Observes),
        (Some(EnvironmentResponse::builder().variables(MODE, "enforce").build()), Guard::Not),
        (None, Guard::Not),
    ] {
        let found = look(&is(None, environment.clone())).await;
        let view = FunctionView { state: "Active".to_owned(), role_arn: ROLE.to_owned(), guard: expected };
        assert_eq!(found, Known::Is(view), "{environment:?}");
    }
}

#[tokio::test]
async fn an_environment_that_cannot_be_read_makes_the_function_unreadable_and_not_something_else() {
    let error = EnvironmentError::builder().error_code("AccessDeniedException").message("no decryption").build();
    let found = look(&is(Some(State::Active), Some(EnvironmentResponse::builder().error(error).build()))).await;
    assert!(found.unreadable_reason().is_some_and(|why| why.contains("no decryption")), "{found:?}");
}

#[tokio::test]
async fn a_function_that_is_gone_is_absent_and_one_that_is_refused_is_unreadable() {
    let answers =
        |code| mock!(Client::get_function_configuration).then_error(move || GetFunctionConfigurationError::generic(refusal(code)));
    assert_eq!(look(&answers("ResourceNotFoundException")).await, Known::Absent);
    let found = look(&answers("AccessDeniedException")).await;
    assert!(found.unreadable_reason().is_some_and(|why| why.contains("lambda:GetFunctionConfiguration")), "{found:?}");
}

#[tokio::test]
async fn every_page_of_functions_is_searched_for_guards_and_environments() {
    let lists = mock!(Client::list_functions).then_compute_output(|request: &ListFunctionsInput| {
        if request.marker().is_none() {
            let other = FunctionConfiguration::builder().function_arn("arn:other").build();
            return ListFunctionsOutput::builder().functions(other).next_marker("2").build();
        }
        let guard = FunctionConfiguration::builder().function_arn(FUNCTION).environment(environment(Some("enforce"))).build();
        ListFunctionsOutput::builder().functions(guard).build()
    });
    let functions = functions(&[&lists, &is(Some(State::Failed), Some(environment(Some("enforce"))))]);
    let failed = FunctionView { state: "Failed".to_owned(), role_arn: ROLE.to_owned(), guard: Guard::Enforces };
    assert_eq!(functions.guards().await, BTreeMap::from([(FUNCTION.to_owned(), Known::Is(failed))]));
    assert!(functions.environments().await.iter().all(is_of_guard));
}

#[tokio::test]
async fn functions_that_cannot_be_listed_are_unreadable_and_not_none() {
    let refuses = mock!(Client::list_functions).then_error(|| ListFunctionsError::generic(refusal("AccessDeniedException")));
    let found = functions(&[&refuses]).guards().await;
    let why = found.get(EVERY_FUNCTION).and_then(Known::unreadable_reason);
    assert!(why.is_some_and(|why| why.contains("lambda:ListFunctions")), "{found:?}");
}

#[tokio::test]
async fn every_reader_of_a_queue_is_seen_and_whether_it_reads() {
    let lists = mock!(Client::list_event_source_mappings).then_compute_output(|request: &ListEventSourceMappingsInput| {
        assert_eq!(request.event_source_arn(), Some(QUEUE));
        let (state, next) = match request.marker() {
            None => ("Disabled", Some("2")),
            Some("2") => ("Enabling", Some("3")),
            Some("3") => ("Deleting", Some("4")),
            Some(_) => ("Enabled", None),
        };
        let mapping = EventSourceMappingConfiguration::builder().function_arn(FUNCTION).state(state).build();
        ListEventSourceMappingsOutput::builder().event_source_mappings(mapping).set_next_marker(next.map(str::to_owned)).build()
    });
    let found = functions(&[&lists]).readers(vec![QUEUE.to_owned()]).await.remove(QUEUE).unwrap();
    let read: Vec<bool> = found.value().unwrap().iter().map(|mapping| mapping.is_enabled).collect();
    assert_eq!(read, [false, true, false, true]);
}

#[tokio::test]
async fn readers_that_cannot_be_listed_are_unreadable_and_not_none() {
    let refuses =
        mock!(Client::list_event_source_mappings).then_error(|| ListEventSourceMappingsError::generic(refusal("AccessDeniedException")));
    let found = functions(&[&refuses]).readers(vec![QUEUE.to_owned()]).await.remove(QUEUE).unwrap();
    assert!(found.unreadable_reason().is_some_and(|why| why.contains("lambda:ListEventSourceMappings")), "{found:?}");
}
