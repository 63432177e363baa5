//! Who called, as far as the provider says: the person, the role and session, the service.
//!
//! Two strings can name one person; `identities` is the set by which an approver is compared with an actor.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, RoleArn};

/// The kind of identity, after CloudTrail's `userIdentity.type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActorKind {
    /// The account's root user.
    Root,
    /// An IAM user.
    IamUser,
    /// A session of an IAM role.
    AssumedRole,
    /// A role itself, before a session.
    Role,
    /// A federated session (`GetFederationToken`).
    FederatedUser,
    /// Another AWS account.
    AwsAccount,
    /// An AWS service.
    AwsService,
    /// An IAM Identity Center user; has no ARN.
    IdentityCenterUser,
    /// A SAML or web-identity caller.
    ExternalUser,
    /// A person in Microsoft Entra ID, who called through some application.
    EntraUser,
    /// An application or managed identity in Microsoft Entra ID.
    ServicePrincipal,
    /// A person with a Google account, or in a workforce identity pool.
    GoogleUser,
    /// A service account or another workload in Google Cloud.
    GoogleServiceAccount,
    /// No identity was given: service events, and what a sweep finds.
    Unknown,
    /// A kind that this version does not know.
    Other(String),
}

/// Who called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The kind of identity.
    pub kind: ActorKind,
    /// The full ARN, where the kind has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The account that the identity belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The user name is no principal name of Microsoft Entra ID but an alias, a mail address or a display name: people read it, and nobody
    /// is compared by it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_alias: bool,
    /// The role behind a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleArn>,
    /// The session's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
    /// `sourceIdentity`, which survives role chaining.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// The ARN of the user who made a federated session, or of the root user: whoever calls `GetFederationToken` chooses the session's
    /// name. The role behind any other session stands in `role`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The object id in Microsoft Entra ID (`oid`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// The application in Microsoft Entra ID (`appid`). Under a person, it is only what the person called through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<String>,
    /// The tenant of Microsoft Entra ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The AWS service that called on somebody's behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<String>,
    /// Where from: an address, a service name, or odd text, as logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_address: Option<String>,
    /// The user agent as logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

impl Actor {
    /// Returns an actor of whom nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            kind: ActorKind::Unknown,
            arn: None,
            account: None,
            user_name: None,
            is_alias: false,
            role: None,
            session_name: None,
            source_identity: None,
            issuer: None,
            object_id: None,
            app_id: None,
            tenant_id: None,
            invoked_by: None,
            source_address: None,
            user_agent: None,
        }
    }

    /// Says whether anything identifies the caller.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.user_name.is_some() || !self.identities().is_empty()
    }

    /// Says whether the caller is a session of exactly this role.
    #[must_use]
    pub fn is_role(&self, role: &RoleArn) -> bool {
        self.role.as_ref() == Some(role)
    }

    /// Returns every way in which this caller can be named: ARN, role, and `person:` names in lower case. An alias is none.
    #[must_use]
    pub fn identities(&self) -> BTreeSet<String> {
        let mut identities = BTreeSet::new();
        if let Some(role) = &self.role {
            identities.insert(role.to_string());
            identities.extend(role_of_arn(role.as_str()));
        }
        let user_name = self.user_name.as_ref().filter(|_| !self.is_alias);
        let names = [user_name, self.session_name.as_ref(), self.source_identity.as_ref()];
        identities.extend(names.into_iter().flatten().map(|name| person(name)));
        identities.extend(self.object_id.as_ref().map(|id| format!("object:{}", id.to_ascii_lowercase())));
        // Everybody shares the application of the portal or the command line: it names nobody but itself.
        if self.kind == ActorKind::ServicePrincipal {
            identities.extend(self.app_id.as_ref().map(|id| format!("application:{}", id.to_ascii_lowercase())));
        }
        // Whoever made a federated session is who acts in it, whatever name they gave it.
        for arn in [&self.arn, &self.issuer].into_iter().flatten() {
            identities.insert(arn.clone());
            identities.extend(person_of_arn(arn));
            identities.extend(role_of_arn(arn));
        }
        identities
    }

    /// Says whether it cannot be told that this caller and an approver of these identities are two. Microsoft Entra ID names a person by
    /// a principal name and an object id, an application by an object id and an application id: where the caller lacks the one by which
    /// the approver is named, they may be the same. An alias is no principal name, nor is a name without `@`; of whoever is known by an
    /// alias or an object id alone, nothing says whether it is a person.
    #[must_use]
    pub fn may_hide(&self, approver: &BTreeSet<String>) -> bool {
        let is_named_by = |kind: &str| approver.iter().any(|name| name.starts_with(kind));
        let signs_in = !self.is_alias && self.user_name.as_ref().is_some_and(|name| name.contains('@'));
        let lacks_object = self.object_id.is_none() && is_named_by("object:");
        let lacks_name = !signs_in && is_named_by("person:");
        let lacks_application = self.app_id.is_none() && is_named_by("application:");
        let lacks = match self.kind {
            ActorKind::EntraUser => lacks_object || lacks_name,
            ActorKind::ServicePrincipal => lacks_object || lacks_application,
            ActorKind::Unknown => {
                let is_of_entra = self.object_id.is_some() || self.is_alias;
                is_of_entra && (lacks_object || lacks_name || lacks_application)
            }
            ActorKind::Root
            | ActorKind::IamUser
            | ActorKind::AssumedRole
            | ActorKind::Role
            | ActorKind::FederatedUser
            | ActorKind::AwsAccount
            | ActorKind::AwsService
            | ActorKind::IdentityCenterUser
            | ActorKind::ExternalUser
            | ActorKind::GoogleUser
            | ActorKind::GoogleServiceAccount
            | ActorKind::Other(_) => false,
        };
        lacks && self.identities().is_disjoint(approver)
    }

    /// Returns a short name for sentences: the person first, then the role.
    #[must_use]
    pub fn display_name(&self) -> String {
        let short_role = self.role.as_ref().and_then(|role| role.as_str().rsplit('/').next());
        match (&self.user_name, &self.session_name, short_role, &self.arn, &self.invoked_by) {
            (Some(user), ..) => user.clone(),
            (None, Some(session), Some(role), ..) => format!("{session} as {role}"),
            (None, _, _, Some(arn), _) => arn.clone(),
            (None, _, _, None, Some(service)) => service.clone(),
            (None, _, Some(role), None, None) => role.to_owned(),
            (None, _, None, None, None) => match &self.kind {
                ActorKind::Root => "the root user".to_owned(),
                ActorKind::AwsService => "an AWS service".to_owned(),
                ActorKind::IamUser
                | ActorKind::AssumedRole
                | ActorKind::Role
                | ActorKind::FederatedUser
                | ActorKind::AwsAccount
                | ActorKind::IdentityCenterUser
                | ActorKind::ExternalUser
                | ActorKind::EntraUser
                | ActorKind::ServicePrincipal
                | ActorKind::GoogleUser
                | ActorKind::GoogleServiceAccount
                | ActorKind::Unknown
                | ActorKind::Other(_) => self.entra_name(),
            },
        }
    }

    fn entra_name(&self) -> String {
        match (&self.app_id, &self.object_id) {
            (Some(application), _) if self.kind == ActorKind::ServicePrincipal => format!("application {application}"),
            (_, Some(object)) => format!("principal {object}"),
            (Some(_) | None, None) => "an unknown caller".to_owned(),
        }
    }
}

/// Returns every way in which a named approver can be the same person as an actor.
///
/// A role names all its sessions, and so does any session of it: whoever may assume a role chooses the session's name, so two
/// sessions of one role may be one person. A session or user also names the person; any other text is a person's name.
/// An ARN in other letters, or with a slash too many, names the same. `object:ID` and `application:ID` name a principal of
/// Microsoft Entra ID.
#[must_use]
pub fn identities_of_name(name: &str) -> BTreeSet<String> {
    let usual = name.to_ascii_lowercase();
    if usual.starts_with("object:") || usual.starts_with("application:") {
        return BTreeSet::from([usual.trim().to_owned()]);
    }
    if !usual.starts_with("arn:") {
        return BTreeSet::from([person(name)]);
    }
    let mut identities = BTreeSet::from([name.to_owned()]);
    for arn in [name, usual.trim_end_matches('/')] {
        identities.extend(person_of_arn(arn));
        identities.extend(role_of_arn(arn));
    }
    identities
}

fn person(name: &str) -> String {
    format!("person:{}", name.trim().to_lowercase())
}

/// The person in the ARN of a user or of a session; a bare role and the root user name no person.
fn person_of_arn(arn: &str) -> Option<String> {
    let resource = arn.splitn(6, ':').nth(5)?;
    let (kind, path) = resource.split_once('/')?;
    let name = path.rsplit('/').next()?;
    matches!(kind, "user" | "assumed-role" | "federated-user").then(|| person(name))
}

/// The role in the ARN of a role or of a session: its account and name, which are unique together, without the path that only the
/// role's own ARN shows.
fn role_of_arn(arn: &str) -> Option<String> {
    let mut parts = arn.splitn(6, ':');
    let (account, resource) = (parts.nth(4)?, parts.next()?);
    let (kind, path) = resource.split_once('/')?;
    let name = match kind {
        "role" => path.rsplit('/').next()?,
        "assumed-role" => path.split('/').next()?,
        _ => return None,
    };
    Some(format!("role:{account}/{}", name.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(role: &str, name: &str) -> Actor {
        Actor {
            kind: ActorKind::AssumedRole,
            arn: Some(format!("arn:aws:sts::111122223333:assumed-role/{role}/{name}")),
            role: Some(RoleArn::parse(&format!("arn:aws:iam::111122223333:role/{role}")).unwrap()),
            session_name: Some(name.to_owned()),
            ..Actor::unknown()
        }
    }

    #[test]
    fn one_person_is_recognised_under_every_name() {
        let alice = session("Admin", "alice@example.com");
        for (approver, same) in [
            ("alice@example.com", true),
            ("Alice@Example.com", true),
            ("arn:aws:sts::111122223333:assumed-role/Approver/alice@example.com", true),
            ("arn:aws:iam::111122223333:user/alice@example.com", true),
            ("arn:aws:iam::111122223333:role/Admin", true),
            // Whoever may assume a role chooses the session's name.
            ("arn:aws:sts::111122223333:assumed-role/Admin/bob@example.com", true),
            ("arn:aws:sts::111122223333:assumed-role/Approver/bob@example.com", false),
            ("arn:aws:sts::999988887777:assumed-role/Admin/bob@example.com", false),
            ("arn:aws:iam::111122223333:role/platform/admins/Admin", true),
            ("bob@example.com", false),
            ("arn:aws:iam::111122223333:role/Approver", false),
        ] {
            assert_eq!(!alice.identities().is_disjoint(&identities_of_name(approver)), same, "{approver}");
        }
    }

    #[test]
    fn a_federated_session_is_whoever_made_it_too() {
        let federated = |issuer: &str| Actor {
            kind: ActorKind::FederatedUser,
            arn: Some("arn:aws:sts::111122223333:federated-user/bob".to_owned()),
            issuer: Some(issuer.to_owned()),
            ..Actor::unknown()
        };
        let (by_alice, by_root) = (federated("arn:aws:iam::111122223333:user/ops/Alice"), federated("arn:aws:iam::111122223333:root"));
        for (session, approver, same) in [
            (&by_alice, "arn:aws:iam::111122223333:user/ops/Alice", true),
            (&by_alice, "alice", true),
            (&by_alice, "bob", true),
            (&by_alice, "carol", false),
            (&by_alice, "arn:aws:iam::111122223333:root", false),
            (&by_root, "arn:aws:iam::111122223333:root", true),
            (&by_root, "arn:aws:iam::444455556666:root", false),
        ] {
            assert_eq!(!session.identities().is_disjoint(&identities_of_name(approver)), same, "{approver}");
        }
    }

    #[test]
    fn who_is_named_in_another_way_may_be_the_approver() {
        let text = |text: &str| Some(text.to_owned());
        let alice = Actor { kind: ActorKind::EntraUser, user_name: text("alice@example.com"), object_id: text("A1"), ..Actor::unknown() };
        let robot = Actor { kind: ActorKind::ServicePrincipal, object_id: text("B1"), app_id: text("B2"), ..Actor::unknown() };
        let nameless = Actor { user_name: None, ..alice.clone() };
        let displayed = Actor { user_name: text("Alice Example"), ..alice.clone() };
        let under_alias = Actor { user_name: text("ally@example.com"), is_alias: true, ..alice.clone() };
        let object_alone = Actor { object_id: text("A1"), ..Actor::unknown() };
        let alias_alone = Actor { user_name: text("ally@example.com"), is_alias: true, ..Actor::unknown() };
        let without_object = |actor: &Actor| Actor { object_id: None, ..actor.clone() };
        for (what, caller, approver, may_hide) in [
            ("both names", &alice, "carol@example.com", false),
            ("both names, an object id", &alice, "object:c1", false),
            ("the same name", &alice, "alice@example.com", false),
            ("no name", &nameless, "alice@example.com", true),
            ("no name, the same object id", &nameless, "object:a1", false),
            ("no name, another object id", &nameless, "object:c1", false),
            ("a name to show alone", &displayed, "alice@example.com", true),
            ("an alias", &under_alias, "alice@example.com", true),
            ("an alias, and an approver of that name", &under_alias, "ally@example.com", true),
            ("an alias, another object id", &under_alias, "object:c1", false),
            ("an object id alone", &object_alone, "alice@example.com", true),
            ("an object id alone, and an application", &object_alone, "application:b2", true),
            ("an object id alone, the same one", &object_alone, "object:a1", false),
            ("an object id alone, another one", &object_alone, "object:c1", false),
            ("an alias alone", &alias_alone, "alice@example.com", true),
            ("an alias alone, and an object id", &alias_alone, "object:a1", true),
            ("nobody at all", &Actor::unknown(), "alice@example.com", false),
            ("no object id", &without_object(&alice), "object:a1", true),
            ("no object id, a name", &without_object(&alice), "carol@example.com", false),
            ("a person, and an application", &nameless, "application:b2", false),
            ("an application, and a person", &robot, "carol@example.com", false),
            ("an application without object id", &without_object(&robot), "object:c1", true),
            ("an application without its id", &Actor { app_id: None, ..robot.clone() }, "application:b2", true),
            ("a session on AWS", &session("Admin", "alice"), "object:a1", false),
        ] {
            assert_eq!(caller.may_hide(&identities_of_name(approver)), may_hide, "{what}");
        }
    }

    #[test]
    fn an_actor_without_an_issuer_is_written_as_before() {
        let alice = session("Admin", "alice");
        let written = serde_json::to_string(&alice).unwrap();
        assert!(!written.contains("issuer"), "{written}");
        assert_eq!(serde_json::from_str::<Actor>(&written).unwrap(), alice);
    }

    #[test]
    fn an_alias_is_read_by_people_and_compared_with_nobody() {
        let alias =
            Actor { kind: ActorKind::EntraUser, user_name: Some("ally@example.com".to_owned()), is_alias: true, ..Actor::unknown() };
        assert!(alias.identities().is_empty());
        assert!(alias.is_known());
        assert_eq!(alias.display_name(), "ally@example.com");
        let written = serde_json::to_string(&alias).unwrap();
        assert_eq!(serde_json::from_str::<Actor>(&written).unwrap(), alias);
        let named = serde_json::to_string(&Actor { is_alias: false, ..alias }).unwrap();
        assert!(!named.contains("is_alias"), "one who is named is written as before: {named}");
    }

    #[test]
    fn nobody_is_known_without_a_name() {
        assert!(!Actor::unknown().is_known());
        assert!(session("Admin", "a").is_known());
    }
}
