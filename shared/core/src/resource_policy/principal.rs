//! Who a statement is about: everybody, accounts, roles, sessions of roles, users and services, or all but those.

use serde_json::{Map, Value};

use super::Principal;
use super::document::{Effect, texts};

/// The `Principal` or `NotPrincipal` of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Principals {
    These(Vec<Entry>),
    AllBut(Vec<Entry>),
    /// A resource-based policy needs one; a statement without has no effect.
    Missing,
}

/// One of those who are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Everybody,
    /// An account, by its root's ARN or its id.
    Account(String),
    /// A session of a role.
    Session {
        account: String,
        role: String,
        session: String,
    },
    /// A role, by its name without the path: it is unique in its account without it.
    Role {
        account: String,
        role: String,
    },
    Service(String),
    /// Any other ARN or id. A role or user that was deleted shows as an id, which nobody else ever has.
    Other(String),
}

/// How a principal is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    Itself,
    Account,
    Not,
    Unclear(String),
}

impl Principals {
    /// Reads the statement's principals.
    pub(super) fn read(fields: &Map<String, Value>) -> Result<Self, String> {
        match (fields.get("Principal"), fields.get("NotPrincipal")) {
            (Some(value), None) => Ok(Self::These(entries(value)?)),
            (None, Some(value)) => Ok(Self::AllBut(entries(value)?)),
            (None, None) => Ok(Self::Missing),
            (Some(_), Some(_)) => Err("`Principal` and `NotPrincipal` exclude each other".to_owned()),
        }
    }

    /// Says how a principal is named by a statement of this effect.
    pub(super) fn name(&self, principal: Principal<'_>, effect: Effect) -> Named {
        match self {
            Self::These(entries) => best(entries, principal),
            Self::AllBut(entries) => all_but(entries, principal, effect),
            Self::Missing => Named::Not,
        }
    }
}

fn best(entries: &[Entry], principal: Principal<'_>) -> Named {
    let named: Vec<Named> = entries.iter().map(|entry| entry.name(principal)).collect();
    let certain = [Named::Itself, Named::Account].into_iter().find(|wanted| named.contains(wanted));
    certain.or_else(|| named.into_iter().find(|named| *named != Named::Not)).unwrap_or(Named::Not)
}

/// "`NotPrincipal` with Deny" in the IAM User Guide: a session is spared only where session, role and account are all named, a user
/// only where user and account are. Where some of them are not, access *might* be denied, the guide says.
fn all_but(entries: &[Entry], principal: Principal<'_>, effect: Effect) -> Named {
    let named: Vec<Named> = entries.iter().map(|entry| entry.name(principal)).collect();
    let account_is_named = named.contains(&Named::Account);
    let is_named = named.iter().any(|named| matches!(named, Named::Itself | Named::Unclear(_)));
    let is_spared_for_certain = match (principal, effect) {
        (Principal::Service(_), Effect::Allow | Effect::Deny) => is_named,
        (Principal::Aws { .. }, Effect::Allow) => is_named || account_is_named,
        (Principal::Aws { arn, .. }, Effect::Deny) => {
            entries.contains(&Entry::Everybody) || (account_is_named && is_named_in_full(entries, principal, arn))
        }
    };
    match (is_spared_for_certain, is_named) {
        (true, _) => Named::Not,
        (false, true) => Named::Unclear("`NotPrincipal` spares a session only where session, role and account are all named".to_owned()),
        (false, false) => Named::Itself,
    }
}

fn is_named_in_full(entries: &[Entry], principal: Principal<'_>, arn: &str) -> bool {
    let itself = Entry::of_text(arn);
    let names_role = entries.iter().any(|entry| matches!(entry, Entry::Role { .. }) && entry.name(principal) == Named::Itself);
    match itself {
        // What its sessions are called is not known.
        Entry::Role { .. } => false,
        Entry::Session { .. } => names_role && entries.contains(&itself),
        Entry::Everybody | Entry::Account(_) | Entry::Service(_) | Entry::Other(_) => entries.contains(&itself),
    }
}

impl Entry {
    fn of_text(text: &str) -> Self {
        if text == "*" {
            return Self::Everybody;
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::Account(text.to_owned());
        }
        Self::of_arn(text).unwrap_or_else(|| Self::Other(text.to_owned()))
    }

    fn of_arn(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
        let (_partition, service, region, account, resource) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let account = account.to_owned();
        let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
        match (service, region, kind) {
            ("iam", "", "root") => Some(Self::Account(account)),
            ("iam", "", "role") => Some(Self::Role { account, role: name.rsplit_once('/').map_or(name, |(_, name)| name).to_owned() }),
            ("sts", "", "assumed-role") => {
                let (role, session) = name.split_once('/')?;
                Some(Self::Session { account, role: role.to_owned(), session: session.to_owned() })
            }
            _ => None,
        }
    }

    /// Says how this entry names the principal.
    fn name(&self, principal: Principal<'_>) -> Named {
        let (arn, of_account) = match (self, principal) {
            (Self::Everybody, _) => return Named::Itself,
            (Self::Service(service), Principal::Service(asking)) => {
                return if service.eq_ignore_ascii_case(asking) { Named::Itself } else { Named::Not };
            }
            (Self::Service(_), Principal::Aws { .. })
            | (Self::Account(_) | Self::Session { .. } | Self::Role { .. } | Self::Other(_), Principal::Service(_)) => return Named::Not,
            (Self::Account(_) | Self::Session { .. } | Self::Role { .. } | Self::Other(_), Principal::Aws { arn, account }) => {
                (arn, account)
            }
        };
        match (self, Self::of_text(arn)) {
            (Self::Account(account), _) if account == of_account => Named::Account,
            (Self::Role { account, role }, Self::Session { account: asking, role: of_role, .. })
                if *account == asking && *role == of_role =>
            {
                Named::Itself
            }
            (Self::Session { account, role, session }, Self::Role { account: asking, role: of_role })
                if *account == asking && *role == of_role =>
            {
                Named::Unclear(format!("it names the session `{session}` alone, and the role's sessions may be called otherwise"))
            }
            (named, asking) if *named == asking => Named::Itself,
            (_, _) => Named::Not,
        }
    }
}

fn entries(value: &Value) -> Result<Vec<Entry>, String> {
    let kinds = match value {
        Value::String(text) if text == "*" => return Ok(vec![Entry::Everybody]),
        Value::Object(kinds) => kinds,
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            return Err(format!("`{value}` is no principal"));
        }
    };
    let mut entries = Vec::new();
    for (kind, names) in kinds {
        for name in texts(names)? {
            entries.push(match kind.as_str() {
                "AWS" => Entry::of_text(&name),
                "Service" => Entry::Service(name),
                _ => Entry::Other(name), // federated and canonical users, which no role is
            });
        }
    }
    Ok(entries)
}
