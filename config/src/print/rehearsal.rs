//! `fault` of an origin, `expect` of a behavior.

use super::lines::{Lines, quoted, span};
use crate::expect::Expect;
use crate::fault::{Fault, FaultKind};

pub(super) fn fault(fault: &Fault, lines: &mut Lines) {
    let (name, value) = match fault.kind {
        FaultKind::Refuse => ("refuse", "true".to_owned()),
        FaultKind::BlackHole => ("black_hole", "true".to_owned()),
        FaultKind::Delay(delay) => ("delay", span(delay)),
        FaultKind::ResetAfter(bytes) => ("reset_after", bytes.to_string()),
        FaultKind::Status(status) => ("status", status.as_u16().to_string()),
        FaultKind::Throttle(bytes) => ("throttle", bytes.to_string()),
        // It is never in a file.
        FaultKind::Withhold => return,
    };
    lines.field(&format!("fault.{name}"), value);
    lines.field("fault.percent", fault.percent);
    lines.some("fault.for", fault.lasts.map(span));
}

pub(super) fn expect(expect: &Expect, lines: &mut Lines) {
    let mut said = Vec::new();
    let mut some = |name: &str, value: Option<String>| {
        said.extend(value.map(|value| format!("{name} = {value}")));
    };
    some("path", expect.path.as_deref().map(quoted));
    for (name, promise) in [
        ("any_one_down", expect.any_one_down),
        ("any_two_down", expect.any_two_down),
        ("all_down", expect.all_down),
    ] {
        some(name, promise.map(|promise| quoted(promise.word())));
    }
    some("worst", expect.worst.map(span));
    lines.field("expect", format!("{{ {} }}", said.join(", ")));
}
