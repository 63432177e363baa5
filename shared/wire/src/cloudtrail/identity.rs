//! Who called: CloudTrail's `userIdentity`, of every published kind, to an [`Actor`].
//!
//! A role is taken from the session's issuer, which keeps its path; only where that is missing, from the session's own ARN. An issuer
//! that is no role is the user, or the root user, who made a federated session, and is kept, because the session's name was their choice.

use std::net::IpAddr;

use reprieve_core::{Actor, ActorKind, EventForm, RoleArn};

use super::read_account;
use crate::error::shorten;
use crate::fields::{Fields, Oddities};

pub(super) fn read(record: &Fields<'_>, form: EventForm, odd: &mut Oddities) -> Actor {
    let identity = record.object("userIdentity", odd);
    let source_address = source_address(record, odd);
    let user_agent = record.text_or_list("userAgent", odd);
    if !identity.is_present() {
        if form != EventForm::ServiceEvent && record.value("userIdentity", odd).is_none() {
            odd.note(record.path("userIdentity"), "is missing: who called is not known");
        }
        return Actor { source_address, user_agent, ..Actor::unknown() };
    }
    let kind = kind(&identity, form, odd);
    let session = identity.object("sessionContext", odd);
    let issuer = session.object("sessionIssuer", odd);
    let arn = identity.text("arn", odd);
    let principal_id = identity.text("principalId", odd);
    let session_parts = arn.as_deref().and_then(assumed_role_parts);
    let session_name = session_parts
        .map(|(_, name)| name.to_owned())
        .or_else(|| (kind == ActorKind::AssumedRole).then(|| principal_id.as_deref()?.split_once(':').map(|(_, name)| name.to_owned()))?);
    let role = role(&kind, arn.as_deref(), &issuer, odd);
    let is_no_role = |issuer: &String| issuer.starts_with("arn:") && RoleArn::parse(issuer).is_err() && arn.as_ref() != Some(issuer);
    let issued_by = issuer.text("arn", odd).filter(is_no_role);
    let on_behalf_of = identity.object("onBehalfOf", odd);
    Actor {
        account: read_account(&identity, "accountId", odd),
        user_name: identity.text("userName", odd).or_else(|| on_behalf_of.text("userId", odd)),
        role,
        session_name,
        source_identity: session.text("sourceIdentity", odd),
        issuer: issued_by,
        invoked_by: identity.text("invokedBy", odd),
        source_address,
        user_agent,
        arn,
        kind,
        ..Actor::unknown()
    }
}

/// Where the call came from: an address, a service's name, `AWS Internal`; anything else is kept, with a note.
fn source_address(record: &Fields<'_>, odd: &mut Oddities) -> Option<String> {
    let address = record.text("sourceIPAddress", odd)?;
    let is_usual = address.parse::<IpAddr>().is_ok() || address.contains(".amazonaws.com") || address == "AWS Internal";
    if !is_usual {
        odd.note(record.path("sourceIPAddress"), format!("is neither an address nor a service: `{}`", shorten(&address)));
    }
    Some(address)
}

fn kind(identity: &Fields<'_>, form: EventForm, odd: &mut Oddities) -> ActorKind {
    let Some(kind) = identity.text("type", odd) else {
        let by_a_service = form == EventForm::ServiceEvent || identity.text("invokedBy", odd).is_some();
        if !by_a_service {
            odd.note(identity.path("type"), "is missing");
        }
        return ActorKind::Unknown;
    };
    match kind.as_str() {
        "Root" => ActorKind::Root,
        "IAMUser" => ActorKind::IamUser,
        "AssumedRole" => ActorKind::AssumedRole,
        "Role" => ActorKind::Role,
        "FederatedUser" => ActorKind::FederatedUser,
        "AWSAccount" => ActorKind::AwsAccount,
        "AWSService" => ActorKind::AwsService,
        "IdentityCenterUser" => ActorKind::IdentityCenterUser,
        "SAMLUser" | "WebIdentityUser" | "Directory" => ActorKind::ExternalUser,
        "Unknown" => ActorKind::Unknown,
        other => {
            odd.note(identity.path("type"), format!("is of an unknown kind: `{}`", shorten(other)));
            ActorKind::Other(other.to_owned())
        }
    }
}

fn role(kind: &ActorKind, arn: Option<&str>, issuer: &Fields<'_>, odd: &mut Oddities) -> Option<RoleArn> {
    if *kind == ActorKind::Role {
        return arn.and_then(|arn| RoleArn::parse(arn).ok());
    }
    if let Some(role) = issuer.text("arn", odd).and_then(|text| RoleArn::parse(&text).ok()) {
        return Some(role);
    }
    let (role, _) = arn.and_then(assumed_role_parts)?;
    let account = arn?.split(':').nth(4)?;
    let partition = arn?.split(':').nth(1)?;
    let role = RoleArn::parse(&format!("arn:{partition}:iam::{account}:role/{role}")).ok()?;
    odd.note(issuer.path("arn"), "names no role; the role is taken from the session's ARN, which leaves its path out");
    Some(role)
}

/// The role's name and the session's, out of `arn:...:sts::...:assumed-role/NAME/SESSION`.
fn assumed_role_parts(arn: &str) -> Option<(&str, &str)> {
    arn.splitn(6, ':').nth(5)?.strip_prefix("assumed-role/")?.split_once('/')
}
