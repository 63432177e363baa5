//! A tenant to try the providers on without a server: calls go straight to `handle`.
//!
//! Must not be built but for tests.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::request::{Answer, ArmRequest, Caller};
use crate::tenant::{Options, Tenant};

pub(crate) const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000000";
pub(crate) const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg";

/// A tenant, a clock and a caller who may do everything.
pub(crate) struct Bench {
    pub(crate) tenant: Tenant,
    pub(crate) now: Timestamp,
    pub(crate) caller: Caller,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        let mut tenant = Tenant::new(options);
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().expect("a time");
        tenant.put_resource(GROUP, json!({ "id": GROUP, "name": "rg", "type": "Microsoft.Resources/resourceGroups" }), now);
        let owner = tenant.owner_object_id.clone();
        let caller = tenant.principals.get(&owner).expect("the owner").caller(&tenant.tenant_id);
        Self { tenant, now, caller }
    }

    pub(crate) fn pass(&mut self, time: SignedDuration) {
        self.now = self.now.checked_add(time).expect("a later time");
        self.tenant.settle(self.now);
    }

    /// Calls ARM. The path may have a query; an API version is added.
    pub(crate) fn arm(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.arm_with(method, path, body, &[])
    }

    pub(crate) fn arm_with(&mut self, method: &str, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Answer {
        let raw = body.as_ref().map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        self.send("management.azure.com", method, path, raw, body, headers)
    }

    /// Calls a blob service.
    pub(crate) fn blob(&mut self, account: &str, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let host = format!("{account}.blob.core.windows.net");
        self.send(&host, method, path, Bytes::from(body.to_owned()), None, headers)
    }

    fn send(&mut self, host: &str, method: &str, path: &str, raw: Bytes, body: Option<Value>, headers: &[(&str, &str)]) -> Answer {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query = form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned())).collect();
        let mut map = http::HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().expect("a header name");
            map.insert(name, value.parse().expect("a header value"));
        }
        let request = ArmRequest {
            method: method.parse().expect("a method"),
            host: host.to_owned(),
            path: path.to_owned(),
            query,
            headers: map,
            body,
            raw_body: raw,
            caller: self.caller.clone(),
            now: self.now,
            correlation_id: "c".to_owned(),
            request_id: "r".to_owned(),
        };
        self.tenant.settle(self.now);
        let tenant = &mut self.tenant;
        let answer = crate::storage::handle(tenant, &request)
            .or_else(|| crate::authorization::handle(tenant, &request))
            .or_else(|| crate::insights::handle(tenant, &request))
            .or_else(|| crate::sql::handle(tenant, &request))
            .or_else(|| crate::postgresql::handle(tenant, &request))
            .or_else(|| crate::mysql::handle(tenant, &request))
            .or_else(|| crate::event_grid::handle(tenant, &request))
            .or_else(|| crate::event_hub::handle(tenant, &request));
        answer.unwrap_or_else(|| panic!("nobody answers `{method} {path}`"))
    }

    /// Makes a storage account and returns its id.
    pub(crate) fn account(&mut self, name: &str) -> String {
        let id = format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/{name}");
        let body = json!({ "location": "westeurope", "kind": "StorageV2", "sku": { "name": "Standard_LRS" } });
        let answer = self.arm("PUT", &id, Some(body));
        assert_eq!(answer.status, 200, "{answer:?}");
        id
    }

    /// Makes a container in an account and returns its id.
    pub(crate) fn container(&mut self, account_id: &str, name: &str) -> String {
        let id = format!("{account_id}/blobServices/default/containers/{name}");
        let answer = self.arm("PUT", &id, Some(json!({})));
        assert_eq!(answer.status, 201, "{answer:?}");
        id
    }
}

/// The code of an error, in either of ARM's shapes or in the blob service's header.
pub(crate) fn code(answer: &Answer) -> &str {
    let body = answer.body.as_ref();
    let named = body.and_then(|body| body.pointer("/error/code").or_else(|| body.get("code"))).and_then(Value::as_str);
    let header = answer.headers.iter().find(|(name, _)| name == "x-ms-error-code").map(|(_, value)| value.as_str());
    named.or(header).unwrap_or_default()
}

/// A field of an answer's body.
pub(crate) fn at<'a>(answer: &'a Answer, pointer: &str) -> &'a Value {
    answer.body.as_ref().and_then(|body| body.pointer(pointer)).unwrap_or(&Value::Null)
}

/// A header of an answer.
pub(crate) fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.as_str())
}

/// The body of a blob service's answer.
pub(crate) fn content(answer: &Answer) -> String {
    String::from_utf8_lossy(answer.raw.as_deref().unwrap_or_default()).into_owned()
}
