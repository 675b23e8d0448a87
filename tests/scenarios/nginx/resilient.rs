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
            .time_scale(0.05)
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
    let mut quickest = None;
    for _ in 0..10 {
        let response = viewer(&edge).post("/owners/new", "a=b").await;
        response
            .expect(503)
            .header("retry-after", "30")
            .body_has("nothing was sent");
        quickest = quickest.into_iter().chain([response.took]).min();
    }
    assert!(
        quickest.is_some_and(|quickest| quickest < AT_ONCE),
        "{quickest:?}"
    );
    assert_eq!(swa.log(), Vec::<String>::new());
}
