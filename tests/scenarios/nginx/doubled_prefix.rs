//! The original's own mistake: a proxied prefix that doubles, so that the application has no such page and the
//! maintenance site answers in its place. Here header and log tell why.

use harness::{Origin, answer, origin, viewer};

use super::*;

/// The application, and nginx before it as it was written: `location /` hands on to a path, which takes the place of `/`.
async fn application_and_vm() -> (Origin, Nginx) {
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
    (application, vm)
}

#[tokio::test]
async fn header_and_log_tell_why_the_maintenance_page_appears() {
    let (application, vm) = application_and_vm().await;
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

#[tokio::test]
async fn in_cloudfronts_place_the_log_tells_and_the_header_when_it_is_asked_for() {
    let (application, vm) = application_and_vm().await;
    let swa = swa().start().await;
    for shown in [None, Some("public")] {
        let edge = petclinic_json(&vm, &swa)
            .flags(|flags| flags.attempts = shown.map(str::to_owned))
            .logs("json")
            .start()
            .await;

        let response = viewer(&edge).get("/petclinic/owners").await;

        response.expect(200).body("from swa");
        if shown.is_some() {
            let told = response.value("tideover-attempts");
            assert!(told.starts_with("Azure-VM;status=404;ms="), "{told}");
            assert!(told.contains(", Azure-SWA;status=200;ms="), "{told}");
        } else {
            response
                .no_header("tideover-attempts")
                .no_header("proxy-status");
        }
        let line = &edge.log_json(1).await[0];
        let told: Vec<_> = line["attempts"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|attempt| (attempt["origin"].clone(), attempt["status"].clone()))
            .collect();
        assert_eq!(
            told,
            [
                ("Azure-VM".into(), 404.into()),
                ("Azure-SWA".into(), 200.into())
            ],
            "{line}"
        );
    }
    application.saw(["GET /petclinic/petclinic/owners"; 2]);
}
