//! Entries of every cloud's audit log, as [`reprieve_core::audit::AuditEvent`]s.
