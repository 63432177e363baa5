//! A small share of a processor, as a Lambda function with little memory has: a control group, where this machine lets us make one.

use std::path::{Path, PathBuf};

/// The share: about what Lambda gives to 256 MB.
pub(crate) const PERCENT: u32 = 14;
/// The time in which the share is counted, in microseconds, and the share of it.
const PERIOD: u32 = 20_000;
const SHARE: u32 = PERIOD / 100 * PERCENT;

/// A control group; removed when dropped.
pub(crate) struct Quota {
    group: PathBuf,
}

impl Quota {
    /// Makes the group; `None` where that is not possible or not allowed.
    pub(crate) fn new() -> Option<Self> {
        let name = format!("reprieve-bench-{}", std::process::id());
        let second = [("cpu.max", format!("{SHARE} {PERIOD}"))];
        let first = [("cpu.cfs_period_us", PERIOD.to_string()), ("cpu.cfs_quota_us", SHARE.to_string())];
        Self::make(&Path::new("/sys/fs/cgroup").join(&name), &second)
            .or_else(|| Self::make(&Path::new("/sys/fs/cgroup/cpu").join(&name), &first))
    }

    fn make(group: &Path, settings: &[(&str, String)]) -> Option<Self> {
        std::fs::create_dir(group).ok()?;
        let quota = Self { group: group.to_owned() };
        // Only files that the kernel has made say that this is a control group with processors in it.
        let is_set = settings.iter().all(|(name, value)| {
            let file = group.join(name);
            file.is_file() && std::fs::write(file, value).is_ok()
        });
        is_set.then_some(quota)
    }

    /// The file that takes the ids of processes.
    pub(crate) fn processes(&self) -> PathBuf {
        self.group.join("cgroup.procs")
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // The kernel keeps a group until its last process is gone; what is left is empty and does nothing.
        std::fs::remove_dir(&self.group).ok();
    }
}
