//! The policies of the user's own in SSM Parameter Store: in one parameter, or in all below a path.

use reprieve_core::policy::{PolicyError, PolicyFile};
use reprieve_engine::{CallError, Clock, KeptPolicies, PolicyStore};

use crate::parameters::ParameterStore;
use reprieve_engine::SystemClock;

/// The policies, of files and a parameter.
pub type SsmPolicySource<C = SystemClock> = KeptPolicies<SsmPolicies, C>;

/// Policies in a parameter, or in all parameters below a path.
#[derive(Debug)]
pub struct SsmPolicies {
    store: ParameterStore,
    /// A name, or a path that ends in `/`.
    parameter: String,
}

/// Makes the policies of files and, where there is one, a parameter.
pub(crate) fn policies<C: Clock>(
    store: ParameterStore,
    bundled: Result<Vec<PolicyFile>, PolicyError>,
    parameter: Option<String>,
    clock: C,
) -> SsmPolicySource<C> {
    KeptPolicies::new(bundled, parameter.map(|parameter| SsmPolicies { store, parameter }), clock)
}

impl PolicyStore for SsmPolicies {
    const CALL: &'static str = "ssm:GetParameter";

    fn place(&self) -> String {
        format!("the parameter `{}`", self.parameter)
    }

    async fn read(&self) -> Result<Vec<PolicyFile>, CallError> {
        let parameter = &self.parameter;
        if !parameter.ends_with('/') {
            return Ok(vec![PolicyFile { name: parameter.clone(), text: self.store.read(parameter).await? }]);
        }
        let parameters = self.store.read_path(parameter).await?;
        if parameters.is_empty() {
            let message = format!("there is no parameter below `{parameter}`");
            return Err(CallError::Rejected { call: "ssm:GetParametersByPath", message });
        }
        Ok(parameters.into_iter().map(|(name, text)| PolicyFile { name, text }).collect())
    }

    fn advice(&self, error: &CallError) -> &'static str {
        match error {
            CallError::AccessDenied { .. } => {
                "allow the function's role to read the parameter, and to decrypt it with its KMS key, or set no policy parameter"
            }
            CallError::Throttled { .. } | CallError::Unavailable { .. } => "it is tried again soon",
            CallError::NotFound { .. } | CallError::InvalidState { .. } | CallError::Unsupported { .. } | CallError::Rejected { .. } => {
                "write the policies to the parameter, or set no policy parameter"
            }
        }
    }
}

#[cfg(test)]
#[path = "policies_tests.rs"]
mod tests;
