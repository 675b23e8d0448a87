//! A thousand viewers that are slow on purpose do not keep anybody else waiting.

use harness::{Edge, Line, in_front_of, ms, origin, viewer};

const MANY: usize = 1_000;
/// No viewer among them waits longer for its answer. Far less than the time after which the slow ones are let go; on a
/// machine with nothing else to do it is a few milliseconds.
const SOON: std::time::Duration = ms(5_000);

/// That many connections that have sent this and go on with `more`, a piece at a time.
async fn slow(edge: &Edge, begin: &str, more: &'static str) -> tokio::task::JoinHandle<()> {
    let mut lines: Vec<Line> = Vec::with_capacity(MANY);
    for _ in 0..MANY {
        let mut line = viewer(edge).connects().await;
        line.sends(begin).await;
        lines.push(line);
    }
    edge.until_metric("tideover_viewer_connections", 1_000.0)
        .await;
    tokio::spawn(async move {
        loop {
            for line in &mut lines {
                line.sends(more).await;
            }
            tokio::time::sleep(ms(50)).await;
        }
    })
}

async fn another_is_answered(edge: &Edge) {
    for _ in 0..10 {
        let response = viewer(edge).get("/quick").await;
        response.expect(200);
        assert!(response.took < SOON, "{:?}", response.took);
    }
}

#[tokio::test]
async fn a_thousand_heads_that_never_end() {
    let primary = origin("primary").start().await;
    let edge = in_front_of(&primary).start().await;

    let slow = slow(&edge, "GET / HTTP/1.1\r\nHost: a\r\n", "X-A: b\r\n").await;
    another_is_answered(&edge).await;

    slow.abort();
}

#[tokio::test]
async fn a_thousand_bodies_that_never_end() {
    // Each has a connection to the origin, and by default there are some left for others, also where one worker has them all.
    let primary = origin("primary").start().await;
    let edge = in_front_of(&primary).start().await;

    let begin = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    let slow = slow(&edge, begin, "x").await;
    another_is_answered(&edge).await;

    slow.abort();
}

#[tokio::test]
async fn a_thousand_answers_that_nobody_reads() {
    let primary = origin("primary").streams(1 << 30).start().await;
    let quick = origin("quick").start().await;
    let edge = in_front_of(&primary)
        .origins([&quick])
        .and(
            "[[distribution.site.behavior]]\npath = \"/quick\"\ntarget = \"quick\"\n\
             [origin.primary]\nurl = \"http://primary.test\"\nmax_connections = 64",
        )
        .start()
        .await;

    let slow = slow(&edge, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "").await;
    another_is_answered(&edge).await;

    slow.abort();
}
