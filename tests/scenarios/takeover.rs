//! Promise 7, the connections' part: what runs when a successor takes over is finished by whoever began it.

use harness::frames::{Frames, code, get, greets, kind};
use harness::{Edge, EdgeBuilder, Folder, Step, answer, gate, in_front_of, ms, origin, patiently};

/// An edge before `app` that speaks HTTP/2 without TLS and lets a successor in.
fn edge(app: &harness::Origin, folder: &Folder) -> EdgeBuilder {
    let path = folder.path().join("edge.sock");
    in_front_of(app)
        .and("[listen]\nh2c = true")
        .flags(|flags| flags.takeover = Some(path))
}

async fn is_answered(line: &mut Frames, stream: u32) {
    line.sends(get(stream, "/")).await;
    let answer = line.answer(stream).await;
    assert_eq!((answer.status, answer.whole), (200, true));
}

/// So many requests are over: counted just after the viewer has the last byte.
async fn has_served(edge: &Edge, requests: u64) {
    patiently("a request is over", async {
        while edge.summary().requests != requests {
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_http2_stream_that_runs_is_finished_and_its_connection_told_to_go_by_the_drain() {
    let held = gate();
    let begins = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst";
    let app = origin("app")
        .at(
            "/long",
            [
                Step::Send(begins.into()),
                Step::Wait(held.clone()),
                Step::Send(b" half".into()),
            ],
        )
        .at("/", answer(200).body("short"))
        .start()
        .await;
    let folder = Folder::new();
    let old = edge(&app, &folder).start().await;
    let mut line = greets(old.address()).await;
    line.sends(get(1, "/long")).await;
    let first = line
        .until("the first half", |frame| frame.kind == kind::DATA)
        .await;
    assert_eq!(first.payload, b"first");

    // A takeover alone changes nothing for who is connected.
    let new = edge(&app, &folder).takes_over_from(&old).start().await;
    is_answered(&mut line, 3).await;
    has_served(&old, 1).await;
    has_served(&new, 0).await;

    // The drain tells it to go: what it asks for next it asks the successor, and what runs has its time.
    let drained = tokio::spawn(old.shuts_down(ms(8_000)));
    let told = line
        .until("it is told to go", |frame| frame.kind == kind::GOAWAY)
        .await;
    assert_eq!(told.code(), code::NO_ERROR);
    let mut next = greets(new.address()).await;
    is_answered(&mut next, 1).await;
    has_served(&new, 1).await;
    held.open();
    let mut rest = Vec::new();
    loop {
        let frame = line.next().await.expect("it goes on");
        if frame.kind == kind::DATA {
            assert_eq!(frame.stream, 1);
            rest.extend_from_slice(&frame.payload);
        }
        if frame.ends_its_stream() {
            break;
        }
    }
    assert_eq!(rest, b" half");
    line.until_closed().await;
    let summary = patiently("the old one ends", drained)
        .await
        .expect("no panic");
    assert_eq!((summary.requests, summary.viewer_gone), (2, 0));
    is_answered(&mut next, 3).await;
}
