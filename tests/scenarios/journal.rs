//! Writes that a record's secondary took are noted: who, what, when and what came of it, for who has to bring them back.

use std::path::PathBuf;

use harness::{
    Edge, EdgeBuilder, Origin, OriginBuilder, Step, edge, lines_of, ms, operator, origin,
    patiently, viewer,
};
use serde_json::{Value, json};

/// A record whose moves are the operator's, for reads and writes.
const RECORD: &str = r#"
    [failover_record.app]
    primary = "aws"
    secondary = "azure-vm"
    fail_over = "manual"
    fail_back = "manual"

    [[distribution.site.behavior]]
    path = "*"
    for_methods = ["POST", "PUT", "PATCH", "DELETE"]
    target = "app"

    [distribution.site.default_behavior]
    target = "app"
"#;

/// The record before its secondary, which keeps a journal of at most so many bytes.
async fn app(secondary: OriginBuilder, max_bytes: u32) -> (Origin, Origin, EdgeBuilder) {
    app_with_journal_in("", secondary, max_bytes).await
}

/// The same with the journal in this folder.
async fn app_with_journal_in(
    folder: &str,
    secondary: OriginBuilder,
    max_bytes: u32,
) -> (Origin, Origin, EdgeBuilder) {
    let aws = origin("aws").start().await;
    let vm = secondary.start().await;
    let journal = format!("[journal]\nfile = \"{folder}journal.jsonl\"\nmax_bytes = {max_bytes}");
    let builder = edge(RECORD).and(&journal).origins([&aws, &vm]);
    (aws, vm, builder)
}

fn vm() -> OriginBuilder {
    origin("azure-vm")
}

const ROOMY: u32 = 1_000_000;

fn file(edge: &Edge) -> PathBuf {
    edge.folder().join("journal.jsonl")
}

/// The lines of the journal once there are this many: writes, and what else is in it.
async fn journal(edge: &Edge, lines: usize) -> (Vec<Value>, Vec<Value>) {
    let lines = lines_of(&file(edge), lines).await;
    let values = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"));
    values.partition(|value| value["event"].is_null())
}

async fn listed(edge: &Edge, query: &str) -> Value {
    let path = format!("/journal.json?{query}");
    let answer = harness::viewer_of(edge.admin()).get(&path).await;
    serde_json::from_str(&answer.expect(200).text()).expect("the answer is JSON")
}

/// The words of an event that has all these parts, once it is told.
async fn told(edge: &Edge, parts: &[&str]) -> String {
    patiently(&format!("an event with {parts:?}"), async {
        loop {
            let answer = harness::viewer_of(edge.admin()).get("/events.json").await;
            let all: Value = serde_json::from_str(&answer.text()).expect("the answer is JSON");
            let events = all["events"].as_array().expect("it has events").iter();
            let mut texts = events.filter_map(|event| event["text"].as_str());
            if let Some(text) = texts.find(|text| parts.iter().all(|part| text.contains(part))) {
                return text.to_owned();
            }
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await
}

#[tokio::test]
async fn writes_that_the_secondary_took_are_noted_and_told_at_the_return() {
    let (aws, vm, builder) = app(vm().answers(201), ROOMY).await;
    let edge = builder.start().await;
    let operator = operator(&edge);
    let viewer = viewer(&edge);

    viewer.post("/before", "x").await.expect(200);
    operator.switches("record", "app", "secondary").await;
    let answer = viewer.post("/cart?token=secret", "a body").await;
    viewer.get("/read").await.expect(201);
    viewer.request("DELETE", "/cart/7").await.expect(201);

    let (writes, marks) = journal(&edge, 3).await;
    assert_eq!(marks[0]["event"], "failed_over");
    assert_eq!(writes.len(), 2, "{writes:#?}");
    let id = answer.value("x-amz-cf-id");
    let mut first = writes[0].clone();
    let time = first["time"].take();
    assert!(time.as_str().is_some_and(|time| time.len() == 24), "{time}");
    if !id.is_empty() {
        assert_eq!(first["request_id"], id);
    }
    first["request_id"].take();
    assert_eq!(
        first,
        json!({
            "time": null, "record": "app", "origin": "azure-vm", "method": "POST",
            "host": "localhost", "path": "/cart", "has_query": true, "request_id": null,
            "outcome": "answered", "status": 201, "failure": null,
        })
    );
    assert_eq!(writes[1]["path"], "/cart/7");
    let whole = std::fs::read_to_string(file(&edge)).expect("it is there");
    assert!(
        !whole.contains("secret") && !whole.contains("a body"),
        "{whole}"
    );

    let sum = "2 writes were taken by azure-vm while aws was away: tideover journal --record app lists them";
    let answer = operator.switches("record", "app", "primary").await;
    assert_eq!(answer["to_reconcile"], sum);
    told(&edge, &["app moved azure-vm -> aws", sum]).await;
    viewer.post("/after", "x").await.expect(200);

    let listed = listed(&edge, "record=app").await;
    assert_eq!(
        listed["writes"].as_array().map(Vec::len),
        Some(2),
        "{listed:#}"
    );
    assert_eq!(operator.status().await["records"][0]["taken"], 2);
    aws.saw(["POST /before", "POST /after"]);
    assert_eq!(vm.requests().len(), 3);
}

#[tokio::test]
async fn a_write_that_nobody_knows_the_end_of_is_noted_as_that() {
    let silent = vm()
        .plays([Step::ReadBody, Step::Reset])
        .at("/left", [Step::ReadBody, Step::Silence]);
    let (_aws, vm, builder) = app(silent, ROOMY).await;
    let edge = builder.start().await;
    operator(&edge).switches("record", "app", "secondary").await;

    viewer(&edge).post("/reset", "x").await.expect(503);
    let (writes, _) = journal(&edge, 2).await;
    assert_eq!(writes[0]["outcome"], "unknown");
    assert_eq!(writes[0]["status"], Value::Null);
    assert!(writes[0]["failure"].is_string(), "{:#}", writes[0]);

    // The viewer leaves while the secondary is at it.
    let write = tokio::spawn(viewer(&edge).post("/left", "x").into_future());
    patiently("the secondary has it", async {
        while vm.requests().len() < 2 {
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;
    write.abort();
    let (writes, _) = journal(&edge, 3).await;
    assert_eq!(
        (
            &writes[1]["path"],
            &writes[1]["outcome"],
            &writes[1]["failure"]
        ),
        (&json!("/left"), &json!("unknown"), &Value::Null)
    );
}

#[tokio::test]
async fn a_write_that_never_came_to_the_secondary_was_not_taken() {
    let (_aws, vm, builder) = app(vm(), ROOMY).await;
    let edge = builder.start().await;
    let operator = operator(&edge);
    operator.switches("record", "app", "secondary").await;
    viewer(&edge).post("/one", "x").await.expect(200);
    drop(vm);

    viewer(&edge).post("/two", "x").await.expect(503);
    assert_eq!(operator.status().await["records"][0]["taken"], 1);
}

#[tokio::test]
async fn what_was_taken_is_known_after_a_restart_and_over_broken_lines() {
    let (_aws, _vm, builder) = app(vm(), ROOMY).await;
    // The machine went down in the middle of a line.
    let builder = builder.file("journal.jsonl", "{\"time\": \"2026-01-");
    let mut edge = builder.start().await;
    operator(&edge).switches("record", "app", "secondary").await;
    for path in ["/one", "/two", "/three"] {
        viewer(&edge).post(path, "x").await.expect(200);
    }
    lines_of(&file(&edge), 5).await;

    edge.restarts();
    assert_eq!(operator(&edge).status().await["records"][0]["taken"], 3);
    viewer(&edge).post("/four", "x").await.expect(200);
    lines_of(&file(&edge), 6).await;
    let all = listed(&edge, "since=all").await;
    let paths: Vec<&Value> = all["writes"]
        .as_array()
        .expect("there are writes")
        .iter()
        .map(|write| &write["path"])
        .collect();
    assert_eq!(paths, ["/one", "/two", "/three", "/four"]);
    assert_eq!(all["broken"], 1);

    // The next fail-over begins at 0, and what was before is still there.
    operator(&edge).switches("record", "app", "primary").await;
    operator(&edge).switches("record", "app", "secondary").await;
    assert_eq!(operator(&edge).status().await["records"][0]["taken"], 0);
    lines_of(&file(&edge), 8).await;
    assert_eq!(listed(&edge, "").await["writes"], json!([]));
    let all = listed(&edge, "since=24h").await;
    assert_eq!(all["writes"].as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn a_full_journal_makes_room_and_says_what_went() {
    const WRITES: u64 = 60;
    let (_aws, _vm, builder) = app(vm(), 4096).await;
    let mut edge = builder.start().await;
    operator(&edge).switches("record", "app", "secondary").await;
    for _ in 0..WRITES {
        viewer(&edge).post("/cart", "x").await.expect(200);
    }
    told(&edge, &["is full", "max_bytes"]).await;
    let (found, dropped) = patiently("all are noted or counted", async {
        loop {
            let all = listed(&edge, "since=all").await;
            let found = all["writes"].as_array().expect("there are writes").len() as u64;
            let dropped = all["dropped"].as_u64().expect("a number");
            if found + dropped == WRITES {
                return (found, dropped);
            }
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await;
    assert!(found > 0 && dropped > 0, "{found} {dropped}");
    for name in ["journal.jsonl", "journal.jsonl.1"] {
        let length = std::fs::metadata(edge.folder().join(name))
            .expect("it is there")
            .len();
        assert!(length <= 4096, "{name} has {length} bytes");
    }
    // How many there were is known all the same.
    edge.restarts();
    let status = operator(&edge).status().await;
    assert_eq!(status["records"][0]["taken"], WRITES);
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_is_told_and_keeps_no_write_from_its_origin() {
    let (_aws, _vm, builder) = app_with_journal_in("later/", vm(), ROOMY).await;
    let edge = builder.start().await;
    operator(&edge).switches("record", "app", "secondary").await;
    told(&edge, &["journal.jsonl cannot be written", "not noted"]).await;
    viewer(&edge).post("/cart", "x").await.expect(200);
    patiently("it is counted as lost", async {
        while operator(&edge).status().await["journal"]["lost"] != 1 {
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await;

    // Somebody makes room.
    std::fs::create_dir(edge.folder().join("later")).expect("it can be made");
    viewer(&edge).post("/cart", "x").await.expect(200);
    told(&edge, &["is written again", "1 write"]).await;
    let lines = lines_of(&edge.folder().join("later/journal.jsonl"), 1).await;
    assert_eq!(lines.len(), 1);
}
