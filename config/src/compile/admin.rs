//! The token of the admin listener, and the file of its switches.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{flag, values};
use crate::admin::Admin;
use crate::distribution::Secret;
use crate::edge::Overrides;
use crate::print::MASK;
use crate::problem::Problem;
use crate::written::Written;

/// Shorter ones can be guessed.
const SHORTEST_TOKEN: usize = 16;
const LONGEST_TOKEN: usize = 1024;

/// For a listener at `address`.
pub(super) fn admin(
    written: &Written,
    overrides: &Overrides,
    address: Option<SocketAddr>,
    problems: &mut Vec<Problem>,
) -> Admin {
    let token = token(written, overrides, problems);
    if let Some(address) = address.filter(|address| !address.ip().is_loopback())
        && token.is_none()
        // One that is no good has been said already.
        && written.admin.token.is_none()
        && overrides.admin_token.is_none()
    {
        let place = match (&overrides.admin, &written.listen.admin) {
            (None, Some(said)) => said.place.clone(),
            (Some(_), _) | (None, None) => flag("--admin"),
        };
        problems.push(place.error(
            format!("is {address}, which other machines reach, and there is no token"),
            "write [admin] token = \"${NAME}\", set TIDEOVER_ADMIN_TOKEN, or listen on loopback",
        ));
    }
    Admin {
        token,
        state: address.and_then(|_| state(written, problems)),
    }
}

fn token(written: &Written, overrides: &Overrides, problems: &mut Vec<Problem>) -> Option<Secret> {
    let said = written.admin.token.as_ref();
    if let Some(said) = said {
        values::check_mask(said, problems);
    }
    let (token, place) = match (&overrides.admin_token, said) {
        (Some(token), _) => (token, flag("TIDEOVER_ADMIN_TOKEN")),
        (None, Some(said)) => (&said.value, said.place.clone()),
        (None, None) => return None,
    };
    if token == MASK {
        // It stands for one, and must not be one: no header can have this value.
        return Some(Secret::new("\n"));
    }
    let is_visible = token.bytes().all(|byte| byte.is_ascii_graphic());
    if is_visible && (SHORTEST_TOKEN..=LONGEST_TOKEN).contains(&token.len()) {
        return Some(Secret::new(token));
    }
    // What it is is not said.
    let found = if is_visible {
        format!("has {} characters", token.len())
    } else {
        "has characters that no header can carry".to_owned()
    };
    problems.push(place.error(
        found,
        format!(
            "write {SHORTEST_TOKEN} to {LONGEST_TOKEN} visible ASCII characters without spaces, such as `openssl rand -hex 32` prints"
        ),
    ));
    None
}

/// As written, `off` for nowhere; else beside the config, under its name: `tideover.state.json` for `tideover.toml`. A config that is no file has
/// nothing beside it.
fn state(written: &Written, problems: &mut Vec<Problem>) -> Option<PathBuf> {
    match &written.admin.state {
        Some(said) => values::file_or_off(said, written, "/var/lib/tideover/state.json", problems),
        None => Some(written.file()?.with_extension("state.json")),
    }
}
