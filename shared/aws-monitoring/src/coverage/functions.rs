//! The functions that events are fed to, what reads a queue, and which functions are guards: by their environment, as `infra/aws/guard.yaml`
//! gives it to them, never by their names.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::FunctionConfiguration;
use aws_types::SdkConfig;
use reprieve_core::Known;
use reprieve_core::coverage::{FunctionView, Guard, Mapping};
use reprieve_engine::CallError;

use super::each;
use crate::answer::{known, senseless, sorted};

const MODE: &str = "REPRIEVE_MODE";
/// The guard alone has it.
const REMEDIATOR_ROLE: &str = "REPRIEVE_REMEDIATOR_ROLE_ARN";
/// Stands for every function where none can be listed.
const EVERY_FUNCTION: &str = "*";

/// The functions of a Region.
#[derive(Debug, Clone)]
pub(super) struct Functions {
    client: Client,
}

impl Functions {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// Looks at every guard. Where functions cannot be listed, that is said in the place of one, and those that events are fed to are
    /// looked at all the same.
    pub(super) async fn guards(&self) -> BTreeMap<String, Known<FunctionView>> {
        let functions = match self.list().await {
            Ok(functions) => functions,
            Err(error) => return BTreeMap::from([(EVERY_FUNCTION.to_owned(), Known::Unreadable(error.to_string()))]),
        };
        let guards = functions.into_iter().filter(|function| guard(variables(function)) != Guard::Not);
        self.look(guards.filter_map(|function| function.function_arn).collect()).await
    }

    /// Returns the environment of every function; none where functions cannot be listed.
    pub(super) async fn environments(&self) -> Vec<HashMap<String, String>> {
        let functions = self.list().await.unwrap_or_default();
        functions.into_iter().filter_map(|function| function.environment?.variables).collect()
    }

    /// Looks at each function.
    pub(super) async fn look(&self, arns: Vec<String>) -> BTreeMap<String, Known<FunctionView>> {
        each(arns, async |arn| known(self.describe(&arn).await)).await
    }

    /// Looks at what reads each queue.
    pub(super) async fn readers(&self, queues: Vec<String>) -> BTreeMap<String, Known<Vec<Mapping>>> {
        each(queues, async |queue| known(self.mappings(&queue).await)).await
    }

    async fn list(&self) -> Result<Vec<FunctionConfiguration>, CallError> {
        let mut functions = Vec::new();
        let mut next = None;
        loop {
            let answer = self.client.list_functions().set_marker(next).send().await.map_err(sorted("lambda:ListFunctions"))?;
            functions.extend(answer.functions.unwrap_or_default());
            next = answer.next_marker.filter(|marker| !marker.is_empty());
            if next.is_none() {
                return Ok(functions);
            }
        }
    }

    async fn describe(&self, arn: &str) -> Result<FunctionView, CallError> {
        const CALL: &str = "lambda:GetFunctionConfiguration";
        let answer = self.client.get_function_configuration().function_name(arn).send().await.map_err(sorted(CALL))?;
        let environment = answer.environment.as_ref();
        if let Some(error) = environment.and_then(|environment| environment.error()) {
            return Err(senseless(CALL, format!("the environment cannot be read: {}", error.message().unwrap_or_default())));
        }
        Ok(FunctionView {
            // Functions that are older than the field have no state, and run.
            state: answer.state.as_ref().map_or("Active", |state| state.as_str()).to_owned(),
            role_arn: answer.role.clone().unwrap_or_default(),
            guard: guard(environment.and_then(|environment| environment.variables())),
        })
    }

    async fn mappings(&self, queue: &str) -> Result<Vec<Mapping>, CallError> {
        let mut mappings = Vec::new();
        let mut next = None;
        loop {
            let call = self.client.list_event_source_mappings().event_source_arn(queue).set_marker(next);
            let answer = call.send().await.map_err(sorted("lambda:ListEventSourceMappings"))?;
            mappings.extend(answer.event_source_mappings.unwrap_or_default().into_iter().filter_map(|mapping| {
                let is_enabled = matches!(mapping.state(), Some("Enabled" | "Enabling" | "Creating" | "Updating"));
                Some(Mapping { function_arn: mapping.function_arn?, is_enabled })
            }));
            next = answer.next_marker.filter(|marker| !marker.is_empty());
            if next.is_none() {
                return Ok(mappings);
            }
        }
    }
}

fn variables(function: &FunctionConfiguration) -> Option<&HashMap<String, String>> {
    function.environment()?.variables()
}

/// Says whether an environment is that of a guard.
pub(super) fn is_of_guard(variables: &HashMap<String, String>) -> bool {
    variables.contains_key(REMEDIATOR_ROLE)
}

/// Says what a function is by its environment. A mode that nobody knows gives no key back.
fn guard(variables: Option<&HashMap<String, String>>) -> Guard {
    let Some(variables) = variables.filter(|variables| is_of_guard(variables)) else {
        return Guard::Not;
    };
    match variables.get(MODE).map(String::as_str) {
        Some("enforce") => Guard::Enforces,
        Some(_) | None => Guard::Observes,
    }
}

#[cfg(test)]
#[path = "functions_tests.rs"]
mod tests;
