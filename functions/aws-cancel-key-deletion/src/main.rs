//! aws-cancel-key-deletion
fn main() {}
