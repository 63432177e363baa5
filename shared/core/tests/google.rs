//! Key versions in Google Cloud: what is decided of each state, and approvals in labels.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that goes another way must stop")]

#[path = "google/decisions.rs"]
mod decisions;
#[path = "google/labels.rs"]
mod labels;
#[path = "google/scene.rs"]
mod scene;
