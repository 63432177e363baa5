//! Benches over the released function binaries, in `benches/`. They print ratios measured in one run and judge nothing.
