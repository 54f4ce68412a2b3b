//! Work that goes on in the background for as long as the daemon runs.

pub mod sampler;
