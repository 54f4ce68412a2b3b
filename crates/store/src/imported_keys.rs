//! What the verifier needs to know of keys of the Python Linux-API.

use super::api_keys::{StoredKey, StoredKeyRow};
use super::{Store, StoreError, in_admin_write, on_read};
use linux_api_wire::api_key::KeyId;

/// What imported keys are checked with.
#[derive(Debug, Clone, Default)]
pub struct ImportedKeys {
    /// Secrets, by name and value, among other settings.
    pub settings: Vec<(String, String)>,
    /// Keys that were not used since the import, each with its hash.
    pub unproven: Vec<(KeyId, String)>,
}

impl Store {
    /// The key with one of these stored hashes, with its user.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn find_key_by_hash(
        &self,
        hashes: &[String],
    ) -> Result<Option<StoredKey>, StoreError> {
        const SQL: &str = "\
            /*NO QUERY CACHE*/ select k.id, k.user_id, k.name, k.hash, k.scopes, k.created_at,
                k.expires_at, k.last_used, k.revoked_at, k.hosts, u.name as user_name, u.role,
                u.active, u.immutable, u.created_at as user_created_at, u.last_login,
                u.hosts as user_hosts
            from api_keys k join users u on u.id = k.user_id
            where k.hash = $1";
        let row: Option<StoredKeyRow> = on_read!(self, |tx| {
            for hash in hashes {
                let query = sqlx::query_as(SQL).bind(hash.as_str());
                let found: Option<StoredKeyRow> = tx.fetch_optional(query).await?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            Ok(None)
        })?;
        row.map(StoredKeyRow::into_stored).transpose()
    }

    /// What imported keys are checked with.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn imported_keys(&self) -> Result<ImportedKeys, StoreError> {
        const SETTINGS: &str = "\
            /*NO QUERY CACHE*/ select name, value from settings where name like 'imported.%'
            order by name";
        const UNPROVEN: &str = "\
            /*NO QUERY CACHE*/ select id, hash from api_keys
            where hash like 'pbkdf2-sha256$%' and revoked_at is null
            order by last_used desc, id";
        let (settings, unproven): (_, Vec<(String, String)>) = on_read!(self, |tx| {
            let settings = tx.fetch_all(sqlx::query_as(SETTINGS)).await?;
            Ok((settings, tx.fetch_all(sqlx::query_as(UNPROVEN)).await?))
        })?;
        let unproven = unproven.into_iter().map(|(id, hash)| (KeyId(id), hash));
        Ok(ImportedKeys {
            settings,
            unproven: unproven.collect(),
        })
    }

    /// Puts the hash `new` in the place of `old`; `false` when the key has another one by now, or this
    /// program may not change keys: then it stays as it is, and is as slow to check.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replace_key_hash(
        &self,
        id: &KeyId,
        old: &str,
        new: &str,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "update api_keys set hash = $3 where id = $1 and hash = $2";
        let changed: Result<u64, StoreError> = in_admin_write!(self, |tx| {
            let query = sqlx::query(SQL).bind(id.0.as_str()).bind(old).bind(new);
            Ok(tx.execute(query).await?)
        });
        match changed {
            Err(StoreError::AdminRequired(_)) => Ok(false),
            changed => Ok(changed? > 0),
        }
    }
}
