//! The columns of a row: their names, kinds and meaning, and a row's cells in their order.

use super::AuditRow;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// A text in UTF-8.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// True or false.
    Flag,
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name, in snake case.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether every row has it.
    pub is_required: bool,
    /// What it means, in a clause.
    pub meaning: &'static str,
}

/// One cell; `None` where the entry does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Of a column of texts.
    Text(Option<&'a str>),
    /// Of a column of whole numbers.
    Integer(Option<i64>),
    /// Of a column of true and false.
    Flag(Option<bool>),
}

const fn column(name: &'static str, kind: ColumnKind, is_required: bool, meaning: &'static str) -> Column {
    Column { name, kind, is_required, meaning }
}

const fn text(name: &'static str, meaning: &'static str) -> Column {
    column(name, ColumnKind::Text, true, meaning)
}

const fn maybe(name: &'static str, meaning: &'static str) -> Column {
    column(name, ColumnKind::Text, false, meaning)
}

/// Every column, in order.
pub const COLUMNS: [Column; 36] = [
    column("event_time_ms", ColumnKind::Integer, false, "When it happened, in milliseconds since 1970"),
    maybe("event_time", "When it happened, in UTC, after RFC 3339"),
    text("event_id", "The id that the log gave the entry"),
    text("log_name", "The log: `cloud_trail`, `azure_activity_log`, `key_vault_audit`, `managed_hsm_audit`, `google_cloud_audit`"),
    text("cloud", "The cloud: `aws`, `azure`, `google_cloud`"),
    maybe("cloud_account", "The account, subscription or project"),
    maybe("cloud_region", "The Region or location"),
    text("service", "The service that was called, such as `kms.amazonaws.com`"),
    text("operation", "What kind of act it was, the same word in every cloud, such as `decrypt` or `destroy`"),
    text("api_call", "The call by its provider's name, such as `ScheduleKeyDeletion`"),
    text("event_form", "How the entry came to be: `api_call`, `service_event`, `native`, `sweep`"),
    text("outcome", "`succeeded` or `refused`"),
    maybe("error_code", "The provider's error code, where it was refused"),
    maybe("error_message", "The provider's message, where it was refused"),
    maybe("asset_kind", "The kind of thing that it was about, such as `key` or `secret`"),
    maybe("asset_id", "The id of what it was about"),
    maybe("asset_version", "The version of what it was about"),
    maybe("principal", "The one text by which the caller is counted"),
    text("principal_kind", "The kind of identity, as its provider names it"),
    maybe("user_name", "The user's name"),
    maybe("user_arn", "The caller's ARN"),
    maybe("role_arn", "The role behind a session"),
    maybe("session_name", "The session's name"),
    maybe("session_created", "When the session was opened, after RFC 3339"),
    column("mfa", ColumnKind::Flag, false, "Whether the session was opened with a second factor"),
    maybe("source_identity", "Who is behind a chain of roles (`sourceIdentity`)"),
    maybe("object_id", "The object id in Microsoft Entra ID"),
    maybe("application_id", "The application in Microsoft Entra ID"),
    maybe("tenant_id", "The tenant of Microsoft Entra ID"),
    maybe("invoked_by", "The service that called on somebody's behalf"),
    maybe("identity_provider", "Who vouched for a federated caller"),
    maybe("credential_id", "The id of the access key, service account key or token"),
    maybe("source_address", "Where the call came from, as logged"),
    maybe("user_agent", "The user agent, as logged"),
    maybe("request", "What was asked for, as a JSON object of texts"),
    maybe("response", "What was answered, as a JSON object of texts"),
];

impl AuditRow {
    /// Returns the cells, in the order of [`COLUMNS`].
    #[must_use]
    pub fn cells(&self) -> [Cell<'_>; COLUMNS.len()] {
        [
            Cell::Integer(self.event_time_ms),
            Cell::Text(self.event_time.as_deref()),
            Cell::Text(Some(&self.event_id)),
            Cell::Text(Some(&self.log_name)),
            Cell::Text(Some(&self.cloud)),
            Cell::Text(self.cloud_account.as_deref()),
            Cell::Text(self.cloud_region.as_deref()),
            Cell::Text(Some(&self.service)),
            Cell::Text(Some(&self.operation)),
            Cell::Text(Some(&self.api_call)),
            Cell::Text(Some(&self.event_form)),
            Cell::Text(Some(&self.outcome)),
            Cell::Text(self.error_code.as_deref()),
            Cell::Text(self.error_message.as_deref()),
            Cell::Text(self.asset_kind.as_deref()),
            Cell::Text(self.asset_id.as_deref()),
            Cell::Text(self.asset_version.as_deref()),
            Cell::Text(self.principal.as_deref()),
            Cell::Text(Some(&self.principal_kind)),
            Cell::Text(self.user_name.as_deref()),
            Cell::Text(self.user_arn.as_deref()),
            Cell::Text(self.role_arn.as_deref()),
            Cell::Text(self.session_name.as_deref()),
            Cell::Text(self.session_created.as_deref()),
            Cell::Flag(self.mfa),
            Cell::Text(self.source_identity.as_deref()),
            Cell::Text(self.object_id.as_deref()),
            Cell::Text(self.application_id.as_deref()),
            Cell::Text(self.tenant_id.as_deref()),
            Cell::Text(self.invoked_by.as_deref()),
            Cell::Text(self.identity_provider.as_deref()),
            Cell::Text(self.credential_id.as_deref()),
            Cell::Text(self.source_address.as_deref()),
            Cell::Text(self.user_agent.as_deref()),
            Cell::Text(self.request.as_deref()),
            Cell::Text(self.response.as_deref()),
        ]
    }
}
