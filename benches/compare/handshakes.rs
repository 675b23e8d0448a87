//! A load generator that makes a new connection with a full TLS 1.3 handshake for each request: X25519, nothing resumed.
//!
//! `handshakes --connections 64 --seconds 5 https://127.0.0.1:8000/1k` asks as fast as the answers come and prints one line of
//! JSON: requests answered, those of them that failed, seconds. It does not look at certificates: what that takes would be the
//! generator's, which shares a core with the origin.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, ProtocolVersion,
    SignatureScheme, StreamOwned,
};

/// Whatever takes longer is a failed request.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    match Plan::from_arguments(std::env::args().skip(1)).and_then(|plan| run(&plan)) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("handshakes: {problem:#}");
            ExitCode::from(2)
        }
    }
}

#[derive(Debug, PartialEq)]
struct Plan {
    address: SocketAddr,
    path: String,
    connections: u32,
    span: Duration,
}

impl Plan {
    fn from_arguments(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut plan = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            path: String::new(),
            connections: 64,
            span: Duration::from_secs(5),
        };
        while let Some(name) = arguments.next() {
            if let Some(target) = name.strip_prefix("https://") {
                let (address, path) = target.split_once('/').context("an URL has a path")?;
                plan.address = address
                    .parse()
                    .context("an URL with an address and a port")?;
                plan.path = format!("/{path}");
                continue;
            }
            let value = arguments
                .next()
                .with_context(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--connections" => plan.connections = value.parse().context(name)?,
                "--seconds" => plan.span = Duration::from_secs(value.parse().context(name)?),
                _ => anyhow::bail!("{name} is not known"),
            }
        }
        ensure!(
            plan.address.port() > 0,
            "it needs https://ADDRESS:PORT/PATH"
        );
        ensure!(plan.connections > 0, "--connections is above 0");
        Ok(plan)
    }
}

fn run(plan: &Plan) -> anyhow::Result<String> {
    let config = Arc::new(viewer()?);
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        plan.path, plan.address
    );
    let begun = Instant::now();
    let (mut requests, mut failed) = (0_u64, 0_u64);
    thread::scope(|scope| {
        let viewers: Vec<_> = (0..plan.connections)
            .map(|_| {
                scope.spawn(|| {
                    let (mut requests, mut failed) = (0, 0);
                    while begun.elapsed() < plan.span {
                        requests += 1;
                        failed += u64::from(ask(plan.address, &config, &request).is_err());
                    }
                    (requests, failed)
                })
            })
            .collect();
        for viewer in viewers {
            let (asked, wrong) = viewer.join().expect("a viewer does not panic");
            requests += asked;
            failed += wrong;
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    Ok(format!(
        r#"{{"requests":{requests},"failed":{failed},"seconds":{seconds:.3}}}"#
    ))
}

/// TLS 1.3 and X25519 only; every certificate is as good as the next.
fn viewer() -> anyhow::Result<ClientConfig> {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    let schemes = provider
        .signature_verification_algorithms
        .supported_schemes();
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Whoever(schemes)))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// One connection with one request, to its end.
fn ask(address: SocketAddr, config: &Arc<ClientConfig>, request: &str) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    let session = ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost")?)?;
    let mut wire = StreamOwned::new(session, stream);
    wire.write_all(request.as_bytes())?;
    let mut answer = Vec::with_capacity(4096);
    match wire.read_to_end(&mut answer) {
        // A server may hang up without a last word of TLS; the answer has a length.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
        Ok(_) | Err(_) => {}
    }
    ensure!(answer.starts_with(b"HTTP/1.1 200 "), "no good answer");
    ensure!(
        wire.conn.handshake_kind() == Some(HandshakeKind::Full)
            && wire.conn.protocol_version() == Some(ProtocolVersion::TLSv1_3),
        "not a full handshake of TLS 1.3"
    );
    Ok(())
}

/// Takes whoever answers for the right one.
#[derive(Debug)]
struct Whoever(Vec<SignatureScheme>);

impl ServerCertVerifier for Whoever {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(words: &str) -> anyhow::Result<Plan> {
        Plan::from_arguments(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_plan_is_read_or_refused() {
        let expected = Plan {
            address: SocketAddr::from(([127, 0, 0, 1], 8000)),
            path: "/1k".to_owned(),
            connections: 8,
            span: Duration::from_secs(2),
        };
        let words = "--connections 8 --seconds 2 https://127.0.0.1:8000/1k";
        assert_eq!(plan(words).expect("a good one"), expected);
        for wrong in [
            "",
            "https://127.0.0.1/1k",
            "--connections",
            "--faster 1 https://127.0.0.1:1/",
        ] {
            assert!(plan(wrong).is_err(), "{wrong}");
        }
    }
}
