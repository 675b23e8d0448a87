//! Several workers on one machine: few connections that stay are spread evenly, wherever the kernel put them.

use harness::{in_front_of, ms, origin, viewer};

#[tokio::test]
async fn few_connections_are_spread_evenly() {
    let app = origin("app").start().await;
    for connections in [2, 8] {
        let edge = in_front_of(&app)
            .flags(|flags| flags.workers = Some(2))
            .start()
            .await;
        let mut lines = Vec::new();
        for _ in 0..connections {
            let mut line = viewer(&edge).connects().await;
            line.sends("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
            line.receives("GET").await.expect(200);
            lines.push(line);
        }
        for _ in 0..9 {
            for line in &mut lines {
                line.sends("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
                line.receives("GET").await.expect(200);
            }
        }
        drop(lines);
        let summary = edge.shuts_down(ms(5_000)).await;
        assert_eq!(summary.requests, 10 * connections);
        assert_eq!(summary.busiest_worker, 5 * connections, "of {connections}");
    }
}
