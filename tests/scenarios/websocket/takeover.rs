//! A tunnel stays with the process that opened it, and new ones are its successor's.

use harness::Folder;

use super::*;

#[tokio::test]
async fn a_tunnel_goes_on_until_its_process_is_drained() {
    let app = App::start().await;
    let folder = Folder::new();
    let edge = || {
        let path = folder.path().join("edge.sock");
        before(&app).flags(|flags| flags.takeover = Some(path))
    };
    let old = edge().start().await;
    let (mut line, mut stream) = open(&old, &app).await;

    // Before there is anybody else who could accept it.
    let mut other = viewer(&old).connects().await;
    assert!(!is_the_last(&mut other, &app).await);

    let new = edge().takes_over_from(&old).start().await;
    carries(&mut line, &mut stream).await;
    let drained = tokio::spawn(old.shuts_down(Duration::from_secs(3)));
    let mut answered = 2;
    while !is_the_last(&mut other, &app).await {
        answered += 1;
    }
    // Whoever comes now comes to the successor, and the tunnel has its time.
    let (mut new_line, mut new_stream) = open(&new, &app).await;
    carries(&mut line, &mut stream).await;

    assert_eq!(line.receives_bytes(4).await, GOING_AWAY);
    assert!(line.until_closed().await, "in order");
    let told = reads_the_rest(&mut stream).await;
    assert_eq!(told.len(), 8, "the origin is told, too: {told:?}");
    drop((line, stream));
    let summary = patiently("the old one ends", drained)
        .await
        .expect("no panic");
    assert_eq!(summary.requests, 1 + answered);

    carries(&mut new_line, &mut new_stream).await;
}

/// Whether the answer to one more request says so: then the edge drains, and accepts nobody.
async fn is_the_last(line: &mut Line, app: &App) -> bool {
    line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let (mut stream, _) = app.accepts().await;
    stream
        .write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        .await
        .expect("it is taken");
    let answer = line.receives("GET").await;
    answer.expect(204).value("connection") == "close"
}

/// A whole frame each way.
async fn carries(line: &mut Line, stream: &mut TcpStream) {
    line.sends([0x82, 0x83, 1, 2, 3, 4, 5, 6, 7]).await;
    reads(stream, &[0x82, 0x83, 1, 2, 3, 4, 5, 6, 7]).await;
    stream
        .write_all(&[0x82, 2, 8, 9])
        .await
        .expect("it is taken");
    assert_eq!(line.receives_bytes(4).await, [0x82, 2, 8, 9]);
}
