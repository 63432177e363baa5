//! The auditing of Azure SQL, PostgreSQL and MySQL servers: that it is on, and that it is written to storage.
//!
//! *Absent on purpose:* access keys of storage accounts; fewer audited actions, or a shorter retention, than there are.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::setting::{self, Unwritten, Wanted};
use super::{AzurePlan, Remedy, named};
use crate::azure::change::Change;
use crate::azure::desired::Desired;
use crate::azure::id::ResourceId;
use crate::azure::world::{DiagnosticSetting, Engine, ServerParameter, SqlAuditing};
use crate::decision::Severity;
use crate::facts::{Known, Tags};

/// The longest retention that SQL auditing takes, in days; what must be kept longer is kept for ever, which is 0.
/// <https://learn.microsoft.com/azure/azure-sql/database/auditing-setup>
const LONGEST_SQL_RETENTION_DAYS: u32 = 3285;

/// The role by which a SQL server's identity writes its audit.
/// <https://learn.microsoft.com/azure/azure-sql/database/auditing-managed-identity>
const WRITER: &str = "Storage Blob Data Contributor";

/// What SQL auditing audits where nobody said otherwise.
/// <https://learn.microsoft.com/azure/azure-sql/database/auditing-overview>
const SQL_ACTION_GROUPS: [&str; 3] =
    ["SUCCESSFUL_DATABASE_AUTHENTICATION_GROUP", "FAILED_DATABASE_AUTHENTICATION_GROUP", "BATCH_COMPLETED_GROUP"];

/// The statements that PostgreSQL must audit: changes of the schema, of roles and of data. Reads are left to the deployment, because
/// their volume is.
const PGAUDIT_CLASSES: [&str; 3] = ["ddl", "role", "write"];

/// The parameters of PostgreSQL that must not be off (CIS Azure Foundations, PostgreSQL).
const POSTGRESQL_SWITCHES: [&str; 3] = ["log_checkpoints", "log_connections", "log_disconnections"];

/// Plans for the auditing of a server.
pub(super) fn plan(
    plan: &mut AzurePlan,
    id: &ResourceId,
    (engine, server): (Engine, &Known<Tags>),
    (sql, may_write): (&Known<SqlAuditing>, &Known<bool>),
    parameters: &Known<Vec<ServerParameter>>,
    settings: &Known<Vec<DiagnosticSetting>>,
    desired: &Desired,
) {
    if plan.read(&named(id), server).is_none() {
        return;
    }
    match engine {
        Engine::Sql => sql_server(plan, id, (sql, may_write), desired),
        Engine::PostgreSql => {
            if let Some(parameters) = parameters_of(plan, id, parameters) {
                postgresql(plan, id, parameters);
            }
            written_to_storage(plan, id, settings, "PostgreSQLLogs", desired);
        }
        Engine::MySql => {
            if let Some(parameters) = parameters_of(plan, id, parameters) {
                mysql(plan, id, parameters);
            }
            written_to_storage(plan, id, settings, "MySqlAuditLogs", desired);
        }
    }
}

fn sql_server(plan: &mut AzurePlan, id: &ResourceId, (sql, may_write): (&Known<SqlAuditing>, &Known<bool>), desired: &Desired) {
    let name = named(id);
    let never_set = SqlAuditing {
        enabled: false,
        storage_endpoint: None,
        retention_days: desired.immutability_days,
        to_azure_monitor: false,
        by_identity: true,
        properties: Value::Null,
    };
    let auditing = match sql {
        Known::Is(auditing) => auditing,
        Known::Absent => &never_set,
        Known::Unreadable(_) => {
            plan.read(&format!("the auditing of {name}"), sql);
            return;
        }
    };
    let wrong = wrong_auditing(&name, auditing, desired);
    if wrong.is_empty() {
        // Nothing was changed, so that roles that cannot be read are no news.
        if auditing.storage_endpoint.is_some() && auditing.by_identity && *may_write == Known::Is(false) {
            lacks_role(plan, &name);
        }
        return;
    }
    let Some(properties) = sql_properties(auditing, desired) else {
        return needs_human(plan, wrong, "; no storage account is configured to write to");
    };
    if auditing.works_by_key() && *may_write != Known::Is(true) {
        return keeps_its_key(plan, &name, wrong, may_write);
    }
    for (severity, sentence) in wrong {
        plan.find(Remedy::Mended, severity, sentence);
    }
    plan.changes.push(Change::PutSqlAuditing { server: id.clone(), properties });
    if plan.read(&whether_it_may_write(&name), may_write) == Some(&false) {
        lacks_role(plan, &name);
    }
}

/// Says all that is wrong in one sentence, and why a human must mend it. It is known by each.
fn needs_human(plan: &mut AzurePlan, wrong: Vec<(Severity, String)>, why: &str) {
    let severity = wrong.iter().map(|(severity, _)| *severity).max().unwrap_or(Severity::Medium);
    let known_by: Vec<String> = wrong.into_iter().map(|(_, sentence)| sentence).collect();
    let sentence = format!("{}{why}", known_by.join(", and "));
    plan.find_known_by(known_by, Remedy::NeedsHuman, severity, sentence);
}

/// Leaves auditing by an access key as it is: a change takes the key away, and without the role the identity writes nothing in its place.
fn keeps_its_key(plan: &mut AzurePlan, name: &str, wrong: Vec<(Severity, String)>, may_write: &Known<bool>) {
    plan.read(&whether_it_may_write(name), may_write);
    let why = format!(
        "; it writes by an access key, which any change of ours would take away: give the identity of {name} the role `{WRITER}` on that \
         storage, or mend it by hand"
    );
    needs_human(plan, wrong, &why);
}

fn whether_it_may_write(name: &str) -> String {
    format!("whether the identity of {name} may write its audit")
}

/// Says that auditing by the server's identity may write nothing, although it is on.
fn lacks_role(plan: &mut AzurePlan, name: &str) {
    let sentence =
        format!("the identity of {name} is not seen to hold the role `{WRITER}` on the storage of its audit, which may not be written");
    plan.find(Remedy::NeedsHuman, Severity::Medium, sentence);
}

fn wrong_auditing(name: &str, auditing: &SqlAuditing, desired: &Desired) -> Vec<(Severity, String)> {
    if !auditing.enabled {
        return vec![(Severity::High, format!("the auditing of {name} is off"))];
    }
    let mut wrong = Vec::new();
    if auditing.storage_endpoint.is_none() && !auditing.to_azure_monitor {
        wrong.push((Severity::High, format!("the auditing of {name} is written nowhere")));
    }
    let days = auditing.retention_days;
    if auditing.storage_endpoint.is_some() && retention(days, desired) != days {
        let sentence = format!("the auditing of {name} is kept for {days} days, not for {}", desired.immutability_days);
        wrong.push((Severity::Medium, sentence));
    }
    let groups = auditing.properties.get("auditActionsAndGroups").and_then(Value::as_array);
    if groups.is_some_and(Vec::is_empty) {
        wrong.push((Severity::High, format!("the auditing of {name} audits no actions")));
    }
    wrong
}

/// Returns the retention in days that is not shorter than what is there, nor than what is asked for; 0 is for ever.
const fn retention(days: u32, desired: &Desired) -> u32 {
    if days == 0 || desired.immutability_days > LONGEST_SQL_RETENTION_DAYS {
        return 0;
    }
    if days < desired.immutability_days { desired.immutability_days } else { days }
}

/// Returns all properties of auditing as it must be, merged with what is there. `None` where there is nowhere to write to.
///
/// It writes by the server's identity: Azure never says an access key, and none is ever sent.
fn sql_properties(auditing: &SqlAuditing, desired: &Desired) -> Option<Value> {
    let mut properties = auditing.properties.as_object().cloned().unwrap_or_default();
    properties.remove("storageAccountAccessKey");
    properties.insert("state".to_owned(), json!("Enabled"));
    write_somewhere(&mut properties, auditing, desired)?;
    let has_groups = properties.get("auditActionsAndGroups").and_then(Value::as_array).is_some_and(|groups| !groups.is_empty());
    if !has_groups {
        properties.insert("auditActionsAndGroups".to_owned(), json!(SQL_ACTION_GROUPS));
    }
    Some(Value::Object(properties))
}

/// Keeps the target that there is; else names the configured storage account.
fn write_somewhere(properties: &mut Map<String, Value>, auditing: &SqlAuditing, desired: &Desired) -> Option<()> {
    if auditing.storage_endpoint.is_none() && auditing.to_azure_monitor {
        properties.insert("isAzureMonitorTargetEnabled".to_owned(), Value::Bool(true));
        return Some(());
    }
    let endpoint = if let Some(endpoint) = &auditing.storage_endpoint {
        endpoint.clone()
    } else {
        // What is there belongs to no account, or to another one.
        properties.remove("storageAccountSubscriptionId");
        format!("https://{}.blob.core.windows.net", desired.log_storage.as_ref()?.name().to_ascii_lowercase())
    };
    properties.insert("storageEndpoint".to_owned(), json!(endpoint));
    properties.insert("isManagedIdentityInUse".to_owned(), Value::Bool(true));
    properties.insert("retentionDays".to_owned(), json!(retention(auditing.retention_days, desired)));
    Some(())
}

fn parameters_of<'a>(plan: &mut AzurePlan, id: &ResourceId, parameters: &'a Known<Vec<ServerParameter>>) -> Option<&'a [ServerParameter]> {
    match parameters {
        Known::Is(parameters) => Some(parameters),
        Known::Absent => Some(&[]),
        Known::Unreadable(_) => {
            plan.read(&format!("the parameters of {}", named(id)), parameters);
            None
        }
    }
}

fn value<'a>(parameters: &'a [ServerParameter], name: &str) -> Option<&'a str> {
    parameters.iter().find(|parameter| parameter.name.eq_ignore_ascii_case(name)).map(|parameter| parameter.value.trim())
}

/// Returns the words of a list, in lower case.
fn words(text: &str) -> Vec<String> {
    text.split(',').map(|word| word.trim().to_ascii_lowercase()).filter(|word| !word.is_empty()).collect()
}

fn is_off(value: &str) -> bool {
    ["", "off", "false", "no", "0"].iter().any(|word| word.eq_ignore_ascii_case(value))
}

fn set(id: &ResourceId, name: &str, value: &str) -> Change {
    Change::PutServerParameter { server: id.clone(), name: name.to_owned(), value: value.to_owned() }
}

fn postgresql(plan: &mut AzurePlan, id: &ResourceId, parameters: &[ServerParameter]) {
    let server = named(id);
    let libraries = words(value(parameters, "shared_preload_libraries").unwrap_or_default());
    if !libraries.iter().any(|library| library == "pgaudit") {
        let sentence = format!("{server} does not load `pgaudit`; add it to `shared_preload_libraries`, which needs a restart");
        plan.find(Remedy::NeedsHuman, Severity::High, sentence);
    }
    let classes = words(value(parameters, "pgaudit.log").unwrap_or_default());
    let missing = missing_classes(&classes);
    if !missing.is_empty() {
        let known_by = missing.iter().map(|class| format!("`pgaudit.log` lacks `{class}`")).collect();
        let sentence = format!("{server} does not audit changes of its schema, roles and data");
        plan.find_known_by(known_by, Remedy::Mended, Severity::High, sentence);
        plan.changes.push(set(id, "pgaudit.log", &with_classes(&classes, &missing)));
    }
    for name in POSTGRESQL_SWITCHES {
        if value(parameters, name).is_some_and(is_off) {
            plan.mend(Severity::Medium, format!("`{name}` of {server} is off"), set(id, name, "on"));
        }
    }
}

/// Returns the classes that must be audited and that `pgaudit.log` lacks. It is read from left to right; `-` takes away.
/// <https://github.com/pgaudit/pgaudit>
fn missing_classes(words: &[String]) -> Vec<&'static str> {
    let mut audited = BTreeSet::new();
    for word in words {
        match word.strip_prefix('-') {
            Some("all") => audited.clear(),
            Some(class) => {
                audited.remove(class);
            }
            None if word == "all" => audited.extend(PGAUDIT_CLASSES),
            None if word == "none" => audited.clear(),
            None => {
                audited.insert(word.as_str());
            }
        }
    }
    PGAUDIT_CLASSES.into_iter().filter(|class| !audited.contains(class)).collect()
}

/// Returns what `pgaudit.log` must be, where it lacks these classes.
fn with_classes(words: &[String], missing: &[&str]) -> String {
    let kept = words.iter().map(String::as_str).filter(|word| *word != "none" && !missing.contains(word));
    let is_subtracted = |word: &str| word.strip_prefix('-').is_some_and(|class| missing.contains(&class));
    kept.filter(|word| !is_subtracted(word)).chain(missing.iter().copied()).collect::<Vec<_>>().join(",")
}

fn mysql(plan: &mut AzurePlan, id: &ResourceId, parameters: &[ServerParameter]) {
    let server = named(id);
    if value(parameters, "audit_log_enabled").is_none_or(is_off) {
        plan.mend(Severity::High, format!("the audit log of {server} is off"), set(id, "audit_log_enabled", "ON"));
    }
    let Some(events) = value(parameters, "audit_log_events") else { return };
    if !words(events).iter().any(|event| event.starts_with("connection")) {
        let all = if events.is_empty() { "CONNECTION".to_owned() } else { format!("{events},CONNECTION") };
        plan.mend(Severity::Medium, format!("the audit log of {server} holds no connections"), set(id, "audit_log_events", &all));
    }
}

fn written_to_storage(plan: &mut AzurePlan, id: &ResourceId, settings: &Known<Vec<DiagnosticSetting>>, category: &str, desired: &Desired) {
    let server = named(id);
    let settings = match settings {
        Known::Is(settings) => settings.as_slice(),
        Known::Absent => &[],
        Known::Unreadable(_) => {
            plan.read(&format!("the diagnostic settings of {server}"), settings);
            return;
        }
    };
    let keeps = |setting: &DiagnosticSetting| setting::keeps_in_storage(setting, desired.log_storage.as_ref());
    if settings.iter().any(|setting| keeps(setting) && setting.writes(category, &["allLogs", "audit"])) {
        return;
    }
    let sentence = format!("no diagnostic setting of {server} writes `{category}` to storage");
    let known_by = vec![sentence.clone()];
    let Some(storage) = &desired.log_storage else {
        let sentence = format!("{sentence}, and no storage account is configured for that");
        return plan.find(Remedy::NeedsHuman, Severity::Medium, sentence);
    };
    let wanted = Wanted { categories: &[category], group: None, storage: Some(storage), route: None, desired };
    setting::mend(plan, id, settings, Unwritten { severity: Severity::High, sentence, known_by }, &wanted);
}
