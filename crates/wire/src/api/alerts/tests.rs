//! Words, texts and shapes of alerts.

use super::*;

#[test]
fn words_read_back_and_others_are_refused_with_those_that_there_are() {
    for status in AlertStatus::ALL {
        assert_eq!(status.as_str().parse(), Ok(status));
        let json = serde_json::to_string(&status).unwrap();
        assert_eq!(json, format!("\"{status}\""));
    }
    for change in AlertChange::ALL {
        assert_eq!(change.as_str().parse(), Ok(change));
        let json = serde_json::to_string(&change).unwrap();
        assert_eq!(json, format!("\"{change}\""));
    }
    let error = "bad".parse::<AlertSeverity>().unwrap_err();
    assert_eq!(error.to_string(), "Input should be 'warning' or 'critical'");
}

#[test]
fn labels_are_written_as_those_of_series() {
    let mut alert = Alert::default();
    assert_eq!(alert.labels_text(), "");
    alert.labels = BTreeMap::from([
        ("device".to_owned(), "md0".to_owned()),
        ("fault".to_owned(), "a \"b\" \\".to_owned()),
    ]);
    assert_eq!(alert.labels_text(), r#"{device="md0",fault="a \"b\" \\"}"#);
}

#[test]
fn what_was_seen_silenced_or_explained_needs_no_attention() {
    let fires = Alert {
        severity: Some(AlertSeverity::Warning),
        ..Alert::default()
    };
    assert!(fires.needs_attention());
    assert!(!Alert::default().needs_attention());
    let inhibited = Alert {
        inhibited: true,
        ..fires.clone()
    };
    assert!(!inhibited.needs_attention());
    let silenced = Alert {
        silenced_by: Some("2b1f0c9a-7d3e-8a41-9c55-0e6f4b7a8d12".to_owned()),
        ..fires
    };
    assert!(!silenced.needs_attention());
}
