//! KPIs: a fold over records.
