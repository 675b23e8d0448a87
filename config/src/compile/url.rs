//! The `url` of an origin: `http://`, `https://` or `https+insecure://`, a host, and perhaps a port and a path.

/// The scheme of an origin's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
    /// HTTPS without a look at the certificate.
    HttpsInsecure,
}

/// An origin's URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) scheme: Scheme,
    /// Lower case; an IPv6 address without its brackets.
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// Empty, or `/like/this`.
    pub(super) path: String,
}

/// Why a text is not the URL of an origin; the words say what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAnUrl {
    #[error("begin it with http://, https:// or https+insecure://")]
    Scheme,
    #[error("write the host's name or address after the //")]
    Host,
    #[error("leave out the user and password; an Authorization header can be given in headers")]
    User,
    #[error("write a port from 1 to 65535 after the host")]
    Port,
    #[error(
        "leave out the ? or # and what follows it; only a path can be put in front of every request"
    )]
    Query,
    #[error("write the path with visible ASCII characters, others as %XX")]
    Path,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self, NotAnUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(NotAnUrl::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "https+insecure" => Scheme::HttpsInsecure,
            _ => return Err(NotAnUrl::Scheme),
        };
        if rest.contains(['?', '#']) {
            return Err(NotAnUrl::Query);
        }
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(NotAnUrl::User);
        }
        let (host, port) = host_and_port(authority)?;
        let path = path.trim_end_matches('/');
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NotAnUrl::Path);
        }
        Ok(Self {
            scheme,
            host,
            port,
            path: path.to_owned(),
        })
    }

    /// The port that is connected to.
    pub(super) fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(match self.scheme {
            Scheme::Http => 80,
            Scheme::Https | Scheme::HttpsInsecure => 443,
        })
    }
}

/// A host as it stands in front of a port: an IPv6 address in brackets.
pub(super) fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// `host`, `host:port`, `[::1]` or `[::1]:port`.
pub(super) fn host_and_port(authority: &str) -> Result<(String, Option<u16>), NotAnUrl> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or(NotAnUrl::Host)?;
        let address: std::net::Ipv6Addr = address.parse().map_err(|_| NotAnUrl::Host)?;
        match after.strip_prefix(':') {
            Some(port) => (address.to_string(), Some(port)),
            None if after.is_empty() => (address.to_string(), None),
            None => return Err(NotAnUrl::Port),
        }
    } else {
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        if !is_host(host) {
            return Err(NotAnUrl::Host);
        }
        (host.to_ascii_lowercase(), port)
    };
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(
            digits
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or(NotAnUrl::Port)?,
        ),
        Some(_) => return Err(NotAnUrl::Port),
    };
    Ok((host, port))
}

/// Whether `name` can be looked up: labels of letters, digits, `-` and `_`, 253 characters at most.
pub(super) fn is_host(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

#[cfg(test)]
mod tests {
    use super::{NotAnUrl, Scheme, Url};

    #[test]
    fn urls_are_taken_apart() {
        for (text, expected) in [
            (
                "http://vm.example",
                Ok((Scheme::Http, "vm.example", None, "")),
            ),
            (
                "HTTP://VM.example/",
                Ok((Scheme::Http, "vm.example", None, "")),
            ),
            (
                "https://vm.example:8443/app/",
                Ok((Scheme::Https, "vm.example", Some(8443), "/app")),
            ),
            (
                "https+insecure://[::1]:8443/a/b",
                Ok((Scheme::HttpsInsecure, "::1", Some(8443), "/a/b")),
            ),
            ("http://10.0.0.1", Ok((Scheme::Http, "10.0.0.1", None, ""))),
            ("http://[::1]", Ok((Scheme::Http, "::1", None, ""))),
            ("vm.example", Err(NotAnUrl::Scheme)),
            ("ftp://vm.example", Err(NotAnUrl::Scheme)),
            ("http://", Err(NotAnUrl::Host)),
            ("http:///path", Err(NotAnUrl::Host)),
            ("http://a b", Err(NotAnUrl::Host)),
            ("http://쇼핑.example", Err(NotAnUrl::Host)),
            ("http://[::1", Err(NotAnUrl::Host)),
            ("http://::1", Err(NotAnUrl::Host)),
            ("http://me:secret@vm.example", Err(NotAnUrl::User)),
            ("http://vm.example:0", Err(NotAnUrl::Port)),
            ("http://vm.example:65536", Err(NotAnUrl::Port)),
            ("http://vm.example:", Err(NotAnUrl::Port)),
            ("http://vm.example:+80", Err(NotAnUrl::Port)),
            ("http://vm.example/?a=b", Err(NotAnUrl::Query)),
            ("http://vm.example/a b", Err(NotAnUrl::Path)),
        ] {
            let expected = expected.map(|(scheme, host, port, path)| Url {
                scheme,
                host: host.to_owned(),
                port,
                path: path.to_owned(),
            });
            assert_eq!(Url::parse(text), expected, "{text}");
        }
    }
}
