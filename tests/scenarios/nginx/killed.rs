//! The VM's nginx dies without a word, five times, while sixteen viewers read and five write.

use harness::{AT_ONCE, answer, gate, origin, viewer};

use super::crowd::{Crowd, READERS};
use super::*;

const KILLS: usize = 5;

#[tokio::test]
async fn every_read_is_whole_or_seen_to_be_cut_and_no_write_arrives_twice() {
    let mut crowd = Crowd::starts().await;
    let mut cut = [0; KILLS];
    for cut in &mut cut {
        let before = crowd.reads();
        crowd.reads_from_the_vm().await;
        let alive = crowd.reads();
        for (then, now) in before.iter().zip(&alive) {
            assert_eq!(now.cut, then.cut, "nobody died: {alive:?}");
        }

        crowd.is_in_the_middle_of_bodies().await;
        crowd.vm.is_killed().await;
        crowd
            .goes_round("reads and writes are answered while the VM is dead")
            .await;
        let dead = crowd.reads();
        for (then, now) in alive.iter().zip(&dead) {
            let times = now.cut - then.cut;
            assert!(times <= 1, "one answer at a time can be cut: {dead:?}");
            assert!(now.from_swa > then.from_swa, "who covers? {dead:?}");
            *cut += times;
        }
        crowd.vm.starts().await;
    }
    crowd.reads_from_the_vm().await;
    let (reads, writes) = crowd.ends().await;

    println!(
        "cut: {cut:?}; writes taken: {}, nothing sent: {}, outcome unknown: {}",
        writes.taken.len(),
        writes.nothing_sent.len(),
        writes.outcome_unknown.len()
    );
    assert!(cut.iter().all(|cut| *cut <= READERS), "{cut:?}");
    let all_cut: usize = cut.iter().sum();
    assert!(all_cut > 0, "nobody died in the middle of a body");
    let seen_cut: usize = reads.iter().map(|reads| reads.cut).sum();
    assert_eq!(seen_cut, all_cut, "after the last restart nobody dies");
    assert!(writes.taken.len() >= KILLS, "{writes:?}");
    assert!(writes.nothing_sent.len() >= KILLS, "{writes:?}");
    // The middle one: how long the unluckiest waits says how busy the machine is.
    let mut took: Vec<_> = writes.nothing_sent.iter().map(|(_, took)| *took).collect();
    took.sort_unstable();
    let middle = took[took.len() / 2];
    assert!(middle < AT_ONCE, "a refused write took {middle:?}");
}

#[tokio::test]
async fn a_write_that_had_arrived_is_not_sent_again_when_nginx_dies() {
    for (method, body) in [
        ("POST", "a=b"),
        ("POST", ""),
        ("PUT", "a=b"),
        ("DELETE", ""),
    ] {
        let held = gate();
        let application = origin("application")
            .at("/owners/1", answer(200).after(&held))
            .start()
            .await;
        let proxied = application.url();
        let mut vm = nginx("vm", &format!("location / {{ proxy_pass {proxied}; }}"))
            .start()
            .await;
        let swa = swa().start().await;
        let edge = petclinic_toml(&vm, &swa).start().await;
        // From here on the edge keeps a connection to the VM.
        viewer(&edge).get("/owners").await.expect(200);

        let mut line = viewer(&edge).connects().await;
        let length = body.len();
        line.sends(format!(
            "{method} /owners/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await;
        application.until_it_read(2).await;
        vm.is_killed().await;
        vm.starts().await;

        line.receives(method)
            .await
            .expect(503)
            .body_has("outcome unknown");
        held.open();
        // Whatever would be sent late has overtaken nobody.
        viewer(&edge).get("/owners").await.expect(200);
        let write = format!("{method} /owners/1");
        application.saw(["GET /owners", &write, "GET /owners"]);
        assert_eq!(swa.log(), Vec::<String>::new());
    }
}
