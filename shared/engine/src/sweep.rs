//! placeholder
/// What a sweep found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct SweepReport {
    /// Keys listed.
    pub keys: usize,
}
