//! Both ends played by Python's `websockets`, which knows nothing of the edge.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use harness::{edge, patiently};

/// A Python that has `websockets`: the one on the PATH may be another than the one that the system's packages are for.
fn python() -> &'static str {
    let has_it = |python: &&str| {
        let asked = Command::new(python)
            .args(["-c", "import websockets"])
            .stderr(Stdio::null())
            .status();
        asked.is_ok_and(|status| status.success())
    };
    ["python3", "/usr/bin/python3"]
        .into_iter()
        .find(has_it)
        .expect("tests/run installs Python's websockets")
}

/// A script that runs; it ends with this value.
struct Script(Child);

impl Script {
    /// One of those beside this file.
    fn runs(script: &str, arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("scenarios/websocket")
            .join(script);
        let child = Command::new(python())
            .arg("-B")
            .arg(script)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it has run before");
        Self(child)
    }

    /// The first line of what it prints; nothing if it has ended before.
    async fn says(&mut self) -> String {
        let said = self.0.stdout.take().expect("it was asked for");
        let reads = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(said).read_line(&mut line).expect("text");
            line
        });
        let line = patiently("a script says something", reads).await;
        line.expect("no panic").trim().to_owned()
    }

    /// All that it complains of before it ends.
    async fn complains(&mut self) -> String {
        let mut complaints = self.0.stderr.take().expect("it was asked for");
        let reads = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            complaints.read_to_string(&mut text).expect("text");
            text
        });
        patiently("a script ends", reads).await.expect("no panic")
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn messages_of_every_kind_come_back_as_they_were() {
    let mut server = Script::runs("echo.py", &[]);
    let port = server.says().await;
    if port.is_empty() {
        panic!("no server: {}", server.complains().await);
    }
    let edge = edge("[distribution.site.default_behavior]\ntarget = \"app\"")
        .map("app", &format!("http://127.0.0.1:{port}"))
        .start()
        .await;

    let mut client = Script::runs("talk.py", &[&format!("ws://{}/echo", edge.address())]);
    let complaints = client.complains().await;

    assert_eq!(complaints, "");
    assert!(client.0.wait().expect("it has ended").success());
    edge.until_metric("tideover_tunnels", 0.0).await;
    assert!((edge.metric("tideover_tunnels_total").await - 2.0).abs() < f64::EPSILON);
}
