//! Bearer tokens: who speaks by one, and the challenge to those who bring none.
//!
//! Must not verify signatures: the sandbox signs nothing. It believes a token whose principal the tenant knows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::request::{Answer, Caller};
use crate::tenant::Tenant;

/// What a token must have been made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// ARM.
    Management,
    /// A vault's data.
    Vault,
    /// A Managed HSM's data.
    ManagedHsm,
    /// Blobs.
    Storage,
}

impl Audience {
    /// The audience that a host asks for.
    pub(crate) fn of_host(host: &str) -> Self {
        if host.ends_with(".vault.azure.net") {
            return Self::Vault;
        }
        if host.ends_with(".managedhsm.azure.net") {
            return Self::ManagedHsm;
        }
        if host.ends_with(".blob.core.windows.net") { Self::Storage } else { Self::Management }
    }

    fn accepts(self, audience: &str, host: &str) -> bool {
        let audience = audience.trim_end_matches('/');
        match self {
            Self::Management => ["https://management.azure.com", "https://management.core.windows.net"].contains(&audience),
            Self::Vault => audience == "https://vault.azure.net",
            Self::ManagedHsm => audience == "https://managedhsm.azure.net",
            Self::Storage => audience == "https://storage.azure.com" || audience == format!("https://{host}"),
        }
    }

    /// The 401 that a caller without a fitting token gets. What it says of the token is `reason`.
    pub(crate) fn challenge(self, tenant_id: &str, reason: &str) -> Answer {
        let authority = format!("https://login.microsoftonline.com/{tenant_id}");
        match self {
            Self::Management => {
                let challenge =
                    format!("Bearer authorization_uri=\"{authority}\", error=\"invalid_token\", error_description=\"{reason}\"");
                let code = if reason == MISSING { "AuthenticationFailed" } else { "InvalidAuthenticationToken" };
                Answer::error(401, code, reason).with_header("WWW-Authenticate", challenge)
            }
            Self::Vault => vault_challenge(&authority, "https://vault.azure.net", reason),
            Self::ManagedHsm => vault_challenge(&authority, "https://managedhsm.azure.net", reason),
            Self::Storage => {
                let challenge = format!("Bearer authorization_uri={authority}/oauth2/authorize resource_id=https://storage.azure.com");
                let code = if reason == MISSING { "NoAuthenticationInformation" } else { "InvalidAuthenticationInfo" };
                let xml =
                    format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{reason}</Message></Error>");
                let answer = Answer { raw: Some(xml.into()), ..Answer::status(401) };
                answer
                    .with_header("Content-Type", "application/xml")
                    .with_header("x-ms-error-code", code)
                    .with_header("WWW-Authenticate", challenge)
            }
        }
    }
}

fn vault_challenge(authority: &str, resource: &str, reason: &str) -> Answer {
    let body = json!({ "error": { "code": "Unauthorized", "message": format!("AKV10000: {reason}") } });
    Answer { body: Some(body), ..Answer::status(401) }
        .with_header("WWW-Authenticate", format!("Bearer authorization=\"{authority}\", resource=\"{resource}\""))
}

/// What a request without token is told.
pub(crate) const MISSING: &str = "Authentication failed. The 'Authorization' header is missing.";

/// Reads who speaks by a request's token.
///
/// # Errors
/// Why the token is not taken.
pub(crate) fn authenticate(
    tenant: &Tenant,
    authorization: Option<&str>,
    audience: Audience,
    host: &str,
    ip: &str,
) -> Result<Caller, &'static str> {
    let bearer = authorization.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (_, token) = bearer.ok_or(MISSING)?;
    let claims = claims(token.trim()).ok_or("The access token is invalid.")?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    if !audience.accepts(text("aud"), host) {
        return Err("The access token has been obtained for the wrong audience or resource.");
    }
    if claims.get("exp").and_then(Value::as_i64).unwrap_or(0) < Timestamp::now().as_second() {
        return Err("The access token expiry time is in the past.");
    }
    if text("tid") != tenant.tenant_id {
        return Err("The access token is from the wrong issuer. It must match the tenant associated with this subscription.");
    }
    let principal = tenant.principals.get(text("oid")).ok_or("The access token names no principal of this tenant.")?;
    Ok(Caller { ip: ip.to_owned(), ..principal.caller(&tenant.tenant_id) })
}

fn claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&payload).ok()
}
