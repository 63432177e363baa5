//! Who called, by the claims of a token of Microsoft Entra ID: under short names, under URIs, or under what Managed HSM makes of URIs.
//!
//! A person's application is only what the person called through; without a person, the application is who called. A person is compared by
//! the principal name (`upn`) and the object id: any other name may be an alias of somebody, and is kept for people to read.

use std::net::{IpAddr, SocketAddr};

use reprieve_core::{Actor, ActorKind};

use crate::error::shorten;
use crate::fields::{Fields, Oddities};

/// A claim: its short name, the namespace of its URI, and the URI's last part.
struct Claim {
    short: &'static str,
    namespace: Namespace,
    long: &'static str,
}

/// A namespace of claims.
#[derive(Clone, Copy)]
enum Namespace {
    /// `http://schemas.microsoft.com/identity/claims/`
    Microsoft,
    /// `http://schemas.xmlsoap.org/ws/2005/05/identity/claims/`
    Soap,
}

impl Namespace {
    const fn uri(self) -> &'static str {
        match self {
            Self::Microsoft => "http://schemas.microsoft.com/identity/claims/",
            Self::Soap => "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/",
        }
    }

    /// The object under which Managed HSM logs the claims of this namespace.
    const fn nested(self) -> &'static str {
        match self {
            Self::Microsoft => "http_schemas_microsoft_com_identity",
            Self::Soap => "http_schemas_xmlsoap_org_ws_2005_05_identity",
        }
    }
}

const UPN: Claim = Claim { short: "upn", namespace: Namespace::Soap, long: "upn" };
const SIGN_IN_NAME: Claim = Claim { short: "unique_name", namespace: Namespace::Soap, long: "name" };
const PREFERRED_NAME: Claim = Claim { short: "preferred_username", namespace: Namespace::Soap, long: "emailaddress" };
const OBJECT_ID: Claim = Claim { short: "oid", namespace: Namespace::Microsoft, long: "objectidentifier" };
const TENANT_ID: Claim = Claim { short: "tid", namespace: Namespace::Microsoft, long: "tenantid" };
const SCOPE: Claim = Claim { short: "scp", namespace: Namespace::Microsoft, long: "scope" };

/// Returns who the claims name; of a caller who is not named, only where from.
pub(super) fn read(claims: &Fields<'_>, odd: &mut Oddities) -> Actor {
    let upn = claim(claims, &UPN, odd);
    let object_id = claim(claims, &OBJECT_ID, odd);
    let app_id = claims.text("appid", odd).or_else(|| claims.text("azp", odd));
    let is_delegated = upn.is_some() || claim(claims, &SCOPE, odd).is_some();
    let names_anybody = object_id.is_some() || app_id.is_some();
    let kind = match claims.text("idtyp", odd).as_deref() {
        Some("app") => ActorKind::ServicePrincipal,
        Some(_) | None if is_delegated => ActorKind::EntraUser,
        Some("user") => ActorKind::EntraUser,
        Some(_) | None if names_anybody => ActorKind::ServicePrincipal,
        Some(_) | None => ActorKind::Unknown,
    };
    let (user_name, is_alias) = if kind == ActorKind::ServicePrincipal {
        // What an application is called is chosen by whoever made it: its ids name it.
        (None, false)
    } else if let Some(principal_name) = upn.as_deref().and_then(trimmed) {
        (Some(principal_name), false)
    } else {
        let other = claim(claims, &SIGN_IN_NAME, odd).or_else(|| claim(claims, &PREFERRED_NAME, odd)).or_else(|| claims.text("name", odd));
        let alias = other.as_deref().and_then(trimmed);
        let is_alias = alias.is_some();
        (alias, is_alias)
    };
    Actor {
        kind,
        user_name,
        is_alias,
        object_id,
        app_id,
        tenant_id: claim(claims, &TENANT_ID, odd),
        source_address: claims.text("ipaddr", odd).map(|text| address(&text)),
        ..Actor::unknown()
    }
}

/// Returns a name without the spaces around it. `None` where nothing else is there.
fn trimmed(name: &str) -> Option<String> {
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Returns a claim under whichever of its names it stands.
fn claim(claims: &Fields<'_>, claim: &Claim, odd: &mut Oddities) -> Option<String> {
    let uri = format!("{}{}", claim.namespace.uri(), claim.long);
    claims.text(claim.short, odd).or_else(|| claims.text(&uri, odd)).or_else(|| {
        let namespace = claims.object(claim.namespace.nested(), odd);
        namespace.object("claims", odd).text(claim.long, odd)
    })
}

/// Adds the caller that a record names beside the claims: a principal name or a mail address, of which nothing says which, or an object
/// id, of which nothing says whether it is a person's or an application's.
pub(super) fn with_caller(mut actor: Actor, caller: Option<&str>, field: &str, odd: &mut Oddities) -> Actor {
    let Some(caller) = caller.and_then(trimmed) else { return actor };
    if actor.is_known() {
        return actor;
    }
    odd.note(field, format!("is all that says who called: `{}`", shorten(&caller)));
    if is_guid(&caller) {
        actor.object_id = Some(caller);
    } else {
        actor.kind = if caller.contains('@') { ActorKind::EntraUser } else { ActorKind::Unknown };
        actor.user_name = Some(caller);
        actor.is_alias = true;
    }
    actor
}

fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Returns an address without its port, as some records write one; any other text as it is.
pub(super) fn address(text: &str) -> String {
    let text = text.trim();
    if text.parse::<IpAddr>().is_ok() {
        return text.to_owned();
    }
    text.parse::<SocketAddr>().map_or_else(|_| text.to_owned(), |socket| socket.ip().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_without_its_port() {
        for (written, kept) in [
            ("192.0.2.10", "192.0.2.10"),
            ("192.0.2.10:28915", "192.0.2.10"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("X.X.X.X", "X.X.X.X"),
        ] {
            assert_eq!(address(written), kept);
        }
    }
}
