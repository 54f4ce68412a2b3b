//! The linux-api binary.

fn main() {}
