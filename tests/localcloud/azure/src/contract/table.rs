//! Which document holds for which host and at which API version: the table that the contract check reads.
//!
//! Must not say what a request or an answer looks like: the documents do.

/// Where a document comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Derived from Microsoft's own clients.
    Client,
    /// Microsoft's `OpenAPI` documents.
    Specification,
    /// Written for this crate by hand, after Microsoft's public documentation.
    Ours,
}

/// What kind of host a document describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plane {
    /// `management.azure.com`.
    Management,
    /// `NAME.vault.azure.net` and `NAME.managedhsm.azure.net`.
    Vault,
    /// `NAME.blob.core.windows.net`.
    Blob,
}

impl Plane {
    /// Says which kind of host this is; `None` for the login hosts and for addresses.
    pub(super) fn of(host: &str) -> Option<Self> {
        match host {
            // A client that was given the sandbox's own address asks ARM.
            "management.azure.com" | "127.0.0.1" | "localhost" => Some(Self::Management),
            host if host.ends_with(".vault.azure.net") || host.ends_with(".managedhsm.azure.net") => Some(Self::Vault),
            host if host.ends_with(".blob.core.windows.net") => Some(Self::Blob),
            _ => None,
        }
    }
}

/// One document, or all below one folder, and the versions at which it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// The document's name, or what its name begins with.
    pub(super) prefix: &'static str,
    pub(super) plane: Plane,
    pub(super) origin: Origin,
    /// The version that the product is to send; `None` where the document says it by operation.
    pub(super) pinned: Option<&'static str>,
    /// What Microsoft's Python clients of `requirements.txt` send: accepted from them alone.
    pub(super) client_versions: &'static [&'static str],
    /// The JSON Schemas that bodies of PUT keep as well, below `arm-schemas/schemas/`.
    pub(super) templates: Option<&'static str>,
    /// Whether the document is older than the pinned version, so that errors are not held against it.
    pub(super) is_older: bool,
}

const fn client(prefix: &'static str, pinned: &'static str, templates: &'static str) -> Row {
    Row {
        prefix,
        plane: Plane::Management,
        origin: Origin::Client,
        pinned: Some(pinned),
        client_versions: &[],
        templates: Some(templates),
        is_older: false,
    }
}

/// All documents. A request is held against the first origin that knows its operation, in the order of [`Origin`].
pub(super) const ROWS: &[Row] = &[
    Row { client_versions: &["2026-05-15"], ..client("sdk-contracts/keyvault.json", "2024-11-01", "2024-11-01/Microsoft.KeyVault.json") },
    Row { client_versions: &["2026-09-01"], ..client("sdk-contracts/storage.json", "2024-01-01", "2024-01-01/Microsoft.Storage.json") },
    client("sdk-contracts/authorization.json", "2022-04-01", "2022-04-01/Microsoft.Authorization.json"),
    Row {
        client_versions: &["2025-01-01"],
        is_older: true,
        ..client("sdk-contracts/sql.json", "2023-08-01", "2023-08-01/Microsoft.Sql.json")
    },
    Row { is_older: true, ..client("sdk-contracts/monitor.json", "2021-05-01-preview", "2021-05-01-preview/Microsoft.Insights.json") },
    Row { is_older: true, ..client("sdk-contracts/eventgrid.json", "2025-02-15", "2025-02-15/Microsoft.EventGrid.json") },
    Row {
        prefix: "sdk-contracts/keyvault-keys-dataplane.json",
        plane: Plane::Vault,
        origin: Origin::Client,
        pinned: Some("7.5"),
        client_versions: &["2025-07-01"],
        templates: None,
        is_older: false,
    },
    // What the clients' contracts leave out: listing of storage accounts, clearing of legal holds, role definitions.
    Row {
        prefix: "rest-api-specs/specification/storage/",
        plane: Plane::Management,
        origin: Origin::Specification,
        pinned: Some("2024-01-01"),
        client_versions: &["2026-09-01"],
        templates: Some("2024-01-01/Microsoft.Storage.json"),
        is_older: true,
    },
    Row {
        prefix: "rest-api-specs/specification/authorization/",
        plane: Plane::Management,
        origin: Origin::Specification,
        pinned: Some("2022-04-01"),
        client_versions: &[],
        templates: Some("2022-04-01/Microsoft.Authorization.json"),
        is_older: false,
    },
    Row {
        prefix: "ours/management",
        plane: Plane::Management,
        origin: Origin::Ours,
        pinned: None,
        client_versions: &[],
        templates: None,
        is_older: false,
    },
    Row {
        prefix: "ours/vault",
        plane: Plane::Vault,
        origin: Origin::Ours,
        pinned: None,
        client_versions: &[],
        templates: None,
        is_older: false,
    },
    Row {
        prefix: "ours/blob",
        plane: Plane::Blob,
        origin: Origin::Ours,
        pinned: None,
        client_versions: &[],
        templates: None,
        is_older: false,
    },
];

/// Documents written for this crate, embedded because they are its own.
///
/// They are `OpenAPI` written short: `x-versions` lists the API versions of an operation, `x-client-versions` those that Microsoft's
/// clients send in the same shape, `x-query` its query keys, `x-body-optional` an answer that may have no body.
pub(super) const OURS: &[(&str, &str)] = &[
    ("ours/blob.json", include_str!("ours/blob.json")),
    ("ours/common.json", include_str!("ours/common.json")),
    ("ours/management-action-groups.json", include_str!("ours/management-action-groups.json")),
    ("ours/management-event-grid.json", include_str!("ours/management-event-grid.json")),
    ("ours/management-event-hub.json", include_str!("ours/management-event-hub.json")),
    ("ours/management-insights.json", include_str!("ours/management-insights.json")),
    ("ours/management-key-vault.json", include_str!("ours/management-key-vault.json")),
    ("ours/management-managed-identity.json", include_str!("ours/management-managed-identity.json")),
    ("ours/management-mysql.json", include_str!("ours/management-mysql.json")),
    ("ours/management-policy.json", include_str!("ours/management-policy.json")),
    ("ours/management-postgresql.json", include_str!("ours/management-postgresql.json")),
    ("ours/management-resources.json", include_str!("ours/management-resources.json")),
    ("ours/management-sql.json", include_str!("ours/management-sql.json")),
    ("ours/vault-certificates.json", include_str!("ours/vault-certificates.json")),
    ("ours/vault-secrets.json", include_str!("ours/vault-secrets.json")),
];

/// A property that the pinned version has and the older document has not yet; its schema is taken from `templates`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amendment {
    pub(super) document: &'static str,
    /// The pointer to the `properties` that are amended.
    pub(super) properties: &'static str,
    pub(super) property: &'static str,
    /// The published schema of the pinned version, below `arm-schemas/schemas/`, and the pointer to the property in it.
    pub(super) templates: &'static str,
    pub(super) pointer: &'static str,
}

/// What versions between an older document and the pinned one have added, each shown by the published schema of the pinned one.
pub(super) const AMENDMENTS: &[Amendment] = &[
    Amendment {
        document: "sdk-contracts/monitor.json",
        properties: "/components/schemas/LogSettings/properties",
        property: "categoryGroup",
        templates: "2021-05-01-preview/Microsoft.Insights.json",
        pointer: "/definitions/LogSettings/properties/categoryGroup",
    },
    Amendment {
        document: "sdk-contracts/monitor.json",
        properties: "/components/schemas/DiagnosticSettingsResource/properties/properties/properties",
        property: "marketplacePartnerId",
        templates: "2021-05-01-preview/Microsoft.Insights.json",
        pointer: "/definitions/DiagnosticSettingsAutoGenerated/properties/marketplacePartnerId",
    },
];

/// A request that no contract describes, and why that is right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exempt {
    pub(super) host: &'static str,
    /// What the path must contain, in lower case.
    pub(super) path: &'static str,
    pub(super) reason: &'static str,
}

/// The requests outside of all contracts. `host` empty stands for any.
pub(super) const EXEMPT: &[Exempt] = &[
    Exempt { host: "login.microsoftonline.com", path: "", reason: "tokens and their metadata: OAuth 2, no resource provider" },
    Exempt { host: "login.windows.net", path: "", reason: "tokens and their metadata: OAuth 2, no resource provider" },
    Exempt { host: "127.0.0.1", path: "/oauth2/", reason: "the login endpoint under the sandbox's own address" },
    Exempt { host: "127.0.0.1", path: "/.well-known/openid-configuration", reason: "the login endpoint under the sandbox's own address" },
    Exempt { host: "127.0.0.1", path: "/discovery/instance", reason: "the login endpoint under the sandbox's own address" },
    Exempt { host: "", path: "/msi/token", reason: "the managed identity endpoint: a local address of the function app's host" },
    Exempt { host: "", path: "/metadata/", reason: "cloud metadata and identity metadata: read by clients before they know a provider" },
];
