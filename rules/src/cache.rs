//! What a cache may do: decisions over heads, times and policies. Nothing here keeps anything.
//!
//! In the order a request meets them: [`key`] and [`vary`] (what names an answer), [`plan`] (what is done by what was found),
//! [`freshness`] (may it be used, may it be kept), [`conditional`] (who has it already), [`range`] (which part is asked for),
//! [`slices`] (what is too large to be kept whole), [`compression`], [`invalidation`], [`written`]; [`verdict`] says how the cache
//! took part.

pub mod compression;
pub mod conditional;
mod date;
mod directives;
pub mod freshness;
pub mod invalidation;
pub mod key;
pub mod plan;
pub mod range;
pub mod slices;
pub mod steered;
pub mod vary;
pub mod verdict;
pub mod written;
