//! The parameter that selects instances by their labels.

use std::str::FromStr;

use linux_api_alerts::labels::{Labels, Pattern};
use utoipa::IntoParams;

use crate::params::QueryReader;

/// The most labels that one request may name.
const LABELS_MAX: usize = 20;
/// The longest text of one, in characters.
const LENGTH_MAX: usize = 512;

/// Which instances a request is about.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct InstanceSelection {
    /// Only instances with this label, `NAME=PATTERN` with `*` and `?`. May be repeated; all must hold.
    #[param(value_type = Option<Vec<String>>, max_items = 20, rename = "instance",
        example = json!(["mount_point=/srv/*"]))]
    labels: Vec<InstanceLabel>,
}

#[derive(Debug)]
struct InstanceLabel {
    key: String,
    pattern: Pattern,
}

/// The text is no label.
#[derive(Debug, thiserror::Error)]
#[error("Input should be a label such as mount_point=/srv/*")]
struct NoLabel;

impl FromStr for InstanceLabel {
    type Err = NoLabel;

    fn from_str(text: &str) -> Result<Self, NoLabel> {
        let (key, pattern) = text.split_once('=').ok_or(NoLabel)?;
        if key.is_empty() || text.chars().count() > LENGTH_MAX {
            return Err(NoLabel);
        }
        Ok(Self {
            key: key.to_owned(),
            pattern: pattern.into(),
        })
    }
}

impl InstanceSelection {
    pub(super) fn read(query: &mut QueryReader) -> Self {
        let named = query.repeated("instance");
        if named.len() > LABELS_MAX {
            let message = format!("Input should be at most {LABELS_MAX} labels");
            query.problem("instance", message);
        }
        let mut labels = Vec::new();
        for text in named.iter().take(LABELS_MAX) {
            match text.parse() {
                Ok(label) => labels.push(label),
                Err(error) => query.problem("instance", format!("{error}")),
            }
        }
        Self { labels }
    }

    /// Whether it leaves out any instance.
    pub(super) fn is_narrow(&self) -> bool {
        !self.labels.is_empty()
    }

    pub(super) fn matches(&self, labels: &Labels) -> bool {
        let has = |one: &InstanceLabel| {
            let value = labels.get(&one.key);
            value.is_some_and(|value| one.pattern.matches(value))
        };
        self.labels.iter().all(has)
    }
}
