//! The VM's nginx dies without a word, five times, while sixteen viewers read and one writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use harness::{Line, Origin, Viewer, answer, origin, patiently, viewer};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::*;

const VIEWERS: usize = 16;
const KILLS: usize = 5;
const PAGE_BYTES: usize = 300_000;
/// nginx sends a second's worth at once and the rest later: whoever dies then dies in the middle of a body.
const SLOWLY: &str = "location /slow { limit_rate 200k; alias www/page; }";

fn page(tier: &str) -> String {
    tier.repeat(PAGE_BYTES / tier.len())
}

/// What the readers saw so far.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    from_vm: usize,
    from_swa: usize,
    /// Answers whose head had come when the process died.
    cut: usize,
}

/// Reads this page over and over, on one connection as long as it lasts.
async fn reads(
    path: &'static str,
    viewer: Viewer,
    over: Arc<AtomicBool>,
    seen: Arc<watch::Sender<Seen>>,
) {
    let pages = [page("vm"), page("swa")];
    let mut line: Option<Line> = None;
    while !over.load(SeqCst) {
        let mut open = match line.take() {
            Some(open) => open,
            None => viewer.connects().await,
        };
        open.sends(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            .await;
        let mut response = open.receives_a_head().await;
        open.receives_the_rest(&mut response).await;
        // Not one may fail: what was begun can be cut, and is seen to be.
        response.expect(200);
        let text = response.text();
        if response.whole {
            let which = pages.iter().position(|page| *page == text);
            seen.send_modify(|seen| match which {
                Some(0) => seen.from_vm += 1,
                Some(_) => seen.from_swa += 1,
                None => panic!("a whole answer of {} bytes that nobody sent", text.len()),
            });
            line = Some(open);
        } else {
            assert!(pages[0].starts_with(&text), "a cut answer is the VM's");
            seen.send_modify(|seen| seen.cut += 1);
        }
    }
}

/// What became of the writes, by their answers.
#[derive(Debug, Default)]
struct Written {
    taken: Vec<usize>,
    nothing_sent: Vec<usize>,
    outcome_unknown: Vec<usize>,
}

async fn writes(viewer: Viewer, over: Arc<AtomicBool>, done: watch::Sender<usize>) -> Written {
    let mut written = Written::default();
    for id in 0.. {
        if over.load(SeqCst) {
            break;
        }
        let response = viewer.post(&format!("/owners/{id}"), "a=b").await;
        let text = response.text();
        match response.status {
            200 => written.taken.push(id),
            503 if text.contains("nothing was sent") => written.nothing_sent.push(id),
            503 if text.contains("outcome unknown") => written.outcome_unknown.push(id),
            // nginx itself says that it lost its application: never here.
            status => panic!("{status} for a write: {text}"),
        }
        done.send_replace(id + 1);
    }
    written
}

fn arrivals(application: &Origin, id: usize) -> usize {
    let target = format!("/owners/{id}");
    let requests = application.requests();
    requests.iter().filter(|seen| seen.target == target).count()
}

#[tokio::test]
async fn every_read_is_whole_or_seen_to_be_cut_and_no_write_arrives_twice() {
    // Lives on while nginx dies, and counts what really arrived.
    let application = origin("application")
        .plays(answer(200).body("written"))
        .start()
        .await;
    let proxied = application.url();
    let mut vm = nginx(
        "vm",
        &format!("location /owners/ {{ proxy_pass {proxied}; }} {SLOWLY}"),
    )
    .file("page", page("vm"))
    .start()
    .await;
    let swa = nginx("swa", "location /slow { alias www/page; }")
        .file("page", page("swa"))
        .https(Certificate::good(SWA_NAME))
        .start()
        .await;
    let edge = petclinic_toml(&vm, &swa)
        .flags(|flags| flags.workers = Some(2))
        .start()
        .await;

    let over = Arc::new(AtomicBool::new(false));
    let seen = Arc::new(watch::Sender::new(Seen::default()));
    let done = watch::Sender::new(0);
    let mut written_so_far = done.subscribe();
    let mut readers = JoinSet::new();
    for reader in 0..VIEWERS {
        let path = ["/page", "/slow"][reader % 2];
        readers.spawn(reads(
            path,
            viewer(&edge),
            Arc::clone(&over),
            Arc::clone(&seen),
        ));
    }
    let writer = tokio::spawn(writes(viewer(&edge), Arc::clone(&over), done));
    let mut watching = seen.subscribe();
    for _ in 0..KILLS {
        let before = *seen.borrow();
        let under_way = watching.wait_for(|now| now.from_vm >= before.from_vm + 2 * VIEWERS);
        patiently("the VM answers", under_way)
            .await
            .expect("they read");

        vm.is_killed().await;
        let before = *seen.borrow();
        let covered = watching.wait_for(|now| now.from_swa >= before.from_swa + 2 * VIEWERS);
        patiently("the maintenance site answers", covered)
            .await
            .expect("they read");
        let refused_by = *written_so_far.borrow() + 3;
        let refused = written_so_far.wait_for(|done| *done >= refused_by);
        patiently("writes are answered during the outage", refused)
            .await
            .expect("somebody writes");
        vm.starts().await;
    }
    let before = *seen.borrow();
    let back = watching.wait_for(|now| now.from_vm >= before.from_vm + VIEWERS);
    patiently("the VM answers again", back)
        .await
        .expect("they read");
    over.store(true, SeqCst);
    while let Some(reader) = readers.join_next().await {
        reader.expect("no reader saw what it must not see");
    }
    let written = writer.await.expect("no writer saw what it must not see");

    let seen = *seen.borrow();
    println!("{seen:?}; writes: {written:?}");
    assert!((1..=VIEWERS * KILLS).contains(&seen.cut), "{seen:?}");
    assert!(written.nothing_sent.len() >= 3 * KILLS, "{written:?}");
    for (ids, least, most) in [
        (&written.taken, 1, 1),
        (&written.nothing_sent, 0, 0),
        (&written.outcome_unknown, 0, 1),
    ] {
        for id in ids {
            let times = arrivals(&application, *id);
            assert!(
                (least..=most).contains(&times),
                "write {id} arrived {times} times: {written:?}"
            );
        }
    }
}
