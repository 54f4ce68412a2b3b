//! Any text is a policy or a mistake in one of its lines, and no policy opens what is built in. Edits of a
//! policy make one that protects what it is to protect.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use linux_api_acts::policy_text::deny;
use linux_api_acts::protocol::{Actor, UnitVerb};
use linux_api_executor::policy::{Policy, PolicyError, UnitFacts};

fn facts(names: &[&str]) -> UnitFacts {
    UnitFacts {
        id: names[0].to_owned(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        affected: Vec::new(),
    }
}

fuzz_target!(|text: &str| {
    let path = Path::new("/p");
    let policy = match Policy::parse(path, text) {
        Ok(policy) => policy,
        Err(PolicyError::Mistake { line, .. }) => {
            assert!((1..=text.split('\n').count()).contains(&line));
            return;
        }
        Err(other) => panic!("{other}"),
    };
    let actor = Actor {
        name: "alice".to_owned().try_into().expect("it is a name"),
        role: None,
        key: None,
        address: None,
    };
    for verb in UnitVerb::ALL {
        for names in [&["systemd-logind.service"][..], &["mine.service", "linux-api.service"]] {
            assert!(!policy.decide_unit(&actor, verb, &facts(names)).allowed);
        }
    }
    assert!(!policy.decide_unit(&actor, UnitVerb::Stop, &facts(&["a.service", "ssh.service"])).allowed);
    if let Ok(denied) = deny(text, &["a.service".to_owned()]) {
        let denied = Policy::parse(path, &denied).expect("an edited policy is one");
        assert!(!denied.decide_unit(&actor, UnitVerb::Start, &facts(&["a.service"])).allowed);
    }
});
