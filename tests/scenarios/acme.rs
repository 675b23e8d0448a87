//! Certificates by ACME: from nothing to one that is trusted, its renewal, and authorities that refuse.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use harness::certificates::authority_pem;
use harness::{
    Authority, Edge, EdgeBuilder, Folder, Origin, Protocol, Refuses, authority, client_config,
    edge, in_front_of, is_trusted, ms, origin, patiently, shakes_hands, viewer, viewer_by,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const FAILED: &str = "tideover_certificate_orders_total{outcome=\"failed\"}";
const ISSUED: &str = "tideover_certificate_orders_total{outcome=\"issued\"}";

/// `edge` with a certificate for these names by this authority, kept in this folder.
fn ordering(
    edge: EdgeBuilder,
    authority: &Authority,
    folder: &Folder,
    domains: &str,
) -> EdgeBuilder {
    edge.file("ca.pem", &authority_pem())
        .and(&format!(
            r#"
            [tls.acme]
            directory = "{}"
            contact = "ops@shop.example"
            domains = {domains}
            folder = {:?}
            agree_to_terms = true
            ca = "ca.pem"
            "#,
            authority.url(),
            folder.path().join("acme"),
        ))
        .flags(|flags| flags.listen_tls = vec!["127.0.0.1:0".to_owned()])
}

async fn until_trusted(edge: &Edge, server_name: &str) {
    patiently("a certificate that is trusted", async {
        while !is_trusted(edge, server_name).await {
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await;
}

/// An edge in front of `app` whose orders run fast, and nothing else.
fn hasty(app: &Origin, scale: f64) -> EdgeBuilder {
    edge(&format!(
        r#"
        [distribution.site.default_behavior]
        target = "{}"
        [origin.{}]
        url = "http://{}.test"
        connection_timeout = "2m"
        response_timeout = "10m"
        [listen]
        head_timeout = "10m"
        body_timeout = "10m"
        [tls]
        handshake_timeout = "10m"
        "#,
        app.name(),
        app.name(),
        app.name()
    ))
    .origins([app])
    .time_scale(scale)
}

#[tokio::test]
async fn from_nothing_to_a_trusted_certificate_that_outlives_the_edge() {
    let app = origin("app").start().await;
    let authority = authority().start().await;
    let folder = Folder::new();
    let names = r#"["shop.example", "WWW.shop.example"]"#;
    // The proof is looked for over plain HTTP, whatever else is sent to HTTPS.
    let redirects = || in_front_of(&app).and("viewer_protocol = \"redirect-to-https\"\n");
    let edge = ordering(redirects(), &authority, &folder, names)
        .start()
        .await;
    assert!(!is_trusted(&edge, "shop.example").await, "nobody signed it");
    assert!((edge.metric("tideover_certificate_not_after_seconds").await).abs() < 0.5);

    authority.finds_names_at(edge.address());
    until_trusted(&edge, "shop.example").await;
    assert!(is_trusted(&edge, "www.shop.example").await);
    assert!(!is_trusted(&edge, "other.example").await);
    let tls = viewer_by(&edge, Protocol::Http2);
    tls.host("shop.example").get("/").await.expect(200);
    edge.until_metric(ISSUED, 1.0).await;
    assert!(edge.metric("tideover_certificate_not_after_seconds").await > 1e9);
    // The order is over, and so is its proof: the path is the behavior's again.
    let proof = viewer(&edge).host("shop.example");
    proof
        .get("/.well-known/acme-challenge/token-0_0")
        .await
        .expect(301);

    for file in every_file(&folder) {
        let mode = std::fs::metadata(&file)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    drop(edge);
    let edge = ordering(redirects(), &authority, &folder, names)
        .start()
        .await;
    assert!(
        is_trusted(&edge, "shop.example").await,
        "from the first moment on"
    );
    assert_eq!((authority.signed(), authority.orders()), (1, 1));

    // Another name needs another certificate, by the same account.
    drop(edge);
    let names = r#"["shop.example", "new.shop.example"]"#;
    let edge = ordering(redirects(), &authority, &folder, names)
        .start()
        .await;
    authority.finds_names_at(edge.address());
    assert!(
        is_trusted(&edge, "shop.example").await,
        "the old one is shown meanwhile"
    );
    until_trusted(&edge, "new.shop.example").await;
    assert_eq!((authority.signed(), authority.accounts()), (2, 1));
}

fn every_file(folder: &Folder) -> Vec<std::path::PathBuf> {
    let servers = std::fs::read_dir(folder.path().join("acme")).expect("it was made");
    let files: Vec<_> = servers
        .map(|server| server.expect("an entry").path())
        .flat_map(|server| std::fs::read_dir(server).expect("it is a folder"))
        .map(|file| file.expect("an entry").path())
        .collect();
    assert_eq!(files.len(), 3, "account, certificate and lock: {files:?}");
    files
}

/// Seconds are the finest that a certificate tells.
#[tokio::test]
async fn a_renewal_under_load_loses_no_request() {
    let app = origin("app").start().await;
    let authority = authority().lasts(Duration::from_secs(6)).start().await;
    let folder = Folder::new();
    let edge = ordering(
        hasty(&app, 0.01),
        &authority,
        &folder,
        r#"["shop.example"]"#,
    );
    let edge = Arc::new(edge.start().await);
    authority.finds_names_at(edge.address());
    until_trusted(&edge, "shop.example").await;

    let is_over = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicU32::new(0));
    let load: Vec<_> = [Protocol::Plain, Protocol::Tls, Protocol::Http2]
        .into_iter()
        .map(|protocol| {
            let (edge, is_over, served) =
                (Arc::clone(&edge), Arc::clone(&is_over), Arc::clone(&served));
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let viewer = viewer_by(&edge, protocol).host("shop.example");
                    // Every handshake is checked: an expired certificate would end it.
                    viewer.get("/").await.expect(200).body("from app").whole();
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let kept = {
        let (address, is_over) = (edge.tls_address(), Arc::clone(&is_over));
        tokio::spawn(async move {
            let config = client_config(Protocol::Tls);
            let shaken = shakes_hands(address, "shop.example", config).await;
            let mut connection = shaken.expect("it is trusted");
            while !is_over.load(Ordering::Relaxed) {
                let request = b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n";
                connection.write_all(request).await.expect("it is read");
                let mut answer = Vec::new();
                while !answer.ends_with(b"from app") {
                    let read = patiently("an answer", connection.read_buf(&mut answer)).await;
                    assert!(read.is_ok_and(|count| count > 0), "{answer:?}");
                }
                tokio::time::sleep(ms(50)).await;
            }
        })
    };
    authority.has_signed(3).await;
    is_over.store(true, Ordering::Relaxed);
    for viewer in load {
        viewer.await.expect("no request was lost");
    }
    assert!(served.load(Ordering::Relaxed) > 10);
    kept.await
        .expect("a connection of the first certificate is one to the end");
    assert!(edge.metric(FAILED).await.abs() < 0.5);
}

#[tokio::test]
async fn an_authority_that_refuses_is_asked_again_and_the_edge_goes_on() {
    let app = origin("app").start().await;
    let authority = authority()
        .refuses([
            Refuses::RateLimit,
            Refuses::Order,
            Refuses::Everything,
            Refuses::Proof,
        ])
        .start()
        .await;
    let folder = Folder::new();
    let edge = ordering(
        hasty(&app, 0.001),
        &authority,
        &folder,
        r#"["shop.example"]"#,
    )
    .start()
    .await;
    authority.finds_names_at(edge.address());
    edge.until_metric(FAILED, 1.0).await;
    viewer(&edge)
        .host("shop.example")
        .get("/")
        .await
        .expect(200);
    assert!(!is_trusted(&edge, "shop.example").await);
    until_trusted(&edge, "shop.example").await;
    assert_eq!((authority.orders(), authority.signed()), (5, 1));
    assert!((edge.metric(FAILED).await - 4.0).abs() < 0.5);
}

/// As it is after a break: the server has forgotten its nonces.
#[tokio::test]
async fn a_nonce_that_is_too_old_is_no_failure() {
    let app = origin("app").start().await;
    let authority = authority().refuses([Refuses::Nonce]).start().await;
    let folder = Folder::new();
    let edge = ordering(
        in_front_of(&app),
        &authority,
        &folder,
        r#"["shop.example"]"#,
    )
    .start()
    .await;
    authority.finds_names_at(edge.address());
    until_trusted(&edge, "shop.example").await;
    assert!(edge.metric(FAILED).await.abs() < 0.5);
}

#[tokio::test]
async fn an_authority_that_wants_a_renewal_gets_one() {
    let app = origin("app").start().await;
    let authority = authority().wants_renewals(1).start().await;
    let folder = Folder::new();
    let edge = ordering(
        hasty(&app, 0.001),
        &authority,
        &folder,
        r#"["shop.example"]"#,
    )
    .start()
    .await;
    authority.finds_names_at(edge.address());
    authority.has_signed(2).await;
    edge.until_metric(ISSUED, 2.0).await;
    assert_eq!((authority.replaced(), authority.orders()), (1, 2));
}

#[tokio::test]
async fn two_edges_with_one_folder_order_one_certificate() {
    let app = origin("app").start().await;
    let authority = authority().start().await;
    let folder = Folder::new();
    let names = r#"["shop.example"]"#;
    let first = ordering(hasty(&app, 0.01), &authority, &folder, names)
        .start()
        .await;
    // It is in the middle of its order now, and has the folder.
    patiently("an order", async {
        while authority.orders() < 1 {
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;
    let second = ordering(hasty(&app, 0.01), &authority, &folder, names)
        .start()
        .await;
    authority.finds_names_at(first.address());
    until_trusted(&first, "shop.example").await;
    until_trusted(&second, "shop.example").await;
    assert_eq!((authority.orders(), authority.signed()), (1, 1));
}

#[tokio::test]
async fn a_reload_begins_and_ends_ordering() {
    let app = origin("app").start().await;
    let authority = authority().start().await;
    let folder = Folder::new();
    let edge = ordering(
        in_front_of(&app),
        &authority,
        &folder,
        r#"["shop.example"]"#,
    )
    .start()
    .await;
    authority.finds_names_at(edge.address());
    until_trusted(&edge, "shop.example").await;
    edge.tries_to_reload().expect("nothing has changed");
    assert!(is_trusted(&edge, "shop.example").await);
    assert_eq!(authority.orders(), 1);
    edge.reloads(&format!(
        "{}\n[tls]\nself_signed = true",
        "[distribution.site.default_behavior]\ntarget = \"app\""
    ));
    assert!(!is_trusted(&edge, "shop.example").await);
    edge.tries_to_reload().expect("as it was");
    assert!(is_trusted(&edge, "shop.example").await, "from the folder");
    assert_eq!(authority.orders(), 1);
}

/// Whoever ordered a certificate elsewhere gets the question: one origin, once, whatever it answers.
#[tokio::test]
async fn a_search_for_anothers_proof_goes_to_one_origin_once() {
    let path = "/.well-known/acme-challenge/somebody-elses";
    for first in [origin("first").answers(503), origin("first").refuses()] {
        let (first, second) = (first.start().await, origin("second").start().await);
        let edge = harness::tiers([&first, &second], [503])
            .logs("json")
            .start()
            .await;
        viewer(&edge).get("/").await.expect(200).body("from second");
        let response = viewer(&edge).get(path).await;
        assert!(response.status >= 500, "{response:?}");
        let log = edge.log_json(2).await;
        let attempts = log[1]["attempts"].as_array().map(Vec::len);
        assert_eq!(attempts, Some(1), "{}", log[1]);
        second.saw(["GET /"]);
    }
}
