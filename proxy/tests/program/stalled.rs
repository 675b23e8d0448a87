//! Viewers who take nothing of what they asked for: what is kept for them is bounded.

use super::*;

const VIEWERS: usize = 200;
/// For each of them, in KiB: what is read ahead on both sides, with the pieces that pass the mark. The kernel's buffers are
/// not counted.
const KEPT_KIB: u64 = 700;

/// An origin whose every answer has 16 MiB; where it is.
fn generous() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("the edge connects");
            std::thread::spawn(move || {
                let mut head = [0; 4_096];
                let _ = stream.read(&mut head);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n");
                let _ = stream.write_all(&vec![b'x'; 16 << 20]);
            });
        }
    });
    format!("http://{address}")
}

/// In KiB.
fn resident(edge: &Serving) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", edge.child.id()));
    let status = status.expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number
        .and_then(|number| number.trim().parse().ok())
        .expect("a number")
}

#[cfg(target_os = "linux")]
#[test]
fn little_is_kept_for_a_viewer_who_takes_nothing() {
    let origin = generous();
    let edge =
        Serving::start(tideover().args(["run", "--listen", "127.0.0.1:0", "--origin", &origin]));
    assert!(edge.get().starts_with("HTTP/1.1 200"));
    let before = resident(&edge);
    let mut viewers: Vec<TcpStream> = (0..VIEWERS)
        .map(|_| TcpStream::connect(&edge.address).expect("it listens"))
        .collect();
    for viewer in &mut viewers {
        viewer
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .expect("it is read");
    }
    for viewer in &mut viewers {
        // The beginning has come, and the rest stands.
        viewer.read_exact(&mut [0; 12]).expect("it is answered");
    }
    let mut kept = resident(&edge);
    // It ends with no event: once nothing more has come for a while, nothing will.
    let mut unchanged = 0;
    while unchanged < 4 {
        std::thread::sleep(std::time::Duration::from_millis(500));
        let now = resident(&edge);
        unchanged = if now <= kept { unchanged + 1 } else { 0 };
        kept = kept.max(now);
    }
    let each = kept.saturating_sub(before) / VIEWERS as u64;
    assert!(each <= KEPT_KIB, "{each} KiB for each");
}
