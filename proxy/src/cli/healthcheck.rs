//! `tideover healthcheck`: for container health checks, in an image that has no curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use http::{Method, StatusCode};

use super::client::ask;
use super::environment;

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
        .or_else(|| environment::set("TIDEOVER_STATUS"))
        .or_else(|| environment::set("TIDEOVER_ADMIN"))
        .unwrap_or_else(|| "127.0.0.1:9901".to_owned());
    let Some(address) = address(&written) else {
        return Err(super::wrong_usage(
            "healthcheck",
            &format!("`{written}` is no address; write IP:PORT, such as 127.0.0.1:9901"),
        ));
    };
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

/// Where to ask the listener that was told to be at `written`, in any spelling that `run` takes. Who listens on every address
/// is asked on loopback.
pub(super) fn address(written: &str) -> Option<SocketAddr> {
    if let Ok(mut address) = written.parse::<SocketAddr>() {
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            });
        }
        return Some(address);
    }
    let (host, port) = written.rsplit_once(':')?;
    if !matches!(host, "" | "*" | "localhost") {
        return None;
    }
    Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_listener_is_asked_where_it_was_told_to_be() {
        for (written, expected) in [
            ("127.0.0.1:9901", Some("127.0.0.1:9901")),
            ("192.0.2.1:80", Some("192.0.2.1:80")),
            ("0.0.0.0:9902", Some("127.0.0.1:9902")),
            ("[::]:9902", Some("[::1]:9902")),
            (":9902", Some("127.0.0.1:9902")),
            ("*:9902", Some("127.0.0.1:9902")),
            ("localhost:9902", Some("127.0.0.1:9902")),
            ("9902", None),
            ("edge.example.com:9902", None),
            (":99020", None),
        ] {
            let asked = address(written).map(|address| address.to_string());
            assert_eq!(asked.as_deref(), expected, "{written}");
        }
    }
}
