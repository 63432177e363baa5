//! Takes an action away from a deployed role, and gives it back.
//!
//! Must not touch a template: what is shipped stays as it is.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use aws_types::SdkConfig;
use serde_json::{Value, json};

use super::grants::policies_of;

/// A role that lacks something, and what it had.
#[derive(Debug)]
pub struct Without {
    iam: aws_sdk_iam::Client,
    role: String,
    had: BTreeMap<String, Value>,
}

impl Without {
    /// Takes an action out of every statement of a role that allows it.
    ///
    /// # Errors
    ///
    /// Fails when IAM does, or when the role does not have it.
    pub async fn the(action: &str, role: &str, config: &SdkConfig) -> Result<Self> {
        let iam = aws_sdk_iam::Client::new(config);
        let had = policies_of(&iam, role).await?;
        let mut is_taken = false;
        for (name, policy) in &had {
            let mut left = policy.clone();
            let statements = left.get_mut("Statement").and_then(Value::as_array_mut).context("a policy has no list of statements")?;
            for statement in statements.iter_mut().filter(|statement| statement.get("Effect") == Some(&json!("Allow"))) {
                is_taken |= take(statement, action);
            }
            statements.retain(|statement| statement.get("Action").and_then(Value::as_array).is_none_or(|actions| !actions.is_empty()));
            put(&iam, role, name, &left).await?;
        }
        ensure!(is_taken, "the role `{role}` does not have `{action}`");
        Ok(Self { iam, role: role.to_owned(), had })
    }

    /// Gives back what was taken.
    ///
    /// # Errors
    ///
    /// Fails when IAM does.
    pub async fn give_back(self) -> Result<()> {
        for (name, policy) in &self.had {
            put(&self.iam, &self.role, name, policy).await?;
        }
        Ok(())
    }
}

/// Takes the action out of a statement; tells whether it was there.
fn take(statement: &mut Value, action: &str) -> bool {
    let Some(field) = statement.get_mut("Action") else { return false };
    let mut actions = if let Value::Array(actions) = field { std::mem::take(actions) } else { vec![field.take()] };
    let before = actions.len();
    actions.retain(|given| given.as_str() != Some(action));
    let is_taken = actions.len() < before;
    *field = Value::Array(actions);
    is_taken
}

async fn put(iam: &aws_sdk_iam::Client, role: &str, name: &str, policy: &Value) -> Result<()> {
    let call = iam.put_role_policy().role_name(role).policy_name(name).policy_document(policy.to_string());
    call.send().await.with_context(|| format!("the policy `{name}` of `{role}` cannot be written"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_taken_out_of_a_list_or_leaves_an_empty_one() {
        for (actions, taken, left) in [
            (json!(["kms:EnableKey", "kms:DescribeKey"]), true, json!(["kms:DescribeKey"])),
            (json!("kms:EnableKey"), true, json!([])),
            (json!(["kms:DescribeKey"]), false, json!(["kms:DescribeKey"])),
        ] {
            let mut statement = json!({ "Effect": "Allow", "Action": actions });
            assert_eq!(take(&mut statement, "kms:EnableKey"), taken);
            assert_eq!(statement.get("Action"), Some(&left));
        }
    }
}
