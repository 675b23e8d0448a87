//! Health checks: what probes find out, requests need not.
//!
//! `cargo nextest run --run-ignored only -E 'test(checks::detection)' --no-capture` tells how long it takes by probes alone until
//! an origin is known to be dead, in real time.

use std::time::{Duration, Instant};

use harness::{
    Edge, EdgeBuilder, Origin, Script, answer, edge, gate, ms, nginx, origin, patiently, tiers,
    viewer,
};
use tokio::task::JoinSet;

const USUAL: [u16; 4] = [500, 502, 503, 504];

/// Two tiers, of which the first has this check.
fn checked(primary: &Origin, secondary: &Origin, check: &str) -> EdgeBuilder {
    tiers([primary, secondary], USUAL).and(&with(check))
}

fn with(check: &str) -> String {
    format!(
        r#"
        [origin.primary]
        url = "http://primary.test"
        health_check = {{ {check} }}
        breaker = false
        "#
    )
}

async fn attempts(edge: &Edge) -> String {
    viewer(edge).get("/page").await.attempts()
}

async fn until(edge: &Edge, expected: &str) {
    patiently(&format!("requests are answered by {expected}"), async {
        while attempts(edge).await != expected {
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;
}

const BY_PRIMARY: &str = "primary;status=200";
const LEFT_OUT: &str = "primary;skipped=unhealthy, secondary;status=200";

/// Answers requests for `/page` well, and probes like this.
async fn primary<S: Into<Script>>(probes: impl IntoIterator<Item = S>) -> Origin {
    origin("primary")
        .at("/page", answer(200).body("from primary"))
        .in_turn(probes)
        .start()
        .await
}

#[tokio::test]
async fn a_member_whose_check_fails_is_left_out_until_it_passes_again() {
    let held = gate();
    let primary = primary([
        answer(200),
        answer(503),
        answer(200),
        answer(503),
        answer(503),
        answer(200).after(&held),
    ])
    .await;
    let secondary = origin("secondary").start().await;
    let check = r#"interval = "100ms", failure_threshold = 2, recovery_threshold = 2"#;
    let edge = checked(&primary, &secondary, check).start().await;
    assert_eq!(attempts(&edge).await, BY_PRIMARY);

    // The sixth is sent when the fifth has spoken.
    let probes = || {
        primary
            .requests()
            .iter()
            .filter(|seen| seen.target == "/")
            .count()
    };
    patiently("six probes", async {
        while probes() < 6 {
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;
    assert_eq!(attempts(&edge).await, LEFT_OUT);

    held.open();
    until(&edge, BY_PRIMARY).await;
}

#[tokio::test]
async fn the_last_one_that_is_left_is_asked_whatever_its_check_says() {
    let primary = primary([answer(503)]).await;
    let secondary = origin("secondary").refuses().start().await;
    let check = r#"interval = "100ms", failure_threshold = 1"#;
    let edge = checked(&primary, &secondary, check)
        .and("[origin.secondary]\nurl = \"http://secondary.test\"\nhealth_check = { interval = \"100ms\", failure_threshold = 1 }")
        .start()
        .await;

    primary.until_it_saw(2).await;
    patiently("both are known to be dead", async {
        while attempts(&edge).await != BY_PRIMARY {
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;
    viewer(&edge)
        .get("/page")
        .await
        .expect(200)
        .body("from primary");
}

#[tokio::test]
async fn inverted_an_origin_is_unhealthy_until_its_probes_fail() {
    let primary = primary([answer(503)]).await;
    let secondary = origin("secondary").start().await;
    let held = r#"interval = "1h", inverted = true"#;
    let edge = checked(&primary, &secondary, held).start().await;
    assert_eq!(attempts(&edge).await, LEFT_OUT);

    let fails = r#"interval = "100ms", failure_threshold = 1, inverted = true"#;
    let edge = checked(&primary, &secondary, fails).start().await;
    until(&edge, BY_PRIMARY).await;
}

#[tokio::test]
async fn disabled_nothing_is_sent_and_inverted_that_is_the_switch_to_off() {
    let primary = primary([answer(200)]).await;
    let secondary = origin("secondary").start().await;
    let off = r#"interval = "100ms", disabled = true, inverted = true"#;
    let edge = checked(&primary, &secondary, off)
        .and("[origin.secondary]\nurl = \"http://secondary.test\"\nhealth_check = { interval = \"100ms\" }")
        .start()
        .await;

    secondary.until_it_saw(5).await;
    primary.saw_nothing();
    assert_eq!(attempts(&edge).await, LEFT_OUT);

    let on = r#"interval = "100ms", disabled = true"#;
    edge.reloads(&format!("{}\n{}", two_tiers(), with(on)));
    assert_eq!(attempts(&edge).await, BY_PRIMARY);
}

/// As [`tiers`] has it.
fn two_tiers() -> &'static str {
    r#"
    [origin_group.tiers]
    members = ["primary", "secondary"]
    fail_over_on = [500, 502, 503, 504]

    [distribution.site.default_behavior]
    target = "tiers"
    "#
}

#[tokio::test]
async fn a_check_that_stays_keeps_what_it_found_over_a_reload_and_another_one_begins_anew() {
    let primary = primary([answer(503)]).await;
    let secondary = origin("secondary").start().await;
    let check = r#"interval = "100ms", failure_threshold = 1"#;
    let edge = checked(&primary, &secondary, check).start().await;
    until(&edge, LEFT_OUT).await;

    edge.reloads(&format!(
        "{}\n{}\n[listen]\nmax_url_bytes = 1000",
        two_tiers(),
        with(check)
    ));
    assert_eq!(attempts(&edge).await, LEFT_OUT);

    edge.reloads(&format!("{}\n{}", two_tiers(), with(r#"interval = "1h""#)));
    assert_eq!(attempts(&edge).await, BY_PRIMARY);

    // The old check sends nothing more: the one in flight may still be seen.
    let before = primary.requests().len();
    tokio::time::sleep(ms(500)).await;
    let after = primary.requests().len();
    assert!(after <= before + 1, "{before} requests, then {after}");
}

#[tokio::test]
async fn probes_have_connections_of_their_own() {
    let primary = primary([answer(200)]).await;
    let secondary = origin("secondary").start().await;
    let edge = checked(&primary, &secondary, r#"interval = "100ms""#)
        .start()
        .await;

    for _ in 0..5 {
        assert_eq!(attempts(&edge).await, BY_PRIMARY);
        let seen = primary.requests().len();
        primary.until_it_saw(seen + 1).await;
    }
    let of = |target: &str| {
        let requests = primary.requests();
        let seen = requests.iter().filter(|seen| seen.target == target);
        let mut connections: Vec<usize> = seen.map(|seen| seen.connection).collect();
        let requests = connections.len();
        connections.dedup();
        (requests, connections.len())
    };
    assert_eq!(of("/page"), (5, 1), "requests share one connection");
    let (probes, connections) = of("/");
    assert_eq!(probes, connections, "each probe has its own");
}

/// From 10 s on the interval runs from the end of a probe, below from its start. A silent origin takes 2 s of each.
#[tokio::test]
async fn the_interval_runs_from_the_answer_or_from_start_to_start() {
    let silent = |name: &str| origin(name).never_answers().start();
    let (slow, fast) = (silent("primary").await, silent("secondary").await);
    let _edge = checked(&slow, &fast, r#"interval = "10s""#)
        .and("[origin.secondary]\nurl = \"http://secondary.test\"\nhealth_check = { interval = \"9900ms\" }")
        .time_scale(0.01)
        .start()
        .await;

    fast.until_it_saw(30).await;

    // 12 s against 9.9 s.
    let (fast, slow) = (fast.requests().len(), slow.requests().len());
    assert!(
        slow < fast,
        "{slow} probes from the answer, {fast} from the start"
    );
}

#[tokio::test]
async fn a_map_moves_probes_too() {
    let primary = primary([answer(200)]).await;
    let secondary = origin("secondary").start().await;
    let check = r#"interval = "100ms", type = "https", port = 8443, path = "/health", host = "health.test""#;
    let _edge = checked(&primary, &secondary, check).start().await;

    primary.until_it_saw(1).await;

    let probe = primary.requests().remove(0);
    assert_eq!(probe.target, "/health");
    assert_eq!(probe.value("host"), "health.test");
}

/// How an origin dies, and within how long that is to be known, with probes a second apart of which two have to fail.
#[derive(Clone, Copy, Debug)]
enum Death {
    Refused,
    Answers503,
    BlackHole,
    Silent,
}

/// How long it takes until requests leave out a primary that died.
async fn detected(death: Death, after: Duration) -> Duration {
    let server = "if (-f $document_root/down) { return 503; } location / { return 200; }";
    let mut primary = nginx("primary", server).start().await;
    let secondary = origin("secondary").start().await;
    let edge = edge(&format!(
        "{}\n{}",
        two_tiers(),
        with(r#"interval = "1s", failure_threshold = 2"#)
    ))
    .map("primary", &primary.url())
    .map("secondary", &secondary.url())
    .start()
    .await;
    primary.logged(2).await;
    // Somewhere between two probes.
    tokio::time::sleep(after).await;

    let died = Instant::now();
    let mut hole = None;
    match death {
        Death::Refused => primary.is_killed().await,
        Death::Answers503 => primary.writes("www/down", ""),
        Death::BlackHole => hole = Some(primary.becomes_a_black_hole().await),
        Death::Silent => primary.is_stopped(true),
    }
    // Nobody waits for those that ask the dead one.
    let mut asking = JoinSet::new();
    let known = patiently("it is known to be dead", async {
        loop {
            let viewer = viewer(&edge);
            asking.spawn(async move {
                let asked = Instant::now();
                let response = viewer.get("/page").await;
                let told = response.value("tideover-attempts").to_owned();
                (told.starts_with("primary;skipped=unhealthy"), asked)
            });
            tokio::time::sleep(ms(20)).await;
            while let Some(Ok((is_left_out, asked))) = asking.try_join_next() {
                if is_left_out {
                    return asked;
                }
            }
        }
    })
    .await;
    asking.shutdown().await;
    if matches!(death, Death::Silent) {
        primary.is_stopped(false);
    }
    drop(hole);
    known.saturating_duration_since(died)
}

#[tokio::test]
#[ignore = "a measurement: it takes real time, and says more on a quiet machine"]
async fn detection() {
    const RUNS: u64 = 10;
    println!("| a primary that | is left out after, median of {RUNS} | at most |\n|---|--:|--:|");
    for (death, limit) in [
        (Death::Refused, 2.5),
        (Death::Answers503, 2.5),
        (Death::BlackHole, 3.5),
        (Death::Silent, 3.5),
    ] {
        let mut runs = JoinSet::new();
        for run in 0..RUNS {
            runs.spawn(detected(death, ms(run * 1000 / RUNS)));
        }
        let mut took: Vec<f64> = runs
            .join_all()
            .await
            .iter()
            .map(Duration::as_secs_f64)
            .collect();
        took.sort_by(f64::total_cmp);
        let middle = took.len() / 2;
        let (median, most) = (
            f64::midpoint(took[middle - 1], took[middle]),
            took[took.len() - 1],
        );
        println!("| {death:?} | {median:.2} s | {most:.2} s |");
        assert!(median <= limit, "{death:?}: {took:?}");
    }
}
