//! A running edge says what would become of a request now: who is left out, why, and who is asked.

use harness::{Edge, Origin, edge, ms, operator, origin, patiently, tiers, viewer, viewer_of};
use serde_json::{Value, json};

async fn explained(edge: &Edge, method: &str, path: &str) -> Value {
    let path = format!("/explain?method={method}&url={}", path.replace('/', "%2F"));
    let answer = viewer_of(edge.admin()).get(&path).await;
    serde_json::from_str(&answer.expect(200).text()).expect("the answer is JSON")
}

/// Who is asked first, and whoever is left out before with the reason.
fn beginning(told: &Value) -> (Value, Vec<(String, String)>) {
    let left_out = told["left_out"].as_array().expect("it is a list").iter();
    let text = |value: &Value| value.as_str().expect("it is a text").to_owned();
    let left_out = left_out.map(|one| (text(&one["origin"]), text(&one["why"])));
    (told["asked_first"].clone(), left_out.collect())
}

fn out(origin: &str, why: &str) -> Vec<(String, String)> {
    vec![(origin.to_owned(), why.to_owned())]
}

async fn two() -> (Origin, Origin) {
    let first = origin("first").start().await;
    let second = origin("second").start().await;
    (first, second)
}

#[tokio::test]
async fn what_an_operator_switched_is_in_the_explanation() {
    let (first, second) = two().await;
    let edge = tiers([&first, &second], [503]).start().await;
    let told = explained(&edge, "GET", "/a").await;
    assert_eq!(beginning(&told), (json!("first"), vec![]));

    let change = json!({ "origin": "first", "to": "drain", "owner": "kim", "reason": "patches" });
    operator(&edge).tries_to_switch(change).await.expect(200);
    let told = explained(&edge, "GET", "/a").await;
    assert_eq!(beginning(&told), (json!("second"), out("first", "drained")));
    let text = told["text"].as_str().expect("it has a text");
    for part in [
        "asked now     second; first is left out (drained)",
        "now: switched to drain by kim: patches",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    // A write has nobody else.
    let told = explained(&edge, "POST", "/a").await;
    assert_eq!(beginning(&told), (json!("first"), vec![]));

    // It is so: who is said to answer answers.
    viewer(&edge)
        .get("/a")
        .await
        .expect(200)
        .body("from second");
}

#[tokio::test]
async fn what_the_edge_found_out_by_itself_is_in_the_explanation() {
    let first = origin("first").refuses().start().await;
    let second = origin("second").start().await;
    let edge = tiers([&first, &second], [503]).start().await;
    for _ in 0..5 {
        viewer(&edge).get("/").await.expect(200);
    }
    let told = patiently("the breaker opens and is told", async {
        loop {
            let told = explained(&edge, "GET", "/").await;
            let text = told["text"].as_str().expect("it has a text");
            if text.contains("first is left alone") {
                return told;
            }
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await;
    assert_eq!(beginning(&told), (json!("second"), out("first", "breaker")));
}

#[tokio::test]
async fn a_record_is_explained_where_it_stands() {
    let (first, second) = two().await;
    let edge = edge(
        r#"
        [failover_record.app]
        primary = "first"
        secondary = "second"
        fail_over = "manual"
        fail_back = "manual"

        [distribution.site.default_behavior]
        target = "app"
        allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
        "#,
    )
    .origins([&first, &second])
    .start()
    .await;
    let told = explained(&edge, "POST", "/").await;
    assert_eq!(
        told["records"][0]["now"],
        "app stands for first, its primary"
    );
    operator(&edge).switches("record", "app", "secondary").await;
    viewer(&edge).post("/", "x").await.expect(200);

    let told = explained(&edge, "POST", "/").await;
    assert_eq!(told["asked_first"], "second");
    let now = told["records"][0]["now"].as_str().expect("it is told");
    let begin = "app stands for second, its secondary, which took 1 write";
    assert!(now.starts_with(begin), "{now}");
    assert!(now.contains("switched to secondary"), "{now}");
}

#[tokio::test]
async fn what_the_edge_would_answer_itself_is_explained_too() {
    let (first, second) = two().await;
    let edge = tiers([&first, &second], [503])
        .and("[listen]\nmax_url_bytes = 1000")
        .start()
        .await;
    let told = explained(&edge, "TRACE", "/").await;
    assert_eq!(told["status"], 403);
    let change = json!({ "distribution": "site", "to": "maintenance", "reason": "it moves" });
    operator(&edge).tries_to_switch(change).await.expect(200);
    let told = explained(&edge, "GET", "/").await;
    assert_eq!(
        (&told["status"], &told["refused"]),
        (
            &json!(503),
            &json!("The distribution site is in maintenance: switched to maintenance: it moves.")
        )
    );
    // A question that is none.
    for query in ["method=GET", "url=%zz", "method=G%20T&url=%2F", "urll=%2F"] {
        let answer = viewer_of(edge.admin())
            .get(&format!("/explain?{query}"))
            .await;
        answer.expect(400);
    }
    first.saw_nothing();
    second.saw_nothing();
}
