//! What a deployment would go by: the options that `explain` and `replay` share, as the functions are configured with them.

use clap::Args;
use reprieve_core::azure::SubscriptionId;
use reprieve_core::{AccountId, ApprovalKeys, ApprovalRules, RoleArn};

#[derive(Debug, Clone, Args)]
pub(crate) struct RulesArguments {
    /// The public keys that seal approvals, as `REPRIEVE_APPROVAL_KEYS`: `KEY-ID=BASE64`, separated by commas
    #[arg(long, alias = "approval-key", value_name = "KEYS", default_value = "", value_parser = ApprovalKeys::parse, hide_default_value = true)]
    pub(crate) approval_keys: ApprovalKeys,

    /// A role whose tags approve without a seal; may be given more than once
    #[arg(long = "approver-role", value_name = "ARN", value_parser = RoleArn::parse)]
    pub(crate) approver_roles: Vec<RoleArn>,

    /// A role that may break the glass; may be given more than once
    #[arg(long = "break-glass-role", value_name = "ARN", value_parser = RoleArn::parse)]
    pub(crate) break_glass_roles: Vec<RoleArn>,

    /// An account in which everything passes; may be given more than once
    #[arg(long = "sandbox-account", value_name = "ID", value_parser = AccountId::parse)]
    pub(crate) sandbox_accounts: Vec<AccountId>,

    /// The object id of somebody in Entra ID who may break the glass; may be given more than once
    #[arg(long = "break-glass-principal", value_name = "ID")]
    pub(crate) break_glass_principals: Vec<String>,

    /// An Azure subscription in which everything passes; may be given more than once
    #[arg(long = "sandbox-subscription", value_name = "ID", value_parser = SubscriptionId::parse)]
    pub(crate) sandbox_subscriptions: Vec<SubscriptionId>,

    /// The shortest waiting period of a deletion that is let stand, in days
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(7..=30))]
    pub(crate) minimum_waiting_days: u32,

    /// Reprieve's own role: its restorative calls are not answered
    #[arg(long, value_name = "ARN", value_parser = RoleArn::parse)]
    pub(crate) remediator_role: Option<RoleArn>,
}

impl RulesArguments {
    /// Returns what the deployment would say about approving.
    pub(crate) fn approval(&self) -> ApprovalRules {
        ApprovalRules {
            keys: self.approval_keys.clone(),
            approver_roles: self.approver_roles.iter().cloned().collect(),
            break_glass_roles: self.break_glass_roles.iter().cloned().collect(),
            break_glass_principals: self.break_glass_principals.iter().map(|id| id.to_ascii_lowercase()).collect(),
            sandbox_accounts: self.sandbox_accounts.iter().cloned().collect(),
            sandbox_subscriptions: self.sandbox_subscriptions.iter().cloned().collect(),
            minimum_waiting_days: self.minimum_waiting_days,
            ..ApprovalRules::default()
        }
    }
}
