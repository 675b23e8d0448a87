//! What is done for a request, by what was found of its answer.

use super::freshness::Reuse;
use super::verdict::{Forward, Verdict, WhyStale};

/// What a look-up found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing under this key.
    Nothing,
    /// Answers under this key, but none that was chosen by such a request.
    OtherVariants,
    /// The last answer under this key was for its viewer only.
    Pass,
    /// An answer.
    Answer(Candidate),
}

/// An answer that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What may be done with it as it is now.
    pub reuse: Reuse,
    /// It has what is asked for: all of it, or the part.
    pub covers: bool,
    /// It may serve in place of origins that fail.
    pub stands_in: bool,
    /// The origins failed or were asked a moment ago, and are not to be asked yet.
    pub is_left_alone: bool,
}

/// What the request and its behavior say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The request asks for a part, or under conditions that only the origin can judge: its answer is not everybody's.
    pub is_particular: bool,
    /// [`CachePolicy::collapse`](tideover_config::CachePolicy::collapse).
    pub collapse: bool,
    /// [`StaleRule::at_once`](tideover_config::StaleRule::at_once).
    pub stale_at_once: bool,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// What was found is the answer.
    Serve(Verdict),
    /// It is, and is asked for anew beside that.
    ServeAndRefresh(Verdict),
    /// The origins are asked.
    Ask(Ask),
}

/// How the origins are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Why they are.
    pub why: Forward,
    /// Whether what was found is still good.
    pub about_what_was_found: bool,
    /// By the edge's own terms, for all who may ask; else as the viewer asks.
    pub for_all: bool,
    /// Whoever asks at the same time waits for this one's answer.
    pub together: bool,
}

/// What is done for a request. `nobody_answers`: it is known that no origin answers; looked at only where it matters.
pub fn plan(found: Found, terms: Terms, nobody_answers: impl FnOnce() -> bool) -> Plan {
    let ask = |why| {
        let for_all = !terms.is_particular;
        Plan::Ask(Ask {
            why,
            about_what_was_found: false,
            for_all,
            together: for_all && terms.collapse,
        })
    };
    let candidate = match found {
        Found::Nothing => return ask(Forward::Nothing),
        Found::OtherVariants => return ask(Forward::OtherVariants),
        Found::Pass => {
            return Plan::Ask(Ask {
                why: Forward::Known,
                about_what_was_found: false,
                for_all: false,
                together: false,
            });
        }
        Found::Answer(candidate) if !candidate.covers => return ask(Forward::Partial),
        Found::Answer(candidate) => candidate,
    };
    let beside = |verdict| {
        if candidate.is_left_alone {
            Plan::Serve(verdict)
        } else {
            Plan::ServeAndRefresh(verdict)
        }
    };
    match candidate.reuse {
        Reuse::Gone => ask(Forward::Nothing),
        Reuse::Fresh(left) => Plan::Serve(Verdict::Hit(left)),
        Reuse::WhileRevalidating(over) => beside(Verdict::Stale(over, WhyStale::Revalidating)),
        Reuse::Ask(over) if candidate.stands_in && terms.stale_at_once && nobody_answers() => {
            beside(Verdict::Stale(over, WhyStale::NobodyAnswers))
        }
        Reuse::Ask(over) if candidate.stands_in && candidate.is_left_alone => {
            Plan::Serve(Verdict::Stale(over, WhyStale::LeftAlone))
        }
        Reuse::Ask(_) => Plan::Ask(Ask {
            why: Forward::Stale,
            about_what_was_found: true,
            for_all: true,
            together: terms.collapse,
        }),
    }
}
