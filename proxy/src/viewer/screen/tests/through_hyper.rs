//! The screen and hyper together, on a connection.
