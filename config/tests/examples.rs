//! The configs that people are shown must load as they stand, and mean what their comments say.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use http::Method;
use tideover_config::{
    AcceptEncoding, AttemptsShown, Breaker, CheckKind, Edge, Failure, FailureSet, GetBody,
    HeaderSelection, LogTo, LoopCheck, MethodSet, Mode, Moves, NameSelection, OriginKind,
    Overrides, Severity, Side, Target, ViewerScheme, WriteError,
};

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
        OriginKind::Page(_) | OriginKind::Folder(_) => panic!("{id} is no server"),
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
fn three_tiers_send_reads_where_the_record_sends_writes() {
    let loaded = tideover_config::load(&example("three-tier.toml"), &Overrides::default())
        .expect("three-tier.toml loads as it stands");
    let worth_a_warning = |remark: &&tideover_config::Problem| remark.severity > Severity::Note;
    assert_eq!(loaded.remarks.iter().find(worth_a_warning), None);
    let edge = loaded.edge;

    let aws = server(&edge, "aws");
    assert_eq!(aws.breaker, Some(Breaker::default()));
    let check = aws.health_check.as_ref().expect("it is checked");
    assert_eq!(check.endpoint, aws.https);
    assert_eq!(check.interval, Duration::from_secs(1));
    assert_eq!((check.failure_threshold, check.recovery_threshold), (3, 3));
    let CheckKind::Http(http) = &check.kind else {
        panic!("it is checked by HTTPS");
    };
    assert!(http.secure && http.judges_certificate);
    assert_eq!(http.host, "www.goupang.shop");
    assert_eq!(&*http.path, "/petclinic/");
    assert_eq!(http.server_name.as_ref(), Some(&aws.domain_name));
    let passes = |code| {
        http.expected
            .contains(http::StatusCode::from_u16(code).expect("a status"))
    };
    assert_eq!(
        [199, 200, 302, 399, 400, 503].map(passes),
        [false, true, true, true, false, false]
    );
    let vm = server(&edge, "azure-vm");
    let check = vm.health_check.as_ref().expect("it is checked");
    assert_eq!(check.endpoint, vm.http);

    let [record] = &edge.records[..] else {
        panic!("there is one record");
    };
    assert_eq!(&*record.id, "app");
    assert_eq!(&*edge.origin(record.primary).id, "aws");
    assert_eq!(&*edge.origin(record.secondary).id, "azure-vm");
    assert_eq!(
        (record.fail_over, record.fail_back),
        (Moves::Auto, Moves::Manual)
    );
    assert_eq!(record.hold_down, Duration::from_secs(30));

    let [writes, reads] = &edge.distributions[0].behaviors[..] else {
        panic!("there are two behaviors");
    };
    for (behavior, sides) in [
        (writes, [&["aws"][..], &["azure-vm"]]),
        (
            reads,
            [
                &["aws", "azure-swa", "last-page"],
                &["azure-vm", "azure-swa", "last-page"],
            ],
        ),
    ] {
        for (side, expected) in [Side::Primary, Side::Secondary].into_iter().zip(sides) {
            let target = edge.target(behavior.target).routed(|_| side);
            let members: Vec<&str> = target
                .members
                .iter()
                .map(|member| &*edge.origin(member.origin).id)
                .collect();
            assert_eq!(members, expected, "{side:?}");
        }
    }
}
