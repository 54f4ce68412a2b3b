//! Any text is a cursor or none; a cursor that is read and written again is the same place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use linux_api_wire::api::page::Cursor;

fuzz_target!(|text: &str| {
    let Ok(cursor) = Cursor::decode(text) else {
        return;
    };
    let again = Cursor::decode(&cursor.encode()).expect("what was written can be read");
    assert_eq!(again, cursor);
});
