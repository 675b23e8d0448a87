//! nginx that is reloaded or quit in order while connections to it are kept: no request is lost, no write sent twice.

use harness::viewer;

use super::*;

#[tokio::test]
async fn a_reload_of_nginx_loses_nothing() {
    let (mut vm, swa) = (vm().start().await, swa().start().await);
    let edge = petclinic_toml(&vm, &swa).start().await;
    let mut line = viewer(&edge).connects().await;
    for round in 0..10 {
        for _ in 0..5 {
            line.sends("GET /owners HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .await;
            line.receives("GET").await.expect(200).body("from vm");
            line.sends(
                "POST /owners/new HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na=b",
            )
            .await;
            line.receives("POST").await.expect(200).body("from vm");
        }
        // The old worker closes the connections that the edge keeps.
        vm.reloads().await;
        // Every write arrived once so far.
        let writes = vm.logged((round + 1) * 10).await;
        assert_eq!(writes.len(), (round + 1) * 10, "{writes:?}");
    }
}

#[tokio::test]
async fn an_nginx_that_quits_in_order_is_followed_by_the_next_tier_and_taken_back() {
    let (mut vm, swa) = (vm().start().await, swa().start().await);
    let edge = petclinic_toml(&vm, &swa).start().await;
    for _ in 0..5 {
        viewer(&edge).get("/").await.expect(200).body("from vm");
        vm.quits().await;
        viewer(&edge).get("/").await.expect(200).body("from swa");
        viewer(&edge)
            .post("/owners/new", "a=b")
            .await
            .expect(503)
            .body_has("nothing was sent");
        vm.starts().await;
    }
}
