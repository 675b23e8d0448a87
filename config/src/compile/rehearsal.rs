//! Faults on command, and what is expected in spite of them.

use std::time::Duration;

use http::StatusCode;

use super::values::{number, span, word};
use crate::expect::{Expect, Promise};
use crate::fault::{Fault, FaultKind};
use crate::problem::Problem;
use crate::written::{self, At, Written};

const TICK: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Whether faults may be had at all; it is told loudly if so.
pub(super) fn takes_faults(written: &Written, problems: &mut Vec<Problem>) -> bool {
    let Some(said) = written.faults.enabled.as_ref().filter(|said| said.value) else {
        return false;
    };
    problems.push(said.place.warning(
        "is true: FAULTS ARE ON, and whoever may change things at the admin address can make origins fail on purpose",
        "write false, or leave [faults] out, once the rehearsal is over",
    ));
    true
}

/// The fault that `origin` begins with.
pub(super) fn fault(
    origin: &written::Origin,
    written: &Written,
    problems: &mut Vec<Problem>,
) -> Option<Fault> {
    let said = origin.fault.as_ref()?;
    let kind = kind(said, problems);
    let percent = said
        .percent
        .as_ref()
        .and_then(|said| number(said, 1..=100, problems))
        .and_then(|percent| u8::try_from(percent).ok())
        .unwrap_or(100);
    let lasts = said
        .lasts
        .as_ref()
        .and_then(|said| span(said, &(SECOND..=Fault::LONGEST), problems));
    let fault = Fault {
        kind: kind?,
        percent,
        lasts,
    };
    let is_on = written.faults.enabled.as_ref().is_some_and(|on| on.value);
    if !is_on {
        problems.push(said.place.warning(
            "is not in force, because faults are not enabled",
            "leave it out, or write [faults] with enabled = true",
        ));
        return None;
    }
    problems.push(said.place.warning(
        format!(
            "is in force from the start: {} {fault}, ON PURPOSE",
            origin.id.value
        ),
        "leave it out once the rehearsal is over",
    ));
    Some(fault)
}

fn kind(said: &written::Fault, problems: &mut Vec<Problem>) -> Option<FaultKind> {
    const EXAMPLE: &str = "write one of refuse = true, black_hole = true, delay = \"2s\", reset_after = 1000, status = 503, throttle = 1000";
    let is_on = |flag: &Option<At<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    let delay = said.delay.as_ref().map(|said| {
        let delay = span(said, &(TICK..=Fault::LONGEST_DELAY), problems);
        FaultKind::Delay(delay.unwrap_or(TICK))
    });
    let reset = said.reset_after.as_ref().map(|said| {
        let bytes = number(said, 0..=1_000_000_000_000, problems);
        FaultKind::ResetAfter(bytes.unwrap_or(0).unsigned_abs())
    });
    let status = said.status.as_ref().map(|said| {
        let code = number(said, 200..=599, problems);
        let code = code.and_then(|code| u16::try_from(code).ok());
        let status = code.and_then(|code| StatusCode::from_u16(code).ok());
        FaultKind::Status(status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE))
    });
    let throttle = said.throttle.as_ref().map(|said| {
        let bytes = number(said, 1..=1_000_000_000, problems);
        FaultKind::Throttle(bytes.unwrap_or(1).unsigned_abs())
    });
    let kinds = [
        is_on(&said.refuse).then_some(FaultKind::Refuse),
        is_on(&said.black_hole).then_some(FaultKind::BlackHole),
        delay,
        reset,
        status,
        throttle,
    ];
    let mut kinds = kinds.into_iter().flatten();
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => Some(kind),
        (None, _) => {
            problems.push(said.place.error("says no fault", EXAMPLE));
            None
        }
        (Some(one), Some(other)) => {
            let found = format!("has {} and {}", one.word(), other.word());
            problems.push(said.place.error(found, EXAMPLE));
            None
        }
    }
}

/// What is promised of a behavior. Whether it can hold at all is looked at with the other checks.
pub(super) fn expect(
    said: &written::Behavior,
    path: &crate::behavior::PathPattern,
    problems: &mut Vec<Problem>,
) -> Option<Expect> {
    const PROMISES: [(&str, Promise); 3] = [
        ("answers", Promise::Answers),
        ("page", Promise::Page),
        ("error", Promise::Error),
    ];
    let said = said.expect.as_ref()?;
    let mut promise = |said: &Option<At<String>>| {
        said.as_ref()
            .and_then(|said| word(said, &PROMISES, problems))
    };
    let (any_one_down, any_two_down, all_down) = (
        promise(&said.any_one_down),
        promise(&said.any_two_down),
        promise(&said.all_down),
    );
    let worst = said
        .worst
        .as_ref()
        .and_then(|said| span(said, &(TICK..=Duration::from_hours(1)), problems));
    if let Some(asked) = &said.path {
        let target = asked.value.parse::<http::uri::PathAndQuery>();
        let fits = target
            .is_ok_and(|target| target.as_str().starts_with('/') && path.matches(target.path()));
        if !fits {
            problems.push(asked.place.error(
                format!("is {}", asked.shown()),
                format!("write a path that fits {:?}", path.as_str()),
            ));
        }
    }
    Some(Expect {
        path: said.path.as_ref().map(|said| said.value.as_str().into()),
        any_one_down,
        any_two_down,
        all_down,
        worst,
    })
}
