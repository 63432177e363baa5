//! The variables of the function that replays an archive of logs.

use super::{REPLAYING, Variable};

/// Where parts and answers are written.
pub const REPLAY_BUCKET: Variable = Variable {
    name: "REPRIEVE_REPLAY_BUCKET",
    default: None,
    accepts: "the name of an S3 bucket",
    meaning: "Where the parts and the answer of a replay are written, below `replay/`.",
    read_by: REPLAYING,
};
