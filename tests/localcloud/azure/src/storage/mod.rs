//! Microsoft.Storage: accounts with their encryption, the blob service, containers with their immutability, and the blobs themselves.
//!
//! Must not know of other providers, except that an account asks a vault for its key.

mod accounts;
mod blob_service;
pub mod blobs;
mod containers;
mod data_plane;
mod data_request;
pub mod encryption;
pub mod immutability;
mod legal_hold;
mod listing;
mod policies;
pub mod writes;

use crate::crud;
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::tenant::{Resource, Tenant};

/// The namespace of the provider.
pub(crate) const NAMESPACE: &str = "Microsoft.Storage";

/// The type of storage accounts.
pub(crate) const ACCOUNT_TYPE: &str = "Microsoft.Storage/storageAccounts";

/// The end of the host names of blob services.
pub(crate) const BLOB_HOST: &str = ".blob.core.windows.net";

/// Answers a request to the provider or to a blob service. `None`: not its path.
pub fn handle(tenant: &mut Tenant, request: &ArmRequest) -> Option<Answer> {
    if let Some(account) = request.host.strip_suffix(BLOB_HOST) {
        return Some(data_plane::answer(tenant, request, account));
    }
    let path = request.resource_path()?;
    if !path.namespace.eq_ignore_ascii_case(NAMESPACE) {
        return None;
    }
    let kind = path.types.join("/").to_ascii_lowercase();
    let Some((first, below)) = kind.split_once('/') else {
        return (kind == "storageaccounts").then(|| accounts::answer(tenant, request, &path));
    };
    if first != "storageaccounts" {
        return None;
    }
    let Some(account) = account_of(tenant, &path) else { return Some(missing_account(&path)) };
    match below {
        "blobservices" => Some(blob_service::answer(tenant, request, &path, &account)),
        "blobservices/containers" => Some(containers::answer(tenant, request, &path, &account)),
        "blobservices/containers/setlegalhold" => Some(legal_hold::answer(tenant, request, &path, &account, legal_hold::Change::Set)),
        "blobservices/containers/clearlegalhold" => Some(legal_hold::answer(tenant, request, &path, &account, legal_hold::Change::Clear)),
        "blobservices/containers/migrate" => Some(containers::migrate(tenant, request, &path, &account)),
        "blobservices/containers/immutabilitypolicies" => Some(policies::answer(tenant, request, &path, &account)),
        "blobservices/containers/immutabilitypolicies/lock" => Some(policies::lock(tenant, request, &path, &account)),
        "blobservices/containers/immutabilitypolicies/extend" => Some(policies::extend(tenant, request, &path, &account)),
        _ => None,
    }
}

/// Finds the account that a path lies in; answers its name as created.
fn account_of(tenant: &Tenant, path: &ResourcePath) -> Option<String> {
    let name = path.names.first()?;
    let id = format!("{}/providers/{ACCOUNT_TYPE}/{name}", path.scope);
    tenant.resource(&id).map(|_| name.to_ascii_lowercase())
}

fn missing_account(path: &ResourcePath) -> Answer {
    let account =
        ResourcePath { types: vec!["storageAccounts".to_owned()], names: path.names.iter().take(1).cloned().collect(), ..path.clone() };
    crud::not_found(&account)
}

/// Finds a storage account by its name, which is unique in all of Azure.
pub(crate) fn account_by_name<'a>(tenant: &'a Tenant, name: &str) -> Option<&'a Resource> {
    let ending = format!("/providers/microsoft.storage/storageaccounts/{}", name.to_ascii_lowercase());
    tenant.resources.iter().find(|(id, _)| id.ends_with(&ending)).map(|(_, resource)| resource)
}

#[cfg(test)]
mod arm_tests;
