//! What there is to keep. A tenant's subjects may be more than go in one blob: they are written in parts to the slot that is not in use,
//! and then the head, which names the slot, is switched over. Whoever reads meanwhile has the old parts.

use reprieve_core::azure::discovery::Seen;
use reprieve_core::azure::{Discovery, Subject};
use reprieve_engine::CallError;
use serde::{Deserialize, Serialize};

use super::document::{bytes, contended, rejected};
use super::{BlobLedger, all};

const HEAD: &str = "discovery.json";

/// How many subjects stand in one part: about two megabytes, of the four that go in one request.
const SUBJECTS_IN_PART: usize = 5_000;

/// How often a read is begun anew because a sweep ended in between.
const ATTEMPTS: usize = 3;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Head {
    /// Counts the writes; the slot is its last bit.
    generation: u64,
    parts: usize,
    /// All but the subjects.
    discovery: Discovery,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Part {
    generation: u64,
    subjects: Vec<Seen<Subject>>,
}

fn part_name(generation: u64, part: usize) -> String {
    format!("discovery/{}/{part:04}.json", generation % 2)
}

impl BlobLedger {
    pub(super) async fn read_discovery(&self) -> Result<Discovery, CallError> {
        for _ in 0..ATTEMPTS {
            let Some((head, _)) = self.read::<Head>(HEAD).await? else { return Ok(Discovery::default()) };
            let parts = all((0..head.parts).map(|part| self.part(head.generation, part))).await?;
            if parts.iter().all(|part| part.generation == head.generation) {
                let subjects = parts.into_iter().flat_map(|part| part.subjects).collect();
                return Ok(Discovery { subjects, ..head.discovery });
            }
        }
        Err(contended(HEAD))
    }

    async fn part(&self, generation: u64, part: usize) -> Result<Part, CallError> {
        let name = part_name(generation, part);
        let missing = || rejected(format!("`{name}` is missing from the ledger"));
        self.read::<Part>(&name).await?.map(|(part, _)| part).ok_or_else(missing)
    }

    pub(super) async fn write_discovery(&self, discovery: &Discovery) -> Result<(), CallError> {
        let found = self.read::<Head>(HEAD).await;
        let (generation, etag) = match found {
            Ok(None) => (1, None),
            Ok(Some((head, etag))) => (head.generation.wrapping_add(1), Some(etag)),
            Err(error) => return Err(error),
        };
        let parts: Vec<&[Seen<Subject>]> = discovery.subjects.chunks(SUBJECTS_IN_PART).collect();
        for (index, subjects) in parts.iter().enumerate() {
            let part = Part { generation, subjects: subjects.to_vec() };
            self.write_part(&part_name(generation, index), &part).await?;
        }
        let head = Head { generation, parts: parts.len(), discovery: Discovery { subjects: Vec::new(), ..discovery.clone() } };
        if self.put(HEAD, etag.as_deref(), &bytes(HEAD, &head)?).await? { Ok(()) } else { Err(contended(HEAD)) }
    }

    async fn write_part(&self, name: &str, part: &Part) -> Result<(), CallError> {
        let etag = self.store.read(name).await?.map(|blob| blob.etag);
        if self.put(name, etag.as_deref(), &bytes(name, part)?).await? { Ok(()) } else { Err(contended(name)) }
    }
}
