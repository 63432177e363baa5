//! Microsoft.Insights in ARM: diagnostic settings of any scope, activity log alerts, action groups.
//!
//! Must not deliver a log or an alert: this only keeps what was asked for.
//! Source: <https://learn.microsoft.com/rest/api/monitor/diagnostic-settings>.

use serde_json::{Value, json};

use crate::crud::{self, set, set_default, text};
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::tenant::Tenant;

/// The type of diagnostic settings.
pub(crate) const SETTING_TYPE: &str = "Microsoft.Insights/diagnosticSettings";

/// How many diagnostic settings a resource can have.
const MOST_SETTINGS: usize = 5;

/// Answers a request to the provider. `None`: not its path.
pub(crate) fn handle(tenant: &mut Tenant, request: &ArmRequest) -> Option<Answer> {
    let path = request.resource_path()?;
    if !path.namespace.eq_ignore_ascii_case("Microsoft.Insights") || path.types.len() != 1 {
        return None;
    }
    match path.types.first()?.to_ascii_lowercase().as_str() {
        "diagnosticsettings" => Some(settings(tenant, request, &path)),
        "diagnosticsettingscategories" => Some(categories(request, &path)),
        "activitylogalerts" => Some(tracked(tenant, request, &path, "Microsoft.Insights/activityLogAlerts", alert)),
        "actiongroups" => Some(tracked(tenant, request, &path, "Microsoft.Insights/actionGroups", action_group)),
        _ => None,
    }
}

/// Diagnostic settings have the code and the message at the top, not below `error`.
fn flat_error(status: u16, code: &str, message: &str) -> Answer {
    Answer { body: Some(json!({ "code": code, "message": message })), ..Answer::status(status) }
}

fn settings(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    match (request.method.as_str(), path.names_a_resource()) {
        ("GET", false) => Answer::ok(json!({ "value": held(tenant, &path.scope) })),
        ("GET", true) => match tenant.resource(&path.id) {
            Some(resource) => Answer::ok(resource.body.clone()),
            None => flat_error(404, "ResourceNotFound", &format!("The diagnostic setting '{}' doesn't exist.", path.name())),
        },
        ("PUT", true) => put_setting(tenant, request, path),
        ("DELETE", true) => match tenant.remove_resource(&path.id) {
            Some(_) => Answer::status(200),
            None => Answer::no_content(),
        },
        _ => crud::method_not_allowed(request),
    }
}

/// The settings of exactly this scope, not of what lies below it.
fn held(tenant: &Tenant, scope: &str) -> Vec<Value> {
    let prefix = format!("{}/providers/microsoft.insights/diagnosticsettings/", scope.to_ascii_lowercase());
    let own = tenant.resources.range(prefix.clone()..).take_while(|(id, _)| id.starts_with(&prefix));
    own.map(|(_, resource)| resource.body.clone()).collect()
}

fn put_setting(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    if !scope_exists(tenant, &path.scope) {
        let scope = ResourcePath::parse(&path.scope);
        return scope.map_or_else(|| crud::not_found(path), |scope| crud::not_found(&scope));
    }
    let mut properties = crud::properties(&request.json());
    if let Some(refusal) = refusal(tenant, path, &properties) {
        return refusal;
    }
    for list in ["logs", "metrics"] {
        for line in properties.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            set_default(line, "retentionPolicy", json!({ "enabled": false, "days": 0 }));
        }
        set_default(&mut properties, list, json!([]));
    }
    if let Some(fields) = properties.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    let body = json!({ "id": answered_id(path), "name": path.name(), "type": SETTING_TYPE, "properties": properties });
    tenant.put_resource(&path.id, body.clone(), request.now);
    Answer::ok(body)
}

/// The id that Azure answers is not the one that was asked for: lower case, and for a subscription of another provider.
fn answered_id(path: &ResourcePath) -> String {
    let scope = path.scope.to_ascii_lowercase();
    if ResourcePath::parse(&path.scope).is_some_and(|scope| scope.is("Microsoft.Resources", &["subscriptions"])) {
        return format!("{}/providers/AzureResourceManager/diagnosticSettings/{}", scope.trim_start_matches('/'), path.name());
    }
    format!("{scope}/providers/microsoft.insights/diagnosticSettings/{}", path.name())
}

/// A resource, a subscription, or a singleton such as `blobServices/default` below a resource.
fn scope_exists(tenant: &Tenant, scope: &str) -> bool {
    tenant.resource(scope).is_some()
        || (scope.ends_with("/default") && tenant.resource(scope.rsplitn(3, '/').last().unwrap_or_default()).is_some())
}

const SINKS: [&str; 4] = ["storageAccountId", "workspaceId", "eventHubAuthorizationRuleId", "marketplacePartnerId"];

fn refusal(tenant: &Tenant, path: &ResourcePath, wanted: &Value) -> Option<Answer> {
    if SINKS.iter().all(|sink| text(wanted, &format!("/{sink}")).is_empty()) {
        let message = "At least one data sink needs to be specified.";
        return Some(flat_error(400, "BadRequest", message));
    }
    let known = known_categories(&path.scope);
    if let Some(category) =
        categories_of(wanted).find(|category| !known.is_empty() && !known.iter().any(|it| it.eq_ignore_ascii_case(category)))
    {
        return Some(flat_error(400, "BadRequest", &format!("Category '{category}' is not supported.")));
    }
    let others: Vec<Value> =
        held(tenant, &path.scope).into_iter().filter(|body| !text(body, "/name").eq_ignore_ascii_case(path.name())).collect();
    if others.len() >= MOST_SETTINGS {
        let message = format!(
            "The limit of {MOST_SETTINGS} diagnostic settings was reached. To create another diagnostic setting, you need to delete an existing one."
        );
        return Some(flat_error(409, "Conflict", &message));
    }
    others.iter().find_map(|other| clash(wanted, other, &path.scope))
}

fn categories_of(properties: &Value) -> impl Iterator<Item = &str> {
    let logs = properties.get("logs").and_then(Value::as_array).into_iter().flatten();
    logs.map(|line| text(line, "/category")).filter(|category| !category.is_empty())
}

/// The same category goes to the same place only once.
fn clash(wanted: &Value, other: &Value, scope: &str) -> Option<Answer> {
    let other_properties = other.get("properties")?;
    let sink = SINKS.iter().find_map(|sink| {
        let named = text(wanted, &format!("/{sink}"));
        let is_same = !named.is_empty() && named.eq_ignore_ascii_case(text(other_properties, &format!("/{sink}")));
        (is_same && hub(wanted) == hub(other_properties)).then_some(named)
    })?;
    let category =
        categories_of(wanted).find(|category| categories_of(other_properties).any(|held| held.eq_ignore_ascii_case(category)))?;
    let message = format!(
        "Data sink '{sink}' is already used in diagnostic setting '{}' for category '{category}'. Data sinks can't be reused in different settings on the same category for the same resource '{scope}'.",
        text(other, "/name")
    );
    Some(flat_error(409, "Conflict", &message))
}

fn hub(properties: &Value) -> String {
    text(properties, "/eventHubName").to_ascii_lowercase()
}

/// The log categories of the types that matter here; empty for types that are not checked.
fn known_categories(scope: &str) -> &'static [&'static str] {
    let Some(path) = ResourcePath::parse(scope) else { return &[] };
    match path.full_type().to_ascii_lowercase().as_str() {
        "microsoft.resources/subscriptions" => {
            &["Administrative", "Security", "ServiceHealth", "Alert", "Recommendation", "Policy", "Autoscale", "ResourceHealth"]
        }
        "microsoft.keyvault/vaults" => &["AuditEvent", "AzurePolicyEvaluationDetails"],
        "microsoft.keyvault/managedhsms" => &["AuditEvent"],
        "microsoft.storage/storageaccounts/blobservices" => &["StorageRead", "StorageWrite", "StorageDelete"],
        "microsoft.dbforpostgresql/flexibleservers" => &["PostgreSQLLogs", "PostgreSQLFlexSessions", "PostgreSQLFlexQueryStoreRuntime"],
        "microsoft.dbformysql/flexibleservers" => &["MySqlAuditLogs", "MySqlSlowLogs"],
        _ => &[],
    }
}

fn categories(request: &ArmRequest, path: &ResourcePath) -> Answer {
    let shown = |name: &str| {
        let id = format!("{}/providers/microsoft.insights/diagnosticSettingsCategories/{name}", path.scope);
        json!({ "id": id, "name": name, "type": "microsoft.insights/diagnosticSettingsCategories", "properties": { "categoryType": "Logs" } })
    };
    let known = known_categories(&path.scope);
    match (request.method.as_str(), path.names_a_resource()) {
        ("GET", false) => Answer::ok(json!({ "value": known.iter().map(|name| shown(name)).collect::<Vec<_>>() })),
        ("GET", true) => match known.iter().find(|name| name.eq_ignore_ascii_case(path.name())) {
            Some(name) => Answer::ok(shown(name)),
            None => flat_error(404, "ResourceNotFound", &format!("The category '{}' doesn't exist.", path.name())),
        },
        _ => crud::method_not_allowed(request),
    }
}

/// Alerts and action groups are alike: global resources that can be listed by subscription and by group.
fn tracked(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, kind: &str, complete: crud::Complete) -> Answer {
    if request.method == http::Method::PATCH && path.names_a_resource() {
        return patch_tracked(tenant, request, path);
    }
    crud::answer(tenant, request, path, kind, complete)
}

/// A PATCH changes tags and `enabled`, nothing else.
fn patch_tracked(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let Some(mut body) = tenant.resource(&path.id).map(|resource| resource.body.clone()) else { return crud::not_found(path) };
    let sent = request.json();
    if let Some(tags) = sent.get("tags").filter(|tags| !tags.is_null()) {
        set(&mut body, "tags", tags.clone());
    }
    if let (Some(enabled), Some(properties)) = (sent.pointer("/properties/enabled"), body.get_mut("properties")) {
        set(properties, "enabled", enabled.clone());
    }
    tenant.put_resource(&path.id, body.clone(), request.now);
    Answer::ok(body)
}

fn alert(properties: &mut Value) -> Result<(), String> {
    let count = |pointer: &str| properties.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
    if count("/scopes") == 0 {
        return Err("The property `scopes` must name at least one subscription, resource group or resource.".to_owned());
    }
    if count("/condition/allOf") == 0 {
        return Err("The property `condition.allOf` must hold at least one condition.".to_owned());
    }
    if properties.get("actions").is_none_or(Value::is_null) {
        return Err("The property `actions` is required; it may hold no action group.".to_owned());
    }
    set_default(properties, "enabled", json!(true));
    Ok(())
}

fn action_group(properties: &mut Value) -> Result<(), String> {
    let short = text(properties, "/groupShortName");
    if short.is_empty() || short.chars().count() > 12 {
        return Err(format!("The group short name `{short}` must have 1 to 12 characters."));
    }
    set_default(properties, "enabled", json!(true));
    for receivers in [
        "email",
        "sms",
        "webhook",
        "itsm",
        "azureAppPush",
        "automationRunbook",
        "voice",
        "logicApp",
        "azureFunction",
        "armRole",
        "eventHub",
    ] {
        set_default(properties, &format!("{receivers}Receivers"), json!([]));
    }
    Ok(())
}
