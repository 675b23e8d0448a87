//! `tideover healthcheck`: for container health checks, in an image that has no curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use http::{Method, StatusCode};

use super::client::ask;

/// Longer than an edge that is alive ever takes, shorter than a container runtime waits.
const PATIENCE: Duration = Duration::from_secs(3);

/// Flags of `healthcheck`.
#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    /// The admin or status listener of the edge [default: TIDEOVER_STATUS, else TIDEOVER_ADMIN, else 127.0.0.1:9901]
    address: Option<String>,
}

/// Exit code 0 if `/healthz` is answered with 200.
pub(super) fn healthcheck(options: &Options) -> anyhow::Result<ExitCode> {
    let written = options
        .address
        .clone()
        .or_else(|| std::env::var("TIDEOVER_STATUS").ok())
        .or_else(|| std::env::var("TIDEOVER_ADMIN").ok())
        .unwrap_or_else(|| "127.0.0.1:9901".to_owned());
    let Ok(address) = written.parse::<SocketAddr>() else {
        return Err(super::wrong_usage(
            "healthcheck",
            &format!("`{written}` is no address; write IP:PORT, such as 127.0.0.1:9901"),
        ));
    };
    let address = reachable(address);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let asked = ask(address, &Method::GET, "/healthz", "");
    let found = runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
    let trouble = match found {
        Ok(Ok(answer)) if answer.status == StatusCode::OK => return Ok(ExitCode::SUCCESS),
        Ok(Ok(answer)) => format!("it answers {}", answer.status),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {PATIENCE:?}"),
    };
    eprintln!("tideover: {address} is not healthy: {trouble}");
    Ok(ExitCode::FAILURE)
}

/// Who listens on every address is asked on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}
