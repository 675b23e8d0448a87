//! How a tunnel ends, and who hears of it.

use super::*;

#[tokio::test]
async fn an_end_of_one_side_is_passed_on_and_the_other_may_still_speak() {
    let app = App::start().await;
    let edge = before(&app).logs("json").start().await;

    let (mut line, mut stream) = open(&edge, &app).await;
    line.sends("the last of the viewer").await;
    line.ends().await;
    assert_eq!(reads_the_rest(&mut stream).await, b"the last of the viewer");
    stream.write_all(b"a late word").await.expect("it is taken");
    assert_eq!(line.receives_bytes(11).await, b"a late word");
    drop(stream);
    assert!(line.until_closed().await, "in order");

    let (mut line, mut stream) = open(&edge, &app).await;
    stream
        .write_all(b"the last of the origin")
        .await
        .expect("it is taken");
    stream.shutdown().await.expect("it is taken");
    assert_eq!(line.receives_bytes(22).await, b"the last of the origin");
    assert!(line.until_closed().await, "in order");
    line.sends("a late word").await;
    reads(&mut stream, b"a late word").await;
    drop(line);
    assert_eq!(reads_the_rest(&mut stream).await, b"");

    for logged in edge.log_json(2).await {
        assert_eq!(logged["detail"], "Miss", "{logged}");
    }
    assert_eq!(edge.metric("tideover_tunnels").await, 0.0);
}

#[tokio::test]
async fn a_side_that_never_ends_is_not_waited_for_after_the_other_has() {
    let app = App::start().await;
    let edge = before(&app)
        .and("[listen]\nbody_timeout = \"200ms\"")
        .start()
        .await;
    let (mut line, mut stream) = open(&edge, &app).await;

    line.ends().await;

    // The origin does not hang up.
    assert_eq!(reads_the_rest(&mut stream).await, b"");
    assert!(line.until_closed().await, "in order");
    edge.until_metric("tideover_tunnels", 0.0).await;
}

#[tokio::test]
async fn a_viewer_that_vanishes_takes_the_origin_with_it() {
    let app = App::start().await;
    let edge = before(&app).logs("json").start().await;
    let (mut line, mut stream) = open(&edge, &app).await;

    line.sends("help").await;
    reads(&mut stream, b"help").await;
    line.resets();

    assert_eq!(reads_the_rest(&mut stream).await, b"");
    let logged = edge.log_json(1).await.remove(0);
    assert_eq!(logged["status"], 101, "{logged}");
    assert_eq!(logged["detail"], "ClientCommError", "{logged}");
    edge.until_metric("tideover_tunnels", 0.0).await;
}

#[tokio::test]
async fn an_origin_that_vanishes_takes_the_viewer_with_it() {
    let app = App::start().await;
    let edge = before(&app).logs("json").start().await;
    let (mut line, stream) = open(&edge, &app).await;

    let socket = socket2::SockRef::from(&stream);
    socket
        .set_linger(Some(Duration::ZERO))
        .expect("a socket takes options");
    drop(stream);

    line.until_closed().await;
    let logged = edge.log_json(1).await.remove(0);
    assert_eq!(logged["status"], 101, "{logged}");
    assert_eq!(logged["detail"], "OriginReadError", "{logged}");
    edge.until_metric("tideover_tunnels", 0.0).await;
}

#[tokio::test]
async fn silence_of_both_sides_ends_it() {
    let app = App::start().await;
    let edge = impatient(&app, ms(300)).logs("json").start().await;
    let (mut line, mut stream) = open(&edge, &app).await;

    assert!(line.until_closed().await, "in order");
    assert_eq!(reads_the_rest(&mut stream).await, b"");
    let logged = edge.log_json(1).await.remove(0);
    assert_eq!(logged["detail"], "TunnelIdle", "{logged}");
    assert!(logged["ms"].as_u64() >= Some(300), "{logged}");
}

#[tokio::test]
async fn words_of_one_side_keep_it_open() {
    let app = App::start().await;
    let edge = impatient(&app, ms(400)).start().await;
    let (mut line, mut stream) = open(&edge, &app).await;

    for _ in 0..10 {
        tokio::time::sleep(ms(80)).await;
        stream.write_all(b"tick").await.expect("it is taken");
        assert_eq!(line.receives_bytes(4).await, b"tick");
    }
    for _ in 0..10 {
        tokio::time::sleep(ms(80)).await;
        line.sends("tock").await;
        reads(&mut stream, b"tock").await;
    }
}

mod a_drain {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(2);

    #[tokio::test]
    async fn lets_it_go_on_and_then_tells_both_sides() {
        let app = App::start().await;
        let edge = before(&app).start().await;
        let status = edge.status();
        let (mut line, mut stream) = open(&edge, &app).await;

        let drained = tokio::spawn(edge.shuts_down(WITHIN));
        patiently("the drain begins", async {
            while harness::viewer_of(status).get("/readyz").await.status != 503 {}
        })
        .await;
        // A whole frame each way.
        line.sends([0x82, 0x83, 1, 2, 3, 4, 5, 6, 7]).await;
        reads(&mut stream, &[0x82, 0x83, 1, 2, 3, 4, 5, 6, 7]).await;
        stream
            .write_all(&[0x82, 2, 8, 9])
            .await
            .expect("it is taken");
        assert_eq!(line.receives_bytes(4).await, [0x82, 2, 8, 9]);

        assert_eq!(line.receives_bytes(4).await, GOING_AWAY);
        assert!(line.until_closed().await, "in order");
        let told = reads_the_rest(&mut stream).await;
        let [0x88, 0x82, a, b, _, _, high, low] = told[..] else {
            panic!("the origin was told {told:?}");
        };
        assert_eq!([a ^ high, b ^ low], [0x03, 0xe9]);
        drop((line, stream));
        let summary = patiently("the edge ends", drained).await.expect("no panic");
        // It was counted, so it was logged.
        assert_eq!(summary.requests, 1);
    }

    #[tokio::test]
    async fn does_not_speak_within_a_frame() {
        let app = App::start().await;
        let edge = before(&app).start().await;
        let (mut line, mut stream) = open(&edge, &app).await;

        line.sends([0x82, 0x83, 1, 2, 3, 4, 5]).await;
        reads(&mut stream, &[0x82, 0x83, 1, 2, 3, 4, 5]).await;
        stream.write_all(&[0x82, 2, 8]).await.expect("it is taken");
        assert_eq!(line.receives_bytes(3).await, [0x82, 2, 8]);
        let drained = tokio::spawn(edge.shuts_down(ms(600)));

        let mut viewers = line.into_stream();
        assert_eq!(reads_the_rest(&mut viewers).await, b"");
        assert_eq!(reads_the_rest(&mut stream).await, b"");
        patiently("the edge ends", drained).await.expect("no panic");
    }

    #[tokio::test]
    async fn ends_with_the_last_tunnel() {
        let app = App::start().await;
        let edge = before(&app).start().await;
        let (mut line, stream) = open(&edge, &app).await;

        let begun = std::time::Instant::now();
        let drained = tokio::spawn(edge.shuts_down(Duration::from_secs(60)));
        drop(stream);
        line.until_closed().await;
        drop(line);

        patiently("the edge ends", drained).await.expect("no panic");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
