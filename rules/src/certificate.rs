//! Which certificate goes with which name.

use std::collections::BTreeMap;

/// The names that certificates are good for, each with the position of its certificate. Where two are good for the same
/// name, the first one has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateNames {
    /// In lower case.
    exact: BTreeMap<Box<str>, usize>,
    /// What follows `*.`, in lower case.
    wildcards: BTreeMap<Box<str>, usize>,
}

impl CertificateNames {
    /// Of these certificates, in order; each with its names, `*.` in front of a wildcard.
    pub fn of<'n, Names>(certificates: impl IntoIterator<Item = Names>) -> Self
    where
        Names: IntoIterator<Item = &'n str>,
    {
        let mut all = Self::default();
        for (position, names) in certificates.into_iter().enumerate() {
            for name in names {
                let name = name.to_ascii_lowercase();
                let (map, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut all.wildcards, parent),
                    None => (&mut all.exact, name.as_str()),
                };
                map.entry(name.into()).or_insert(position);
            }
        }
        all
    }

    /// The position of the certificate for `name`, in any letter case: an exact one before a wildcard, which stands for one
    /// label. `None`: no certificate is good for it, and the first one is shown.
    /// Source: RFC 9525, section 6.3.
    pub fn find(&self, name: &str) -> Option<usize> {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if let Some(position) = self.exact.get(name.as_str()) {
            return Some(*position);
        }
        let (label, parent) = name.split_once('.')?;
        if label.is_empty() {
            return None;
        }
        self.wildcards.get(parent).copied()
    }

    /// True if a request for `host` came over a connection that was opened for a server with another certificate: whoever
    /// sent it was not shown that the edge may answer for this host. Nobody is held to a name that was not sent.
    /// Source: RFC 9110, sections 7.4 and 15.5.20.
    pub fn is_misdirected(&self, server_name: Option<&str>, host: &str) -> bool {
        server_name.is_some_and(|server_name| {
            !server_name.eq_ignore_ascii_case(host) && self.find(server_name) != self.find(host)
        })
    }
}
