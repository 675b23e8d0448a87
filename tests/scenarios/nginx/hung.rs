//! The VM's nginx is stopped, not dead: the kernel still accepts for it, and nobody answers. A machine out of memory looks
//! like that.

use std::time::Duration;

use harness::{answer, origin, viewer};

use super::*;

#[tokio::test]
async fn reads_fall_through_after_the_response_timer_and_come_back_when_it_goes_on() {
    let (vm, swa) = (vm().start().await, swa().start().await);
    for edge in [petclinic_toml(&vm, &swa), petclinic_json(&vm, &swa)] {
        let edge = edge.time_scale(0.05).start().await;
        let mut line = viewer(&edge).connects().await;
        // The edge keeps its connection: the next request goes out on one that looks alive.
        for (stopped, expected) in [(false, "from vm"), (true, "from swa"), (false, "from vm")] {
            vm.is_stopped(stopped);
            line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .await;
            line.receives("GET").await.expect(200).body(expected);
        }
    }
}

#[tokio::test]
async fn a_write_is_not_sent_again_and_its_outcome_is_called_unknown() {
    // Counts what really arrived once nginx goes on.
    let application = origin("application")
        .plays(answer(200).body("written"))
        .start()
        .await;
    let proxied = application.url();
    let mut vm = nginx(
        "vm",
        &format!("location / {{ proxy_pass {proxied}; proxy_ignore_client_abort on; }}"),
    )
    .start()
    .await;
    let swa = swa().start().await;
    for (edge, status, words) in [
        (petclinic_toml(&vm, &swa), 503, "outcome unknown"),
        (petclinic_json(&vm, &swa), 504, ""),
    ] {
        let edge = edge.time_scale(0.05).start().await;
        let before = application.requests().len();
        vm.is_stopped(true);
        viewer(&edge)
            .post("/owners/new", "a=b")
            .await
            .expect(status)
            .body_has(words);
        vm.is_stopped(false);

        // nginx takes what waits in order, so this one is behind all that was sent before; and before it ends, it
        // finishes what it took.
        viewer(&edge)
            .post("/owners/later", "a=b")
            .await
            .expect(200)
            .body("written");
        vm.quits().await;
        let arrived = application.requests();
        let times = |target| {
            let arrived = arrived[before..].iter();
            arrived.filter(|seen| seen.target == target).count()
        };
        assert_eq!((times("/owners/new"), times("/owners/later")), (1, 1));
        vm.starts().await;
    }
    assert_eq!(swa.log(), Vec::<String>::new());
}

/// Three members, two of which are silent: the page comes at the latest when the group's deadline of 25 s has passed.
#[tokio::test]
async fn the_page_comes_within_the_deadline_when_both_tiers_hang() {
    let (vm, swa) = (vm().start().await, swa().start().await);
    let edge = petclinic_toml(&vm, &swa).time_scale(0.05).start().await;
    vm.is_stopped(true);
    swa.is_stopped(true);

    // VM: 10 s of the response timer; site: 2 x 1 s of the connect timer, whose part TLS is. Both a twentieth.
    let response = viewer(&edge).get("/").await;

    response.expect(503).body(MAINTENANCE_PAGE);
    response.took_at_least(Duration::from_millis(500));
    response.header_has("tideover-attempts", "azure-vm;error=response-timeout;");
    response.header_has("tideover-attempts", ", azure-swa;error=");
    response.header_has("tideover-attempts", ", last-page;status=503");
}
