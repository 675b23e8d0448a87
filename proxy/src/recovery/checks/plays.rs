//! Probes of origins that do what their names say.

use std::path::Path;
use std::time::Duration;

use harness::certificates::authority_pem;
use harness::{Folder, Origin, answer, ms, origin, patiently};
use tideover_config::{OriginKind, Overrides, load_text};

use super::probe::Stage;
use super::*;

/// Time runs faster: 4 s to connect are 400 ms.
const SCALE: f64 = 0.1;

/// A check with these fields beside what it usually has, of `origin`, which is called by its name.
fn check(origin: &Origin, fields: &str) -> Arc<Checked> {
    let folder = Folder::new();
    let authority = folder.write("authority.pem", authority_pem());
    let scheme = if origin.is_https() { "https" } else { "http" };
    let text = format!(
        r#"
        [origin.checked]
        url = "{scheme}://{}"
        connect_to = "{}"
        tls.ca = "{}"
        health_check = {{ interval = "30s", {fields} }}

        [distribution.site.default_behavior]
        target = "checked"
        "#,
        origin.domain_name(),
        origin.address(),
        authority.display(),
    );
    let loaded = load_text(Path::new("tideover.toml"), &text, &Overrides::default());
    let edge = loaded.expect("the config is good").edge;
    let OriginKind::Server(server) = &edge.origins[0].kind else {
        panic!("it is a server");
    };
    Checked::new(server, [None, None], None)
        .expect("it comes to life")
        .expect("it has a check")
}

/// Sends one, and says what came of it and how long that took, nominally.
async fn probe(checked: &Checked) -> (Option<Fell>, String, Duration) {
    let clock = Clock::new(SCALE);
    let begun = std::time::Instant::now();
    let agent = probe::user_agent("checked");
    let sent = probe::send(&checked.check, &checked.way, &agent, clock, None);
    let (fell, words) = patiently("the end of a probe", sent).await;
    (fell, words, clock.nominal(begun.elapsed()))
}

/// The words, where it passed or with the stage at which it failed.
async fn said(origin: &Origin, fields: &str) -> (Option<Stage>, String) {
    let (fell, words, _) = probe(&check(origin, fields)).await;
    (fell.map(|fell| fell.stage()), words)
}

#[tokio::test]
async fn a_probe_asks_as_a_client_of_its_own() {
    let well = origin("well").start().await;

    let seen = said(&well, r#"path = "/health?deep=1""#).await;

    let words = "Success: HTTP Status Code 200, Scripted".to_owned();
    assert_eq!(seen, (None, words));
    well.saw(["GET /health?deep=1"]);
    let request = well.request();
    assert_eq!(request.value("host"), "well.test");
    assert_eq!(request.value("accept-encoding"), "identity,gzip,deflate");
    let agent = concat!(
        "tideover/",
        env!("CARGO_PKG_VERSION"),
        " (health check of checked)"
    );
    assert_eq!(request.value("user-agent"), agent);
}

#[tokio::test]
async fn statuses_pass_or_not_and_no_redirect_is_followed() {
    for (status, passes) in [
        (200, true),
        (301, true),
        (302, true),
        (399, true),
        (400, false),
        (404, false),
        (500, false),
        (503, false),
    ] {
        let script = answer(status).header("Location", "/elsewhere");
        let tier = origin("tier").plays(script).start().await;
        let (stage, words) = said(&tier, "").await;
        assert_eq!(stage.is_none(), passes, "{status}: {words}");
        assert!(
            words.contains(&format!("HTTP Status Code {status}")),
            "{words}"
        );
        tier.saw(["GET /"]);
    }
    let tier = origin("tier").answers(404).start().await;
    let (stage, _) = said(&tier, "expected_statuses = [404]").await;
    assert_eq!(stage, None);
    let (stage, words) = said(&tier, r#"expected_statuses = ["200-299"]"#).await;
    let expected = "Failure: HTTP Status Code 404, Scripted.";
    assert_eq!((stage, &*words), (Some(Stage::Status), expected));
}

#[tokio::test]
async fn every_way_to_fail_has_its_stage_and_its_words() {
    let bad = || origin("bad");
    for (origin, stage, words) in [
        (bad().refuses(), Stage::Connect, "could not be established"),
        (bad().black_hole(), Stage::Connect, "Connection timed out"),
        (bad().never_answers(), Stage::FirstByte, "did not answer"),
        (bad().stalls_mid_head(), Stage::FirstByte, "did not answer"),
        (
            bad().closes_before_head(),
            Stage::FirstByte,
            "closed by the endpoint",
        ),
        (
            bad().resets_before_head(),
            Stage::FirstByte,
            "closed by the endpoint",
        ),
        (
            bad().cuts_mid_head(),
            Stage::FirstByte,
            "closed by the endpoint",
        ),
        (bad().not_http(), Stage::FirstByte, "valid HTTP response"),
        (bad().huge_headers(17_000), Stage::FirstByte, "16384 bytes"),
        (bad().answers(503), Stage::Status, "HTTP Status Code 503"),
    ] {
        let bad = origin.start().await;
        let (seen, said) = said(&bad, "").await;
        assert_eq!(seen, Some(stage), "{said}");
        assert!(
            said.starts_with("Failure: ") && said.contains(words),
            "{said}"
        );
    }
}

#[tokio::test]
async fn what_route_53_lets_pass_passes() {
    for (origin, fields) in [
        (origin("odd").huge_headers(16_000), ""),
        (origin("odd").many_1xx(3), ""),
        (origin("odd").stalls_after(3), ""),
        (origin("odd").resets_after(3), ""),
        // Nothing is asked of it.
        (origin("odd").never_answers(), r#"type = "tcp""#),
        (origin("odd").answers(503), r#"type = "tcp""#),
    ] {
        let odd = origin.start().await;
        let (fell, words, _) = probe(&check(&odd, fields)).await;
        assert_eq!(fell, None, "{words}");
        assert!(words.starts_with("Success: "), "{words}");
    }
}

#[tokio::test]
async fn each_stage_has_its_time_and_the_interval_bounds_them_all() {
    let hole = || origin("hole").black_hole();
    let silent = || origin("silent").never_answers();
    let stalls = || origin("stalls").stalls_after(3);
    for (origin, fields, seconds) in [
        (hole(), "", 4.0),
        (hole(), r#"type = "tcp""#, 10.0),
        (silent(), "", 2.0),
        (stalls(), r#"search_string = "well""#, 2.0),
    ] {
        let origin = origin.start().await;
        let (fell, words, took) = probe(&check(&origin, fields)).await;
        assert!(fell.is_some(), "{words}");
        let took = took.as_secs_f64();
        assert!(
            (seconds..seconds + 2.0).contains(&took),
            "{took} s: {words}"
        );
    }
    for (origin, stage) in [(hole(), Stage::Connect), (silent(), Stage::FirstByte)] {
        let origin = origin.start().await;
        let mut checked = check(&origin, "");
        Arc::get_mut(&mut checked)
            .expect("it is ours")
            .check
            .interval = ms(1_000);
        let (fell, _, took) = probe(&checked).await;
        assert_eq!(fell.map(|fell| fell.stage()), Some(stage));
        assert!(took >= ms(1_000) && took < ms(2_000), "{took:?}");
    }
}

#[tokio::test]
async fn the_text_is_looked_for_in_the_body() {
    let fields = r#"search_string = "all is well""#;
    let body = |before: usize| format!("{}all is well", ".".repeat(before));
    for (body, stage) in [
        (body(0), None),
        (body(5_109), None),
        (body(5_110), Some(Stage::Body)),
        ("All is well".to_owned(), Some(Stage::Body)),
        (String::new(), Some(Stage::Body)),
    ] {
        let tier = origin("tier").body(body).start().await;
        let (seen, words) = said(&tier, fields).await;
        assert_eq!(seen, stage, "{words}");
    }
    let cut = origin("cut").resets_after(3).start().await;
    assert_eq!(said(&cut, fields).await.0, Some(Stage::Body));
    // The status is looked at first.
    let down = origin("down").plays(answer(503).body("all is well"));
    let (stage, _) = said(&down.start().await, fields).await;
    assert_eq!(stage, Some(Stage::Status));
}

#[tokio::test]
async fn coded_bodies_are_decoded_before() {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(b"all is well").expect("memory takes it");
    let script = answer(200)
        .header("Content-Encoding", "gzip")
        .body(gzip.finish().expect("it is whole"));
    let tier = origin("tier").plays(script).start().await;

    let (stage, words) = said(&tier, r#"search_string = "all is well""#).await;

    assert_eq!(stage, None, "{words}");
}

#[tokio::test]
async fn certificates_are_judged_as_for_requests_unless_the_operator_says_otherwise() {
    for (origin, trusted) in [
        (origin("tier").https(), true),
        (origin("tier").expired_certificate(), false),
        (origin("tier").bad_certificate(), false),
        (origin("tier").wrong_name(), false),
    ] {
        let tier = origin.start().await;
        let (stage, words) = said(&tier, "").await;
        let expected = (!trusted).then_some(Stage::Tls);
        assert_eq!(stage, expected, "{words}");
        let (stage, words) = said(&tier, "verify_certificate = false").await;
        assert_eq!(stage, None, "{words}");
    }
}

#[tokio::test]
async fn somebody_elses_certificate_is_asked_once_more_without_a_name() {
    const UNJUDGED: &str = "verify_certificate = false";
    for (origin, fields, connections) in [
        (origin("tier").wrong_name(), UNJUDGED, 2),
        (origin("tier").expired_certificate(), UNJUDGED, 1),
        (
            origin("tier").wrong_name(),
            "verify_certificate = false, enable_sni = false",
            1,
        ),
        (origin("tier").wrong_name(), "", 1),
    ] {
        let tier = origin.start().await;
        let checked = check(&tier, fields);
        probe(&checked).await;
        assert_eq!(tier.connections(), connections, "{fields}");
        let tls = checked.way.tls.as_ref().expect("it is by HTTPS");
        assert_eq!(tls.config.enable_sni, !fields.contains("enable_sni"));
        assert!(tls.without_name.iter().all(|second| !second.enable_sni));
    }
}

#[tokio::test]
async fn a_name_that_resolves_is_told_and_one_that_does_not_fails() {
    let well = origin("well").start().await;
    let way = |host: &str| {
        let mut checked = check(&well, "");
        let changed = Arc::get_mut(&mut checked).expect("it is ours");
        changed.check.endpoint.host = host.into();
        let endpoint = changed.check.endpoint.clone();
        changed.way.addresses =
            Arc::new(Addresses::new(endpoint, tideover_config::AddressFamily::V4));
        checked
    };

    let (fell, words, _) = probe(&way("localhost")).await;
    assert_eq!(fell, None);
    let expected = "Success: HTTP Status Code 200, Scripted. Resolved IP: 127.0.0.1";
    assert_eq!(words, expected);

    let (fell, words, _) = probe(&way("nobody.invalid")).await;
    let stage = fell.map(|fell| fell.stage());
    assert_eq!(stage, Some(Stage::Resolve), "{words}");
}

#[tokio::test]
async fn the_latest_probes_are_remembered_and_no_more() {
    let well = origin("well").start().await;
    let checked = check(&well, "failure_threshold = 2");
    let probe = |number: usize| Probe {
        at: SystemTime::UNIX_EPOCH,
        took: Duration::ZERO,
        fell: None,
        words: number.to_string(),
    };
    for number in 0..100 {
        assert_eq!(checked.note(probe(number)), None);
    }
    let lately = checked.lately();
    let words: Vec<&str> = lately.iter().map(|probe| &*probe.words).collect();
    assert_eq!((words.len(), words[0], words[63]), (64, "36", "99"));
}
