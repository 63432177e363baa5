//! What IAM says to the guard's role on each key, by `SimulatePrincipalPolicy`: policies, permissions boundary and service control policies
//! of the role. Key policies are not asked about here.
//!
//! IAM allows few simulations a second, so many keys go into one.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{EvaluationResult, PolicyEvaluationDecisionType};
use aws_types::SdkConfig;
use reprieve_core::Known;
use reprieve_core::coverage::{ACTIONS, IamAnswer, KeyView, Permissions};
use reprieve_engine::CallError;

use super::each;
use crate::answer::{known, sorted};

/// How many keys are asked about in one call.
const KEYS_A_CALL: usize = 100;

/// Asks IAM.
#[derive(Debug, Clone)]
pub(super) struct Simulator {
    client: Client,
}

impl Simulator {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// Asks what each role may do on the keys that customers manage.
    pub(super) async fn ask(&self, roles: BTreeSet<String>, keys: &Known<Vec<KeyView>>) -> BTreeMap<String, Known<Permissions>> {
        let keys = keys.value().into_iter().flatten();
        let keys = keys.filter(|key| key.description.value().is_none_or(|description| !description.aws_managed));
        let arns: Vec<String> = keys.map(|key| key.arn.to_string()).collect();
        each(roles.into_iter().collect(), async |role| known(self.of_role(&role, &arns).await)).await
    }

    async fn of_role(&self, role: &str, arns: &[String]) -> Result<Permissions, CallError> {
        let mut permissions = Permissions::new();
        for batch in arns.chunks(KEYS_A_CALL) {
            self.of_batch(role, batch, &mut permissions).await?;
        }
        Ok(permissions)
    }

    async fn of_batch(&self, role: &str, arns: &[String], permissions: &mut Permissions) -> Result<(), CallError> {
        let actions = ACTIONS.map(str::to_owned).to_vec();
        let mut next = None;
        loop {
            let call = self.client.simulate_principal_policy().policy_source_arn(role).set_action_names(Some(actions.clone()));
            let call = call.set_resource_arns(Some(arns.to_vec())).set_marker(next);
            let answer = call.send().await.map_err(sorted("iam:SimulatePrincipalPolicy"))?;
            for result in answer.evaluation_results() {
                note(result, permissions);
            }
            next = answer.marker.filter(|marker| answer.is_truncated && !marker.is_empty());
            if next.is_none() {
                return Ok(());
            }
        }
    }
}

/// IAM answers for several resources in one result, or in one each.
fn note(result: &EvaluationResult, permissions: &mut Permissions) {
    let by_organization = result.organizations_decision_detail().is_some_and(|detail| !detail.allowed_by_organizations());
    let by_boundary = |detail: Option<&aws_sdk_iam::types::PermissionsBoundaryDecisionDetail>| {
        detail.is_some_and(|detail| !detail.allowed_by_permissions_boundary())
    };
    let mut put = |resource: &str, answer: IamAnswer| {
        permissions.entry(resource.to_owned()).or_default().insert(result.eval_action_name().to_owned(), answer);
    };
    if result.resource_specific_results().is_empty() {
        let stopped = by_boundary(result.permissions_boundary_decision_detail());
        put(result.eval_resource_name().unwrap_or_default(), answer(result.eval_decision(), by_organization, stopped));
    }
    for one in result.resource_specific_results() {
        let detail = one.permissions_boundary_decision_detail().or(result.permissions_boundary_decision_detail());
        put(one.eval_resource_name(), answer(one.eval_resource_decision(), by_organization, by_boundary(detail)));
    }
}

/// A decision that is added later allows nothing. Where several stop a call, the one furthest from the role is told.
fn answer(decision: &PolicyEvaluationDecisionType, by_organization: bool, by_boundary: bool) -> IamAnswer {
    if *decision == PolicyEvaluationDecisionType::Allowed {
        IamAnswer::Allowed
    } else if by_organization {
        IamAnswer::StoppedByOrganization
    } else if by_boundary {
        IamAnswer::StoppedByBoundary
    } else if *decision == PolicyEvaluationDecisionType::ExplicitDeny {
        IamAnswer::Denied
    } else {
        IamAnswer::NotAllowed
    }
}

#[cfg(test)]
#[path = "permissions_tests.rs"]
mod tests;
