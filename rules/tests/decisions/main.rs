//! The decisions as tables, one case a row, and as properties of whatever may come.

mod cast;
mod play;
mod properties {
    mod chance;
    mod explain;
    mod failover;
    mod headers;
    mod routing;
    mod told;
}
mod tables {
    mod admit;
    mod error_page;
    mod explain;
    mod failover;
    mod origin_head;
    mod routing;
    mod told;
    mod viewer_head;
}
