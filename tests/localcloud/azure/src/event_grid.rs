//! Microsoft.EventGrid in ARM: system topics, their event subscriptions, and event subscriptions of any scope.
//!
//! Must not deliver an event: delivery reads what is kept here. The whole URL of a webhook is kept and never answered, save by `getFullUrl`.
//! Source: <https://learn.microsoft.com/rest/api/eventgrid/controlplane/event-subscriptions>.

use serde_json::{Value, json};

use crate::crud::{self, set, set_default, text};
use crate::managed_identity;
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::tenant::Tenant;

const NAMESPACE: &str = "Microsoft.EventGrid";
const TOPIC_TYPE: &str = "Microsoft.EventGrid/systemTopics";

/// The type of event subscriptions of a system topic.
pub(crate) const TOPIC_SUBSCRIPTION_TYPE: &str = "Microsoft.EventGrid/systemTopics/eventSubscriptions";

/// The type of event subscriptions of any other scope.
pub(crate) const SUBSCRIPTION_TYPE: &str = "Microsoft.EventGrid/eventSubscriptions";

/// Answers a request to the provider. `None`: not its path.
pub(crate) fn handle(tenant: &mut Tenant, request: &ArmRequest) -> Option<Answer> {
    let path = request.resource_path()?;
    if !path.namespace.eq_ignore_ascii_case(NAMESPACE) {
        return None;
    }
    match path.types.join("/").to_ascii_lowercase().as_str() {
        "systemtopics" => Some(topics(tenant, request, &path)),
        "systemtopics/eventsubscriptions" => Some(subscriptions(tenant, request, &path, TOPIC_SUBSCRIPTION_TYPE)),
        "eventsubscriptions" => Some(subscriptions(tenant, request, &path, SUBSCRIPTION_TYPE)),
        "systemtopics/eventsubscriptions/getfullurl" | "eventsubscriptions/getfullurl" => Some(full_url(tenant, request, &path)),
        _ => None,
    }
}

/// Takes away the system topics of a source that is deleted, with their event subscriptions. A recovered source has none.
pub(crate) fn forget_source(tenant: &mut Tenant, source: &str) {
    let of_source = |body: &Value| text(body, "/properties/source").eq_ignore_ascii_case(source);
    let gone: Vec<String> =
        tenant.resources_of("", TOPIC_TYPE).filter(|topic| of_source(&topic.body)).map(|topic| topic.id.clone()).collect();
    for id in gone {
        tenant.remove_resource(&id);
        tenant.remove_below(&id);
    }
}

fn topics(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    match (request.method.as_str(), path.names_a_resource()) {
        ("GET", false) => crud::list(tenant, request, crud::bodies(tenant, &path.scope, TOPIC_TYPE)),
        ("GET", true) => crud::read(tenant, path),
        ("PUT", true) => put_topic(tenant, request, path),
        ("PATCH", true) => patch_topic(tenant, request, path),
        ("DELETE", true) => crud::delete(tenant, path),
        _ => crud::method_not_allowed(request),
    }
}

fn put_topic(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    if let Some(missing) = crud::missing_parent(tenant, path) {
        return missing;
    }
    let sent = request.json();
    let wanted = crud::properties(&sent);
    if let Some(refusal) = topic_refusal(tenant, path, &wanted) {
        return refusal;
    }
    let existing = tenant.resource(&path.id).map(|resource| resource.body.clone());
    let properties = json!({
        "provisioningState": "Succeeded",
        "source": text(&wanted, "/source"),
        "topicType": text(&wanted, "/topicType"),
        "metricResourceId": uuid::Uuid::new_v4().to_string(),
    });
    let mut body = crud::resource_body(path, &sent, &["location", "tags"], properties);
    if let Err(refusal) = set_identity(tenant, path, &mut body, existing.as_ref(), &sent) {
        return refusal;
    }
    tenant.put_resource(&path.id, body.clone(), request.now);
    if existing.is_some() { Answer::ok(body) } else { Answer::created(body) }
}

fn set_identity(tenant: &mut Tenant, path: &ResourcePath, body: &mut Value, held: Option<&Value>, sent: &Value) -> Result<(), Answer> {
    let held = held.and_then(|body| body.get("identity"));
    let Some(wanted) = sent.get("identity").filter(|wanted| !wanted.is_null()) else {
        if let Some(held) = held {
            set(body, "identity", held.clone());
        }
        return Ok(());
    };
    let settled = managed_identity::settle(tenant, path.name(), held, wanted)
        .map_err(|id| crud::bad_request("FailedIdentityOperation", &format!("The resource `{id}` was not found.")))?;
    set(body, "identity", settled);
    Ok(())
}

/// The kinds of source that matter here, each with the type of its topic.
fn topic_type(source: &str) -> Option<&'static str> {
    let path = ResourcePath::parse(source)?;
    match path.full_type().to_ascii_lowercase().as_str() {
        "microsoft.resources/subscriptions" => Some("Microsoft.Resources.Subscriptions"),
        "microsoft.resources/subscriptions/resourcegroups" => Some("Microsoft.Resources.ResourceGroups"),
        "microsoft.keyvault/vaults" => Some("Microsoft.KeyVault.vaults"),
        "microsoft.storage/storageaccounts" => Some("Microsoft.Storage.StorageAccounts"),
        _ => None,
    }
}

fn topic_refusal(tenant: &Tenant, path: &ResourcePath, wanted: &Value) -> Option<Answer> {
    let source = text(wanted, "/source");
    let named = text(wanted, "/topicType");
    let invalid = |message: String| Some(crud::bad_request("InvalidRequest", &message));
    match topic_type(source) {
        None => return invalid(format!("The source `{source}` is not one that a system topic can have.")),
        Some(kind) if !kind.eq_ignore_ascii_case(named) => {
            return invalid(format!("The topic type `{named}` does not fit the source `{source}`: it is {kind}."));
        }
        Some(_) => {}
    }
    if tenant.resource(source).is_none() {
        return Some(Answer::error(404, "ResourceNotFound", &format!("The source `{source}` was not found.")));
    }
    let same = |topic: &&crate::tenant::Resource| {
        text(&topic.body, "/properties/source").eq_ignore_ascii_case(source) && !topic.id.eq_ignore_ascii_case(&path.id)
    };
    let twin = tenant.resources_of("", TOPIC_TYPE).find(same)?;
    invalid(format!("Only one system topic is allowed per source. The source `{source}` has `{}`.", twin.id))
}

fn patch_topic(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let Some(held) = tenant.resource(&path.id).map(|resource| resource.body.clone()) else { return crud::not_found(path) };
    let sent = request.json();
    let mut body = held.clone();
    if let Some(tags) = sent.get("tags").filter(|tags| !tags.is_null()) {
        set(&mut body, "tags", tags.clone());
    }
    if let Err(refusal) = set_identity(tenant, path, &mut body, Some(&held), &sent) {
        return refusal;
    }
    tenant.put_resource(&path.id, body.clone(), request.now);
    Answer::ok(body)
}

fn subscriptions(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, kind: &str) -> Answer {
    match (request.method.as_str(), path.names_a_resource()) {
        ("GET", false) => {
            let prefix = format!("{}/", path.id.to_ascii_lowercase());
            let own = tenant.resources.range(prefix.clone()..).take_while(|(id, _)| id.starts_with(&prefix));
            crud::list(tenant, request, own.map(|(_, resource)| shown(&resource.body)).collect())
        }
        ("GET", true) => match tenant.resource(&path.id) {
            Some(resource) => Answer::ok(shown(&resource.body)),
            None => crud::not_found(path),
        },
        ("PUT", true) => put_subscription(tenant, request, path, kind),
        ("PATCH", true) => patch_subscription(tenant, request, path),
        ("DELETE", true) => crud::delete(tenant, path),
        _ => crud::method_not_allowed(request),
    }
}

/// What is answered of an event subscription: of a webhook's URL the part before the query, which may be a secret.
fn shown(body: &Value) -> Value {
    let mut body = body.clone();
    let destination = body.pointer_mut("/properties/destination/properties").and_then(Value::as_object_mut);
    if let Some(destination) = destination
        && let Some(url) = destination.remove("endpointUrl")
    {
        let base = url.as_str().unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
        destination.insert("endpointBaseUrl".to_owned(), json!(base));
    }
    body
}

fn full_url(tenant: &Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    if request.method != http::Method::POST {
        return crud::method_not_allowed(request);
    }
    match tenant.resource(path.parent_id()) {
        Some(resource) => Answer::ok(json!({ "endpointUrl": text(&resource.body, "/properties/destination/properties/endpointUrl") })),
        None => crud::not_found(path),
    }
}

fn put_subscription(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, kind: &str) -> Answer {
    let owner = if kind == SUBSCRIPTION_TYPE { path.scope.clone() } else { path.id.rsplitn(3, '/').last().unwrap_or_default().to_owned() };
    let Some(resource) = tenant.resource(&owner) else {
        let message = format!("The resource `{owner}` that the event subscription belongs to was not found.");
        return Answer::error(404, "ResourceNotFound", &message);
    };
    let topic = if kind == SUBSCRIPTION_TYPE { owner.clone() } else { text(&resource.body, "/properties/source").to_owned() };
    let mut properties = crud::properties(&request.json());
    if let Err(message) = complete(&mut properties) {
        return crud::bad_request("InvalidRequest", &message);
    }
    set(&mut properties, "topic", json!(topic));
    write_subscription(tenant, request, path, json!({ "id": path.id, "name": path.name(), "type": kind, "properties": properties }))
}

/// A PATCH of an event subscription has its fields at the top, not below `properties`.
fn patch_subscription(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let Some(mut body) = tenant.resource(&path.id).map(|resource| resource.body.clone()) else { return crud::not_found(path) };
    let mut properties = crud::properties(&body);
    for (name, value) in request.json().as_object().into_iter().flatten() {
        set(&mut properties, name, value.clone());
    }
    if let Err(message) = complete(&mut properties) {
        return crud::bad_request("InvalidRequest", &message);
    }
    set(&mut body, "properties", properties);
    write_subscription(tenant, request, path, body)
}

/// Keeps an event subscription: ready at once, or after its operation.
fn write_subscription(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, mut body: Value) -> Answer {
    let is_slow = !tenant.options.operation_delay.is_zero();
    if let Some(properties) = body.get_mut("properties") {
        set(properties, "provisioningState", json!(if is_slow { "Creating" } else { "Succeeded" }));
    }
    tenant.put_resource(&path.id, body.clone(), request.now);
    let answer = Answer::created(shown(&body));
    if !is_slow {
        return answer;
    }
    let id = path.id.clone();
    let ticket = tenant.begin_operation(&path.id, NAMESPACE, request.now, move |tenant, at| {
        let Some(mut body) = tenant.resource(&id).map(|resource| resource.body.clone()) else { return };
        if let Some(properties) = body.get_mut("properties") {
            set(properties, "provisioningState", json!("Succeeded"));
        }
        tenant.put_resource(&id, body, at);
    });
    answer.with_operation(&ticket)
}

/// What each kind of endpoint must name.
const ENDPOINTS: [(&str, &[&str]); 6] = [
    ("AzureFunction", &["resourceId"]),
    ("WebHook", &["endpointUrl"]),
    ("StorageQueue", &["resourceId", "queueName"]),
    ("EventHub", &["resourceId"]),
    ("ServiceBusQueue", &["resourceId"]),
    ("ServiceBusTopic", &["resourceId"]),
];

fn complete(properties: &mut Value) -> Result<(), String> {
    // A destination that uses the topic's identity stands one level deeper.
    let delivery = properties.pointer("/deliveryWithResourceIdentity/destination").or_else(|| properties.get("destination"));
    let destination = delivery.cloned().unwrap_or(Value::Null);
    check_destination(&destination)?;
    let dead_letters =
        properties.pointer("/deadLetterWithResourceIdentity/deadLetterDestination").or_else(|| properties.get("deadLetterDestination"));
    if let Some(dead_letters) = dead_letters.filter(|it| !it.is_null()) {
        let is_whole = text(dead_letters, "/endpointType") == "StorageBlob"
            && ["resourceId", "blobContainerName"].iter().all(|field| !text(dead_letters, &format!("/properties/{field}")).is_empty());
        if !is_whole {
            return Err("A dead letter destination is a StorageBlob with `resourceId` and `blobContainerName`.".to_owned());
        }
    }
    if text(&destination, "/endpointType") == "AzureFunction" && properties.get("deliveryWithResourceIdentity").is_none() {
        let batching = properties.pointer_mut("/destination/properties");
        if let Some(batching) = batching {
            set_default(batching, "maxEventsPerBatch", json!(1));
            set_default(batching, "preferredBatchSizeInKilobytes", json!(64));
        }
    }
    set_default(properties, "eventDeliverySchema", json!("EventGridSchema"));
    set_default(properties, "labels", json!([]));
    set_default(properties, "filter", json!({}));
    if let Some(filter) = properties.get_mut("filter") {
        set_default(filter, "subjectBeginsWith", json!(""));
        set_default(filter, "subjectEndsWith", json!(""));
    }
    set_default(properties, "retryPolicy", json!({}));
    properties.get_mut("retryPolicy").map_or(Ok(()), complete_retry)
}

fn check_destination(destination: &Value) -> Result<(), String> {
    let kind = text(destination, "/endpointType");
    let Some((_, fields)) = ENDPOINTS.iter().find(|(name, _)| *name == kind) else {
        return Err(format!("The endpoint type `{kind}` is not one that an event subscription can have here."));
    };
    match fields.iter().find(|field| text(destination, &format!("/properties/{field}")).is_empty()) {
        Some(field) => Err(format!("The destination of type {kind} lacks `{field}`.")),
        None => Ok(()),
    }
}

fn complete_retry(policy: &mut Value) -> Result<(), String> {
    for (field, most) in [("maxDeliveryAttempts", 30), ("eventTimeToLiveInMinutes", 1440)] {
        set_default(policy, field, json!(most));
        let value = policy.get(field).and_then(Value::as_i64).unwrap_or(0);
        if !(1..=most).contains(&value) {
            return Err(format!("The retry policy's `{field}` is {value}: it is between 1 and {most}."));
        }
    }
    Ok(())
}
