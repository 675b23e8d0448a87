//! The finished program before real nginx, told who plays the origins by `--map`: the commands that a user types.

use std::net::SocketAddr;
use std::path::Path;

use harness::certificates::{Certificate, authority_pem};
use harness::{Folder, Nginx, Viewer, lines_of, ms, nginx, patiently, viewer_of};

use super::*;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

/// The VM: the status that the path names, else 200.
async fn vm() -> Nginx {
    let statuses = [400, 403, 404, 410, 429, 500, 501, 502, 503, 504];
    let named = statuses
        .map(|status| format!("location /answer/{status} {{ return {status} \"vm\"; }}"))
        .concat();
    nginx(
        "vm",
        &format!("{named} location / {{ return 200 \"vm\"; }}"),
    )
    .start()
    .await
}

/// The maintenance site, over TLS under its real name.
async fn swa() -> Nginx {
    nginx("swa", "location / { return 200 \"swa\"; }")
        .https(Certificate::good(
            "ashy-bay-04d02d100.6.azurestaticapps.net",
        ))
        .start()
        .await
}

/// `tideover run` with this example, these two in the places of its origins, and a log of JSON lines.
fn run(folder: &Folder, example: &str, vm: (&str, &Nginx), swa: (&str, &Nginx)) -> Serving {
    let authority = folder.write("authority.pem", authority_pem());
    let mut command = tideover();
    command
        .args(["run", "--listen", "127.0.0.1:0"])
        .arg("--config")
        .arg(Path::new(EXAMPLES).join(example))
        .arg("--map")
        .arg(format!("{}={}", vm.0, vm.1.url()))
        .arg("--map")
        .arg(format!("{}={}", swa.0, swa.1.url()))
        .arg("--origin-ca")
        .arg(authority)
        .arg("--access-log")
        .arg(folder.path().join("access.log"))
        .args(["--log-format", "json"]);
    // The example's own port is somebody else's business.
    if example.ends_with("toml") {
        command.args(["--admin", "127.0.0.1:0"]);
    }
    Serving::start(&mut command)
}

fn viewer(serving: &Serving) -> Viewer {
    let address: SocketAddr = serving.address.parse().expect("an address");
    viewer_of(address)
}

/// Who was asked for this path, with what came of it, in order: `azure-vm 404`.
fn asked(log: &[String], path: &str) -> Vec<String> {
    let of_the_path = |line: &String| {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        (line["path"] == path).then_some(line)
    };
    let line = log
        .iter()
        .find_map(of_the_path)
        .expect("the path was asked");
    // The line of a request that nobody was asked for has none.
    let attempts = line["attempts"].as_array().into_iter().flatten();
    attempts
        .map(|attempt| {
            let origin = attempt["origin"].as_str().unwrap_or_default();
            let came = match attempt["status"].as_u64() {
                Some(status) => status.to_string(),
                None => attempt["error"].as_str().unwrap_or_default().to_owned(),
            };
            format!("{origin} {came}")
        })
        .collect()
}

#[tokio::test]
async fn a_real_distribution_is_played_by_two_nginx() {
    let folder = Folder::new();
    let (mut vm, mut swa) = (vm().await, swa().await);
    let serving = run(
        &folder,
        "petclinic.cloudfront.json",
        ("Azure-VM", &vm),
        ("Azure-SWA", &swa),
    );
    let edge = viewer(&serving);
    let (miss, error) = ("Miss from cloudfront", "Error from cloudfront");

    // Everybody is up: the method, the path, the status, who answers, the verdict.
    let rows = [
        ("GET", "/owners", 200, "vm", miss),
        ("GET", "/answer/400", 400, "vm", error),
        ("GET", "/answer/410", 410, "vm", error),
        ("GET", "/answer/429", 429, "vm", error),
        ("GET", "/answer/501", 501, "vm", error),
        ("GET", "/answer/500", 200, "swa", miss),
        ("GET", "/answer/502", 200, "swa", miss),
        ("GET", "/answer/503", 200, "swa", miss),
        ("GET", "/answer/504", 200, "swa", miss),
        ("GET", "/answer/403", 200, "swa", miss),
        ("GET", "/answer/404", 200, "swa", miss),
        ("OPTIONS", "/answer/503", 503, "vm", error),
        ("POST", "/owners/new", 200, "vm", miss),
        ("DELETE", "/petclinic/owners/1", 200, "vm", miss),
    ];
    for (method, path, status, body, verdict) in rows {
        edge.request(method, path)
            .await
            .expect(status)
            .body(body)
            .header("x-cache", verdict)
            .no_header("tideover-attempts");
    }
    edge.post("/", "a=b")
        .await
        .expect(403)
        .header("x-cache", error);

    vm.is_killed().await;
    edge.get("/vm-dead").await.expect(200).body("swa");
    edge.post("/owners/vm-dead", "a=b")
        .await
        .expect(502)
        .header("x-cache", error);
    swa.is_killed().await;
    edge.get("/both-dead")
        .await
        .expect(502)
        .header("x-cache", error);
    vm.starts().await;
    edge.get("/vm-back").await.expect(200).body("vm");

    let requests = rows.len() + 5;
    let log = lines_of(&folder.path().join("access.log"), requests).await;
    assert_eq!(log.len(), requests);
    // Each origin has three attempts to connect.
    let (vm, swa) = ("Azure-VM refused", "Azure-SWA refused");
    for (path, expected) in [
        ("/owners", &["Azure-VM 200"][..]),
        ("/answer/500", &["Azure-VM 500", "Azure-SWA 200"]),
        ("/answer/410", &["Azure-VM 410"]),
        ("/", &[]),
        ("/vm-dead", &[vm, vm, vm, "Azure-SWA 200"]),
        ("/owners/vm-dead", &[vm, vm, vm]),
        ("/both-dead", &[vm, vm, vm, swa, swa, swa]),
        ("/vm-back", &["Azure-VM 200"]),
    ] {
        assert_eq!(asked(&log, path), expected, "{path}");
    }
    serving.signal(Signal::TERM);
    let (code, _, err) = serving.ends();
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains(&format!("{requests} requests")), "{err}");
}

#[tokio::test]
async fn three_tiers_end_with_a_page_that_cannot_fail() {
    let folder = Folder::new();
    let (mut vm, mut swa) = (vm().await, swa().await);
    let serving = run(
        &folder,
        "petclinic.toml",
        ("azure-vm", &vm),
        ("azure-swa", &swa),
    );
    let edge = viewer(&serving);
    let page = std::fs::read_to_string(Path::new(EXAMPLES).join("maintenance.html"))
        .expect("the page is beside the example");

    edge.get("/owners").await.expect(200).body("vm");
    for status in [500, 502, 503, 504, 403, 404] {
        let response = edge.get(&format!("/answer/{status}")).await;
        response
            .expect(200)
            .body("swa")
            .header_has("tideover-attempts", &format!("azure-vm;status={status};"))
            .header_has("tideover-attempts", "azure-swa;status=200;");
    }
    edge.post("/owners/new", "a=b").await.expect(200).body("vm");

    vm.is_killed().await;
    edge.get("/owners").await.expect(200).body("swa");
    edge.post("/owners/new", "a=b")
        .await
        .expect(503)
        .header("retry-after", "30")
        .body_has("othing was sent");
    swa.is_killed().await;
    edge.get("/owners")
        .await
        .expect(503)
        .body(&page)
        .header("retry-after", "120")
        .header_has("tideover-attempts", "last-page;status=503");
    swa.starts().await;
    edge.get("/owners").await.expect(200).body("swa");
    vm.starts().await;
    // So many failures have opened its breaker, which is looked at once a second.
    let mut asked = 12;
    patiently("the VM is asked again", async {
        loop {
            asked += 1;
            if edge.get("/owners").await.expect(200).text() == "vm" {
                return;
            }
            tokio::time::sleep(ms(50)).await;
        }
    })
    .await;

    serving.signal(Signal::TERM);
    let (code, _, err) = serving.ends();
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains(&format!("{asked} requests")), "{err}");
}
