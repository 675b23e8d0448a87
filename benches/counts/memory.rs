//! Resident memory, as the kernel counts it.

use std::path::PathBuf;

use anyhow::Context;
use rustix::process::Pid;

/// The bytes of memory that are this process' alone. Shared pages, such as the program's code, are not in it.
/// Source: `proc_pid_smaps_rollup(5)`.
pub(crate) fn private_bytes(process: Pid) -> anyhow::Result<u64> {
    let file = PathBuf::from(format!("/proc/{}/smaps_rollup", process.as_raw_nonzero()));
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    sum(&text).with_context(|| format!("{} does not say it", file.display()))
}

fn sum(text: &str) -> Option<u64> {
    let kilobytes = |field: &str| -> Option<u64> {
        let value = text.lines().find_map(|line| line.strip_prefix(field))?;
        value.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    Some((kilobytes("Private_Clean:")? + kilobytes("Private_Dirty:")?) * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_pages_are_counted_whether_written_or_not() {
        let text = "\
55d2c0000000-7ffd00000000 ---p 00000000 00:00 0                          [rollup]
Rss:                1200 kB
Shared_Clean:        800 kB
Private_Clean:        40 kB
Private_Dirty:       360 kB
";
        assert_eq!(sum(text), Some(400 * 1024));
        assert_eq!(sum("Rss: 1200 kB\n"), None);
    }
}
