//! As much of the language of ARM templates as the shipped `infra/azure/events.json` uses: parameters, variables, `concat`,
//! `subscription().id`. What it does not know is an error, never left standing.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// A template that is deployed.
#[derive(Debug)]
pub(super) struct Template {
    document: Value,
    parameters: BTreeMap<String, String>,
    subscription: String,
}

impl Template {
    /// Reads a shipped template.
    pub(super) fn read(path: &Path, parameters: &[(&str, &str)], subscription: &str) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(Self { document: serde_json::from_str(&text)?, parameters, subscription: subscription.to_owned() })
    }

    /// Returns a variable as it stands.
    pub(super) fn variable(&self, name: &str) -> Result<&Value> {
        self.document.pointer(&format!("/variables/{name}")).with_context(|| format!("the template has no variable `{name}`"))
    }

    /// Returns what a role that the template defines may do with data, as it stands.
    pub(super) fn data_actions(&self) -> Result<&Value> {
        let resources = self.document["resources"].as_array().context("the template has no resources")?;
        let role = resources.iter().find(|resource| resource["type"] == "Microsoft.Authorization/roleDefinitions");
        role.and_then(|role| role.pointer("/properties/permissions/0/dataActions")).context("the template defines no role")
    }

    /// Returns the resources of this type: name and properties, with every expression worked out.
    pub(super) fn resources(&self, resource_type: &str) -> Result<Vec<(String, Value)>> {
        let resources = self.document["resources"].as_array().context("the template has no resources")?;
        let wanted = resources.iter().filter(|resource| resource["type"] == resource_type);
        wanted
            .map(|resource| {
                let name = self.worked_out(&resource["name"])?.as_str().unwrap_or_default().to_owned();
                Ok((name, self.worked_out(&resource["properties"])?))
            })
            .collect()
    }

    fn worked_out(&self, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::String(text) => match enclosed(text, '[', ']') {
                Some(expression) => self.expression(expression)?,
                None => value.clone(),
            },
            Value::Array(items) => Value::Array(items.iter().map(|item| self.worked_out(item)).collect::<Result<_>>()?),
            Value::Object(map) => {
                let fields = map.iter().map(|(name, item)| Ok((name.clone(), self.worked_out(item)?)));
                Value::Object(fields.collect::<Result<_>>()?)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    fn expression(&self, text: &str) -> Result<Value> {
        let text = text.trim();
        if let Some(inner) = call(text, "parameters") {
            let name = inner.trim_matches('\'');
            let value = self.parameters.get(name).with_context(|| format!("no value for the parameter `{name}`"))?;
            return Ok(Value::from(value.clone()));
        }
        if let Some(inner) = call(text, "variables") {
            return self.worked_out(self.variable(inner.trim_matches('\''))?);
        }
        if let Some(inner) = call(text, "concat") {
            let parts: Result<Vec<Value>> = arguments(inner).into_iter().map(|part| self.expression(part)).collect();
            return Ok(Value::from(parts?.iter().filter_map(Value::as_str).collect::<String>()));
        }
        if text == "subscription().id" {
            return Ok(Value::from(self.subscription.clone()));
        }
        if let Some(literal) = enclosed(text, '\'', '\'') {
            return Ok(Value::from(literal.replace("''", "'")));
        }
        bail!("the stage does not know the template expression `{text}`")
    }
}

fn call<'a>(text: &'a str, function: &str) -> Option<&'a str> {
    text.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')')
}

fn enclosed(text: &str, first: char, last: char) -> Option<&str> {
    text.strip_prefix(first)?.strip_suffix(last)
}

/// Splits at the commas that stand in no call and no text.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut quoted) = (0, false);
    let is_comma = |character: char| {
        match character {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        character == ',' && !quoted && depth == 0
    };
    text.split(is_comma).map(str::trim).collect()
}
