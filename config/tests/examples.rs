//! The configs that people are shown must load as they stand, and mean what their comments say.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use http::Method;
use tideover_config::{
    AcceptEncoding, AttemptsShown, Edge, Failure, FailureSet, GetBody, HeaderSelection, LogTo,
    LoopCheck, MethodSet, Mode, NameSelection, OriginKind, Overrides, Severity, Target,
    ViewerScheme, WriteError,
};

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(name)
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("the test has an address here")
}

fn codes(target: &Target, member: usize) -> Vec<u16> {
    let statuses = target.members[member].criteria.statuses;
    statuses.iter().map(|status| status.as_u16()).collect()
}

fn server<'e>(edge: &'e Edge, id: &str) -> &'e tideover_config::Server {
    let origin = edge.origins.iter().find(|origin| *origin.id == *id);
    match &origin.expect("the config has this origin").kind {
        OriginKind::Server(server) => server,
        OriginKind::Page(_) => panic!("{id} is a page"),
    }
}

/// One of those that people are shown.
fn example(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(name)
}

#[test]
fn petclinic_falls_through_three_tiers_and_sends_writes_to_the_vm() {
    let loaded = tideover_config::load(&example("petclinic.toml"), &Overrides::default())
        .expect("petclinic.toml loads as it stands");
    let worth_a_warning = |remark: &&tideover_config::Problem| remark.severity > Severity::Note;
    assert_eq!(loaded.remarks.iter().find(worth_a_warning), None);
    let edge = loaded.edge;

    assert_eq!(edge.mode, Mode::Resilient);
    assert_eq!(edge.listen.http, [address("127.0.0.1:8000")]);
    assert_eq!(edge.listen.admin, Some(address("127.0.0.1:9901")));
    assert_eq!(edge.listen.viewer_scheme, ViewerScheme::Https);
    assert_eq!(edge.access_log.to, LogTo::Off);

    let vm = server(&edge, "azure-vm");
    assert_eq!(
        &*vm.domain_name,
        "dr-vm-poc.koreacentral.cloudapp.azure.com"
    );
    assert_eq!(vm.own_host, "dr-vm-poc.koreacentral.cloudapp.azure.com");
    assert_eq!(vm.http.port, 80);
    assert_eq!(vm.timers.connection_attempts.get(), 2);
    assert_eq!(vm.timers.connection_timeout, Duration::from_secs(1));
    assert_eq!(vm.timers.keepalive_timeout, Duration::from_secs(30));
    assert_eq!(vm.headers.len(), 1);
    assert_eq!(server(&edge, "azure-swa").https.port, 443);
    let OriginKind::Page(page) = &edge.origins[2].kind else {
        panic!("last-page is a page");
    };
    assert_eq!(page.status, 503);
    assert_eq!(page.retry_after, Some(Duration::from_mins(2)));
    assert!(page.html.starts_with(b"<!DOCTYPE html>"));

    let tiers = &edge.targets[0];
    assert_eq!(&*tiers.name, "tiers");
    assert_eq!(tiers.deadline, Some(Duration::from_secs(25)));
    assert_eq!(codes(tiers, 0), [403, 404, 500, 502, 503, 504]);
    assert_eq!(codes(tiers, 1), [500, 502, 503, 504]);
    assert!(codes(tiers, 2).is_empty());
    let soft: Vec<u16> = tiers.members[0]
        .criteria
        .soft
        .iter()
        .map(|status| status.as_u16())
        .collect();
    assert_eq!(soft, [403, 404]);
    assert!(tiers.members[1].criteria.soft.is_empty());
    assert_eq!(tiers.members[0].criteria.failures, FailureSet::all());
    assert!(tiers.members[2].is_page);
    assert!(!tiers.members[0].retries_response_timeout);

    let [distribution] = &edge.distributions[..] else {
        panic!("there is one distribution");
    };
    assert_eq!(distribution.aliases.len(), 3);
    assert_eq!(distribution.voice.attempts, AttemptsShown::Public);
    assert!(matches!(distribution.loops, LoopCheck::CdnLoop { .. }));
    let [owners, _, default] = &distribution.behaviors[..] else {
        panic!("there are three behaviors");
    };
    assert!(owners.path.matches("/owners/new"));
    assert_eq!(owners.for_methods, Some(MethodSet::WRITES));
    assert_eq!(owners.allowed_methods, MethodSet::WRITES);
    assert_eq!(&*edge.target(owners.target).name, "azure-vm");
    assert_eq!(edge.target(owners.target).members.len(), 1);
    assert!(!edge.target(owners.target).is_group);
    assert_eq!(
        edge.target(owners.target).deadline,
        Some(Duration::from_secs(25))
    );
    assert!(matches!(owners.write_error, WriteError::Explained { .. }));
    assert_eq!(default.allowed_methods, MethodSet::READS_AND_OPTIONS);
    assert!(default.falls_through.contains(&Method::OPTIONS));
    assert_eq!(default.get_body, GetBody::SentOnce);
    assert_eq!(default.origin_request.headers, HeaderSelection::All);
    assert_eq!(default.origin_request.cookies, NameSelection::All);
    assert_eq!(
        default.origin_request.accept_encoding,
        AcceptEncoding::Viewer
    );
    assert!(!default.origin_request.viewer_host);
    assert!(default.viewer_response.rewrite_location);
    assert_eq!(default.viewer_response.vary_kept, None);

    assert_eq!(edge.hosts.exact.get("www.goupang.shop"), Some(&0));
    assert_eq!(&*edge.hosts.wildcards[0].0, ".dr.goupang.shop");
    assert_eq!(edge.hosts.any, None);
    assert_eq!(edge.hosts.local, Some(0));
}

#[test]
fn origins_from_flags_are_one_group_and_writes_go_to_the_first() {
    let urls = ["http://127.0.0.1:8081", "https://b.example/app/"].map(ToOwned::to_owned);
    let loaded =
        tideover_config::from_origins(&urls, &Overrides::default()).expect("two URLs are a config");
    let edge = loaded.edge;

    assert_eq!(edge.mode, Mode::Resilient);
    assert_eq!(edge.listen.http, [address("127.0.0.1:8000")]);
    assert_eq!(edge.listen.admin, None);
    assert_eq!(edge.targets.len(), 2);
    assert_eq!(codes(&edge.targets[0], 0), [500, 502, 503, 504]);
    assert!(
        edge.targets[0].members[0]
            .criteria
            .failures
            .contains(Failure::Tls)
    );
    assert_eq!(server(&edge, "origin-1").own_host, "127.0.0.1:8081");
    assert_eq!(&*server(&edge, "origin-2").path, "/app");
    let [writes, reads] = &edge.distributions[0].behaviors[..] else {
        panic!("there are two behaviors");
    };
    assert_eq!(writes.for_methods, Some(MethodSet::WRITES));
    assert_eq!(&*edge.target(writes.target).name, "origin-1");
    assert_eq!(&*edge.target(reads.target).name, "origins");
    assert_eq!(edge.hosts.any, Some(0));
}

#[test]
fn three_tiers_name_what_is_not_built_yet_and_load_without_it() {
    let text = std::fs::read_to_string(fixture("examples/three-tier.toml")).expect("it is there");
    let load = |text: &str| {
        let path = fixture("examples/three-tier.toml");
        tideover_config::load_text(&path, text, &Overrides::default())
    };
    let problems = load(&text).expect_err("health checks are not built yet").0;
    let named: Vec<(u32, &str)> = problems
        .iter()
        .map(|problem| (problem.line, problem.field.as_str()))
        .collect();
    assert_eq!(
        named,
        [
            (10, "origin.aws.health_check"),
            (14, "origin.azure-vm.health_check"),
            (18, "origin.azure-swa.health_check"),
            (25, "failover_record.app"),
        ]
    );
    for problem in &problems {
        assert!(problem.found.starts_with("is not built yet"), "{problem}");
    }

    // As the remedies say.
    let without: Vec<&str> = text
        .lines()
        .filter(|line| {
            ![
                "health_check",
                "[failover_record",
                "primary",
                "secondary",
                "fail_over =",
                "fail_back",
            ]
            .iter()
            .any(|start| line.starts_with(start))
        })
        .collect();
    let mended = without
        .join("\n")
        .replace("members = [\"app\",", "members = [\"aws\", \"azure-vm\",")
        .replace("target = \"app\"", "target = \"aws\"");
    let edge = load(&mended).expect("what is mended loads").edge;
    assert_eq!(edge.targets[0].members.len(), 4);
}
