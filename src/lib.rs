//! The program: one file per subcommand in [`cli`], each a thin layer over the crates below `crates/`.
//!
//! `docs/architecture.md` has the graph of crates and says what each is for.

pub mod cli;
