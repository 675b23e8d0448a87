//! Answers out of the cache: whole, a part, several, or the word that the viewer has it already.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::{Method, Response, StatusCode};
use tideover_config::CachePolicy;
use tideover_rules::cache::range::{self, Part};
use tideover_rules::cache::verdict::Verdict;
use tideover_rules::cache::{conditional, freshness};
use tideover_rules::failover::Attempt;
use tideover_rules::fields::{Fields, Known, Survey};
use tideover_rules::headers;
use tideover_rules::told::AnsweredBy;

use super::{MADE, Reply, Speaker};
use crate::body::Body;
use crate::cache::{Answer, FillReader, Kept, Slices, What};
use crate::origin::{Trail, Wanted};

/// What is `kept`, as it is asked for; `trail` of origins that were asked about it.
pub(crate) fn kept(
    speaker: Speaker<'_>,
    wanted: Wanted<'_>,
    policy: &CachePolicy,
    kept: &Kept,
    verdict: Verdict,
    trail: Option<Trail>,
) -> Reply {
    let What::Answer(answer) = &kept.what else {
        unreachable!("only answers are served");
    };
    let fields = answer.fields(kept, MADE);
    let viewer = wanted.request.fields;
    let extent = if answer.status.is_success() && has_it(policy, viewer, &fields) {
        Extent::None
    } else {
        extent(wanted.request.method, viewer, answer, &fields)
    };
    let content_type = fields.get(header::CONTENT_TYPE).cloned();
    let now = speaker.worker().shared.cache.now(speaker.clock());
    let told = Told {
        status: answer.status,
        fields,
        survey: answer.survey(),
        age: Some(freshness::age(&answer.lifetime, kept.resident(now))),
        verdict,
    };
    let mut reply = told_by(speaker, wanted, told, trail);
    let head = reply.response.headers_mut();
    let total = answer
        .part
        .as_deref()
        .map_or(answer.length(), |(_, total)| *total);
    let body = match extent {
        Extent::None => {
            describes_nothing(head);
            *reply.response.status_mut() = StatusCode::NOT_MODIFIED;
            Body::empty()
        }
        Extent::Whole => match answer.one_piece(kept) {
            Some(piece) => Body::full(piece),
            None => Body::pieces(answer.body(kept).into()),
        },
        Extent::Unsatisfiable => {
            describes_nothing(head);
            head.insert(header::CONTENT_RANGE, range::unsatisfied_range_value(total));
            *reply.response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            Body::empty()
        }
        Extent::One(part) => {
            head.insert(
                header::CONTENT_RANGE,
                range::content_range_value(&part, total),
            );
            head.insert(header::CONTENT_LENGTH, (part.end - part.start).into());
            *reply.response.status_mut() = StatusCode::PARTIAL_CONTENT;
            Body::pieces(cut(kept, answer, &part))
        }
        Extent::Several(parts) => {
            let random = u128::from(fastrand::u64(..)) << 64 | u128::from(fastrand::u64(..));
            let multipart = range::multipart(&parts, total, content_type.as_ref(), random);
            head.insert(header::CONTENT_TYPE, multipart.content_type);
            head.insert(header::CONTENT_LENGTH, multipart.content_length.into());
            *reply.response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let mut pieces = VecDeque::new();
            for (before, part) in multipart.heads.into_iter().zip(&parts) {
                pieces.push_back(Bytes::from(before));
                pieces.append(&mut cut(kept, answer, part));
            }
            pieces.push_back(Bytes::from(multipart.closing));
            Body::pieces(pieces)
        }
    };
    *reply.response.body_mut() = body;
    reply
}

/// What is `kept` in slices, as it is asked for. `slices` has those of its bytes that [`asked_for`] says, if it says any.
pub(crate) fn sliced(
    speaker: Speaker<'_>,
    wanted: Wanted<'_>,
    policy: &CachePolicy,
    kept: &Kept,
    verdict: Verdict,
    trail: Option<Trail>,
    slices: Option<Box<Slices>>,
) -> Reply {
    let mut reply = self::kept(speaker, wanted, policy, kept, verdict, trail);
    if let Some(slices) = slices {
        *reply.response.body_mut() = Body::slices(slices);
    }
    reply
}

/// Which bytes of what is `kept` in slices, `total` in all, the viewer is sent by [`sliced`].
pub(crate) fn asked_for(
    wanted: &Wanted<'_>,
    policy: &CachePolicy,
    kept: &Kept,
    total: u64,
) -> Option<Range<u64>> {
    let What::Answer(answer) = &kept.what else {
        return None;
    };
    let viewer = wanted.request.fields;
    let fields = answer.fields(kept, 0);
    if has_it(policy, viewer, &fields) {
        return None;
    }
    match extent(wanted.request.method, viewer, answer, &fields) {
        Extent::Whole => Some(0..total),
        Extent::One(part) => Some(part),
        Extent::None | Extent::Several(_) | Extent::Unsatisfiable => None,
    }
}

/// What is fetched for all who ask, from its first byte on.
pub(crate) fn fill(
    speaker: Speaker<'_>,
    wanted: Wanted<'_>,
    policy: &CachePolicy,
    reader: FillReader,
    verdict: Verdict,
    trail: Option<Trail>,
) -> Reply {
    let Some(flowing) = reader.flowing() else {
        unreachable!("only what flows is read");
    };
    let head = &flowing.head;
    let viewer = wanted.request.fields;
    let has_it = head.status.is_success() && has_it(policy, viewer, &head.fields);
    let mut fields = head.fields.clone();
    fields.reserve(MADE);
    let told = Told {
        status: head.status,
        survey: Survey::of(&fields),
        fields,
        age: None,
        verdict,
    };
    let mut reply = told_by(speaker, wanted, told, trail);
    if has_it {
        describes_nothing(reply.response.headers_mut());
        *reply.response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *reply.response.body_mut() = Body::fill(reader);
    }
    reply
}

/// The head of an answer out of the cache.
struct Told {
    status: StatusCode,
    fields: HeaderMap,
    survey: Survey,
    /// `None`: it has come this moment.
    age: Option<u32>,
    verdict: Verdict,
}

fn told_by(speaker: Speaker<'_>, wanted: Wanted<'_>, told: Told, trail: Option<Trail>) -> Reply {
    let Told {
        status,
        fields: mut head,
        survey,
        age,
        verdict,
    } = told;
    headers::for_viewer(
        &speaker.view.live.edge,
        wanted.route,
        wanted.viewer,
        wanted.request,
        status,
        survey,
        &mut head,
    );
    if let Some(age) = age {
        head.insert(header::AGE, speaker.view.told_before.recall_age(age));
    }
    let were_asked = trail.is_some();
    let mut facts = speaker.facts_of(wanted, trail.unwrap_or_default(), Some(verdict));
    facts.made_by_edge = false;
    facts.result = verdict.result(status);
    speaker.sign(&mut head, facts.result);
    facts.result = verdict.logged(status);
    facts.detail = facts.result.word();
    if were_asked {
        let by = match facts.attempts.get(facts.delivered) {
            Some(Attempt { outcome, .. }) if !outcome.is_status() => {
                AnsweredBy::FailedAttempt(facts.delivered)
            }
            _ => AnsweredBy::Attempt(facts.delivered),
        };
        speaker.tell(&mut head, Some(wanted), &facts, by, None);
    }
    speaker.tell_of_the_cache(&mut head, &facts);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    *response.headers_mut() = head;
    Reply {
        response,
        facts,
        may_be_replaced: true,
    }
}

fn has_it(policy: &CachePolicy, viewer: Fields<'_>, kept: &HeaderMap) -> bool {
    policy.answers_conditions && conditional::is_not_modified(viewer, kept)
}

/// What of the body is sent.
enum Extent {
    /// The viewer has it: 304.
    None,
    Whole,
    One(Range<u64>),
    Several(Vec<Range<u64>>),
    Unsatisfiable,
}

fn extent(method: &Method, viewer: Fields<'_>, answer: &Answer, fields: &HeaderMap) -> Extent {
    if let Some((kept, total)) = answer.part.as_deref()
        && !kept.is_empty()
    {
        let asked = range::covered(viewer, fields, kept, *total);
        return asked.map_or(Extent::Unsatisfiable, Extent::One);
    }
    if answer.status != StatusCode::OK || *method != Method::GET || !viewer.has(Known::Range) {
        return Extent::Whole;
    }
    let length = answer.in_slices().unwrap_or(answer.length());
    match range::part(viewer, fields, length) {
        Part::Whole => Extent::Whole,
        Part::One(part) => Extent::One(part),
        // Several slices at a time are nobody's: whole is an answer, too.
        Part::Several(_) if answer.in_slices().is_some() => Extent::Whole,
        Part::Several(parts) => Extent::Several(parts),
        Part::Unsatisfiable => Extent::Unsatisfiable,
    }
}

/// The bytes `part` of the whole, in cheap copies.
fn cut(kept: &Kept, answer: &Answer, part: &Range<u64>) -> VecDeque<Bytes> {
    // Where the first byte of what is kept lies in the whole.
    let mut at = answer.part.as_deref().map_or(0, |(kept, _)| kept.start);
    let mut pieces = VecDeque::new();
    for piece in answer.body(kept) {
        let end = at + piece.len() as u64;
        let (from, to) = (part.start.max(at), part.end.min(end));
        if from < to {
            let inside = |byte: u64| usize::try_from(byte - at).unwrap_or_default();
            pieces.push_back(piece.slice(inside(from)..inside(to)));
        }
        at = end;
    }
    pieces
}

/// There is no body, and so nothing that describes one.
fn describes_nothing(head: &mut HeaderMap) {
    for name in [
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
    ] {
        head.remove(name);
    }
}
