//! Cases as people write them, and as the policies are asked them. Approvals are weighed, and questions formed, by the core alone.

use std::collections::BTreeSet;

use anyhow::Context as _;
use jiff::Timestamp;
use reprieve_core::actor::identities_of_name;
use reprieve_core::approval::window::Window;
use reprieve_core::approval::{Approval, ApprovalSource, Revocation, Sealable as _, weigh_established};
use reprieve_core::azure::{ResourceId, SubscriptionId};
use reprieve_core::facts::Tags;
use reprieve_core::policy::{Asked, PolicyError, Question, Verdict};
use reprieve_core::{AccountId, Actor, ActorKind, ApprovalRules, KeyArn, Policy, RoleArn};
use serde::{Deserialize, Deserializer};

/// What a case must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Expectation {
    /// It passes.
    Permit,
    /// It is undone.
    Deny,
}

/// A case that can be asked.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) expect: Expectation,
    /// The policies that must determine it; `None`: whichever.
    pub(super) policies: Option<BTreeSet<String>>,
    actor: Actor,
    acted_on: ActedOn,
    action: String,
    tags: Option<Tags>,
    key_state: Option<String>,
    waiting_period_days: Option<u32>,
    event_time: Option<Timestamp>,
    now: Timestamp,
    change_calendar: Option<Calendar>,
    revocations_known: bool,
    approvals: Vec<Approval>,
    rules: ApprovalRules,
}

/// What a case is about.
#[derive(Debug, Clone)]
enum ActedOn {
    /// A KMS key.
    Key(KeyArn),
    /// A resource in Azure.
    Azure(ResourceId),
}

impl ActedOn {
    fn asked(&self) -> Asked<'_> {
        match self {
            Self::Key(key) => Asked::Key(key),
            Self::Azure(resource) => Asked::Azure(resource),
        }
    }

    /// Returns its name as approvals are sealed for it.
    fn sealed_name(&self) -> &str {
        match self {
            Self::Key(key) => key.sealed_name(),
            Self::Azure(resource) => resource.sealed_name(),
        }
    }
}

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `usual` and `cases`")]
struct CaseFile {
    #[serde(default)]
    usual: WrittenCase,
    cases: Vec<WrittenCase>,
}

/// A case as it is written. A part that is `null` is said to be unknown; one that is left out is as usual.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenCase {
    name: Option<String>,
    expect: Option<Expectation>,
    policies: Option<BTreeSet<String>>,
    actor: Said<WrittenActor>,
    key: Option<KeyArn>,
    resource: Option<ResourceId>,
    action: Option<String>,
    tags: Said<Tags>,
    key_state: Said<String>,
    waiting_period_days: Said<u32>,
    event_time: Said<Timestamp>,
    now: Option<Timestamp>,
    change_calendar: Said<Calendar>,
    revocations_known: Option<bool>,
    approvals: Option<Vec<WrittenApproval>>,
    configuration: WrittenConfiguration,
}

/// A part of a case that can be unknown.
#[derive(Debug, Clone, Default)]
enum Said<T> {
    /// It is left out.
    #[default]
    Nothing,
    /// It is `null`.
    Unknown,
    /// It is written.
    Is(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Said<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Unknown, Self::Is))
    }
}

impl<T> Said<T> {
    fn or(self, usual: Self) -> Self {
        match self {
            Self::Nothing => usual,
            Self::Unknown | Self::Is(_) => self,
        }
    }

    /// Returns what was said of it, `None` where it is unknown, and takes `default` where nothing was said.
    fn unwrap_or(self, default: Option<T>) -> Option<T> {
        match self {
            Self::Nothing => default,
            Self::Unknown => None,
            Self::Is(value) => Some(value),
        }
    }

    /// Returns what was said of it; an error where nothing was.
    fn required(self, missing: &'static str) -> anyhow::Result<Option<T>> {
        match self {
            Self::Nothing => anyhow::bail!(missing),
            Self::Unknown => Ok(None),
            Self::Is(value) => Ok(Some(value)),
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum Calendar {
    #[serde(rename = "OPEN")]
    Open,
    #[serde(rename = "CLOSED")]
    Closed,
    #[serde(rename = "unknown")]
    Unknown,
}

impl Calendar {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Closed => "CLOSED",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenActor {
    #[serde(rename = "type")]
    kind: Option<String>,
    role: Option<RoleArn>,
    session_name: Option<String>,
    user_name: Option<String>,
    account: Option<AccountId>,
    arn: Option<String>,
    source_identity: Option<String>,
    object_id: Option<String>,
    app_id: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenApproval {
    approver: String,
    window: String,
    #[serde(default = "usual_change")]
    change: String,
    #[serde(default = "usual_source")]
    source: ApprovalSource,
    seal_key: Option<String>,
    set_at: Option<Timestamp>,
    resource: Option<String>,
    #[serde(default)]
    revoked: bool,
}

fn usual_change() -> String {
    "CHG-1".to_owned()
}

const fn usual_source() -> ApprovalSource {
    ApprovalSource::SealedTags
}

/// What the deployment says, where it is not the default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenConfiguration {
    break_glass_roles: Option<BTreeSet<RoleArn>>,
    break_glass_hours: Option<u32>,
    break_glass_principals: Option<BTreeSet<String>>,
    sandbox_accounts: Option<BTreeSet<AccountId>>,
    sandbox_subscriptions: Option<BTreeSet<SubscriptionId>>,
    minimum_waiting_days: Option<u32>,
}

/// Reads a file of cases.
pub(super) fn parse(file: &str, text: &str) -> anyhow::Result<Vec<Case>> {
    let CaseFile { usual, cases } = serde_json::from_str(text)
        .with_context(|| format!("the cases in `{file}` cannot be read (see `reprieve policy test --help` for their form)"))?;
    anyhow::ensure!(
        usual.name.is_none() && usual.expect.is_none() && usual.policies.is_none(),
        "`usual` of `{file}` has a `name`, `expect` or `policies`: these belong to a case"
    );
    anyhow::ensure!(!cases.is_empty(), "`{file}` holds no case");
    let mut names = BTreeSet::new();
    let mut read = Vec::with_capacity(cases.len());
    for (index, written) in cases.into_iter().enumerate() {
        let name = written.name.clone().unwrap_or_default();
        let shown = if name.is_empty() { format!("case {} of `{file}`", index + 1) } else { format!("case `{name}` of `{file}`") };
        anyhow::ensure!(!name.is_empty(), "{shown} has no `name`");
        anyhow::ensure!(names.insert(name), "{shown}: another case has the same name");
        read.push(written.over(&usual).into_case().with_context(|| shown)?);
    }
    Ok(read)
}

impl WrittenCase {
    /// Fills in what the case leaves out with what is usual.
    fn over(self, usual: &Self) -> Self {
        let usual = usual.clone();
        // A case is about one thing: what it names takes the place of either.
        let names_one = self.key.is_some() || self.resource.is_some();
        let (usual_key, usual_resource) = if names_one { (None, None) } else { (usual.key, usual.resource) };
        Self {
            name: self.name,
            expect: self.expect,
            policies: self.policies,
            actor: self.actor.or(usual.actor),
            key: self.key.or(usual_key),
            resource: self.resource.or(usual_resource),
            action: self.action.or(usual.action),
            tags: self.tags.or(usual.tags),
            key_state: self.key_state.or(usual.key_state),
            waiting_period_days: self.waiting_period_days.or(usual.waiting_period_days),
            event_time: self.event_time.or(usual.event_time),
            now: self.now.or(usual.now),
            change_calendar: self.change_calendar.or(usual.change_calendar),
            revocations_known: self.revocations_known.or(usual.revocations_known),
            approvals: self.approvals.or(usual.approvals),
            configuration: self.configuration.over(usual.configuration),
        }
    }

    fn into_case(self) -> anyhow::Result<Case> {
        let acted_on = match (self.key, self.resource) {
            (Some(key), None) => ActedOn::Key(key),
            (None, Some(resource)) => ActedOn::Azure(resource),
            (Some(_), Some(_)) => anyhow::bail!("it names a `key` and a `resource`: a case is about one of them"),
            (None, None) => anyhow::bail!("it names no `key`, and no `resource` of Azure"),
        };
        let event_time = self.event_time.required("it has no `event_time`; write `null` where nobody knows when it happened")?;
        let actor = self.actor.required("it has no `actor`; write `null` for an unknown caller")?;
        let approvals = self.approvals.unwrap_or_default();
        Ok(Case {
            name: self.name.unwrap_or_default(),
            expect: self.expect.context("it says not what to `expect`: `permit` or `deny`")?,
            policies: self.policies,
            actor: actor.map_or_else(|| Ok(Actor::unknown()), |actor| actor.into_actor(&acted_on))?,
            action: self.action.context("it names no `action`, such as `delete`")?,
            tags: self.tags.unwrap_or(Some(Tags::new())),
            key_state: self.key_state.unwrap_or(matches!(acted_on, ActedOn::Azure(_)).then(|| "not-applicable".to_owned())),
            waiting_period_days: self.waiting_period_days.unwrap_or(None),
            now: self.now.or(event_time).context("without an `event_time`, it needs `now`: when it is decided")?,
            event_time,
            change_calendar: self.change_calendar.unwrap_or(None),
            revocations_known: self.revocations_known.unwrap_or(true),
            approvals: approvals.into_iter().map(|approval| approval.into_approval(&acted_on)).collect::<anyhow::Result<_>>()?,
            rules: self.configuration.into_rules(),
            acted_on,
        })
    }
}

impl WrittenActor {
    /// Completes the actor as the provider's log would.
    fn into_actor(self, acted_on: &ActedOn) -> anyhow::Result<Actor> {
        match acted_on {
            ActedOn::Key(key) => self.into_actor_on_aws(key),
            ActedOn::Azure(_) => self.into_actor_on_azure(),
        }
    }

    /// The session's or user's ARN follows from the rest.
    fn into_actor_on_aws(self, key: &KeyArn) -> anyhow::Result<Actor> {
        let of_azure = self.object_id.is_some() || self.app_id.is_some();
        anyhow::ensure!(!of_azure, "its `actor` has an `object_id` or `app_id`, which callers of AWS have not");
        let kind = match (self.kind.as_deref(), &self.role, &self.user_name) {
            (Some(kind), _, _) => kind_of(kind)?,
            (None, Some(_), _) => ActorKind::AssumedRole,
            (None, None, Some(_)) => ActorKind::IamUser,
            (None, None, None) => anyhow::bail!("its `actor` has neither `role`, `user_name` nor `type`"),
        };
        let account = self.account.or_else(|| self.role.as_ref().map(RoleArn::account)).unwrap_or_else(|| key.account());
        let partition = key.partition();
        let derived = match (&kind, &self.role, &self.session_name, &self.user_name) {
            (ActorKind::AssumedRole, Some(role), Some(session), _) => {
                let name = role.as_str().rsplit('/').next().unwrap_or_default();
                Some(format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session}"))
            }
            (ActorKind::IamUser, _, _, Some(user)) => Some(format!("arn:{partition}:iam::{account}:user/{user}")),
            (ActorKind::Root, ..) => Some(format!("arn:{partition}:iam::{account}:root")),
            (_, _, _, _) => None,
        };
        Ok(Actor {
            kind,
            arn: self.arn.or(derived),
            account: Some(account),
            role: self.role,
            session_name: self.session_name,
            user_name: self.user_name,
            source_identity: self.source_identity,
            ..Actor::unknown()
        })
    }

    fn into_actor_on_azure(self) -> anyhow::Result<Actor> {
        let of_aws = self.role.is_some() || self.session_name.is_some() || self.account.is_some() || self.arn.is_some();
        anyhow::ensure!(!of_aws, "its `actor` has a `role`, `session_name`, `account` or `arn`, which callers of Azure have not");
        let kind = match (self.kind.as_deref(), &self.user_name, self.object_id.as_ref().or(self.app_id.as_ref())) {
            (Some(kind), _, _) => kind_of(kind)?,
            (None, Some(_), _) => ActorKind::EntraUser,
            (None, None, Some(_)) => ActorKind::ServicePrincipal,
            (None, None, None) => anyhow::bail!("its `actor` has neither `user_name`, `object_id`, `app_id` nor `type`"),
        };
        let Self { user_name, object_id, app_id, source_identity, .. } = self;
        Ok(Actor { kind, user_name, object_id, app_id, source_identity, ..Actor::unknown() })
    }
}

fn kind_of(text: &str) -> anyhow::Result<ActorKind> {
    Ok(match text {
        "Root" => ActorKind::Root,
        "IamUser" | "IAMUser" => ActorKind::IamUser,
        "AssumedRole" => ActorKind::AssumedRole,
        "Role" => ActorKind::Role,
        "FederatedUser" => ActorKind::FederatedUser,
        "AwsAccount" | "AWSAccount" => ActorKind::AwsAccount,
        "AwsService" | "AWSService" => ActorKind::AwsService,
        "IdentityCenterUser" => ActorKind::IdentityCenterUser,
        "ExternalUser" => ActorKind::ExternalUser,
        "EntraUser" => ActorKind::EntraUser,
        "ServicePrincipal" => ActorKind::ServicePrincipal,
        "Unknown" => ActorKind::Unknown,
        other => anyhow::bail!(
            "the `type` of its actor, `{other}`, is none of Root, IamUser, AssumedRole, Role, FederatedUser, AwsAccount, AwsService, IdentityCenterUser, ExternalUser, EntraUser, ServicePrincipal, Unknown"
        ),
    })
}

impl WrittenApproval {
    fn into_approval(self, acted_on: &ActedOn) -> anyhow::Result<Approval> {
        let window = Window::parse_typed(&self.window)?;
        let seal_key = match self.source {
            ApprovalSource::SealedTags | ApprovalSource::Ledger => Some(self.seal_key.unwrap_or_else(|| "key-1".to_owned())),
            ApprovalSource::PlainTags => {
                anyhow::ensure!(
                    self.seal_key.is_none(),
                    "an approval of it has plain tags as `source`, which carry no seal, and a `seal_key`"
                );
                None
            }
        };
        let revocation = Revocation { change: self.change.clone(), by: "somebody".to_owned(), at: window.start, reason: None };
        Ok(Approval {
            approver_identities: identities_of_name(&self.approver),
            approver: self.approver,
            resource: self.resource.unwrap_or_else(|| acted_on.sealed_name().to_owned()),
            window_start: window.start,
            window_end: window.end,
            source: self.source,
            seal_key,
            set_at: self.set_at,
            revoked: self.revoked.then_some(revocation),
            change: self.change,
        })
    }
}

impl WrittenConfiguration {
    fn over(self, usual: Self) -> Self {
        Self {
            break_glass_roles: self.break_glass_roles.or(usual.break_glass_roles),
            break_glass_hours: self.break_glass_hours.or(usual.break_glass_hours),
            break_glass_principals: self.break_glass_principals.or(usual.break_glass_principals),
            sandbox_accounts: self.sandbox_accounts.or(usual.sandbox_accounts),
            sandbox_subscriptions: self.sandbox_subscriptions.or(usual.sandbox_subscriptions),
            minimum_waiting_days: self.minimum_waiting_days.or(usual.minimum_waiting_days),
        }
    }

    fn into_rules(self) -> ApprovalRules {
        let default = ApprovalRules::default();
        ApprovalRules {
            break_glass_roles: self.break_glass_roles.unwrap_or(default.break_glass_roles),
            break_glass_hours: self.break_glass_hours.unwrap_or(default.break_glass_hours),
            // As the functions' configuration keeps them.
            break_glass_principals: self
                .break_glass_principals
                .map_or(default.break_glass_principals, |ids| ids.into_iter().map(|id| id.to_ascii_lowercase()).collect()),
            sandbox_accounts: self.sandbox_accounts.unwrap_or(default.sandbox_accounts),
            sandbox_subscriptions: self.sandbox_subscriptions.unwrap_or(default.sandbox_subscriptions),
            minimum_waiting_days: self.minimum_waiting_days.unwrap_or(default.minimum_waiting_days),
            ..default
        }
    }
}

/// What a case was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    /// What the policies saw of approvals, as a sentence.
    pub(super) seen: String,
}

impl Case {
    /// Asks the policies, as a decision does.
    pub(super) fn ask(&self, policy: &Policy) -> Result<Answer, PolicyError> {
        let approvals: Vec<&Approval> = self.approvals.iter().collect();
        let standing = weigh_established(&approvals, self.event_time, &self.actor);
        let verdict = policy.ask(&Question {
            actor: &self.actor,
            action: &self.action,
            resource: self.acted_on.asked(),
            tags: self.tags.as_ref(),
            key_state: self.key_state.as_deref(),
            waiting_period_days: self.waiting_period_days,
            event_time: self.event_time,
            now: self.now,
            change_calendar: self.change_calendar.map(Calendar::as_str),
            approval: standing.best,
            revocations_known: self.revocations_known,
            independent_approvers: standing.independent_approvers,
            rules: &self.rules,
        })?;
        Ok(Answer { verdict, seen: seen(standing.best, standing.independent_approvers) })
    }

    /// Says whether the answer is the expected one.
    pub(super) fn is_met_by(&self, verdict: &Verdict) -> bool {
        let by_these = |expected: &BTreeSet<String>| expected.iter().eq(&verdict.policies);
        verdict.permitted == (self.expect == Expectation::Permit) && self.policies.as_ref().is_none_or(by_these)
    }
}

fn seen(best: Option<&Approval>, independent: u32) -> String {
    let Some(approval) = best else {
        return "there was no approval".to_owned();
    };
    let Approval { change, approver, window_start, window_end, source, .. } = approval;
    let revoked = if approval.revoked.is_some() { ", revoked" } else { "" };
    let source = source.as_str();
    format!(
        "the approval: {change} by {approver} for {window_start} to {window_end} ({source}{revoked}); independent ones that cover it: {independent}"
    )
}
