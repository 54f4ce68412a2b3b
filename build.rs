//! Packs what the shipped binary relocates at its start, and leaves out its symbols.

#![expect(
    clippy::disallowed_methods,
    reason = "the environment is how cargo names the target"
)]

fn main() {
    // Without a line of this kind cargo would run it again after every change of a file.
    println!("cargo:rerun-if-changed=build.rs");
    // A static binary finds its own addresses at each start. In the usual form that is 700 KiB to read,
    // which stay in memory; as one bit per address (DT_RELR, known to musl since 1.2.4) it is next to
    // nothing. Linkers that don't know the option leave things as they are.
    if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "musl") {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    // The profile's `strip` does not reach a package that has an opt-level of its own there: 4 MiB.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo:rustc-link-arg-bins=-Wl,--strip-all");
    }
}
