//! Tideover's promises, a file each. A scenario is a short play: the cast, the edge, one viewer, what each of them saw.

mod access_log;
mod acme;
mod addresses;
mod answers;
mod architecture;
mod bad_input;
mod cast;
mod conformance;
mod failover;
mod headers;
mod last_page;
mod letting_go;
mod limits;
mod load;
mod messages;
mod nginx;
mod policies;
mod protocols;
mod proxy_protocol;
mod reload;
mod routing;
mod slow_viewers;
mod streaming;
mod tls;
mod websocket;
mod writes;
