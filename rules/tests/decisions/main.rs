//! The decisions as tables, one case a row, and as properties of whatever may come.

mod cast;
mod tables {
    mod admit;
    mod routing;
    mod told;
}
