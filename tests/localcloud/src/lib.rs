//! x
pub mod error;
pub mod proxy;
