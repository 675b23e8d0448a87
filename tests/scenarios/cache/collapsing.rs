//! One fetch for all who ask at the same time, and nobody is worse off for it than alone.

use std::sync::Arc;

use harness::{
    Answer, Edge, Folder, Gate, Line, Protocol, Script, Step, answer, gate, in_front_of, ms,
    origin, patiently, viewer, viewer_by,
};
use tokio::task::JoinSet;

use super::s;

const MIB: usize = 1024 * 1024;

/// No two MiB of it are the same.
fn large(bytes: usize) -> Arc<Vec<u8>> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u8::try_from(state >> 24).unwrap_or_default()
    };
    Arc::new(std::iter::repeat_with(next).take(bytes).collect())
}

fn kept() -> Answer {
    answer(200).header("Cache-Control", "max-age=60")
}

fn private() -> Answer {
    answer(200).header("Cache-Control", "private")
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// A viewer that has asked, and reads nothing.
async fn asks(edge: &Edge, path: &str) -> Line {
    let mut line = viewer(edge).connects().await;
    line.sends(get(path)).await;
    line
}

/// So many viewers, each of whom has the head of its answer.
async fn have_a_head(edge: &Edge, count: usize, path: &'static str) -> Vec<Line> {
    let mut asking = JoinSet::new();
    for _ in 0..count {
        let viewer = viewer(edge);
        asking.spawn(async move {
            let mut line = viewer.connects().await;
            line.sends(get(path)).await;
            line.receives_a_head().await.expect(200);
            line
        });
    }
    asking.join_all().await
}

/// So many viewers ask; their answers in any order.
fn ask(edge: &Edge, count: usize, path: &str) -> JoinSet<harness::Response> {
    let mut asking = JoinSet::new();
    for _ in 0..count {
        let request = viewer(edge).get(path);
        asking.spawn(async move { request.await });
    }
    asking
}

#[tokio::test]
async fn a_thousand_who_ask_for_ten_megabytes_open_one_connection_and_get_the_same_bytes() {
    /// So many read all of it; the rest as much as tells a wrong copy.
    const READ_ALL: usize = 30;
    const FIRST: usize = 128 * 1024;
    let held = gate();
    let object = large(10 * MIB);
    let app = origin("app")
        .plays(kept().body(&*object).body_after(&held))
        .start()
        .await;
    let edge = in_front_of(&app)
        .flags(|flags| flags.workers = Some(2))
        .start()
        .await;

    let mut lines = have_a_head(&edge, 1000, "/a").await;
    // One that does not read: its socket is full long before the end.
    let stuck = lines.pop().expect("a thousand");
    held.open();
    let mut reading = JoinSet::new();
    for (nth, mut line) in lines.into_iter().enumerate() {
        let object = Arc::clone(&object);
        reading.spawn(async move {
            let length = if nth < READ_ALL { object.len() } else { FIRST };
            let bytes = line.receives_bytes(length as u64).await;
            assert!(bytes == object[..length], "viewer {nth} got something else");
        });
    }
    reading.join_all().await;

    assert_eq!((app.count(), app.connections()), (1, 1));
    viewer(&edge)
        .get("/a")
        .await
        .expect(200)
        .header("x-cache", "Hit from tideover");
    drop(stuck);
}

mod a_leader {
    use super::*;

    #[tokio::test]
    async fn that_goes_away_before_the_head_hands_over_to_one_who_waits() {
        let held = gate();
        let app = origin("app")
            .plays(kept().body("for all").after(&held))
            .start()
            .await;
        let edge = in_front_of(&app)
            .flags(|flags| flags.workers = Some(2))
            .start()
            .await;
        let leader = asks(&edge, "/a").await;
        app.until_it_saw(1).await;
        let followers = ask(&edge, 20, "/a");
        leader.resets();
        app.until_it_saw(2).await;
        held.open();
        for answer in followers.join_all().await {
            answer.expect(200).body("for all");
        }
        assert_eq!(app.count(), 2);
    }

    #[tokio::test]
    async fn that_goes_away_after_the_head_leaves_the_fetch_to_the_others() {
        let held = gate();
        let app = origin("app")
            .plays(kept().body("for all").body_after(&held))
            .start()
            .await;
        let edge = in_front_of(&app).start().await;
        let mut leader = asks(&edge, "/a").await;
        leader.receives_a_head().await.expect(200);
        let mut followers = have_a_head(&edge, 5, "/a").await;
        leader.resets();
        held.open();
        for line in &mut followers {
            assert_eq!(line.receives_bytes(7).await, b"for all");
        }
        assert_eq!(app.count(), 1);
    }

    #[tokio::test]
    async fn over_whose_request_the_origin_breaks_down_takes_nobody_with_it() {
        let held = gate();
        let breaks = Script::from([Step::ReadBody, Step::Wait(held.clone()), Step::Reset]);
        let app = origin("app")
            .in_turn([breaks.clone(), breaks, kept().body("for all").into()])
            .start()
            .await;
        let edge = in_front_of(&app).start().await;
        let mut poison = asks(&edge, "/a").await;
        app.until_it_saw(1).await;
        let followers = ask(&edge, 5, "/a");
        held.open();
        let answers = followers.join_all().await;
        poison.receives("GET").await;
        let good = answers.iter().filter(|answer| answer.status == 200).count();
        assert!(good >= 4, "{good} of five were answered");
    }
}

mod who_follows {
    use super::*;

    #[tokio::test]
    async fn is_cut_with_all_others_when_the_origin_breaks_off_and_nothing_is_kept() {
        let held = gate();
        let breaks = [
            Step::Send(
                b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\nhalf"
                    .into(),
            ),
            Step::Wait(held.clone()),
            Step::Reset,
        ];
        let app = origin("app")
            .in_turn([Script::from(breaks), kept().body("whole").into()])
            .start()
            .await;
        let edge = in_front_of(&app).start().await;
        let mut lines = have_a_head(&edge, 5, "/a").await;
        for line in &mut lines {
            assert_eq!(line.receives_bytes(4).await, b"half");
        }
        held.open();
        for line in &mut lines {
            line.until_closed().await;
        }
        viewer(&edge).get("/a").await.expect(200).body("whole");
        assert_eq!(app.count(), 2);
    }

    #[tokio::test]
    async fn of_a_private_answer_asks_at_once_and_the_next_wave_does_not_wait_at_all() {
        let (first, others) = (gate(), gate());
        let app = origin("app")
            .in_turn([
                private().body("mine").after(&first),
                private().body("mine").after(&others),
            ])
            .start()
            .await;
        let edge = in_front_of(&app)
            .flags(|flags| flags.workers = Some(2))
            .start()
            .await;
        let leader = ask(&edge, 1, "/a");
        app.until_it_saw(1).await;
        let followers = ask(&edge, 9, "/a");
        first.open();
        // All of them are there although none is answered: nobody waits for another.
        app.until_it_saw(10).await;
        let next = ask(&edge, 10, "/a");
        app.until_it_saw(20).await;
        others.open();
        for asking in [leader, followers, next] {
            for answer in asking.join_all().await {
                answer.expect(200).body("mine");
            }
        }
        assert_eq!(app.count(), 20);
    }

    #[tokio::test]
    async fn waits_no_longer_than_its_patience_however_many_leaders_leave() {
        let app = origin("app").plays([Step::Silence]).start().await;
        // Five seconds of patience are half a second.
        let edge = in_front_of(&app).time_scale(0.1).start().await;
        let mut leader = asks(&edge, "/a").await;
        app.until_it_saw(1).await;
        let _patient = ask(&edge, 2, "/a");
        let began = std::time::Instant::now();
        // Just before each of them has waited for long.
        tokio::time::sleep(ms(300)).await;
        drop(std::mem::replace(&mut leader, asks(&edge, "/b").await));
        // The one who leads now, the other one, and who asked for something else.
        app.until_it_saw(4).await;
        let waited = began.elapsed();
        assert!(waited < ms(750), "{waited:?}");
    }

    #[tokio::test]
    async fn and_differs_in_what_chose_the_answer_gets_its_own() {
        let held = gate();
        let english = kept().header("Vary", "Accept-Language").body("hello");
        let app = origin("app")
            .in_turn([
                english.after(&held),
                kept().header("Vary", "Accept-Language").body("hallo"),
            ])
            .start()
            .await;
        let edge = in_front_of(&app).start().await;
        let asks = |language: &str| {
            let request = viewer(&edge).get("/a").header("Accept-Language", language);
            tokio::spawn(async move { request.await })
        };
        let leader = asks("en");
        app.until_it_saw(1).await;
        let (same, other) = (asks("en"), asks("de"));
        held.open();
        leader.await.expect("no panic").body("hello");
        same.await.expect("no panic").body("hello");
        other.await.expect("no panic").body("hallo");
        assert_eq!(app.count(), 2);
        assert_eq!(app.requests()[1].value("accept-language"), "de");
    }

    #[tokio::test]
    async fn may_do_so_over_http2() {
        let held = gate();
        let object = large(MIB);
        let app = origin("app")
            .plays(kept().body(&*object).body_after(&held))
            .start()
            .await;
        let edge = in_front_of(&app).tls().start().await;
        let mut lines = have_a_head(&edge, 1, "/a").await;
        let mut asking = JoinSet::new();
        for _ in 0..5 {
            let request = viewer_by(&edge, Protocol::Http2).get("/b");
            asking.spawn(async move { request.await });
        }
        app.until_it_saw(2).await;
        held.open();
        for answer in asking.join_all().await {
            answer.expect(200).whole();
            assert!(answer.body == *object);
        }
        assert!(lines[0].receives_bytes(MIB as u64).await == *object);
        assert_eq!(app.count(), 2);
    }
}

mod while_a_fetch_goes_on {
    use super::*;

    async fn flowing(extra: &str) -> (Edge, harness::Origin, Gate, Line) {
        let held = gate();
        let app = origin("app")
            .in_turn([
                Script::from(kept().body("for all").body_after(&held)),
                Script::from(kept().body("alone")),
            ])
            .start()
            .await;
        let edge = in_front_of(&app).and(extra).start().await;
        let mut leader = asks(&edge, "/a").await;
        leader.receives_a_head().await.expect(200);
        (edge, app, held, leader)
    }

    #[tokio::test]
    async fn who_asks_for_a_head_or_a_part_does_not_wait_for_it() {
        let (edge, app, held, mut leader) = flowing("").await;
        viewer(&edge).head("/a").await.expect(200);
        let part = viewer(&edge).get("/a").header("Range", "bytes=0-1").await;
        part.expect(200).body("alone");
        held.open();
        assert_eq!(leader.receives_bytes(7).await, b"for all");
        assert_eq!(app.count(), 3);
    }

    #[tokio::test]
    async fn nobody_joins_it_where_that_is_not_wanted() {
        let (edge, app, held, _leader) = flowing("collapse = false").await;
        viewer(&edge).get("/a").await.expect(200).body("alone");
        held.open();
        assert_eq!(app.count(), 2);
    }

    #[tokio::test]
    async fn a_reload_changes_nothing_for_it() {
        let (edge, app, held, mut leader) = flowing("").await;
        edge.tries_to_reload().expect("the same config");
        let mut follower = asks(&edge, "/a").await;
        follower.receives_a_head().await.expect(200);
        held.open();
        for line in [&mut leader, &mut follower] {
            assert_eq!(line.receives_bytes(7).await, b"for all");
        }
        assert_eq!(app.count(), 1);
    }

    #[tokio::test]
    async fn a_drain_lets_it_and_its_readers_come_to_their_end() {
        let (edge, _app, held, mut leader) = flowing("").await;
        let mut follower = asks(&edge, "/a").await;
        follower.receives_a_head().await.expect(200);
        let drained = tokio::spawn(edge.shuts_down(ms(10_000)));
        held.open();
        for line in [&mut leader, &mut follower] {
            assert_eq!(line.receives_bytes(7).await, b"for all");
        }
        let summary = patiently("it ends", drained).await.expect("no panic");
        assert_eq!(summary.requests, 2);
    }

    #[tokio::test]
    async fn a_successor_fetches_for_its_own_viewers() {
        let held = gate();
        let app = origin("app")
            .in_turn([
                Script::from(kept().body("for all").body_after(&held)),
                Script::from(kept().body("alone")),
            ])
            .start()
            .await;
        let folder = Folder::new();
        let path = folder.path().join("edge.sock");
        let edge = || {
            let path = path.clone();
            in_front_of(&app).flags(|flags| flags.takeover = Some(path))
        };
        let old = edge().start().await;
        let mut leader = asks(&old, "/a").await;
        leader.receives_a_head().await.expect(200);
        let new = edge().takes_over_from(&old).start().await;
        let drained = tokio::spawn(old.shuts_down(ms(10_000)));
        viewer(&new).get("/a").await.expect(200).body("alone");
        held.open();
        assert_eq!(leader.receives_bytes(7).await, b"for all");
        patiently("the old one ends", drained)
            .await
            .expect("no panic");
    }
}

mod beyond_what_is_kept {
    use super::*;

    const LIMITS: &str = "[cache]\nmemory = \"4MiB\"\nobject = \"1MiB\"\nslice = \"64KiB\"\n";

    fn chunk(bytes: usize) -> Vec<u8> {
        [
            format!("{bytes:x}\r\n").into_bytes(),
            vec![b'x'; bytes],
            b"\r\n".to_vec(),
        ]
        .concat()
    }

    #[tokio::test]
    async fn a_body_without_length_goes_on_in_a_window_and_its_slowest_reader_holds_it_back() {
        let head =
            b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n";
        let endless = [
            Step::Send(head.to_vec()),
            Step::SendForever(chunk(64 * 1024)),
        ];
        let app = origin("app")
            .in_turn([Script::from(endless), Script::from(kept().body("anew"))])
            .start()
            .await;
        let edge = in_front_of(&app).and(LIMITS).start().await;
        let mut lines = have_a_head(&edge, 1, "/a").await;
        // Nobody reads: what is sent fills the sockets and the window, and no more.
        let sent = harness::settles(|| app.bytes_sent()).await;
        assert!(sent < 32 * MIB as u64, "{sent}");
        // Whoever comes now asks anew, for the first bytes may be gone.
        viewer(&edge).get("/a").await.expect(200).body("anew");
        // It goes on with who reads.
        let more = lines[0].receives_bytes(8 * MIB as u64).await;
        assert_eq!(more.len(), 8 * MIB);
        drop(lines);
        app.until_it_was_left().await;
    }

    #[tokio::test]
    async fn slow_readers_of_what_is_whole_keep_nothing_from_being_kept() {
        let object = large(MIB - 1024);
        let app = origin("app").plays(kept().body(&*object)).start().await;
        let edge = in_front_of(&app).and(LIMITS).start().await;
        let mut slow = Vec::new();
        for nth in 0..4 {
            let path = format!("/{nth}");
            // Whole as far as the origin goes, and read by nobody.
            let mut line = asks(&edge, &path).await;
            line.receives_a_head().await.expect(200);
            slow.push(line);
            patiently("it is kept", async {
                let is_kept = || async {
                    let told = viewer(&edge).head(&path).await;
                    told.value("x-cache").starts_with("Hit")
                };
                while !is_kept().await {
                    tokio::time::sleep(ms(5)).await;
                }
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_wave_that_finds_what_is_kept_too_old_asks_about_it_once() {
    let held = gate();
    let first = kept().header("ETag", "\"1\"").body("for all");
    let app = origin("app")
        .in_turn([
            first,
            answer(304)
                .header("Cache-Control", "max-age=60")
                .header("ETag", "\"1\"")
                .after(&held),
        ])
        .start()
        .await;
    let edge = in_front_of(&app)
        .flags(|flags| flags.workers = Some(2))
        .start()
        .await;
    viewer(&edge).get("/a").await.expect(200);
    edge.time_passes(s(61));
    let wave = ask(&edge, 30, "/a");
    app.until_it_saw(2).await;
    held.open();
    for answer in wave.join_all().await {
        answer.expect(200).body("for all");
    }
    assert_eq!(app.count(), 2);
}
