//! `check --print`: what is printed loads again as the same edge, and tells no secret.

use std::path::Path;

use tideover_config::{Edge, Mode, Overrides, from_origins, load, load_text, to_toml};

/// Everything but what a printed config cannot keep: secrets, and the reason for the mode.
fn facts(edge: &Edge) -> String {
    let mut hosts: Vec<_> = edge.hosts.exact.iter().collect();
    hosts.sort();
    format!(
        "{:?}\n{:?}\n{:#?}\n{:#?}\n{:#?}\n{hosts:?} {:?} {:?} {:?}\n{:?}",
        edge.listen,
        edge.access_log,
        edge.origins,
        edge.targets,
        edge.distributions,
        edge.hosts.wildcards,
        edge.hosts.any,
        edge.hosts.local,
        edge.mode,
    )
}

fn prints_as_itself(edge: &Edge) -> String {
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

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(name)
}

fn edge_of(text: &str) -> Edge {
    load_text(&fixture("examples/x.toml"), text, &Overrides::default())
        .unwrap_or_else(|problems| panic!("{problems}"))
        .edge
}

#[test]
fn petclinic_prints_as_itself() {
    let loaded = load(&fixture("examples/petclinic.toml"), &Overrides::default());
    prints_as_itself(&loaded.expect("petclinic.toml loads").edge);
}

#[test]
fn origins_from_flags_print_as_a_config() {
    let urls = ["http://127.0.0.1:8081", "https+insecure://[::1]:8443/app"];
    for count in 1..=2 {
        let urls: Vec<String> = urls[..count].iter().map(ToString::to_string).collect();
        let loaded = from_origins(&urls, &Overrides::default());
        prints_as_itself(&loaded.expect("URLs are a config").edge);
    }
}

#[test]
fn a_mapped_origin_keeps_its_name_in_print() {
    for (origin, url) in [
        ("azure-vm", "http://127.0.0.1:8081/base"),
        ("azure-vm", "https://127.0.0.1:8443"),
        ("azure-*", "https+insecure://[::1]:8443"),
        ("*.azurestaticapps.net", "http://127.0.0.1:8082"),
    ] {
        let overrides = Overrides {
            map: vec![(origin.to_owned(), url.to_owned())],
            time_scale: Some(0.5),
            ..Overrides::default()
        };
        let loaded = load(&fixture("examples/petclinic.toml"), &overrides);
        let edge = loaded.expect("the map names an origin").edge;
        let printed = to_toml(&edge);
        assert!(printed.starts_with("# --time-scale 0.5\n"), "{printed}");
        prints_as_itself(&Edge {
            time_scale: 1.0,
            ..edge
        });
    }
}

#[test]
fn every_field_prints_as_itself() {
    prints_as_itself(&edge_of(include_str!(
        "../../tests/fixtures/examples/every-field.toml"
    )));
}

#[test]
fn a_faithful_config_prints_as_itself() {
    let edge = edge_of(
        r#"
        mode = "faithful"
        origin.a = { domain_name = "a.example", http_port = 8080, protocol_policy = "match-viewer" }
        origin.b = { url = "https://b.example:8443", response_completion_timeout = "60s" }
        origin_group.g = { members = ["a", "b"], fail_over_on = [502, 504] }
        [distribution."E 1"]
        default_root_object = "index.html"
        default_behavior = { target = "g", cached_methods = ["GET", "HEAD", "OPTIONS"] }
        behavior = [{ path = "api/*", target = "b", allowed_methods = ["GET", "HEAD"], cache_policy = "unknown" }]
        "#,
    );
    assert_eq!(edge.mode, Mode::Faithful);
    prints_as_itself(&edge);
}

#[test]
fn secrets_are_masked() {
    let printed = prints_as_itself_but_for_secrets(
        r#"
        [origin.a]
        url = "http://a.example"
        headers = { Authorization = "hush-1", X-Api-Key = "hush-2", X-Token = "hush-3", X-Edge = "tideover" }
        [distribution.d]
        attempts = "token"
        attempts_token = "hush-4"
        default_behavior = { target = "a" }
        "#,
    );
    assert!(!printed.contains("hush"), "{printed}");
    assert!(printed.contains("x-edge = \"tideover\""), "{printed}");
    assert!(
        printed.contains("attempts_token = \"********\""),
        "{printed}"
    );
}

fn prints_as_itself_but_for_secrets(text: &str) -> String {
    let printed = to_toml(&edge_of(text));
    edge_of(&printed);
    printed
}

#[test]
fn a_dollar_brace_is_printed_so_that_nothing_is_filled_in() {
    let edge = edge_of(
        r#"
        origin.a = { url = "http://a.example", headers = { X-Shell = "$${HOME}" } }
        distribution.d.default_behavior.target = "a"
        "#,
    );
    assert!(prints_as_itself(&edge).contains("\"$${HOME}\""));
}
