//! The tests of the wire, in one binary. Fixtures are shared with other crates, in `tests/fixtures`.

mod azure;
mod azure_corpus;
mod azure_custom_handler;
mod azure_never_panics;
mod azure_ocsf;
mod chat;
mod corpus;
mod custom_resource;
mod fixtures;
mod monitoring;
mod never_panics;
mod ocsf;
mod shapes;
mod support;
