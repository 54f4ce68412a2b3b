//! Pieces that several screens are made of.

pub(crate) mod chart;
pub(crate) mod frame;
pub(crate) mod graph;
pub(crate) mod meter;
pub(crate) mod parts;
