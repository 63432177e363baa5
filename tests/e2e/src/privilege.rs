//! Least privilege, computed: what the roles of the shipped stacks may do, against what IAM was asked in their names.
//!
//! Grants are read back from the deployed roles, so that parameters and conditions are resolved as they are deployed. Must not decide what
//! a role needs: a grant that nothing used needs a reason in [`exceptions`], and a reason for what was used is a fault too.

pub mod azure;
pub mod conditions;
pub mod exceptions;
pub mod grants;
pub mod play;
pub mod proof;
pub mod statements;
pub mod table;
pub mod without;

pub use exceptions::{EXCEPTIONS, Exception};
pub use grants::{Grant, roles_of};
pub use proof::{Proof, RoleProof};
