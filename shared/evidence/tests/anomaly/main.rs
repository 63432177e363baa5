//! What is unusual is said, once and in words; what is usual is learned exactly, slowly where it is doubted, and in bounded space.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod bytes;
mod entries;
mod habits;
mod merging;
mod places;
mod poison;
mod scoring;
