//! Clients that are made when they are first needed, once for all who share them.

use std::sync::{Arc, LazyLock};

/// How the value is made.
type Make<T> = Box<dyn FnOnce() -> T + Send + Sync>;

/// A value that is made at its first use; clones share it.
pub(crate) type Lazily<T> = Arc<LazyLock<T, Make<T>>>;

/// Defers making the value to its first use.
pub(crate) fn lazily<T>(make: impl FnOnce() -> T + Send + Sync + 'static) -> Lazily<T> {
    Arc::new(LazyLock::new(Box::new(make)))
}
