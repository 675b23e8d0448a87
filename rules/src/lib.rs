//! What a config means for this request: decisions as pure functions over plain values.
//!
//! Nothing here reads a clock, opens a socket, takes a lock or writes a log; time comes in as an elapsed `Duration`.
//! In the order a request meets them:
//!
//! - [`fields`]: which of the names that decide something a head has, found in one walk.
//! - [`admit`]: is this head fit to be forwarded at all, and which host does it ask?
//! - [`route`]: host, path, method -> distribution, behavior, target, or a refusal.
//! - [`cache`]: what names an answer, how long it may be used, and what of it a viewer is given.
//! - [`failover`]: attempts so far -> try this member within these limits, or deliver that answer.
//! - [`standing`], [`breaker`], [`health`]: is an origin asked when its turn comes? From what an operator said, from how
//!   requests to it went, from how probes went.
//! - [`record`]: health of two origins -> which of them a record stands for.
//! - [`alarm`]: what is amiss -> when somebody is told, and when it is over.
//! - [`switch`]: whom would an order leave with nobody to answer?
//! - [`challenge`]: does somebody ask for the proof that a name is served here?
//! - [`headers`]: the head that an origin is sent; what is left of an origin's head for the viewer.
//! - [`server_name`]: the name that an origin is asked for when TLS begins.
//! - [`error_page`]: final status -> custom error response; failure -> status.
//! - [`explain`]: what could happen, told beforehand by asking the same rule.
//! - [`bucket`]: a request -> the key of an object, where a folder plays a bucket.
//! - [`page`]: may this answer stand in for everything when everything is down?
//! - [`certificate`], [`renewal`]: which certificate is shown for a name, and when it is ordered anew.
//! - [`told`]: attempts -> `X-Cache`, `Proxy-Status`, `Tideover-Attempts`, log words.
//! - [`websocket`]: does it ask to switch protocols?

pub mod admit;
pub mod alarm;
pub mod breaker;
pub mod bucket;
pub mod cache;
pub mod certificate;
pub mod challenge;
pub mod error_page;
pub mod explain;
pub mod failover;
pub mod fields;
pub mod headers;
pub mod health;
pub mod page;
pub mod record;
pub mod renewal;
pub mod route;
pub mod server_name;
pub mod standing;
pub mod switch;
pub mod told;
pub mod websocket;
