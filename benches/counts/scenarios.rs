//! What is counted: which program, in front of which origins, and what it is asked.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use http::HeaderMap;
use tideover_benches::{browser, load_generator};

use crate::program::Program;
use crate::viewers::{Request, Speech};
use crate::{cast, certificate, http2};

/// One of them. All have kept connections on both sides, one worker, an answer of 1 KiB; the edge has access log and metrics
/// on. Where nothing else is said, viewers speak HTTP/1.1 without TLS.
pub(crate) struct Scenario {
    /// As in the budget.
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) program: Program,
    pub(crate) speech: Speech,
    /// System calls and idle viewers are counted too.
    pub(crate) whole: bool,
    /// How often the origin was asked, where the cache is to answer all but the first request of each run.
    pub(crate) asked: Option<Arc<AtomicU64>>,
}

/// A plain listener.
const HTTP: &str = "http = \"127.0.0.1:0\"\n";

/// All of them, in the order of the table. Configs and logs go into `folder`.
#[expect(clippy::too_many_lines, reason = "a list")]
pub(crate) fn all(folder: &Path) -> anyhow::Result<Vec<Scenario>> {
    let good = cast::good_origin()?;
    let busy = cast::busy_origin()?;
    let (kept, asked) = cast::kept_origin()?;
    let bare = || Program::beside("bare", &["127.0.0.1:0", &good.to_string()]);
    let (certificate, key, trusting) = certificate::make(folder)?;
    let plain = format!("{HTTP}h2c = true\n");
    let secure = format!(
        "https = \"127.0.0.1:0\"\n[tls]\ncertificates = [{{ certificate = \"{}\", key = \"{}\" }}]\n",
        certificate.display(),
        key.display()
    );
    let watched = |name, watch| watched(folder, name, good, watch);
    let edge = |name, primary, behaviors| {
        let group = [primary, good];
        edge(folder, name, HTTP, group, behaviors, "off")
    };
    let listening = |name, listen: &str| self::edge(folder, name, listen, [good, good], 0, "off");
    let get = |path, headers: &HeaderMap| Speech {
        request: Request::Http1(cast::get(path, headers)),
        tls: None,
    };
    Ok(vec![
        Scenario {
            name: "bare",
            about: "the bare forward, a GET with a Host and nothing else",
            program: bare()?,
            speech: get("/1k", &load_generator()),
            whole: true,
            asked: None,
        },
        Scenario {
            name: "host-only",
            about: "the edge, a GET with a Host and nothing else",
            program: edge("host-only", good, 0)?,
            speech: get("/1k", &load_generator()),
            whole: true,
            asked: None,
        },
        Scenario {
            name: "watched",
            about: "the edge with health checks, breakers, metrics and the access log",
            program: watched("watched", true)?,
            speech: get("/1k", &load_generator()),
            whole: false,
            asked: None,
        },
        Scenario {
            name: "unwatched",
            about: "the edge without any of them",
            program: watched("unwatched", false)?,
            speech: get("/1k", &load_generator()),
            whole: false,
            asked: None,
        },
        Scenario {
            name: "bare-browser",
            about: "the bare forward, a browser's GET",
            program: bare()?,
            speech: get("/1k", &browser()),
            whole: false,
            asked: None,
        },
        Scenario {
            name: "browser",
            about: "the edge, a browser's GET",
            program: edge("browser", good, 0)?,
            speech: get("/1k", &browser()),
            whole: false,
            asked: None,
        },
        Scenario {
            name: "failover-503",
            about: "the edge, the primary answers 503, the secondary 200",
            program: edge("failover-503", busy, 0)?,
            speech: get("/1k", &load_generator()),
            whole: false,
            asked: None,
        },
        Scenario {
            name: "first-of-200",
            about: "the edge, the first of 200 behaviors",
            program: edge("first-of-200", good, 200)?,
            speech: get("/service-0/1k", &load_generator()),
            whole: false,
            asked: None,
        },
        Scenario {
            name: "tls",
            about: "the edge, TLS 1.3 to the viewer, a GET with a Host and nothing else",
            program: listening("tls", &secure)?,
            speech: Speech {
                tls: Some((trusting, certificate::NAME.try_into()?)),
                ..get("/1k", &load_generator())
            },
            whole: true,
            asked: None,
        },
        Scenario {
            name: "http2",
            about: "the edge, HTTP/2 without TLS, 32 requests at a time",
            program: listening("http2", &plain)?,
            speech: Speech {
                request: Request::Http2 {
                    get: http2::Get::new("/1k", certificate::NAME),
                    together: 32,
                },
                tls: None,
            },
            whole: true,
            asked: None,
        },
        Scenario {
            name: "hit",
            about: "the edge, out of its cache",
            program: self::edge(folder, "hit", HTTP, [kept, kept], 0, "origin")?,
            speech: get("/1k", &load_generator()),
            whole: false,
            asked: Some(asked),
        },
        Scenario {
            name: "last-of-200",
            about: "the edge, the last of 200 behaviors",
            program: edge("last-of-200", good, 200)?,
            speech: get("/service-199/1k", &load_generator()),
            whole: false,
            asked: None,
        },
    ])
}

/// The edge that listens there, in front of a group of two, with so many behaviors before the default one, and `cache` as it
/// says.
fn edge(
    folder: &Path,
    name: &str,
    listen: &str,
    [primary, secondary]: [SocketAddr; 2],
    behaviors: usize,
    cache: &str,
) -> anyhow::Result<Program> {
    let log = folder.join(name).with_extension("log");
    let mut config = format!(
        r#"
[listen]
status = "127.0.0.1:0"
workers = 1
{listen}[access_log]
to = "{log}"
[origin.primary]
url = "http://{primary}"
[origin.secondary]
url = "http://{secondary}"
[origin_group.tiers]
members = ["primary", "secondary"]
fail_over_on = [500, 502, 503, 504]
[distribution.site.default_behavior]
target = "tiers"
cache = "{cache}"
"#,
        log = log.display()
    );
    for number in 0..behaviors {
        write!(
            config,
            "[[distribution.site.behavior]]\npath = \"/service-{number}/*\"\ntarget = \"tiers\"\ncache = \"{cache}\"\n"
        )?;
    }
    run(folder, name, &config)
}

/// The edge in front of the same group, with all that looks after it and tells of it, or with nothing of that.
fn watched(folder: &Path, name: &str, origin: SocketAddr, watch: bool) -> anyhow::Result<Program> {
    let log = folder.join(name).with_extension("log");
    let log = log.display().to_string();
    let (status, log, health) = if watch {
        let check = "health_check = { path = \"/1k\", interval = \"10s\" }\nbreaker = true\n";
        ("status = \"127.0.0.1:0\"\n", log.as_str(), check)
    } else {
        ("", "off", "breaker = false\n")
    };
    let config = format!(
        r#"
[listen]
{status}workers = 1
{HTTP}[access_log]
to = "{log}"
[origin.primary]
url = "http://{origin}"
{health}[origin.secondary]
url = "http://{origin}"
{health}[origin_group.tiers]
members = ["primary", "secondary"]
fail_over_on = [500, 502, 503, 504]
[distribution.site.default_behavior]
target = "tiers"
cache = "off"
"#
    );
    run(folder, name, &config)
}

fn run(folder: &Path, name: &str, config: &str) -> anyhow::Result<Program> {
    let file = folder.join(name).with_extension("toml");
    std::fs::write(&file, config)?;
    Program::beside(
        "tideover",
        &["run", "--config", &file.display().to_string()],
    )
}
