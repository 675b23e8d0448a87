//! The language of the scenarios: a cast of origins good and bad, an edge between, a viewer, and what each of them saw.
//!
//! - [`origin()`] makes a scripted origin over raw TCP; its bad relatives have names: `refuses`, `never_answers`,
//!   `black_hole`, `resets_after`, `trickles`, `bad_certificate`, …
//! - [`edge()`] takes a config as its operator would write it and runs the edge in this process; [`tiers`], [`pair`] and
//!   [`in_front_of`] are the configs that most scenarios need.
//! - [`viewer()`] and [`viewer_of`] are a client that can send any bytes and sees what really came back.
//! - [`operator()`] has the token of an edge, and switches.
//! - [`browser()`] is a real one, where it is installed.
//! - [`load()`] is many viewers who ask without a pause and count what was lost; [`Steady`] is the same over both protocols,
//!   by clients who do what they are told.
//! - [`frames`] is a viewer that says HTTP/2 frame by frame, good and bad.
//! - [`gate()`] makes order without sleeping; [`patiently`] bounds every wait; [`settles`] is for what ends
//!   without an event.
//! - [`authority()`] is one that signs by ACME what it finds proved, or refuses.
//! - [`certificates`] holds an authority of our own.
//!
//! It knows nothing of how the edge is built: only its library's front door and its config files.

mod acme;
mod browser;
pub mod certificates;
mod edge;
mod folder;
pub mod frames;
mod gate;
mod load;
mod nginx;
mod operator;
mod origin;
mod response;
mod secure;
mod steady;
mod viewer;
mod wire;

pub use acme::{Authority, AuthorityBuilder, Refuses, authority};
pub use browser::{Browser, browser};
pub use edge::{
    Edge, EdgeBuilder, edge, edge_json, in_front_of, is_trusted, lines_of, pair, reached, tiers,
    viewer, viewer_by,
};
pub use folder::Folder;
pub use gate::{Gate, PATIENCE, gate, has_ipv6, ms, patiently, settles};
pub use load::{Load, load};
pub use nginx::{AT_ONCE, Nginx, NginxBuilder, nginx};
pub use operator::{Operator, TOKEN, operator};
pub use origin::{
    Answer, BlackHole, Content, Object, Origin, OriginBuilder, Script, Seen, Step, answer, object,
    origin,
};
pub use response::Response;
pub use secure::{Protocol, client_config, roots, shakes_hands, shown_certificate};
pub use steady::{Counted, Steady};
pub use viewer::{Line, Request, Viewer, viewer_of};
pub use wire::Head;
