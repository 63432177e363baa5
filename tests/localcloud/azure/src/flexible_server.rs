//! Flexible servers in ARM, of PostgreSQL and of MySQL alike: servers, and their parameters with allowed values.
//!
//! Must not know either engine: what parameters there are is a table that the engine's module brings.

use serde_json::{Value, json};

use crate::crud::{self, set, set_default, text};
use crate::managed_identity;
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::tenant::Tenant;

/// What values a parameter takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values {
    /// One of these, in any case.
    OneOf(&'static [&'static str]),
    /// Some of these, separated by commas.
    SomeOf(&'static [&'static str]),
    /// A whole number between these.
    Between(i64, i64),
}

/// A parameter of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    /// The name.
    pub(crate) name: &'static str,
    /// The value of a new server.
    pub(crate) default: &'static str,
    /// What it takes.
    pub(crate) values: Values,
    /// Whether a change counts without a restart.
    pub(crate) is_dynamic: bool,
}

/// One of the two engines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Engine {
    /// The namespace of the provider.
    pub(crate) namespace: &'static str,
    /// The end of the host names of servers.
    pub(crate) domain: &'static str,
    /// The parameters that the sandbox knows.
    pub(crate) parameters: &'static [Parameter],
    /// Whether answers say `currentValue` beside `value`.
    pub(crate) says_current_value: bool,
}

/// Answers a request to an engine's provider. `None`: not its path.
pub(crate) fn answer(tenant: &mut Tenant, request: &ArmRequest, engine: &'static Engine) -> Option<Answer> {
    let path = request.resource_path()?;
    if !path.namespace.eq_ignore_ascii_case(engine.namespace) {
        return None;
    }
    match path.types.join("/").to_ascii_lowercase().as_str() {
        "flexibleservers" => Some(servers(tenant, request, &path, engine)),
        "flexibleservers/configurations" => Some(configurations(tenant, request, &path, engine)),
        "flexibleservers/databases" => {
            Some(crud::answer(tenant, request, &path, &format!("{}/flexibleServers/databases", engine.namespace), |_| Ok(())))
        }
        _ => None,
    }
}

fn servers(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, engine: &'static Engine) -> Answer {
    let kind = format!("{}/flexibleServers", engine.namespace);
    match (request.method.as_str(), path.names_a_resource()) {
        ("GET", false) => crud::list(tenant, request, crud::bodies(tenant, &path.scope, &kind)),
        ("GET", true) => crud::read(tenant, path),
        ("PUT" | "PATCH", true) => write_server(tenant, request, path, engine),
        ("DELETE", true) => crud::delete(tenant, path),
        _ => crud::method_not_allowed(request),
    }
}

fn write_server(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, engine: &'static Engine) -> Answer {
    if let Some(missing) = crud::missing_parent(tenant, path) {
        return missing;
    }
    let existing = tenant.resource(&path.id).map(|resource| resource.body.clone());
    if existing.is_none() && request.method == http::Method::PATCH {
        return crud::not_found(path);
    }
    let is_new = existing.is_none();
    let mut body = existing.unwrap_or_else(|| json!({ "id": path.id, "name": path.name(), "type": path.full_type(), "properties": {} }));
    let mut sent = request.json();
    let wanted_identity = sent.as_object_mut().and_then(|fields| fields.remove("identity"));
    if let Some(properties) = sent.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove("administratorLoginPassword");
        properties.remove("createMode");
    }
    crud::merge(&mut body, &sent);
    if let Some(wanted) = wanted_identity.filter(|wanted| !wanted.is_null()) {
        let held = body.get("identity").cloned();
        match managed_identity::settle(tenant, path.name(), held.as_ref(), &wanted) {
            Ok(settled) => set(&mut body, "identity", settled),
            Err(id) => return crud::bad_request("FailedIdentityOperation", &format!("The resource `{id}` was not found.")),
        }
    }
    if let Some(properties) = body.get_mut("properties") {
        set(properties, "state", json!("Ready"));
        set_default(properties, "fullyQualifiedDomainName", json!(format!("{}.{}", path.name(), engine.domain)));
    }
    tenant.put_resource(&path.id, body.clone(), request.now);
    if is_new { Answer::created(body) } else { Answer::ok(body) }
}

fn configurations(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, engine: &'static Engine) -> Answer {
    let server = format!("{}/providers/{}/flexibleServers/{}", path.scope, path.namespace, path.names.first().map_or("", String::as_str));
    if tenant.resource(&server).is_none() {
        return ResourcePath::parse(&server).map_or_else(|| crud::not_found(path), |server| crud::not_found(&server));
    }
    if !path.names_a_resource() {
        if request.method != http::Method::GET {
            return crud::method_not_allowed(request);
        }
        let all =
            engine.parameters.iter().map(|parameter| configuration(tenant, &format!("{}/{}", path.id, parameter.name), engine, parameter));
        return crud::list(tenant, request, all.collect());
    }
    let Some(parameter) = engine.parameters.iter().find(|parameter| parameter.name.eq_ignore_ascii_case(path.name())) else {
        return Answer::error(
            404,
            "ConfigurationNotExists",
            &format!("The configuration '{}' does not exist on this server.", path.name()),
        );
    };
    match request.method.as_str() {
        "GET" => Answer::ok(configuration(tenant, &path.id, engine, parameter)),
        "PUT" | "PATCH" => set_configuration(tenant, request, path, engine, parameter),
        _ => crud::method_not_allowed(request),
    }
}

fn configuration(tenant: &Tenant, id: &str, engine: &Engine, parameter: &Parameter) -> Value {
    if let Some(resource) = tenant.resource(id) {
        return resource.body.clone();
    }
    described(id, engine, parameter, parameter.default, "system-default")
}

fn described(id: &str, engine: &Engine, parameter: &Parameter, value: &str, source: &str) -> Value {
    let (kind, allowed) = match parameter.values {
        Values::OneOf(allowed) => ("Enumeration", allowed.join(",")),
        Values::SomeOf(allowed) => ("Set", allowed.join(",")),
        Values::Between(least, most) => ("Integer", format!("{least}-{most}")),
    };
    let mut properties = json!({
        "value": value,
        "description": parameter.name,
        "defaultValue": parameter.default,
        "dataType": kind,
        "allowedValues": allowed,
        "source": source,
        "isDynamicConfig": dynamic(engine, parameter.is_dynamic),
        "isReadOnly": dynamic(engine, false),
        "isConfigPendingRestart": dynamic(engine, !parameter.is_dynamic && source != "system-default"),
    });
    if engine.says_current_value {
        set(&mut properties, "currentValue", json!(value));
    }
    let kind = format!("{}/flexibleServers/configurations", engine.namespace);
    json!({ "id": id, "name": parameter.name, "type": kind, "properties": properties })
}

/// MySQL writes these as `True` and `False`, PostgreSQL as JSON does.
fn dynamic(engine: &Engine, value: bool) -> Value {
    match (engine.says_current_value, value) {
        (true, true) => json!("True"),
        (true, false) => json!("False"),
        (false, value) => json!(value),
    }
}

fn set_configuration(
    tenant: &mut Tenant,
    request: &ArmRequest,
    path: &ResourcePath,
    engine: &'static Engine,
    parameter: &'static Parameter,
) -> Answer {
    let sent = request.json();
    let value = text(&sent, "/properties/value");
    // A PUT that names only the source goes back to the default.
    let value = if value.is_empty() && text(&sent, "/properties/source") == "system-default" { parameter.default } else { value };
    if !takes(parameter.values, value) {
        let message = format!("The value '{value}' for configuration '{}' is not valid.", parameter.name);
        return crud::bad_request("InvalidParameterValue", &message);
    }
    let source = if value == parameter.default { "system-default" } else { "user-override" };
    let body = described(&path.id, engine, parameter, value, source);
    let id = path.id.clone();
    let ticket = tenant.begin_operation(&path.id, engine.namespace, request.now, move |tenant, at| {
        tenant.put_resource(&id, body, at);
    });
    Answer::accepted(&ticket)
}

fn takes(values: Values, value: &str) -> bool {
    let is_in = |allowed: &[&str], word: &str| allowed.iter().any(|it| it.eq_ignore_ascii_case(word.trim()));
    match values {
        Values::OneOf(allowed) => is_in(allowed, value),
        Values::SomeOf(allowed) => value.split(',').all(|word| word.trim().is_empty() || is_in(allowed, word)),
        Values::Between(least, most) => value.parse::<i64>().is_ok_and(|number| (least..=most).contains(&number)),
    }
}
