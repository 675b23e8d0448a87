//! The original set-up with real nginx: the VM and the maintenance site, killed, restarted and misconfigured.

mod crowd;
mod doubled_prefix;
mod faithful;
mod hung;
mod killed;
mod resilient;
mod restarted;

use harness::{
    EdgeBuilder, Nginx, NginxBuilder, certificates::Certificate, edge, edge_json, nginx,
};

/// The names of the original's origins.
const VM: &str = "Azure-VM";
const SWA: &str = "Azure-SWA";
const SWA_NAME: &str = "ashy-bay-04d02d100.6.azurestaticapps.net";

const PETCLINIC_JSON: &str = include_str!("../../examples/petclinic.cloudfront.json");
const PETCLINIC_TOML: &str = include_str!("../../examples/petclinic.toml");
const MAINTENANCE_PAGE: &str = include_str!("../../examples/maintenance.html");

/// Paths that are answered with the status they name.
fn answers_what_it_is_asked_for(name: &str) -> String {
    let statuses = [
        200, 204, 301, 302, 304, 400, 401, 403, 404, 405, 410, 416, 418, 429, 500, 501, 502, 503,
        504,
    ];
    let locations = statuses.map(|status| {
        let words = match status {
            204 | 304 => "".to_owned(),
            301 | 302 => "/elsewhere".to_owned(),
            _ => format!("\"{status} from {name}\""),
        };
        format!("location /answer/{status} {{ return {status} {words}; }}\n")
    });
    locations.concat()
}

/// The VM: `from vm` for everything, `/answer/503` and so on, `/closes` without an answer.
fn vm() -> NginxBuilder {
    let answers = answers_what_it_is_asked_for("vm");
    nginx(
        "vm",
        &format!(
            "{answers} location /closes {{ return 444; }} location / {{ return 200 \"from vm\"; }}"
        ),
    )
}

/// The maintenance site, over TLS: `from swa` for everything but `/answer/both/404` and so on.
fn swa() -> NginxBuilder {
    let answers = answers_what_it_is_asked_for("swa").replace("/answer/", "/answer/both/");
    nginx(
        "swa",
        &format!("{answers} location / {{ return 200 \"from swa\"; }}"),
    )
    .https(Certificate::good(SWA_NAME))
}

/// The original's distribution, falling through on these statuses only.
fn distribution(statuses: &[u16]) -> String {
    changed(|config| {
        config["OriginGroups"]["Items"][0]["FailoverCriteria"]["StatusCodes"] =
            serde_json::json!({ "Quantity": statuses.len(), "Items": statuses });
    })
}

fn changed(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut config = serde_json::from_str(PETCLINIC_JSON).expect("the example is JSON");
    change(&mut config);
    config.to_string()
}

/// The original's distribution as it stands, in front of these two.
fn petclinic_json(vm: &Nginx, swa: &Nginx) -> EdgeBuilder {
    edge_json(PETCLINIC_JSON)
        .map(VM, &vm.url())
        .map(SWA, &swa.url())
}

/// `petclinic.toml` in front of these two; its third member is the edge's own page.
fn petclinic_toml(vm: &Nginx, swa: &Nginx) -> EdgeBuilder {
    edge(PETCLINIC_TOML)
        .file("maintenance.html", MAINTENANCE_PAGE)
        .map("azure-vm", &vm.url())
        .map("azure-swa", &swa.url())
}
