//! KMS as AWS runs it, laid over the emulator: what it refuses too little, and the states that it gets wrong.
//!
//! Must not record or delay anything; the emulator stays the only place where keys are stored.

use std::time::Instant;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Proxy;
use super::answer::{Answer, Refusal};
use super::call::Call;
use super::caller::Caller;
use super::kms::{self, Key, KeyState, Reference};
use super::upstream::Incoming;
use crate::error::LocalCloudError;

/// The answer to a KMS call, and the key that it was about.
pub(crate) struct KmsAnswer {
    pub(crate) answer: Answer,
    pub(crate) key_arn: Option<String>,
}

/// An account and a Region, and the key in them that a call is about.
struct Place<'a> {
    account: &'a str,
    region: &'a str,
    key_id: &'a str,
}

impl Proxy {
    /// Answers a KMS call.
    pub(crate) async fn answer_kms(&self, call: &Call, caller: &Caller, incoming: &Incoming) -> Result<KmsAnswer, LocalCloudError> {
        let (operation, account, region) = (call.operation.as_str(), caller.account.as_str(), call.region.as_str());
        let refuse = |refusal: &Refusal, key_arn| KmsAnswer { answer: Answer::refused(call, refusal), key_arn };
        if let Some(refusal) = self.quotas().take(operation, account, region, Instant::now()) {
            return Ok(refuse(&refusal, None));
        }
        if let Some(refusal) = kms::message_refusal(operation, &call.input) {
            return Ok(refuse(&refusal, None));
        }
        if operation == "ListKeys" {
            return self.list_keys(call, account, incoming).await;
        }
        // Check and effect belong together: two calls must not both see the state before either.
        let _turn = if kms::changes_a_key(operation) { Some(self.kms_turn.lock().await) } else { None };
        // DeleteAlias names no key, but its record does.
        let given = call.key_reference().or_else(|| call.text("AliasName").filter(|_| operation == "DeleteAlias"));
        let Some(given) = given else {
            let answer = self.upstream.forward(incoming).await?;
            return Ok(KmsAnswer { answer: paged(call, answer), key_arn: None });
        };
        let name = match kms::reference(operation, given, account, region) {
            Ok(Reference::KeyId(name) | Reference::Alias(name)) => name,
            Err(refusal) => return Ok(refuse(&refusal, None)),
        };
        let Some(key) = self.upstream.key(account, region, &name).await? else {
            return Ok(refuse(&kms::not_found(given, account, region), None));
        };
        if let Some(refusal) = kms::state_refusal(operation, &key) {
            return Ok(refuse(&refusal, Some(key.arn)));
        }
        let answer = self.upstream.forward(incoming).await?;
        let answer = if answer.status.is_success() {
            self.correct(call, &Place { account, region, key_id: &name }, &key, answer).await?
        } else {
            answer
        };
        Ok(KmsAnswer { answer: paged(call, answer), key_arn: Some(key.arn) })
    }

    /// Puts right what the emulator does otherwise than KMS when a call succeeds.
    async fn correct(&self, call: &Call, place: &Place<'_>, before: &Key, answer: Answer) -> Result<Answer, LocalCloudError> {
        match call.operation.as_str() {
            "ScheduleKeyDeletion" => self.correct_schedule(call, place, before, answer).await,
            "CancelKeyDeletion" => {
                let stays = if before.state == KeyState::Unavailable { json!("Unavailable") } else { json!("Disabled") };
                let fields = json!({"KeyState": stays, "Enabled": false, "_pending_window_days": null});
                self.upstream.update_key(place.account, place.region, place.key_id, fields).await?;
                Ok(answer)
            }
            // It takes effect when the key store is connected again.
            "EnableKey" | "DisableKey" if before.state == KeyState::Unavailable => {
                let enabled = call.operation == "EnableKey";
                let fields = json!({"KeyState": "Unavailable", "Enabled": enabled});
                self.upstream.update_key(place.account, place.region, place.key_id, fields).await?;
                Ok(answer)
            }
            _ => Ok(answer),
        }
    }

    /// A primary key with replicas has no date yet; a replica stays one until it is gone.
    async fn correct_schedule(&self, call: &Call, place: &Place<'_>, before: &Key, answer: Answer) -> Result<Answer, LocalCloudError> {
        let window_days = call.input.get("PendingWindowInDays").and_then(Value::as_i64).unwrap_or(30);
        let mut members = answer.members(call.protocol);
        if let Some(members) = members.as_object_mut() {
            members.insert("PendingWindowInDays".to_owned(), json!(window_days));
            if before.is_primary_with_replicas() {
                members.remove("DeletionDate");
            }
        }
        if before.is_primary_with_replicas() {
            let fields = json!({"DeletionDate": null, "_pending_window_days": window_days});
            self.upstream.update_key(place.account, place.region, place.key_id, fields).await?;
        }
        if before.multi_region_type.as_deref() == Some("REPLICA") {
            self.keep_replica(place, before).await?;
        }
        Ok(answer.with_members(&members))
    }

    async fn keep_replica(&self, place: &Place<'_>, before: &Key) -> Result<(), LocalCloudError> {
        let regions = before.member_regions.clone().unwrap_or_default();
        for region in &regions {
            let fields = json!({"_mrk_regions": regions});
            let member = self.upstream.update_key(place.account, region, place.key_id, fields).await?;
            // The emulator starts the clock of a waiting primary key too early.
            if member.is_some_and(|member| member.state == KeyState::PendingDeletion && member.is_primary_with_replicas()) {
                let fields = json!({"KeyState": "PendingReplicaDeletion", "DeletionDate": null});
                self.upstream.update_key(place.account, region, place.key_id, fields).await?;
            }
        }
        Ok(())
    }

    /// Answers `ListKeys` in pages, with markers.
    async fn list_keys(&self, call: &Call, account: &str, incoming: &Incoming) -> Result<KmsAnswer, LocalCloudError> {
        let answer = self.upstream.forward(incoming).await?;
        if !answer.status.is_success() {
            return Ok(KmsAnswer { answer, key_arn: None });
        }
        let question = json!({"account": account, "region": call.region, "do": "list"});
        let stored = self.upstream.ask("keys", &question).await?;
        let keys = stored.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(KmsAnswer { answer: answer_page(call, answer, "Keys", &keys, 100), key_arn: None })
    }

    /// Puts a key into a state that no call leads to here, such as `Unavailable`.
    pub(crate) async fn set_key_state(&self, key_arn: &str, state: KeyState) -> Result<(), LocalCloudError> {
        let (account, region, key_id) = split_arn(key_arn)?;
        let _turn = self.kms_turn.lock().await;
        let fields = json!({"KeyState": state, "Enabled": state == KeyState::Enabled});
        let found = self.upstream.update_key(account, region, key_id, fields).await?;
        found.map(drop).ok_or_else(|| no_such_key(key_arn))
    }

    /// Deletes a key as KMS does when its waiting period is over; a primary key that waited for it starts its own.
    pub(crate) async fn delete_key(&self, key_arn: &str) -> Result<(), LocalCloudError> {
        let (account, region, key_id) = split_arn(key_arn)?;
        let _turn = self.kms_turn.lock().await;
        let key = self.upstream.key(account, region, key_id).await?.ok_or_else(|| no_such_key(key_arn))?;
        if key.is_primary_with_replicas() {
            return Err(LocalCloudError::Control(format!("`{key_arn}` has replicas: delete them first")));
        }
        let question = json!({"account": account, "region": region, "do": "delete", "key": key_id});
        self.upstream.ask("keys", &question).await?;
        let left: Vec<String> = key.member_regions.unwrap_or_default().into_iter().filter(|member| member != region).collect();
        for member_region in &left {
            let fields = json!({"_mrk_regions": left});
            let member = self.upstream.update_key(account, member_region, key_id, fields).await?;
            let waits = member.filter(|member| member.state == KeyState::PendingReplicaDeletion && left.len() == 1);
            if let Some(primary) = waits {
                let days = primary.pending_window_in_days.unwrap_or(30);
                let date = Timestamp::now().as_second().saturating_add(days.saturating_mul(86_400));
                let fields = json!({"KeyState": "PendingDeletion", "DeletionDate": date, "_pending_window_days": null});
                self.upstream.update_key(account, member_region, key_id, fields).await?;
            }
        }
        Ok(())
    }
}

/// Cuts the emulator's answer to `ListAliases`, which holds all of them, into pages.
fn paged(call: &Call, answer: Answer) -> Answer {
    if call.operation != "ListAliases" || !answer.status.is_success() {
        return answer;
    }
    let aliases = answer.members(call.protocol).get("Aliases").and_then(Value::as_array).cloned().unwrap_or_default();
    answer_page(call, answer, "Aliases", &aliases, 50)
}

/// Answers with the page that a call asks for.
fn answer_page(call: &Call, answer: Answer, member: &str, items: &[Value], usual_limit: u64) -> Answer {
    let limit = call.input.get("Limit").and_then(Value::as_u64).unwrap_or(usual_limit);
    match page(member, items, call.text("Marker"), limit) {
        Some(page) => answer.with_members(&page),
        None => Answer::refused(call, &Refusal::bad_request("InvalidMarkerException", "The marker is not valid.")),
    }
}

/// Cuts one page out of all items; the marker is the position of its first one.
fn page(member: &str, items: &[Value], marker: Option<&str>, limit: u64) -> Option<Value> {
    let start = match marker {
        None => 0,
        Some(marker) => marker.parse::<usize>().ok().filter(|&start| start <= items.len())?,
    };
    let end = start.saturating_add(usize::try_from(limit).unwrap_or(usize::MAX)).min(items.len());
    let truncated = end < items.len();
    let mut page = json!({member: items.get(start..end)?, "Truncated": truncated});
    if let Some(members) = page.as_object_mut().filter(|_| truncated) {
        members.insert("NextMarker".to_owned(), json!(end.to_string()));
    }
    Some(page)
}

/// Splits a key ARN into account, Region and key id.
pub(crate) fn split_arn(key_arn: &str) -> Result<(&str, &str, &str), LocalCloudError> {
    let parts: Vec<&str> = key_arn.splitn(6, ':').collect();
    if let &["arn", _, "kms", region, account, resource] = parts.as_slice()
        && let Some(key_id) = resource.strip_prefix("key/")
    {
        return Ok((account, region, key_id));
    }
    Err(LocalCloudError::Control(format!("`{key_arn}` is no key ARN: give arn:aws:kms:<region>:<account>:key/<id>")))
}

fn no_such_key(key_arn: &str) -> LocalCloudError {
    LocalCloudError::Control(format!("there is no key `{key_arn}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_until_all_keys_are_listed() {
        let keys = [json!(1), json!(2), json!(3)];
        assert_eq!(page("Keys", &keys, None, 2), Some(json!({"Keys": [1, 2], "Truncated": true, "NextMarker": "2"})));
        assert_eq!(page("Keys", &keys, Some("2"), 2), Some(json!({"Keys": [3], "Truncated": false})));
        assert_eq!(page("Keys", &keys, Some("9"), 2), None);
        assert_eq!(page("Keys", &keys, Some("x"), 2), None);
    }

    #[test]
    fn only_key_arns_are_split() {
        let arn = "arn:aws:kms:us-east-1:111122223333:key/k";
        assert_eq!(split_arn(arn).ok(), Some(("111122223333", "us-east-1", "k")));
        assert!(split_arn("arn:aws:kms:us-east-1:111122223333:alias/a").is_err());
        assert!(split_arn("k").is_err());
    }
}
