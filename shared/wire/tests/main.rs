//! The tests of the wire, in one binary. Fixtures are shared with other crates, in `tests/fixtures`.

mod chat;
mod corpus;
mod custom_resource;
mod fixtures;
mod monitoring;
mod never_panics;
mod ocsf;
mod shapes;
mod support;
