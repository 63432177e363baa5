//! What happened to the company's keys: who did what when, and what a replay must make of it.

use super::{ACCOUNT, SANDBOX};

/// A call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deed {
    /// On which day, from 0.
    pub(super) day: i64,
    /// At which minute of the day.
    pub(super) minute: i64,
    /// Who called; nobody where KMS did it itself.
    pub(super) by: Option<&'static str>,
    /// What was called.
    pub(super) call: &'static str,
    /// Whether it was refused.
    pub(super) is_refused: bool,
}

/// What happened to a key, or to several keys alike. Counts are those of one key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Story {
    /// How many keys.
    pub(super) keys: i64,
    /// Whose they are.
    pub(super) account: &'static str,
    /// What was done, in the order of time.
    pub(super) deeds: &'static [Deed],
    pub(super) would_restore: u64,
    pub(super) approved: u64,
    pub(super) refused: u64,
    pub(super) undone_by_people: u64,
    pub(super) lost: u64,
}

const NONE: Story =
    Story { keys: 1, account: ACCOUNT, deeds: &[], would_restore: 0, approved: 0, refused: 0, undone_by_people: 0, lost: 0 };

const fn deed(day: i64, minute: i64, by: &'static str, call: &'static str) -> Deed {
    Deed { day, minute, by: Some(by), call, is_refused: false }
}

const fn refused(day: i64, minute: i64, by: &'static str, call: &'static str) -> Deed {
    Deed { is_refused: true, ..deed(day, minute, by, call) }
}

const fn deleted(day: i64, minute: i64) -> Deed {
    Deed { day, minute, by: None, call: "DeleteKey", is_refused: false }
}

/// All of it.
pub(super) const STORIES: &[Story] = &[
    // The orders' key, in a clean-up; somebody noticed after two days.
    Story {
        deeds: &[
            deed(12, 640, "inga", "ScheduleKeyDeletion"),
            deed(14, 545, "oskar", "CancelKeyDeletion"),
            deed(14, 548, "oskar", "EnableKey"),
        ],
        would_restore: 1,
        undone_by_people: 1,
        ..NONE
    },
    // The key of the backups of 2019. Nobody noticed.
    Story { deeds: &[deed(20, 1_010, "inga", "ScheduleKeyDeletion"), deleted(27, 1_040)], would_restore: 1, lost: 1, ..NONE },
    // The payments' key, at night.
    Story {
        deeds: &[deed(33, 134, "mallory", "DisableKey"), deed(33, 466, "oskar", "EnableKey")],
        would_restore: 1,
        undone_by_people: 1,
        ..NONE
    },
    // The analysts' key, still disabled.
    Story { deeds: &[deed(40, 700, "inga", "DisableKey")], would_restore: 1, ..NONE },
    // Tried, and not allowed.
    Story {
        deeds: &[
            refused(41, 90, "mallory", "ScheduleKeyDeletion"),
            refused(41, 91, "mallory", "DisableKey"),
            refused(41, 93, "mallory", "ScheduleKeyDeletion"),
        ],
        refused: 3,
        ..NONE
    },
    // Somebody tidies up where people try things out.
    Story { account: SANDBOX, deeds: &[deed(55, 600, "inga", "ScheduleKeyDeletion"), deleted(62, 610)], approved: 1, ..NONE },
    // A run of a script that removes what has no owner tag: eleven keys were missed in time, a twelfth was not.
    Story {
        keys: 11,
        deeds: &[
            deed(70, 480, "cleaner", "ScheduleKeyDeletion"),
            deed(71, 590, "oskar", "CancelKeyDeletion"),
            deed(71, 600, "oskar", "EnableKey"),
        ],
        would_restore: 1,
        undone_by_people: 1,
        ..NONE
    },
    Story { deeds: &[deed(70, 484, "cleaner", "ScheduleKeyDeletion"), deleted(77, 500)], would_restore: 1, lost: 1, ..NONE },
];
