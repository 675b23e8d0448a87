//! The two minutes: how long readers and writers notice that the primary is gone. The original set-up needed 120 s (two failed
//! checks 30 s apart and a TTL of 60 s); here real nginx tiers die in four ways under a steady load.
//!
//! `TIDEOVER_SCALE=1` plays it in real time and prints the table of the README; otherwise time goes faster.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use harness::{Edge, EdgeBuilder, Nginx, edge, ms, nginx, operator, patiently, viewer, viewer_of};
use tokio::task::JoinSet;

const THREE_TIER: &str = include_str!("../../examples/three-tier.toml");
const PAGE: &str = include_str!("../../examples/maintenance.html");

/// How the primary dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    /// Its port refuses.
    Refused,
    /// Connecting to it never ends.
    BlackHoled,
    /// It takes requests and says nothing.
    Silent,
    /// It answers 503.
    Answers503,
}

fn scale() -> f64 {
    let said = std::env::var("TIDEOVER_SCALE").ok();
    said.and_then(|said| said.parse().ok()).unwrap_or(0.2)
}

/// A tier that answers with its name, and 503 while the file `down` is in its folder.
async fn tier(name: &str) -> Nginx {
    tier_that(name, "").await
}

/// The same, whose answers may be used again for two seconds.
async fn tier_to_keep(name: &str) -> Nginx {
    tier_that(name, "add_header Cache-Control max-age=2;").await
}

async fn tier_that(name: &str, says: &str) -> Nginx {
    let server = format!(
        "if (-f $document_root/down) {{ return 503; }} location / {{ {says} return 200 \"from {name}\"; }}"
    );
    nginx(name, &server).start().await
}

/// One answer, as its viewer saw it.
#[derive(Clone, Debug)]
struct Answer {
    asked: Instant,
    took: Duration,
    status: u16,
    by: String,
}

async fn asks(answers: &Mutex<Vec<Answer>>, request: harness::Request) {
    let asked = Instant::now();
    let response = request.await;
    let answer = Answer {
        asked,
        took: asked.elapsed(),
        status: response.status,
        by: response.text(),
    };
    answers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(answer);
}

/// Readers and writers who ask without end, each after a short pause.
struct Crowd {
    ends: Arc<AtomicBool>,
    reads: Arc<Mutex<Vec<Answer>>>,
    writes: Arc<Mutex<Vec<Answer>>>,
    tasks: JoinSet<()>,
}

impl Crowd {
    fn begins(edge: &Edge) -> Self {
        let mut crowd = Self {
            ends: Arc::default(),
            reads: Arc::default(),
            writes: Arc::default(),
            tasks: JoinSet::new(),
        };
        for _ in 0..8 {
            let (viewer, ends) = (
                viewer(edge).host("www.goupang.shop"),
                Arc::clone(&crowd.ends),
            );
            let answers = Arc::clone(&crowd.reads);
            crowd.tasks.spawn(async move {
                while !ends.load(SeqCst) {
                    asks(&answers, viewer.get("/petclinic/")).await;
                    tokio::time::sleep(ms(10)).await;
                }
            });
        }
        // Writers come and go: who waits for an answer keeps nobody else from asking.
        let (viewer, ends) = (
            viewer(edge).host("www.goupang.shop"),
            Arc::clone(&crowd.ends),
        );
        let answers = Arc::clone(&crowd.writes);
        crowd.tasks.spawn(async move {
            let mut writers = JoinSet::new();
            let mut id = 0;
            while !ends.load(SeqCst) {
                id += 1;
                let (viewer, answers) = (viewer.clone(), Arc::clone(&answers));
                writers.spawn(async move {
                    let target = format!("/petclinic/owners/new?id={id}");
                    asks(&answers, viewer.post(&target, "name=George")).await;
                });
                tokio::time::sleep(ms(10)).await;
            }
            while let Some(ended) = writers.join_next().await {
                ended.expect("every write is answered");
            }
        });
        crowd
    }

    fn all(answers: &Mutex<Vec<Answer>>) -> Vec<Answer> {
        answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns when so many of `answers` in a row that were asked after `since` came from `tier` without delay.
    async fn until_served_by(answers: &Mutex<Vec<Answer>>, tier: &str, since: Instant) {
        patiently("the crowd is served by another", async {
            loop {
                let all = Self::all(answers);
                let mut lately = all.iter().rev().take_while(|answer| answer.asked > since);
                if (0..20).all(|_| lately.next().is_some_and(|answer| answer.by.contains(tier))) {
                    return;
                }
                tokio::time::sleep(ms(10)).await;
            }
        })
        .await;
    }

    async fn ends(mut self) -> (Vec<Answer>, Vec<Answer>) {
        self.ends.store(true, SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("every request is answered");
        }
        (Self::all(&self.reads), Self::all(&self.writes))
    }
}

/// No write reached a tier twice, nor two tiers.
fn no_write_was_sent_twice(tiers: [&Nginx; 2]) {
    let mut seen: HashMap<String, u32> = HashMap::new();
    for line in tiers.iter().flat_map(|tier| tier.log()) {
        if line.starts_with("POST ") {
            let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
            *seen.entry(target).or_default() += 1;
        }
    }
    let twice: Vec<_> = seen.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(!seen.is_empty());
}

/// The example, whose record is moved by these, and then stays for 5 s.
fn moved_by(fail_over: &str, fail_back: &str) -> EdgeBuilder {
    let mut config = THREE_TIER.to_owned();
    for (field, by, now) in [
        ("fail_over", "auto", fail_over),
        ("fail_back", "manual", fail_back),
    ] {
        let line = format!("{field} = \"{by}\"");
        assert!(config.contains(&line), "the example says {line}");
        config = config.replace(&line, &format!("{field} = \"{now}\""));
    }
    let held = "hold_down = \"5s\"\n[origin_group.reads]";
    edge(&config.replace("[origin_group.reads]", held)).file("maintenance.html", PAGE)
}

async fn dies(death: Death) {
    let scale = scale();
    let (mut aws, vm) = (tier("aws").await, tier("azure-vm").await);
    let swa = tier("azure-swa").await;
    let edge = moved_by("auto", "auto")
        .map("aws", &aws.url())
        .map("azure-vm", &vm.url())
        .map("azure-swa", &swa.url())
        .time_scale(scale)
        .start()
        .await;
    let crowd = Crowd::begins(&edge);
    let began = Instant::now();
    Crowd::until_served_by(&crowd.writes, "aws", began).await;
    Crowd::until_served_by(&crowd.reads, "aws", began).await;

    let died = Instant::now();
    let mut black_hole = None;
    match death {
        Death::Refused => aws.is_killed().await,
        Death::BlackHoled => black_hole = Some(aws.becomes_a_black_hole().await),
        Death::Silent => aws.is_stopped(true),
        Death::Answers503 => aws.writes("www/down", ""),
    }
    Crowd::until_served_by(&crowd.writes, "azure-vm", died).await;
    Crowd::until_served_by(&crowd.reads, "azure-vm", died).await;
    let dead = (Crowd::all(&crowd.reads), Crowd::all(&crowd.writes));

    let revived = Instant::now();
    match death {
        Death::Refused => aws.starts().await,
        Death::BlackHoled => {
            drop(black_hole);
            aws.starts().await;
        }
        Death::Silent => aws.is_stopped(false),
        Death::Answers503 => aws.removes("www/down"),
    }
    Crowd::until_served_by(&crowd.writes, "aws", revived).await;
    Crowd::until_served_by(&crowd.reads, "aws", revived).await;
    let (reads, writes) = crowd.ends().await;

    // Not one failed read, from the beginning to the end.
    let failed: Vec<_> = reads.iter().filter(|read| read.status != 200).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    // Writes failed for a while, told so, and none was sent twice.
    let nominal = |span: Duration| span.div_f64(scale);
    let first = writes
        .iter()
        .filter(|write| write.asked > died && write.by.contains("azure-vm"))
        .map(|write| nominal((write.asked + write.took).saturating_duration_since(died)))
        .min()
        .expect("writes arrive at the secondary");
    let lost = writes.iter().filter(|write| write.status != 200);
    let lost: Vec<_> = lost.collect();
    assert!(lost.iter().all(|write| write.status == 503), "{lost:#?}");
    let after_return = lost.iter().filter(|write| write.asked > revived).count();
    assert_eq!(after_return, 0, "the way back loses nothing");
    aws.logged(1).await;
    no_write_was_sent_twice([&aws, &vm]);
    // Within three checks a second apart, and a second. What is black-holed or silent costs its last check a second more, and
    // a write that was under way when it died waits for its own timers.
    let within = Duration::from_secs(match death {
        Death::Refused | Death::Answers503 => 4,
        Death::BlackHoled | Death::Silent => 5,
    });
    assert!(first <= within, "{death:?}: writes arrive after {first:?}");

    let slow = |answers: &[Answer]| {
        let slow = answers.iter().filter(|answer| {
            answer.asked > died - Duration::from_secs(1) && nominal(answer.took) > ms(100)
        });
        let slow: Vec<&Answer> = slow.collect();
        let longest = slow.iter().map(|answer| nominal(answer.took)).max();
        let last = slow
            .iter()
            .map(|answer| answer.asked.saturating_duration_since(died))
            .max();
        (
            slow.len(),
            longest.unwrap_or_default(),
            nominal(last.unwrap_or_default()),
        )
    };
    let (count, longest, last) = slow(&dead.0);
    println!(
        "| {death:?} | 0 of {} reads failed; {count} took longer than 0.1 s, {:.1} s at most, the last of them asked after {:.1} s | {:.1} s, {} told to come again |",
        dead.0.len(),
        longest.as_secs_f64(),
        last.as_secs_f64(),
        first.as_secs_f64(),
        lost.len(),
    );
}

#[tokio::test]
async fn a_primary_that_refuses_costs_no_read_and_moves_the_writes() {
    dies(Death::Refused).await;
}

#[tokio::test]
async fn a_black_hole_costs_no_read_and_moves_the_writes() {
    dies(Death::BlackHoled).await;
}

#[tokio::test]
async fn silence_costs_no_read_and_moves_the_writes() {
    dies(Death::Silent).await;
}

#[tokio::test]
async fn answers_of_503_cost_no_read_and_move_the_writes() {
    dies(Death::Answers503).await;
}

#[tokio::test]
async fn where_an_operator_moves_it_writes_get_their_clear_error_until_then() {
    let (mut aws, vm, swa) = (
        tier("aws").await,
        tier("azure-vm").await,
        tier("azure-swa").await,
    );
    let edge = moved_by("manual", "manual")
        .map("aws", &aws.url())
        .map("azure-vm", &vm.url())
        .map("azure-swa", &swa.url())
        .time_scale(0.1)
        .start()
        .await;
    let crowd = Crowd::begins(&edge);
    Crowd::until_served_by(&crowd.writes, "aws", Instant::now()).await;
    aws.is_killed().await;
    patiently("the record waits for an operator", async {
        while events(&edge, "record_waits").await == 0 {
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await;
    let waits = Instant::now();
    Crowd::until_served_by(&crowd.writes, "othing was sent", waits).await;
    vm.logged(0).await;
    assert!(!vm.log().iter().any(|line| line.starts_with("POST")));

    let ordered = Instant::now();
    operator(&edge).switches("record", "app", "secondary").await;
    Crowd::until_served_by(&crowd.writes, "azure-vm", ordered).await;
    let (reads, writes) = crowd.ends().await;
    assert!(reads.iter().all(|read| read.status == 200));
    let mut lost = writes.iter().filter(|write| write.status != 200);
    assert!(lost.all(|write| write.status == 503 && write.by.contains("othing was sent")));
    no_write_was_sent_twice([&aws, &vm]);
}

/// Nothing is left of the three tiers but what the edge has kept.
async fn all_die(death: Death) {
    let scale = scale();
    let mut tiers = [
        tier_to_keep("aws").await,
        tier_to_keep("azure-vm").await,
        tier_to_keep("azure-swa").await,
    ];
    let mut edge = moved_by("auto", "auto");
    for tier in &tiers {
        edge = edge.map(tier.name(), &tier.url());
    }
    let edge = edge.time_scale(scale).start().await;
    let crowd = Crowd::begins(&edge);
    Crowd::until_served_by(&crowd.reads, "aws", Instant::now()).await;

    let died = Instant::now();
    for tier in &mut tiers {
        match death {
            Death::Silent => tier.is_stopped(true),
            Death::Answers503 => tier.writes("www/down", ""),
            Death::Refused | Death::BlackHoled => tier.is_killed().await,
        }
    }
    // Until all that runs into their silence has come to its end, and what was fresh is long stale.
    let viewer = viewer(&edge).host("www.goupang.shop");
    patiently("it is served stale", async {
        loop {
            let read = viewer.get("/petclinic/").await;
            let told = read.value("cache-status").to_owned();
            if told.contains("hit; ttl=-")
                && died.elapsed() > Duration::from_secs(12).mul_f64(scale)
            {
                assert!(told.contains("; detail="), "{told}");
                read.expect(200).body("from aws");
                return;
            }
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await;
    // What nobody has kept gets the last page.
    let unknown = viewer.get("/petclinic/unknown").await;
    assert_eq!(unknown.status, 503, "{}", unknown.text());
    let stale = Instant::now();
    Crowd::until_served_by(&crowd.reads, "aws", stale).await;

    let revived = Instant::now();
    let [aws, ..] = &mut tiers;
    match death {
        Death::Silent => aws.is_stopped(false),
        Death::Answers503 => aws.removes("www/down"),
        Death::Refused | Death::BlackHoled => aws.starts().await,
    }
    patiently("it is fresh again", async {
        loop {
            let read = viewer.get("/petclinic/").await;
            if !read.value("cache-status").contains("ttl=-") {
                return;
            }
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await;
    let fresh = revived.elapsed().div_f64(scale);
    if death == Death::Silent {
        tiers.iter().for_each(|tier| tier.is_stopped(false));
    }
    let (reads, _) = crowd.ends().await;

    let failed: Vec<_> = reads.iter().filter(|read| read.status != 200).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let took = |read: &Answer| read.took.div_f64(scale);
    let dead = reads.iter().filter(|read| read.asked > died);
    let slow: Vec<_> = dead.clone().filter(|read| took(read) > ms(500)).collect();
    let longest = slow.iter().map(|read| took(read)).max();
    let last = slow
        .iter()
        .map(|read| read.asked.saturating_duration_since(died).div_f64(scale))
        .max();
    println!(
        "| all {death:?} | 0 of {} reads failed; {} took longer than 0.5 s, {:.1} s at most, the last of them asked after {:.1} s; fresh again after {:.1} s |",
        dead.count(),
        slow.len(),
        longest.unwrap_or_default().as_secs_f64(),
        last.unwrap_or_default().as_secs_f64(),
        fresh.as_secs_f64(),
    );
}

#[tokio::test]
async fn what_was_kept_is_read_on_when_all_tiers_refuse() {
    all_die(Death::Refused).await;
}

#[tokio::test]
async fn what_was_kept_is_read_on_when_all_tiers_are_silent() {
    all_die(Death::Silent).await;
}

#[tokio::test]
async fn what_was_kept_is_read_on_when_all_tiers_answer_503() {
    all_die(Death::Answers503).await;
}

/// 2 s up, 2 s down for a minute, at a tenth of the time.
#[tokio::test]
async fn a_flapping_primary_costs_no_read_and_the_writes_move_once_per_hold_down() {
    const SCALE: f64 = 0.1;
    let (aws, vm, swa) = (
        tier("aws").await,
        tier("azure-vm").await,
        tier("azure-swa").await,
    );
    // One failed probe is enough, so that every flap is seen.
    let text = THREE_TIER
        .replace(
            "failure_threshold = 3, recovery_threshold = 3",
            "failure_threshold = 1, recovery_threshold = 1",
        )
        .replace(
            "fail_back = \"manual\"",
            "fail_back = \"auto\"\nhold_down = \"10s\"",
        );
    let edge = edge(&text)
        .file("maintenance.html", PAGE)
        .map("aws", &aws.url())
        .map("azure-vm", &vm.url())
        .map("azure-swa", &swa.url())
        .time_scale(SCALE)
        .start()
        .await;
    let crowd = Crowd::begins(&edge);
    Crowd::until_served_by(&crowd.writes, "aws", Instant::now()).await;
    let began = Instant::now();
    for _ in 0..15 {
        aws.writes("www/down", "");
        tokio::time::sleep(Duration::from_secs(2).mul_f64(SCALE)).await;
        aws.removes("www/down");
        tokio::time::sleep(Duration::from_secs(2).mul_f64(SCALE)).await;
    }
    let lasted = began.elapsed().div_f64(SCALE);
    let (reads, writes) = crowd.ends().await;
    let failed: Vec<_> = reads.iter().filter(|read| read.status != 200).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let mut by: Vec<&str> = Vec::new();
    for write in writes.iter().filter(|write| write.status == 200) {
        if by.last() != Some(&write.by.as_str()) {
            by.push(&write.by);
        }
    }
    let moves = events(&edge, "record").await;
    let most = usize::try_from(lasted.as_secs() / 10 + 1).expect("a small number");
    assert!(
        (1..=most).contains(&moves),
        "{moves} moves within {lasted:?}; writes by {by:?}"
    );
    no_write_was_sent_twice([&aws, &vm]);
}

/// How many events of this kind there were.
async fn events(edge: &Edge, kind: &str) -> usize {
    let told = viewer_of(edge.admin()).get("/events.json").await;
    let told: serde_json::Value = serde_json::from_str(&told.text()).expect("it is JSON");
    let events = told["events"].as_array().expect("a list");
    events.iter().filter(|event| event["kind"] == kind).count()
}
