//! What every function needs around its work: configuration, the table of environment variables, telemetry, metrics.
//!
//! Nothing here decides, and nothing here reads the environment: `main` passes the lookup in.

pub mod configuration;
pub mod environment;
pub mod invocation;
pub mod metrics;
pub mod telemetry;

pub use configuration::{
    AzureConfiguration, Basics, Configuration, ConfigurationError, DrillConfiguration, GoogleConfiguration, MonitoringConfiguration,
    RecordingConfiguration, ReplayConfiguration, Surroundings,
};
pub use invocation::{Invoked, log_answer};
pub use metrics::{EmfMeter, LogMeter};
