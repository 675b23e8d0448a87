//! Promises that cannot hold, whatever the origins do.

use crate::behavior::{Behavior, MethodSet};
use crate::expect::Promise;
use crate::origin::Target;
use crate::problem::Problem;
use crate::written;

/// A promise that needs a server or a page that the target does not have.
pub(super) fn that_cannot_hold(
    behavior: &Behavior,
    target: &Target,
    said: &written::Behavior,
    problems: &mut Vec<Problem>,
) {
    let (Some(expect), Some(said)) = (&behavior.expect, &said.expect) else {
        return;
    };
    let promises = [
        (&said.any_one_down, expect.any_one_down, Some(1)),
        (&said.any_two_down, expect.any_two_down, Some(2)),
        (&said.all_down, expect.all_down, None),
    ];
    let is_silent = promises.iter().all(|(_, promise, _)| promise.is_none());
    if is_silent && expect.worst.is_none() {
        problems.push(said.place.warning(
            "promises only that an origin answers while nothing is down",
            "write what holds while something is: any_one_down = \"answers\", all_down = \"page\", worst = \"3s\"",
        ));
    }
    let methods = behavior.for_methods.unwrap_or(behavior.allowed_methods);
    let only_writes = methods.and(MethodSet::READS_AND_OPTIONS).is_empty();
    let servers = target
        .members
        .iter()
        .filter(|member| !member.is_page)
        .count();
    // A write goes to one server, and nobody answers in its place.
    let (servers, has_page) = if only_writes {
        (servers.min(1), false)
    } else {
        (servers, target.members.iter().any(|member| member.is_page))
    };
    for (said, promise, down) in promises {
        let (Some(said), Some(promise)) = (said, promise) else {
            continue;
        };
        let down = down.unwrap_or(servers);
        let left = servers.saturating_sub(down);
        let why = match promise {
            Promise::Error => continue,
            Promise::Answers if left > 0 => continue,
            Promise::Page if left > 0 || has_page => continue,
            Promise::Answers | Promise::Page if only_writes => {
                "and a write is sent to one server only".to_owned()
            }
            Promise::Answers => format!("and {:?} has no server left then", &*target.name),
            Promise::Page => format!(
                "and {:?} has neither server nor page left then",
                &*target.name
            ),
        };
        let instead = if has_page && !only_writes {
            "write \"page\""
        } else {
            "write \"error\", or give the target another member"
        };
        problems.push(
            said.place
                .warning(format!("is \"{}\", {why}", promise.word()), instead),
        );
    }
    if let (Some(worst), Some(said)) = (expect.worst, &said.worst) {
        let longest = target.worst_case();
        let longest = target
            .deadline
            .map_or(longest, |deadline| longest.min(deadline));
        if longest > worst {
            let longest = crate::compile::display_span(longest);
            problems.push(said.place.note(
                format!(
                    "is less than the timers of {:?} allow: {longest}",
                    &*target.name
                ),
                "shorten them, or give the group a deadline; a drill says what it comes to",
            ));
        }
    }
}
