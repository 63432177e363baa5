//! Where Microsoft's published contracts are: they are no part of this repository.

use std::path::PathBuf;

use reprieve_azure_sandbox::contract::CONTRACTS_VARIABLE;

/// Returns the folder of published contracts, or says that the test is skipped.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os(CONTRACTS_VARIABLE).map(PathBuf::from).filter(|folder| folder.is_dir());
    if folder.is_none() {
        println!("skipped: `{CONTRACTS_VARIABLE}` does not point to the folder of published contracts");
    }
    folder
}
