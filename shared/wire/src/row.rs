//! Audit entries for a spreadsheet: one row each, the same columns always.
