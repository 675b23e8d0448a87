//! System calls, as strace counts them.

use std::path::Path;

use anyhow::{Context, ensure};

/// The words to start a program with, for a table of its system calls in `file`. strace is its parent: the program's own
/// process is told before it begins.
pub(crate) fn tool(file: &str) -> Vec<String> {
    let telling = r#"echo "process $$"; exec "$@""#;
    let words = ["strace", "-f", "-c", "-o", file, "sh", "-c", telling, "sh"];
    words.map(str::to_owned).to_vec()
}

/// Reads what strace wrote: how many calls, from start to end, in all threads.
pub(crate) fn read(file: &Path) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let calls = sum(&text);
    ensure!(calls > 0, "{} has no calls", file.display());
    Ok(calls)
}

/// Rows are `% time, seconds, usecs/call, calls, errors if any, syscall`; the last row is their total.
fn sum(text: &str) -> u64 {
    let rows = text.lines().map(|line| line.split_whitespace());
    let calls = rows
        .filter(|row| row.clone().last() != Some("total"))
        .filter_map(|mut row| row.nth(3)?.parse::<u64>().ok());
    calls.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_counted_once() {
        let text = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000300           3       100           recvfrom
 40.00    0.000200           2        98         7 epoll_wait
------ ----------- ----------- --------- --------- ----------------
100.00    0.000500           2       198         7 total
";
        assert_eq!(sum(text), 198);
    }
}
