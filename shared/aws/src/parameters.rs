//! Parameters in SSM Parameter Store, decrypted. It reads, and writes none; what a parameter means is its reader's business.

use std::collections::BTreeMap;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::error::SdkError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use reprieve_engine::CallError;

use crate::error::{call_error, no_own_codes};
use crate::lazily::Lazily;

/// `GetParametersByPath` gives at most so many parameters a page.
const PARAMETERS_A_PAGE: i32 = 10;

const READ: &str = "ssm:GetParameter";
const READ_PATH: &str = "ssm:GetParametersByPath";

/// Reads parameters. Its client is made at the first read.
#[derive(Debug, Clone)]
pub struct ParameterStore {
    client: Lazily<Client>,
}

impl ParameterStore {
    pub(crate) fn new(client: Lazily<Client>) -> Self {
        Self { client }
    }

    /// Reads one parameter, by name or ARN, decrypted.
    ///
    /// # Errors
    /// [`CallError::Rejected`] where there is no such parameter; never [`CallError::NotFound`], which is said of keys.
    pub async fn read(&self, name: &str) -> Result<String, CallError> {
        let answer = self.client.get_parameter().name(name).with_decryption(true).send().await;
        let answer = answer.map_err(|error| match error.as_service_error() {
            Some(answer) if answer.is_parameter_not_found() => missing(name),
            _ => sorted(READ)(error),
        })?;
        let value = answer.parameter.and_then(|parameter| parameter.value);
        value.ok_or_else(|| senseless(READ, format!("the answer has no value of the parameter `{name}`")))
    }

    /// Reads every parameter below a path such as `/reprieve/policies/`, at any depth, decrypted: values by name. A path without
    /// parameters is an empty map.
    ///
    /// # Errors
    /// As [`ParameterStore::read`]; half of the parameters are never returned.
    pub async fn read_path(&self, path: &str) -> Result<BTreeMap<String, String>, CallError> {
        let request = self.client.get_parameters_by_path().path(searched(path)).recursive(true).with_decryption(true);
        let mut found = request.max_results(PARAMETERS_A_PAGE).into_paginator().send();
        let mut parameters = BTreeMap::new();
        while let Some(page) = found.try_next().await.map_err(sorted(READ_PATH))? {
            for parameter in page.parameters.unwrap_or_default() {
                let (Some(name), Some(value)) = (parameter.name, parameter.value) else {
                    return Err(senseless(READ_PATH, format!("the answer has a parameter below `{path}` without name or value")));
                };
                parameters.insert(name, value);
            }
        }
        Ok(parameters)
    }
}

/// The path as permissions name it: `parameter/reprieve/policies`, without a slash at its end.
fn searched(path: &str) -> &str {
    path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path)
}

fn missing(name: &str) -> CallError {
    senseless(READ, format!("there is no parameter `{name}`"))
}

fn senseless(call: &'static str, message: String) -> CallError {
    CallError::Rejected { call, message }
}

fn sorted<E>(call: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    move |error| call_error(call, &error, no_own_codes)
}

#[cfg(test)]
#[path = "parameters_tests.rs"]
mod tests;
