//! Any bytes are a message to the executor or none; a message that is written reads as itself, and holds
//! only names that can be nothing else.

#![no_main]

use libfuzzer_sys::fuzz_target;
use linux_api_acts::frame;
use linux_api_acts::names::is_unit_character;
use linux_api_acts::protocol::Message;

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = frame::parse::<Message>(bytes) else {
        return;
    };
    if let Message::Act(request) | Message::Test(request) = &message {
        assert!(!request.id.as_str().contains(['"', '\\', ' ', '\n']));
        if let Some((_, unit)) = request.verb.unit() {
            let name = unit.as_str();
            assert!(name.len() <= 255 && name.chars().all(is_unit_character));
            assert!(!name.starts_with(['-', '.', '@']));
            // A template; an instance may begin with any of the characters.
            let stem = name.rsplit_once('.').map(|(stem, _)| stem);
            assert!(stem.is_some_and(|stem| !stem.ends_with('@')));
        }
        let _ = request.verb.check();
    }
    let text = serde_json::to_vec(&message).expect("a message is JSON");
    let again = frame::parse::<Message>(&text).expect("a written message is one");
    assert_eq!(again, message);
});
