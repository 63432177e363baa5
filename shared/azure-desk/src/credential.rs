//! Where the desk's tokens come from: whoever is signed in with the Azure CLI or the Azure Developer CLI, a managed identity, or, for a
//! local sandbox alone, tokens that are given.
//!
//! What it must not do: send a given token anywhere but to this machine, or show one.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use azure_core::time::{Duration, OffsetDateTime};

use crate::caller::Claims;

/// A token that ends so soon is asked for anew.
const LEFT_AT_LEAST: Duration = Duration::minutes(5);

/// Keeps the tokens of one credential: the Azure CLI is a process that takes a second, and every client asks.
pub(crate) struct Wallet {
    inner: Arc<dyn TokenCredential>,
    kept: Mutex<HashMap<String, AccessToken>>,
}

impl Wallet {
    pub(crate) fn of(inner: Arc<dyn TokenCredential>) -> Self {
        Self { inner, kept: Mutex::default() }
    }

    fn kept(&self, scope: &str) -> Option<AccessToken> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(scope).filter(|token| token.expires_on > OffsetDateTime::now_utc() + LEFT_AT_LEAST).cloned()
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wallet").finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenCredential for Wallet {
    async fn get_token(&self, scopes: &[&str], options: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let scope = scopes.join(" ");
        if let Some(token) = self.kept(&scope) {
            return Ok(token);
        }
        let token = self.inner.get_token(scopes, options).await?;
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(scope, token.clone());
        Ok(token)
    }
}

/// Tokens that were given, each for the audience that it names.
pub(crate) struct GivenTokens(Vec<(String, AccessToken)>);

impl GivenTokens {
    /// Reads tokens separated by commas. One that cannot be read is left out: it is then missing for its audience.
    pub(crate) fn parse(text: &str) -> Self {
        let tokens = text.split(',').map(str::trim).filter(|token| !token.is_empty());
        Self(tokens.filter_map(|token| Some((Claims::of(token)?.audience()?, given(token)))).collect())
    }
}

fn given(token: &str) -> AccessToken {
    // How long it really holds, the sandbox says.
    AccessToken::new(token.to_owned(), OffsetDateTime::now_utc() + Duration::hours(1))
}

impl fmt::Debug for GivenTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GivenTokens").field("count", &self.0.len()).finish()
    }
}

#[async_trait]
impl TokenCredential for GivenTokens {
    async fn get_token(&self, scopes: &[&str], _options: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let audience = scopes.first().copied().unwrap_or_default().trim_end_matches("/.default");
        let found = self.0.iter().find(|(known, _)| known == audience).map(|(_, token)| token.clone());
        let missing = || format!("REPRIEVE_AZURE_ACCESS_TOKENS holds no token for `{audience}`");
        found.ok_or_else(|| Error::with_message(ErrorKind::Credential, missing()))
    }
}
