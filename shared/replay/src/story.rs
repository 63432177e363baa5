//! The story of one key: every event, decision and state, in the order of time.
