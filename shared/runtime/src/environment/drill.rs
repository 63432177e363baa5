//! The variables of the function that rehearses the incident.

use super::{DRILL, Variable};

/// The sacrificial key's alias.
pub const DRILL_ALIAS: Variable = Variable {
    name: "REPRIEVE_DRILL_ALIAS",
    default: Some("alias/reprieve-drill"),
    accepts: "an alias, `alias/NAME`",
    meaning: "The alias of the key that is sacrificed in the drill.",
    read_by: DRILL,
};

/// Where the drill listens.
pub const DRILL_QUEUE_URL: Variable = Variable {
    name: "REPRIEVE_DRILL_QUEUE_URL",
    default: None,
    accepts: "the URL of an SQS queue",
    meaning: "The queue that is subscribed to the notice topic, so that notice and alarm are seen to arrive.",
    read_by: DRILL,
};

/// What must go off.
pub const DRILL_ALARM: Variable = Variable {
    name: "REPRIEVE_DRILL_ALARM",
    default: None,
    accepts: "the name of a CloudWatch alarm",
    meaning: "The alarm that must go off when the key is scheduled for deletion.",
    read_by: DRILL,
};

/// How long the guard may take.
pub const DRILL_GUARD_DEADLINE_SECONDS: Variable = Variable {
    name: "REPRIEVE_DRILL_GUARD_DEADLINE_SECONDS",
    default: Some("120"),
    accepts: "seconds, 10 to 900",
    meaning: "How long the guard may take until the key is back and people are told.",
    read_by: DRILL,
};

/// How long the alarm may take.
pub const DRILL_ALARM_DEADLINE_SECONDS: Variable = Variable {
    name: "REPRIEVE_DRILL_ALARM_DEADLINE_SECONDS",
    default: Some("720"),
    accepts: "seconds, 60 to 840",
    meaning: "How long the alarm may take until it goes off and arrives. A function of Lambda runs for 900 at most.",
    read_by: DRILL,
};
