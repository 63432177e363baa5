//! Who made a call, as CloudTrail's `userIdentity` tells it.
//!
//! The emulator knows its users and sessions (Lambda execution roles among them); principals that exist nowhere else
//! are registered here. Must not authorize anything.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Describes a principal that a test or a demo brings along, with the access key it signs with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The access key id that it signs with.
    pub access_key_id: String,
    /// `arn:aws:iam::<account>:user/<name>`, `arn:aws:sts::<account>:assumed-role/<role>/<session>` or
    /// `arn:aws:iam::<account>:root`.
    pub arn: String,
    /// Unique id, such as `AIDA...`; made up when empty.
    #[serde(default)]
    pub principal_id: String,
    /// ARN of the role behind a session, where it holds a path; told from the session's ARN when absent.
    #[serde(default)]
    pub role_arn: Option<String>,
    /// When the session began, in seconds since the epoch.
    #[serde(default)]
    pub session_began: Option<i64>,
}

impl Principal {
    /// Makes a principal of an access key id and the ARN of a user, an assumed role's session or a root user.
    #[must_use]
    pub fn new(access_key_id: &str, arn: &str) -> Self {
        Self {
            access_key_id: access_key_id.to_owned(),
            arn: arn.to_owned(),
            principal_id: String::new(),
            role_arn: None,
            session_began: None,
        }
    }
}

/// The credentials of a session of a role.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SessionCredentials {
    /// The access key id.
    #[serde(rename = "AWS_ACCESS_KEY_ID")]
    pub access_key_id: String,
    /// The secret access key.
    #[serde(rename = "AWS_SECRET_ACCESS_KEY")]
    pub secret_access_key: String,
    /// The session token.
    #[serde(rename = "AWS_SESSION_TOKEN")]
    pub session_token: String,
}

/// The kind of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Root,
    IamUser { name: String },
    AssumedRole { role_name: String, role_arn: String, role_id: String },
}

/// Describes the caller of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    kind: Kind,
    pub(crate) arn: String,
    pub(crate) account: String,
    principal_id: String,
    access_key_id: String,
    session_began: Option<Timestamp>,
}

impl Caller {
    /// The root user of an account, which is whom dummy credentials stand for.
    pub(crate) fn root(account: &str, access_key_id: &str) -> Self {
        Self {
            kind: Kind::Root,
            arn: format!("arn:aws:iam::{account}:root"),
            account: account.to_owned(),
            principal_id: account.to_owned(),
            access_key_id: access_key_id.to_owned(),
            session_began: None,
        }
    }

    /// Reads a principal; `None` when its ARN names no user, session or root user.
    pub(crate) fn of(principal: &Principal) -> Option<Self> {
        let mut parts = principal.arn.splitn(6, ':').skip(4);
        let (account, resource) = (parts.next()?, parts.next()?);
        let kind = match resource.split_once('/') {
            None if resource == "root" => return Some(Self::root(account, &principal.access_key_id)),
            Some(("user", path)) => Kind::IamUser { name: path.rsplit('/').next().unwrap_or(path).to_owned() },
            Some(("assumed-role", session)) => {
                let (role_name, _) = session.split_once('/')?;
                let role_arn = principal.role_arn.clone().unwrap_or_else(|| format!("arn:aws:iam::{account}:role/{role_name}"));
                let role_id = principal.principal_id.split(':').next().unwrap_or_default();
                let role_id = if role_id.is_empty() { made_up_id("AROA", role_name) } else { role_id.to_owned() };
                Kind::AssumedRole { role_name: role_name.to_owned(), role_arn, role_id }
            }
            _ => return None,
        };
        let principal_id = match &kind {
            Kind::AssumedRole { role_id, .. } => {
                format!("{role_id}:{}", resource.rsplit('/').next().unwrap_or_default())
            }
            Kind::IamUser { name } if principal.principal_id.is_empty() => made_up_id("AIDA", name),
            Kind::IamUser { .. } | Kind::Root => principal.principal_id.clone(),
        };
        Some(Self {
            kind,
            arn: principal.arn.clone(),
            account: account.to_owned(),
            principal_id,
            access_key_id: principal.access_key_id.clone(),
            session_began: principal.session_began.and_then(|seconds| Timestamp::from_second(seconds).ok()),
        })
    }

    /// Returns CloudTrail's `userIdentity`.
    pub(crate) fn user_identity(&self, now: Timestamp) -> Value {
        let mut identity = json!({
            "type": match self.kind {
                Kind::Root => "Root",
                Kind::IamUser { .. } => "IAMUser",
                Kind::AssumedRole { .. } => "AssumedRole",
            },
            "principalId": self.principal_id,
            "arn": self.arn,
            "accountId": self.account,
            "accessKeyId": self.access_key_id,
        });
        match &self.kind {
            Kind::Root => {}
            Kind::IamUser { name } => set(&mut identity, "userName", json!(name)),
            Kind::AssumedRole { role_name, role_arn, role_id } => set(
                &mut identity,
                "sessionContext",
                json!({
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": role_id,
                        "arn": role_arn,
                        "accountId": self.account,
                        "userName": role_name,
                    },
                    "attributes": {
                        "creationDate": self.session_began.unwrap_or(now).strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                        "mfaAuthenticated": "false",
                    },
                }),
            ),
        }
        identity
    }
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// Makes a stable unique id out of a name, in the form of IAM's.
fn made_up_id(prefix: &str, name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase();
    format!("{prefix}{letters:X<17.17}")
}

/// Tells whether an access key id is an account id, with which the emulator lets one act as that account's root user.
pub(crate) fn is_account_id(access_key_id: &str) -> bool {
    access_key_id.len() == 12 && access_key_id.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(arn: &str, principal_id: &str) -> Principal {
        Principal {
            access_key_id: "AKIAEXAMPLE".into(),
            arn: arn.into(),
            principal_id: principal_id.into(),
            role_arn: None,
            session_began: Some(1_795_198_494),
        }
    }

    #[test]
    fn user_session_and_root_have_their_documented_identity() {
        let table = [
            (
                principal("arn:aws:iam::111122223333:user/ops/Alice", "AIDAEXAMPLE"),
                json!({
                    "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/ops/Alice",
                    "accountId": "111122223333", "accessKeyId": "AKIAEXAMPLE", "userName": "Alice"
                }),
            ),
            (
                principal("arn:aws:sts::111122223333:assumed-role/Admin/user01", "AROAEXAMPLE:user01"),
                json!({
                    "type": "AssumedRole", "principalId": "AROAEXAMPLE:user01",
                    "arn": "arn:aws:sts::111122223333:assumed-role/Admin/user01",
                    "accountId": "111122223333", "accessKeyId": "AKIAEXAMPLE",
                    "sessionContext": {
                        "sessionIssuer": {
                            "type": "Role", "principalId": "AROAEXAMPLE",
                            "arn": "arn:aws:iam::111122223333:role/Admin",
                            "accountId": "111122223333", "userName": "Admin"
                        },
                        "attributes": {"creationDate": "2026-11-20T18:14:54Z", "mfaAuthenticated": "false"}
                    }
                }),
            ),
            (
                principal("arn:aws:iam::111122223333:root", ""),
                json!({
                    "type": "Root", "principalId": "111122223333", "arn": "arn:aws:iam::111122223333:root",
                    "accountId": "111122223333", "accessKeyId": "AKIAEXAMPLE"
                }),
            ),
        ];
        for (principal, expected) in table {
            assert_eq!(Caller::of(&principal).map(|caller| caller.user_identity(Timestamp::UNIX_EPOCH)), Some(expected));
        }
    }

    #[test]
    fn an_arn_of_nobody_is_no_caller() {
        for arn in ["", "arn:aws:iam::1", "arn:aws:iam::1:role/x", "arn:aws:sts::1:assumed-role/no-session"] {
            assert_eq!(Caller::of(&principal(arn, "")), None, "{arn}");
        }
    }

    #[test]
    fn missing_ids_are_made_up_in_their_usual_form() {
        let caller = Caller::of(&principal("arn:aws:iam::111122223333:user/alice", ""));
        assert_eq!(caller.map(|caller| caller.principal_id).as_deref(), Some("AIDAALICEXXXXXXXXXXXX"));
    }
}
