//! What an edge comes to, as one text.

use std::path::Path;

use tideover_config::{Edge, Overrides, load_text, to_toml};

/// Everything but what a printed config cannot keep: secrets, and the reason for the mode.
fn facts(edge: &Edge) -> String {
    let mut hosts: Vec<_> = edge.hosts.exact.iter().collect();
    hosts.sort();
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:#?}\n{:#?}\n{:#?}\n{:#?}\n{:#?}\n{hosts:?} {:?} {:?} {:?}\n{:?}",
        edge.listen,
        edge.admin,
        edge.cache,
        edge.access_log,
        edge.alarms,
        edge.origins,
        edge.targets,
        edge.records,
        edge.distributions,
        edge.hosts.wildcards,
        edge.hosts.any,
        edge.hosts.local,
        edge.mode,
    )
}

/// Asserts that `edge` as printed loads again as the same edge, and gives what was printed.
pub(crate) fn prints_as_itself(edge: &Edge) -> String {
    let printed = to_toml(edge);
    let again = load_text(Path::new("printed.toml"), &printed, &Overrides::default())
        .unwrap_or_else(|problems| panic!("{problems}\nin\n{printed}"))
        .edge;
    let (first, second) = (facts(edge), facts(&again));
    for (before, after) in first.lines().zip(second.lines()) {
        assert_eq!(before, after, "in\n{printed}");
    }
    assert_eq!(first, second);
    assert_eq!(to_toml(&again), printed);
    printed
}
