//! Results on standard output.

use std::io::{self, Write};

use tideover_config::{Edge, Problem, Severity, display_size};

use super::paint::Paint;

/// Writes `text` to standard output, whole.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// True if whoever read our output has read enough (`tideover fields | head`): no error worth a word.
pub(super) fn reader_is_gone(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Each problem on a line of its own, on standard error.
pub(super) fn problems<'p>(problems: impl IntoIterator<Item = &'p Problem>, paint: Paint) {
    for problem in problems {
        let line = problem.to_string();
        eprintln!(
            "{}",
            match problem.severity {
                Severity::Error | Severity::NotEnforced => paint.bad(&line),
                Severity::Warning => paint.doubtful(&line),
                Severity::Note => line,
            }
        );
    }
}

/// `cache 256 MiB of memory, objects of up to 32 MiB`: how much it may take; `None`: nothing is kept.
pub(super) fn cache(edge: &Edge) -> Option<String> {
    let mut behaviors = edge.distributions.iter().flat_map(|it| &it.behaviors);
    behaviors.any(|behavior| behavior.cache.is_some()).then(|| {
        format!(
            "cache {} of memory, objects of up to {}",
            display_size(edge.cache.memory),
            display_size(edge.cache.object),
        )
    })
}
