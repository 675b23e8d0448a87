//! `tideover demo`: three tiers and the edge, to play with.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{HeaderValue, Method, Response, StatusCode, header};
use tideover::{RunningEdge, StartError};
use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{SignalKind, signal};

use super::paint::Paint;
use super::said;
use super::tier::{App, Asked, Tier};
use super::tiers::{Patience, Tiers};

const PATIENCE: Patience = Patience {
    connection_timeout: "500ms",
    response_timeout: "2s",
    deadline: "10s",
};
/// Whoever plays waits for nobody.
const DRAIN_WITHIN: Duration = Duration::from_millis(500);

/// Flags of `demo`.
#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    /// Where the edge listens [default: 127.0.0.1:8000, with TLS on 8443; free ports if these are taken]
    #[arg(
        long,
        value_name = "ADDR",
        env = "TIDEOVER_LISTEN",
        hide_env_values = true
    )]
    listen: Option<SocketAddr>,
}

/// Runs until Ctrl-C.
pub(super) fn demo(options: &Options) -> anyhow::Result<ExitCode> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        let tiers = Rc::new(Tiers::start()?);
        let switchboard = Tier::start("switchboard", Switchboard(Rc::clone(&tiers)))?;
        let edge = listen(&tiers, options.listen)?;
        let (Some(&address), Some(&tls)) = (edge.http().first(), edge.https().first()) else {
            anyhow::bail!("the edge listens nowhere");
        };
        said::print(&programme(address, tls, &switchboard, &tiers))?;
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        // The tiers live on this thread, so the edge is drained on another.
        let summary = tokio::task::spawn_blocking(move || edge.shut_down(DRAIN_WITHIN)).await?;
        eprintln!("\n{summary}");
        Ok(ExitCode::SUCCESS)
    })
}

fn listen(tiers: &Tiers, wanted: Option<SocketAddr>) -> anyhow::Result<RunningEdge> {
    let on = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if let Some(address) = wanted {
        return tiers.edge(PATIENCE, address, Some(on(0)));
    }
    match tiers.edge(PATIENCE, on(8000), Some(on(8443))) {
        Err(error) if is_taken(&error) => tiers.edge(PATIENCE, on(0), Some(on(0))),
        started => started,
    }
}

fn is_taken(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StartError::PortTaken { .. }))
}

/// What is running, and what to try.
fn programme(edge: SocketAddr, tls: SocketAddr, switchboard: &Tier, tiers: &Tiers) -> String {
    let paint = Paint::for_stdout();
    let switches = switchboard.address();
    let mut text = format!(
        "{}\n\nThe edge asks these in order; the first good answer wins:\n",
        paint.bold(&format!("PetClinic is served at http://{edge}/")),
    );
    let words = [
        "PetClinic",
        "PetClinic again, on a VM; takes the writes",
        "a maintenance site",
    ];
    for (tier, words) in tiers.all().iter().zip(words) {
        text += &format!("  {:<10} http://{}  {words}\n", tier.name(), tier.address());
    }
    text += &format!(
        "  {:<10} in the edge itself: cannot fail\n\nTry, in another terminal:\n\n",
        "last-page"
    );
    for (command, words) in [
        (
            format!("curl -i http://{edge}/"),
            "who answered? see `Tideover-Attempts`",
        ),
        (
            format!("curl -X POST http://{switches}/aws/down"),
            "then ask again; also azure-vm, azure-swa; also /503, /404, /silent, /black-hole, /up",
        ),
        (
            format!("curl -i -d 'firstName=Ada&lastName=King' http://{edge}/petclinic/owners/new"),
            "a write: one origin, once; then take azure-vm down and try again",
        ),
        (
            format!("curl -ik https://{tls}/"),
            "the same by HTTP/2; -k because nobody trusts a certificate that was made a moment ago",
        ),
    ] {
        text += &format!("  {}\n      {}\n", paint.bold(&command), paint.dim(words));
    }
    text += "\nCtrl-C ends it.\n";
    text
}

/// Turns tiers on and off: `POST /azure-vm/503`.
struct Switchboard(Rc<Tiers>);

impl Switchboard {
    fn state(&self) -> String {
        let mut text = String::new();
        for tier in self.0.all() {
            text += &format!("{} {}\n", tier.name(), tier.condition());
        }
        text
    }
}

impl App for Switchboard {
    async fn answer(&self, asked: &Asked) -> Response<Bytes> {
        let said = match asked.path.trim_matches('/').split_once('/') {
            None if asked.method == Method::GET => (StatusCode::OK, self.state()),
            Some((name, word)) if asked.method == Method::POST => {
                let tier = self.0.all().into_iter().find(|tier| tier.name() == name);
                match (tier, word.parse()) {
                    (Some(tier), Ok(condition)) => match tier.turn(condition).await {
                        Ok(()) => (StatusCode::OK, self.state()),
                        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
                    },
                    _ => (StatusCode::NOT_FOUND, usage()),
                }
            }
            _ => (StatusCode::NOT_FOUND, usage()),
        };
        let (status, text) = said;
        let mut response = Response::new(Bytes::from(text));
        *response.status_mut() = status;
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        response
    }
}

fn usage() -> String {
    "POST /TIER/STATE: TIER is aws, azure-vm or azure-swa; STATE is up, down, silent, black-hole or a status such as 503\n\
     GET / shows how they are\n"
        .to_owned()
}
