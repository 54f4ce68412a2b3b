//! Who becomes whom, decided before anything is written.

use std::collections::{BTreeMap, BTreeSet};

use super::source::SourceUser;
use crate::keys::imported_key_id;
use linux_api_store::imports::{ImportedKey, ImportedUser, UserImport};
use linux_api_wire::api_key::{KeyId, Scope, Scopes};
use linux_api_wire::user::{Role, User, UserId};

/// The longest name of a user.
const NAME_MAX: usize = 64;

/// What to do with a name that two users have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnConflict {
    /// Nothing is imported.
    Stop,
    /// The one that comes later gets this behind its name.
    Rename(String),
    /// Both are the same person: one user with the keys of both.
    Merge,
}

/// What becomes of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is new here.
    Add,
    /// It is new here, under another name because its own is taken.
    Rename,
    /// It is one with a user that has its name.
    Merge,
    /// It was imported before and stays as it is.
    Keep,
    /// It was imported before and deleted since; it does not come back.
    Gone,
    /// Its name is taken, by whom this says.
    Conflict(String),
}

/// What becomes of a user's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFate {
    /// It will work here.
    Add,
    /// It is kept but revoked, because its user was not active and the one it becomes is.
    AddRevoked,
    /// It was imported before and stays as it is.
    Keep,
    /// There is none, or its user is not imported.
    None,
}

/// One user of the Python program and what becomes of it.
#[derive(Debug, Clone)]
pub struct PlannedUser {
    /// The user as it was.
    pub source: SourceUser,
    /// What becomes of it.
    pub fate: Fate,
    /// What becomes of its key.
    pub key_fate: KeyFate,
    /// Its name here.
    pub name: String,
    /// What else there is to say.
    pub notes: Vec<String>,
    id: UserId,
    scopes: Scopes,
}

/// What an import of users would do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Every user of the Python program, in the order they are imported.
    pub users: Vec<PlannedUser>,
}

/// What is here already.
#[derive(Debug, Clone, Default)]
pub struct Present {
    /// All users.
    pub users: Vec<User>,
    /// Who was imported before, deleted ones included.
    pub sources: BTreeMap<String, UserId>,
    /// Imported keys that are here.
    pub keys: BTreeSet<KeyId>,
}

/// A user that has a name already.
#[derive(Clone)]
struct Holder {
    id: UserId,
    role: Role,
    active: bool,
    /// Where it is from, for people.
    whose: String,
}

/// Decides what becomes of the users, those of the v1 routes first.
#[must_use]
pub fn plan(mut sources: Vec<SourceUser>, present: &Present, choice: &OnConflict) -> Plan {
    sources.sort_by_key(|user| user.origin);
    let mut names: BTreeMap<String, Holder> = BTreeMap::new();
    for user in &present.users {
        let holder = Holder {
            id: user.id,
            role: user.role,
            active: user.active,
            whose: "a user of this database".to_owned(),
        };
        names.insert(user.name.clone(), holder);
    }
    let users = sources
        .into_iter()
        .map(|source| place(source, present, choice, &mut names))
        .collect();
    Plan { users }
}

fn place(
    source: SourceUser,
    present: &Present,
    choice: &OnConflict,
    names: &mut BTreeMap<String, Holder>,
) -> PlannedUser {
    let name = usable_name(&source);
    let mut planned = PlannedUser {
        fate: Fate::Add,
        key_fate: KeyFate::None,
        notes: Vec::new(),
        id: source.id.unwrap_or_else(UserId::random),
        // A key that was made before there were acts is for none of them.
        scopes: Scopes::before_acts(),
        name,
        source,
    };
    if let Some(id) = present.sources.get(&planned.source.source) {
        planned.id = *id;
        match present.users.iter().find(|user| user.id == *id) {
            Some(user) => {
                planned.fate = Fate::Keep;
                planned.name.clone_from(&user.name);
                planned.join(user.role, user.active);
                planned.place_key(present);
            }
            None => planned.fate = Fate::Gone,
        }
        return planned;
    }
    if planned.name != planned.source.name {
        planned
            .notes
            .push("its name holds what names here don't".to_owned());
    }
    if let Some(holder) = names.get(&planned.name).cloned() {
        match choice {
            OnConflict::Stop => planned.fate = Fate::Conflict(holder.whose),
            OnConflict::Merge => {
                planned.fate = Fate::Merge;
                planned.id = holder.id;
                planned.join(holder.role, holder.active);
                planned.place_key(present);
            }
            OnConflict::Rename(suffix) => {
                let name = format!("{}{suffix}", planned.name);
                match names.get(&name) {
                    _ if name.len() > NAME_MAX => {
                        planned.fate =
                            Fate::Conflict(format!("{}, and {name} is too long", holder.whose));
                    }
                    Some(_) => {
                        planned.fate =
                            Fate::Conflict(format!("{}, and {name} is taken too", holder.whose));
                    }
                    None => {
                        planned.fate = Fate::Rename;
                        planned.name = name;
                    }
                }
            }
        }
    }
    if matches!(planned.fate, Fate::Add | Fate::Rename) {
        planned.place_key(present);
        let holder = Holder {
            id: planned.id,
            role: planned.source.role,
            active: planned.source.active,
            whose: format!("the {} user of that name", planned.source.origin.as_str()),
        };
        names.insert(planned.name.clone(), holder);
    }
    planned
}

impl PlannedUser {
    /// The user becomes one that is there: its key must not be able to do more than before.
    fn join(&mut self, role: Role, active: bool) {
        if self.source.role < role {
            self.scopes = Scopes::only(
                Scope::ALL
                    .into_iter()
                    .filter(|scope| scope.role() <= self.source.role),
            );
            self.notes.push(format!(
                "its key stays limited to what a {} may do",
                self.source.role
            ));
        } else if self.source.role > role {
            self.notes.push(format!(
                "it was {}, and stays {role} here",
                self.source.role
            ));
        }
        if active && !self.source.active {
            self.key_fate = KeyFate::AddRevoked;
            self.notes
                .push("it was not active: its key is revoked".to_owned());
        } else if !active && self.source.active {
            self.notes.push("the user here is not active".to_owned());
        }
    }

    fn place_key(&mut self, present: &Present) {
        self.key_fate = match (&self.source.key_hash, self.key_id()) {
            (Some(_), Some(id)) if present.keys.contains(&id) => KeyFate::Keep,
            (Some(_), _) if self.key_fate == KeyFate::AddRevoked => KeyFate::AddRevoked,
            (Some(_), _) => KeyFate::Add,
            (None, _) => KeyFate::None,
        };
    }

    /// The id of its key here: the same whenever it is imported.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        key_id_of(&self.source)
    }

    fn key(&self) -> Option<ImportedKey> {
        Some(ImportedKey {
            id: self.key_id()?,
            user_id: self.id,
            name: format!(
                "{} key of the Python Linux-API",
                self.source.origin.as_str()
            ),
            hash: self.source.key_hash.clone()?,
            scopes: self.scopes,
            created_at: self.source.created_at,
            revoked: self.key_fate == KeyFate::AddRevoked,
        })
    }
}

/// The id that the key of a user has here.
#[must_use]
pub fn key_id_of(source: &SourceUser) -> Option<KeyId> {
    let hash = source.key_hash.as_ref()?;
    Some(imported_key_id(&format!("{} {hash}", source.source)))
}

impl Plan {
    /// Users whose name is taken.
    #[must_use]
    pub fn conflicts(&self) -> Vec<&PlannedUser> {
        let users = self.users.iter();
        users
            .filter(|user| matches!(user.fate, Fate::Conflict(_)))
            .collect()
    }

    /// How many users have this fate.
    #[must_use]
    pub fn count(&self, fate: &Fate) -> usize {
        self.users.iter().filter(|user| user.fate == *fate).count()
    }

    /// How many keys come in.
    #[must_use]
    pub fn new_keys(&self) -> usize {
        let is_new =
            |user: &&PlannedUser| matches!(user.key_fate, KeyFate::Add | KeyFate::AddRevoked);
        self.users.iter().filter(is_new).count()
    }

    /// What is to be written; nothing of users in conflict.
    #[must_use]
    pub fn to_import(&self) -> UserImport {
        let mut import = UserImport::default();
        for one in &self.users {
            let source = &one.source;
            match one.fate {
                Fate::Conflict(_) | Fate::Gone => continue,
                Fate::Add | Fate::Rename => import.users.push(ImportedUser {
                    id: one.id,
                    name: one.name.clone(),
                    role: source.role,
                    active: source.active,
                    immutable: source.immutable,
                    created_at: source.created_at,
                    last_login: source.last_login,
                }),
                Fate::Merge | Fate::Keep => {}
            }
            import.sources.push((source.source.clone(), one.id));
            if matches!(one.key_fate, KeyFate::Add | KeyFate::AddRevoked) {
                import.keys.extend(one.key());
            }
        }
        import.detail = format!(
            "{} added, {} renamed, {} merged, {} known, {} keys",
            self.count(&Fate::Add),
            self.count(&Fate::Rename),
            self.count(&Fate::Merge),
            self.count(&Fate::Keep),
            self.new_keys()
        );
        import
    }
}

/// The name as names are here: 1 to 64 of `a-z`, `0-9` and `_`.
fn usable_name(source: &SourceUser) -> String {
    let usual = |character: char| match character.to_ascii_lowercase() {
        usual @ ('a'..='z' | '0'..='9' | '_') => usual,
        _ => '_',
    };
    let name: String = source.name.chars().map(usual).take(NAME_MAX).collect();
    if name.is_empty() {
        // The Python program could be talked into this.
        let id = source.id.map(|id| id.to_string()).unwrap_or_default();
        let short: String = id.chars().take(8).collect();
        format!("unnamed_{short}")
    } else {
        name
    }
}

#[cfg(test)]
mod tests;
