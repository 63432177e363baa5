//! The blob service of an account: containers and blobs over HTTP, for callers with a bearer token.
//!
//! Must not decide what immutability allows: the container does. Shared keys and leases are absent on purpose.

use bytes::Bytes;
use http::Method;

use crate::request::{Answer, ArmRequest};
use crate::storage::blobs::{AccountStore, BlobKind, BlobRefusal, Container, Keeping};
use crate::storage::data_request::{self, Place, bare, error, refused, with_container, with_properties, with_written};
use crate::storage::writes::{Circumstances, NewBlob};
use crate::storage::{account_by_name, containers, encryption, listing};
use crate::tenant::Tenant;

const BLOBS: &str = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs";
const CONTAINERS: &str = "Microsoft.Storage/storageAccounts/blobServices/containers";

/// Answers a request to `ACCOUNT.blob.core.windows.net`.
pub(super) fn answer(tenant: &mut Tenant, request: &ArmRequest, account: &str) -> Answer {
    let Some(resource) = account_by_name(tenant, account) else {
        return error(request, 404, "ResourceNotFound", &format!("The specified resource does not exist: storage account `{account}`."));
    };
    let account_id = resource.id.clone();
    if let Err(problem) = encryption::check(tenant, resource, request.now)
        && let Some(code) = problem.blob_code()
        && needs_key(request)
    {
        let message =
            if code == "KeyVaultEncryptionKeyNotFound" { encryption::KeyProblem::KeyNotFound.to_string() } else { problem.to_string() };
        return error(request, 403, code, &message);
    }
    let place = Place::of(&request.path);
    let call = Call { request, account, account_id: &account_id, comp: request.query.get("comp").map_or("", String::as_str) };
    let is_about_container = request.query.get("restype").is_some_and(|kind| kind.eq_ignore_ascii_case("container"));
    match (&place.container, &place.blob) {
        (None, _) => call.on_service(tenant),
        (Some(container), None) if is_about_container => call.on_container(tenant, container),
        (Some(container), Some(blob)) => call.on_blob(tenant, container, blob),
        (Some(_), None) => call.unsupported(),
    }
}

/// Whether a call reads or writes what the account's key encrypts. Lists without metadata and deletions do not.
/// Source: <https://learn.microsoft.com/azure/storage/common/customer-managed-keys-overview#revoke-access-to-a-storage-account-that-uses-customer-managed-keys>.
fn needs_key(request: &ArmRequest) -> bool {
    let comp = request.query.get("comp").map_or("", String::as_str);
    if comp == "list" {
        return request.query.get("include").is_some_and(|include| include.contains("metadata"));
    }
    let place = Place::of(&request.path);
    place.blob.is_some() && request.method != Method::DELETE
}

/// One call, with what is known of it before it is done.
struct Call<'a> {
    request: &'a ArmRequest,
    account: &'a str,
    account_id: &'a str,
    comp: &'a str,
}

impl Call<'_> {
    fn unsupported(&self) -> Answer {
        let message = format!("The blob service of the sandbox does not know this call: `{} {}`.", self.request.method, self.request.path);
        error(self.request, 400, "UnsupportedHttpVerb", &message)
    }

    fn on_service(&self, tenant: &Tenant) -> Answer {
        if self.request.method != Method::GET || self.comp != "list" {
            return self.unsupported();
        }
        if let Some(refusal) = self.deny_control(tenant, &format!("{CONTAINERS}/read")) {
            return refusal;
        }
        let held = tenant.blobs.account(self.account).into_iter().flat_map(|store| store.containers.values());
        self.list(listing::containers(self.account, held, &listing::Asked::of(self.request)))
    }

    fn list(&self, written: std::io::Result<Vec<u8>>) -> Answer {
        match written {
            Ok(body) => data_request::xml(200, self.request, body),
            Err(problem) => error(self.request, 500, "InternalError", &problem.to_string()),
        }
    }

    /// Refuses a caller who lacks an action of ARM on the account: what containers ask for.
    fn deny_control(&self, tenant: &Tenant, action: &str) -> Option<Answer> {
        (!tenant.is_allowed(&self.request.caller, action, self.account_id, self.request.now)).then(|| self.mismatch())
    }

    /// Refuses a caller who lacks every one of these data actions on the container.
    fn deny_data(&self, tenant: &Tenant, container: &str, acts: &[&str]) -> Option<Answer> {
        let scope = format!("{}/blobServices/default/containers/{container}", self.account_id);
        let caller = &self.request.caller.object_id;
        let is_allowed = acts.iter().any(|act| tenant.is_data_allowed(caller, &format!("{BLOBS}/{act}"), &scope, self.request.now));
        (!is_allowed).then(|| self.mismatch())
    }

    fn mismatch(&self) -> Answer {
        let message = "This request is not authorized to perform this operation using this permission.";
        error(self.request, 403, "AuthorizationPermissionMismatch", message)
    }

    fn no_container(&self) -> Answer {
        error(self.request, 404, "ContainerNotFound", "The specified container does not exist.")
    }

    fn on_container(&self, tenant: &mut Tenant, name: &str) -> Answer {
        match (self.request.method.as_str(), self.comp) {
            ("PUT", "") => self.create_container(tenant, name),
            ("DELETE", "") => self.delete_container(tenant, name),
            ("GET" | "HEAD", "" | "metadata") => {
                if let Some(refusal) = self.deny_control(tenant, &format!("{CONTAINERS}/read")) {
                    return refusal;
                }
                let found = tenant.blobs.container(self.account, name);
                found.map_or_else(|| self.no_container(), |container| with_container(bare(200, self.request), container))
            }
            ("GET", "list") => {
                if let Some(refusal) = self.deny_data(tenant, name, &["read"]) {
                    return refusal;
                }
                let Some(container) = tenant.blobs.container(self.account, name) else { return self.no_container() };
                self.list(listing::blobs(self.account, container, &listing::Asked::of(self.request)))
            }
            ("PUT", "metadata") => self.set_container_metadata(tenant, name),
            ("PUT", "undelete") => self.restore_container(tenant, name),
            _ => self.unsupported(),
        }
    }

    fn create_container(&self, tenant: &mut Tenant, name: &str) -> Answer {
        if let Some(refusal) = self.deny_control(tenant, &format!("{CONTAINERS}/write")) {
            return refusal;
        }
        if tenant.blobs.container(self.account, name).is_some() {
            return error(self.request, 409, "ContainerAlreadyExists", "The specified container already exists.");
        }
        let flag = "/properties/immutableStorageWithVersioning/enabled";
        let account = tenant.resource(self.account_id).and_then(|account| account.body.pointer(flag));
        let is_version_level = account == Some(&serde_json::Value::Bool(true));
        let etag = tenant.blobs.new_etag();
        let mut container = Container::new(name, etag, self.request.now);
        container.metadata = data_request::metadata(self.request);
        container.version_level_since = is_version_level.then_some(self.request.now);
        let answer = bare(201, self.request)
            .with_header("ETag", format!("\"{}\"", container.etag))
            .with_header("Last-Modified", data_request::http_date(container.changed_at));
        tenant.blobs.account_mut(self.account).containers.insert(name.to_owned(), container);
        answer
    }

    /// Restores a deleted container. Source: <https://learn.microsoft.com/rest/api/storageservices/restore-container>.
    fn restore_container(&self, tenant: &mut Tenant, name: &str) -> Answer {
        if let Some(refusal) = self.deny_control(tenant, &format!("{CONTAINERS}/write")) {
            return refusal;
        }
        if tenant.blobs.container(self.account, name).is_some() {
            return error(self.request, 409, "ContainerAlreadyExists", "The specified container already exists.");
        }
        let header = |name: &str| self.request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (was, version) = (header("x-ms-deleted-container-name"), header("x-ms-deleted-container-version"));
        let store = tenant.blobs.account_mut(self.account);
        let Some(position) = store.deleted.iter().position(|kept| kept.container.name == was && kept.version == version) else {
            return error(self.request, 404, "ContainerNotFound", "The specified container does not exist.");
        };
        let mut container = store.deleted.remove(position).container;
        name.clone_into(&mut container.name);
        store.containers.insert(name.to_owned(), container);
        bare(201, self.request)
    }

    fn delete_container(&self, tenant: &mut Tenant, name: &str) -> Answer {
        if let Some(refusal) = self.deny_control(tenant, &format!("{CONTAINERS}/delete")) {
            return refusal;
        }
        let Some(container) = tenant.blobs.container(self.account, name) else { return self.no_container() };
        let (code, message) = if container.hold.is_held() {
            ("ContainerHasLegalHold", "The requested operation is not allowed as the container has one or more legal holds.")
        } else if container.version_level_since.is_some() {
            // This way refuses empty containers too; only ARM deletes those.
            (
                "ContainerImmutableStorageWithVersioningEnabled",
                "The requested operation is not allowed as the container has a immutable storage with versioning enabled.",
            )
        } else if container.policy.is_some() {
            (
                "ContainerImmutabilityPolicyLocked",
                "The requested operation is not allowed as the container has a locked immutability policy.",
            )
        } else {
            containers::remove(tenant, self.account, name, self.request.now);
            return bare(202, self.request);
        };
        error(self.request, 409, code, message)
    }

    fn set_container_metadata(&self, tenant: &mut Tenant, name: &str) -> Answer {
        if let Some(refusal) = self.deny_control(tenant, &format!("{CONTAINERS}/write")) {
            return refusal;
        }
        let etag = tenant.blobs.new_etag();
        let Some(container) = tenant.blobs.account_mut(self.account).containers.get_mut(name) else { return self.no_container() };
        container.metadata = data_request::metadata(self.request);
        container.etag = etag;
        container.changed_at = self.request.now;
        with_container(bare(200, self.request), container)
    }

    fn on_blob(&self, tenant: &mut Tenant, container: &str, blob: &str) -> Answer {
        let acts: &[&str] = match (self.request.method.as_str(), self.comp) {
            ("GET" | "HEAD", "" | "metadata") => &["read"],
            ("PUT", "" | "block" | "blocklist" | "appendblock") => &["write", "add/action"],
            ("PUT", "metadata" | "undelete" | "legalhold" | "immutabilityPolicies") | ("DELETE", "immutabilityPolicies") => &["write"],
            ("DELETE", "") if self.version().is_some() => &["deleteBlobVersion/action"],
            ("DELETE", "") => &["delete"],
            _ => return self.unsupported(),
        };
        if let Some(refusal) = self.deny_data(tenant, container, acts) {
            return refusal;
        }
        if tenant.blobs.container(self.account, container).is_none() {
            return self.no_container();
        }
        if acts.contains(&"read") { self.read(tenant, container, blob) } else { self.write(tenant, container, blob) }
    }

    fn version(&self) -> Option<&str> {
        self.request.query.get("versionid").map(String::as_str)
    }

    fn read(&self, tenant: &Tenant, container: &str, name: &str) -> Answer {
        let history = tenant.blobs.container(self.account, container).and_then(|container| container.blobs.get(name));
        let found = history.ok_or(BlobRefusal::BlobNotFound).and_then(|history| Ok((history, history.find(self.version())?)));
        let (history, blob) = match found {
            Ok(found) => found,
            Err(refusal) => return refused(self.request, refusal),
        };
        if let Err(refusal) = data_request::conditions(self.request).check_read(blob) {
            return refused(self.request, refusal);
        }
        let is_current = history.current.as_ref() == Some(blob);
        if self.request.method == Method::HEAD {
            let answer = with_properties(bare(200, self.request), blob, is_current);
            return answer.with_header("Content-Length", blob.content.len().to_string());
        }
        let total = blob.content.len();
        let (status, part) = match data_request::range(self.request, total) {
            Err(refusal) => return refused(self.request, refusal),
            Ok(None) => (200, blob.content.clone()),
            Ok(Some((first, last))) => (206, blob.content.slice(first..=last)),
        };
        let mut answer = with_properties(bare(status, self.request), blob, is_current);
        if let Ok(Some((first, last))) = data_request::range(self.request, total) {
            answer = answer.with_header("Content-Range", format!("bytes {first}-{last}/{total}"));
        }
        Answer { raw: Some(part), ..answer }
    }

    fn circumstances(&self, tenant: &mut Tenant) -> Circumstances {
        let etag = tenant.blobs.new_etag();
        let nothing_kept = Keeping { is_versioned: false, retention_days: None };
        let keeping = tenant.blobs.account(self.account).map_or(nothing_kept, AccountStore::keeping);
        Circumstances { conditions: data_request::conditions(self.request), keeping, etag, now: self.request.now }
    }

    fn write(&self, tenant: &mut Tenant, container: &str, name: &str) -> Answer {
        let at = self.circumstances(tenant);
        let Some(container) = tenant.blobs.account_mut(self.account).containers.get_mut(container) else { return self.no_container() };
        if let Some(history) = container.blobs.get_mut(name) {
            history.expire(at.keeping.retention_days, at.now);
        }
        let done = match (self.request.method.as_str(), self.comp) {
            ("DELETE", "") => container
                .delete(name, self.version(), &at)
                .map(|()| bare(202, self.request).with_header("x-ms-delete-type-permanent", "false")),
            ("PUT", "block") => self.stage(container, name),
            ("PUT", "blocklist") => self.commit(container, name, &at),
            ("PUT", "appendblock") => self.append(container, name, &at),
            ("PUT", "metadata") => container
                .set_metadata(name, data_request::metadata(self.request), &at)
                .map(|blob| with_written(bare(200, self.request), &blob)),
            ("PUT", "undelete") => self.undelete(container, name),
            ("PUT", "legalhold") => self.hold(container, name),
            ("PUT" | "DELETE", "immutabilityPolicies") => self.retain(container, name),
            _ => container.put(name, self.new_blob(), &at).map(|blob| with_written(bare(201, self.request), &blob)),
        };
        done.unwrap_or_else(|refusal| refused(self.request, refusal))
    }

    fn new_blob(&self) -> NewBlob {
        let is_append = self.request.header("x-ms-blob-type").is_some_and(|kind| kind.eq_ignore_ascii_case("AppendBlob"));
        let content_type = self.request.header("x-ms-blob-content-type").or_else(|| self.request.header("content-type"));
        NewBlob {
            kind: if is_append { BlobKind::Append } else { BlobKind::Block },
            content: if is_append { Bytes::new() } else { self.request.raw_body.clone() },
            content_type: content_type.unwrap_or("application/octet-stream").to_owned(),
            metadata: data_request::metadata(self.request),
            hold: self.request.header("x-ms-legal-hold").is_some_and(|hold| hold.eq_ignore_ascii_case("true")),
            retention: data_request::retention(self.request),
        }
    }

    fn stage(&self, container: &mut Container, name: &str) -> Result<Answer, BlobRefusal> {
        let id = self.request.query.get("blockid").ok_or(BlobRefusal::InvalidBlockList)?;
        container.stage(name, id, self.request.raw_body.clone());
        Ok(bare(201, self.request).with_header("x-ms-request-server-encrypted", "true"))
    }

    fn commit(&self, container: &mut Container, name: &str, at: &Circumstances) -> Result<Answer, BlobRefusal> {
        let blocks = data_request::block_list(&self.request.raw_body).ok_or(BlobRefusal::InvalidBlockList)?;
        let content_type = self.request.header("x-ms-blob-content-type").unwrap_or("application/octet-stream").to_owned();
        let new = NewBlob { content_type, ..self.new_blob() };
        container.commit(name, &blocks, new, at).map(|blob| with_written(bare(201, self.request), &blob))
    }

    fn append(&self, container: &mut Container, name: &str, at: &Circumstances) -> Result<Answer, BlobRefusal> {
        let position = self.request.header("x-ms-blob-condition-appendpos").and_then(|position| position.parse().ok());
        let (blob, offset) = container.append(name, &self.request.raw_body, position, at)?;
        let answer = with_written(bare(201, self.request), &blob)
            .with_header("x-ms-blob-append-offset", offset.to_string())
            .with_header("x-ms-blob-committed-block-count", blob.appended.to_string());
        Ok(answer)
    }

    fn undelete(&self, container: &mut Container, name: &str) -> Result<Answer, BlobRefusal> {
        container.blobs.get_mut(name).ok_or(BlobRefusal::BlobNotFound)?.undelete();
        Ok(bare(200, self.request))
    }

    fn hold(&self, container: &mut Container, name: &str) -> Result<Answer, BlobRefusal> {
        let is_held = self.request.header("x-ms-legal-hold").is_some_and(|hold| hold.eq_ignore_ascii_case("true"));
        container.set_hold(name, self.version(), is_held)?;
        Ok(bare(200, self.request).with_header("x-ms-legal-hold", is_held.to_string()))
    }

    fn retain(&self, container: &mut Container, name: &str) -> Result<Answer, BlobRefusal> {
        let wanted = if self.request.method == Method::DELETE { None } else { data_request::retention(self.request) };
        container.set_retention(name, self.version(), wanted)?;
        Ok(bare(200, self.request))
    }
}
