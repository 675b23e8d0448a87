//! What the command line says on top of a file, or in place of one, is told like a file: which flag, what, and what instead.

use std::path::Path;

use tideover_config::{
    AttemptsShown, Certificate, Edge, HostHeader, LogTo, Mode, OriginKind, Overrides, Problems,
    Server, ViewerScheme, from_origins, load_text,
};

const CONFIG: &str = r#"
[origin.vm]
url = "https://vm.example:8443/app"

[origin.swa]
url = "https://ashy-bay.6.azurestaticapps.net"

[origin.page]
page = true

[distribution.one]
aliases = ["www.example.com"]
default_behavior = { target = "vm", allowed_methods = ["GET", "HEAD", "POST"] }

[distribution.two]
aliases = ["two.example.com"]
default_behavior = { target = "swa", allowed_methods = ["GET", "HEAD", "POST"], origin_request = { viewer_host = true } }
"#;

fn with(overrides: &Overrides) -> Result<(Edge, Vec<String>), Vec<String>> {
    told(load_text(Path::new("x.toml"), CONFIG, overrides))
}

fn told(
    loaded: Result<tideover_config::Loaded, Problems>,
) -> Result<(Edge, Vec<String>), Vec<String>> {
    let lines = |problems: &[tideover_config::Problem]| -> Vec<String> {
        problems.iter().map(ToString::to_string).collect()
    };
    match loaded {
        Ok(loaded) => Ok((loaded.edge, lines(&loaded.remarks))),
        Err(problems) => Err(lines(&problems.0)),
    }
}

fn server<'e>(edge: &'e Edge, id: &str) -> &'e Server {
    let origin = edge.origins.iter().find(|origin| *origin.id == *id);
    match &origin.expect("the config has this origin").kind {
        OriginKind::Server(server) => server,
        OriginKind::Page(_) | OriginKind::Folder(_) => panic!("{id} is no server"),
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[test]
fn flags_win_over_the_file() {
    let (edge, _) = with(&Overrides {
        listen: strings(&["0.0.0.0:80", "[::1]:0"]),
        admin: Some("127.0.0.1:9901".to_owned()),
        status: Some("127.0.0.1:9902".to_owned()),
        viewer_scheme: Some("https".to_owned()),
        map: pairs(&[("vm", "http://127.0.0.1:8081/x")]),
        map_host: pairs(&[("*.azurestaticapps.net", "swa.example")]),
        default_distribution: Some("two.example.com".to_owned()),
        workers: Some(3),
        access_log: Some("-".to_owned()),
        log_format: Some("json".to_owned()),
        attempts: Some("token".to_owned()),
        attempts_token: Some("hush".to_owned()),
        ..Overrides::default()
    })
    .expect("every flag is good");
    assert_eq!(edge.listen.http.len(), 2);
    assert_eq!(edge.listen.viewer_scheme, ViewerScheme::Https);
    assert_eq!(edge.listen.workers, Some(3));
    assert_eq!(edge.access_log.to, LogTo::Stdout);
    assert_eq!(edge.hosts.any, Some(1));
    assert!(matches!(
        edge.distributions[0].voice.attempts,
        AttemptsShown::Token(_)
    ));
    let vm = server(&edge, "vm");
    assert_eq!(vm.own_host, "vm.example:8443");
    assert_eq!((&*vm.http.host, vm.http.port), ("127.0.0.1", 8081));
    assert_eq!(&*vm.path, "/x/app");
    assert_eq!(
        server(&edge, "swa").host,
        HostHeader::Named(http::HeaderValue::from_static("swa.example"))
    );
}

/// What the file says may be where this machine has nothing, or be ordered from where nobody reaches it.
#[test]
fn a_certificate_by_flag_takes_the_place_of_those_of_the_file() {
    let text = format!(
        "{CONFIG}\n[tls]\ncertificates = [{{ certificate = \"nowhere.pem\" }}]\n\
         [tls.acme]\nfolder = \"/nowhere\"\nagree_to_terms = true\ndomains = [\"www.example.com\"]"
    );
    let load = |set: fn(&mut Overrides)| {
        let mut overrides = Overrides {
            listen_tls: strings(&["127.0.0.1:8443"]),
            ..Overrides::default()
        };
        set(&mut overrides);
        told(load_text(Path::new("x.toml"), &text, &overrides))
    };
    let problems = load(|_| ()).expect_err("there is no such file");
    assert!(problems[0].contains("nowhere.pem"), "{problems:?}");

    let self_signed = load(|overrides| overrides.tls_self_signed = true);
    let tls = self_signed.expect("it loads").0.listen.tls;
    let tls = tls.expect("there is a listener for it");
    assert!(
        matches!(tls.certificates[..], [Certificate::SelfSigned]),
        "{tls:?}"
    );
    assert_eq!(tls.acme, None);

    let by_both = load(|overrides| {
        overrides.certificate = Some("nowhere-else.pem".into());
        overrides.tls_self_signed = true;
    });
    let problems = by_both.expect_err("there is no such file either");
    assert!(problems[0].contains("nowhere-else.pem"), "{problems:?}");
}

#[test]
fn a_port_by_itself_is_open_to_everybody_but_for_admin() {
    let only_ports = Overrides {
        listen: strings(&[":8000"]),
        admin: Some(":9901".to_owned()),
        status: Some(":9902".to_owned()),
        ..Overrides::default()
    };
    let listen = with(&only_ports).expect("it loads").0.listen;
    assert_eq!(listen.http[0].to_string(), "0.0.0.0:8000");
    assert_eq!(
        listen.admin.expect("it is given").to_string(),
        "127.0.0.1:9901"
    );
    assert_eq!(
        listen.status.expect("it is given").to_string(),
        "0.0.0.0:9902"
    );
}

#[test]
fn two_distributions_for_every_host_need_one_that_is_named() {
    let text = r#"
        origin.a.url = "http://a.example"
        distribution.one.default_behavior.target = "a"
        distribution.two.default_behavior.target = "a"
    "#;
    let load = |wanted: Option<&str>| {
        let overrides = Overrides {
            default_distribution: wanted.map(ToOwned::to_owned),
            ..Overrides::default()
        };
        told(load_text(Path::new("x.toml"), text, &overrides))
    };
    assert_eq!(
        load(None).expect_err("both would answer")[0],
        "x.toml:4: distribution.two.aliases is missing, and distribution \"one\" has none either: both would answer to every host; write the names that this one answers to, or give --default-distribution"
    );
    let (edge, _) = load(Some("two")).expect("one is named");
    assert_eq!(edge.hosts.any, Some(1));
}

#[test]
fn every_bad_flag_is_told() {
    let told = with(&Overrides {
        listen: strings(&["8000"]),
        admin: Some("localhost".to_owned()),
        viewer_scheme: Some("tls".to_owned()),
        map: pairs(&[
            ("wm", "http://127.0.0.1:8081"),
            ("page", "http://127.0.0.1:8081"),
            ("vm", "127.0.0.1:8081"),
        ]),
        map_host: pairs(&[("vm", "http://x")]),
        origin_ca: Some("no-such.pem".into()),
        default_distribution: Some("tow".to_owned()),
        time_scale: Some(0.0),
        workers: Some(0),
        log_format: Some("w3c".to_owned()),
        attempts: Some("token".to_owned()),
        policies: vec!["no-such-policy.json".into()],
        ..Overrides::default()
    })
    .expect_err("no flag is good");
    let expected = [
        r#"command line: --admin is "localhost"; write an address and a port, such as "127.0.0.1:8000" or "[::]:80""#,
        r#"command line: --attempts is "token", and there is no token; set TIDEOVER_ATTEMPTS_TOKEN"#,
        r#"command line: --default-distribution is "tow"; write the id, domain name or an alias of a distribution, perhaps "two""#,
        r#"command line: --listen is "8000"; write an address and a port, such as "127.0.0.1:8000" or "[::]:80""#,
        r#"command line: --log-format is "w3c"; write one of "cloudfront", "json""#,
        r#"command line: --map page names no origin that is a server: "page"; write the id or domain name of an origin, or a glob of either: "ashy-bay.6.azurestaticapps.net", "swa", "vm", "vm.example""#,
        r#"command line: --map vm is "127.0.0.1:8081"; begin it with http://, https:// or https+insecure://"#,
        r#"command line: --map wm names no origin that is a server: "wm"; write the id or domain name of an origin, or a glob of either, perhaps "vm""#,
        r#"command line: --map-host vm is "http://x"; write a host name, perhaps with a port"#,
        r#"command line: --origin-ca is "no-such.pem", which cannot be read (entity not found); name a PEM file with the certificates that are trusted: it has a line that says BEGIN CERTIFICATE-----"#,
        r"command line: --time-scale is 0; write a number above 0 and up to 1000, such as 0.01",
        r#"command line: --viewer-scheme is "tls"; write one of "http", "https""#,
        r"command line: --workers is 0; write 1 to 1024",
    ];
    for line in expected {
        assert!(
            told.iter().any(|told| told == line),
            "{line}\nis not in\n{}",
            told.join("\n")
        );
    }
    assert!(told.iter().any(|told| told.contains("no-such-policy.json")));
}

#[test]
fn a_map_that_leads_back_to_the_edge_is_told_as_the_map() {
    let told = with(&Overrides {
        listen: strings(&["[::]:8000"]),
        map: pairs(&[("vm", "http://localhost:8000")]),
        ..Overrides::default()
    })
    .expect_err("the edge would ask itself");
    assert_eq!(
        told[0],
        "command line: --map vm is localhost:8000, where this edge listens itself; write where the origin is"
    );
}

#[test]
fn a_platform_that_is_mapped_away_refuses_no_host() {
    let remarks = |map: &[(&str, &str)]| {
        let overrides = Overrides {
            map: pairs(map),
            ..Overrides::default()
        };
        with(&overrides).expect("it loads").1
    };
    let is_foreign = |remark: &String| remark.contains("the viewer's Host");
    assert!(remarks(&[]).iter().any(is_foreign));
    assert!(
        !remarks(&[("swa", "http://127.0.0.1:1")])
            .iter()
            .any(is_foreign)
    );
}

#[test]
fn origins_by_flag_are_told_like_a_file() {
    for (urls, mode, statuses, expected) in [
        (
            &[][..],
            None,
            None,
            "command line: this config has no origin; give at least one --origin URL",
        ),
        (
            &["a.example"],
            None,
            None,
            r#"command line: --origin is "a.example"; begin it with http://, https:// or https+insecure://"#,
        ),
        (
            &["http://a", "http://b", "http://c"],
            Some(Mode::Faithful),
            None,
            "command line: --origin has 3; write exactly two, as CloudFront demands; or give --mode resilient, where any number works",
        ),
        (
            &["http://a", "http://b"],
            None,
            Some(vec![200]),
            "command line: --fail-over-on has 200; write one or more of 400, 403, 404, 416, 429, 500, 502, 503, 504",
        ),
    ] {
        let overrides = Overrides {
            mode,
            fail_over_on: statuses,
            ..Overrides::default()
        };
        let told = told(from_origins(&strings(urls), &overrides)).expect_err("it is wrong");
        let errors: Vec<&String> = told
            .iter()
            .filter(|told| !told.starts_with("command line: warning: "))
            .collect();
        assert_eq!(errors, [expected]);
    }
}

#[test]
fn one_origin_by_flag_is_no_group_in_mode_faithful() {
    let overrides = Overrides {
        mode: Some(Mode::Faithful),
        ..Overrides::default()
    };
    let (edge, remarks) =
        told(from_origins(&strings(&["http://a.example"]), &overrides)).expect("it loads");
    assert_eq!(remarks, Vec::<String>::new());
    let [behavior] = &edge.distributions[0].behaviors[..] else {
        panic!("there is one behavior");
    };
    assert!(!edge.target(behavior.target).is_group);
    assert!(behavior.allowed_methods.contains(&http::Method::POST));
}

#[test]
fn a_deadline_that_cannot_hold_is_told_in_the_words_of_the_config() {
    let resilient = Overrides {
        mode: Some(Mode::Resilient),
        ..Overrides::default()
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cloudfront = root.join("examples/petclinic.cloudfront.json");
    let (_, told) = told(tideover_config::load(&cloudfront, &resilient)).expect("it loads");
    let late: Vec<&String> = told.iter().filter(|told| told.contains("25s")).collect();
    let [late] = late[..] else {
        panic!("{told:#?}");
    };
    assert!(late.ends_with(
        "OriginGroups.Items[0].Members may take 60s until \"Azure-VM\", origin 1 of 2, has answered, and the deadline is 25s: it may be cut short, or not be asked at all; shorten ConnectionTimeout, OriginReadTimeout or ConnectionAttempts"
    ), "{late}");
}

/// A device has no end.
#[cfg(target_os = "linux")]
#[test]
fn a_file_without_end_is_refused() {
    let file = std::path::Path::new("/dev/zero");
    let problems = tideover_config::load(file, &Overrides::default()).expect_err("no config");
    let told = problems.to_string();
    assert!(told.contains("this file is a device, not a file"), "{told}");
    assert!(told.contains("name a file; - is standard input"), "{told}");
}

#[test]
fn a_map_moves_the_fetches_of_a_page_by_its_id_or_its_host() {
    let text = r#"
        [origin.last]
        page_url = "https://Site.test:8443/down/"

        [distribution.one.default_behavior]
        target = "last"
    "#;
    let ahead = |who: &str| {
        let flags = Overrides {
            map: vec![(who.to_owned(), "http://127.0.0.1:8001/base".to_owned())],
            ..Overrides::default()
        };
        let loaded = load_text(Path::new("tideover.toml"), text, &flags).ok()?;
        let OriginKind::Page(page) = &loaded.edge.origins[0].kind else {
            panic!("it is a page");
        };
        page.ahead.clone()
    };
    for who in ["last", "l*", "site.test", "SITE.test", "*.test", "*"] {
        let ahead = ahead(who).unwrap_or_else(|| panic!("{who} names it"));
        assert_eq!(ahead.endpoint.to_string(), "127.0.0.1:8001", "{who}");
        assert_eq!((&*ahead.target, ahead.secure), ("/base/down/", false));
        // What it is called stays.
        assert_eq!(ahead.host, "Site.test:8443");
        assert_eq!(ahead.name(), "Site.test");
    }
    assert!(ahead("other").is_none());
}
