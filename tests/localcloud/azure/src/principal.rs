//! Users, service principals and managed identities of the tenant, and the tokens that speak for them.
//!
//! Must not decide what anybody may do.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::request::Caller;
use crate::tenant::Tenant;

/// How long a token is good for, in seconds: as long as a managed identity's.
pub(crate) const TOKEN_LIFETIME_SECONDS: i64 = 86_400;

/// What a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// An application with its own secret.
    ServicePrincipal,
    /// An identity that Azure keeps for a resource.
    ManagedIdentity,
}

/// A principal of the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalRecord {
    /// What it is.
    pub kind: PrincipalKind,
    /// Its name. A user's principal name is `NAME@contoso.example`.
    pub name: String,
    /// Its object id: what role assignments and access policies name.
    pub object_id: String,
    /// Its client id; for a user, that of Azure PowerShell.
    pub client_id: String,
    /// The secret by which a service principal gets tokens from the login endpoint.
    pub client_secret: String,
}

impl PrincipalRecord {
    /// Returns the user principal name, for a user.
    #[must_use]
    pub fn upn(&self) -> Option<String> {
        (self.kind == PrincipalKind::User).then(|| format!("{}@contoso.example", self.name))
    }

    /// Returns the caller that a token of this principal makes, from the loopback address.
    #[must_use]
    pub fn caller(&self, tenant_id: &str) -> Caller {
        Caller {
            object_id: self.object_id.clone(),
            app_id: Some(self.client_id.clone()),
            upn: self.upn(),
            tenant_id: tenant_id.to_owned(),
            ip: "127.0.0.1".to_owned(),
        }
    }

    /// Mints a token for a resource such as `https://vault.azure.net`: a well-formed JWT without signature.
    #[must_use]
    pub fn token(&self, tenant_id: &str, resource: &str) -> String {
        let now = Timestamp::now().as_second();
        let mut claims = json!({
            "aud": resource.trim_end_matches("/.default"),
            "iss": format!("https://sts.windows.net/{tenant_id}/"),
            "iat": now,
            "nbf": now - 300,
            "exp": now + TOKEN_LIFETIME_SECONDS,
            "appid": self.client_id,
            "oid": self.object_id,
            "sub": self.object_id,
            "tid": tenant_id,
            "idtyp": if self.kind == PrincipalKind::User { "user" } else { "app" },
            "ver": "1.0",
        });
        if let (Some(upn), Some(fields)) = (self.upn(), claims.as_object_mut()) {
            fields.insert("upn".to_owned(), json!(upn));
            fields.insert("name".to_owned(), json!(self.name));
        }
        let header = json!({ "typ": "JWT", "alg": "none" });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.{}", part(&header), part(&claims), URL_SAFE_NO_PAD.encode("sandbox"))
    }
}

impl Tenant {
    /// Adds a principal with ids of its own.
    pub fn register_principal(&mut self, kind: PrincipalKind, name: &str) -> PrincipalRecord {
        let client_id = match kind {
            PrincipalKind::User => "1950a258-227b-4e31-a9cf-717495945fc2".to_owned(),
            PrincipalKind::ServicePrincipal | PrincipalKind::ManagedIdentity => Uuid::new_v4().to_string(),
        };
        let record = PrincipalRecord {
            kind,
            name: name.to_owned(),
            object_id: Uuid::new_v4().to_string(),
            client_id,
            client_secret: Uuid::new_v4().simple().to_string(),
        };
        self.principals.insert(record.object_id.clone(), record.clone());
        record
    }

    /// Finds an application or a managed identity by its client id.
    #[must_use]
    pub fn principal_of_client(&self, client_id: &str) -> Option<&PrincipalRecord> {
        self.principals
            .values()
            .find(|principal| principal.kind != PrincipalKind::User && principal.client_id.eq_ignore_ascii_case(client_id))
    }
}
