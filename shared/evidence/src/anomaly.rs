//! Anomalies: what is unusual, held against a baseline that is learned.
