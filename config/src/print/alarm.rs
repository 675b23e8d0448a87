//! `[[alarm]]`.

use super::MASK;
use super::lines::{Lines, file, key, list, quoted};
use crate::alarm::Webhook;
use crate::origin::Trust;

pub(super) fn alarm(webhook: &Webhook, lines: &mut Lines) {
    lines.item("alarm");
    let scheme = if webhook.secure { "https" } else { "http" };
    let host = String::from_utf8_lossy(webhook.host.as_bytes());
    lines.field("webhook", quoted(&format!("{scheme}://{host}/{MASK}")));
    lines.field("format", quoted(webhook.format.word()));
    for (name, _) in &webhook.headers {
        lines.field(&format!("headers.{}", key(name.as_str())), quoted(MASK));
    }
    let only = webhook.only.as_ref();
    lines.some(
        "only",
        only.map(|only| list(only.iter().map(|kind| quoted(kind.word())))),
    );
    if let Trust::Only { file, .. } = &webhook.trust {
        lines.field("ca", self::file(file));
    }
}
