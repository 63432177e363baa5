//! The demo's lines: what happened, for a person to follow, and the table at the end.
//!
//! Makes text, with colours as ANSI codes that the stream strips where nobody wants them. Must not print.

mod line;
mod order;
mod table;

pub use line::{Narrator, shortened, wrapped};
pub use order::Ordered;
pub use table::table;
