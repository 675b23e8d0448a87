//! The original's own mistake: a proxied prefix that doubles, so that the application has no such page and the
//! maintenance site answers in its place. Here header and log tell why.

use harness::{Origin, answer, origin, viewer};

use super::*;

/// The application below `/petclinic/`, as it ran on the VM.
async fn application() -> Origin {
    origin("application")
        .answers(404)
        .at("/petclinic/owners", answer(200).body("owners"))
        .start()
        .await
}

/// The VM's nginx as it was configured.
async fn doubling_vm(application: &Origin) -> Nginx {
    let proxied = application.url();
    nginx(
        "vm",
        &format!("location / {{ proxy_pass {proxied}/petclinic/; }}"),
    )
    .start()
    .await
}

#[tokio::test]
async fn header_and_log_tell_why_the_maintenance_page_appears() {
    let application = application().await;
    let vm = doubling_vm(&application).await;
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

/// CloudFront's own answer shows nothing of it, and neither does ours: here only the log tells, until the operator asks
/// for the header.
#[tokio::test]
async fn where_the_answer_must_look_like_cloudfronts_the_log_tells() {
    let application = application().await;
    let vm = doubling_vm(&application).await;
    let swa = swa().start().await;
    let edge = petclinic_json(&vm, &swa).logs("json").start().await;

    let response = viewer(&edge).get("/petclinic/").await;

    response
        .expect(200)
        .body("from swa")
        .header("x-cache", "Miss from cloudfront")
        .no_header("tideover-attempts")
        .no_header("proxy-status");
    application.saw(["GET /petclinic/petclinic/"]);
    let line = &edge.log_json(1).await[0];
    assert_eq!(line["attempts"][0]["origin"], VM);
    assert_eq!(line["attempts"][0]["status"], 404);
    assert_eq!(line["attempts"][1]["origin"], SWA);
    assert_eq!(line["attempts"][1]["delivered"], true);

    let edge = petclinic_json(&vm, &swa)
        .flags(|flags| flags.attempts = Some("public".to_owned()))
        .start()
        .await;
    let response = viewer(&edge).get("/petclinic/").await;
    response.expect(200).body("from swa");
    response.header_has("tideover-attempts", "Azure-VM;status=404;ms=");
    response.header_has("tideover-attempts", ", Azure-SWA;status=200;ms=");
    response.header_has("proxy-status", "Azure-SWA");
}
