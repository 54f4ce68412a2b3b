//! The program: parses, runs, ends with the exit code.

fn main() {}
