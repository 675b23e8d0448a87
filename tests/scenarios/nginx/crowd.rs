//! Sixteen viewers who read and five who write, over and over, while a scenario does things to the VM's nginx.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use harness::{Edge, Line, Origin, Viewer, answer, ms, origin, patiently, viewer};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::*;

pub(super) const READERS: usize = 16;
/// Odd, so that each of them writes with a body and without in turn.
const WRITERS: usize = 5;
const PAGE_BYTES: usize = 300_000;
/// A page at once; slowly with its length; and slowly in chunks, whose end alone says whether it is whole.
const PATHS: [&str; 3] = ["/page", "/slow", "/chunked"];
/// nginx sends a second's worth at once and the rest later: whoever dies then dies in the middle of a body. What may hold
/// server-side includes has no known length.
const SLOWLY: &str = "location /slow { limit_rate 200k; alias www/page; } \
    location /chunked { limit_rate 200k; alias www/page; ssi on; ssi_types *; }";

fn page(tier: &str) -> String {
    tier.repeat(PAGE_BYTES / tier.len())
}

/// What one reader saw so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reads {
    /// Answers whose head has come.
    begun: usize,
    pub(super) from_vm: usize,
    pub(super) from_swa: usize,
    /// Answers whose head had come when the process died.
    pub(super) cut: usize,
}

impl Reads {
    fn all(self) -> usize {
        self.from_vm + self.from_swa + self.cut
    }
}

/// What became of the writes, by what their answers say.
#[derive(Debug, Default)]
pub(super) struct Writes {
    pub(super) taken: Vec<usize>,
    /// With the time to the answer.
    pub(super) nothing_sent: Vec<(usize, Duration)>,
    pub(super) outcome_unknown: Vec<usize>,
}

/// What everybody saw so far.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    readers: [Reads; READERS],
    writers: [usize; WRITERS],
}

/// The cast around the crowd: the edge of `petclinic.toml` with two workers, the VM and the maintenance site with a page
/// of 300,000 bytes each, and behind the VM an application that takes the writes, outlives nginx and counts.
pub(super) struct Crowd {
    pub(super) vm: Nginx,
    _swa: Nginx,
    _edge: Edge,
    application: Origin,
    over: Arc<AtomicBool>,
    seen: watch::Receiver<Seen>,
    readers: JoinSet<()>,
    writers: JoinSet<Writes>,
}

impl Crowd {
    pub(super) async fn starts() -> Self {
        let application = origin("application")
            .plays(answer(200).body("written"))
            .start()
            .await;
        let proxied = application.url();
        let vm = nginx(
            "vm",
            &format!("location /owners/ {{ proxy_pass {proxied}; }} {SLOWLY}"),
        )
        .file("page", page("vm"))
        .start()
        .await;
        let swa = nginx("swa", "location / { try_files /page =404; }")
            .file("page", page("swa"))
            .https(Certificate::good(SWA_NAME))
            .start()
            .await;
        let edge = petclinic_toml(&vm, &swa)
            .flags(|flags| flags.workers = Some(2))
            // Every read is to come to a tier.
            .keeps_nothing()
            .start()
            .await;

        let over = Arc::new(AtomicBool::new(false));
        let (told, seen) = watch::channel(Seen::default());
        let told = Arc::new(told);
        let mut readers = JoinSet::new();
        for reader in 0..READERS {
            let (over, told) = (Arc::clone(&over), Arc::clone(&told));
            readers.spawn(reads(reader, viewer(&edge), over, told));
        }
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (over, told) = (Arc::clone(&over), Arc::clone(&told));
            writers.spawn(writes(writer, viewer(&edge), over, told));
        }
        Self {
            vm,
            _swa: swa,
            _edge: edge,
            application,
            over,
            seen,
            readers,
            writers,
        }
    }

    /// What each reader saw so far.
    pub(super) fn reads(&self) -> [Reads; READERS] {
        self.seen.borrow().readers
    }

    /// Returns when every reader and every writer has had two answers more: the second was asked for after this began.
    pub(super) async fn goes_round(&mut self, what: &str) {
        let before = *self.seen.borrow();
        self.until(what, |now| {
            let mut read = before.readers.iter().zip(&now.readers);
            let mut written = before.writers.iter().zip(&now.writers);
            read.all(|(then, now)| now.all() >= then.all() + 2)
                && written.all(|(then, now)| *now >= then + 2)
        })
        .await;
    }

    /// Returns when every reader has had a page more from the VM, and every writer an answer more.
    pub(super) async fn reads_from_the_vm(&mut self) {
        let before = *self.seen.borrow();
        self.until("everybody reads from the VM", |now| {
            let mut read = before.readers.iter().zip(&now.readers);
            let mut written = before.writers.iter().zip(&now.writers);
            read.all(|(then, now)| now.from_vm > then.from_vm)
                && written.all(|(then, now)| now > then)
        })
        .await;
    }

    /// Returns when a quarter of the readers have the head of an answer whose body still comes.
    pub(super) async fn is_in_the_middle_of_bodies(&mut self) {
        self.until("slow answers are under way", |now| {
            let under_way = now.readers.iter().filter(|reads| reads.begun > reads.all());
            under_way.count() >= READERS / 4
        })
        .await;
    }

    async fn until(&mut self, what: &str, holds: impl Fn(&Seen) -> bool) {
        let held = patiently(what, self.seen.wait_for(holds)).await;
        // Who sees what it must not see has said so, and tells no more.
        held.map(|_| ())
            .unwrap_or_else(|_| panic!("everybody has left: {what}"));
    }

    /// Lets everybody end; what was seen.
    ///
    /// # Panics
    /// When somebody saw what nobody may see, or a write reached the application more often than its answer says.
    pub(super) async fn ends(mut self) -> ([Reads; READERS], Writes) {
        self.over.store(true, SeqCst);
        while let Some(reader) = self.readers.join_next().await {
            reader.expect("no reader saw what it must not see");
        }
        let mut all = Writes::default();
        while let Some(writes) = self.writers.join_next().await {
            let writes = writes.expect("no writer saw what it must not see");
            all.taken.extend(writes.taken);
            all.nothing_sent.extend(writes.nothing_sent);
            all.outcome_unknown.extend(writes.outcome_unknown);
        }
        let mut arrivals: HashMap<String, usize> = HashMap::new();
        for seen in self.application.requests() {
            *arrivals.entry(seen.target).or_default() += 1;
        }
        let nothing_sent = all.nothing_sent.iter().map(|(id, _)| *id).collect();
        for (answer, ids, least, most) in [
            ("taken", &all.taken, 1, 1),
            ("nothing sent", &nothing_sent, 0, 0),
            ("outcome unknown", &all.outcome_unknown, 0, 1),
        ] {
            for id in ids {
                let target = format!("/owners/{id}");
                let times = arrivals.get(&target).copied().unwrap_or_default();
                assert!(
                    (least..=most).contains(&times),
                    "{target} was answered {answer:?} and arrived {times} times"
                );
            }
        }
        (self.reads(), all)
    }
}

/// Reads a page over and over, on one connection as long as it lasts.
async fn reads(
    reader: usize,
    viewer: Viewer,
    over: Arc<AtomicBool>,
    told: Arc<watch::Sender<Seen>>,
) {
    let path = PATHS[reader % PATHS.len()];
    let pages = [page("vm"), page("swa")];
    let mut line: Option<Line> = None;
    while !over.load(SeqCst) {
        let mut open = match line.take() {
            Some(open) => open,
            None => viewer.connects().await,
        };
        open.sends(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            .await;
        let mut response = open.receives_a_head().await;
        told.send_modify(|seen| seen.readers[reader].begun += 1);
        open.receives_the_rest(&mut response).await;
        // Not one may fail: what was begun can be cut, and is seen to be.
        response.expect(200);
        let tier = response.value("tideover-attempts");
        if path == "/chunked" && tier.starts_with("azure-vm;status=200") {
            response.header("transfer-encoding", "chunked");
        }
        let body = &response.body;
        if response.whole {
            let which = pages.iter().position(|page| page.as_bytes() == body);
            told.send_modify(|seen| match which {
                Some(0) => seen.readers[reader].from_vm += 1,
                Some(_) => seen.readers[reader].from_swa += 1,
                None => panic!("a whole answer of {} bytes that nobody sent", body.len()),
            });
            line = Some(open);
        } else {
            let begun = pages[0].as_bytes().starts_with(body);
            assert!(begun, "a cut answer is the beginning of the VM's");
            told.send_modify(|seen| seen.readers[reader].cut += 1);
        }
    }
}

/// Writes over and over, each time something else, on one connection as long as it lasts.
async fn writes(
    writer: usize,
    viewer: Viewer,
    over: Arc<AtomicBool>,
    told: Arc<watch::Sender<Seen>>,
) -> Writes {
    let mut writes = Writes::default();
    let mut line = viewer.connects().await;
    for id in (writer..).step_by(WRITERS) {
        if over.load(SeqCst) {
            break;
        }
        // With and without a body: what has none could be sent again, and must not be.
        let (method, body) = if id % 2 == 0 {
            ("POST", "Content-Length: 3\r\n\r\na=b")
        } else {
            ("DELETE", "\r\n")
        };
        line.sends(format!(
            "{method} /owners/{id} HTTP/1.1\r\nHost: localhost\r\n{body}"
        ))
        .await;
        let response = line.receives(method).await;
        let text = response.text();
        match response.status {
            200 => writes.taken.push(id),
            503 if text.contains("othing was sent") => {
                writes.nothing_sent.push((id, response.took));
            }
            503 if text.contains("outcome unknown") => writes.outcome_unknown.push(id),
            // nginx itself says that it lost its application: never here.
            status => panic!("{status} for a write: {text}"),
        }
        if response.value("connection") == "close" {
            line = viewer.connects().await;
        }
        told.send_modify(|seen| seen.writers[writer] += 1);
        // For each write nginx opens a connection to its application: unbraked, the machine runs out of ports.
        tokio::time::sleep(ms(10)).await;
    }
    writes
}
