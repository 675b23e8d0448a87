//! nginx that is reloaded or quit in order while connections to it are kept: no request is lost, no write sent twice.

use harness::{ms, patiently, viewer};

use super::crowd::Crowd;
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
        // So many failures open its breaker in the end, and then it is found again by a look once a second.
        patiently("the VM is asked", async {
            while viewer(&edge).get("/").await.expect(200).text() != "from vm" {
                tokio::time::sleep(ms(20)).await;
            }
        })
        .await;
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

#[tokio::test]
async fn reloads_under_load_lose_no_read_and_double_no_write() {
    let mut crowd = Crowd::starts().await;
    for _ in 0..5 {
        crowd.reads_from_the_vm().await;
        // The old worker hangs up on what the edge keeps while the edge is about to use it.
        crowd.vm.reloads().await;
    }
    crowd.reads_from_the_vm().await;
    let (reads, writes) = crowd.ends().await;

    // The port is open throughout: nobody else has to answer, and nothing is cut.
    for reads in reads {
        assert_eq!((reads.from_swa, reads.cut), (0, 0), "{reads:?}");
    }
    assert!(writes.nothing_sent.is_empty(), "{writes:?}");
    println!(
        "writes taken: {}, outcome unknown: {}",
        writes.taken.len(),
        writes.outcome_unknown.len()
    );
}

#[tokio::test]
async fn an_nginx_that_quits_under_load_finishes_what_it_began() {
    let mut crowd = Crowd::starts().await;
    for _ in 0..3 {
        crowd.reads_from_the_vm().await;
        let before = crowd.reads();
        crowd.vm.quits().await;
        crowd
            .goes_round("reads and writes are answered while the VM is away")
            .await;
        for (then, now) in before.iter().zip(&crowd.reads()) {
            assert!(now.from_swa > then.from_swa, "{now:?}");
        }
        crowd.vm.starts().await;
    }
    crowd.reads_from_the_vm().await;
    let (reads, writes) = crowd.ends().await;

    for reads in reads {
        assert_eq!(reads.cut, 0, "{reads:?}");
    }
    println!(
        "writes taken: {}, nothing sent: {}, outcome unknown: {}",
        writes.taken.len(),
        writes.nothing_sent.len(),
        writes.outcome_unknown.len()
    );
}
