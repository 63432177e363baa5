//! Approvals as tags: writing them on keys, and removing them. Where on a key one goes, `reprieve-core` says.

use aws_sdk_kms::types::Tag;
use reprieve_core::KeyArn;
use reprieve_core::approval::slot::TagPlan;
use reprieve_core::approval::{APPROVAL_TAGS, SealedApproval};
use reprieve_core::facts::Tags;

use crate::desk::Desk;
use crate::error::{DeskError, code_of, sorted};

impl Desk {
    /// Writes the sealed approval on the key, all of its tags by one call, and then removes what is stale.
    ///
    /// # Errors
    /// When the tags cannot be changed: [`DeskError::PendingDeletion`] where the key's state is why.
    pub async fn write_tags(&self, key: &KeyArn, approval: &SealedApproval, plan: &TagPlan) -> Result<(), DeskError> {
        let mut tag = self.kms(Some(&key.region()))?.tag_resource().key_id(key.as_str());
        for (name, value) in plan.tags(approval) {
            let built = Tag::builder().tag_key(name).tag_value(value).build();
            tag = tag.tags(built.map_err(|error| DeskError::Call { call: "kms:TagResource", message: error.to_string() })?);
        }
        tag.send().await.map_err(|error| match code_of(&error) {
            Some("KMSInvalidStateException") => DeskError::PendingDeletion { key: key.clone() },
            Some(_) | None => sorted("kms:TagResource")(error),
        })?;
        self.remove_tags(key, &plan.stale).await
    }

    /// Removes the approval tags that the key carries. Other tags stay.
    ///
    /// # Errors
    /// When the tags cannot be changed.
    pub async fn remove_approval(&self, key: &KeyArn, tags: &Tags) -> Result<(), DeskError> {
        let names: Vec<&str> = APPROVAL_TAGS.into_iter().filter(|name| tags.contains_key(*name)).collect();
        self.remove_tags(key, &names).await
    }

    async fn remove_tags(&self, key: &KeyArn, names: &[&str]) -> Result<(), DeskError> {
        if names.is_empty() {
            return Ok(());
        }
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let untag = self.kms(Some(&key.region()))?.untag_resource().key_id(key.as_str()).set_tag_keys(Some(names));
        untag.send().await.map(drop).map_err(|error| match code_of(&error) {
            Some("KMSInvalidStateException") => DeskError::PendingDeletion { key: key.clone() },
            Some(_) | None => sorted("kms:UntagResource")(error),
        })
    }
}
