//! Benches over the released function binaries, in `benches/`. They print what was measured in one run; `approval` also judges it.
//! What the bench of anomalies is fed with stands here, because a test feeds on it too.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a bench that cannot be set up must stop, and says where")]

pub mod attacks;
pub mod judge;
pub mod replay;
