//! Benches over the released function binaries, in `benches/`. They print what was measured in one run; `approval` also judges it.
