//! Microsoft.Resources and managed identities: tenants, subscriptions, resource groups, lists of resources, tags, identities.
//!
//! Must not delete what a provider protects: a resource group goes with all its resources as their own DELETE would have it.

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::crud::{self, merge, set, text};
use crate::path::ResourcePath;
use crate::principal::PrincipalKind;
use crate::request::{Answer, ArmRequest};
use crate::tenant::Tenant;

const IDENTITY_TYPE: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

impl Tenant {
    /// Adds a subscription.
    pub fn add_subscription(&mut self, id: &str, display_name: &str) {
        let path = format!("/subscriptions/{id}");
        let body = json!({
            "id": path,
            "subscriptionId": id,
            "tenantId": self.tenant_id,
            "displayName": display_name,
            "state": "Enabled",
            "type": "Microsoft.Resources/subscriptions",
            "subscriptionPolicies": { "locationPlacementId": "Public_2014-09-01", "quotaId": "EnterpriseAgreement_2014-09-01", "spendingLimit": "Off" },
            "authorizationSource": "RoleBased",
            "managedByTenants": [],
        });
        self.put_resource(&path, body, Timestamp::now());
    }
}

/// Answers requests about the tenant itself, and about identities.
pub(crate) fn handle(tenant: &mut Tenant, request: &ArmRequest) -> Option<Answer> {
    if request.host != "management.azure.com" {
        return None;
    }
    if request.path.trim_end_matches('/').eq_ignore_ascii_case("/tenants") && request.method == Method::GET {
        return Some(tenants(tenant));
    }
    let path = request.resource_path()?;
    if path.namespace.eq_ignore_ascii_case("Microsoft.ManagedIdentity") && path.types.len() == 1 {
        return Some(identities(tenant, request, &path));
    }
    if !path.namespace.eq_ignore_ascii_case("Microsoft.Resources") {
        return None;
    }
    let kinds: Vec<String> = path.types.iter().map(|kind| kind.to_ascii_lowercase()).collect();
    match kinds.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["subscriptions"] => Some(subscriptions(tenant, request, &path)),
        ["subscriptions", "resourcegroups"] => Some(resource_groups(tenant, request, &path)),
        ["subscriptions", "resources"] | ["subscriptions", "resourcegroups", "resources"] => Some(list_resources(tenant, request, &path)),
        ["tags"] => Some(tags(tenant, request, &path)),
        _ => None,
    }
}

fn tenants(tenant: &Tenant) -> Answer {
    let id = &tenant.tenant_id;
    let entry = json!({
        "id": format!("/tenants/{id}"), "tenantId": id, "displayName": "Contoso", "defaultDomain": "contoso.example",
        "tenantType": "AAD", "tenantCategory": "Home", "countryCode": "DE", "domains": ["contoso.example"],
    });
    Answer::ok(json!({ "value": [entry] }))
}

/// A subscription as Azure answers it: without the type that the sandbox finds it by.
fn subscription_view(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("type");
    }
    body
}

fn subscriptions(tenant: &Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    if request.method != Method::GET {
        return crud::method_not_allowed(request);
    }
    if path.names_a_resource() {
        return tenant.resource(&path.id).map_or_else(|| crud::not_found(path), |found| Answer::ok(subscription_view(&found.body)));
    }
    // Only those that the caller may read, or has anything to do in, are shown.
    let can_see = |id: &str| {
        tenant.is_allowed(&request.caller, "Microsoft.Resources/subscriptions/read", id, request.now)
            || tenant
                .resources_of(id, "Microsoft.Authorization/roleAssignments")
                .any(|assignment| text(&assignment.body, "/properties/principalId").eq_ignore_ascii_case(&request.caller.object_id))
    };
    let all = tenant.resources_of("", "Microsoft.Resources/subscriptions");
    let shown: Vec<Value> = all.filter(|found| can_see(&found.id)).map(|found| subscription_view(&found.body)).collect();
    let count = shown.len();
    let mut answer = crud::list(tenant, request, shown);
    if let Some(body) = &mut answer.body {
        set(body, "count", json!({ "type": "Total", "value": count }));
    }
    answer
}

fn resource_groups(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    if !path.names_a_resource() {
        let scope = format!("/subscriptions/{}", path.subscription_id());
        return crud::list(tenant, request, crud::bodies(tenant, &scope, "Microsoft.Resources/resourceGroups"));
    }
    match request.method {
        Method::PUT => put_resource_group(tenant, request, path),
        Method::PATCH => patch(tenant, request, path),
        Method::DELETE => delete_resource_group(tenant, request, path),
        Method::HEAD => Answer::status(if tenant.resource(&path.id).is_some() { 204 } else { 404 }),
        Method::GET if tenant.resource(&path.id).is_none() => no_such_group(path),
        Method::GET => crud::read(tenant, path),
        _ => crud::method_not_allowed(request),
    }
}

fn no_such_group(path: &ResourcePath) -> Answer {
    Answer::error(404, "ResourceGroupNotFound", &format!("Resource group '{}' could not be found.", path.name()))
}

fn put_resource_group(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let sent = request.json();
    if text(&sent, "/location").is_empty() {
        return crud::bad_request("LocationRequired", "The location property is required for this definition.");
    }
    let is_new = tenant.resource(&path.id).is_none();
    let mut body = json!({ "id": path.id, "name": path.name(), "type": "Microsoft.Resources/resourceGroups" });
    for field in ["location", "tags", "managedBy"] {
        if let Some(value) = sent.get(field).filter(|value| !value.is_null()) {
            set(&mut body, field, value.clone());
        }
    }
    set(&mut body, "properties", json!({ "provisioningState": "Succeeded" }));
    let body = tenant.put_resource(&path.id, body, request.now).body.clone();
    if is_new { Answer::created(body) } else { Answer::ok(body) }
}

fn patch(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let Some(found) = tenant.resource(&path.id) else { return crud::not_found(path) };
    let mut body = found.body.clone();
    // Tags of a PATCH replace those that are there, as a whole.
    if let Some(tags) = request.json().get("tags") {
        set(&mut body, "tags", tags.clone());
    }
    Answer::ok(tenant.put_resource(&path.id, body, request.now).body.clone())
}

/// The group's resources go first: those that can be recovered stay recoverable.
fn delete_resource_group(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    if tenant.resource(&path.id).is_none() {
        return no_such_group(path);
    }
    let now = request.now;
    let id = path.id.clone();
    let ticket = tenant.begin_operation(&path.id, "Microsoft.Resources", now, move |tenant, at| {
        crate::key_vault::delete_all_below(tenant, &id, at);
        tenant.remove_below(&id);
        tenant.remove_resource(&id);
    });
    Answer::accepted(&ticket)
}

/// Generic lists know a resource by its outer shape, without properties.
fn list_resources(tenant: &Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let scope = path.id.rsplit_once('/').map_or("", |(scope, _)| scope);
    let filter = request.query.get("$filter").map(String::as_str).unwrap_or_default();
    let Some(wanted) = wanted_types(filter) else {
        return crud::bad_request("InvalidFilterInQueryString", &format!("The $filter `{filter}` is not one that this sandbox takes."));
    };
    let prefix = format!("{}/", scope.to_ascii_lowercase());
    let shown = tenant.resources.range(prefix.clone()..).take_while(|(id, _)| id.starts_with(&prefix)).map(|(_, resource)| resource);
    let shown = shown.filter(|resource| is_top_level(&resource.id));
    let shown =
        shown.filter(|resource| wanted.is_empty() || wanted.iter().any(|kind| kind.eq_ignore_ascii_case(&resource.resource_type())));
    crud::list(tenant, request, shown.map(|resource| outer_shape(&resource.body)).collect())
}

fn outer_shape(body: &Value) -> Value {
    let fields = ["id", "name", "type", "kind", "location", "tags", "sku", "identity", "managedBy"];
    let kept = fields.iter().filter_map(|field| Some(((*field).to_owned(), body.get(*field)?.clone())));
    Value::Object(kept.collect())
}

/// A resource of a resource group with one type and one name: extension resources and children are not listed.
fn is_top_level(id: &str) -> bool {
    ResourcePath::parse(id).is_some_and(|path| {
        path.resource_group.is_some() && path.types.len() == 1 && path.names.len() == 1 && path.scope.split('/').count() == 5
    })
}

/// Reads `resourceType eq 'a' or resourceType eq 'b'`. An empty filter wants all; `None` is a filter of another kind.
fn wanted_types(filter: &str) -> Option<Vec<String>> {
    if filter.trim().is_empty() {
        return Some(Vec::new());
    }
    let clause = |clause: &str| {
        let (field, value) = clause.trim().split_once(" eq ")?;
        field.trim().eq_ignore_ascii_case("resourceType").then(|| value.trim().trim_matches('\'').to_owned())
    };
    filter.split(" or ").map(clause).collect()
}

/// The tags of any resource, as `.../providers/Microsoft.Resources/tags/default`.
fn tags(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    if !path.name().eq_ignore_ascii_case("default") {
        return crud::not_found(path);
    }
    let Some(found) = tenant.resource(&path.scope) else { return crud::not_found(path) };
    let mut body = found.body.clone();
    let mut held = body.get("tags").filter(|tags| tags.is_object()).cloned().unwrap_or_else(|| json!({}));
    let sent = request.json().pointer("/properties/tags").cloned().unwrap_or_else(|| json!({}));
    let operation = text(&request.json(), "/operation").to_ascii_lowercase();
    match (&request.method, operation.as_str()) {
        (&Method::GET, _) => return Answer::ok(tags_view(path, &held)),
        (&Method::PUT, _) | (&Method::PATCH, "replace") => held = sent,
        (&Method::PATCH, "merge") => merge(&mut held, &sent),
        (&Method::PATCH, "delete") => take_away(&mut held, &sent),
        (&Method::PATCH, other) => {
            return crud::bad_request("InvalidTagOperation", &format!("The operation `{other}` is none of Merge, Replace, Delete."));
        }
        (&Method::DELETE, _) => held = json!({}),
        _ => return crud::method_not_allowed(request),
    }
    set(&mut body, "tags", held.clone());
    tenant.put_resource(&path.scope, body, request.now);
    if request.method == Method::DELETE { Answer::status(200) } else { Answer::ok(tags_view(path, &held)) }
}

fn tags_view(path: &ResourcePath, tags: &Value) -> Value {
    json!({ "id": path.id, "name": "default", "type": "Microsoft.Resources/tags", "properties": { "tags": tags } })
}

/// Takes away the tags that are named with the value they have.
fn take_away(held: &mut Value, named: &Value) {
    let Some(fields) = held.as_object_mut() else { return };
    for (name, value) in named.as_object().into_iter().flatten() {
        if fields.get(name) == Some(value) {
            fields.remove(name);
        }
    }
}

fn identities(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    if !path.is("Microsoft.ManagedIdentity", &["userAssignedIdentities"]) {
        return crud::not_found(path);
    }
    if !path.names_a_resource() {
        return crud::list(tenant, request, crud::bodies(tenant, &path.scope, IDENTITY_TYPE));
    }
    match request.method {
        Method::GET => crud::read(tenant, path),
        Method::PUT => put_identity(tenant, request, path),
        Method::PATCH => patch(tenant, request, path),
        Method::DELETE => delete_identity(tenant, path),
        _ => crud::method_not_allowed(request),
    }
}

fn put_identity(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    if let Some(missing) = crud::missing_parent(tenant, path) {
        return missing;
    }
    let held = tenant.resource(&path.id).map(|found| found.body.clone());
    let properties = if let Some(body) = &held {
        crud::properties(body)
    } else {
        let principal = tenant.register_principal(PrincipalKind::ManagedIdentity, path.name());
        json!({ "tenantId": tenant.tenant_id, "principalId": principal.object_id, "clientId": principal.client_id })
    };
    let body = crud::resource_body(path, &request.json(), &["location", "tags"], properties);
    let body = tenant.put_resource(&path.id, body, request.now).body.clone();
    if held.is_none() { Answer::created(body) } else { Answer::ok(body) }
}

/// The principal goes with the identity: its tokens count no more.
fn delete_identity(tenant: &mut Tenant, path: &ResourcePath) -> Answer {
    if let Some(found) = tenant.resource(&path.id) {
        let principal = text(&found.body, "/properties/principalId").to_owned();
        tenant.principals.remove(&principal);
    }
    crud::delete(tenant, path)
}
