//! The maintenance site, tier 3: like Azure Static Web Apps it has one page at `/`, and 404 for what it does not know.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};

use super::tier::{App, Asked, page};

/// The site.
#[derive(Debug)]
pub(super) struct Maintenance;

impl App for Maintenance {
    async fn answer(&self, asked: &Asked) -> Response<Bytes> {
        if !matches!(asked.method, Method::GET | Method::HEAD | Method::OPTIONS) {
            let mut refusal = page(
                StatusCode::METHOD_NOT_ALLOWED,
                written("405: nothing can be written here"),
            );
            let allowed = HeaderValue::from_static("GET, HEAD, OPTIONS");
            refusal.headers_mut().insert(header::ALLOW, allowed);
            return refusal;
        }
        match asked.path.as_str() {
            "/" | "/index.html" => page(
                StatusCode::OK,
                written("빠른 시일 내에 복구하겠습니다. We will be back soon."),
            ),
            _ => page(
                StatusCode::NOT_FOUND,
                written("404: this site has only its front page"),
            ),
        }
    }
}

fn written(line: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"ko\">\n<head><meta charset=\"utf-8\"><title>시스템 점검 중</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <style>body{{font:18px/1.6 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1rem;color:#333}}\
         h1{{color:#8a5a00}}footer{{color:#767676;font-size:14px}}</style></head>\n\
         <body><h1>시스템 점검 중입니다</h1>\n<p>{line}</p>\n<footer>azure-swa, the maintenance site</footer></body>\n</html>\n"
    )
}
