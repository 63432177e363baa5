//! The way of one request through the sandbox: login, who asks, may they, does the entity tag fit, whose path is it; then what
//! Azure would tell others about it.
//!
//! Must not know HTTP's wire, nor any provider's rules.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use uuid::Uuid;

use crate::activity_log;
use crate::identity::is_loopback;
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest, Caller};
use crate::tenant::{ArmWrite, Happening, Tenant, WriteKind};
use crate::token::{Audience, authenticate};
use crate::{authorization, event_grid, event_hub, identity, insights, key_vault, mysql, operations, postgresql, resources, sql, storage};

/// A provider: answers the requests whose path is its own.
type Provider = fn(&mut Tenant, &ArmRequest) -> Option<Answer>;

/// Whoever has an answer first gives it.
const PROVIDERS: &[Provider] = &[
    operations::handle,
    activity_log::handle,
    resources::handle,
    key_vault::handle,
    storage::handle,
    authorization::handle,
    insights::handle,
    event_grid::handle,
    event_hub::handle,
    sql::handle,
    postgresql::handle,
    mysql::handle,
];

/// The host that ARM answers on.
const MANAGEMENT: &str = "management.azure.com";

/// A request as it came from the wire.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) method: Method,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// The `Host` header as sent, with its port.
    pub(crate) authority: String,
    /// The host in lower case, without a port.
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) ip: String,
}

impl Incoming {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Says whether ARM is asked: by its name, or by this machine's, as clients do that were given its address.
    pub(crate) fn is_management(&self) -> bool {
        self.host == MANAGEMENT || is_loopback(&self.host)
    }

    /// The RBAC action that the request needs, where ARM is asked; else an empty text.
    pub(crate) fn action(&self) -> String {
        if !self.is_management() {
            return String::new();
        }
        ResourcePath::parse(&self.path).map(|path| path.action(&self.method)).unwrap_or_default()
    }
}

/// What became of a request.
pub(crate) struct Routed {
    pub(crate) answer: Answer,
    pub(crate) caller: Option<Caller>,
    pub(crate) request_id: String,
    pub(crate) correlation_id: String,
    /// Whether the host has no address in Azure: a vault that is deleted has none.
    pub(crate) is_unreachable: bool,
}

/// Answers a request.
pub(crate) fn route(tenant: &mut Tenant, incoming: &Incoming, identity_header: &str) -> Routed {
    let request_id = Uuid::new_v4().to_string();
    let correlation_id = incoming.header("x-ms-correlation-request-id").map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
    let mut routed = Routed { answer: Answer::status(404), caller: None, request_id, correlation_id, is_unreachable: false };
    if let Some(answer) = identity::handle(tenant, incoming, identity_header) {
        routed.answer = answer;
        return routed;
    }
    if !key_vault::resolves(tenant, &incoming.host) {
        routed.is_unreachable = true;
        return routed;
    }
    let audience = Audience::of_host(&incoming.host);
    let caller = match authenticate(tenant, incoming.header("authorization"), audience, &incoming.host, &incoming.ip) {
        Ok(caller) => caller,
        Err(reason) => {
            routed.answer = audience.challenge(&tenant.tenant_id, reason);
            let user_agent = incoming.header("user-agent").unwrap_or_default();
            key_vault::log_unauthenticated(tenant, &incoming.host, &incoming.path, user_agent, &incoming.ip);
            return routed;
        }
    };
    routed.caller = Some(caller.clone());
    let request = ArmRequest {
        method: incoming.method.clone(),
        host: if incoming.is_management() { MANAGEMENT.to_owned() } else { incoming.host.clone() },
        path: incoming.path.clone(),
        query: incoming.query.clone(),
        headers: incoming.headers.clone(),
        body: serde_json::from_slice(&incoming.body).ok(),
        raw_body: incoming.body.clone(),
        caller,
        now: tenant.now(),
        correlation_id: routed.correlation_id.clone(),
        request_id: routed.request_id.clone(),
    };
    routed.answer = if incoming.is_management() { arm(tenant, &request) } else { ask_providers(tenant, &request) };
    routed.answer = keep_address(routed.answer, incoming);
    routed
}

/// Clients that came by this machine's own address must come back by it: links lead there.
fn keep_address(mut answer: Answer, incoming: &Incoming) -> Answer {
    if !is_loopback(&incoming.host) {
        return answer;
    }
    let (from, to) = (format!("https://{MANAGEMENT}/"), format!("{}://{}/", incoming.scheme, incoming.authority));
    for (name, value) in &mut answer.headers {
        if ["azure-asyncoperation", "location"].contains(&name.to_ascii_lowercase().as_str()) {
            *value = value.replacen(&from, &to, 1);
        }
    }
    if let Some(link) = answer.body.as_mut().and_then(|body| body.get_mut("nextLink"))
        && let Some(text) = link.as_str()
    {
        *link = text.replacen(&from, &to, 1).into();
    }
    answer
}

fn ask_providers(tenant: &mut Tenant, request: &ArmRequest) -> Answer {
    let answered = PROVIDERS.iter().find_map(|provider| provider(tenant, request));
    answered.unwrap_or_else(|| no_such_path(request))
}

fn no_such_path(request: &ArmRequest) -> Answer {
    let message = format!("The sandbox knows no `{}` on `https://{}{}`.", request.method, request.host, request.path);
    match request.resource_path() {
        Some(path) if request.host == MANAGEMENT => {
            Answer::error(404, "InvalidResourceType", &format!("{message} Its type is `{}`.", path.full_type()))
        }
        _ => Answer::error(404, "NotFound", &message),
    }
}

fn arm(tenant: &mut Tenant, request: &ArmRequest) -> Answer {
    let mut answer = refuse(tenant, request).unwrap_or_else(|| ask_providers(tenant, request));
    if request.method == Method::GET {
        tenant.reads_left = tenant.reads_left.saturating_sub(1);
        answer = answer.with_header("x-ms-ratelimit-remaining-subscription-reads", tenant.reads_left.to_string());
    } else {
        answer = answer.with_header("x-ms-ratelimit-remaining-subscription-writes", "1199");
        tell(tenant, request, &answer);
    }
    if let Some(resource) = tenant.resource(&request.path).filter(|_| answer.status == 200 || answer.status == 201) {
        answer = answer.with_header("ETag", resource.etag.clone());
    }
    answer
}

/// What ARM refuses before a provider hears of it.
fn refuse(tenant: &Tenant, request: &ArmRequest) -> Option<Answer> {
    if request.api_version().is_empty() {
        let message = "The api-version query parameter (?api-version=) is required for all requests.";
        return Some(Answer::error(400, "MissingApiVersionParameter", message));
    }
    if !request.raw_body.is_empty() && request.body.is_none() {
        return Some(Answer::error(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized."));
    }
    let path = request.resource_path()?;
    if let Some(subscription) = &path.subscription
        && tenant.resource(&format!("/subscriptions/{subscription}")).is_none()
    {
        let message = format!("The subscription '{subscription}' could not be found.");
        return Some(Answer::error(404, "SubscriptionNotFound", &message));
    }
    unauthorized(tenant, request, &path).or_else(|| precondition(tenant, request))
}

fn unauthorized(tenant: &Tenant, request: &ArmRequest, path: &ResourcePath) -> Option<Answer> {
    let is_open = path.is("Microsoft.Resources", &["subscriptions"]) && !path.names_a_resource()
        || path.types.last().is_some_and(|last| last.to_ascii_lowercase().starts_with("operation"));
    let (action, scope) = (path.action(&request.method), path.rbac_scope());
    if is_open || tenant.is_allowed(&request.caller, &action, &scope, request.now) {
        return None;
    }
    let client = request.caller.upn.as_ref().or(request.caller.app_id.as_ref()).unwrap_or(&request.caller.object_id);
    let message = format!(
        "The client '{client}' with object id '{}' does not have authorization to perform action '{action}' over scope '{scope}' or the \
         scope is invalid. If access was recently granted, please refresh your credentials.",
        request.caller.object_id
    );
    Some(Answer::error(403, "AuthorizationFailed", &message))
}

/// Holds `If-Match` and `If-None-Match` against the resource. What a provider keeps elsewhere it must hold itself.
fn precondition(tenant: &Tenant, request: &ArmRequest) -> Option<Answer> {
    let resource = tenant.resource(&request.path)?;
    let fits =
        |header: &str| request.header(header).is_none_or(|tags| tags == "*" || tags.split(',').any(|tag| tag.trim() == resource.etag));
    let is_forbidden = request.method != Method::GET && request.header("if-none-match").is_some() && fits("if-none-match");
    if fits("if-match") && !is_forbidden {
        return None;
    }
    let message = format!("The resource '{}' has the entity tag {}, which is not what the request asks for.", resource.id, resource.etag);
    Some(Answer::error(412, "PreconditionFailed", &message))
}

/// Writes the Activity Log and tells the subscribers of a write that succeeded.
fn tell(tenant: &mut Tenant, request: &ArmRequest, answer: &Answer) {
    let Some(path) = request.resource_path() else { return };
    let is_action = request.method == Method::POST;
    let write = ArmWrite {
        subscription: path.subscription_id().to_owned(),
        resource_id: if is_action { path.parent_id().to_owned() } else { path.id.clone() },
        operation: path.action(&request.method),
        kind: match request.method {
            Method::POST => WriteKind::Action,
            Method::DELETE => WriteKind::Delete,
            _ => WriteKind::Write,
        },
        status_code: answer.status,
        caller: request.caller.clone(),
        correlation_id: request.correlation_id.clone(),
        at: request.now,
        method: request.method.to_string(),
        url: request.url(),
    };
    activity_log::record(tenant, &write, request, answer);
    if !answer.is_success() {
        return;
    }
    // Azure tells of a write once it is done, which for an asynchronous one is later.
    let is_asynchronous = answer.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("azure-asyncoperation"));
    let delay = if is_asynchronous { tenant.options.operation_delay } else { Duration::ZERO };
    if delay.is_zero() {
        tenant.push_happening(Happening::ArmWrite(Box::new(write)));
        return;
    }
    let at = request.now + delay;
    tenant.do_later(at, move |tenant, at| tenant.push_happening(Happening::ArmWrite(Box::new(ArmWrite { at, ..write }))));
}
