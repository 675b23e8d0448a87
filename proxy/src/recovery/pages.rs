//! Pages that are fetched ahead of time: one task for each keeps the last good copy, in memory and on disk, so that it can be
//! shown when the site that it is from is gone.

use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use tideover_config::{OriginTls, PageUrl, Trust};
use tideover_rules::page::{MOST_BYTES, NotAPage, TOLD_AFTER, is_a_page, references};

use super::events::Event;
use crate::client::{self, Failure, Way};
use crate::clock::Clock;
use crate::private_file;
use crate::worker::Shared;

/// For one fetch, to its last byte.
const WITHIN: Duration = Duration::from_secs(10);

/// One page: where it is fetched from, and what was fetched last.
#[derive(Debug)]
pub(crate) struct Ahead {
    said: PageUrl,
    way: Way,
    /// Read by every answer that is the page, without a lock.
    html: ArcSwapOption<Bytes>,
    has_begun: AtomicBool,
}

impl Ahead {
    /// The page of `said`, with the copy that was kept on disk; `before` is taken over if it is the same one. An error says that
    /// its certificate authority cannot be used.
    pub(crate) fn new(said: &PageUrl, before: Option<&Arc<Self>>) -> io::Result<Arc<Self>> {
        if let Some(same) = before.filter(|before| before.said == *said) {
            return Ok(Arc::clone(same));
        }
        let trust = OriginTls {
            server_name: None,
            trust: said.trust.clone(),
            tls12: true,
        };
        let tls = said
            .secure
            .then(|| crate::origin::client_config(&trust, said.name()))
            .transpose()?;
        let way = Way {
            name: said.name().to_owned(),
            only_nearby: said.trust == Trust::Anyone,
            ..Way::new(&said.endpoint.host, said.endpoint.port, tls)
        };
        let kept = said.cache.as_deref().and_then(kept);
        // A page that only the way to it has changed of is the same page.
        let known = before.filter(|before| before.said.url == said.url);
        let known = known.and_then(|before| before.html.load_full());
        Ok(Arc::new(Self {
            said: said.clone(),
            way,
            html: ArcSwapOption::new(known.or_else(|| kept.map(Arc::new))),
            has_begun: AtomicBool::new(false),
        }))
    }

    /// The last good one; `None` until there was one.
    pub(crate) fn html(&self) -> Option<Bytes> {
        self.html.load().as_deref().cloned()
    }

    async fn fetch(&self) -> Result<Bytes, Failure> {
        let mut request = Request::get(&*self.said.target).body(Empty::<Bytes>::new())?;
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.said.host.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/html"));
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        let (response, _connection) = client::send(&self.way, request).await?;
        is_a_page(response.status(), response.headers())?;
        let body = Limited::new(response.into_body(), MOST_BYTES)
            .collect()
            .await;
        let html = body
            .map_err(|error| {
                if error.is::<LengthLimitError>() {
                    NotAPage::TooLarge.into()
                } else {
                    error
                }
            })?
            .to_bytes();
        if html.is_empty() {
            return Err(NotAPage::Empty.into());
        }
        Ok(html)
    }

    /// That is the page from now on; false if it was before.
    fn takes(&self, html: &Bytes) -> bool {
        let is_new = self.html.load().as_deref() != Some(html);
        if is_new {
            self.html.store(Some(Arc::new(html.clone())));
        }
        is_new
    }
}

/// Begins to fetch every page that is not being fetched yet.
pub(super) fn begin(shared: &Arc<Shared>) {
    let live = shared.live();
    for (origin, alive) in live.edge.origins.iter().zip(&live.origins) {
        if let Some(ahead) = &alive.ahead
            && !ahead.has_begun.swap(true, AcqRel)
        {
            tokio::spawn(go_on(
                Arc::downgrade(shared),
                Arc::clone(&origin.id),
                Arc::clone(ahead),
            ));
        }
    }
}

/// Fetches until the config has another page for `origin`, or none, or there is no edge any more.
async fn go_on(shared: Weak<Shared>, origin: Arc<str>, ahead: Arc<Ahead>) {
    let mut failed = 0_u32;
    while let Some(clock) = still_wanted(&shared, &origin, &ahead) {
        let fetched = tokio::time::timeout(clock.real(WITHIN), ahead.fetch()).await;
        if still_wanted(&shared, &origin, &ahead).is_none() {
            return;
        }
        match fetched {
            Ok(Ok(html)) => {
                if failed >= TOLD_AFTER {
                    let origin = Arc::clone(&origin);
                    tell(&shared, Event::PageFetched { origin });
                }
                failed = 0;
                if ahead.takes(&html) {
                    look_into(&origin, &html);
                    keep(&ahead, html).await;
                }
            }
            Ok(Err(error)) => fails(&shared, &origin, &ahead, &mut failed, error.to_string()),
            Err(_) => {
                let why = format!("it was not there within {WITHIN:?}");
                fails(&shared, &origin, &ahead, &mut failed, why);
            }
        }
        tokio::time::sleep(clock.real(ahead.said.interval)).await;
    }
}

fn still_wanted(shared: &Weak<Shared>, origin: &str, ahead: &Arc<Ahead>) -> Option<Clock> {
    let live = shared.upgrade()?.live();
    let (_, alive) = live.origin_named(origin)?;
    let current = alive.ahead.as_ref()?;
    Arc::ptr_eq(current, ahead).then_some(live.clock)
}

fn tell(shared: &Weak<Shared>, event: Event) {
    if let Some(shared) = shared.upgrade() {
        shared.events.tell(event);
    }
}

fn fails(shared: &Weak<Shared>, origin: &Arc<str>, ahead: &Ahead, failed: &mut u32, why: String) {
    *failed = failed.saturating_add(1);
    tracing::debug!(%origin, url = %ahead.said.url, %why, "the page cannot be fetched");
    if *failed == TOLD_AFTER {
        let event = Event::PageFails {
            origin: Arc::clone(origin),
            url: Arc::clone(&ahead.said.url),
            why,
            has_copy: ahead.html.load().is_some(),
        };
        tell(shared, event);
    }
}

/// Where the page stands in for its site, whatever else it is made of is not there.
fn look_into(origin: &Arc<str>, html: &[u8]) {
    let needs = references(html);
    tracing::info!(%origin, bytes = html.len(), "there is a new page");
    if !needs.is_empty() {
        tracing::warn!(
            %origin,
            needs = needs.join(" "),
            "the page needs files beside itself, which are not there when its site is gone: put styles and images into the page"
        );
    }
}

/// On disk. That it cannot be written costs the page after a restart only, and is said.
async fn keep(ahead: &Arc<Ahead>, html: Bytes) {
    let Some(file) = ahead.said.cache.clone() else {
        return;
    };
    let written = tokio::task::spawn_blocking(move || {
        let written = private_file::write(&file, &html);
        written.map_err(|error| (file, error))
    });
    if let Ok(Err((file, error))) = written.await {
        tracing::warn!(file = %file.display(), %error, "the page is not kept over a restart; page_cache says where it is kept");
    }
}

fn kept(file: &Path) -> Option<Bytes> {
    let read = || {
        let mut html = Vec::new();
        let opened = std::fs::File::open(file)?;
        opened.take(MOST_BYTES as u64 + 1).read_to_end(&mut html)?;
        Ok::<_, io::Error>(html)
    };
    match read() {
        Ok(html) if html.is_empty() || html.len() > MOST_BYTES => None,
        Ok(html) => Some(html.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(file = %file.display(), %error, "the page that was kept cannot be read");
            None
        }
    }
}
