//! No file and no flag: what a container is given.

use super::*;

/// A port where nobody listens any more.
fn nobody() -> String {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", closed.local_addr().expect("an address"))
}

/// Answers one request with 200 and these words, and says that the connection is over.
fn answering(words: &'static str) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let answers = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it is asked");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        let length = words.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{words}"
        );
        stream.write_all(answer.as_bytes()).expect("it reads");
    });
    (origin, answers)
}

#[test]
fn the_environment_alone_starts_an_edge_that_falls_through() {
    let (standby, answers) = answering("the standby");
    let mut serving = Serving::start(
        tideover()
            .arg("run")
            .env("TIDEOVER_ORIGIN", format!("{} {standby}", nobody()))
            .env("TIDEOVER_LISTEN", "127.0.0.1:0")
            // What an image or a chart sets, and was taken back: as if it were not there.
            .env("TIDEOVER_CONFIG", "")
            .env("TIDEOVER_STATUS", "")
            .env("TIDEOVER_WORKERS", ""),
    );
    let answer = serving.get();
    answers.join().expect("it answered");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("the standby"), "{answer}");
    let head = answer.to_lowercase();
    assert!(head.contains("origin-1;error=refused"), "{answer}");
    assert!(head.contains("origin-2;status=200"), "{answer}");
    serving.signal(Signal::TERM);
    serving.says("1 request, ");
}

/// Started with this environment and at once drained: what it said.
fn told(environment: &[(&str, &str)]) -> String {
    let mut command = tideover();
    command.arg("run").env("TIDEOVER_ORIGIN", nobody());
    command.env_remove("KUBERNETES_SERVICE_HOST");
    for (name, value) in environment {
        command.env(name, value);
    }
    let serving = Serving::start(&mut command);
    serving.signal(Signal::TERM);
    let (code, _, err) = serving.ends();
    assert_eq!(code, Some(0), "{err}");
    err
}

#[test]
fn a_loopback_listener_in_a_container_is_warned_of() {
    let in_a_container = ("container", "by-this-test");
    let err = told(&[in_a_container, ("TIDEOVER_LISTEN", "127.0.0.1:0")]);
    assert!(
        err.contains("warning: this looks like a container"),
        "{err}"
    );
    assert!(
        err.contains("listen on 0.0.0.0:0 (TIDEOVER_LISTEN"),
        "{err}"
    );

    let err = told(&[in_a_container, ("TIDEOVER_LISTEN", "0.0.0.0:0")]);
    assert!(!err.contains("container"), "{err}");
}
