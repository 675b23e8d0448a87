//! The headers that every request to an origin has, made once and copied: a map that is copied is not hashed again.

use http::header::{HOST, VIA};
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use tideover_config::{Behavior, Distribution, LoopCheck, Server};

use super::{Request, Viewer, copied, host_for, made};
use crate::fields::{Known, Names};
use crate::route::Route;

/// What the head of every request through one behavior begins with. What does not depend on the request is in it already.
#[derive(Clone, Debug)]
pub struct Frame {
    headers: HeaderMap,
    /// Whose value stands where in `headers`.
    slots: Vec<Slot>,
    names: Names,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Host,
    Via,
    ForwardedFor,
    ForwardedHost,
    ForwardedProto,
    Loop,
    RequestId,
}

impl Frame {
    /// The frame of `behavior`, which is one of `distribution`'s.
    pub fn of(distribution: &Distribution, behavior: &Behavior) -> Self {
        const LATER: HeaderValue = HeaderValue::from_static("-");
        let voice = &distribution.voice;
        let mut slots: Vec<(Slot, HeaderName, HeaderValue)> = vec![
            (Slot::Host, HOST, LATER),
            (Slot::Via, VIA, voice.via.by_http_1_1().clone()),
            (Slot::ForwardedFor, Known::XForwardedFor.name(), LATER),
            (Slot::RequestId, voice.request_id.clone(), LATER),
        ];
        if behavior.origin_request.forwarded_host_and_proto {
            slots.push((Slot::ForwardedHost, Known::XForwardedHost.name(), LATER));
            slots.push((Slot::ForwardedProto, Known::XForwardedProto.name(), LATER));
        }
        if let LoopCheck::CdnLoop { cdn_id } = &distribution.loops {
            slots.push((Slot::Loop, Known::CdnLoop.name(), cdn_id.clone()));
        }
        let mut frame = Self {
            headers: HeaderMap::with_capacity(slots.len()),
            slots: Vec::with_capacity(slots.len()),
            names: Names::default(),
        };
        for (slot, name, value) in slots {
            if let Some(known) = Known::of(&name) {
                frame.names = frame.names.with(known);
            }
            if frame.headers.insert(name, value).is_none() {
                frame.slots.push(slot);
            }
        }
        frame
    }

    /// How many headers it has.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether a viewer's header of this name has no place beside it.
    pub(super) fn has(&self, name: &HeaderName) -> bool {
        match Known::of(name) {
            Some(known) => self.names.has(known),
            None => self.headers.contains_key(name),
        }
    }

    /// A copy of it for this request, to which the viewer's headers are to be added.
    pub(super) fn filled(
        &self,
        route: &Route<'_, '_>,
        server: &Server,
        request: Request<'_>,
        viewer: &Viewer<'_>,
    ) -> HeaderMap {
        let mut headers = self.headers.clone();
        for (slot, value) in self.slots.iter().zip(headers.values_mut()) {
            if let Some(own) = slot.value(route, server, request, viewer) {
                *value = own;
            }
        }
        headers
    }

    /// Puts it over `headers`, which has the viewer's.
    pub(super) fn put_over(
        &self,
        headers: &mut HeaderMap,
        route: &Route<'_, '_>,
        server: &Server,
        request: Request<'_>,
        viewer: &Viewer<'_>,
    ) {
        for (slot, (name, value)) in self.slots.iter().zip(&self.headers) {
            let own = slot.value(route, server, request, viewer);
            headers.insert(name.clone(), own.unwrap_or_else(|| value.clone()));
        }
    }
}

impl Slot {
    /// What stands here for this request; `None`: what is there already.
    fn value(
        self,
        route: &Route<'_, '_>,
        server: &Server,
        request: Request<'_>,
        viewer: &Viewer<'_>,
    ) -> Option<HeaderValue> {
        let plan = &route.behavior.origin_request;
        let sent = request.fields;
        match self {
            Self::Host => Some(host_for(plan, server, viewer.host).clone()),
            Self::Via if !sent.has(Known::Via) && viewer.version == Version::HTTP_11 => None,
            Self::Via => {
                let before = copied::Connection::of(sent).unless_named(Known::Via);
                made::via(before, &route.distribution.voice.via, viewer.version)
            }
            Self::ForwardedFor if !sent.has(Known::XForwardedFor) => {
                Some(viewer.address_text.clone())
            }
            Self::ForwardedFor => {
                let before = copied::Connection::of(sent).unless_named(Known::XForwardedFor);
                made::added_to(before, viewer.address_text)
            }
            // HTTP/1.0 without one: what was asked is what is sent.
            Self::ForwardedHost => Some(viewer.host.unwrap_or(&server.own_host).clone()),
            Self::ForwardedProto => Some(made::scheme(viewer.scheme)),
            Self::Loop if !sent.has(Known::CdnLoop) => None,
            Self::Loop => match &route.distribution.loops {
                // RFC 8586, section 2: it must not be taken out, so what `Connection` says of it does not count.
                LoopCheck::CdnLoop { cdn_id } => made::added_to(sent.lines(Known::CdnLoop), cdn_id),
                LoopCheck::Via => None,
            },
            Self::RequestId => Some(viewer.request_id.clone()),
        }
    }
}
