//! The decisions as tables, one case a row, and as properties of whatever may come.
#![allow(clippy::type_complexity, reason = "the rows of a table are tuples")]

mod cast;
mod play;
mod properties {
    mod alarm;
    mod breaker;
    mod bucket;
    mod cache_freshness;
    mod cache_key;
    mod cache_range;
    mod chance;
    mod explain;
    mod failover;
    mod headers;
    mod health;
    mod routing;
    mod standing;
    mod told;
}
mod tables {
    mod admit;
    mod alarm;
    mod breaker;
    mod bucket;
    mod cache_compression;
    mod cache_conditions;
    pub(crate) mod cache_freshness;
    mod cache_invalidation;
    mod cache_key;
    mod cache_range;
    mod cache_slices;
    pub(crate) mod cache_ttls;
    mod cache_vary;
    mod cache_verdict;
    mod cache_written;
    mod certificate;
    mod challenge;
    mod error_page;
    mod explain;
    mod failover;
    pub(crate) mod health;
    mod known;
    mod origin_head;
    mod page;
    mod passed_on;
    mod petclinic;
    mod record;
    mod renewal;
    mod routing;
    mod server_name;
    mod standing;
    mod switch;
    mod told;
    mod viewer_head;
    mod websocket;
}
