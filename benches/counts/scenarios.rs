//! What is counted: which program, in front of which origins, and what it is asked.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use http::HeaderMap;
use tideover_benches::{browser, load_generator};

use crate::cast;
use crate::program::Program;

/// One of them. All are HTTP/1.1 with kept connections on both sides, one worker, an answer of 1 KiB; the edge with access
/// log and metrics on.
pub(crate) struct Scenario {
    /// As in the budget.
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) program: Program,
    pub(crate) request: Vec<u8>,
    /// System calls and idle viewers are counted too.
    pub(crate) whole: bool,
}

/// All of them, in the order of the table. Configs and logs go into `folder`.
pub(crate) fn all(folder: &Path) -> anyhow::Result<Vec<Scenario>> {
    let good = cast::good_origin()?;
    let busy = cast::busy_origin()?;
    let bare = || Program::beside("bare", &["127.0.0.1:0", &good.to_string()]);
    let edge = |name, primary, behaviors| edge(folder, name, [primary, good], behaviors);
    let get = |path, headers: &HeaderMap| cast::get(path, headers);
    Ok(vec![
        Scenario {
            name: "bare",
            about: "the bare forward, a GET with a Host and nothing else",
            program: bare()?,
            request: get("/1k", &load_generator()),
            whole: true,
        },
        Scenario {
            name: "host-only",
            about: "the edge, a GET with a Host and nothing else",
            program: edge("host-only", good, 0)?,
            request: get("/1k", &load_generator()),
            whole: true,
        },
        Scenario {
            name: "bare-browser",
            about: "the bare forward, a browser's GET",
            program: bare()?,
            request: get("/1k", &browser()),
            whole: false,
        },
        Scenario {
            name: "browser",
            about: "the edge, a browser's GET",
            program: edge("browser", good, 0)?,
            request: get("/1k", &browser()),
            whole: false,
        },
        Scenario {
            name: "failover-503",
            about: "the edge, the primary answers 503, the secondary 200",
            program: edge("failover-503", busy, 0)?,
            request: get("/1k", &load_generator()),
            whole: false,
        },
        Scenario {
            name: "first-of-200",
            about: "the edge, the first of 200 behaviors",
            program: edge("first-of-200", good, 200)?,
            request: get("/service-0/1k", &load_generator()),
            whole: false,
        },
        Scenario {
            name: "last-of-200",
            about: "the edge, the last of 200 behaviors",
            program: edge("last-of-200", good, 200)?,
            request: get("/service-199/1k", &load_generator()),
            whole: false,
        },
    ])
}

/// The edge in front of a group of two, with so many behaviors before the default one.
fn edge(
    folder: &Path,
    name: &str,
    [primary, secondary]: [SocketAddr; 2],
    behaviors: usize,
) -> anyhow::Result<Program> {
    let log = folder.join(name).with_extension("log");
    let mut config = format!(
        r#"
[listen]
http = "127.0.0.1:0"
status = "127.0.0.1:0"
workers = 1
[access_log]
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
"#,
        log = log.display()
    );
    for number in 0..behaviors {
        write!(
            config,
            "[[distribution.site.behavior]]\npath = \"/service-{number}/*\"\ntarget = \"tiers\"\n"
        )?;
    }
    let file = folder.join(name).with_extension("toml");
    std::fs::write(&file, config)?;
    Program::beside(
        "tideover",
        &["run", "--config", &file.display().to_string()],
    )
}
