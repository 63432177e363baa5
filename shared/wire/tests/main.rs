//! The tests of the wire, in one binary. Fixtures are shared with other crates, in `tests/fixtures`.

mod audit;
mod azure;
mod azure_corpus;
mod azure_custom_handler;
mod azure_never_panics;
mod azure_ocsf;
mod chat;
mod corpus;
mod custom_resource;
mod ecs;
mod fixtures;
mod google;
mod limits;
mod monitoring;
mod never_panics;
mod ocsf;
mod ocsf_arbitrary;
mod ocsf_corpus;
mod ocsf_entry;
mod ocsf_security_lake;
mod ocsf_validator;
mod row;
mod shapes;
mod support;
