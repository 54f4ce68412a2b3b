//! Who may do what: keys, their hashes, and the check of a request's key. Knows no HTTP and no SQL.
//!
//! Start at [`verifier::Verifier`]: it takes the text of a key and returns an [`identity::Identity`].
//!
//! - [`key`]: generates and parses keys; a checksum finds typing errors before any look-up.
//! - [`hash`]: argon2id, in bounded memory and off the async threads.
//! - [`verifier::Verifier`]: the cache of accepted keys, and what a key rests on while the database is away.
//! - [`identity::Identity`]: the user behind a request, with role, activation and scopes.
//! - [`verifier::OtherKeys`]: keys of another form, which the crate `legacy` checks.

pub mod hash;
pub mod identity;
pub mod key;
pub mod verifier;
