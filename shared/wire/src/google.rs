//! Google Cloud's JSON to the domain: audit log entries, and the `CloudEvents` that carry them.
