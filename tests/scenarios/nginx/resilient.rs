//! `petclinic.toml`: three members, the last of which cannot fail.

use harness::{AT_ONCE, edge, origin, viewer};

use super::*;

#[tokio::test]
async fn each_tier_answers_when_those_before_it_do_not() {
    let (mut vm, mut swa) = (vm().start().await, swa().start().await);
    let edge = petclinic_toml(&vm, &swa).start().await;

    let response = viewer(&edge).get("/owners").await;
    response.expect(200).body("from vm");
    response.header_has("tideover-attempts", "azure-vm;status=200");

    for status in [500, 502, 503, 504, 403, 404] {
        let response = viewer(&edge).get(&format!("/answer/{status}")).await;
        response.expect(200).body("from swa");
        response.header_has("tideover-attempts", &format!("azure-vm;status={status}"));
        response.header_has("tideover-attempts", "azure-swa;status=200");
    }

    vm.is_killed().await;
    viewer(&edge)
        .get("/owners")
        .await
        .expect(200)
        .body("from swa");

    swa.is_killed().await;
    viewer(&edge)
        .get("/owners")
        .await
        .expect(503)
        .body(MAINTENANCE_PAGE)
        .header("retry-after", "120")
        .header("cache-control", "no-store")
        .header_has("tideover-attempts", "last-page;status=503");

    vm.starts().await;
    viewer(&edge)
        .get("/owners")
        .await
        .expect(200)
        .body("from vm");
}

#[tokio::test]
async fn a_real_404_stays_one_where_nobody_else_has_the_page() {
    let vm = vm().start().await;
    let swa = nginx("swa", "location / { return 404 \"no such page here\"; }")
        .https(Certificate::good(SWA_NAME))
        .start()
        .await;
    let edge = petclinic_toml(&vm, &swa).start().await;
    viewer(&edge)
        .get("/answer/404")
        .await
        .expect(404)
        .body("404 from vm");
    viewer(&edge)
        .get("/answer/503")
        .await
        .expect(404)
        .body("no such page here");
}

#[tokio::test]
async fn failures_fall_through_without_being_chosen() {
    let swa = swa().start().await;
    for primary in [
        origin("vm").refuses(),
        origin("vm").black_hole(),
        origin("vm").never_answers(),
        origin("vm").resets_before_head(),
        origin("vm").stalls_mid_head(),
        origin("vm").not_http(),
        origin("vm").bad_certificate(),
    ] {
        let primary = primary.start().await;
        let edge = edge(PETCLINIC_TOML)
            .file("maintenance.html", MAINTENANCE_PAGE)
            .map("azure-vm", &primary.url())
            .map("azure-swa", &swa.url())
            .time_scale(0.1)
            .start()
            .await;
        viewer(&edge).get("/").await.expect(200).body("from swa");
    }
}

#[tokio::test]
async fn a_write_goes_to_the_vm_once_or_gets_a_clear_error_at_once() {
    let (mut vm, swa) = (vm().start().await, swa().start().await);
    let edge = petclinic_toml(&vm, &swa).start().await;
    viewer(&edge)
        .post("/owners/new", "a=b")
        .await
        .expect(200)
        .body("from vm");
    viewer(&edge).post("/", "a=b").await.expect(403);

    vm.is_killed().await;
    let mut took = Vec::new();
    for _ in 0..11 {
        let response = viewer(&edge).post("/owners/new", "a=b").await;
        response
            .expect(503)
            .header("retry-after", "30")
            .body_has("othing was sent");
        took.push(response.took);
    }
    // The middle one: how long the unluckiest waits says how busy the machine is.
    took.sort_unstable();
    assert!(took[took.len() / 2] < AT_ONCE, "{took:?}");
    assert_eq!(swa.log(), Vec::<String>::new());
}

/// What each of the two does with a path, who answers, and with what. The third is the page, which never follows a 403
/// or 404: "not here" is an answer, and better than "all is down".
#[tokio::test]
async fn of_two_and_the_page_the_right_one_answers() {
    let rows = [
        // (VM, site), (status, body)
        ((200, 200), (200, "from vm")),
        ((301, 200), (301, "")),
        ((410, 200), (410, "410 from vm")),
        ((500, 200), (200, "from swa")),
        ((502, 200), (200, "from swa")),
        ((503, 200), (200, "from swa")),
        ((504, 200), (200, "from swa")),
        ((403, 200), (200, "from swa")),
        ((404, 200), (200, "from swa")),
        ((404, 302), (302, "")),
        ((403, 404), (403, "403 from vm")),
        ((404, 404), (404, "404 from vm")),
        ((404, 500), (404, "404 from vm")),
        ((503, 403), (403, "403 from swa")),
        ((503, 404), (404, "404 from swa")),
        ((503, 410), (410, "410 from swa")),
        ((500, 500), (503, MAINTENANCE_PAGE)),
        ((503, 502), (503, MAINTENANCE_PAGE)),
        ((504, 503), (503, MAINTENANCE_PAGE)),
        ((502, 504), (503, MAINTENANCE_PAGE)),
    ];
    let answers = |name: &str, which: fn(&((u16, u16), (u16, &str))) -> u16| {
        let locations = rows.each_ref().map(|row| {
            let (vm, swa) = row.0;
            let words = match which(row) {
                200 => format!("200 \"from {name}\""),
                status @ (301 | 302) => format!("{status} /elsewhere"),
                status => format!("{status} \"{status} from {name}\""),
            };
            format!("location = /{vm}/{swa} {{ return {words}; }}\n")
        });
        locations.concat()
    };
    let vm = nginx("vm", &answers("vm", |row| row.0.0)).start().await;
    let swa = nginx("swa", &answers("swa", |row| row.0.1))
        .https(Certificate::good(SWA_NAME))
        .start()
        .await;
    let edge = petclinic_toml(&vm, &swa).start().await;
    for method in ["GET", "HEAD", "OPTIONS"] {
        for ((vm_says, swa_says), (status, body)) in rows {
            let target = format!("/{vm_says}/{swa_says}");
            let response = viewer(&edge).request(method, &target).await;
            let story = format!("{method}, the VM says {vm_says} and the site {swa_says}");
            assert_eq!(response.status, status, "{story}");
            if method == "HEAD" {
                assert_eq!(response.text(), "", "{story}");
            } else if !matches!(status, 301 | 302) {
                assert_eq!(response.text(), body, "{story}");
            }
        }
    }
}
