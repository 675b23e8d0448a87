//! Where probes go, what they call themselves, and who is on whose side of a record.

use std::path::Path;

use tideover_config::{
    Breaker, CheckKind, Edge, HealthCheck, HttpCheck, OriginKind, Overrides, Server, load_text,
};

fn edge(origin: &str, overrides: &Overrides) -> Edge {
    let text = format!(
        "[origin.x]\n{origin}\n[distribution.d.default_behavior]\ntarget = \"x\"\nallowed_methods = [\"GET\"]\n"
    );
    match load_text(Path::new("tideover.toml"), &text, overrides) {
        Ok(loaded) => loaded.edge,
        Err(problems) => panic!("{problems}\nin\n{text}"),
    }
}

fn server(edge: &Edge) -> &Server {
    match &edge.origins[0].kind {
        OriginKind::Server(server) => server,
        OriginKind::Page(_) | OriginKind::Folder(_) => panic!("it is a server"),
    }
}

fn check(edge: &Edge) -> &HealthCheck {
    server(edge).health_check.as_ref().expect("it is checked")
}

fn http(check: &HealthCheck) -> &HttpCheck {
    match &check.kind {
        CheckKind::Http(http) => http,
        CheckKind::Tcp => panic!("it sends a request"),
    }
}

/// Source of the ports: API shape `HealthCheckConfig`, `FullyQualifiedDomainName`.
#[test]
fn a_probe_goes_where_requests_go_and_is_called_as_they_are() {
    #[rustfmt::skip]
    let rows = [
        // origin, check, where, Host, path
        ("http://a.test",           "",                              "a.test:80",   "a.test",      "/"),
        ("https://a.test",          "",                              "a.test:443",  "a.test",      "/"),
        ("http://a.test:8080/app",  "",                              "a.test:8080", "a.test:8080", "/app/"),
        ("http://a.test/app",       "path = \"/up\"",                "a.test:80",   "a.test",      "/up"),
        ("https://a.test:8443",     "",                              "a.test:8443", "a.test:8443", "/"),
        ("https://a.test",          "port = 8444",                   "a.test:8444", "a.test:8444", "/"),
        ("https://a.test:8443",     "port = 443",                    "a.test:443",  "a.test",      "/"),
        ("https://a.test",          "type = \"http\"",               "a.test:80",   "a.test",      "/"),
        ("http://a.test:8080",      "type = \"https\", port = 443",  "a.test:443",  "a.test",      "/"),
        ("http://192.0.2.1",        "",                              "192.0.2.1:80",   "192.0.2.1",      "/"),
        ("http://192.0.2.1",        "port = 81",                     "192.0.2.1:81",   "192.0.2.1:81",   "/"),
        ("http://[2001:db8::1]",    "port = 81",                     "[2001:db8::1]:81", "[2001:db8::1]:81", "/"),
        ("http://a.test",           "host = \"b.test:81\"",          "a.test:80",   "b.test:81",   "/"),
    ];
    for (url, fields, endpoint, host, path) in rows {
        let origin = format!("url = \"{url}\"\nhealth_check = {{ {fields} }}");
        let edge = edge(&origin, &Overrides::default());
        let check = check(&edge);
        let http = http(check);
        let seen = (
            check.endpoint.to_string(),
            http.host.to_str().expect("it is text"),
            &*http.path,
        );
        assert_eq!(seen, (endpoint.to_owned(), host, path), "{origin}");
    }
    let named = edge(
        "url = \"https://a.test\"\nhost = \"www.test\"\ntls.server_name = \"b.test\"\nhealth_check = { port = 1 }",
        &Overrides::default(),
    );
    let http = http(check(&named));
    assert_eq!(http.host, "www.test");
    assert_eq!(http.server_name.as_deref(), Some("b.test"));
}

#[test]
fn a_map_moves_probes_and_its_scheme_wins() {
    const CHECK: &str = "health_check = { type = \"https\", port = 8444, path = \"/up\" }";
    let mapped = |url: &str, check: &str| {
        let overrides = Overrides {
            map: vec![("x".to_owned(), url.to_owned())],
            ..Overrides::default()
        };
        edge(&format!("url = \"https://a.test\"\n{check}"), &overrides)
    };

    let plain = mapped("http://127.0.0.1:8080/app", CHECK);
    assert_eq!(check(&plain).endpoint.to_string(), "127.0.0.1:8080");
    let asked = http(check(&plain));
    assert_eq!((asked.secure, &asked.server_name), (false, &None));
    assert_eq!(&*asked.path, "/app/up");
    assert_eq!(asked.host, "a.test:8444", "Host stays what it was");

    let secure = mapped(
        "https://127.0.0.1:8443",
        "health_check = { type = \"http\" }",
    );
    let asked = http(check(&secure));
    assert!(asked.secure);
    assert_eq!(asked.server_name.as_deref(), Some("a.test"));

    let tcp = mapped("http://127.0.0.1:8080", "health_check = { type = \"tcp\" }");
    assert_eq!(check(&tcp).endpoint.port, 8080);
    assert_eq!(check(&tcp).kind, CheckKind::Tcp);

    let renamed = edge(
        "url = \"https://a.test\"\nhealth_check = {}",
        &Overrides {
            map_host: vec![("x".to_owned(), "b.test".to_owned())],
            ..Overrides::default()
        },
    );
    assert_eq!(http(check(&renamed)).host, "b.test");
}

#[test]
fn breakers_are_on_unless_the_mode_or_the_operator_says_otherwise() {
    let in_a_row = |in_a_row| {
        Some(Breaker {
            in_a_row,
            ..Breaker::default()
        })
    };
    for (mode, said, expected) in [
        ("resilient", "", in_a_row(5)),
        ("resilient", "breaker = true", in_a_row(5)),
        ("resilient", "breaker = false", None),
        ("resilient", "breaker = { in_a_row = 2 }", in_a_row(2)),
        ("faithful", "", None),
        ("faithful", "breaker = true", in_a_row(5)),
        ("faithful", "breaker = false", None),
    ] {
        let overrides = Overrides {
            mode: Some(match mode {
                "faithful" => tideover_config::Mode::Faithful,
                _ => tideover_config::Mode::Resilient,
            }),
            ..Overrides::default()
        };
        let text = format!(
            "[origin.x]\nurl = \"http://a.test\"\n{said}\n[distribution.d.default_behavior]\ntarget = \"x\"\n"
        );
        let loaded = load_text(Path::new("tideover.toml"), &text, &overrides);
        let edge = loaded.expect("it loads").edge;
        assert_eq!(server(&edge).breaker, expected, "{mode}: {said}");
    }
}
