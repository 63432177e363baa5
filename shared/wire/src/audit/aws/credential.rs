//! With what was called: the id of the access key, the second factor, who vouched for a federated caller, since when.

use reprieve_core::audit::Credential;

use super::text;
use crate::cloudtrail::time;
use crate::fields::{Fields, Oddities};

/// Part of the path of every role that IAM Identity Center makes.
const IDENTITY_CENTER: &str = "aws-reserved/sso.amazonaws.com";

/// Reads `userIdentity`.
pub(super) fn read(record: &Fields<'_>) -> Credential {
    let odd = &mut Oddities::default();
    let identity = record.object("userIdentity", odd);
    let session = identity.object("sessionContext", odd);
    let attributes = session.object("attributes", odd);
    Credential {
        // Sessions of Identity Center name their credential, and have no access key.
        id: text(&identity, "accessKeyId").or_else(|| text(&identity, "credentialId")),
        mfa: attributes.flag("mfaAuthenticated", odd),
        identity_provider: identity_provider(&identity, &session),
        created_at: time::read(&attributes, "creationDate", odd),
    }
}

fn identity_provider(identity: &Fields<'_>, session: &Fields<'_>) -> Option<String> {
    let odd = &mut Oddities::default();
    let federation = session.object("webIdFederationData", odd);
    let on_behalf_of = identity.object("onBehalfOf", odd);
    let issuer = text(&session.object("sessionIssuer", odd), "arn");
    text(&federation, "federatedProvider")
        .or_else(|| text(identity, "identityProvider"))
        .or_else(|| text(&on_behalf_of, "identityStoreArn"))
        .or_else(|| issuer.filter(|arn| arn.contains(IDENTITY_CENTER)).map(|_| "sso.amazonaws.com".to_owned()))
}
