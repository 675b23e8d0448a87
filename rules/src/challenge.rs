//! Requests by which an authority looks for the proof that this edge serves a name: HTTP-01.
//! Source: RFC 8555, section 8.3.

/// What the paths of such requests begin with.
const PREFIX: &str = "/.well-known/acme-challenge/";

/// Whether `path`, as sent, asks for such a proof. Which origin has it is a matter of who ordered the certificate: another
/// origin's answer would be one to a question that it was not asked, so such a request goes to one origin, once.
pub fn is_challenge(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// The token in `path`, if there can be one: letters, digits, `-` and `_` (base64url), up to the end of the path.
pub fn token(path: &str) -> Option<&str> {
    let token = path.strip_prefix(PREFIX)?;
    let is_token = !token.is_empty()
        && token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    is_token.then_some(token)
}
