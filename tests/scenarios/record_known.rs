//! A record does not go back on a guess: whoever has just started knows nothing of its primary yet.

use harness::{Edge, EdgeBuilder, Origin, answer, edge, ms, origin, patiently, viewer};

const HELD_DOWN: &str = r#"hold_down = "1h""#;

fn config(check: &str) -> String {
    format!(
        r#"
        [origin.primary]
        url = "http://primary.test"
        health_check = {{ interval = "100ms", {check} }}
        [failover_record.app]
        primary = "primary"
        secondary = "secondary"
        fail_over = "auto"
        fail_back = "auto"
        {HELD_DOWN}
        [[distribution.site.behavior]]
        path = "*"
        for_methods = ["POST", "PUT", "PATCH", "DELETE"]
        target = "app"
        [distribution.site.default_behavior]
        target = "app"
        "#
    )
}

/// Whose probes fail, and who would take a write all the same.
async fn primary() -> Origin {
    let answers = origin("primary").in_turn([answer(503)]);
    answers
        .at("/write", answer(200).body("from primary"))
        .start()
        .await
}

fn on_its_way(primary: &Origin, secondary: &Origin) -> EdgeBuilder {
    edge(&config("failure_threshold = 2, recovery_threshold = 2")).origins([primary, secondary])
}

async fn writes(edge: &Edge) -> String {
    viewer(edge).post("/write", "x").await.text()
}

async fn until_it_has_moved(edge: &Edge) {
    patiently("writes arrive at the secondary", async {
        while writes(edge).await != "from secondary" {
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;
}

/// In the state file the record is on its secondary.
fn is_kept(edge: &Edge) -> bool {
    let state = std::fs::read_to_string(edge.folder().join("tideover.state.json"));
    state.is_ok_and(|text| text.contains("\"app\""))
}

async fn until_it_is_kept(edge: &Edge) {
    patiently("it is kept", async {
        while !is_kept(edge) {
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await;
}

/// For several looks and probes.
async fn stays(edge: &Edge) {
    for _ in 0..40 {
        assert_eq!(writes(edge).await, "from secondary");
        tokio::time::sleep(ms(10)).await;
    }
}

#[tokio::test]
async fn a_restart_sends_no_write_back_to_a_primary_that_nobody_has_looked_at() {
    let (primary, secondary) = (primary().await, origin("secondary").start().await);
    let mut edge = on_its_way(&primary, &secondary).start().await;
    until_it_has_moved(&edge).await;
    // Writes move first, and the disk is waited for afterwards.
    until_it_is_kept(&edge).await;

    edge.restarts();

    stays(&edge).await;
}

#[tokio::test]
async fn a_reload_with_another_check_sends_no_write_back_either() {
    let (primary, secondary) = (primary().await, origin("secondary").start().await);
    let edge = on_its_way(&primary, &secondary).start().await;
    until_it_has_moved(&edge).await;

    let other = "failure_threshold = 3, recovery_threshold = 3";
    edge.reloads(&config(other).replace(HELD_DOWN, r#"hold_down = "0s""#));

    stays(&edge).await;
}

#[tokio::test]
async fn a_reload_that_changes_names_or_roles_leaves_writes_where_they_are() {
    let (primary, secondary) = (primary().await, origin("secondary").start().await);
    let check = "failure_threshold = 1, recovery_threshold = 1";
    let by_hand = config(check).replace(r#"fail_back = "auto""#, r#"fail_back = "manual""#);
    let edge = edge(&by_hand).origins([&primary, &secondary]).start().await;
    until_it_has_moved(&edge).await;

    edge.reloads(&by_hand.replace("app", "shop"));
    stays(&edge).await;

    // Whoever stood in is the primary from now on.
    let roles = by_hand
        .replace(r#"primary = "primary""#, r#"primary = "secondary""#)
        .replacen(r#"secondary = "secondary""#, r#"secondary = "primary""#, 1)
        .replace("app", "shop")
        + "[origin.secondary]\nurl = \"http://secondary.test\"\nhealth_check = { path = \"/\" }\n";
    edge.reloads(&roles);
    stays(&edge).await;
}

#[tokio::test]
async fn where_a_record_is_is_kept_as_soon_as_that_is_possible() {
    let (primary, secondary) = (primary().await, origin("secondary").start().await);
    let mut edge = on_its_way(&primary, &secondary).start().await;
    // As on a full disk: nothing can be written beside the state file.
    let in_its_way = edge.folder().join("tideover.state.json.unfinished");
    std::fs::create_dir(&in_its_way).expect("a folder");
    until_it_has_moved(&edge).await;
    assert!(!is_kept(&edge));

    std::fs::remove_dir(&in_its_way).expect("it is empty");

    until_it_is_kept(&edge).await;
    edge.restarts();
    stays(&edge).await;
}
