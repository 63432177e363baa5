//! Merkle trees as in RFC 6962, section 2.1: a leaf is hashed after `0x00`, a node after `0x01`, and the left half is the largest power of two.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{InclusionProof, RootHash};
use sha2::{Digest as _, Sha256};

use super::hash::Hash;

/// More leaves than any tree here has; a number beyond is a lie, and not counted up to.
const MAX_LEAVES: u64 = 1 << 40;

/// A tree that is held as a whole, for paths.
pub struct Tree<L: AsRef<[u8]>>(MemoryBackedTree<Sha256, L>);

impl<L: AsRef<[u8]>> Tree<L> {
    /// Grows a tree.
    #[must_use]
    pub fn of(leaves: impl IntoIterator<Item = L>) -> Self {
        let mut tree = MemoryBackedTree::new();
        leaves.into_iter().for_each(|leaf| tree.push(leaf));
        Self(tree)
    }

    /// Returns its root; of no leaves, the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        Hash::from(<[u8; 32]>::from(*self.0.root().as_bytes()))
    }

    /// Returns the path from a leaf to the root: its sibling first. `None` where there is no such leaf.
    #[must_use]
    pub fn path(&self, index: u64) -> Option<Vec<Hash>> {
        let position = usize::try_from(index).ok().filter(|_| index < self.0.len())?;
        let proof = self.0.prove_inclusion(position);
        Some(proof.as_bytes().as_chunks::<32>().0.iter().copied().map(Hash::from).collect())
    }
}

/// Says whether a leaf stands at this place of the tree with this root.
#[must_use]
pub fn is_included(root: Hash, leaves: u64, leaf: &[u8], index: u64, path: &[Hash]) -> bool {
    if leaves > MAX_LEAVES || index >= leaves {
        return false;
    }
    let path = path.iter().flat_map(|hash| *hash.as_bytes()).collect();
    let Ok(proof) = InclusionProof::<Sha256>::try_from_bytes(path) else { return false };
    RootHash::<Sha256>::new((*root.as_bytes()).into(), leaves).verify_inclusion(&leaf, index, &proof).is_ok()
}

/// Works out a root while leaves come by, in memory that grows with the logarithm of their number.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    /// The roots of the full trees so far, from the tallest on, with their heights.
    peaks: Vec<(u32, Hash)>,
    leaves: u64,
}

impl Frontier {
    /// Starts a leaf, whose bytes are then fed to it.
    #[must_use]
    pub fn leaf() -> Sha256 {
        Sha256::new_with_prefix([0x00])
    }

    /// Takes a leaf that is complete.
    pub fn push(&mut self, leaf: Sha256) {
        let (mut height, mut hash) = (0, Hash::from(<[u8; 32]>::from(leaf.finalize())));
        while let Some((_, left)) = self.peaks.pop_if(|(peak, _)| *peak == height) {
            (height, hash) = (height + 1, node(left, hash));
        }
        self.peaks.push((height, hash));
        self.leaves += 1;
    }

    /// Returns how many leaves came by.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.leaves
    }

    /// Says whether no leaf came by.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.leaves == 0
    }

    /// Returns the root of all leaves so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        let root = self.peaks.iter().map(|(_, hash)| *hash).rev().reduce(|right, left| node(left, right));
        root.unwrap_or_else(|| Hash::of(b""))
    }
}

fn node(left: Hash, right: Hash) -> Hash {
    let hash = Sha256::new_with_prefix([0x01]).chain_update(left.as_bytes()).chain_update(right.as_bytes());
    Hash::from(<[u8; 32]>::from(hash.finalize()))
}
