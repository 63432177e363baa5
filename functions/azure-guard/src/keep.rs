//! The evidence on Azure: the recorder over the immutable container, and the sealer with its key in Key Vault.

use std::fmt::Write as _;
use std::time::Duration;

use reprieve_azure::{BlobEvidenceStore, Connection, KeyVaultSealSigner};
use reprieve_core::Posture;
use reprieve_core::azure::KeyReference;
use reprieve_engine::recording::{Recorder, RecordingMeter};
use reprieve_engine::seal::{Sealed, Sealer, SealerSettings};
use reprieve_engine::{BaselineStore, Batch, CallError, Clock, EvidenceSink, NoticeSink, SystemClock};
use reprieve_evidence::seal::SealKeys;

use crate::app::later;
use crate::record::Evidence;

/// Keeps the evidence.
#[derive(Debug)]
pub struct Keeper<E, B, N, C, M> {
    /// Writes entries and anomalies.
    pub recorder: Recorder<E, B, N, C, M>,
    /// The archive that is sealed.
    pub archive: BlobEvidenceStore,
    /// How it is sealed.
    pub seals: Seals,
    /// To Key Vault.
    pub connection: Connection,
}

/// How the archive is sealed.
#[derive(Debug)]
pub struct Seals {
    /// What the seals call the archive.
    pub archive: String,
    /// The key that signs, where there is one.
    pub key: Option<KeyReference>,
    /// The public keys that sealed before: another version of the key, or another key. The last seal is by one of them after a change.
    pub former_keys: SealKeys,
}

impl Seals {
    /// Returns what the sealer is told.
    #[must_use]
    pub fn settings(&self) -> SealerSettings {
        SealerSettings { former_keys: self.former_keys.clone(), ..SealerSettings::of(self.archive.clone()) }
    }
}

impl<E, B, N, C, M> Evidence for Keeper<E, B, N, C, M>
where
    E: EvidenceSink + Send + 'static,
    B: BaselineStore + Send + 'static,
    N: NoticeSink + Send + 'static,
    C: Clock + Send + 'static,
    M: RecordingMeter + Send + Sync + 'static,
{
    async fn record(&self, batch: &Batch, takes: Duration) -> Result<String, CallError> {
        let stopped_at = later(self.recorder.ports.clock.now(), takes);
        let recorded = self.recorder.record(batch, stopped_at).await?;
        let mut line = format!("{} entries recorded, {} of them unusual", recorded.entries, recorded.findings.len());
        for refused in &recorded.refused {
            // Writing to a string cannot fail.
            write!(line, "; refused for what is in it: {refused}").ok();
        }
        Ok(line)
    }

    async fn seal(&self) -> Result<String, String> {
        let Some(key) = &self.seals.key else {
            return Err("no key signs seals: set REPRIEVE_AZURE_SEAL_KEY, or the evidence stays unsealed".to_owned());
        };
        let signer = KeyVaultSealSigner::connect(&self.connection, key).await.map_err(|error| error.to_string())?;
        let sealer = Sealer::new(self.archive.clone(), signer, SystemClock, self.seals.settings());
        sealer.seal().await.map(|report| said(&report)).map_err(|error| error.to_string())
    }

    async fn keep_posture(&self, posture: &Posture) -> Result<(), CallError> {
        self.recorder.ports.evidence.append_posture(posture).await.map(drop)
    }
}

fn said(sealed: &Sealed) -> String {
    match sealed.until {
        Some(until) => format!("{} seals over {} objects, until {until}", sealed.sealed, sealed.objects),
        None => "no hour is due".to_owned(),
    }
}
