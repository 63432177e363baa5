//! Seals: whatever is changed in a sealed archive is found and named; a proof holds, and no altered one does; the loop seals each hour once.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on must stop, and says where")]

mod archive;
mod changes;
mod format;
mod independent;
mod proofs;
mod sealer;
mod trees;
mod verdicts;
