//! Secrets and certificates, through the pipeline alone: listed, and recovered when they were deleted. No value of a secret is read.

use azure_core::http::{Context, Method, Pipeline, Request, Url};
use reprieve_engine::CallError;
use serde_json::Value;

use super::{API_VERSION, PAGES_LIMIT, VaultClient, checked, found, page_of, too_long, value_of};
use crate::patience::{Fault, persist};

/// What a vault holds beside keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// A secret.
    Secret,
    /// A certificate; its key and its secret come and go with it.
    Certificate,
}

impl ObjectKind {
    const fn live(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::Certificate => "certificates",
        }
    }

    const fn deleted(self) -> &'static str {
        match self {
            Self::Secret => "deletedsecrets",
            Self::Certificate => "deletedcertificates",
        }
    }
}

impl VaultClient {
    /// Lists all secrets or certificates with their attributes, none of the deleted ones.
    ///
    /// # Errors
    /// When the list cannot be read whole.
    pub async fn objects(&self, kind: ObjectKind) -> Result<Vec<Value>, CallError> {
        self.list("keyvault:GetObjects", kind.live()).await
    }

    /// Lists the versions of a secret or certificate with their attributes. Empty where there is none, deleted ones included.
    ///
    /// # Errors
    /// When the list cannot be read whole.
    pub async fn versions(&self, kind: ObjectKind, name: &str) -> Result<Vec<Value>, CallError> {
        let call = "keyvault:GetObjectVersions";
        let path = format!("{}/{}/versions", kind.live(), checked(call, name)?);
        match self.list(call, &path).await {
            Err(CallError::NotFound { .. }) => Ok(Vec::new()),
            listed => listed,
        }
    }

    /// Reads a deleted secret or certificate, with its `recoveryId` and `scheduledPurgeDate`. `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn deleted_object(&self, kind: ObjectKind, name: &str) -> Result<Option<Value>, CallError> {
        let call = "keyvault:GetDeletedObject";
        let (path, about) = (checked(call, name)?, self.about(kind.deleted(), name));
        found(self.send(call, &about, Method::Get, &format!("{}/{path}", kind.deleted())).await)
    }

    /// Lists all deleted secrets or certificates.
    ///
    /// # Errors
    /// When the list cannot be read whole.
    pub async fn deleted_objects(&self, kind: ObjectKind) -> Result<Vec<Value>, CallError> {
        self.list("keyvault:GetDeletedObjects", kind.deleted()).await
    }

    /// Recovers a deleted secret or certificate. The vault answers at once, and has it back some seconds later.
    ///
    /// # Errors
    /// [`CallError::NotFound`] where nothing of this name is deleted, [`CallError::InvalidState`] where it is being deleted or recovered.
    pub async fn recover_object(&self, kind: ObjectKind, name: &str) -> Result<Value, CallError> {
        let call = "keyvault:RecoverDeletedObject";
        let (path, about) = (checked(call, name)?, self.about(kind.deleted(), name));
        self.send(call, &about, Method::Post, &format!("{}/{path}/recover", kind.deleted())).await
    }

    async fn send(&self, call: &'static str, about: &str, method: Method, path: &str) -> Result<Value, CallError> {
        let url = self.url(call, about, path)?;
        let body = persist(call, self.end(), || send(&self.objects, call, about, method, &url)).await?;
        value_of(call, about, &body)
    }

    async fn list(&self, call: &'static str, collection: &str) -> Result<Vec<Value>, CallError> {
        let (end, about) = (self.end(), self.about(collection, ""));
        let mut url = self.url(call, &about, collection)?;
        let mut listed = Vec::new();
        for _page in 0..PAGES_LIMIT {
            let body = persist(call, end, || send(&self.objects, call, &about, Method::Get, &url)).await?;
            let (values, link) = page_of(call, &about, &body)?;
            listed.extend(values);
            let Some(link) = link else { return Ok(listed) };
            // Where it leads, the fence sees.
            url = url.join(&link).map_err(|_| CallError::Rejected { call, message: format!("the next page has no address ({about})") })?;
        }
        Err(too_long(call, &about))
    }

    fn url(&self, call: &'static str, about: &str, path: &str) -> Result<Url, CallError> {
        let url = Url::parse(&format!("https://{}/{path}?api-version={API_VERSION}", self.host));
        url.map_err(|error| CallError::Rejected { call, message: format!("no URL: {error} ({about})") })
    }
}

async fn send(pipeline: &Pipeline, call: &'static str, about: &str, method: Method, url: &Url) -> Result<Vec<u8>, Fault> {
    let mut request = Request::new(url.clone(), method);
    request.insert_header("accept", "application/json");
    let answer = pipeline.send(&Context::new(), &mut request, None).await;
    let answer = answer.map_err(|error| Fault::of_sdk(call, about, &error))?;
    Ok(answer.into_body().as_ref().to_vec())
}
