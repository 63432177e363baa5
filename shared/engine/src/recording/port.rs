//! What recording a log file came to, and who counts it.

use jiff::Timestamp;
use reprieve_core::Finding;

/// What recording a log file came to. The entries are in the archive.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded {
    /// The entries.
    pub entries: usize,
    /// The bytes that were written of them; 0 where they were there already.
    pub bytes: u64,
    /// The findings that were not there before.
    pub findings: Vec<Finding>,
    /// Of these, those that people were told of.
    pub told: usize,
    /// The entries that claim to be of the future: kept, and neither scored nor learned from.
    pub ahead: usize,
    /// The log file was learned from before: nothing was scored, and nothing was learned.
    pub is_repetition: bool,
    /// Why nothing was learned from it, where nothing was: the baseline could not be read or saved.
    pub baseline_unsaved: Option<String>,
    /// What the archive refused for what is in it, and where it lies instead: a sentence each. Another delivery does not change it.
    pub refused: Vec<String>,
    /// What went wrong beside it: a notice that could not be sent.
    pub complaints: Vec<String>,
}

/// Counts what was recorded.
pub trait RecordingMeter: Sync {
    /// Notes what recording a log file came to: entries, findings, bytes, and whether the baseline was left unsaved.
    fn recorded(&self, recorded: &Recorded, at: Timestamp);
}
