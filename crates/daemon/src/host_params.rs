//! Parameters that select hosts, which several routes share.

use crate::params::QueryReader;
use linux_api_wire::fleet::HostLabel;

/// The most labels that one request may name.
const LABELS_MAX: usize = 20;

/// The labels that hosts must have: all of them.
pub(crate) fn labels(query: &mut QueryReader) -> Vec<HostLabel> {
    let named = query.repeated("label");
    if named.len() > LABELS_MAX {
        let message = format!("Input should be at most {LABELS_MAX} labels");
        query.problem("label", message);
    }
    let mut labels = Vec::new();
    for text in named.iter().take(LABELS_MAX) {
        match text.parse() {
            Ok(label) => labels.push(label),
            Err(error) => query.problem("label", format!("{error}")),
        }
    }
    labels
}
