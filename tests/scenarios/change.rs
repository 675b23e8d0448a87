//! Promise 7, the sockets' part: listeners come and go, a successor takes over, an edge ends, and nobody who connects or asks
//! is lost.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use harness::{
    Edge, EdgeBuilder, Folder, Line, Origin, Step, answer, gate, in_front_of, load, ms, origin,
    patiently, viewer, viewer_of,
};
use tideover::{ListenerKind, Protocol, StartError};

const HTTP: ListenerKind = ListenerKind::Viewers(Protocol::Http);
const VIEWERS: usize = 16;

/// An edge of two workers before an origin that always answers.
async fn of_two_workers() -> (Origin, EdgeBuilder) {
    let app = origin("app").start().await;
    let builder = in_front_of(&app).flags(|flags| flags.workers = Some(2));
    (app, builder)
}

/// Connections to `address`, on which nothing is said yet. Some may be accepted, the rest is in the accept queue.
async fn crowd(address: SocketAddr) -> Vec<Line> {
    let mut lines = Vec::new();
    for _ in 0..100 {
        lines.push(viewer_of(address).connects().await);
    }
    lines
}

/// Each of them asks, all at the same time, and is answered.
async fn is_served(lines: &mut [Line]) {
    for line in &mut *lines {
        line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
    }
    for line in lines {
        line.receives("GET").await.expect(200).body("from app");
    }
}

async fn until_refused(address: SocketAddr) {
    patiently("nobody listens there", async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await;
}

mod a_reload {
    use super::*;

    #[tokio::test]
    async fn opens_and_closes_listeners_and_those_that_stay_notice_nothing() {
        let (_app, builder) = of_two_workers().await;
        let edge = builder.start().await;
        let stays = edge.address();
        let viewers = load(stays, VIEWERS);

        for _ in 0..5 {
            viewers.answered(100).await;
            let reloaded = edge.listens_from_now_on(["127.0.0.1:0", "127.0.0.2:0"]);
            let [kept, new] = edge.addresses()[..] else {
                panic!("{:?}", edge.addresses());
            };
            assert_eq!(kept, stays);
            assert_eq!(reloaded.listeners.opened, [(HTTP, new)]);
            assert_eq!(reloaded.listeners.closed, []);
            let others = load(new, VIEWERS);
            others.answered(100).await;
            others.ends().await;

            let reloaded = edge.listens_from_now_on(["127.0.0.1:0"]);
            assert_eq!(reloaded.listeners.closed, [(HTTP, new)]);
            assert_eq!(edge.addresses(), [stays]);
            until_refused(new).await;
        }

        assert!(viewers.ends().await > 500);
    }

    #[tokio::test]
    async fn serves_whoever_is_in_the_queue_of_a_listener_that_it_closes() {
        let (_app, builder) = of_two_workers().await;
        let edge = builder
            .listens(["127.0.0.1:0", "127.0.0.2:0"])
            .start()
            .await;
        let goes = edge.addresses()[1];
        let mut lines = crowd(goes).await;

        edge.listens_from_now_on(["127.0.0.1:0"]);

        is_served(&mut lines).await;
        until_refused(goes).await;
    }

    #[tokio::test]
    async fn keeps_the_connections_of_a_listener_that_it_closes() {
        let (_app, builder) = of_two_workers().await;
        let edge = builder
            .listens(["127.0.0.1:0", "127.0.0.2:0"])
            .start()
            .await;
        let goes = edge.addresses()[1];
        let mut line = viewer_of(goes).connects().await;
        line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        line.receives("GET").await.expect(200);

        edge.listens_from_now_on(["127.0.0.1:0"]);
        until_refused(goes).await;

        for _ in 0..2 {
            line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            line.receives("GET").await.expect(200);
        }
    }

    #[tokio::test]
    async fn is_refused_whole_when_a_port_is_taken() {
        let (_app, builder) = of_two_workers().await;
        let edge = builder.start().await;
        let before = edge.address();
        let holds = TcpListener::bind("127.0.0.1:0").expect("a port");
        let taken = holds.local_addr().expect("an address");
        let viewers = load(before, VIEWERS);

        // Another answer to everything, and a listener that can be had, come with the one that cannot.
        let page =
            "[origin.page]\npage = true\n[distribution.site.default_behavior]\ntarget = \"page\"";
        let refused = edge.reloads_otherwise(page, |flags| {
            flags.listen = vec!["127.0.0.2:0".to_owned(), taken.to_string()];
        });

        let error = refused.expect_err("the port is taken");
        assert!(
            matches!(error, StartError::PortTaken { address, .. } if address == taken),
            "{error}"
        );
        assert_eq!(edge.addresses(), [before]);
        viewers.answered(100).await;
        viewers.ends().await;
    }

    /// The address is to change hands, from HTTP to TLS, so there are new sockets beside those that are accepted from; then
    /// something else of the new config cannot be had.
    #[tokio::test]
    async fn that_is_refused_late_loses_nobody_at_its_new_sockets() {
        let (_app, builder) = of_two_workers().await;
        let edge = Arc::new(builder.file("acme", "no folder").start().await);
        let before = edge.address();
        let viewers = load(before, VIEWERS);

        for _ in 0..20 {
            viewers.answered(20).await;
            let acme = r#"
                [distribution.site.default_behavior]
                target = "app"
                [tls.acme]
                directory = "https://acme.test/directory"
                contact = "ops@shop.example"
                domains = ["shop.example"]
                folder = "acme"
                agree_to_terms = true
            "#;
            // On another thread than the viewers': they go on coming meanwhile.
            let reloads = Arc::clone(&edge);
            let refused = tokio::task::spawn_blocking(move || {
                reloads.reloads_otherwise(acme, |flags| {
                    flags.listen = vec!["127.0.0.2:0".to_owned()];
                    flags.listen_tls = vec![before.to_string()];
                })
            });
            let refused = refused.await.expect("no panic");
            let error = refused.expect_err("there is no folder");
            assert!(matches!(error, StartError::Acme(_)), "{error}");
        }

        viewers.answered(100).await;
        viewers.ends().await;
        assert_eq!(edge.addresses(), [before]);
    }

    #[tokio::test]
    async fn may_widen_an_address_that_it_listens_on_itself() {
        let (_app, builder) = of_two_workers().await;
        let edge = builder.start().await;
        let before = edge.address();
        let everywhere = format!("0.0.0.0:{}", before.port());
        let mut lines = crowd(before).await;

        edge.listens_from_now_on([everywhere.as_str()]);

        is_served(&mut lines).await;
        viewer_of(before).get("/").await.expect(200);
    }

    #[tokio::test]
    async fn moves_the_status_listener() {
        let (_app, builder) = of_two_workers().await;
        let edge = builder.start().await;
        let before = edge.status();

        let reloaded = edge
            .reloads_otherwise(
                "[distribution.site.default_behavior]\ntarget = \"app\"",
                |flags| flags.status = Some("127.0.0.2:0".to_owned()),
            )
            .expect("it reloads");

        assert_eq!(reloaded.listeners.closed, [(ListenerKind::Status, before)]);
        viewer_of(edge.status()).get("/readyz").await.expect(200);
        until_refused(before).await;
    }

    #[tokio::test]
    async fn says_what_waits_for_a_restart() {
        let (_app, builder) = of_two_workers().await;
        let edge = builder.start().await;

        let reloaded = edge
            .reloads_otherwise(
                "[distribution.site.default_behavior]\ntarget = \"app\"\n[access_log]\nto = \"-\"",
                |flags| flags.workers = Some(1),
            )
            .expect("it reloads");

        assert_eq!(reloaded.stays, ["workers", "access_log"]);
    }
}

mod a_drain {
    use super::*;

    #[tokio::test]
    async fn serves_whoever_is_in_the_queue() {
        let (_app, builder) = of_two_workers().await;
        let edge = builder.start().await;
        let address = edge.address();
        let mut lines = crowd(address).await;

        let drains = tokio::spawn(edge.shuts_down(ms(8_000)));

        for line in &mut lines {
            line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .await;
        }
        for mut line in lines {
            line.receives("GET").await.expect(200);
            line.until_closed().await;
        }
        assert_eq!(drains.await.expect("it ends").requests, 100);
        until_refused(address).await;
    }

    #[tokio::test]
    async fn loses_nothing_of_a_steady_load() {
        for _ in 0..5 {
            let (_app, builder) = of_two_workers().await;
            let edge = builder.start().await;
            // Only those who keep their connections: a new one is refused at the end, which is right.
            let viewers = harness::Load::kept(edge.address(), VIEWERS);
            viewers.answered(200).await;
            viewers.goes_when_told();

            let drains = tokio::spawn(edge.shuts_down(ms(8_000)));

            let answered = viewers.goes().await;
            assert_eq!(drains.await.expect("it ends").requests, answered);
        }
    }

    #[tokio::test]
    async fn closes_at_once_what_has_been_quiet_for_a_while() {
        let (_app, builder) = of_two_workers().await;
        let edge = builder.start().await;
        let mut line = viewer(&edge).connects().await;
        line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        line.receives("GET").await.expect(200);
        tokio::time::sleep(ms(600)).await;

        let begins = std::time::Instant::now();
        edge.shuts_down(ms(60_000)).await;
        assert!(begins.elapsed() < ms(400), "{:?}", begins.elapsed());
        assert!(line.until_closed().await);
    }

    #[tokio::test]
    async fn takes_one_more_request_of_a_viewer_that_was_not_told() {
        let held = gate();
        let begins = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst";
        let app = origin("app")
            .at(
                "/",
                [
                    Step::Send(begins.into()),
                    Step::Wait(held.clone()),
                    Step::Send(b" half".into()),
                ],
            )
            .at("/next", answer(200).body("the last"))
            .start()
            .await;
        let edge = in_front_of(&app).start().await;
        let mut line = viewer(&edge).connects().await;
        line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut response = line.receives_a_head().await;
        response.expect(200).no_header("connection");
        let status = viewer_of(edge.status());

        // The head is out, and says nothing.
        let drains = tokio::spawn(edge.shuts_down(ms(8_000)));
        patiently("it drains", async {
            while status.get("/readyz").await.status != 503 {
                tokio::time::sleep(ms(5)).await;
            }
        })
        .await;
        held.open();
        line.receives_the_rest(&mut response).await;
        response.body("first half");

        line.sends("GET /next HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let last = line.receives("GET").await;
        last.expect(200)
            .body("the last")
            .header("connection", "close");
        line.until_closed().await;
        assert_eq!(drains.await.expect("it ends").requests, 2);
    }

    #[tokio::test]
    async fn may_be_announced_to_load_balancers_first() {
        let app = origin("app").start().await;
        let edge = in_front_of(&app)
            .and("[listen]\nhealth_path = \"/edge-health\"")
            .start()
            .await;
        let status = viewer_of(edge.status());
        viewer(&edge).get("/edge-health").await.expect(200);

        edge.looks_away();

        status.get("/readyz").await.expect(503).body("draining\n");
        status.get("/healthz").await.expect(200);
        viewer(&edge).get("/edge-health").await.expect(503);
        let mut line = viewer(&edge).connects().await;
        for _ in 0..2 {
            line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            line.receives("GET")
                .await
                .expect(200)
                .no_header("connection");
        }
    }
}

mod a_takeover {
    use super::*;

    /// An edge that lets a successor in.
    async fn that_is_succeeded(folder: &Folder, builder: EdgeBuilder) -> Edge {
        let path = folder.path().join("edge.sock");
        builder
            .flags(|flags| flags.takeover = Some(path))
            .start()
            .await
    }

    async fn succeeds(old: &Edge, app: &Origin, folder: &Folder, workers: usize) -> Edge {
        let path = folder.path().join("edge.sock");
        in_front_of(app)
            .flags(|flags| {
                flags.workers = Some(workers);
                flags.takeover = Some(path);
            })
            .takes_over_from(old)
            .start()
            .await
    }

    #[tokio::test]
    async fn loses_nothing_whatever_the_number_of_workers() {
        for workers in [1, 2, 3] {
            let folder = Folder::new();
            let (app, builder) = of_two_workers().await;
            let old = that_is_succeeded(&folder, builder).await;
            let address = old.address();
            let viewers = load(address, VIEWERS);
            viewers.answered(100).await;

            let new = succeeds(&old, &app, &folder, workers).await;
            assert_eq!((new.address(), new.status()), (address, old.status()));
            viewers.answered(200).await;
            old.shuts_down(ms(8_000)).await;
            viewers.answered(200).await;

            viewers.ends().await;
            assert!(new.summary().requests > 0);
            new.shuts_down(ms(8_000)).await;
            until_refused(address).await;
        }
    }

    #[tokio::test]
    async fn leaves_the_queue_to_the_successor() {
        let folder = Folder::new();
        let (app, builder) = of_two_workers().await;
        let old = that_is_succeeded(&folder, builder).await;
        let new = succeeds(&old, &app, &folder, 1).await;
        let mut lines = crowd(old.address()).await;

        let drains = tokio::spawn(old.shuts_down(ms(8_000)));

        is_served(&mut lines).await;
        drains.await.expect("it ends");
        viewer(&new).get("/").await.expect(200);
    }

    #[tokio::test]
    async fn may_be_taken_back_by_ending_the_successor() {
        let folder = Folder::new();
        let (app, builder) = of_two_workers().await;
        let old = that_is_succeeded(&folder, builder).await;
        let address = old.address();
        let viewers = load(address, VIEWERS);

        let new = succeeds(&old, &app, &folder, 2).await;
        viewers.answered(200).await;
        new.shuts_down(ms(8_000)).await;
        viewers.answered(200).await;
        viewers.ends().await;

        // Alone again, it takes its queue when it ends.
        tokio::time::sleep(ms(50)).await;
        let mut lines = crowd(address).await;
        let drains = tokio::spawn(old.shuts_down(ms(8_000)));
        is_served(&mut lines).await;
        drains.await.expect("it ends");
        until_refused(address).await;
    }

    #[tokio::test]
    async fn goes_on_from_one_to_the_next() {
        let folder = Folder::new();
        let (app, builder) = of_two_workers().await;
        let mut edge = that_is_succeeded(&folder, builder).await;
        let viewers = load(edge.address(), VIEWERS);

        for workers in [2, 1, 3] {
            let next = succeeds(&edge, &app, &folder, workers).await;
            viewers.answered(100).await;
            edge.shuts_down(ms(8_000)).await;
            viewers.answered(100).await;
            edge = next;
        }

        viewers.ends().await;
        let socket = folder.path().join("edge.sock");
        assert!(socket.exists());
        edge.shuts_down(ms(8_000)).await;
        assert!(!socket.exists(), "its name is left behind");
    }

    #[tokio::test]
    async fn is_for_this_user_only_and_in_the_place_of_nothing_else() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new();
        let (_app, builder) = of_two_workers().await;
        let _edge = that_is_succeeded(&folder, builder).await;
        let socket = folder.path().join("edge.sock");
        let mode = socket.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let file = folder.write("file", "of somebody's");
        for (path, words) in [(file, "no socket"), (socket, "--takeover")] {
            let config =
                "[distribution.d.default_behavior]\ntarget = \"p\"\n[origin.p]\npage = true";
            let flags = tideover_config::Overrides {
                listen: vec!["127.0.0.1:0".to_owned()],
                takeover: Some(path.clone()),
                ..Default::default()
            };
            let loaded = tideover_config::load_text(&path, config, &flags).expect("it loads");
            let error = tideover::start(loaded.edge).expect_err("it is not free");
            let StartError::Takeover { source, .. } = error else {
                panic!("{error}");
            };
            assert!(source.to_string().contains(words), "{source}");
        }
    }

    #[tokio::test]
    async fn finds_nobody_or_no_edge_there() {
        let folder = Folder::new();
        let path = folder.path().join("edge.sock");
        let given = tideover::Given::by_a_predecessor(&path).expect("no error");
        assert!(given.is_none());

        let left = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
        let held = gate();
        let opens = held.clone();
        let talks = tokio::task::spawn_blocking(move || {
            use std::io::Write;
            let (mut stream, _) = left.accept().expect("somebody comes");
            stream.write_all(&[b'x'; 1024]).expect("it reads");
            opens.open();
        });
        let refused =
            tokio::task::spawn_blocking(move || tideover::Given::by_a_predecessor(&path)).await;
        let error = refused.expect("no panic").expect_err("that is no edge");
        assert!(error.to_string().contains("no tideover"), "{error}");
        held.wait().await;
        talks.await.expect("it talks");
    }
}
