//! What IAM says, against scripted answers: every decision and what stopped it, both shapes of results, many keys and pages.

use std::sync::{Arc, Mutex};

use aws_sdk_iam::operation::simulate_principal_policy::{
    SimulatePrincipalPolicyError, SimulatePrincipalPolicyInput, SimulatePrincipalPolicyOutput,
};
use aws_sdk_iam::types::{OrganizationsDecisionDetail, PermissionsBoundaryDecisionDetail, ResourceSpecificResult};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::retry::RetryConfig;
use reprieve_core::{KeyArn, KeyDescription, KeyState};

use super::*;
use crate::scripted::{place, refusal};

const ROLE: &str = "arn:aws:iam::111122223333:role/guard";
const ENABLE: &str = "kms:EnableKey";

fn key(id: usize, aws_managed: bool) -> KeyView {
    KeyView {
        arn: KeyArn::parse(&arn(id)).unwrap(),
        aliases: Vec::new(),
        description: Known::Is(KeyDescription { aws_managed, ..KeyDescription::in_state(KeyState::Enabled) }),
        policy: Known::Absent,
    }
}

fn arn(id: usize) -> String {
    place().arn("kms", &format!("key/{id}"))
}

async fn ask(rule: &Rule, keys: Vec<KeyView>) -> Known<Permissions> {
    let client = mock_client!(aws_sdk_iam, RuleMode::MatchAny, [rule], |config| config.retry_config(RetryConfig::disabled()));
    Simulator { client }.ask(BTreeSet::from([ROLE.to_owned()]), &Known::Is(keys)).await.remove(ROLE).unwrap()
}

fn says(results: Vec<EvaluationResult>) -> Rule {
    mock!(Client::simulate_principal_policy)
        .then_output(move || SimulatePrincipalPolicyOutput::builder().set_evaluation_results(Some(results.clone())).build())
}

fn boundary(allows: bool) -> PermissionsBoundaryDecisionDetail {
    PermissionsBoundaryDecisionDetail::builder().allowed_by_permissions_boundary(allows).build()
}

fn organization(allows: bool) -> OrganizationsDecisionDetail {
    OrganizationsDecisionDetail::builder().allowed_by_organizations(allows).build()
}

#[tokio::test]
async fn each_decision_is_told_with_what_stopped_it() {
    use PolicyEvaluationDecisionType::{Allowed, ExplicitDeny, ImplicitDeny};
    for (decision, by_boundary, by_organization, expected) in [
        (Allowed, None, None, IamAnswer::Allowed),
        (Allowed, Some(true), Some(true), IamAnswer::Allowed),
        (ImplicitDeny, None, None, IamAnswer::NotAllowed),
        (ImplicitDeny, Some(true), Some(true), IamAnswer::NotAllowed),
        (ImplicitDeny, Some(false), None, IamAnswer::StoppedByBoundary),
        (ExplicitDeny, None, None, IamAnswer::Denied),
        (ExplicitDeny, Some(false), Some(false), IamAnswer::StoppedByOrganization),
        (PolicyEvaluationDecisionType::from("invented"), None, None, IamAnswer::NotAllowed),
    ] {
        let result = EvaluationResult::builder().eval_action_name(ENABLE).eval_resource_name(arn(1)).eval_decision(decision.clone());
        let result = result.set_permissions_boundary_decision_detail(by_boundary.map(boundary));
        let result = result.set_organizations_decision_detail(by_organization.map(organization)).build().unwrap();
        let found = ask(&says(vec![result]), vec![key(1, false)]).await;
        let expected = Permissions::from([(arn(1), BTreeMap::from([(ENABLE.to_owned(), expected)]))]);
        assert_eq!(found, Known::Is(expected), "{decision:?} {by_boundary:?} {by_organization:?}");
    }
}

#[tokio::test]
async fn of_one_result_for_several_keys_each_key_has_its_own() {
    let one = |id, decision, detail| {
        let result = ResourceSpecificResult::builder().eval_resource_name(arn(id)).eval_resource_decision(decision);
        result.set_permissions_boundary_decision_detail(detail).build().unwrap()
    };
    let whole = EvaluationResult::builder()
        .eval_action_name(ENABLE)
        .eval_resource_name("*")
        .eval_decision(PolicyEvaluationDecisionType::ImplicitDeny)
        .resource_specific_results(one(1, PolicyEvaluationDecisionType::Allowed, None))
        .resource_specific_results(one(2, PolicyEvaluationDecisionType::ImplicitDeny, Some(boundary(false))))
        .build()
        .unwrap();
    let found = ask(&says(vec![whole]), vec![key(1, false), key(2, false)]).await;
    let of = |answer| BTreeMap::from([(ENABLE.to_owned(), answer)]);
    assert_eq!(found, Known::Is(Permissions::from([(arn(1), of(IamAnswer::Allowed)), (arn(2), of(IamAnswer::StoppedByBoundary))])));
}

#[tokio::test]
async fn many_keys_are_asked_about_in_few_calls_page_by_page_and_those_of_aws_not_at_all() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let two_pages = mock!(Client::simulate_principal_policy).then_compute_output(move |request: &SimulatePrincipalPolicyInput| {
        noted.lock().unwrap().push((request.resource_arns().len(), request.marker().is_some()));
        let (first, second) = request.resource_arns().split_at(request.resource_arns().len() / 2);
        let page = if request.marker().is_none() { first } else { second };
        let allowed = |arn: &String| {
            let result = EvaluationResult::builder().eval_action_name(ENABLE).eval_resource_name(arn);
            result.eval_decision(PolicyEvaluationDecisionType::Allowed).build().unwrap()
        };
        let next = request.marker().is_none().then(|| "second".to_owned());
        let answer = SimulatePrincipalPolicyOutput::builder().set_evaluation_results(Some(page.iter().map(allowed).collect()));
        answer.is_truncated(next.is_some()).set_marker(next).build()
    });
    let keys = (1..=130).map(|id| key(id, id > 120)).collect();
    let found = ask(&two_pages, keys).await;
    assert_eq!(found.value().map(BTreeMap::len), Some(120));
    assert_eq!(*asked.lock().unwrap(), [(100, false), (100, true), (20, false), (20, true)]);
}

#[tokio::test]
async fn a_refusal_is_unreadable_and_a_role_that_is_gone_is_absent() {
    let refuses = |code| mock!(Client::simulate_principal_policy).then_error(move || SimulatePrincipalPolicyError::generic(refusal(code)));
    let found = ask(&refuses("AccessDenied"), vec![key(1, false)]).await;
    assert!(found.unreadable_reason().is_some_and(|why| why.contains("iam:SimulatePrincipalPolicy")), "{found:?}");
    assert_eq!(ask(&refuses("NoSuchEntity"), vec![key(1, false)]).await, Known::Absent);
}
