//! The versions of Azure's interfaces that are spoken here: those that Microsoft's published contracts cover. What it must not hold: a
//! version that no contract covers, without its own line on why.

/// Vaults and Managed HSMs.
pub(crate) const KEY_VAULT: &str = "2024-11-01";
/// Storage accounts, blob services, containers, immutability policies.
pub(crate) const STORAGE: &str = "2024-01-01";
/// Role assignments.
pub(crate) const AUTHORIZATION: &str = "2022-04-01";
/// SQL servers and their auditing.
pub(crate) const SQL: &str = "2023-08-01";
/// Flexible servers of PostgreSQL.
pub(crate) const POSTGRESQL: &str = "2022-12-01";
/// Flexible servers of MySQL.
pub(crate) const MYSQL: &str = "2023-06-30";
/// Diagnostic settings.
pub(crate) const DIAGNOSTIC_SETTINGS: &str = "2021-05-01-preview";
/// Activity-log alerts.
pub(crate) const ACTIVITY_LOG_ALERTS: &str = "2020-10-01";
/// Action groups.
pub(crate) const ACTION_GROUPS: &str = "2023-01-01";
/// The Activity Log.
pub(crate) const ACTIVITY_LOG: &str = "2015-04-01";
/// Event subscriptions.
pub(crate) const EVENT_GRID: &str = "2025-02-15";
/// User-assigned identities.
pub(crate) const MANAGED_IDENTITY: &str = "2023-01-31";
/// Subscriptions.
pub(crate) const SUBSCRIPTIONS: &str = "2022-12-01";
