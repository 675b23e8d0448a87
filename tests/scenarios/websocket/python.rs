//! Both ends played by Python's `websockets`, which knows nothing of the edge.

use std::path::Path;
use std::process::Stdio;

use harness::{edge, patiently};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// One of the scripts beside this file.
fn python(script: &str, arguments: &[&str]) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scenarios/websocket")
        .join(script);
    Command::new("python3")
        .arg("-B")
        .arg(script)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("python3 is there: tests/run installs it, with its websockets")
}

#[tokio::test]
async fn messages_of_every_kind_come_back_as_they_were() {
    let mut server = python("echo.py", &[]);
    let said = server.stdout.take().expect("it was asked for");
    let mut port = String::new();
    let reads = async { BufReader::new(said).read_line(&mut port).await };
    patiently("the server listens", reads)
        .await
        .expect("it says where");
    if port.is_empty() {
        let ended = server.wait_with_output().await.expect("it ended");
        panic!("no server: {}", String::from_utf8_lossy(&ended.stderr));
    }
    let edge = edge("[distribution.site.default_behavior]\ntarget = \"app\"")
        .map("app", &format!("http://127.0.0.1:{}", port.trim()))
        .start()
        .await;

    let client = python("talk.py", &[&format!("ws://{}/echo", edge.address())]);
    let ended = patiently("the client ends", client.wait_with_output())
        .await
        .expect("it can be waited for");

    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{errors}");
    edge.until_metric("tideover_tunnels", 0.0).await;
    assert!((edge.metric("tideover_tunnels_total").await - 2.0).abs() < f64::EPSILON);
}
