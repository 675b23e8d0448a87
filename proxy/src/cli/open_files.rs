//! How many files may be open: every viewer and every origin connection is one.

use rustix::process::{Resource, getrlimit, setrlimit};

/// What was allowed, and what is allowed now; `None`: without limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenFiles {
    pub(super) before: Option<u64>,
    pub(super) now: Option<u64>,
}

/// Raises the limit of open files to the highest that needs no privilege.
pub(super) fn raise() -> OpenFiles {
    let before = getrlimit(Resource::Nofile);
    let mut wanted = before;
    wanted.current = wanted.maximum;
    // Refused in some sandboxes; what counts is what is allowed afterwards, and that is said.
    let _ = setrlimit(Resource::Nofile, wanted);
    OpenFiles {
        before: before.current,
        now: getrlimit(Resource::Nofile).current,
    }
}

impl std::fmt::Display for OpenFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.now, self.before) {
            (None, _) => f.write_str("any number of files may be open"),
            (Some(now), Some(before)) if before < now => {
                write!(f, "{now} files may be open (raised from {before})")
            }
            (Some(now), _) => write!(f, "{now} files may be open"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::OpenFiles;

    #[test]
    fn the_limit_is_said_in_words() {
        let said = |before, now| OpenFiles { before, now }.to_string();
        assert_eq!(
            said(Some(1024), Some(4096)),
            "4096 files may be open (raised from 1024)"
        );
        assert_eq!(said(Some(1024), Some(1024)), "1024 files may be open");
        assert_eq!(said(None, None), "any number of files may be open");
    }
}
