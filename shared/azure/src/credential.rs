//! The function's own identity: a user-assigned managed identity, named by its client id. There is no other source of credentials.
//!
//! `azure_identity` finds the endpoint in the environment that Functions sets (`IDENTITY_ENDPOINT`, `IDENTITY_HEADER`).

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, HttpClient, RetryOptions, Transport};
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};

/// Says why there is no credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// What should name the identity is no client id.
    #[error(
        "`{0}` is no client id: name the managed identity by its client id, such as `11111111-2222-3333-4444-555555555555`, \
         neither by its resource id nor by its name"
    )]
    ClientId(String),
    /// The environment offers no managed identity that can be used.
    #[error("the managed identity cannot be used: {0}")]
    Source(#[source] azure_core::Error),
}

/// Makes the credential of the user-assigned identity with this client id. Nothing is asked before the first call.
///
/// # Errors
/// When it is no client id (App Service takes no resource id), or the environment has a kind of identity that is not supported.
pub fn managed_identity(client_id: &str, http: Arc<dyn HttpClient>) -> Result<Arc<dyn TokenCredential>, CredentialError> {
    if !is_client_id(client_id) {
        return Err(CredentialError::ClientId(client_id.to_owned()));
    }
    let client_options = ClientOptions { retry: RetryOptions::none(), transport: Some(Transport::new(http)), ..ClientOptions::default() };
    let options =
        ManagedIdentityCredentialOptions { user_assigned_id: Some(UserAssignedId::ClientId(client_id.to_owned())), client_options };
    let credential = ManagedIdentityCredential::new(Some(options)).map_err(CredentialError::Source)?;
    Ok(credential)
}

/// Says whether a text has the form 8-4-4-4-12 of hexadecimal digits.
fn is_client_id(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
#[path = "credential_tests.rs"]
mod tests;
