//! What IAM was asked in the name of roles: by the functions' own calls, and by services of AWS that act for them.
//!
//! Must not decide anything: the emulator does, and keeps what it said.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Proxy;
use crate::error::LocalCloudError;

/// Describes what IAM said to one action of one role on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IamDecision {
    /// ARN of the session that called, or of the role in whose name a service of AWS did.
    pub principal: String,
    /// The action, as policies name it: `kms:EnableKey`.
    pub action: String,
    /// ARN of the resource, or `*`.
    pub resource: String,
    /// Ids (`Sid`) of the statements of the role's own policies that allow it, each by itself. Empty where a policy of the resource did,
    /// or nobody.
    pub statements: Vec<String>,
    /// Whether the call was allowed.
    pub is_allowed: bool,
    /// Whether the caller had credentials of [`crate::LocalCloud::function_session`], and so was not the function itself.
    pub is_borrowed: bool,
    /// How often that was asked.
    pub count: u64,
}

impl IamDecision {
    /// Returns the name of the role, without its path: of `assumed-role/ROLE/SESSION`, or of `role/PATH/ROLE`.
    #[must_use]
    pub fn role(&self) -> &str {
        let mut parts = self.principal.rsplit(':').next().unwrap_or_default().split('/');
        match (parts.next(), parts.next()) {
            (Some("assumed-role"), Some(role)) => role,
            _ => self.principal.rsplit('/').next().unwrap_or_default(),
        }
    }
}

impl Proxy {
    /// Returns what IAM was asked in the name of roles.
    pub(crate) async fn iam_decisions(&self) -> Result<Vec<IamDecision>, LocalCloudError> {
        let answer = self.upstream.ask("decisions", &json!({})).await?;
        if answer.get("is_complete") != Some(&Value::Bool(true)) {
            return Err(LocalCloudError::Control("more was asked of IAM than is kept; forget some of it meanwhile".to_owned()));
        }
        let decisions = answer.get("decisions").cloned().unwrap_or_default();
        serde_json::from_value(decisions).map_err(|error| LocalCloudError::Control(format!("what IAM said cannot be read: {error}")))
    }

    /// Forgets what IAM was asked until now.
    pub(crate) async fn forget_iam_decisions(&self) -> Result<(), LocalCloudError> {
        self.upstream.ask("decisions-forgotten", &json!({})).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_by_its_sessions_and_by_itself() {
        for (principal, role) in [
            ("arn:aws:sts::000000000000:assumed-role/reprieve-Role-1/function", "reprieve-Role-1"),
            ("arn:aws:iam::000000000000:role/reprieve-Role-1", "reprieve-Role-1"),
            ("arn:aws:iam::000000000000:role/path/of/reprieve-Role-1", "reprieve-Role-1"),
        ] {
            let decision = IamDecision {
                principal: principal.to_owned(),
                action: String::new(),
                resource: String::new(),
                statements: Vec::new(),
                is_allowed: true,
                is_borrowed: false,
                count: 1,
            };
            assert_eq!(decision.role(), role);
        }
    }
}
