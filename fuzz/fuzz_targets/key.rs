//! Any text is a key or none; a key that is read is the text itself, and its id is part of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use linux_api_auth::key::{KEY_LEN, PlainKey};

fuzz_target!(|text: &str| {
    let Some(key) = PlainKey::parse(text) else {
        return;
    };
    assert_eq!(key.expose(), text);
    assert_eq!(text.len(), KEY_LEN);
    assert!(text[5..].starts_with(&key.id().to_string()));
    assert!(!format!("{key:?}").contains(text));
});
