//! The tests of replay, in one binary: histories written by hand, what any division of them gives, and published logs.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

mod answer;
mod aws;
mod azure;
mod corpus;
mod google;
mod parts;
mod scene;
mod story;
