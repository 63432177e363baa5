//! A function app whose handler keeps every call in a file and fails as often as it is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reprieve_azure_sandbox::host::{Host, HostOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The name of the function app.
pub(crate) const SITE: &str = "func-test";

/// A function app in a folder of its own.
pub(crate) struct App {
    folder: TempDir,
}

/// Makes an app with a function for every trigger.
pub(crate) fn app() -> App {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let app = App { folder };
    let bundle = json!({ "id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)" });
    let started = json!({ "description": { "defaultExecutablePath": "handler" } });
    app.write("host.json", &json!({ "version": "2.0", "extensionBundle": bundle, "customHandler": started }));
    app.function("OnEvent", &json!({ "type": "eventGridTrigger", "name": "event", "direction": "in" }), None);
    app.function("OnEvents", &json!({ "type": "eventGridTrigger", "name": "events", "direction": "in", "cardinality": "many" }), None);
    let hub = json!({ "type": "eventHubTrigger", "name": "messages", "direction": "in", "eventHubName": "%HUB%", "connection": "AUDIT", "cardinality": "many" });
    let retry = json!({ "strategy": "fixedDelay", "maxRetryCount": 3, "delayInterval": "00:00:10" });
    app.function("OnMessages", &hub, Some(&retry));
    app.function("OnMessagesOnce", &hub, None);
    app.function("OnTimer", &json!({ "type": "timerTrigger", "name": "timer", "direction": "in", "schedule": "0 */15 * * * *" }), None);
    let handler = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/handler.py");
    std::fs::copy(handler, app.path().join("handler")).expect("the handler can be copied");
    app
}

impl App {
    /// Returns the app's folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the app.
    pub(crate) fn write(&self, name: &str, content: &Value) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
        std::fs::write(path, content.to_string()).expect("a file can be written");
    }

    /// Adds a function.
    pub(crate) fn function(&self, name: &str, binding: &Value, retry: Option<&Value>) {
        let file = match retry {
            Some(retry) => json!({ "bindings": [binding], "retry": retry }),
            None => json!({ "bindings": [binding] }),
        };
        self.write(&format!("{name}/function.json"), &file);
    }

    fn record(&self) -> PathBuf {
        self.path().join("calls.jsonl")
    }

    /// Returns how the app is hosted, with a plan of answers by function.
    pub(crate) fn options(&self, plan: &Value) -> HostOptions {
        let settings = [
            ("HANDLER_RECORD", self.record().display().to_string()),
            ("HANDLER_PLAN", plan.to_string()),
            ("HUB", "audit".to_owned()),
            ("AUDIT__fullyQualifiedNamespace", "ns-audit.servicebus.windows.net".to_owned()),
        ];
        let environment: BTreeMap<String, String> = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        HostOptions { environment, call_limit: Duration::from_secs(10), ..HostOptions::new(self.path(), SITE) }
    }

    /// Hosts the app.
    pub(crate) async fn host(&self, plan: &Value) -> Host {
        Host::start(self.options(plan)).await.expect("the app is hosted")
    }

    /// Returns the bodies of all calls of a function.
    pub(crate) fn calls(&self, function: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.record()).unwrap_or_default();
        let calls = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a call is JSON"));
        calls
            .filter(|call| call.get("function").is_some_and(|named| named == function))
            .filter_map(|call| call.get("body").cloned())
            .collect()
    }
}
