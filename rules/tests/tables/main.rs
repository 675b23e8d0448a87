//! The rules as tables, one case a line, and as properties. The config compiler is not asked: `cast` builds what it would.

mod admit;
mod cast;
mod routing;
mod told;
