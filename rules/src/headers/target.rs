//! Path and query as an origin is asked for them.

use std::fmt::Write as _;

use http::uri::PathAndQuery;
use tideover_config::NameSelection;

/// `origin_path` + `path` + what `selection` leaves of the query of `sent`; `sent` itself where that is the same.
/// `*` is a server's, not a path of it: it gets no prefix.
pub(super) fn for_origin(
    selection: &NameSelection,
    origin_path: &str,
    path: &str,
    sent: &PathAndQuery,
) -> PathAndQuery {
    let query = sent.query();
    let keeps_query = query.is_none() || *selection == NameSelection::All;
    let is_prefixed = !origin_path.is_empty() && path != "*";
    // `http://host?query` has a path that nobody wrote.
    let is_whole = sent.as_str().starts_with(path);
    if keeps_query && !is_prefixed && is_whole && path == sent.path() {
        return sent.clone();
    }
    let prefix = if is_prefixed { origin_path } else { "" };
    let build = || {
        let query_bytes = query.map_or(0, |query| query.len() + 1);
        let mut target = String::with_capacity(prefix.len() + path.len() + query_bytes);
        target.push_str(prefix);
        target.push_str(path);
        if let Some(query) = query {
            push_query(&mut target, selection, query);
        }
        target
    };
    PathAndQuery::try_from(build()).unwrap_or_else(|_| escaped(&build()))
}

fn push_query(target: &mut String, selection: &NameSelection, query: &str) {
    let mut separator = '?';
    for parameter in kept_of_query(selection, query) {
        target.push(separator);
        target.push_str(parameter);
        separator = '&';
    }
}

/// The parameters of `query` that `selection` leaves, in the order they came in, to be put together again with `&`: all of
/// it in one piece where it leaves all. Names are compared as they were sent.
pub(crate) fn kept_of_query<'q>(
    selection: &NameSelection,
    query: &'q str,
) -> impl Iterator<Item = &'q str> {
    let is_kept = |parameter: &&str| {
        let name = parameter.split('=').next().unwrap_or_default();
        match selection {
            NameSelection::All => true,
            NameSelection::None => false,
            NameSelection::Only(names) => names.iter().any(|kept| kept == name),
            NameSelection::Except(names) => names.iter().all(|dropped| dropped != name),
        }
    };
    let whole = (*selection == NameSelection::All).then_some(query);
    let parts = match selection {
        NameSelection::All | NameSelection::None => None,
        NameSelection::Only(_) | NameSelection::Except(_) => Some(query.split('&').filter(is_kept)),
    };
    whole.into_iter().chain(parts.into_iter().flatten())
}

/// Only an origin path or a root object with a byte that no target may hold leads here: such bytes are escaped.
#[cold]
fn escaped(target: &str) -> PathAndQuery {
    let mut safe = String::with_capacity(target.len() + 16);
    for byte in target.bytes() {
        if byte.is_ascii_graphic() && !b"#<>\"\\^`{|}".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(safe, "%{byte:02X}");
        }
    }
    PathAndQuery::try_from(safe).unwrap_or_else(|_| PathAndQuery::from_static("/"))
}
