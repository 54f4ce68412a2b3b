//! Edits of the policy's text that keep comments and order, and the presets.

use toml_edit::{Array, DocumentMut, Item, Table, TableLike, value};

use crate::names::check_pattern;

/// Nothing: what is shipped.
pub const WATCH: &str = include_str!("../../../packaging/policy.toml");

/// Why the policy can't be edited.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The text is no TOML.
    #[error("the policy can't be read: {0}")]
    Text(#[from] toml_edit::TomlError),
    /// A member has another type.
    #[error("{0} is not what it should be; correct the policy first")]
    Shape(&'static str),
    /// A pattern would be a mistake.
    #[error("{0}")]
    Pattern(String),
}

/// What a policy allows, ready made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Nothing.
    Watch,
    /// Restarts and reloads of chosen units, and processes of people's accounts.
    Services,
    /// Every unit and process but those that are built in.
    Everything,
}

impl Preset {
    /// The text of its policy; `units` are those that [`Self::Services`] is about.
    ///
    /// # Errors
    /// [`EditError::Pattern`].
    pub fn text(self, units: &[String]) -> Result<String, EditError> {
        let mut policy = WATCH.to_owned();
        match self {
            Self::Watch => {}
            Self::Services => {
                policy = allow(&policy, units)?;
                policy = set_verbs(&policy, &["restart", "reload", "reset-failed"])?;
                policy = set_min_uid(&policy, Some(1000))?;
            }
            Self::Everything => {
                policy = allow(&policy, &["*".to_owned()])?;
                policy = set_min_uid(&policy, Some(0))?;
            }
        }
        Ok(policy)
    }
}

/// Adds patterns to `units.allow`; one that is protected by the same words is no longer.
///
/// # Errors
/// See [`EditError`].
pub fn allow(policy: &str, patterns: &[String]) -> Result<String, EditError> {
    move_patterns(policy, patterns, "allow", "protect")
}

/// Adds patterns to `units.protect`; one that is allowed by the same words is no longer.
///
/// # Errors
/// See [`EditError`].
pub fn deny(policy: &str, patterns: &[String]) -> Result<String, EditError> {
    move_patterns(policy, patterns, "protect", "allow")
}

/// Sets `processes.min_uid`, or removes it, which allows no process.
///
/// # Errors
/// See [`EditError`].
pub fn set_min_uid(policy: &str, min_uid: Option<u32>) -> Result<String, EditError> {
    let mut document: DocumentMut = policy.parse()?;
    match min_uid {
        Some(uid) => {
            let processes = table(&mut document, "processes")?;
            set(processes, "min_uid", value(i64::from(uid)));
        }
        None => {
            if let Some(processes) = document.get_mut("processes") {
                let processes = processes.as_table_like_mut();
                processes
                    .ok_or(EditError::Shape("processes"))?
                    .remove("min_uid");
            }
        }
    }
    Ok(document.to_string())
}

/// Sets whether rules of alerts may have units restarted.
///
/// # Errors
/// See [`EditError`].
pub fn set_automatic(policy: &str, automatic: bool) -> Result<String, EditError> {
    let mut document: DocumentMut = policy.parse()?;
    set(document.as_table_mut(), "automatic", value(automatic));
    Ok(document.to_string())
}

fn set_verbs(policy: &str, verbs: &[&str]) -> Result<String, EditError> {
    let mut document: DocumentMut = policy.parse()?;
    let units = table(&mut document, "units")?;
    set(
        units,
        "verbs",
        value(verbs.iter().copied().collect::<Array>()),
    );
    Ok(document.to_string())
}

fn move_patterns(
    policy: &str,
    patterns: &[String],
    to: &'static str,
    from: &'static str,
) -> Result<String, EditError> {
    for pattern in patterns {
        check_pattern(pattern).map_err(EditError::Pattern)?;
    }
    let mut document: DocumentMut = policy.parse()?;
    let units = table(&mut document, "units")?;
    if let Some(list) = units.get_mut(from) {
        let list = list.as_array_mut().ok_or(EditError::Shape("units"))?;
        list.retain(|it| !patterns.iter().any(|one| it.as_str() == Some(one)));
    }
    if units.get(to).is_none() {
        units.insert(to, value(Array::new()));
    }
    let list = units.get_mut(to).and_then(Item::as_array_mut);
    let list = list.ok_or(EditError::Shape("units"))?;
    for pattern in patterns {
        if !list.iter().any(|it| it.as_str() == Some(pattern)) {
            list.push(pattern);
        }
    }
    Ok(document.to_string())
}

/// Sets a member and keeps the comment beside it.
fn set(table: &mut dyn TableLike, key: &str, item: Item) {
    match (table.get_mut(key).and_then(Item::as_value_mut), item) {
        (Some(old), Item::Value(mut new)) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        (_, item) => {
            table.insert(key, item);
        }
    }
}

fn table<'a>(
    document: &'a mut DocumentMut,
    name: &'static str,
) -> Result<&'a mut dyn TableLike, EditError> {
    if document.get(name).is_none() {
        let mut table = Table::new();
        // A comment at the end stays before what is added.
        let end = document.trailing().as_str().unwrap_or_default().to_owned();
        if !end.trim().is_empty() {
            table.decor_mut().set_prefix(format!("{end}\n"));
            document.set_trailing("");
        }
        document.insert(name, Item::Table(table));
    }
    let item = document.get_mut(name).ok_or(EditError::Shape(name))?;
    item.as_table_like_mut().ok_or(EditError::Shape(name))
}
