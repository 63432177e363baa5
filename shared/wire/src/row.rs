//! Audit entries as rows of a table: the same columns always, for CSV, for Parquet and Athena.
//!
//! The names of columns are final: tables and saved queries are made of them. None is a name by which the archive is partitioned
//! (`account`, `region`, `year`, ...), which a table may not have twice, and none is a reserved word of Athena.

mod column;
mod spreadsheet;

use reprieve_core::audit::{AuditEvent, Cloud, Excerpt, Log};
use reprieve_core::{ActorKind, CallOutcome, EventForm};
use serde::{Deserialize, Serialize};

pub use column::{COLUMNS, Cell, Column, ColumnKind};
pub use spreadsheet::{header_line, line};

/// One entry, flat. Field by field the columns of [`COLUMNS`], in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// When it happened, in milliseconds since 1970.
    pub event_time_ms: Option<i64>,
    /// When it happened, in UTC, after RFC 3339.
    pub event_time: Option<String>,
    /// The id that the log gave the entry.
    pub event_id: String,
    /// The log: `cloud_trail`, `azure_activity_log`, `key_vault_audit`, `managed_hsm_audit`, `google_cloud_audit`.
    pub log_name: String,
    /// The cloud: `aws`, `azure`, `google_cloud`.
    pub cloud: String,
    /// The account, subscription or project.
    pub cloud_account: Option<String>,
    /// The Region or location.
    pub cloud_region: Option<String>,
    /// The service that was called, such as `kms.amazonaws.com`.
    pub service: String,
    /// What kind of act it was, the same word in every cloud, such as `decrypt` or `destroy`.
    pub operation: String,
    /// The call by its provider's name, such as `ScheduleKeyDeletion`.
    pub api_call: String,
    /// How the entry came to be: `api_call`, `service_event`, `native`, `sweep`.
    pub event_form: String,
    /// `succeeded` or `refused`.
    pub outcome: String,
    /// The provider's error code, where it was refused.
    pub error_code: Option<String>,
    /// The provider's message, where it was refused.
    pub error_message: Option<String>,
    /// The kind of thing that it was about, such as `key` or `secret`.
    pub asset_kind: Option<String>,
    /// The id of what it was about.
    pub asset_id: Option<String>,
    /// The version of what it was about.
    pub asset_version: Option<String>,
    /// The one text by which the caller is counted.
    pub principal: Option<String>,
    /// The kind of identity, as its provider names it.
    pub principal_kind: String,
    /// The user's name.
    pub user_name: Option<String>,
    /// The caller's ARN.
    pub user_arn: Option<String>,
    /// The role behind a session.
    pub role_arn: Option<String>,
    /// The session's name.
    pub session_name: Option<String>,
    /// When the session was opened, after RFC 3339.
    pub session_created: Option<String>,
    /// Whether the session was opened with a second factor.
    pub mfa: Option<bool>,
    /// Who is behind a chain of roles (`sourceIdentity`).
    pub source_identity: Option<String>,
    /// The object id in Microsoft Entra ID.
    pub object_id: Option<String>,
    /// The application in Microsoft Entra ID.
    pub application_id: Option<String>,
    /// The tenant of Microsoft Entra ID.
    pub tenant_id: Option<String>,
    /// The service that called on somebody's behalf.
    pub invoked_by: Option<String>,
    /// Who vouched for a federated caller.
    pub identity_provider: Option<String>,
    /// The id of the access key, service account key or token.
    pub credential_id: Option<String>,
    /// Where the call came from, as logged.
    pub source_address: Option<String>,
    /// The user agent, as logged.
    pub user_agent: Option<String>,
    /// What was asked for, as a JSON object of texts.
    pub request: Option<String>,
    /// What was answered, as a JSON object of texts.
    pub response: Option<String>,
}

impl AuditRow {
    /// Returns the row of an entry.
    #[must_use]
    pub fn of(entry: &AuditEvent) -> Self {
        let (event, actor, credential) = (&entry.event, &entry.event.actor, &entry.credential);
        let (outcome, error_code, error_message) = match &event.outcome {
            CallOutcome::Succeeded => ("succeeded", None, None),
            CallOutcome::Refused { code, message } => ("refused", Some(code.clone()), message.clone()),
        };
        Self {
            event_time_ms: event.time.map(jiff::Timestamp::as_millisecond),
            event_time: event.time.map(|time| time.to_string()),
            event_id: event.id.to_string(),
            log_name: log_word(entry.log).to_owned(),
            cloud: cloud_word(entry.cloud()).to_owned(),
            cloud_account: entry.account(),
            cloud_region: entry.region(),
            service: event.source.clone(),
            operation: entry.operation.as_str().to_owned(),
            api_call: event.name.clone(),
            event_form: form_word(event.form).to_owned(),
            outcome: outcome.to_owned(),
            error_code,
            error_message,
            asset_kind: entry.asset.as_ref().map(|asset| asset.kind.as_str().to_owned()),
            asset_id: entry.asset.as_ref().map(|asset| asset.id.clone()),
            asset_version: entry.asset.as_ref().and_then(|asset| asset.version.clone()),
            principal: entry.principal(),
            principal_kind: kind_word(&actor.kind).to_owned(),
            user_name: actor.user_name.clone(),
            user_arn: actor.arn.clone(),
            role_arn: actor.role.as_ref().map(ToString::to_string),
            session_name: actor.session_name.clone(),
            session_created: credential.created_at.map(|time| time.to_string()),
            mfa: credential.mfa,
            source_identity: actor.source_identity.clone(),
            object_id: actor.object_id.clone(),
            application_id: actor.app_id.clone(),
            tenant_id: actor.tenant_id.clone(),
            invoked_by: actor.invoked_by.clone(),
            identity_provider: credential.identity_provider.clone(),
            credential_id: credential.id.clone(),
            source_address: actor.source_address.clone(),
            user_agent: actor.user_agent.clone(),
            request: json_text(&entry.request),
            response: json_text(&entry.response),
        }
    }
}

fn json_text(excerpt: &Excerpt) -> Option<String> {
    (!excerpt.is_empty()).then(|| serde_json::to_string(excerpt).unwrap_or_default())
}

const fn log_word(log: Log) -> &'static str {
    match log {
        Log::CloudTrail => "cloud_trail",
        Log::AzureActivityLog => "azure_activity_log",
        Log::KeyVaultAudit => "key_vault_audit",
        Log::ManagedHsmAudit => "managed_hsm_audit",
        Log::GoogleCloudAudit => "google_cloud_audit",
    }
}

const fn cloud_word(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Aws => "aws",
        Cloud::Azure => "azure",
        Cloud::GoogleCloud => "google_cloud",
    }
}

const fn form_word(form: EventForm) -> &'static str {
    match form {
        EventForm::ApiCall => "api_call",
        EventForm::ServiceEvent => "service_event",
        EventForm::Native => "native",
        EventForm::Sweep => "sweep",
    }
}

pub(crate) fn kind_word(kind: &ActorKind) -> &str {
    match kind {
        ActorKind::Root => "Root",
        ActorKind::IamUser => "IAMUser",
        ActorKind::AssumedRole => "AssumedRole",
        ActorKind::Role => "Role",
        ActorKind::FederatedUser => "FederatedUser",
        ActorKind::AwsAccount => "AWSAccount",
        ActorKind::AwsService => "AWSService",
        ActorKind::IdentityCenterUser => "IdentityCenterUser",
        ActorKind::ExternalUser => "ExternalUser",
        ActorKind::EntraUser => "EntraUser",
        ActorKind::ServicePrincipal => "ServicePrincipal",
        ActorKind::GoogleUser => "GoogleUser",
        ActorKind::GoogleServiceAccount => "GoogleServiceAccount",
        ActorKind::Unknown => "Unknown",
        ActorKind::Other(other) => other,
    }
}
