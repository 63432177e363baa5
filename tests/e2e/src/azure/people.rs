//! People of the company, and their calls on ARM, on vaults and on blobs: plain HTTP, in the shapes of Microsoft's REST references.

use anyhow::{Context as _, Result, bail};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use reprieve_azure_sandbox::Principal;
use serde_json::Value;

/// The API versions by provider, as the tenant's own tools would send them.
const VERSIONS: [(&str, &str); 12] = [
    ("microsoft.keyvault", "2024-11-01"),
    ("microsoft.storage", "2024-01-01"),
    ("microsoft.sql", "2023-08-01"),
    ("microsoft.dbforpostgresql", "2022-12-01"),
    ("microsoft.dbformysql", "2023-06-30"),
    ("microsoft.authorization", "2022-04-01"),
    ("microsoft.managedidentity", "2023-01-31"),
    ("microsoft.eventgrid", "2025-02-15"),
    ("microsoft.eventhub", "2024-01-01"),
    ("microsoft.insights/diagnosticsettings", "2021-05-01-preview"),
    ("microsoft.insights/activitylogalerts", "2020-10-01"),
    ("microsoft.insights/actiongroups", "2023-01-01"),
];

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body; `Null` where there is none, or it is no JSON.
    pub body: Value,
}

impl Answer {
    /// Returns the body of a call that succeeded.
    ///
    /// # Errors
    /// Says how it was refused.
    pub fn done(self, what: &str) -> Result<Value> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        bail!("{what} was answered with {}: {}", self.status, self.body)
    }
}

/// Somebody who signed in.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who.
    pub principal: Principal,
    sandbox: String,
    http: Client<HttpConnector, Full<bytes::Bytes>>,
}

impl Person {
    /// Signs somebody in to the sandbox at this address.
    #[must_use]
    pub fn new(principal: Principal, sandbox: &str) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { principal, sandbox: sandbox.to_owned(), http }
    }

    /// Calls ARM on a resource, with the version that its provider is asked with.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn arm(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
        let version = version_of(path);
        let join = if path.contains('?') { '&' } else { '?' };
        self.call(method, "management.azure.com", "https://management.azure.com", &format!("{path}{join}api-version={version}"), body).await
    }

    /// Makes or replaces a resource.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn put(&self, id: &str, body: &Value) -> Result<Value> {
        self.arm("PUT", id, Some(body)).await?.done(&format!("PUT {id}"))
    }

    /// Changes a resource.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn patch(&self, id: &str, body: &Value) -> Result<Value> {
        self.arm("PATCH", id, Some(body)).await?.done(&format!("PATCH {id}"))
    }

    /// Deletes a resource.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn delete(&self, id: &str) -> Result<Value> {
        self.arm("DELETE", id, None).await?.done(&format!("DELETE {id}"))
    }

    /// Deletes what is still as this ETag says.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn delete_matching(&self, id: &str, etag: &str) -> Result<Value> {
        let path = format!("{id}?api-version={}", version_of(id));
        let headers = [("if-match", etag)];
        let (status, bytes) =
            self.exchange("DELETE", "management.azure.com", "https://management.azure.com", &path, None, &headers).await?;
        Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }.done(&format!("DELETE {id}"))
    }

    /// Reads a resource; `None` where there is none.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn get(&self, id: &str) -> Result<Option<Value>> {
        let answer = self.arm("GET", id, None).await?;
        if answer.status == 404 { Ok(None) } else { answer.done(&format!("GET {id}")).map(Some) }
    }

    /// Calls a vault or Managed HSM: `vault("kv-prod", "DELETE", "/keys/orders", None)`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn vault(&self, name: &str, method: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
        let path = format!("{path}?api-version=7.5");
        self.call(method, &format!("{name}.vault.azure.net"), "https://vault.azure.net", &path, body).await
    }

    /// Calls the blobs of a storage account.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn blob(&self, account: &str, method: &str, path: &str) -> Result<(u16, Vec<u8>)> {
        let host = format!("{account}.blob.core.windows.net");
        self.exchange(method, &host, "https://storage.azure.com", path, None, &[]).await
    }

    async fn call(&self, method: &str, host: &str, audience: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
        let (status, bytes) = self.exchange(method, host, audience, path, body, &[]).await?;
        Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }

    async fn exchange(
        &self,
        method: &str,
        host: &str,
        audience: &str,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Result<(u16, Vec<u8>)> {
        let content = body.map(|body| bytes::Bytes::from(body.to_string())).unwrap_or_default();
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{}", self.sandbox, path.replace(' ', "%20")))
            .header("host", host)
            .header("authorization", format!("Bearer {}", self.principal.token(audience)))
            .header("content-type", "application/json")
            .header("x-ms-version", "2024-11-04");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.http.request(request.body(Full::new(content))?).await.with_context(|| format!("{method} {host}{path}"))?;
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await?.to_bytes();
        Ok((status, bytes.to_vec()))
    }
}

fn version_of(path: &str) -> &'static str {
    let path = path.to_ascii_lowercase();
    let provider = path.rsplit_once("/providers/").map_or("microsoft.resources", |(_, provider)| provider);
    VERSIONS.iter().find(|(name, _)| provider.starts_with(name)).map_or("2021-04-01", |(_, version)| version)
}
