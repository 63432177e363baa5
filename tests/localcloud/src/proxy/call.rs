//! Reads an HTTP request as the AWS call it is: service, operation, Region, access key and input.
//!
//! Must not judge the call and must not check its signature; what cannot be told is left empty.

use axum::http::{HeaderMap, Method, Uri, header};
use serde_json::Value;

use super::input;

/// Names the wire protocol of a call, which decides what an error answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// AWS JSON 1.0.
    Json10,
    /// AWS JSON 1.1.
    Json11,
    /// AWS Query: form in, XML out.
    Query,
    /// Smithy RPC v2 over CBOR.
    Cbor,
    /// S3's REST with XML.
    RestXml,
    /// REST with JSON, as Lambda and EventBridge Scheduler speak it.
    RestJson,
}

/// Describes one AWS call as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The service as the signature names it: `kms`, `monitoring`, `s3`.
    pub(crate) service: String,
    /// The operation: `ScheduleKeyDeletion`.
    pub(crate) operation: String,
    /// The Region of the credential scope.
    pub(crate) region: String,
    /// The access key id that signed, if any did.
    pub(crate) access_key_id: Option<String>,
    /// The wire protocol.
    pub(crate) protocol: Protocol,
    /// The input members; `Null` for REST protocols.
    pub(crate) input: Value,
    /// The `User-Agent` header.
    pub(crate) user_agent: String,
}

/// The credential scope of a signature: who signed, for which Region and service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CredentialScope {
    pub(crate) access_key_id: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

impl CredentialScope {
    /// Reads `AKID/date/region/service/aws4_request`.
    fn parse(credential: &str) -> Option<Self> {
        let mut parts = credential.trim().split('/');
        let access_key_id = parts.next().filter(|part| !part.is_empty())?.to_owned();
        let (_date, region, service) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { access_key_id, region: region.to_owned(), service: service.to_owned() })
    }

    /// Reads the `Authorization` header of Signature Version 4.
    pub(crate) fn from_authorization(value: &str) -> Option<Self> {
        let (_, rest) = value.split_once("Credential=")?;
        let credential = rest.split([',', ' ']).next()?;
        Self::parse(credential)
    }

    /// Reads `X-Amz-Credential` of a presigned URL.
    fn from_query(query: &str) -> Option<Self> {
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name.eq_ignore_ascii_case("X-Amz-Credential"))
            .and_then(|(_, value)| Self::parse(&value))
    }
}

impl Call {
    /// Reads a request; `default_region` stands in where nothing was signed.
    #[must_use]
    pub(crate) fn read(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8], default_region: &str) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let scope = CredentialScope::from_authorization(text("authorization"))
            .or_else(|| CredentialScope::from_query(uri.query().unwrap_or_default()));
        let (protocol, target_service, operation, input) = dispatch(method, uri, headers, body, scope.as_ref());
        let (access_key_id, region, signed_service) = match scope {
            Some(scope) => (Some(scope.access_key_id), scope.region, Some(scope.service)),
            None => (None, default_region.to_owned(), None),
        };
        Self {
            service: signed_service.unwrap_or(target_service),
            operation,
            region,
            access_key_id,
            protocol,
            input,
            user_agent: text(header::USER_AGENT.as_str()).to_owned(),
        }
    }

    /// Returns a text member of the input.
    #[must_use]
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.input.get(member).and_then(Value::as_str)
    }

    /// Returns what the call names as its key: an id, an ARN, an alias, or nothing.
    #[must_use]
    pub(crate) fn key_reference(&self) -> Option<&str> {
        if self.service != "kms" {
            return None;
        }
        self.text("KeyId").or_else(|| self.text("TargetKeyId")).or_else(|| self.text("SourceKeyId"))
    }
}

fn dispatch(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
    scope: Option<&CredentialScope>,
) -> (Protocol, String, String, Value) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = text("content-type");
    if let Some((prefix, operation)) = text("x-amz-target").rsplit_once('.') {
        let protocol = if content_type.contains("1.0") { Protocol::Json10 } else { Protocol::Json11 };
        let input = serde_json::from_slice(body).unwrap_or(Value::Null);
        return (protocol, service_of_target(prefix).to_owned(), operation.to_owned(), input);
    }
    let mut path = uri.path().split('/').skip(1);
    if let (Some("service"), Some(service), Some("operation"), Some(operation)) = (path.next(), path.next(), path.next(), path.next()) {
        return (Protocol::Cbor, service_of_target(service).to_owned(), operation.to_owned(), input::from_cbor(body));
    }
    if content_type.starts_with("application/x-www-form-urlencoded") || is_query_get(method, uri) {
        let form = if body.is_empty() { uri.query().unwrap_or_default().as_bytes() } else { body };
        let (action, version, input) = input::from_form(form);
        return (Protocol::Query, service_of_version(&version).to_owned(), action, input);
    }
    let service = scope.map_or("s3", |scope| scope.service.as_str());
    if service == "s3" {
        return (Protocol::RestXml, service.to_owned(), s3_operation(method, uri), Value::Null);
    }
    (Protocol::RestJson, service.to_owned(), rest_operation(method, uri), Value::Null)
}

fn is_query_get(method: &Method, uri: &Uri) -> bool {
    method == Method::GET && uri.query().is_some_and(|query| query.contains("Action=") && query.contains("Version="))
}

/// Names the service behind an `X-Amz-Target` prefix or an RPC v2 service name, as a signature would.
fn service_of_target(prefix: &str) -> &str {
    let name = prefix.rsplit('.').next().unwrap_or(prefix);
    match name {
        "TrentService" => "kms",
        "AWSEvents" => "events",
        "AmazonSQS" => "sqs",
        "AmazonSSM" => "ssm",
        name if name.starts_with("CloudTrail") => "cloudtrail",
        name if name.starts_with("Logs_") => "logs",
        name if name.starts_with("GraniteService") => "monitoring",
        name if name.starts_with("DynamoDB") => "dynamodb",
        other => other,
    }
}

/// Names the service behind the `Version` of a Query call, for calls that nobody signed.
fn service_of_version(version: &str) -> &str {
    match version {
        "2010-03-31" => "sns",
        "2010-08-01" => "monitoring",
        "2010-05-08" => "iam",
        "2011-06-15" => "sts",
        "2012-11-05" => "sqs",
        "2010-05-15" => "cloudformation",
        other => other,
    }
}

/// Names the S3 operation from method, path and sub-resource.
fn s3_operation(method: &Method, uri: &Uri) -> String {
    let has_object = uri.path().trim_start_matches('/').split_once('/').is_some_and(|(_, key)| !key.is_empty());
    let kind = if has_object { "Object" } else { "Bucket" };
    let names: Vec<String> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).map(|(name, _)| name.into_owned()).collect();
    let asks = |name: &str| names.iter().any(|given| given == name);
    let verb = match method.as_str() {
        "GET" => "Get",
        "PUT" => "Put",
        "DELETE" => "Delete",
        "HEAD" => "Head",
        _ => "Post",
    };
    for (query, noun) in [
        ("retention", "ObjectRetention"),
        ("legal-hold", "ObjectLegalHold"),
        ("object-lock", "ObjectLockConfiguration"),
        ("versioning", "BucketVersioning"),
        ("policy", "BucketPolicy"),
        ("encryption", "BucketEncryption"),
        ("lifecycle", "BucketLifecycleConfiguration"),
        ("publicAccessBlock", "PublicAccessBlock"),
    ] {
        if asks(query) {
            return format!("{verb}{noun}");
        }
    }
    if asks("tagging") {
        return format!("{verb}{kind}Tagging");
    }
    match (verb, kind) {
        ("Get", "Bucket") if uri.path() == "/" => "ListBuckets".to_owned(),
        ("Get", "Bucket") if asks("versions") => "ListObjectVersions".to_owned(),
        ("Get", "Bucket") => "ListObjectsV2".to_owned(),
        ("Put", "Bucket") => "CreateBucket".to_owned(),
        _ => format!("{verb}{kind}"),
    }
}

/// Names an operation of a REST service; a path that is not known is named by method and path.
fn rest_operation(method: &Method, uri: &Uri) -> String {
    let path = uri.path();
    if path.starts_with("/2015-03-31/functions") && method == Method::POST {
        return if path.ends_with("/invocations") { "Invoke".to_owned() } else { "CreateFunction".to_owned() };
    }
    if path.starts_with("/2015-03-31/event-source-mappings") && method == Method::POST {
        return "CreateEventSourceMapping".to_owned();
    }
    format!("{method} {path}")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(method: &str, uri: &str, headers: &[(&'static str, &str)], body: &str) -> Call {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("")));
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::POST);
        Call::read(&method, &uri.parse().unwrap_or_default(), &map, body.as_bytes(), "us-east-1")
    }

    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/20261120/eu-west-1/kms/aws4_request, \
                          SignedHeaders=host;x-amz-date, Signature=abc";

    #[test]
    fn signature_names_caller_region_and_service() {
        let scope = CredentialScope::from_authorization(SIGNED);
        assert_eq!(scope, Some(CredentialScope { access_key_id: "ASIAEXAMPLE".into(), region: "eu-west-1".into(), service: "kms".into() }));
        assert_eq!(CredentialScope::from_authorization("Bearer x"), None);
        assert_eq!(CredentialScope::from_authorization("AWS4-HMAC-SHA256 Credential=, x"), None);
    }

    #[test]
    fn json_call_is_read_from_its_target() {
        let call = read(
            "POST",
            "/",
            &[("authorization", SIGNED), ("x-amz-target", "TrentService.DisableKey"), ("content-type", "application/x-amz-json-1.1")],
            r#"{"KeyId":"k"}"#,
        );
        assert_eq!((call.service.as_str(), call.operation.as_str(), call.region.as_str()), ("kms", "DisableKey", "eu-west-1"));
        assert_eq!(call.protocol, Protocol::Json11);
        assert_eq!(call.key_reference(), Some("k"));
        assert_eq!(call.access_key_id.as_deref(), Some("ASIAEXAMPLE"));
    }

    #[test]
    fn unsigned_calls_are_told_by_target_or_version() {
        let table = [
            (read("POST", "/", &[("x-amz-target", "TrentService.EnableKey")], "{}"), "kms", "EnableKey", Protocol::Json11),
            (
                read("POST", "/", &[("x-amz-target", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.StopLogging")], "{}"),
                "cloudtrail",
                "StopLogging",
                Protocol::Json11,
            ),
            (
                read("POST", "/", &[("content-type", "application/x-www-form-urlencoded")], "Action=CreateTopic&Version=2010-03-31&Name=a"),
                "sns",
                "CreateTopic",
                Protocol::Query,
            ),
            (
                read("POST", "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm", &[], ""),
                "monitoring",
                "PutMetricAlarm",
                Protocol::Cbor,
            ),
            (read("PUT", "/bucket/a/b.json", &[], "x"), "s3", "PutObject", Protocol::RestXml),
            (read("PUT", "/bucket?object-lock", &[], "x"), "s3", "PutObjectLockConfiguration", Protocol::RestXml),
        ];
        for (call, service, operation, protocol) in table {
            assert_eq!((call.service.as_str(), call.operation.as_str(), call.protocol), (service, operation, protocol));
            assert_eq!(call.region, "us-east-1");
        }
    }

    #[test]
    fn presigned_url_names_its_caller() {
        let call = read("GET", "/b/k?X-Amz-Credential=AKIA1%2F20261120%2Feu-north-1%2Fs3%2Faws4_request", &[], "");
        assert_eq!((call.access_key_id.as_deref(), call.region.as_str()), (Some("AKIA1"), "eu-north-1"));
    }
}
