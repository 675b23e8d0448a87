//! Reload, takeover and drain.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use super::{flag, values};
use crate::edge::Overrides;
use crate::lifecycle::Lifecycle;
use crate::problem::Problem;
use crate::written::{At, Span, Written};

/// What the address of a Unix socket holds on every system (`sun_path`, less its end), and room for the name it has before it
/// is in place.
const LONGEST_SOCKET_PATH: usize = 90;

pub(super) fn lifecycle(
    written: &Written,
    overrides: &Overrides,
    problems: &mut Vec<Problem>,
) -> Lifecycle {
    const AN_HOUR: Duration = Duration::from_hours(1);
    let said = &written.listen.lifecycle;
    let defaults = Lifecycle::default();
    let mut time = |said: &Option<At<Span>>, default| {
        said.as_ref()
            .and_then(|said| values::span(said, &(Duration::ZERO..=AN_HOUR), problems))
            .unwrap_or(default)
    };
    let drain_timeout = time(&said.drain_timeout, defaults.drain_timeout);
    let drain_delay = time(&said.drain_delay, defaults.drain_delay);
    Lifecycle {
        drain_timeout,
        drain_delay,
        takeover: takeover(written, overrides, problems),
        watch: said
            .watch
            .as_ref()
            .map_or(defaults.watch, |said| said.value),
    }
}

fn takeover(
    written: &Written,
    overrides: &Overrides,
    problems: &mut Vec<Problem>,
) -> Option<PathBuf> {
    let (path, place) = match (&overrides.takeover, &written.listen.lifecycle.takeover) {
        // A flag's path starts from where the command was given.
        (Some(path), _) => (path.clone(), flag("--takeover")),
        (None, Some(said)) => (written.folder.join(&said.value), said.place.clone()),
        (None, None) => return None,
    };
    let length = path.as_os_str().as_bytes().len();
    if path.file_name().is_none() || length > LONGEST_SOCKET_PATH {
        problems.push(place.error(
            format!("is {:?}", path.display().to_string()),
            format!(
                "write the path of a socket, {LONGEST_SOCKET_PATH} bytes at most, such as \"/run/tideover.sock\""
            ),
        ));
        return None;
    }
    Some(path)
}
