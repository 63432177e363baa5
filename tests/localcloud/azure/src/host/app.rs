//! A function app as it lies in its folder: `host.json` and one `function.json` a function, read as the Functions host reads them.
//!
//! Must not start anything. What a folder says and the host would refuse is refused here, in words.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::HostError;

/// The extensions of Event Grid and Event Hubs, among others.
const EXTENSION_BUNDLE: &str = "Microsoft.Azure.Functions.ExtensionBundle";

/// A function app.
#[derive(Debug, Clone)]
pub(super) struct FunctionApp {
    /// The custom handler.
    pub(super) executable: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) working_folder: PathBuf,
    /// The functions by name.
    pub(super) functions: BTreeMap<String, Function>,
}

/// One function of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The folder's name: the route that the handler is called at.
    pub name: String,
    /// The name of the trigger's binding: the key below `Data`.
    pub binding: String,
    /// What calls it.
    pub trigger: Trigger,
    /// How often a failed call is made again by the host, for Event Hubs and timers.
    pub retry: Option<Retry>,
}

/// What calls a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// Events of Event Grid.
    EventGrid {
        /// Whether a call takes a list of events (`cardinality: many`).
        takes_many: bool,
    },
    /// Messages of an event hub.
    EventHub {
        /// The hub's name, settings resolved.
        hub: String,
        /// The prefix of the connection's settings.
        connection: String,
        /// Whether a call takes a list of messages (`cardinality: many`, the default).
        takes_many: bool,
    },
    /// A timer, with its schedule as written.
    Timer {
        /// The schedule, settings resolved.
        schedule: String,
    },
}

/// The `retry` of a `function.json`. Source: Azure Functions error handling and retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// How often; `None` without end.
    pub limit: Option<u32>,
    /// The shortest wait.
    pub shortest: Duration,
    /// The longest wait; equal to the shortest where the delay is fixed.
    pub longest: Duration,
}

impl Retry {
    /// Returns how long to wait before the retry with this number, from 1.
    #[must_use]
    pub fn wait(&self, number: u32) -> Duration {
        let doubled = self.shortest.saturating_mul(2_u32.saturating_pow(number.saturating_sub(1)));
        doubled.min(self.longest)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HostFile {
    version: String,
    custom_handler: Option<CustomHandler>,
    extension_bundle: Option<ExtensionBundle>,
}

#[derive(Deserialize)]
struct ExtensionBundle {
    id: String,
}

#[derive(Deserialize)]
struct CustomHandler {
    description: Description,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    default_executable_path: String,
    #[serde(default)]
    working_directory: Option<String>,
    #[serde(default)]
    arguments: Vec<String>,
}

#[derive(Deserialize)]
struct FunctionFile {
    bindings: Vec<Binding>,
    #[serde(default)]
    disabled: bool,
    retry: Option<RetryFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Binding {
    r#type: String,
    name: String,
    cardinality: Option<String>,
    event_hub_name: Option<String>,
    connection: Option<String>,
    schedule: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RetryFile {
    strategy: String,
    max_retry_count: i64,
    delay_interval: Option<String>,
    minimum_interval: Option<String>,
    maximum_interval: Option<String>,
}

impl FunctionApp {
    /// Reads the app in `folder`. `settings` are the app settings that `%NAME%` stands for.
    pub(super) fn read(folder: &Path, executable: Option<&Path>, settings: &BTreeMap<String, String>) -> Result<Self, HostError> {
        let host_path = folder.join("host.json");
        let host: HostFile = read_json(&host_path)?;
        if host.version != "2.0" {
            return Err(wrong(&host_path, format!("`version` is `{}`, but the host takes `2.0`", host.version)));
        }
        let handler = host.custom_handler.ok_or_else(|| wrong(&host_path, "`customHandler` is missing".to_owned()))?.description;
        let working_folder = handler.working_directory.map_or_else(|| folder.to_owned(), |below| folder.join(below));
        let executable = executable.map_or_else(|| working_folder.join(&handler.default_executable_path), Path::to_owned);
        if !executable.is_file() {
            return Err(wrong(&host_path, format!("the handler `{}` is not there", executable.display())));
        }
        let functions = read_functions(folder, settings)?;
        if functions.is_empty() {
            return Err(wrong(folder, "no folder in it has a `function.json`".to_owned()));
        }
        let has_extensions = host.extension_bundle.is_some_and(|bundle| bundle.id == EXTENSION_BUNDLE);
        if !has_extensions {
            check_built_in(folder, &functions)?;
        }
        Ok(Self { executable, arguments: handler.arguments, working_folder, functions })
    }
}

/// Refuses a function whose trigger is of an extension, in the host's own words: a custom handler brings no extension itself, and the host
/// has timers and HTTP alone. Source: <https://learn.microsoft.com/azure/azure-functions/extension-bundles>
fn check_built_in(folder: &Path, functions: &BTreeMap<String, Function>) -> Result<(), HostError> {
    for function in functions.values() {
        let binding = match function.trigger {
            Trigger::EventGrid { .. } => "eventGridTrigger",
            Trigger::EventHub { .. } => "eventHubTrigger",
            Trigger::Timer { .. } => continue,
        };
        let path = folder.join(&function.name).join("function.json");
        let words = "Please ensure the type is correct and the binding extension is installed.";
        return Err(wrong(&path, format!("The binding type(s) '{binding}' are not registered. {words}")));
    }
    Ok(())
}

fn read_functions(folder: &Path, settings: &BTreeMap<String, String>) -> Result<BTreeMap<String, Function>, HostError> {
    let mut functions = BTreeMap::new();
    let file = |source| HostError::File { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(file)? {
        let entry = entry.map_err(file)?;
        let path = entry.path().join("function.json");
        if !path.is_file() {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let read: FunctionFile = read_json(&path)?;
        if !read.disabled {
            functions.insert(name.clone(), function(&path, name, read, settings)?);
        }
    }
    Ok(functions)
}

fn function(path: &Path, name: String, file: FunctionFile, settings: &BTreeMap<String, String>) -> Result<Function, HostError> {
    let mut triggers = file.bindings.into_iter().filter(|binding| binding.r#type.to_lowercase().ends_with("trigger"));
    let (Some(binding), None) = (triggers.next(), triggers.next()) else {
        return Err(wrong(path, "a function has exactly one trigger".to_owned()));
    };
    let takes_many = |otherwise: &str| binding.cardinality.as_deref().unwrap_or(otherwise).eq_ignore_ascii_case("many");
    let needed = |what: &str, value: &Option<String>| value.clone().ok_or_else(|| wrong(path, format!("the trigger needs `{what}`")));
    let resolved = |text: String| resolve(path, &text, settings);
    let trigger = match binding.r#type.to_lowercase().as_str() {
        "eventgridtrigger" => Trigger::EventGrid { takes_many: takes_many("one") },
        "eventhubtrigger" => Trigger::EventHub {
            hub: resolved(needed("eventHubName", &binding.event_hub_name)?)?,
            connection: needed("connection", &binding.connection)?,
            takes_many: takes_many("many"),
        },
        "timertrigger" => Trigger::Timer { schedule: resolved(needed("schedule", &binding.schedule)?)? },
        other => {
            return Err(wrong(path, format!("the trigger `{other}` is none that this host has")));
        }
    };
    let retry = file.retry.map(|retry| read_retry(path, retry)).transpose()?;
    if retry.is_some() && matches!(trigger, Trigger::EventGrid { .. }) {
        // The service itself tries again: a retry in the file has no effect, and whoever wrote it believed otherwise.
        return Err(wrong(path, "`retry` has no effect on an Event Grid trigger: remove it".to_owned()));
    }
    Ok(Function { name, binding: binding.name, trigger, retry })
}

fn read_retry(path: &Path, file: RetryFile) -> Result<Retry, HostError> {
    let span = |what: &str, text: Option<String>| {
        let text = text.ok_or_else(|| wrong(path, format!("`retry` needs `{what}`")))?;
        time_span(&text).ok_or_else(|| wrong(path, format!("`{text}` is no time span: write `00:00:10`")))
    };
    let limit = match file.max_retry_count {
        -1 => None,
        count => Some(u32::try_from(count).map_err(|_| wrong(path, format!("`maxRetryCount` is `{count}`: use -1 or more")))?),
    };
    let (shortest, longest) = match file.strategy.as_str() {
        "fixedDelay" => {
            let delay = span("delayInterval", file.delay_interval)?;
            (delay, delay)
        }
        "exponentialBackoff" => (span("minimumInterval", file.minimum_interval)?, span("maximumInterval", file.maximum_interval)?),
        other => {
            return Err(wrong(path, format!("the retry strategy `{other}` is unknown")));
        }
    };
    Ok(Retry { limit, shortest, longest })
}

/// Reads `hh:mm:ss`.
fn time_span(text: &str) -> Option<Duration> {
    let parts: Vec<u64> = text.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = parts.as_slice() else {
        return None;
    };
    Some(Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
}

/// Puts an app setting in the place of `%NAME%`.
fn resolve(path: &Path, text: &str, settings: &BTreeMap<String, String>) -> Result<String, HostError> {
    let Some(name) = text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')) else {
        return Ok(text.to_owned());
    };
    settings.get(name).cloned().ok_or_else(|| wrong(path, format!("the app setting `{name}` is missing")))
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, HostError> {
    let text = std::fs::read_to_string(path).map_err(|source| HostError::File { path: path.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|source| HostError::Json { path: path.to_owned(), source })
}

fn wrong(path: &Path, reason: String) -> HostError {
    HostError::App { path: path.to_owned(), reason }
}
