//! Presets and edits are policies.

use std::path::Path;

use linux_api_acts::policy_text::{EditError, Preset, allow, deny, set_min_uid};

use super::Policy;

fn policy(text: &str) -> Policy {
    Policy::parse(Path::new("policy.toml"), text).unwrap()
}

#[test]
fn every_preset_is_a_policy_and_the_first_allows_nothing() {
    let watch = policy(&Preset::Watch.text(&[]).unwrap());
    assert!(!watch.has_units() && !watch.has_processes());
    let units = ["nginx.service".to_owned()];
    let text = Preset::Services.text(&units).unwrap();
    let services = policy(&text);
    assert!(services.has_units() && services.has_processes());
    assert!(
        text.contains("min_uid = 1000") && text.contains("\"reload\""),
        "{text}"
    );
    let text = Preset::Everything.text(&[]).unwrap();
    assert!(
        policy(&text).has_units() && text.contains("min_uid = 0"),
        "{text}"
    );
    assert!(
        Preset::Services
            .text(&["reboot.target".to_owned()])
            .is_err()
    );
}

#[test]
fn edits_keep_comments_and_move_what_changes_sides() {
    let text = "# ours\nrate = \"5/minute\"\n\n[units]\nallow = [\"a.service\"] # the shop\n";
    let names = ["a.service".to_owned(), "b.timer".to_owned()];
    let denied = deny(text, &names).unwrap();
    assert!(
        denied.contains("# ours") && denied.contains("# the shop"),
        "{denied}"
    );
    assert!(denied.contains("allow = []"), "{denied}");
    assert!(
        denied.contains("protect = [\"a.service\", \"b.timer\"]"),
        "{denied}"
    );
    let again = deny(&denied, &names).unwrap();
    assert_eq!(again, denied);
    let allowed = allow(&denied, &names[..1]).unwrap();
    assert!(allowed.contains("allow = [\"a.service\"]"), "{allowed}");
    let open = set_min_uid(&allowed, Some(1000)).unwrap();
    assert!(policy(&open).has_processes());
    let closed = set_min_uid(&open, None).unwrap();
    assert!(!policy(&closed).has_processes());
    assert!(matches!(
        allow("units = 1", &names),
        Err(EditError::Shape(_))
    ));
    assert!(matches!(
        allow("", &["x".to_owned()]),
        Err(EditError::Pattern(_))
    ));
}
