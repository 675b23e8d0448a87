//! The edge between: a config in its own language, the origins it names, and everything the edge shows of itself.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tideover::{FaultRefused, Given, Reloaded, RunningEdge, StartError, Summary};
use tideover_config::{Fault, Mode, Overrides, load_text};

use crate::certificates::{Certificate, authority_pem};
use crate::folder::Folder;
use crate::gate::{ms, patiently};
use crate::operator::TOKEN;
use crate::origin::Origin;
use crate::secure::{Protocol, client_config, shakes_hands};
use crate::viewer::{Viewer, viewer_of};

/// An edge with this `tideover.toml`.
///
/// It listens on a free port whatever the config says. Origins that are given to [`EdgeBuilder::origins`] and not
/// mentioned in the config are added to it under their names.
pub fn edge(toml: &str) -> EdgeBuilder {
    EdgeBuilder::new("tideover.toml", toml)
}

/// An edge with this CloudFront JSON; say by [`EdgeBuilder::map`] who plays its origins.
pub fn edge_json(json: &str) -> EdgeBuilder {
    EdgeBuilder::new("distribution.json", json)
}

/// An edge with one group of these members, in this order, that falls through on these statuses. Reads go to the group,
/// writes to its first member.
///
/// # Panics
/// When there is no member.
pub fn tiers<const N: usize, const M: usize>(
    members: [&Origin; N],
    fail_over_on: [u16; M],
) -> EdgeBuilder {
    let names: Vec<&str> = members.iter().map(|origin| origin.name()).collect();
    let first = names.first().expect("a group has members");
    edge(&format!(
        r#"
        [origin_group.tiers]
        members = {names:?}
        fail_over_on = {fail_over_on:?}

        [[distribution.site.behavior]]
        path = "*"
        for_methods = ["POST", "PUT", "PATCH", "DELETE"]
        target = "{first}"

        [distribution.site.default_behavior]
        target = "tiers"
        "#
    ))
    .origins(members)
}

/// CloudFront's case, in mode faithful: a group of two for GET, HEAD and OPTIONS, and `/writes/*` straight to the first.
pub fn pair<const N: usize>(members: [&Origin; 2], fail_over_on: [u16; N]) -> EdgeBuilder {
    let names = members.map(Origin::name);
    edge(&format!(
        r#"
        [origin_group.pair]
        members = {names:?}
        fail_over_on = {fail_over_on:?}

        [[distribution.site.behavior]]
        path = "/writes/*"
        target = "{}"
        allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]

        [distribution.site.default_behavior]
        target = "pair"
        allowed_methods = ["GET", "HEAD", "OPTIONS"]
        "#,
        names[0]
    ))
    .origins(members)
    .faithful()
}

/// An edge in front of this origin alone, open for every method.
pub fn in_front_of(origin: &Origin) -> EdgeBuilder {
    edge(&format!(
        r#"
        [distribution.site.default_behavior]
        target = "{}"
        allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
        "#,
        origin.name()
    ))
    .origins([origin])
}

/// The counter of viewers that came up against the limit of this name.
pub fn reached(limit: &str) -> String {
    format!("tideover_limits_reached_total{{limit=\"{limit}\"}}")
}

/// Whether the certificate that this edge shows for `server_name` is good for that name, by an authority that is trusted.
///
/// # Panics
/// When it does not listen for TLS.
pub async fn is_trusted(edge: &Edge, server_name: &str) -> bool {
    let config = client_config(Protocol::Tls);
    let shaken = shakes_hands(edge.tls_address(), server_name, config).await;
    shaken.is_ok()
}

/// A viewer of this edge.
pub fn viewer(edge: &Edge) -> Viewer {
    viewer_of(edge.address())
}

/// A viewer of this edge who speaks this; TLS only to an edge that was built with [`EdgeBuilder::tls`].
pub fn viewer_by(edge: &Edge, protocol: Protocol) -> Viewer {
    match protocol {
        Protocol::Plain => viewer(edge),
        Protocol::Tls | Protocol::Http2 => viewer_of(edge.tls_address()).speaks(protocol),
    }
}

/// An edge that has not started yet.
#[derive(Debug)]
#[must_use = "an edge serves once it is started"]
pub struct EdgeBuilder {
    file: &'static str,
    text: String,
    /// Ids and URLs of who plays the origins.
    origins: Vec<(String, String)>,
    overrides: Overrides,
    log: Option<&'static str>,
    folder: Folder,
    /// Where the edge is whose sockets it takes over.
    predecessor: Option<PathBuf>,
}

impl EdgeBuilder {
    fn new(file: &'static str, text: &str) -> Self {
        Self {
            file,
            text: text.to_owned(),
            origins: Vec::new(),
            overrides: Overrides {
                listen: vec!["127.0.0.1:0".to_owned()],
                // A config may name a port for it, which two scenarios cannot have at once.
                admin: Some("127.0.0.1:0".to_owned()),
                admin_token: Some(TOKEN.to_owned()),
                status: Some("127.0.0.1:0".to_owned()),
                // One worker has one pool: what is kept in it is found again.
                workers: Some(1),
                ..Overrides::default()
            },
            log: None,
            folder: Folder::new(),
            predecessor: None,
        }
    }

    /// These play the origins of their names.
    pub fn origins<const N: usize>(mut self, origins: [&Origin; N]) -> Self {
        for origin in origins {
            self = self.map(origin.name(), &origin.url());
        }
        self
    }

    /// Whoever is at this URL plays the origin of this id: `--map`. For `https://` the scenarios' own authority is
    /// trusted too.
    pub fn map(mut self, id: &str, url: &str) -> Self {
        self.origins.push((id.to_owned(), url.to_owned()));
        self
    }

    /// More config, after what there is: what comes before its first table belongs to the default behavior of
    /// [`tiers`], [`pair`] and [`in_front_of`].
    pub fn and(mut self, toml: &str) -> Self {
        self.text = format!("{}\n{toml}", self.text);
        self
    }

    /// `--mode faithful`.
    pub fn faithful(mut self) -> Self {
        self.overrides.mode = Some(Mode::Faithful);
        self
    }

    /// `--mode resilient`.
    pub fn resilient(mut self) -> Self {
        self.overrides.mode = Some(Mode::Resilient);
        self
    }

    /// `--time-scale`: with 0.01, a timer of 10 s ends after 100 ms.
    pub fn time_scale(mut self, scale: f64) -> Self {
        self.overrides.time_scale = Some(scale);
        self
    }

    /// Writes an access log in this format, `cloudfront` or `json`; read it by [`Edge::log`].
    pub fn logs(mut self, format: &'static str) -> Self {
        self.log = Some(format);
        self
    }

    /// Nothing is kept, and nobody waits for another's fetch: `--cache off`.
    pub fn keeps_nothing(mut self) -> Self {
        self.overrides.cache = Some("off".to_owned());
        self
    }

    /// Any other flag of the command line.
    pub fn flags(mut self, set: impl FnOnce(&mut Overrides)) -> Self {
        set(&mut self.overrides);
        self
    }

    /// `--listen`, once for each of these.
    pub fn listens<const N: usize>(mut self, addresses: [&str; N]) -> Self {
        self.overrides.listen = addresses.map(str::to_owned).to_vec();
        self
    }

    /// `--takeover` from this edge, which has to have a `takeover` of its own.
    ///
    /// # Panics
    /// When it has none.
    pub fn takes_over_from(mut self, edge: &Edge) -> Self {
        let lifecycle = edge.running().lifecycle();
        self.predecessor = Some(lifecycle.takeover.expect("it lets a successor in"));
        self
    }

    /// Listens for TLS too, with a certificate for `localhost`.
    pub fn tls(self) -> Self {
        self.certificate(&Certificate::good("localhost"))
    }

    /// The same with this certificate.
    pub fn certificate(mut self, certificate: &Certificate) -> Self {
        self.overrides.listen_tls = vec!["127.0.0.1:0".to_owned()];
        self.overrides.certificate = Some(self.folder.write("edge.pem", certificate.pem()));
        self.overrides.key = Some(self.folder.write("edge.key", certificate.key_pem()));
        self
    }

    /// A file beside the config.
    pub fn file(self, name: &str, content: &str) -> Self {
        self.folder.write(name, content);
        self
    }

    /// The config as it is loaded: what was written, and the origins that it does not mention.
    fn whole_text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if Path::new(self.file)
            .extension()
            .is_some_and(|end| end == "toml")
        {
            for (id, _) in &self.origins {
                if !text.contains(&format!("[origin.{id}]")) {
                    text += &format!("\n[origin.{id}]\nurl = \"http://{id}.test\"\n");
                }
            }
        }
        text
    }

    fn compiles(&self, text: &str, flags: &Overrides) -> tideover_config::Edge {
        let path = self.folder.path().join(self.file);
        match load_text(&path, text, flags) {
            Ok(loaded) => loaded.edge,
            Err(problems) => panic!("the scenario's config has problems: {problems:#?}\n{text}"),
        }
    }

    /// Starts to serve.
    ///
    /// # Panics
    /// When the config has errors, or loopback gives no port.
    #[expect(clippy::unused_async, reason = "as for everything else in the cast")]
    pub async fn start(mut self) -> Edge {
        self.overrides.map.extend(self.origins.iter().cloned());
        let any_tls = self
            .overrides
            .map
            .iter()
            .any(|(_, url)| url.starts_with("https://"));
        if any_tls && self.overrides.origin_ca.is_none() {
            self.overrides.origin_ca = Some(self.folder.write("authority.pem", authority_pem()));
        }
        if let Some(format) = self.log {
            let file = self.folder.path().join("access.log");
            self.overrides.access_log = Some(file.display().to_string());
            self.overrides.log_format = Some(format.to_owned());
        }
        let compiled = self.compiles(&self.whole_text(&self.text), &self.overrides);
        let given = self.predecessor.as_deref().map(|path| {
            Given::by_a_predecessor(path)
                .expect("the predecessor hands over")
                .expect("the predecessor is there")
        });
        let running =
            tideover::start_with(compiled, given.unwrap_or_default()).expect("the edge starts");
        Edge {
            running: Some(running),
            built: self,
        }
    }
}

/// An edge at play; it takes no new requests once this value is gone.
#[derive(Debug)]
pub struct Edge {
    /// `None` only after [`Edge::shuts_down`].
    running: Option<RunningEdge>,
    built: EdgeBuilder,
}

impl Edge {
    fn running(&self) -> &RunningEdge {
        self.running.as_ref().expect("it was not shut down")
    }

    /// Where it serves viewers.
    ///
    /// # Panics
    /// Never: every edge of the scenarios listens.
    pub fn address(&self) -> SocketAddr {
        self.running().http()[0]
    }

    /// Where it serves viewers, all of it, in the order of its config.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.running().http()
    }

    /// Where it serves viewers over TLS.
    ///
    /// # Panics
    /// When it was not built for that.
    pub fn tls_address(&self) -> SocketAddr {
        self.running().https()[0]
    }

    /// Where it shows health and metrics.
    ///
    /// # Panics
    /// Never: every edge of the scenarios shows them.
    pub fn status(&self) -> SocketAddr {
        self.running().status().expect("the harness asks for it")
    }

    /// Where its operator sees and changes it.
    ///
    /// # Panics
    /// Never: every edge of the scenarios has such a listener.
    pub fn admin(&self) -> SocketAddr {
        self.running().admin().expect("the harness asks for it")
    }

    /// Ends, and is started again with the same config, on other ports.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn restarts(&mut self) {
        self.running = None;
        let text = self.built.whole_text(&self.built.text);
        let edge = self.built.compiles(&text, &self.built.overrides);
        self.running = Some(tideover::start(edge).expect("the edge starts"));
    }

    /// Where its access log is.
    pub fn log_file(&self) -> PathBuf {
        self.built.folder.path().join("access.log")
    }

    /// The lines of its access log, comments left out, once there are at least this many.
    ///
    /// # Panics
    /// When there are too few for too long.
    pub async fn log(&self, count: usize) -> Vec<String> {
        lines_of(&self.log_file(), count).await
    }

    /// The same for a log of JSON lines.
    ///
    /// # Panics
    /// When a line is not JSON, or there are too few for too long.
    pub async fn log_json(&self, count: usize) -> Vec<serde_json::Value> {
        let lines = self.log(count).await;
        lines
            .iter()
            .map(|line| serde_json::from_str(line).expect("each line of the log is JSON"))
            .collect()
    }

    /// Everything that `/metrics` says.
    pub async fn metrics(&self) -> String {
        viewer_of(self.status())
            .get("/metrics")
            .await
            .expect(200)
            .text()
    }

    /// The value of one metric, by its name with labels as `/metrics` writes them.
    ///
    /// # Panics
    /// When there is none of that name: a misspelt one would be 0 for ever.
    pub async fn metric(&self, name: &str) -> f64 {
        let all = self.metrics().await;
        all.lines()
            .filter_map(|line| line.rsplit_once(' '))
            .find(|(own, _)| *own == name)
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or_else(|| panic!("no metric {name} in\n{all}"))
    }

    /// Waits until a metric has this value.
    ///
    /// # Panics
    /// When it never has.
    pub async fn until_metric(&self, name: &str, value: f64) {
        patiently(&format!("{name} becomes {value}"), async {
            while (self.metric(name).await - value).abs() > f64::EPSILON {
                tokio::time::sleep(ms(10)).await;
            }
        })
        .await;
    }

    /// Writes a file beside the config, over the one that is there.
    pub fn writes(&self, name: &str, content: &str) {
        self.built.folder.write(name, content);
    }

    /// The folder with its config and the files beside it.
    pub fn folder(&self) -> &Path {
        self.built.folder.path()
    }

    /// The files whose change means that the config has to be loaded again.
    ///
    /// # Panics
    /// When the config has errors.
    pub fn watched_files(&self) -> Vec<PathBuf> {
        let text = self.built.whole_text(&self.built.text);
        let edge = self.built.compiles(&text, &self.built.overrides);
        let mut files: Vec<PathBuf> = edge.files().into_iter().map(Path::to_owned).collect();
        files.sort();
        files
    }

    /// Reads the config and its files again, as after SIGHUP; what was wrong, if something was.
    pub fn tries_to_reload(&self) -> Result<(), String> {
        let path = self.built.folder.path().join(self.built.file);
        let text = self.built.whole_text(&self.built.text);
        let loaded =
            load_text(&path, &text, &self.built.overrides).map_err(|all| format!("{all:?}"))?;
        let reloaded = self.running().reload(loaded.edge);
        reloaded.map(drop).map_err(|error| format!("{error:?}"))
    }

    /// Takes over this config, as after SIGHUP; origins and flags stay.
    ///
    /// # Panics
    /// When the config has errors.
    pub fn reloads(&self, text: &str) {
        let text = self.built.whole_text(text);
        let edge = self.built.compiles(&text, &self.built.overrides);
        self.running().reload(edge).expect("the edge reloads");
    }

    /// The same with other flags, and perhaps in vain.
    ///
    /// # Panics
    /// When the config has errors.
    pub fn reloads_otherwise(
        &self,
        text: &str,
        set: impl FnOnce(&mut Overrides),
    ) -> Result<Reloaded, StartError> {
        let mut flags = self.built.overrides.clone();
        set(&mut flags);
        let edge = self.built.compiles(&self.built.whole_text(text), &flags);
        self.running().reload(edge)
    }

    /// It listens there from now on.
    ///
    /// # Panics
    /// When it cannot.
    pub fn listens_from_now_on<const N: usize>(&self, addresses: [&str; N]) -> Reloaded {
        self.reloads_otherwise(&self.built.text, |flags| {
            flags.listen = addresses.map(str::to_owned).to_vec();
        })
        .expect("the edge reloads")
    }

    /// This origin has this fault from now on, or none.
    pub fn strikes(&self, origin: &str, fault: Option<Fault>) -> Result<(), FaultRefused> {
        self.running().strike(origin, fault)
    }

    /// All that is kept is older by `span` from now on: nobody has to sleep through a TTL.
    pub fn time_passes(&self, span: Duration) {
        self.running().let_the_cache_age(span);
    }

    /// It is about to end, and says so to whoever asks for its health.
    pub fn looks_away(&self) {
        self.running().look_away();
    }

    /// The same, with origins where the config says that they are.
    ///
    /// # Panics
    /// When the config has errors.
    pub fn reloads_without_maps(&self, text: &str) {
        let flags = Overrides {
            map: Vec::new(),
            ..self.built.overrides.clone()
        };
        let edge = self.built.compiles(text, &flags);
        self.running().reload(edge).expect("the edge reloads");
    }

    /// Begins a new log file, as after SIGUSR1.
    pub fn reopens_its_log(&self) {
        self.running().reopen_log();
    }

    /// What it came to so far.
    pub fn summary(&self) -> Summary {
        self.running().summary()
    }

    /// Drains it, as after SIGTERM, for at most this long.
    ///
    /// # Panics
    /// Never.
    pub async fn shuts_down(mut self, within: Duration) -> Summary {
        let running = self.running.take().expect("it was not shut down");
        // It blocks its thread, which here may be the one that the origins play on.
        tokio::task::spawn_blocking(move || running.shut_down(within))
            .await
            .expect("shutting down does not panic")
    }
}

/// The lines of a log, comments left out, once there are at least this many.
///
/// # Panics
/// When there are too few for too long.
pub async fn lines_of(file: &Path, count: usize) -> Vec<String> {
    // Written by a thread of the edge's own, which nothing here can wait for.
    patiently(&format!("{count} lines in the log"), async {
        loop {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
            let lines: Vec<String> = complete
                .lines()
                .filter(|line| !line.starts_with('#'))
                .map(str::to_owned)
                .collect();
            if lines.len() >= count {
                return lines;
            }
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await
}
