//! What an operator switches is so: for reads and writes, over reload and restart, until its time is over.

use harness::{
    Edge, EdgeBuilder, Origin, answer, edge, ms, operator, origin, patiently, tiers, viewer,
};
use serde_json::{Value, json};

/// Two servers, and reads that fall through from one to the other; writes go to the first.
async fn two() -> (Origin, Origin, EdgeBuilder) {
    let first = origin("first").start().await;
    let second = origin("second").start().await;
    let builder = tiers([&first, &second], [503]);
    (first, second, builder)
}

/// A record of two servers before a page; its moves are the operator's.
const RECORD: &str = r#"
    [failover_record.app]
    primary = "first"
    secondary = "second"
    fail_over = "manual"
    fail_back = "manual"

    [origin.last]
    page = true
    retry_after = "90s"

    [origin_group.reads]
    members = ["app", "last"]
    fail_over_on = [503]

    [[distribution.site.behavior]]
    path = "*"
    for_methods = ["POST", "PUT", "PATCH", "DELETE"]
    target = "app"

    [distribution.site.default_behavior]
    target = "reads"
"#;

async fn with_a_record() -> (Origin, Origin, EdgeBuilder) {
    let first = origin("first").start().await;
    let second = origin("second").start().await;
    let builder = edge(RECORD).origins([&first, &second]);
    (first, second, builder)
}

async fn reads(edge: &Edge) -> String {
    viewer(edge).get("/").await.text()
}

async fn writes(edge: &Edge) -> (u16, String) {
    let response = viewer(edge).post("/", "x").await;
    (response.status, response.text())
}

#[tokio::test]
async fn each_switch_does_what_it_says() {
    let (_first, _second, builder) = two().await;
    let edge = builder.start().await;
    let operator = operator(&edge);
    let insist = |name: &str, to: &str| json!({ "origin": name, "to": to, "insist": true });

    // Reads go elsewhere; a write has only the one.
    let told = operator.switches("origin", "first", "drain").await;
    assert_eq!(
        (&told["was"], &told["is"]),
        (&json!("ready"), &json!("drain"))
    );
    assert_eq!(reads(&edge).await, "from second");
    assert_eq!(writes(&edge).await, (200, "from first".to_owned()));

    // Nothing is sent to it, whatever that means.
    operator
        .tries_to_switch(insist("first", "down"))
        .await
        .expect(200);
    assert_eq!(reads(&edge).await, "from second");
    let (status, words) = writes(&edge).await;
    assert_eq!(status, 503, "{words}");

    // It alone is asked.
    operator.switches("origin", "first", "only").await;
    assert_eq!(reads(&edge).await, "from first");
    assert_eq!(writes(&edge).await.0, 200);
    operator.switches("origin", "first", "ready").await;
    operator
        .tries_to_switch(insist("second", "only"))
        .await
        .expect(200);
    assert_eq!(reads(&edge).await, "from second");

    let told = operator.switches("origin", "second", "ready").await;
    assert_eq!(
        (&told["was"], &told["is"]),
        (&json!("only"), &json!("ready"))
    );
    assert_eq!(reads(&edge).await, "from first");
    assert_eq!(writes(&edge).await.0, 200);
}

#[tokio::test]
async fn a_page_stays_behind_the_only_one() {
    let first = origin("first").answers(503).start().await;
    let second = origin("second").start().await;
    let edge = edge(
        r#"
        [origin.last]
        page = true

        [origin_group.tiers]
        members = ["first", "second", "last"]
        fail_over_on = [503]

        [distribution.site.default_behavior]
        target = "tiers"
        "#,
    )
    .origins([&first, &second])
    .start()
    .await;

    operator(&edge).switches("origin", "first", "only").await;
    let response = viewer(&edge).get("/").await;
    response
        .expect(503)
        .header_has("Tideover-Attempts", "second;skipped=not-the-only")
        .header_has("Tideover-Attempts", "last;status=503");
    second.saw_nothing();
}

#[tokio::test]
async fn a_page_can_be_switched_as_any_origin() {
    let first = origin("first")
        .in_turn([answer(503).body("from first")])
        .start()
        .await;
    let edge = edge(
        r#"
        [origin.last]
        page = true

        [origin_group.tiers]
        members = ["first", "last"]
        fail_over_on = [503]

        [distribution.site.default_behavior]
        target = "tiers"
        "#,
    )
    .origins([&first])
    .start()
    .await;
    let operator = operator(&edge);
    let is_from_first = |text: String| text == "from first";
    assert!(!is_from_first(reads(&edge).await));

    // What the status screen says of it is what a request finds.
    operator.switches("origin", "last", "down").await;
    assert!(is_from_first(reads(&edge).await));

    operator.switches("origin", "last", "only").await;
    assert!(!is_from_first(reads(&edge).await));
    let asked = first.requests().len();
    reads(&edge).await;
    assert_eq!(first.requests().len(), asked, "the page alone is asked");
}

#[tokio::test]
async fn a_switch_that_leaves_nobody_is_refused_unless_insisted_on() {
    let (first, _second, builder) = two().await;
    let edge = builder.start().await;
    let operator = operator(&edge);

    let refused = operator
        .tries_to_switch(json!({ "origin": "first", "to": "down" }))
        .await;
    refused
        .expect(409)
        .header("Content-Type", "application/problem+json")
        .body_has("nobody would be left to answer site * (")
        .body_has("POST")
        .body_has("insist");
    assert_eq!(writes(&edge).await.0, 200);
    operator.switches("origin", "second", "down").await;
    let change = json!({ "origin": "first", "to": "down", "insist": true });
    operator.tries_to_switch(change).await.expect(200);
    let before = first.requests().len();
    viewer(&edge)
        .get("/")
        .await
        .expect(503)
        .header("Retry-After", "30");
    assert_eq!(first.requests().len(), before);
    // What is so already is no reason to refuse what helps.
    operator.switches("origin", "first", "drain").await;
    assert_eq!(reads(&edge).await, "from first");
}

#[tokio::test]
async fn a_record_goes_where_it_is_ordered_and_stays_until_auto() {
    let (first, second, builder) = with_a_record().await;
    let edge = builder.start().await;
    let operator = operator(&edge);

    assert_eq!(writes(&edge).await.1, "from first");
    let told = operator.switches("record", "app", "secondary").await;
    assert_eq!(
        (&told["was"], &told["is"]),
        (&json!("auto"), &json!("secondary"))
    );
    // In force at the answer, for both.
    assert_eq!(writes(&edge).await.1, "from second");
    assert_eq!(reads(&edge).await, "from second");
    // By health it may not go back by itself.
    operator.switches("record", "app", "auto").await;
    assert_eq!(writes(&edge).await.1, "from second");
    operator.switches("record", "app", "primary").await;
    assert_eq!(writes(&edge).await.1, "from first");
    let mistaken = operator.tries_to_switch(json!({ "origin": "app", "to": "down" }));
    mistaken.await.expect(404).body_has(
        "of that name there is the record, which is switched to one of primary, secondary, auto",
    );
    assert_eq!(first.requests().len() + second.requests().len(), 5);
}

#[tokio::test]
async fn a_distribution_in_maintenance_answers_with_its_page() {
    let (first, second, builder) = with_a_record().await;
    let edge = builder.start().await;
    let operator = operator(&edge);
    let closed = json!({
        "distribution": "site", "to": "maintenance", "reason": "the database moves", "owner": "kim",
    });

    operator.tries_to_switch(closed).await.expect(200);
    for request in [
        viewer(&edge).get("/any?x=1"),
        viewer(&edge).post("/any", "x"),
        viewer(&edge).head("/"),
    ] {
        request
            .await
            .expect(503)
            .header("Cache-Control", "no-store")
            .header("Retry-After", "90")
            .header("X-Cache", "Error from tideover");
    }
    let problem = viewer(&edge)
        .get("/")
        .header("Accept", "application/json")
        .await;
    problem
        .expect(503)
        .header("Content-Type", "application/problem+json");
    first.saw_nothing();
    second.saw_nothing();
    operator.switches("distribution", "site", "serve").await;
    assert_eq!(reads(&edge).await, "from first");
}

#[tokio::test]
async fn maintenance_without_a_page_has_the_built_in_one() {
    let (first, _second, builder) = two().await;
    let edge = builder.start().await;

    operator(&edge)
        .switches("distribution", "site", "maintenance")
        .await;
    viewer(&edge)
        .get("/")
        .await
        .expect(503)
        .header("Retry-After", "120")
        .body_has("being maintained");
    first.saw_nothing();
}

#[tokio::test]
async fn switches_outlive_reload_and_restart() {
    let (_first, _second, builder) = with_a_record().await;
    let mut edge = builder.start().await;
    let change = json!({ "record": "app", "to": "secondary", "reason": "drill", "owner": "kim" });
    operator(&edge).tries_to_switch(change).await.expect(200);
    operator(&edge).switches("origin", "first", "drain").await;

    for _ in 0..2 {
        assert_eq!(writes(&edge).await.1, "from second");
        assert_eq!(
            edge.metric("tideover_switch{kind=\"origin\",name=\"first\",to=\"drain\"}")
                .await,
            1.0
        );
        edge.reloads(RECORD);
        assert_eq!(writes(&edge).await.1, "from second");
        edge.restarts();
    }
    let status = operator(&edge).status().await;
    let switch = &status["switches"][0];
    assert_eq!(
        (
            &switch["record"],
            &switch["to"],
            &switch["reason"],
            &switch["owner"]
        ),
        (
            &json!("app"),
            &json!("secondary"),
            &json!("drill"),
            &json!("kim")
        ),
    );
    // Where the record was is kept, too: writes do not go back because of a restart.
    operator(&edge).switches("origin", "first", "ready").await;
    operator(&edge).switches("record", "app", "auto").await;
    edge.restarts();
    assert_eq!(writes(&edge).await.1, "from second");
}

#[tokio::test]
async fn a_switch_ends_by_itself() {
    let (_first, _second, builder) = two().await;
    let mut edge = builder.time_scale(0.01).start().await;
    let change = json!({ "origin": "first", "to": "drain", "for": "60s" });
    let told = operator(&edge)
        .tries_to_switch(change)
        .await
        .expect(200)
        .text();
    let told: Value = serde_json::from_str(&told).expect("the answer is JSON");
    assert!(
        told["ends_in_s"]
            .as_u64()
            .is_some_and(|left| (50..=60).contains(&left)),
        "{told}"
    );
    assert_eq!(reads(&edge).await, "from second");

    patiently("the switch ends", async {
        while reads(&edge).await != "from first" {
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await;
    assert_eq!(operator(&edge).status().await["switches"], json!([]));
    edge.restarts();
    assert_eq!(reads(&edge).await, "from first");
}

#[tokio::test]
async fn a_broken_state_file_is_told_and_ignored() {
    let (_first, _second, builder) = two().await;
    let mut edge = builder
        .file("tideover.state.json", "{ broken")
        .start()
        .await;

    assert_eq!(reads(&edge).await, "from first");
    let told = operator(&edge).switches("origin", "first", "drain").await;
    assert_eq!(told["not_kept"], Value::Null);
    edge.restarts();
    assert_eq!(reads(&edge).await, "from second");
}

#[tokio::test]
async fn a_state_that_cannot_be_kept_is_told() {
    let (_first, _second, builder) = two().await;
    let edge = builder
        .and("\n[admin]\nstate = \"no/such/folder/state.json\"")
        .start()
        .await;

    let told = operator(&edge).switches("origin", "first", "drain").await;
    assert!(
        told["not_kept"]
            .as_str()
            .is_some_and(|why| why.contains("state.json")),
        "{told}"
    );
    assert_eq!(reads(&edge).await, "from second");
}

#[tokio::test]
async fn a_config_without_the_name_forgets_nothing() {
    let (_first, _second, builder) = two().await;
    let edge = builder.start().await;
    operator(&edge).switches("origin", "first", "drain").await;
    let without = "[distribution.site.default_behavior]\ntarget = \"second\"";
    let with = r#"
        [origin_group.tiers]
        members = ["first", "second"]
        fail_over_on = [503]
        [distribution.site.default_behavior]
        target = "tiers"
    "#;

    edge.reloads_without_maps(&format!(
        "{without}\n[origin.second]\nurl = \"http://second.test\""
    ));
    edge.reloads(with);
    assert_eq!(reads(&edge).await, "from second");
}

#[tokio::test]
async fn every_line_of_the_log_shows_what_is_in_force() {
    let (_first, _second, builder) = two().await;
    let edge = builder.logs("json").start().await;

    reads(&edge).await;
    operator(&edge).switches("origin", "first", "drain").await;
    reads(&edge).await;
    operator(&edge)
        .switches("distribution", "site", "maintenance")
        .await;
    reads(&edge).await;
    let lines = edge.log_json(3).await;
    assert_eq!(lines[0]["switches"], Value::Null);
    assert_eq!(lines[1]["switches"], json!(["first=drain"]));
    assert_eq!(
        lines[2]["switches"],
        json!(["first=drain", "site=maintenance"])
    );
    assert_eq!(lines[2]["detail"], "Maintenance");
}

#[tokio::test]
async fn the_status_says_who_answers_and_what_came_of_it() {
    let first = origin("first").answers(503).start().await;
    let second = origin("second").start().await;
    let edge = edge(RECORD).origins([&first, &second]).start().await;
    let operator = operator(&edge);

    let found = |status: &Value, does: &str| {
        let lanes = status["distributions"][0]["lanes"].as_array().cloned();
        let mut lanes = lanes.unwrap_or_default().into_iter();
        lanes.find(|lane| lane["does"] == does).unwrap_or_default()
    };
    let status = operator.status().await;
    assert_eq!(found(&status, "reads")["answers"], "first");
    assert_eq!(found(&status, "writes")["answers"], "first");
    viewer(&edge).get("/").await.expect(503);
    operator.switches("record", "app", "secondary").await;
    viewer(&edge).get("/").await.expect(200);
    patiently("both are counted", async {
        while operator.status().await["lately"]["requests"] != 2 {
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;

    let status = operator.status().await;
    assert_eq!(found(&status, "reads")["answers"], "second");
    assert_eq!(found(&status, "reads")["target"], "reads");
    assert_eq!(found(&status, "writes")["answers"], "second");
    let record = &status["records"][0];
    assert_eq!(
        (&record["side"], &record["answers"]),
        (&json!("secondary"), &json!("second"))
    );
    assert_eq!(status["lately"]["lost"], 1);
    assert_eq!(status["lately"]["fell_through"], 1);
    let origins = status["origins"].as_array().cloned().unwrap_or_default();
    let first = origins.iter().find(|origin| origin["id"] == "first");
    assert_eq!(
        first.expect("it is told of")["lately"]["fell_through"],
        json!({ "status": 1 })
    );
    let events = status["events"].as_array().cloned().unwrap_or_default();
    let words: Vec<&str> = events
        .iter()
        .filter_map(|event| event["words"].as_str())
        .collect();
    assert_eq!(
        words,
        [
            "record app is switched to secondary; back again: tideover switch app auto",
            "app moved first -> second: as ordered; return is manual: tideover switch app primary"
        ]
    );
    assert_eq!(status["switches"][0]["record"], "app");
}
