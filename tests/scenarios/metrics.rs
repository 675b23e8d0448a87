//! Numbers: they say what happened, they are well formed, and the dashboard names none that there is not.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use harness::{Edge, Origin, answer, edge, gate, ms, origin, patiently, tiers, viewer};

const RECORD: &str = r#"
    [failover_record.app]
    primary = "blue"
    secondary = "green"
    fail_over = "manual"
    fail_back = "manual"
"#;

/// An edge that shows every family that it has: a record, a group, a page.
async fn edge_with_everything() -> (Origin, Origin, Edge) {
    let blue = origin("blue").start().await;
    let green = origin("green").start().await;
    let edge = edge(&format!(
        r#"
        {RECORD}
        [origin.gone]
        page = "gone.html"

        [origin_group.tiers]
        members = ["app", "green", "gone"]
        fail_over_on = [503]

        [distribution.site.default_behavior]
        target = "tiers"
        "#
    ))
    .file("gone.html", "gone")
    .origins([&blue, &green])
    .start()
    .await;
    (blue, green, edge)
}

#[tokio::test]
async fn a_failover_is_counted_with_its_reason_its_origins_and_its_time() {
    let red = origin("red").answers(503).start().await;
    let green = origin("green").start().await;
    let edge = tiers([&red, &green], [503]).start().await;

    viewer(&edge).get("/1").await.expect(200);
    viewer(&edge).get("/2").await.expect(200);

    edge.until_metric("tideover_requests_total", 2.0).await;
    for (name, value) in [
        ("tideover_failovers_total{reason=\"503\"}", 2.0),
        ("tideover_failovers_total{reason=\"refused\"}", 0.0),
        (
            "tideover_attempts_total{origin=\"red\",outcome=\"5xx\"}",
            2.0,
        ),
        (
            "tideover_attempts_total{origin=\"red\",outcome=\"2xx\"}",
            0.0,
        ),
        (
            "tideover_attempts_total{origin=\"green\",outcome=\"2xx\"}",
            2.0,
        ),
        ("tideover_delivered_total{origin=\"red\"}", 0.0),
        ("tideover_delivered_total{origin=\"green\"}", 2.0),
        ("tideover_failover_added_seconds_count", 2.0),
        ("tideover_failover_added_seconds_bucket{le=\"+Inf\"}", 2.0),
        ("tideover_added_seconds_count", 2.0),
        ("tideover_fell_through_total", 2.0),
    ] {
        assert_eq!(edge.metric(name).await, value, "{name}");
    }
    let added = edge.metric("tideover_failover_added_seconds_sum").await;
    assert!(added > 0.0, "{added}");
}

#[tokio::test]
async fn who_answers_at_once_adds_nothing_by_failover() {
    let (red, green) = (origin("red").start().await, origin("green").start().await);
    let edge = tiers([&red, &green], [503]).start().await;

    viewer(&edge).post("/", "four").await.expect(200);

    edge.until_metric("tideover_requests_total", 1.0).await;
    assert_eq!(
        edge.metric("tideover_failover_added_seconds_count").await,
        0.0
    );
    assert_eq!(edge.metric("tideover_received_bytes_total").await, 4.0);
}

#[tokio::test]
async fn a_breaker_that_opens_and_who_is_not_asked_for_it_are_shown() {
    let red = origin("red").refuses().start().await;
    let green = origin("green").start().await;
    let edge = tiers([&red, &green], [503]).start().await;
    let state = |state| format!("tideover_breaker_state{{origin=\"red\",state=\"{state}\"}}");
    assert_eq!(edge.metric(&state("closed")).await, 1.0);

    for _ in 0..5 {
        viewer(&edge).get("/").await.expect(200);
    }

    edge.until_metric(&state("open"), 1.0).await;
    assert_eq!(edge.metric(&state("closed")).await, 0.0);
    assert_eq!(
        edge.metric("tideover_breaker_openings_total{origin=\"red\"}")
            .await,
        1.0
    );
    let skipped = "tideover_skipped_attempts_total{origin=\"red\",reason=\"breaker\"}";
    let before = edge.metric(skipped).await;
    viewer(&edge).get("/").await.expect(200);
    edge.until_metric(skipped, before + 1.0).await;
    assert!(
        edge.metric("tideover_failovers_total{reason=\"breaker\"}")
            .await
            >= 1.0
    );
}

#[tokio::test]
async fn connections_to_an_origin_are_shown_idle_and_in_use() {
    let gate = gate();
    let red = origin("red")
        .in_turn([answer(200).after(&gate)])
        .start()
        .await;
    let green = origin("green").start().await;
    let edge = tiers([&red, &green], [503]).start().await;
    let connections =
        |state| format!("tideover_origin_connections{{origin=\"red\",state=\"{state}\"}}");

    let asked = viewer(&edge);
    let (answer, ()) = tokio::join!(asked.get("/"), async {
        edge.until_metric(&connections("in_use"), 1.0).await;
        gate.open();
    });

    answer.expect(200);
    edge.until_metric(&connections("idle"), 1.0).await;
    edge.until_metric(&connections("in_use"), 0.0).await;
}

#[tokio::test]
async fn a_reload_loses_no_count_of_what_stays() {
    let (blue, green, edge) = edge_with_everything().await;
    viewer(&edge).get("/").await.expect(200);
    edge.until_metric("tideover_requests_total", 1.0).await;

    edge.reloads(
        r#"
        [distribution.other]
        aliases = ["other.test"]
        [distribution.other.default_behavior]
        target = "green"
        [distribution.site.default_behavior]
        target = "blue"
        "#,
    );

    let answers = "tideover_responses_total{distribution=\"site\",class=\"2xx\"}";
    assert_eq!(edge.metric(answers).await, 1.0);
    viewer(&edge).get("/").await.expect(200);
    edge.until_metric(answers, 2.0).await;
    assert_eq!(
        edge.metric("tideover_attempts_total{origin=\"blue\",outcome=\"2xx\"}")
            .await,
        2.0
    );
    drop((blue, green));
}

#[tokio::test]
async fn a_worker_that_works_has_used_its_processor() {
    let (_blue, _green, edge) = edge_with_everything().await;
    for _ in 0..50 {
        viewer(&edge).get("/").await.expect(200);
    }
    patiently("a worker was busy", async {
        while edge
            .metric("tideover_worker_busy_seconds_total{worker=\"0\"}")
            .await
            <= 0.0
        {
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn every_number_is_of_a_family_that_is_explained_and_stands_once() {
    let (_blue, _green, edge) = edge_with_everything().await;
    viewer(&edge).get("/").await.expect(200);
    let text = edge.metrics().await;
    let mut kinds = BTreeMap::new();
    let mut samples = BTreeSet::new();
    let mut helped = "";
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("a name and words");
            assert!(words.ends_with('.') && words.len() > 10, "{line}");
            helped = name;
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a kind");
            assert_eq!(name, helped, "each has its words");
            assert_eq!(
                kind == "counter",
                name.ends_with("_total"),
                "{name} is a {kind}"
            );
            assert_eq!(kinds.insert(name, kind), None, "{name} stands twice");
        } else {
            let (sample, value) = line.rsplit_once(' ').expect("a name and a value");
            assert!(samples.insert(sample), "{sample} stands twice");
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
            let name = sample.split('{').next().unwrap_or(sample);
            assert!(name.starts_with(helped), "{sample} is among {helped}");
        }
    }
    assert!(kinds.len() > 25, "{kinds:?}");
}

#[tokio::test]
async fn a_line_of_the_log_says_whom_the_records_stood_for() {
    let (blue, green) = (origin("blue").start().await, origin("green").start().await);
    let edge = edge(&format!(
        "{RECORD}\n[distribution.site.default_behavior]\ntarget = \"app\""
    ));
    let edge = edge.logs("json").origins([&blue, &green]).start().await;

    viewer(&edge).get("/").await.expect(200);

    let lines = edge.log_json(1).await;
    assert_eq!(lines[0]["records"], serde_json::json!({"app": "primary"}));
    assert_eq!(lines[0]["attempts"][0]["origin"], "blue");
}

#[tokio::test]
async fn probes_are_counted_by_how_far_they_came() {
    let good = origin("good").start().await;
    let bad = origin("bad").answers(500).start().await;
    let (to_good, to_bad) = (good.address(), bad.address());
    let check = "health_check = { path = \"/\", interval = \"100ms\" }";
    let edge = edge(&format!(
        r#"
        [origin.a]
        url = "http://{to_good}"
        {check}
        [origin.b]
        url = "http://{to_bad}"
        {check}
        [origin_group.tiers]
        members = ["b", "a"]
        [distribution.site.default_behavior]
        target = "tiers"
        "#
    ));
    let edge = edge.start().await;

    let passed = "tideover_probes_total{origin=\"a\",result=\"passed\"}";
    let failed = "tideover_probes_total{origin=\"b\",result=\"status\"}";
    for some in [passed, failed] {
        patiently(some, async {
            while edge.metric(some).await < 3.0 {
                tokio::time::sleep(ms(10)).await;
            }
        })
        .await;
    }
    edge.until_metric("tideover_origin_healthy{origin=\"b\"}", 0.0)
        .await;
    assert_eq!(
        edge.metric("tideover_origin_healthy{origin=\"a\"}").await,
        1.0
    );
    assert_eq!(
        edge.metric("tideover_probes_total{origin=\"b\",result=\"passed\"}")
            .await,
        0.0
    );
}

/// `promtool check metrics`, which names what is not in the usual form. It comes with the server, which starts by itself where
/// it is installed: so it is used where it is, and asked of nobody.
#[tokio::test]
async fn prometheus_own_tool_finds_nothing_to_complain_of() {
    let (_blue, _green, edge) = edge_with_everything().await;
    viewer(&edge).get("/").await.expect(200);
    let text = edge.metrics().await;
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        eprintln!("there is no promtool here: its word is missing");
        return;
    };
    let mut input = promtool.stdin.take().expect("it is piped");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    let output = promtool.wait_with_output().expect("it ends");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "{complaints}"
    );
}

#[tokio::test]
async fn the_dashboard_names_only_what_is_exported() {
    let (_blue, _green, edge) = edge_with_everything().await;
    let text = edge.metrics().await;
    let exported: BTreeSet<&str> = text
        .lines()
        .map(|line| line.trim_start_matches("# TYPE "))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/grafana.json");
    let dashboard = std::fs::read_to_string(file).expect("it is there");
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).expect("it is JSON");
    let mut named = BTreeSet::new();
    names(&dashboard, &mut named);
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        assert!(exported.contains(name.as_str()), "the dashboard has {name}");
    }
}

/// Every `tideover_…` in the queries below `value`.
fn names(value: &serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::String(text) => {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            found.extend(
                words
                    .filter(|word| word.starts_with("tideover_"))
                    .map(str::to_owned),
            );
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        serde_json::Value::Object(items) => items.values().for_each(|item| names(item, found)),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}
