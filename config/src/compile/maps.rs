//! `--map`, `--map-host` and `--origin-ca`: a production config pointed at servers near at hand.

use std::path::Path;
use std::sync::Arc;

use super::origins::{FOLDER, folder_at, named_host, not_an_url, trust, usual_missing};
use super::url::{Scheme, Url};
use super::{flag, values};
use crate::behavior::PathPattern;
use crate::edge::Overrides;
use crate::folder::{Folder, Website};
use crate::health::CheckKind;
use crate::origin::{
    Endpoint, HostHeader, Origin, OriginKind, OriginScheme, PageUrl, Server, Trust,
};
use crate::problem::Problem;
use crate::written::At;

pub(super) fn apply(overrides: &Overrides, origins: &mut [Origin], problems: &mut Vec<Problem>) {
    if let Some(file) = &overrides.origin_ca {
        let said = At {
            value: file.display().to_string(),
            place: flag("--origin-ca"),
        };
        let trusted = trust(&said, file, problems);
        for server in origins.iter_mut().filter_map(server_of) {
            if server.tls.trust == Trust::Platform {
                server.tls.trust = trusted.clone();
            }
        }
        for page in origins.iter_mut().filter_map(page_of) {
            if page.trust == Trust::Platform {
                page.trust = trusted.clone();
            }
        }
    }
    for (who, url) in &overrides.map {
        let said = At {
            value: url.clone(),
            place: flag(&format!("--map {who}")),
        };
        if said.value.starts_with(FOLDER) {
            if let Some(dir) = folder_at(&said, problems) {
                serve_from(who, &dir, &said, origins, problems);
            }
            continue;
        }
        match Url::parse(url) {
            Ok(url) => {
                let pages = pages_named(who, origins);
                let pages_are_meant = !pages.is_empty();
                for page in pages {
                    fetch_from(page, &url, &said.value);
                }
                let mut of_servers = Vec::new();
                for server in named(who, &said, origins, &mut of_servers) {
                    send_to(server, &url);
                }
                if !pages_are_meant {
                    problems.append(&mut of_servers);
                }
            }
            Err(why) => problems.push(not_an_url(&said, why)),
        }
    }
    for (who, name) in &overrides.map_host {
        let said = At {
            value: name.clone(),
            place: flag(&format!("--map-host {who}")),
        };
        if let Some(host) = named_host(
            &said,
            name,
            "write a host name, perhaps with a port",
            problems,
        ) {
            for server in named(who, &said, origins, problems) {
                server.host = HostHeader::Named(host.clone());
                if let Some(CheckKind::Http(check)) =
                    server.health_check.as_mut().map(|check| &mut check.kind)
                {
                    check.host = host.clone();
                }
            }
        }
    }
}

/// The servers of this name are played by `dir` from now on: their buckets' keys begin where their paths did.
fn serve_from(
    who: &str,
    dir: &Path,
    said: &At<String>,
    origins: &mut [Origin],
    problems: &mut Vec<Problem>,
) {
    // For its words where it names nobody.
    named(who, said, origins, problems);
    for origin in origins {
        let by_id = fits(who, &origin.id);
        let Some(server) = server_of(origin) else {
            continue;
        };
        if !by_id && !fits(&who.to_ascii_lowercase(), &server.domain_name) {
            continue;
        }
        let website = is_website(&server.domain_name).then(Website::usual);
        let folder = Folder {
            dir: dir.to_owned(),
            path: Arc::clone(&server.path),
            missing: usual_missing(website.as_ref()),
            website,
            fault: server.fault,
        };
        origin.kind = OriginKind::Folder(Box::new(folder));
    }
}

/// `bucket.s3-website-eu-west-1.amazonaws.com`, and `bucket.s3-website.eu-central-1.amazonaws.com` where the region is newer.
/// Source: Amazon S3 User Guide, "Website endpoints".
fn is_website(domain_name: &str) -> bool {
    let is_s3 = |label: &str| label == "s3-website" || label.starts_with("s3-website-");
    domain_name.contains(".amazonaws.com") && domain_name.split('.').any(is_s3)
}

fn server_of(origin: &mut Origin) -> Option<&mut Server> {
    match &mut origin.kind {
        OriginKind::Server(server) => Some(server),
        OriginKind::Page(_) | OriginKind::Folder(_) => None,
    }
}

fn page_of(origin: &mut Origin) -> Option<&mut PageUrl> {
    match &mut origin.kind {
        OriginKind::Page(page) => page.ahead.as_deref_mut(),
        OriginKind::Server(_) | OriginKind::Folder(_) => None,
    }
}

/// The pages with a URL whose id or host is `who`, or matches it as a glob.
fn pages_named<'o>(who: &str, origins: &'o mut [Origin]) -> Vec<&'o mut PageUrl> {
    let pages = origins.iter_mut().filter_map(|origin| {
        let by_id = fits(who, &origin.id);
        let page = page_of(origin)?;
        let by_name = fits(&who.to_ascii_lowercase(), &page.name().to_ascii_lowercase());
        (by_id || by_name).then_some(page)
    });
    pages.collect()
}

/// The page is fetched from `url` from now on; its `Host` stays.
fn fetch_from(page: &mut PageUrl, url: &Url, written: &str) {
    page.endpoint = Endpoint {
        host: url.host.as_str().into(),
        port: url.port_or_default(),
    };
    page.target = format!("{}{}", url.path, page.target).into();
    page.secure = url.scheme != Scheme::Http;
    if url.scheme == Scheme::HttpsInsecure {
        page.trust = Trust::Anyone;
    }
    page.mapped_to = Some(written.into());
}

/// The servers whose id or domain name is `who`, or matches it as a glob. None at all is a problem.
fn named<'o>(
    who: &str,
    said: &At<String>,
    origins: &'o mut [Origin],
    problems: &mut Vec<Problem>,
) -> Vec<&'o mut Server> {
    let known: Vec<String> = origins
        .iter_mut()
        .filter_map(|origin| {
            let id = origin.id.to_string();
            server_of(origin).map(|server| [id, server.domain_name.to_string()])
        })
        .flatten()
        .collect();
    let found: Vec<&'o mut Server> = origins
        .iter_mut()
        .filter_map(|origin| {
            let by_id = fits(who, &origin.id);
            let server = server_of(origin)?;
            (by_id || fits(&who.to_ascii_lowercase(), &server.domain_name)).then_some(server)
        })
        .collect();
    if found.is_empty() {
        problems.push(said.place.error(
            format!("names no origin that is a server: {who:?}"),
            format!(
                "write the id or domain name of an origin, or a glob of either{}",
                values::perhaps_or_any(who, known.iter().map(String::as_str))
            ),
        ));
    }
    found
}

fn fits(glob: &str, name: &str) -> bool {
    glob == name || PathPattern::glob(glob).matches(name)
}

/// Requests go to `url` from now on; what the origin is called stays.
fn send_to(server: &mut Server, url: &Url) {
    let endpoint = Endpoint {
        host: url.host.as_str().into(),
        port: url.port_or_default(),
    };
    server.http = endpoint.clone();
    server.https = endpoint.clone();
    server.path = format!("{}{}", url.path, server.path).into();
    match url.scheme {
        Scheme::Http => server.scheme = OriginScheme::Http,
        Scheme::Https => server.scheme = OriginScheme::Https,
        Scheme::HttpsInsecure => {
            server.scheme = OriginScheme::Https;
            server.tls.trust = Trust::Anyone;
        }
    }
    probe_at(server, endpoint, url);
}

/// Probes go where requests go, by the same scheme; a port of their own is not kept.
fn probe_at(server: &mut Server, endpoint: Endpoint, url: &Url) {
    let name = server
        .tls
        .server_name
        .as_ref()
        .unwrap_or(&server.domain_name);
    let Some(check) = &mut server.health_check else {
        return;
    };
    check.endpoint = endpoint;
    let CheckKind::Http(http) = &mut check.kind else {
        return;
    };
    http.path = format!("{}{}", url.path, http.path).into();
    let has_no_sni = http.secure && http.server_name.is_none();
    http.secure = url.scheme != Scheme::Http;
    http.server_name = (http.secure && !has_no_sni).then(|| Arc::clone(name));
}
