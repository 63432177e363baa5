//! The smaller providers, asked at `handle`: authorization, insights, SQL, PostgreSQL, MySQL, Event Grid, Event Hubs.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::bench::{Bench, GROUP, SUBSCRIPTION, at, code, header};
use crate::tenant::Options;

const ENCRYPTION_USER: &str = "/providers/Microsoft.Authorization/roleDefinitions/e147488a-f6f5-4113-8e2d-b22465e65bf6";
const PRINCIPAL: &str = "22222222-2222-2222-2222-222222222222";

fn assignment(scope: &str, number: u8) -> String {
    format!("{scope}/providers/Microsoft.Authorization/roleAssignments/11111111-1111-1111-1111-1111111111{number:02}")
}

fn role(principal: &str) -> Value {
    let role = format!("{SUBSCRIPTION}{ENCRYPTION_USER}");
    json!({ "properties": { "roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal" } })
}

#[test]
fn the_same_role_is_assigned_once() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    assert_eq!(bench.arm("PUT", &assignment(&account, 1), Some(role(PRINCIPAL))).status, 201);
    assert_eq!(bench.arm("PUT", &assignment(&account, 1), Some(role(PRINCIPAL))).status, 200);
    let twin = bench.arm("PUT", &assignment(&account, 2), Some(role(PRINCIPAL)));
    assert_eq!((twin.status, code(&twin)), (409, "RoleAssignmentExists"));
}

#[test]
fn an_assignment_is_never_given_to_somebody_else() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    bench.arm("PUT", &assignment(&account, 1), Some(role(PRINCIPAL)));
    let answer = bench.arm("PUT", &assignment(&account, 1), Some(role("33333333-3333-3333-3333-333333333333")));
    assert_eq!((answer.status, code(&answer)), (400, "RoleAssignmentUpdateNotPermitted"));
}

#[test]
fn odd_assignments_are_refused() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    let named = format!("{account}/providers/Microsoft.Authorization/roleAssignments/mine");
    let unknown = json!({ "properties": { "roleDefinitionId": "/x/roleDefinitions/none", "principalId": PRINCIPAL } });
    let stranger = json!({ "properties": { "roleDefinitionId": ENCRYPTION_USER, "principalId": PRINCIPAL } });
    for (path, body, expected) in [
        (named, Some(role(PRINCIPAL)), "InvalidRoleAssignmentId"),
        (assignment(&account, 1), Some(unknown), "RoleDefinitionDoesNotExist"),
        (assignment(&account, 1), Some(stranger), "PrincipalNotFound"),
    ] {
        assert_eq!(code(&bench.arm("PUT", &path, body)), expected, "{path}");
    }
}

#[test]
fn assignments_are_listed_as_the_filter_asks() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    for (number, scope) in [SUBSCRIPTION, GROUP, account.as_str()].into_iter().enumerate() {
        bench.arm("PUT", &assignment(scope, u8::try_from(number).expect("small")), Some(role(PRINCIPAL)));
    }
    for (filter, count) in [
        ("", 3),
        ("?$filter=atScope()", 2),
        ("?$filter=principalId+eq+'22222222-2222-2222-2222-222222222222'", 3),
        ("?$filter=principalId+eq+'33333333-3333-3333-3333-333333333333'", 0),
    ] {
        let list = bench.arm("GET", &format!("{GROUP}/providers/Microsoft.Authorization/roleAssignments{filter}"), None);
        assert_eq!(at(&list, "/value").as_array().map_or(0, Vec::len), count, "{filter}");
    }
}

#[test]
fn a_role_that_is_assigned_is_not_deleted() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    let definition = format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/44444444-4444-4444-4444-444444444444");
    let guard =
        json!({ "properties": { "roleName": "Guard", "assignableScopes": [SUBSCRIPTION], "permissions": [{ "actions": ["*/read"] }] } });
    assert_eq!(bench.arm("PUT", &definition, Some(guard)).status, 201);
    let body = json!({ "properties": { "roleDefinitionId": definition, "principalId": PRINCIPAL, "principalType": "ServicePrincipal" } });
    assert_eq!(bench.arm("PUT", &assignment(&account, 1), Some(body)).status, 201);
    assert_eq!(code(&bench.arm("DELETE", &definition, None)), "RoleDefinitionHasAssignments");
}

fn setting(scope: &str, name: &str) -> String {
    format!("{scope}/providers/Microsoft.Insights/diagnosticSettings/{name}")
}

fn logs(sink: &str, category: &str) -> Value {
    json!({ "properties": { "storageAccountId": sink, "logs": [{ "category": category, "enabled": true }] } })
}

#[test]
fn a_scope_has_five_diagnostic_settings_at_most() {
    let mut bench = Bench::new();
    for number in 1..=5 {
        assert_eq!(
            bench.arm("PUT", &setting(SUBSCRIPTION, &format!("s{number}")), Some(logs(&format!("/a{number}"), "Administrative"))).status,
            200
        );
    }
    let sixth = bench.arm("PUT", &setting(SUBSCRIPTION, "s6"), Some(logs("/a6", "Administrative")));
    assert_eq!((sixth.status, code(&sixth)), (409, "Conflict"));
    let list = bench.arm("GET", &format!("{SUBSCRIPTION}/providers/Microsoft.Insights/diagnosticSettings"), None);
    assert_eq!(at(&list, "/value").as_array().map_or(0, Vec::len), 5);
}

#[test]
fn the_same_category_goes_to_a_sink_once() {
    let mut bench = Bench::new();
    bench.arm("PUT", &setting(SUBSCRIPTION, "one"), Some(logs("/a", "Administrative")));
    for (category, status) in [("Administrative", 409), ("Security", 200)] {
        assert_eq!(bench.arm("PUT", &setting(SUBSCRIPTION, "two"), Some(logs("/A", category))).status, status, "{category}");
    }
}

#[test]
fn settings_of_a_resource_are_not_those_of_its_subscription() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    bench.arm("PUT", &setting(&account, "one"), Some(logs("/a", "Any")));
    let list = bench.arm("GET", &format!("{SUBSCRIPTION}/providers/Microsoft.Insights/diagnosticSettings"), None);
    assert_eq!(at(&list, "/value"), &json!([]));
}

#[test]
fn a_deleted_resource_takes_its_settings_along() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    bench.arm("PUT", &setting(&account, "one"), Some(logs("/a", "Any")));
    bench.arm("DELETE", &account, None);
    bench.account("stlogs01");
    assert_eq!(bench.arm("GET", &setting(&account, "one"), None).status, 404);
}

#[test]
fn an_alert_needs_scopes_and_conditions() {
    let mut bench = Bench::new();
    let alert = format!("{GROUP}/providers/Microsoft.Insights/activityLogAlerts/vault-deleted");
    let condition = json!({ "allOf": [{ "field": "operationName", "equals": "Microsoft.KeyVault/vaults/delete" }] });
    let properties = json!({ "scopes": [SUBSCRIPTION], "condition": condition, "actions": { "actionGroups": [] } });
    assert_eq!(bench.arm("PUT", &alert, Some(json!({ "location": "Global", "properties": {} }))).status, 400);
    assert_eq!(bench.arm("PUT", &alert, Some(json!({ "location": "Global", "properties": properties }))).status, 201);
    let patched = bench.arm("PATCH", &alert, Some(json!({ "properties": { "enabled": false } })));
    assert_eq!((at(&patched, "/properties/enabled"), at(&patched, "/properties/condition")), (&json!(false), &condition));
}

fn sql_server(bench: &mut Bench) -> String {
    let server = format!("{GROUP}/providers/Microsoft.Sql/servers/sql1");
    let body = json!({ "location": "westeurope", "identity": { "type": "SystemAssigned" }, "properties": { "administratorLogin": "a" } });
    assert_eq!(bench.arm("PUT", &server, Some(body)).status, 201);
    server
}

#[test]
fn auditing_changes_once_its_operation_has_ended() {
    let options = Options { operation_delay: Duration::from_secs(5), ..Options::default() };
    let mut bench = Bench::with(options);
    let settings = format!("{}/auditingSettings/default", sql_server(&mut bench));
    let wanted = json!({ "properties": { "state": "Enabled", "storageEndpoint": "https://stlogs01.blob.core.windows.net", "isManagedIdentityInUse": true } });
    let accepted = bench.arm("PUT", &settings, Some(wanted));
    assert_eq!(accepted.status, 202);
    assert!(header(&accepted, "azure-asyncoperation").starts_with("https://management.azure.com/"));
    assert_eq!(at(&bench.arm("GET", &settings, None), "/properties/state"), &json!("Disabled"));
    bench.pass(SignedDuration::from_secs(5));
    assert_eq!(at(&bench.arm("GET", &settings, None), "/properties/state"), &json!("Enabled"));
}

#[test]
fn a_put_of_auditing_states_the_whole() {
    let mut bench = Bench::new();
    let settings = format!("{}/extendedAuditingSettings/default", sql_server(&mut bench));
    let endpoint = "https://stlogs01.blob.core.windows.net";
    bench.arm("PUT", &settings, Some(json!({ "properties": { "state": "Enabled", "storageEndpoint": endpoint, "retentionDays": 90 } })));
    bench.arm("PUT", &settings, Some(json!({ "properties": { "state": "Enabled", "storageEndpoint": endpoint } })));
    assert_eq!(at(&bench.arm("GET", &settings, None), "/properties/retentionDays"), &json!(0));
}

#[test]
fn a_database_has_auditing_of_its_own_at_once() {
    let mut bench = Bench::new();
    let database = format!("{}/databases/orders", sql_server(&mut bench));
    assert_eq!(bench.arm("PUT", &database, Some(json!({ "location": "westeurope" }))).status, 201);
    let settings = format!("{database}/auditingSettings/default");
    assert_eq!(at(&bench.arm("GET", &settings, None), "/properties/state"), &json!("Disabled"));
    let wanted = json!({ "properties": { "state": "Enabled", "isAzureMonitorTargetEnabled": true } });
    assert_eq!(bench.arm("PUT", &settings, Some(wanted)).status, 200);
    let list = bench.arm("GET", &format!("{database}/auditingSettings"), None);
    assert_eq!(at(&list, "/value/0/properties/state"), &json!("Enabled"));
}

#[test]
fn servers_are_listed_by_subscription() {
    let mut bench = Bench::new();
    sql_server(&mut bench);
    let list = bench.arm("GET", &format!("{SUBSCRIPTION}/providers/Microsoft.Sql/servers"), None);
    assert_eq!(at(&list, "/value/0/name"), &json!("sql1"));
}

#[test]
fn parameters_take_only_what_they_allow() {
    let mut bench = Bench::new();
    for (provider, name, value, status) in [
        ("DBforPostgreSQL", "pgaudit.log", "write,ddl", 202),
        ("DBforPostgreSQL", "pgaudit.log", "everything", 400),
        ("DBforPostgreSQL", "logfiles.retention_days", "8", 400),
        ("DBforPostgreSQL", "no.such", "on", 404),
        ("DBforMySQL", "audit_log_enabled", "ON", 202),
        ("DBforMySQL", "audit_log_enabled", "maybe", 400),
        ("DBforMySQL", "audit_log_events", "CONNECTION,DDL", 202),
    ] {
        let server = format!("{GROUP}/providers/Microsoft.{provider}/flexibleServers/db1");
        bench.arm("PUT", &server, Some(json!({ "location": "westeurope" })));
        let parameter = format!("{server}/configurations/{name}");
        let answer = bench.arm("PATCH", &parameter, Some(json!({ "properties": { "value": value, "source": "user-override" } })));
        assert_eq!(answer.status, status, "{name} {value}");
        if status == 202 {
            assert_eq!(at(&bench.arm("GET", &parameter, None), "/properties/value"), &json!(value));
        }
    }
}

fn topic(bench: &mut Bench) -> String {
    let topic = format!("{GROUP}/providers/Microsoft.EventGrid/systemTopics/activity");
    let properties = json!({ "source": SUBSCRIPTION, "topicType": "Microsoft.Resources.Subscriptions" });
    assert_eq!(bench.arm("PUT", &topic, Some(json!({ "location": "global", "properties": properties }))).status, 201);
    topic
}

#[test]
fn a_source_has_one_system_topic() {
    let mut bench = Bench::new();
    topic(&mut bench);
    let second = format!("{GROUP}/providers/Microsoft.EventGrid/systemTopics/again");
    let properties = json!({ "source": SUBSCRIPTION, "topicType": "Microsoft.Resources.Subscriptions" });
    assert_eq!(code(&bench.arm("PUT", &second, Some(json!({ "location": "global", "properties": properties })))), "InvalidRequest");
}

#[test]
fn a_webhooks_secret_is_answered_only_where_it_is_asked_for() {
    let mut bench = Bench::new();
    let subscription = format!("{}/eventSubscriptions/guard", topic(&mut bench));
    let destination = json!({ "endpointType": "WebHook", "properties": { "endpointUrl": "https://guard.example/api?code=secret" } });
    let created = bench.arm("PUT", &subscription, Some(json!({ "properties": { "destination": destination } })));
    assert_eq!(created.status, 201);
    assert_eq!(at(&created, "/properties/destination/properties"), &json!({ "endpointBaseUrl": "https://guard.example/api" }));
    assert_eq!(at(&created, "/properties/topic"), &json!(SUBSCRIPTION));
    let full = bench.arm("POST", &format!("{subscription}/getFullUrl"), None);
    assert_eq!(at(&full, "/endpointUrl"), &json!("https://guard.example/api?code=secret"));
}

#[test]
fn event_subscriptions_need_a_whole_destination() {
    let mut bench = Bench::new();
    let subscription = format!("{}/eventSubscriptions/guard", topic(&mut bench));
    let queue = json!({ "endpointType": "StorageQueue", "properties": { "resourceId": "/a" } });
    let function = json!({ "endpointType": "AzureFunction", "properties": { "resourceId": "/sites/f/functions/g" } });
    for (properties, status) in [
        (json!({ "destination": queue }), 400),
        (json!({ "destination": function, "retryPolicy": { "maxDeliveryAttempts": 31 } }), 400),
        (json!({ "destination": function, "deadLetterDestination": { "endpointType": "StorageBlob", "properties": {} } }), 400),
        (json!({ "destination": function }), 201),
    ] {
        assert_eq!(bench.arm("PUT", &subscription, Some(json!({ "properties": properties.clone() }))).status, status, "{properties}");
    }
}

#[test]
fn a_source_that_is_gone_takes_its_topic_along() {
    let mut bench = Bench::new();
    let topic = topic(&mut bench);
    crate::event_grid::forget_source(&mut bench.tenant, SUBSCRIPTION);
    assert_eq!(bench.arm("GET", &topic, None).status, 404);
}

#[test]
fn hubs_lie_in_namespaces() {
    let mut bench = Bench::new();
    let namespace = format!("{GROUP}/providers/Microsoft.EventHub/namespaces/logs");
    let hub = format!("{namespace}/eventhubs/audit");
    assert_eq!(code(&bench.arm("PUT", &hub, Some(json!({})))), "ParentResourceNotFound");
    let sku = json!({ "location": "westeurope", "sku": { "name": "Standard" } });
    assert_eq!(bench.arm("PUT", &namespace, Some(sku)).status, 201);
    let created = bench.arm("PUT", &hub, Some(json!({ "properties": { "partitionCount": 2 } })));
    assert_eq!((created.status, at(&created, "/properties/partitionIds")), (200, &json!(["0", "1"])));
    let list = bench.arm("GET", &format!("{namespace}/eventhubs"), None);
    assert_eq!(at(&list, "/value/0/name"), &json!("audit"));
}
