//! What the cache takes for each thing that it keeps, beyond the thing itself: fills the release program with as many small
//! answers as is said (a million) by asking for them, and looks at the memory that is its own before and after.
//!
//! ```sh
//! cargo build --release --package tideover --package tideover-benches --bin tideover --bin keys
//! target/release/keys             # a million; or: target/release/keys 10000000
//! ```
//!
//! The payload is what a viewer would recognise: host and path, the lines of the origin's head, the body. The rest of the key,
//! the index, rounding by the allocator and all that is known of an answer are beyond it.
#![expect(clippy::cast_precision_loss, reason = "no count comes near 2^52")]

#[expect(dead_code, reason = "the gates need more of it")]
#[path = "counts/cast.rs"]
mod cast;
#[path = "counts/memory.rs"]
mod memory;
#[expect(dead_code, reason = "the gates need more of it")]
#[path = "counts/program.rs"]
mod program;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Context, ensure};
use program::Program;

const MILLION: u64 = 1_000_000;
/// Kept before the first look: what serving anything at all costs is no entry's.
const BEFORE: u64 = 10_000;
/// Asked for again at the end.
const SAMPLE: u64 = 1_000;
/// Viewers, and how many requests each sends before it reads.
const VIEWERS: u64 = 16;
const BATCH: u64 = 32;
/// Nobody waits longer for an answer.
const PATIENCE: Duration = Duration::from_mins(1);

const HOST: &str = "www.shop.example.com";
const BODY_BYTES: usize = 100;
const HEAD: [&str; 8] = [
    "Server: nginx/1.22.1",
    "Content-Type: text/html; charset=utf-8",
    "Content-Length: 100",
    "Cache-Control: public, max-age=86400",
    "ETag: \"65f1a2b3-64\"",
    "Last-Modified: Mon, 23 Nov 2026 10:11:12 GMT",
    "Accept-Ranges: bytes",
    "X-Request-Id: 6f1b2c3d4e5f60718293a4b5c6d7e8f9",
];

fn main() -> anyhow::Result<()> {
    let keys = match std::env::args().nth(1) {
        Some(count) => count.replace('_', "").parse()?,
        None => MILLION,
    };
    ensure!(keys > 2 * BEFORE, "fewer than {} say nothing", 2 * BEFORE);

    let mut answer = format!("HTTP/1.1 200 OK\r\n{}\r\n\r\n", HEAD.join("\r\n")).into_bytes();
    answer.extend(std::iter::repeat_n(b'x', BODY_BYTES));
    let (origin, asked) = cast::origin(answer)?;

    let folder = std::env::current_exe()?.with_file_name("keys-run");
    std::fs::create_dir_all(&folder)?;
    let config = folder.join("tideover.toml");
    std::fs::write(&config, config_for(origin, keys))?;
    let edge = Program::beside(
        "tideover",
        &["run", "--config", &config.display().to_string()],
    )?
    .start(&folder.join("said"))?;
    let mut viewers = (0..VIEWERS)
        .map(|_| Viewer::come(edge.address()?))
        .collect::<anyhow::Result<Vec<_>>>()?;

    ask(&mut viewers, 0..BEFORE, 1)?;
    let before = memory::private_bytes(edge.process())?;
    ask(&mut viewers, BEFORE..keys, 1)?;
    let after = memory::private_bytes(edge.process())?;
    ensure!(
        asked.load(Relaxed) == keys,
        "the origin was asked {} times for {keys} keys",
        asked.load(Relaxed)
    );
    // What is not kept any more makes room, and the figure would be of another number of entries.
    ask(&mut viewers, 0..keys, keys / SAMPLE)?;
    let lost = asked.load(Relaxed) - keys;
    ensure!(
        lost == 0,
        "{lost} of a sample of about {SAMPLE} are not kept: the figure would be of fewer entries"
    );
    drop(viewers);
    edge.end()?;

    let entries = (keys - BEFORE) as f64;
    let each = after.saturating_sub(before) as f64 / entries;
    let head: usize = HEAD.iter().map(|line| line.len() + 2).sum();
    let payload = HOST.len() + path(0).len() + head + BODY_BYTES;
    println!(
        "{keys} kept: {each:.1} bytes each; payload {payload} (host and path {}, head {head}, body {BODY_BYTES}); \
         beyond it {:.1}",
        HOST.len() + path(0).len(),
        each - payload as f64
    );
    Ok(())
}

fn config_for(origin: SocketAddr, keys: u64) -> String {
    // Twice what an entry takes, as far as is known: nothing is to be evicted.
    let memory = keys / 500 + 1024;
    format!(
        r#"
[listen]
workers = 1
http = "127.0.0.1:0"
[cache]
memory = "{memory}MiB"
[access_log]
to = "off"
[origin.one]
url = "http://{origin}"
[distribution.site.default_behavior]
target = "one"
cache = "origin"
"#
    )
}

/// With the host, 60 bytes.
fn path(key: u64) -> String {
    format!("/products/{key:010}/pictures/front.html")
}

/// Asks for every `step`th of the keys, and waits for all answers.
fn ask(viewers: &mut [Viewer], keys: Range<u64>, step: u64) -> anyhow::Result<()> {
    let mut keys = keys.step_by(usize::try_from(step)?).peekable();
    while keys.peek().is_some() {
        let mut waiting = Vec::new();
        for viewer in &mut *viewers {
            let batch: Vec<u64> = keys.by_ref().take(usize::try_from(BATCH)?).collect();
            viewer.ask(&batch)?;
            waiting.push(batch.len());
        }
        for (viewer, count) in viewers.iter_mut().zip(waiting) {
            for _ in 0..count {
                viewer.is_answered()?;
            }
        }
    }
    Ok(())
}

/// One with a kept connection.
struct Viewer(BufReader<TcpStream>);

impl Viewer {
    fn come(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    fn ask(&mut self, keys: &[u64]) -> anyhow::Result<()> {
        let mut requests = String::new();
        for key in keys {
            write!(
                requests,
                "GET {} HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
                path(*key)
            )?;
        }
        Ok(self.0.get_mut().write_all(requests.as_bytes())?)
    }

    fn is_answered(&mut self) -> anyhow::Result<()> {
        let mut line = String::new();
        self.0.read_line(&mut line).context("no answer")?;
        ensure!(line.starts_with("HTTP/1.1 200 "), "answered {line:?}");
        while line != "\r\n" {
            line.clear();
            ensure!(self.0.read_line(&mut line)? > 0, "the answer broke off");
        }
        Ok(self.0.read_exact(&mut [0; BODY_BYTES])?)
    }
}
