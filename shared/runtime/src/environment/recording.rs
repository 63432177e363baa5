//! The variables of the function that records log files and seals the evidence.

use super::{RECORDING, SEALING, Variable};

/// The key that signs seals.
pub const SEAL_KEY_ARN: Variable = Variable {
    name: "REPRIEVE_SEAL_KEY_ARN",
    default: None,
    accepts: "the ARN of a KMS key (ECC_NIST_P256, SIGN_VERIFY)",
    meaning: "The key that signs seals. The function alone may sign with it.",
    read_by: RECORDING,
};

/// Keys that sealed before.
pub const FORMER_SEAL_KEYS: Variable = Variable {
    name: "REPRIEVE_FORMER_SEAL_KEYS",
    default: Some(""),
    accepts: "public keys separated by commas, each as base64 of its SPKI DER, as `aws kms get-public-key` prints it, `az keyvault key download --encoding DER` writes it before `base64 -w0`, or `gcloud kms keys versions get-public-key` has it between its first and last line (EC P-256)",
    meaning: "Keys that sealed this archive before the one of today: after a change of key, the last seal is by the one before, and has to be verified before the next is chained to it.",
    read_by: SEALING,
};

/// From where on people are told of an anomaly.
pub const TELL_FROM: Variable = Variable {
    name: "REPRIEVE_TELL_FROM",
    default: Some("medium"),
    accepts: "`informational`, `low`, `medium`, `high`, `critical` or `never`",
    meaning: "The severity from which on people are told of an anomaly. Every anomaly is recorded, told or not.",
    read_by: RECORDING,
};
