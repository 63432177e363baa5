//! Google Cloud: the names of its resources, and what is asked of its keys.

pub mod name;

pub use name::GoogleName;
