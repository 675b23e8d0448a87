//! Instructions and heap allocations, as valgrind's callgrind counts them.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;

/// What a run cost from its start to its end, in all its threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    /// In user space.
    pub(crate) instructions: u64,
    /// Blocks asked of the allocator, those among them that only were to grow or shrink.
    pub(crate) allocations: u64,
}

/// The words to start a program with, for a profile in `file`.
pub(crate) fn tool(file: &str) -> Vec<String> {
    vec![
        "valgrind".to_owned(),
        "--quiet".to_owned(),
        "--tool=callgrind".to_owned(),
        format!("--callgrind-out-file={file}"),
    ]
}

/// Reads what callgrind wrote.
/// Format: <https://valgrind.org/docs/manual/cl-format.html>
pub(crate) fn read(file: &Path) -> anyhow::Result<Profile> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    parse(&text).with_context(|| format!("{} is no profile", file.display()))
}

fn parse(text: &str) -> Option<Profile> {
    let mut names = HashMap::new();
    let mut allocations = 0;
    let mut instructions = None;
    let (mut caller, mut callee) = ("", "");
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else {
            if let Some(total) = line.strip_prefix("totals:") {
                instructions = Some(total.trim().parse().ok()?);
            }
            continue;
        };
        match key {
            "fn" => caller = name(value, &mut names)?,
            "cfn" => callee = name(value, &mut names)?,
            "calls" if allocates(callee) && !is_allocator(caller) => {
                allocations += value.split(' ').next()?.parse::<u64>().ok()?;
            }
            _ => {}
        }
    }
    Some(Profile {
        instructions: instructions?,
        allocations,
    })
}

/// A name is written as `(ID) NAME` the first time, then as `(ID)`.
fn name<'t>(value: &'t str, names: &mut HashMap<&'t str, &'t str>) -> Option<&'t str> {
    match value.split_once(") ") {
        Some((id, name)) => {
            names.insert(id.trim_start_matches('('), name);
            Some(name)
        }
        None => names
            .get(value.trim_start_matches('(').trim_end_matches(')'))
            .copied(),
    }
}

/// Whether this is a way into the allocator of the two programs, or into the system's for what is not Rust.
fn allocates(function: &str) -> bool {
    (function.starts_with("mi_") && function.contains("alloc"))
        || ["malloc", "calloc", "realloc", "posix_memalign"].contains(&function)
}

/// What the allocator calls on its own account is no further allocation.
fn is_allocator(function: &str) -> bool {
    function.starts_with("mi_") || function.starts_with("_mi_") || allocates(function)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_into_the_allocator_are_counted_once() {
        let text = "\
events: Ir
fl=(1) server.rs
fn=(1) serve
10 400
cfi=(2) alloc.c
cfn=(2) mi_malloc_aligned
calls=7 20
10 70
cfn=(3) mi_free
calls=7 30
10 30

fl=(2)
fn=(2)
20 35
cfn=(4) _mi_malloc_generic
calls=2 40
20 35
cfn=(5) mi_malloc
calls=7 40
20 35

fl=(1)
fn=(6) grow
11 5
cfn=(2)
calls=3 20
11 30
totals: 505
";
        let expected = Profile {
            instructions: 505,
            allocations: 10,
        };
        assert_eq!(parse(text), Some(expected));
    }

    #[test]
    fn a_file_without_totals_is_no_profile() {
        assert_eq!(parse("events: Ir\n"), None);
    }
}
