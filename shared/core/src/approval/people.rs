//! Whether two approvers are two people, as far as their names tell. Pure.
//!
//! A name tells one approver from another only where both have a name of the same kind: a principal name and an object id of Microsoft
//! Entra ID may be one person's, and so may a role and a user or a session of another role. What it must not do: compare an approver with
//! the caller, of whom a log says more than one name; `Actor::may_hide` does.

use std::collections::BTreeSet;

use crate::actor::identities_of_name;

/// What the names of two approvers say of the people behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    /// They are two.
    Two,
    /// They may be one: a name of the one is a name of the other.
    One,
    /// It cannot be told: there is no kind of name that both have.
    Untold,
}

impl People {
    /// Compares two approvers of a resource, by every way in which each of them can be named.
    #[must_use]
    pub fn of(one: &BTreeSet<String>, other: &BTreeSet<String>, resource: &str) -> Self {
        if !one.is_disjoint(other) {
            return Self::One;
        }
        let in_azure = resource.starts_with("/subscriptions/");
        if kinds(one, in_azure).is_disjoint(&kinds(other, in_azure)) { Self::Untold } else { Self::Two }
    }

    /// Compares two approvers of a resource, by the names that their approvals give.
    #[must_use]
    pub fn named(one: &str, other: &str, resource: &str) -> Self {
        Self::of(&identities_of_name(one), &identities_of_name(other), resource)
    }
}

/// Returns the kinds of name by which an approver is told from another. In Azure a name without `@` is no principal name. A role tells only
/// where it is all that is said: whoever is in a session of one role may be in another too. Whoever makes a federated session chooses its
/// name, and its ARN does not say who made it, so that it is told from nobody.
fn kinds(identities: &BTreeSet<String>, in_azure: bool) -> BTreeSet<&str> {
    if identities.iter().any(|identity| is_federated(identity)) {
        return BTreeSet::new();
    }
    let names_a_person = identities.iter().any(|identity| identity.starts_with("person:"));
    let tells = |kind: &str, name: &str| match kind {
        "person" => !in_azure || name.contains('@'),
        "role" => !names_a_person,
        "object" | "application" => true,
        _ => false,
    };
    let named = identities.iter().filter_map(|identity| identity.split_once(':'));
    named.filter(|(kind, name)| tells(kind, name)).map(|(kind, _)| kind).collect()
}

fn is_federated(identity: &str) -> bool {
    let usual = identity.to_ascii_lowercase();
    usual.starts_with("arn:") && usual.contains(":federated-user/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/rg/providers/microsoft.keyvault/vaults/kv-prod";
    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd";

    #[track_caller]
    fn check(resource: &str, one: &str, other: &str, expected: People) {
        assert_eq!(People::named(one, other, resource), expected, "{one}, {other}");
        assert_eq!(People::named(other, one, resource), expected, "{other}, {one}");
    }

    #[test]
    fn in_azure_two_names_of_one_kind_alone_are_of_two_people() {
        for (one, other, expected) in [
            ("carol@example.com", "dave@example.com", People::Two),
            ("object:c1", "object:d1", People::Two),
            ("application:c2", "application:d2", People::Two),
            ("carol@example.com", "Carol@Example.com", People::One),
            ("object:c1", "Object:C1", People::One),
            ("carol@example.com", "object:c1", People::Untold),
            ("carol@example.com", "application:c2", People::Untold),
            ("object:c1", "application:c2", People::Untold),
            // A name to show may be that of whoever has the principal name.
            ("carol@example.com", "Carol Example", People::Untold),
            ("Carol Example", "Dave Example", People::Untold),
        ] {
            check(VAULT, one, other, expected);
        }
    }

    #[test]
    fn on_aws_people_and_roles_are_told_apart_and_not_a_person_from_a_role() {
        let session = |role: &str, name: &str| format!("arn:aws:sts::111122223333:assumed-role/{role}/{name}");
        let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
        let user = |name: &str| format!("arn:aws:iam::111122223333:user/ops/{name}");
        for (one, other, expected) in [
            ("carol".to_owned(), "dave@example.com".to_owned(), People::Two),
            (user("carol"), user("dave"), People::Two),
            (user("carol"), session("Risk", "dave"), People::Two),
            (session("Risk", "carol"), session("Security", "dave"), People::Two),
            (role("Risk"), role("Security"), People::Two),
            (user("carol"), session("Risk", "carol"), People::One),
            // Whoever may assume a role chooses the session's name.
            (session("Risk", "carol"), session("Risk", "dave"), People::One),
            (session("Risk", "carol"), role("platform/Risk"), People::One),
            // A role alone names nobody: she may hold it too.
            (user("carol"), role("Risk"), People::Untold),
            (session("Risk", "carol"), role("Security"), People::Untold),
            ("carol@example.com".to_owned(), role("Risk"), People::Untold),
            (user("carol"), "arn:aws:iam::111122223333:root".to_owned(), People::Untold),
        ] {
            check(KEY, &one, &other, expected);
        }
    }

    #[test]
    fn a_federated_session_is_told_from_nobody() {
        let bob = "arn:aws:sts::111122223333:federated-user/bob";
        for (other, expected) in [
            ("arn:aws:iam::111122223333:user/alice", People::Untold),
            ("arn:aws:sts::111122223333:assumed-role/Security/alice", People::Untold),
            ("arn:aws:sts::111122223333:federated-user/alice", People::Untold),
            ("alice", People::Untold),
            ("ARN:AWS:STS::111122223333:FEDERATED-USER/bob", People::One),
            ("bob", People::One),
        ] {
            check(KEY, bob, other, expected);
        }
    }
}
