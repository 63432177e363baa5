//! The desk's side of the ledger: late approvals, revocations, and what is known of a key.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use reprieve_aws::DynamoLedger;
use reprieve_core::approval::{Revocation, SealedApproval};
use reprieve_core::{KeyArn, Recollection, Region};
use reprieve_engine::{CallError, Ledger as _};

use crate::desk::Desk;
use crate::error::DeskError;
use crate::key::AT_A_TIME;

/// The desk claims no event, so no lease of it ever runs.
const NO_LEASE: Duration = Duration::ZERO;

impl Desk {
    /// Returns everything that the ledger knows of the key. The ledger is in the key's Region.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn recall(&self, table: &str, key: &KeyArn) -> Result<Recollection, DeskError> {
        self.ledger(table, &key.region())?.recall(key).await.map_err(of_ledger(table))
    }

    /// Returns what the ledger knows of each key, in the same order; nothing of any where no table is given.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn recall_all<'a>(
        &self,
        table: Option<&str>,
        keys: impl Iterator<Item = &'a KeyArn>,
    ) -> Result<Vec<Option<Recollection>>, DeskError> {
        let read = futures_util::stream::iter(keys).map(async |key| match table {
            Some(table) => self.recall(table, key).await.map(Some),
            None => Ok(None),
        });
        read.buffered(AT_A_TIME).try_collect().await
    }

    /// Writes a sealed approval into the ledger. Each approver has one for each change and action; a newer one takes its place.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn approve_in_ledger(&self, table: &str, key: &KeyArn, approval: &SealedApproval) -> Result<(), DeskError> {
        self.ledger(table, &key.region())?.approve(key, approval).await.map_err(of_ledger(table))
    }

    /// Writes into the ledger that a change is revoked on this key. The first word stays.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn revoke_in_ledger(&self, table: &str, key: &KeyArn, revocation: &Revocation) -> Result<(), DeskError> {
        self.ledger(table, &key.region())?.revoke(key, revocation).await.map_err(of_ledger(table))
    }

    fn ledger(&self, table: &str, region: &Region) -> Result<DynamoLedger, DeskError> {
        let client = aws_sdk_dynamodb::Client::new(&self.config_in(Some(region))?);
        Ok(DynamoLedger::new(client, table, NO_LEASE))
    }
}

fn of_ledger(table: &str) -> impl Fn(CallError) -> DeskError {
    move |source| DeskError::Ledger { table: table.to_owned(), source }
}
