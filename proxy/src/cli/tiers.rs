//! The stage of demo and drill: PetClinic as "aws" and as "azure-vm", a maintenance site as "azure-swa", the last page,
//! and an edge in front of them, all on loopback in this process.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tideover::RunningEdge;
use tideover_config::{Overrides, load_text};

use super::maintenance::Maintenance;
use super::petclinic::{Owners, PetClinic};
use super::tier::Tier;

/// How long the edge waits for a tier, as written in its config.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Twice, one after the other.
    pub(super) connection_timeout: &'static str,
    pub(super) response_timeout: &'static str,
    /// For all tiers together.
    pub(super) deadline: &'static str,
}

/// The three tiers that can fail. Lives inside a tokio `LocalRuntime`.
#[derive(Debug)]
pub(super) struct Tiers {
    pub(super) aws: Tier,
    pub(super) vm: Tier,
    pub(super) swa: Tier,
}

impl Tiers {
    /// All of them up, on ports of their own.
    pub(super) fn start() -> io::Result<Self> {
        let owners = Owners::usual();
        Ok(Self {
            aws: Tier::start("aws", PetClinic::on_aws(owners.clone()))?,
            vm: Tier::start("azure-vm", PetClinic::on_azure_vm(owners))?,
            swa: Tier::start("azure-swa", Maintenance)?,
        })
    }

    /// In the order in which the edge asks them.
    pub(super) fn all(&self) -> [&Tier; 3] {
        [&self.aws, &self.vm, &self.swa]
    }

    /// An edge in front of them, at `listen`; if wanted also with TLS, by a certificate that it makes itself.
    pub(super) fn edge(
        &self,
        patience: Patience,
        listen: SocketAddr,
        listen_tls: Option<SocketAddr>,
    ) -> anyhow::Result<RunningEdge> {
        let overrides = Overrides {
            listen: vec![listen.to_string()],
            listen_tls: listen_tls.iter().map(SocketAddr::to_string).collect(),
            tls_self_signed: true,
            ..Overrides::default()
        };
        let loaded = load_text(Path::new("demo.toml"), &self.config(patience), &overrides)?;
        Ok(tideover::start(loaded.edge)?)
    }

    /// What an operator would write for this.
    pub(super) fn config(&self, patience: Patience) -> String {
        let Patience {
            connection_timeout,
            response_timeout,
            deadline,
        } = patience;
        let mut text = String::new();
        for tier in self.all() {
            text += &format!(
                "[origin.{}]\nurl = \"http://{}\"\nconnection_attempts = 2\n\
                 connection_timeout = \"{connection_timeout}\"\nresponse_timeout = \"{response_timeout}\"\n\n",
                tier.name(),
                tier.address(),
            );
        }
        text += &format!(
            r#"[origin.last-page]
page = true
status = 503
retry_after = "120s"

[origin_group.tiers]
members = ["aws", "azure-vm", "azure-swa", "last-page"]
fail_over_on = [500, 502, 503, 504, 403, 404]
deadline = "{deadline}"

[[distribution.petclinic.behavior]]
path = "/petclinic/owners/*"
for_methods = ["POST", "PUT", "PATCH", "DELETE"]
target = "azure-vm" # writes go to one place, once

[distribution.petclinic.default_behavior]
target = "tiers"
"#
        );
        text
    }
}
