//! Who may do what: keys, their hashes, and the check of a request's key. Knows no HTTP and no SQL.

pub mod hash;
pub mod identity;
pub mod imported;
pub mod key;
pub mod verifier;
