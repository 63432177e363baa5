//! x
pub mod answer; pub mod call; pub mod input;
