//! More viewers than files may be open.

use std::path::Path;

use super::*;

fn asks(viewer: &mut TcpStream) {
    viewer
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("it takes that much unread");
}

fn is_answered(viewer: &mut TcpStream) {
    let mut status = [0; 12];
    viewer.read_exact(&mut status).expect("it answers");
    assert_eq!(&status, b"HTTP/1.1 503");
}

/// An edge with `workers` that may have so many open files.
fn with_few_files(files: u16, config: &Path, workers: &str) -> Serving {
    let mut limited = Command::new("bash");
    let run = "ulimit -n \"$3\" && exec \"$0\" run --config \"$1\" --workers \"$2\"";
    limited.args(["-c", run, env!("CARGO_BIN_EXE_tideover")]);
    Serving::start(limited.arg(config).arg(workers).arg(files.to_string()))
}

/// An edge with `workers` that was told to take more viewers than it may have open files, and that many viewers, each of
/// whom has asked.
fn crowded(workers: &str) -> (Serving, Vec<TcpStream>) {
    let too_many = PAGE_ONLY.replace("[listen]", "[listen]\nmax_connections = 1000");
    let config = file(&format!("few-files-{workers}.toml"), &too_many);
    let mut serving = with_few_files(64, &config, workers);
    let mut viewers: Vec<TcpStream> = (0..150)
        .map(|_| TcpStream::connect(&serving.address).expect("they queue"))
        .collect();
    viewers.iter_mut().for_each(asks);
    let began = serving.says("accept");
    assert!(began.contains("cannot accept a connection"), "{began}");
    assert!(began.contains("Too many open files"), "{began}");
    (serving, viewers)
}

/// The next thing that it says of accepting is that it works again, and it is the last.
fn recovers(mut serving: Serving) {
    let over = serving.says("accept");
    assert!(over.contains("connections are accepted again"), "{over}");
    let failures = over.split("failures=").nth(1).map(str::trim);
    let failures: u64 = failures
        .and_then(|number| number.parse().ok())
        .expect("a number");
    assert!(failures > 0, "{over}");
    assert!(serving.get().starts_with("HTTP/1.1 503"));
    serving.signal(Signal::TERM);
    let (code, _, err) = serving.ends();
    assert_eq!(code, Some(0), "{err}");
    assert!(!err.contains("accept"), "{err}");
}

#[test]
fn a_shortage_of_files_is_said_when_it_begins_and_when_it_is_over() {
    let (serving, viewers) = crowded("1");
    // Each one that leaves makes room for the next: accepting works and fails by turns.
    for mut viewer in viewers {
        is_answered(&mut viewer);
    }
    recovers(serving);
}

#[test]
fn it_is_said_once_for_all_workers() {
    let (serving, viewers) = crowded("2");
    drop(viewers);
    recovers(serving);
}

/// Unless it is told otherwise, it turns viewers away before there is a shortage.
#[test]
fn by_default_there_are_files_for_everybody_who_is_let_in() {
    let config = file("few-files-default.toml", PAGE_ONLY);
    // 512, less 200 that are kept back.
    let places = 312;
    let serving = with_few_files(512, &config, "1");
    let mut viewers: Vec<TcpStream> = (0..450)
        .map(|_| TcpStream::connect(&serving.address).expect("they queue"))
        .collect();
    let mut turned_away = 0;
    for viewer in &mut viewers {
        asks(viewer);
        let mut answer = [0; 600];
        let read = viewer.read(&mut answer).expect("it answers");
        let answer = String::from_utf8_lossy(&answer[..read]);
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        turned_away += usize::from(answer.contains("LimitExceeded from tideover"));
    }
    assert_eq!(turned_away, viewers.len() - places);
    drop(viewers);
    // They have left, which the edge may see a moment later.
    while !serving.get().contains("Error from tideover") {}
    serving.signal(Signal::TERM);
    let (code, _, err) = serving.ends();
    assert_eq!(code, Some(0), "{err}");
    assert!(!err.contains("accept"), "{err}");
}
