//! Parameters against scripted answers: decryption, pages, and what each refusal means.

use aws_sdk_ssm::operation::get_parameter::{GetParameterError, GetParameterOutput};
use aws_sdk_ssm::operation::get_parameters_by_path::GetParametersByPathOutput;
use aws_sdk_ssm::types::Parameter;
use aws_sdk_ssm::types::error::ParameterNotFound;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use super::*;
use crate::lazily::lazily;

fn store(rules: &[&Rule]) -> ParameterStore {
    let client = mock_client!(aws_sdk_ssm, RuleMode::MatchAny, rules);
    ParameterStore::new(lazily(move || client))
}

fn parameter(name: &str, value: &str) -> Parameter {
    Parameter::builder().name(name).value(value).build()
}

#[tokio::test]
async fn a_parameter_is_read_decrypted() {
    let rule = mock!(Client::get_parameter)
        .match_requests(|request| request.name() == Some("/reprieve/webhook") && request.with_decryption() == Some(true))
        .then_output(|| GetParameterOutput::builder().parameter(parameter("/reprieve/webhook", "slack URL")).build());
    assert_eq!(store(&[&rule]).read("/reprieve/webhook").await.as_deref(), Ok("slack URL"));
}

#[tokio::test]
async fn a_missing_parameter_is_named_and_no_missing_key() {
    let rule = mock!(Client::get_parameter).then_error(|| GetParameterError::ParameterNotFound(ParameterNotFound::builder().build()));
    let error = store(&[&rule]).read("/reprieve/webhook").await.unwrap_err();
    assert_eq!(error.to_string(), "ssm:GetParameter: rejected: there is no parameter `/reprieve/webhook`");
}

#[tokio::test]
async fn an_answer_without_a_value_is_no_empty_parameter() {
    let rule = mock!(Client::get_parameter).then_output(|| GetParameterOutput::builder().build());
    assert!(matches!(store(&[&rule]).read("name").await, Err(CallError::Rejected { .. })));
    let rule = mock!(Client::get_parameters_by_path)
        .then_output(|| GetParametersByPathOutput::builder().parameters(Parameter::builder().name("/p/a").build()).build());
    assert!(matches!(store(&[&rule]).read_path("/p/").await, Err(CallError::Rejected { .. })));
}

#[tokio::test]
async fn a_path_is_read_to_its_last_page_and_sorted_by_name() {
    let page = |names: [&'static str; 2], next: Option<&'static str>| {
        mock!(Client::get_parameters_by_path)
            .match_requests(move |request| {
                request.path() == Some("/reprieve/policies")
                    && request.recursive() == Some(true)
                    && request.with_decryption() == Some(true)
                    && request.max_results() == Some(10)
                    && request.next_token().is_some() == next.is_none()
            })
            .then_output(move || {
                let output =
                    names.iter().fold(GetParametersByPathOutput::builder(), |output, name| output.parameters(parameter(name, "text")));
                output.set_next_token(next.map(str::to_owned)).build()
            })
    };
    let rules = [
        page(["/reprieve/policies/c", "/reprieve/policies/a"], Some("more")),
        page(["/reprieve/policies/b", "/reprieve/policies/d/e"], None),
    ];
    let parameters = store(&rules.iter().collect::<Vec<_>>()).read_path("/reprieve/policies/").await.unwrap();
    let names: Vec<_> = parameters.keys().collect();
    assert_eq!(names, ["/reprieve/policies/a", "/reprieve/policies/b", "/reprieve/policies/c", "/reprieve/policies/d/e"]);
}

#[test]
fn the_slash_at_the_end_is_no_part_of_the_path() {
    for (path, expected) in [("/reprieve/policies/", "/reprieve/policies"), ("/reprieve", "/reprieve"), ("/", "/")] {
        assert_eq!(searched(path), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn every_error_of_the_store_is_sorted() {
    for (status, code, expected) in [
        (400, "AccessDeniedException", "access denied"),
        (400, "ThrottlingException", "throttled"),
        (500, "InternalServerError", "no usable answer"),
        (400, "InvalidKeyId", "rejected"),
        (400, "ValidationException", "rejected"),
    ] {
        let answer = move || {
            let body = format!(r#"{{"__type":"{code}","message":"the words of Systems Manager"}}"#);
            HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
        };
        let rule = mock!(Client::get_parameter).then_http_response(answer);
        let error = store(&[&rule]).read("name").await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("ssm:GetParameter: {expected}")), "{code}: {error}");
        let rule = mock!(Client::get_parameters_by_path).then_http_response(answer);
        let error = store(&[&rule]).read_path("/p/").await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("ssm:GetParametersByPath: {expected}")), "{code}: {error}");
    }
}
