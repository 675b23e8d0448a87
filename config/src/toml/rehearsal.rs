//! `[faults]`, `fault` of an origin, `expect` of a behavior.

use super::table::Table;
use crate::problem::Problem;
use crate::written::{Expect, Fault, Faults};

pub(super) fn faults(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Faults {
    let faults = Faults {
        enabled: table.boolean("enabled", problems),
    };
    table.finish(problems);
    faults
}

pub(super) fn fault(origin: &mut Table<'_>, problems: &mut Vec<Problem>) -> Option<Fault> {
    let mut table = origin.table("fault", problems)?;
    let fault = Fault {
        place: table.place.clone(),
        refuse: table.boolean("refuse", problems),
        black_hole: table.boolean("black_hole", problems),
        delay: table.span("delay", problems),
        reset_after: table.integer("reset_after", problems),
        status: table.integer("status", problems),
        throttle: table.integer("throttle", problems),
        percent: table.integer("percent", problems),
        lasts: table.span("for", problems),
    };
    table.finish(problems);
    Some(fault)
}

pub(super) fn expect(behavior: &mut Table<'_>, problems: &mut Vec<Problem>) -> Option<Expect> {
    let mut table = behavior.table("expect", problems)?;
    let expect = Expect {
        place: table.place.clone(),
        path: table.string("path", problems),
        any_one_down: table.string("any_one_down", problems),
        any_two_down: table.string("any_two_down", problems),
        all_down: table.string("all_down", problems),
        worst: table.span("worst", problems),
    };
    table.finish(problems);
    Some(expect)
}
