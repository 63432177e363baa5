//! The policy engine: Cedar, with the shipped policies and schema, and the user's beside them. Nothing matches means deny; an error
//! in a policy means deny; a set that cannot be used denies everything.
//!
//! It holds no rule of its own: the rules are in `policies/`. `request` turns what was observed into a Cedar request.

mod request;
mod set;

use std::sync::OnceLock;

use cedar_policy::{AuthorizationError, Authorizer, Decision as CedarDecision, PolicyId, Schema};
use jiff::Timestamp;

pub use self::set::{Effect, Flaw, PolicyFile, PolicySummary};
use self::set::{NamedPolicies, Validated};
use crate::actor::Actor;
use crate::approval::{Approval, ApprovalRules};
use crate::azure::ResourceId;
use crate::facts::Tags;
use crate::google::GoogleName;
use crate::id::KeyArn;

/// The shipped schema.
pub const SHIPPED_SCHEMA: &str = include_str!("../policies/schema.cedarschema");
/// The shipped policies.
pub const SHIPPED_POLICIES: &str = include_str!("../policies/default.cedar");

/// The shipped policy by which nobody approves their own act.
pub const SELF_APPROVAL_POLICY: &str = "approver-is-not-the-actor";

/// Says why a policy set cannot be used, or a question cannot be asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The schema does not parse.
    #[error("the policy schema cannot be read: {0}")]
    Schema(String),
    /// The policies do not parse.
    #[error("the policies cannot be read: {0}")]
    Syntax(Flaw),
    /// A policy has no `@id`, or shares it with another.
    #[error("the policies cannot be told apart: {0}")]
    Id(Flaw),
    /// A policy has a slot, which nobody fills.
    #[error("the policies cannot be used: {0}")]
    Template(Flaw),
    /// The policies do not fit the schema.
    #[error("the policies do not fit the schema: {}", .0.iter().map(ToString::to_string).collect::<Vec<String>>().join("; "))]
    Validation(Vec<Flaw>),
    /// The request does not fit the schema.
    #[error("the request does not fit the policy schema: {0}")]
    Request(String),
    /// The policies could not be read, or are not valid.
    #[error("{0}")]
    Closed(String),
}

impl PolicyError {
    /// Returns what is wrong in the policy files, and where; nothing where the files are not what is wrong.
    #[must_use]
    pub fn flaws(&self) -> &[Flaw] {
        match self {
            Self::Syntax(flaw) | Self::Id(flaw) | Self::Template(flaw) => std::slice::from_ref(flaw),
            Self::Validation(flaws) => flaws,
            Self::Schema(_) | Self::Request(_) | Self::Closed(_) => &[],
        }
    }
}

/// What an act was done to.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'a> {
    /// A KMS key.
    Key(&'a KeyArn),
    /// A resource in Azure: a vault, a key in it, a storage account, a database server, a subscription.
    Azure(&'a ResourceId),
    /// A version of a key in Google Cloud.
    Google(&'a GoogleName),
}

/// What is asked of the policies.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Who called.
    pub actor: &'a Actor,
    /// One of `Threat::action`.
    pub action: &'a str,
    /// What was acted on.
    pub resource: Asked<'a>,
    /// Its tags; `None` where they could not be read.
    pub tags: Option<&'a Tags>,
    /// The key's state, where it could be read.
    pub key_state: Option<&'a str>,
    /// The waiting period asked for, in days.
    pub waiting_period_days: Option<u32>,
    /// When it happened.
    pub event_time: Option<Timestamp>,
    /// When this is decided.
    pub now: Timestamp,
    /// What Change Calendar said: `OPEN`, `CLOSED` or `unknown`; `None` where no calendar is configured.
    pub change_calendar: Option<&'a str>,
    /// The best approval that was found.
    pub approval: Option<&'a Approval>,
    /// Whether the ledger could be read, which holds revocations.
    pub revocations_known: bool,
    /// How many approvals cover the event that are independent of each other.
    pub independent_approvers: u32,
    /// What the deployment says about approving.
    pub rules: &'a ApprovalRules,
}

/// What the policies answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the act is permitted.
    pub permitted: bool,
    /// The ids of the policies that determined it, sorted; empty where none matched.
    pub policies: Vec<String>,
    /// What these policies say for themselves (`@because`).
    pub because: Vec<String>,
    /// What a human must be told although it is permitted (`@escalate`).
    pub escalations: Vec<String>,
    /// Errors in evaluating policies. A permit that erred permits nothing, and where a forbid erred nothing is permitted.
    pub errors: Vec<String>,
}

/// A policy set to ask.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Empty until the shipped set is read, at the first question or [`Policy::prepare`].
    policies: OnceLock<NamedPolicies>,
    /// What questions are checked against; absent for the shipped set, see [`Policy::shipped`].
    schema: Option<Schema>,
    /// What the validator found odd; nothing for the shipped set, see [`Policy::shipped`].
    warnings: Vec<Flaw>,
    /// Why nothing can be asked.
    closed: Option<PolicyError>,
    authorizer: Authorizer,
}

impl Policy {
    /// Returns the shipped policy set. It was validated against the schema when it was built, by a test, so it is read without, and
    /// not before it is needed: reading takes longer than all else that a cold start does, and fits into the wait for the first answers.
    #[must_use]
    pub fn shipped() -> Self {
        Self { policies: OnceLock::new(), schema: None, warnings: Vec::new(), closed: None, authorizer: Authorizer::new() }
    }

    /// Returns a set that permits nothing: what is used where the user's policies cannot be read or are not valid. Keys are kept,
    /// and every answer says why.
    #[must_use]
    pub fn closed(reason: PolicyError) -> Self {
        Self { closed: Some(reason), ..Self::shipped() }
    }

    /// Returns why nothing can be asked, where that is so.
    #[must_use]
    pub const fn closed_reason(&self) -> Option<&PolicyError> {
        self.closed.as_ref()
    }

    /// Reads the policies, if they have not been read. Whoever waits for something else calls this meanwhile; an error shows when the
    /// policies are asked.
    pub fn prepare(&self) {
        drop(self.policies());
    }

    fn policies(&self) -> Result<&NamedPolicies, PolicyError> {
        if let Some(reason) = &self.closed {
            return Err(PolicyError::Closed(reason.to_string()));
        }
        if let Some(policies) = self.policies.get() {
            return Ok(policies);
        }
        let shipped = NamedPolicies::shipped()?;
        Ok(self.policies.get_or_init(|| shipped))
    }

    /// Parses policies and validates them strictly against the schema.
    ///
    /// # Errors
    /// When either cannot be read, a policy has no id of its own, or the policies do not fit the schema.
    pub fn parse(policies: &str, schema: &str) -> Result<Self, PolicyError> {
        Ok(Self::of(NamedPolicies::parse("policies", policies, schema)?))
    }

    /// Puts the user's policies beside the shipped ones, and validates them all strictly against the shipped schema. A policy with
    /// the id of a shipped one takes its place.
    ///
    /// # Errors
    /// When a file cannot be read, two of the user's policies share an id, one has none, or the policies do not fit the schema.
    pub fn with_user_policies(files: &[PolicyFile]) -> Result<Self, PolicyError> {
        if files.is_empty() {
            return Ok(Self::shipped());
        }
        Ok(Self::of(NamedPolicies::with_shipped(files)?))
    }

    fn of(Validated { policies, schema, warnings }: Validated) -> Self {
        Self { policies: OnceLock::from(policies), schema: Some(schema), warnings, closed: None, authorizer: Authorizer::new() }
    }

    /// Returns what the validator found odd in the policies, and what yet hinders nobody to use them.
    #[must_use]
    pub fn warnings(&self) -> &[Flaw] {
        &self.warnings
    }

    /// Lists the policies in use, in the order of their ids.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn summaries(&self) -> Result<Vec<PolicySummary>, PolicyError> {
        self.policies()?.summaries()
    }

    /// Asks whether the act is permitted.
    ///
    /// # Errors
    /// When the policies cannot be used, or the question does not fit the schema; the caller treats that as deny.
    pub fn ask(&self, question: &Question<'_>) -> Result<Verdict, PolicyError> {
        let policies = &self.policies()?.set;
        let (request, entities) = request::of(question, self.schema.as_ref())?;
        let response = self.authorizer.is_authorized(&request, policies, &entities);
        // Cedar leaves a policy that errs out. A permit that is left out permits nothing; of a forbid nobody knows what it would have said.
        let erred = response.diagnostics().errors().map(|AuthorizationError::PolicyEvaluationError(error)| error.policy_id());
        let is_forbid = |id: &&PolicyId| policies.policy(id).is_none_or(|policy| policy.effect() == cedar_policy::Effect::Forbid);
        let erred_forbids: Vec<&PolicyId> = erred.filter(is_forbid).collect();
        let is_open = response.decision() == CedarDecision::Allow && !erred_forbids.is_empty();
        let mut determining: Vec<&PolicyId> = if is_open { erred_forbids } else { response.diagnostics().reason().collect() };
        determining.sort();
        let annotations = |name: &str| {
            let texts = determining.iter().filter_map(|id| set::annotation(policies.policy(id)?, name).map(ToOwned::to_owned));
            texts.collect::<Vec<String>>()
        };
        let permitted = response.decision() == CedarDecision::Allow && !is_open;
        Ok(Verdict {
            permitted,
            because: annotations("because"),
            escalations: if permitted { annotations("escalate") } else { Vec::new() },
            errors: response.diagnostics().errors().map(ToString::to_string).collect(),
            policies: determining.iter().map(ToString::to_string).collect(),
        })
    }
}
