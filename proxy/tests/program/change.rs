//! Promise 7, played whole: the finished program under a steady load over both protocols, changed in every way that there is.

use std::net::SocketAddr;

use harness::certificates::Certificate;
use harness::{Folder, Origin, Steady, ms, origin, patiently, shown_certificate};
use rustix::process::Signal;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::{Serving, tideover};

/// Half of them over HTTP/2.
const VIEWERS: usize = 64;
const RELOADS: usize = 10;
const CERTIFICATES: usize = 5;

/// The thread of the viewers and the origins: the program is waited for on another one.
struct Stage {
    plays: Handle,
    _ends: oneshot::Sender<()>,
}

impl Stage {
    fn new() -> Self {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let plays = runtime.handle().clone();
        let (ends, ended) = oneshot::channel::<()>();
        std::thread::spawn(move || runtime.block_on(ended));
        Self { plays, _ends: ends }
    }

    fn until<F: Future>(&self, what: F) -> F::Output {
        self.plays.block_on(what)
    }

    /// What this program has in memory under the load, in KiB: the least of several looks, because what a moment needs comes
    /// on top.
    fn memory(&self, edge: &Serving, viewers: &Steady) -> u64 {
        let looks = (0..5).map(|_| {
            self.until(viewers.goes_on_for(1));
            edge.resident()
        });
        looks.min().expect("there were some")
    }
}

/// The edge as its operator wrote it, before these two origins.
struct Written<'a> {
    folder: &'a Folder,
    origins: [&'a Origin; 2],
}

impl Written<'_> {
    /// `asks` is the origin that everything goes to; `listens` is TOML.
    fn says(&self, asks: usize, listens: &str) {
        let [first, second] = self.origins.map(Origin::url);
        let name = self.origins[asks].name();
        let socket = self.folder.path().join("edge.sock");
        let text = format!(
            r#"
            [listen]
            http = {listens}
            https = "127.0.0.1:0"
            status = "127.0.0.1:0"
            takeover = "{}"
            [tls]
            certificates = [{{ certificate = "edge.pem" }}]
            [origin.first]
            url = "{first}"
            [origin.second]
            url = "{second}"
            [distribution.site.default_behavior]
            target = "{name}"
            "#,
            socket.display()
        );
        self.folder.write("config.toml", text);
    }

    /// As ACME clients do it: another file takes the place of the old one.
    fn shows(&self, certificate: &Certificate) {
        let pem = format!("{}{}", certificate.pem(), certificate.key_pem());
        let new = self.folder.write("new.pem", pem);
        std::fs::rename(new, self.folder.path().join("edge.pem")).expect("in place");
    }

    fn starts(&self) -> Serving {
        // Certificates are looked at ten times a second; every limit on an origin or a viewer is far away all the same.
        Serving::start(
            tideover()
                .args(["run", "--takeover", "--workers", "2", "--time-scale", "0.1"])
                .arg("--config")
                .arg(self.folder.path().join("config.toml")),
        )
    }
}

impl Serving {
    /// What of it is in memory, in KiB.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("Linux tells it");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let words = resident.expect("it has memory");
        let number = words.trim().trim_end_matches(" kB").parse();
        number.expect("it is a number")
    }

    fn address_for(&self, what: &str) -> SocketAddr {
        let beginning = format!("listening {what} ");
        let address = self
            .said
            .iter()
            .find_map(|line| line.strip_prefix(&beginning));
        let address = address.expect("it listens for that");
        address.trim().parse().expect("an address")
    }

    /// What it says of its requests, once it has ended well.
    fn drains(self) -> Summary {
        self.signal(Signal::TERM);
        let (code, _, err) = self.ends();
        assert_eq!(code, Some(0), "{err}");
        let summary = err
            .lines()
            .find_map(|line| line.split_once(" requests, "))
            .unwrap_or_else(|| panic!("no summary in {err}"));
        Summary {
            requests: summary.0.parse().expect("a number"),
            has_no_errors: summary.1.starts_with("0 errors "),
        }
    }
}

/// An edge's own account.
#[derive(Debug)]
struct Summary {
    requests: u64,
    has_no_errors: bool,
}

#[test]
fn reloads_certificates_takeovers_and_a_drain_lose_no_request_and_no_memory() {
    let stage = Stage::new();
    let folder = Folder::new();
    let (first, second) = stage.until(async {
        (
            origin("first").start().await,
            origin("second").start().await,
        )
    });
    let written = Written {
        folder: &folder,
        origins: [&first, &second],
    };
    let one = "\"127.0.0.1:0\"";
    let two = "[\"127.0.0.1:0\", \"127.0.0.2:0\"]";
    written.says(0, one);
    written.shows(&Certificate::good("localhost"));
    let mut edge = written.starts();
    let (plain, tls) = (edge.address_for("http"), edge.address_for("https"));
    let viewers = stage.until(async { Steady::begins(plain, tls, VIEWERS / 2) });
    stage.until(viewers.goes_on_for(5));

    let mut after_some = None;
    for change in 0..RELOADS {
        let (asks, listens, words) = match change % 2 {
            0 => (1, two, "reloaded (opened http 127.0.0.2:"),
            _ => (0, one, "reloaded (closed http 127.0.0.2:"),
        };
        let seen = written.origins[asks].count();
        written.says(asks, listens);
        edge.signal(Signal::HUP);
        edge.says(words);
        stage.until(viewers.goes_on_for(2));
        assert!(written.origins[asks].count() > seen + VIEWERS);

        if change < CERTIFICATES {
            let certificate = Certificate::good("localhost");
            written.shows(&certificate);
            stage.until(patiently("the new certificate is shown", async {
                while shown_certificate(tls, "localhost").await != certificate.der() {
                    tokio::time::sleep(ms(20)).await;
                }
            }));
            stage.until(viewers.goes_on_for(2));
        }
        // By then what requests take at most has been taken once.
        if change + 1 == RELOADS / 2 {
            after_some = Some(stage.memory(&edge, &viewers));
        }
    }
    // In one process: what each change leaves behind is there at its end.
    let before = after_some.expect("there were changes");
    let after = stage.memory(&edge, &viewers);
    assert!(
        after <= more_by_a_tenth(before),
        "{before} KiB, then {after}"
    );

    let mut served = Vec::new();
    for _ in 0..2 {
        let mut next = written.starts();
        next.says("taking over at");
        assert_eq!(
            (next.address_for("http"), next.address_for("https")),
            (plain, tls)
        );
        edge.says("a successor accepts from the same sockets");
        stage.until(viewers.goes_on_for(2));
        served.push(edge.drains());
        next.says("the predecessor is gone");
        // From one process to the next: one that has taken over needs no more than one that has begun by itself.
        let successors = stage.memory(&next, &viewers);
        assert!(
            successors <= more_by_a_tenth(before),
            "{before} KiB, then {successors} of the successor"
        );
        edge = next;
    }

    stage.until(viewers.goes_when_told());
    served.push(edge.drains());
    let counted = stage.until(viewers.goes());
    assert_eq!(counted.lost, [""; 0]);
    // Both sides count the same.
    let requests: u64 = served.iter().map(|summary| summary.requests).sum();
    assert_eq!(requests, counted.answered, "{served:?} {counted:?}");
    assert!(
        served.iter().all(|summary| summary.has_no_errors),
        "{served:?}"
    );
    // Each takeover and the drain has told everybody who did not come anew meanwhile.
    assert!(counted.told > 2 * VIEWERS as u64, "{counted:?}");
}

fn more_by_a_tenth(kib: u64) -> u64 {
    kib + kib / 10
}
