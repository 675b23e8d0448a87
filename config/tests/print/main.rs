//! `check --print`: what is printed loads again as the same edge, and tells no secret.

mod facts;
mod mangled;
mod mutations;

use std::path::{Path, PathBuf};

use facts::prints_as_itself;
use tideover_config::{Edge, Mode, Overrides, from_origins, load, load_text, to_toml};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(name)
}

/// The configs that people are shown.
fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

fn edge_of(text: &str) -> Edge {
    load_text(&fixture("examples/x.toml"), text, &Overrides::default())
        .unwrap_or_else(|problems| panic!("{problems}"))
        .edge
}

#[test]
fn every_fixture_that_loads_prints_as_itself() {
    let files = ["toml", "cloudfront", "distributions", "checks", "examples"]
        .into_iter()
        .map(fixture)
        .chain([examples()])
        .flat_map(|folder| std::fs::read_dir(folder).expect("the fixtures are there"))
        .map(|entry| entry.expect("an entry").path());
    let mut printed = 0;
    for file in files {
        if let Ok(loaded) = load(&file, &Overrides::default()) {
            prints_as_itself(&loaded.edge);
            printed += 1;
        }
    }
    assert!(printed > 60, "only {printed} fixtures load");
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
        let loaded = load(&examples().join("petclinic.toml"), &overrides);
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
fn members_without_statuses_print_as_themselves() {
    prints_as_itself(&edge_of(
        r#"
        origin.a = { url = "http://a.example" }
        origin.b = { url = "http://b.example" }
        origin.last = { page = true }
        origin_group.none = { members = [{ origin = "a", fail_over_on = [] }, "last"], on_failure = "status", fail_over_on = [503] }
        origin_group.first = { members = [{ origin = "a", fail_over_on = [] }, { origin = "b", fail_over_on = [404] }], on_failure = "status", fail_over_on = [503] }
        origin_group.pages = { members = ["last"], fail_over_on = [] }
        distribution.d.default_behavior.target = "none"
        "#,
    ));
}

#[test]
fn a_name_of_the_operators_own_prints_whatever_it_is() {
    for mode in ["faithful", "resilient"] {
        for name in ["cloudfront", "tideover", "edge-1"] {
            let printed = prints_as_itself(&edge_of(&format!(
                r#"
                mode = "{mode}"
                origin.a.url = "http://a.example"
                distribution.d = {{ name = "{name}", default_behavior.target = "a" }}
                "#,
            )));
            assert!(printed.contains(&format!("name = \"{name}\"")), "{printed}");
        }
    }
}

#[test]
fn a_config_of_cloudfronts_prints_as_itself_beyond_the_quotas() {
    let behaviors = (0..80)
        .map(|index| format!("[[distribution.d.behavior]]\npath = \"/{index}\"\ntarget = \"a\"\n"));
    let text = format!(
        "mode = \"faithful\"\norigin.a.url = \"http://a.example\"\n{}distribution.d.default_behavior.target = \"a\"",
        behaviors.collect::<String>()
    );
    let text = text.replace(
        "distribution.d.default_behavior.target = \"a\"",
        "[distribution.d.default_behavior]\ntarget = \"a\"",
    );
    prints_as_itself(&edge_of(&text));
}

#[test]
fn secrets_are_masked() {
    let printed = prints_as_itself_but_for_secrets(
        r#"
        [origin.a]
        url = "http://a.example"
        headers = { Authorization = "hush-1", X-Api-Key = "hush-2", X-Token = "hush-3", X-Edge = "tideover", X-From = "${CARGO_PKG_NAME}", X-Origin-Verify = "hush-5" }
        [distribution.d]
        attempts = "token"
        attempts_token = "hush-4"
        default_behavior = { target = "a" }
        "#,
    );
    assert!(!printed.contains("hush"), "{printed}");
    assert!(!printed.contains("tideover-config"), "{printed}");
    assert!(
        printed.starts_with("# ******** stands for a secret"),
        "{printed}"
    );
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
