//! The evidence on Google Cloud: the sealer over the bucket of records, with its key in Cloud KMS.

use reprieve_engine::{Sealed, Sealer, SealerSettings, SystemClock};
use reprieve_evidence::seal::SealKeys;
use reprieve_gcp::{Bucket, CloudKmsSealSigner};

/// Keeps the evidence.
#[derive(Debug)]
pub struct Keeper {
    /// The archive that is sealed.
    pub archive: Bucket,
    /// What the seals call the archive.
    pub name: String,
    /// The key that signs, where there is one.
    pub signer: Option<CloudKmsSealSigner>,
    /// The public keys that sealed before: of another version of the key, or of another key. The last seal is by one of them after a change.
    pub former_keys: SealKeys,
}

impl Keeper {
    /// Seals every whole hour that is not sealed yet.
    ///
    /// # Errors
    /// Says why an hour could not be sealed. What was sealed before stays.
    pub async fn seal(&self) -> Result<Sealed, String> {
        let signer = self.signer.clone().ok_or("no key signs seals: set REPRIEVE_GOOGLE_SEAL_KEY, or the evidence stays unsealed")?;
        let settings = SealerSettings { former_keys: self.former_keys.clone(), ..SealerSettings::of(self.name.clone()) };
        let sealer = Sealer::new(self.archive.clone(), signer, SystemClock, settings);
        sealer.seal().await.map_err(|error| error.to_string())
    }
}
