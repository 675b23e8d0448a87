//! `Server-Timing`: where the time went, for browsers' tools.

use harness::{answer, edge, origin, viewer};

const TIERS: &str = r#"
    [origin_group.tiers]
    members = ["aws", "azure-vm"]
    fail_over_on = [503]
    [distribution.site.default_behavior]
    target = "tiers"
    [distribution.site]
"#;

/// `edge`, `cache`, `aws`, … of one `Server-Timing`, each of which has its time, but for the cache, which has a word.
fn metrics(value: &str) -> Vec<&str> {
    let items = value.split(", ").map(|item| {
        if item.starts_with("cache;desc=") {
            return "cache";
        }
        let (name, took) = item.split_once(";dur=").expect("each has its time");
        assert!(took.parse::<f64>().is_ok_and(|took| took >= 0.0), "{value}");
        name
    });
    items.collect()
}

#[tokio::test]
async fn it_has_the_edge_and_each_attempt_where_it_is_asked_for() {
    let aws = origin("aws").answers(503).start().await;
    let azure = origin("azure-vm").start().await;
    let edge = edge(&format!("{TIERS}server_timing = true"));
    let edge = edge.origins([&aws, &azure]).start().await;

    let answer = viewer(&edge).get("/").await;

    answer.expect(200);
    let names = metrics(answer.value("server-timing"));
    assert_eq!(names, ["edge", "cache", "aws", "azure-vm"]);
}

#[tokio::test]
async fn it_is_nobodys_business_unless_it_is_asked_for() {
    let aws = origin("aws").start().await;
    let azure = origin("azure-vm").start().await;
    let edge = edge(TIERS).origins([&aws, &azure]).start().await;

    viewer(&edge)
        .get("/")
        .await
        .expect(200)
        .no_header("server-timing");
}

#[tokio::test]
async fn it_may_be_for_those_who_have_the_token() {
    let aws = origin("aws").start().await;
    let azure = origin("azure-vm").start().await;
    let edge = edge(&format!(
        "{TIERS}server_timing = \"token\"\nattempts_token = \"hush\""
    ));
    let edge = edge.origins([&aws, &azure]).start().await;

    viewer(&edge)
        .get("/")
        .await
        .expect(200)
        .no_header("server-timing");
    let asks = |token| viewer(&edge).get("/").header("Tideover-Token", token);
    asks("loud").await.expect(200).no_header("server-timing");
    let answer = asks("hush").await;
    assert_eq!(
        metrics(answer.value("server-timing")),
        ["edge", "cache", "aws"]
    );
}

#[tokio::test]
async fn an_origins_own_stays_beside_it() {
    let own = answer(200).header("Server-Timing", "db;dur=5.0");
    let aws = origin("aws").in_turn([own]).start().await;
    let azure = origin("azure-vm").start().await;
    let edge = edge(&format!("{TIERS}server_timing = true"));
    let edge = edge.origins([&aws, &azure]).start().await;

    let answer = viewer(&edge).get("/").await;

    let all = answer.values("server-timing").join(", ");
    assert_eq!(metrics(&all), ["db", "edge", "cache", "aws"]);
}
