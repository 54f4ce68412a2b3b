//! Setup, units and packages: what is put onto a host, and what is left when it goes.

mod units;
