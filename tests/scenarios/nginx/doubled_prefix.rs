//! The original's own mistake: a proxied prefix that doubles, so that the application has no such page and the
//! maintenance site answers in its place. Here header and log tell why.

use harness::{answer, origin, viewer};

use super::*;

#[tokio::test]
async fn header_and_log_tell_why_the_maintenance_page_appears() {
    let application = origin("application")
        .answers(404)
        .at("/petclinic/owners", answer(200).body("owners"))
        .start()
        .await;
    let proxied = application.url();
    let vm = nginx(
        "vm",
        &format!("location / {{ proxy_pass {proxied}/petclinic/; }}"),
    )
    .start()
    .await;
    let swa = swa().start().await;
    let edge = petclinic_toml(&vm, &swa).logs("json").start().await;

    // Who leaves the prefix out gets the page, who writes it gets the maintenance site.
    viewer(&edge)
        .get("/owners")
        .await
        .expect(200)
        .body("owners");
    let response = viewer(&edge).get("/petclinic/owners").await;

    response.expect(200).body("from swa");
    response.header_has("tideover-attempts", "azure-vm;status=404;ms=");
    response.header_has("tideover-attempts", ", azure-swa;status=200;ms=");
    application.saw(["GET /petclinic/owners", "GET /petclinic/petclinic/owners"]);

    let lines = edge.log_json(2).await;
    let attempts = &lines[1]["attempts"];
    assert_eq!(attempts[0]["origin"], "azure-vm");
    assert_eq!(attempts[0]["status"], 404);
    assert_eq!(attempts[1]["origin"], "azure-swa");
    assert_eq!(attempts[1]["delivered"], true);
    // The same id is in nginx's log, in the header and in ours.
    let id = response.value("x-request-id");
    assert_eq!(lines[1]["request_id"], id);
    assert_eq!(
        vm.logged(2).await[1],
        format!("GET /petclinic/owners 404 {id}")
    );
}
