//! Where tokens come from: the login endpoints, the managed identity endpoint, and the metadata by which clients find both.
//!
//! Must not give a token to who does not show the secret, or the identity endpoint's header.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::principal::{PrincipalKind, PrincipalRecord, TOKEN_LIFETIME_SECONDS};
use crate::request::Answer;
use crate::router::Incoming;
use crate::tenant::Tenant;

/// Answers metadata, login and identity requests. `None`: none of them.
pub(crate) fn handle(tenant: &Tenant, incoming: &Incoming, identity_header: &str) -> Option<Answer> {
    let segments: Vec<&str> = incoming.path.split('/').filter(|segment| !segment.is_empty()).collect();
    let is_local = is_loopback(&incoming.host);
    let is_login = is_local || incoming.host == "login.microsoftonline.com" || incoming.host == "login.windows.net";
    match segments.as_slice() {
        ["msi", "token"] if is_local => Some(managed_identity(tenant, incoming, identity_header)),
        ["metadata", "endpoints"] => Some(endpoints(incoming)),
        [.., "common", "discovery", "instance"] | ["common", "discovery", "instance", ..] if is_login => Some(discovery(tenant)),
        [_, "v2.0", ".well-known", "openid-configuration"] | [_, ".well-known", "openid-configuration"] if is_login => {
            Some(open_id(tenant, &login_base(incoming)))
        }
        [_, "oauth2", "v2.0", "token"] | [_, "oauth2", "token"] if is_login => Some(client_credentials(tenant, incoming)),
        _ => None,
    }
}

/// Says whether a host is this machine itself, and no name of Azure's.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.is_empty() || host == "127.0.0.1" || host == "localhost"
}

fn login_base(incoming: &Incoming) -> String {
    if is_loopback(&incoming.host) {
        return format!("{}://{}", incoming.scheme, incoming.authority);
    }
    "https://login.microsoftonline.com".to_owned()
}

/// Source: `https://management.azure.com/metadata/endpoints`, which Azure's clients read to learn a cloud's addresses.
fn endpoints(incoming: &Incoming) -> Answer {
    let base = format!("{}://{}", incoming.scheme, incoming.authority);
    let management = if is_loopback(&incoming.host) { base } else { "https://management.azure.com".to_owned() };
    let login = login_base(incoming);
    let cloud = json!({
        "name": "AzureCloud",
        "portal": "https://portal.azure.com",
        "authentication": {
            "loginEndpoint": login,
            "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "resourceManager": management,
        "graph": "https://graph.windows.net/",
        "microsoftGraphResourceId": "https://graph.microsoft.com/",
        "activeDirectoryDataLake": "https://datalake.azure.net/",
        "media": "https://rest.media.azure.net",
        "suffixes": {
            "keyVaultDns": "vault.azure.net",
            "mhsmDns": "managedhsm.azure.net",
            "storage": "core.windows.net",
            "sqlServerHostname": "database.windows.net",
        },
    });
    // The versions between these two answer a list of clouds, all others the one cloud.
    let version = incoming.query.get("api-version").map(String::as_str).unwrap_or_default();
    Answer::ok(if ("2019-05-01".."2022-09-01").contains(&version) { json!([cloud]) } else { cloud })
}

fn discovery(tenant: &Tenant) -> Answer {
    Answer::ok(json!({
        "tenant_discovery_endpoint":
            format!("https://login.microsoftonline.com/{}/v2.0/.well-known/openid-configuration", tenant.tenant_id),
        "api-version": "1.1",
        "metadata": [{
            "preferred_network": "login.microsoftonline.com",
            "preferred_cache": "login.windows.net",
            "aliases": ["login.microsoftonline.com", "login.windows.net"],
        }],
    }))
}

fn open_id(tenant: &Tenant, base: &str) -> Answer {
    let id = &tenant.tenant_id;
    Answer::ok(json!({
        "token_endpoint": format!("{base}/{id}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "jwks_uri": format!("{base}/{id}/discovery/v2.0/keys"),
        "response_types_supported": ["code", "id_token", "token"],
        "issuer": format!("https://login.microsoftonline.com/{id}/v2.0"),
        "authorization_endpoint": format!("{base}/{id}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{base}/{id}/oauth2/v2.0/devicecode"),
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
    }))
}

fn client_credentials(tenant: &Tenant, incoming: &Incoming) -> Answer {
    let form: BTreeMap<String, String> = form_urlencoded::parse(&incoming.body).into_owned().collect();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if field("grant_type") != "client_credentials" {
        return login_error("unsupported_grant_type", "AADSTS70003: this sandbox takes the grant type `client_credentials`.");
    }
    let principal = tenant.principal_of_client(field("client_id")).filter(|found| found.kind == PrincipalKind::ServicePrincipal);
    let Some(principal) = principal else {
        let message = format!("AADSTS700016: Application with identifier '{}' was not found in the directory.", field("client_id"));
        return login_error("unauthorized_client", &message);
    };
    if field("client_secret") != principal.client_secret {
        return login_error("invalid_client", "AADSTS7000215: Invalid client secret provided.");
    }
    let resource = if field("scope").is_empty() { field("resource") } else { field("scope") };
    if resource.is_empty() {
        return login_error("invalid_request", "AADSTS900144: The request body must contain the following parameter: 'scope'.");
    }
    Answer::ok(json!({
        "token_type": "Bearer",
        "expires_in": TOKEN_LIFETIME_SECONDS,
        "ext_expires_in": TOKEN_LIFETIME_SECONDS,
        "access_token": principal.token(&tenant.tenant_id, resource.trim_end_matches("/.default")),
    }))
}

fn login_error(error: &str, description: &str) -> Answer {
    let status = if error == "invalid_client" { 401 } else { 400 };
    Answer { body: Some(json!({ "error": error, "error_description": description })), ..Answer::status(status) }
}

/// The endpoint of App Service and Functions, version 2019-08-01.
fn managed_identity(tenant: &Tenant, incoming: &Incoming, identity_header: &str) -> Answer {
    let query = |name: &str| incoming.query.get(name).map(String::as_str).unwrap_or_default();
    if query("api-version") != "2019-08-01" {
        return identity_error(
            400,
            "UnsupportedApiVersion",
            &format!("The api-version `{}` is not known: use 2019-08-01.", query("api-version")),
        );
    }
    if incoming.header("x-identity-header") != Some(identity_header) {
        return identity_error(401, "Unauthorized", "The header `x-identity-header` is missing or not the one of this process.");
    }
    if query("resource").is_empty() {
        return identity_error(400, "InvalidRequest", "The parameter `resource` is missing.");
    }
    let Some(principal) = identity_asked_for(tenant, &incoming.query) else {
        return identity_error(400, "InvalidClientId", "No managed identity was found with the specified client, object or resource id.");
    };
    let expires_on = jiff::Timestamp::now().as_second() + TOKEN_LIFETIME_SECONDS;
    Answer::ok(json!({
        "access_token": principal.token(&tenant.tenant_id, query("resource")),
        "expires_on": expires_on.to_string(),
        "resource": query("resource"),
        "token_type": "Bearer",
        "client_id": principal.client_id.to_uppercase(),
    }))
}

/// Without an id, the only managed identity is meant, as for a function app that has just one.
fn identity_asked_for<'a>(tenant: &'a Tenant, query: &BTreeMap<String, String>) -> Option<&'a PrincipalRecord> {
    let mut identities = tenant.principals.values().filter(|principal| principal.kind == PrincipalKind::ManagedIdentity);
    if let Some(client_id) = query.get("client_id") {
        return identities.find(|principal| principal.client_id.eq_ignore_ascii_case(client_id));
    }
    if let Some(object_id) = query.get("principal_id").or_else(|| query.get("object_id")) {
        return identities.find(|principal| principal.object_id.eq_ignore_ascii_case(object_id));
    }
    if let Some(resource_id) = query.get("mi_res_id") {
        let client_id = tenant.resource(resource_id)?.body.pointer("/properties/clientId").and_then(Value::as_str)?;
        return identities.find(|principal| principal.client_id == client_id);
    }
    let only = identities.next()?;
    identities.next().is_none().then_some(only)
}

fn identity_error(status: u16, code: &str, message: &str) -> Answer {
    Answer { body: Some(json!({ "statusCode": status, "code": code, "message": message })), ..Answer::status(status) }
}
