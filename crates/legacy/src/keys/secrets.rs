//! Keys that the Python Linux-API made.
//!
//! It stored two kinds. Keys of its v1 routes are 256 random bits, so their HMAC-SHA-256 needs no
//! salt and finds them at once. Keys of its legacy routes were hashed by PBKDF2-SHA-256 with a salt
//! for each and a pepper for all, so the only way to find one is to try them one after another.
//! The first use of such a key puts an HMAC with a secret of this program's own in its place.
//!
//! Stored hashes say what they are: `hmac-sha256$HEX`, and
//! `pbkdf2-sha256$ROUNDS$PEPPER$SALT$HEX`, where `PEPPER` names the pepper and `SALT` and `HEX` are
//! the texts of the Python program.

use std::fmt::{self, Write as _};
use std::ops::RangeInclusive;

use hmac::{Hmac, KeyInit, Mac};
use pbkdf2::{Algorithm, Params, pbkdf2_hmac_with_params};
use rand::TryRng;
use rand::rngs::SysRng;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use linux_api_auth::key::NoRandomness;
use linux_api_wire::api_key::{HMAC_SCHEME, KeyId, PBKDF2_SCHEME};

/// The name of this program's own secret among the settings.
pub const OWN_SECRET: &str = "imported.own";
/// Prefix of the names of old HMAC secrets.
const HMAC_SECRET: &str = "imported.hmac.";
/// Prefix of the names of old peppers.
const PEPPER: &str = "imported.pepper.";
/// How many rounds a hash may have; the Python program's have 600 000.
const ROUNDS: RangeInclusive<u32> = Params::MIN_ROUNDS..=10_000_000;
/// The longest hash in bytes; the Python program's have 64.
const HASH_MAX: usize = 128;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Secrets that imported keys are checked with, as they are kept among the settings.
#[derive(Debug, Clone, Default)]
pub struct ImportedSecrets {
    own: Option<SecretString>,
    hmac: Vec<SecretString>,
    /// Each with its name.
    peppers: Vec<(String, SecretString)>,
}

impl ImportedSecrets {
    /// Takes them from among the settings, given by name and value.
    pub fn from_settings(settings: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut secrets = Self::default();
        for (name, value) in settings {
            let value = SecretString::from(value);
            if name == OWN_SECRET {
                secrets.own = Some(value);
            } else if name.starts_with(HMAC_SECRET) {
                secrets.hmac.push(value);
            } else if let Some(fingerprint) = name.strip_prefix(PEPPER) {
                secrets.peppers.push((fingerprint.to_owned(), value));
            }
        }
        secrets
    }

    /// Whether there is nothing to check a key with.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.own.is_none() && self.hmac.is_empty() && self.peppers.is_empty()
    }

    /// Every hash under which a key may be stored.
    #[must_use]
    pub fn hashes(&self, key: &str) -> Vec<String> {
        let secrets = self.hmac.iter().chain(&self.own);
        secrets.map(|secret| hmac_hash(secret, key)).collect()
    }

    /// The hash under which this program itself stores a key; `None` without a secret for that.
    #[must_use]
    pub fn own_hash(&self, key: &str) -> Option<String> {
        self.own.as_ref().map(|secret| hmac_hash(secret, key))
    }

    /// The pepper that a stored hash names.
    #[must_use]
    pub fn pepper(&self, hash: &Pbkdf2Hash) -> Option<&SecretString> {
        let found = self.peppers.iter().find(|(name, _)| *name == hash.pepper);
        found.map(|(_, pepper)| pepper)
    }
}

/// A new secret of this program's own: 256 random bits in hexadecimal.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn new_secret() -> Result<SecretString, NoRandomness> {
    let mut bytes = [0_u8; 32];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|_| NoRandomness)?;
    Ok(SecretString::from(hex(&bytes)))
}

/// The name of the setting that keeps an old `API_KEY_SECRET`.
#[must_use]
pub fn hmac_setting(secret: &SecretString) -> String {
    format!("{HMAC_SECRET}{}", fingerprint(secret))
}

/// The name of the setting that keeps an old pepper.
#[must_use]
pub fn pepper_setting(pepper: &SecretString) -> String {
    format!("{PEPPER}{}", fingerprint(pepper))
}

/// The hash of a key by a secret, as it is stored.
#[must_use]
pub fn hmac_hash(secret: &SecretString, key: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
        // An HMAC takes keys of any length; no key has this hash.
        return HMAC_SCHEME.to_owned();
    };
    mac.update(key.as_bytes());
    format!("{HMAC_SCHEME}{}", hex(&mac.finalize().into_bytes()))
}

/// The public id of an imported key: the same for the same origin, so that importing again finds it.
#[must_use]
pub fn imported_key_id(origin: &str) -> KeyId {
    let digest = Sha256::digest(format!("linux-api imported key {origin}"));
    let digits = digest.iter().take(12);
    KeyId(
        digits
            .map(|byte| char::from(DIGITS[usize::from(byte % 62)]))
            .collect(),
    )
}

/// Distinguishes secrets without revealing them.
#[must_use]
pub fn fingerprint(secret: &SecretString) -> String {
    let text = format!("linux-api fingerprint {}", secret.expose_secret());
    hex(&Sha256::digest(text)[..8])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A stored hash that takes time to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pbkdf2Hash {
    rounds: u32,
    pepper: String,
    salt: String,
    hex: String,
}

impl Pbkdf2Hash {
    /// A hash that the Python program stored; `None` when it can't be one.
    #[must_use]
    pub fn new(rounds: u32, pepper: &SecretString, salt: &str, hex: &str) -> Option<Self> {
        let hash = Self {
            rounds,
            pepper: fingerprint(pepper),
            salt: salt.to_owned(),
            hex: hex.to_ascii_lowercase(),
        };
        hash.is_sound().then_some(hash)
    }

    /// Reads the stored form; `None` when it is another kind of hash.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(PBKDF2_SCHEME)?.splitn(4, '$');
        let hash = Self {
            rounds: parts.next()?.parse().ok()?,
            pepper: parts.next()?.to_owned(),
            salt: parts.next()?.to_owned(),
            hex: parts.next()?.to_owned(),
        };
        hash.is_sound().then_some(hash)
    }

    fn is_sound(&self) -> bool {
        let is_hex = self.hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        ROUNDS.contains(&self.rounds)
            && !self.salt.is_empty()
            && !self.salt.contains('$')
            && is_hex
            && self.hex.len().is_multiple_of(2)
            && (32..=2 * HASH_MAX).contains(&self.hex.len())
    }

    /// Whether this is the hash of `key`. Takes a large part of a second.
    #[must_use]
    pub fn matches(&self, key: &str, pepper: &SecretString) -> bool {
        let password = SecretString::from(format!("{key}{}", pepper.expose_secret()));
        let mut hash = vec![0_u8; self.hex.len() / 2];
        let Ok(params) = Params::new(self.rounds) else {
            return false;
        };
        // Not the generic function: that one would be compiled here, without optimisation in tests.
        pbkdf2_hmac_with_params(
            password.expose_secret().as_bytes(),
            self.salt.as_bytes(),
            Algorithm::Pbkdf2Sha256,
            params,
            &mut hash,
        );
        hex(&hash).as_bytes().ct_eq(self.hex.as_bytes()).into()
    }
}

impl fmt::Display for Pbkdf2Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rounds,
            pepper,
            salt,
            hex,
        } = self;
        write!(f, "{PBKDF2_SCHEME}{rounds}${pepper}${salt}${hex}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[test]
    fn the_hmac_is_that_of_rfc_4231() {
        // Test case 2.
        assert_eq!(
            hmac_hash(&secret("Jefe"), "what do ya want for nothing?"),
            "hmac-sha256$5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn pbkdf2_is_that_of_rfc_7914() {
        // Section 11, second test vector; the password is the key and the pepper together.
        let hash = "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56\
                    a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d";
        let pepper = secret("word");
        let stored = Pbkdf2Hash::new(80_000, &pepper, "NaCl", hash).unwrap();
        assert!(stored.matches("Pass", &pepper));
        assert!(!stored.matches("pass", &pepper));
        assert!(!stored.matches("Pass", &secret("w")));
    }

    #[test]
    fn stored_hashes_round_trip_and_odd_ones_are_refused() {
        let pepper = secret("p");
        let hex = "0f".repeat(64);
        let stored = Pbkdf2Hash::new(600_000, &pepper, "aa", &hex).unwrap();
        assert_eq!(Pbkdf2Hash::parse(&stored.to_string()), Some(stored.clone()));
        assert!(Pbkdf2Hash::new(999, &pepper, "aa", &hex).is_none());
        assert!(Pbkdf2Hash::new(10_000_001, &pepper, "aa", &hex).is_none());
        assert!(Pbkdf2Hash::new(1_000, &pepper, "", &hex).is_none());
        assert!(Pbkdf2Hash::new(1_000, &pepper, "a$b", &hex).is_none());
        assert!(Pbkdf2Hash::new(1_000, &pepper, "aa", "xyz").is_none());
        assert!(Pbkdf2Hash::new(1_000, &pepper, "aa", "").is_none());
        assert!(Pbkdf2Hash::parse("$argon2id$v=19$m=19456").is_none());
        let secrets = ImportedSecrets::from_settings([(pepper_setting(&pepper), "p".to_owned())]);
        assert!(secrets.pepper(&stored).is_some());
        let other = Pbkdf2Hash::new(1_000, &secret("q"), "aa", &hex).unwrap();
        assert!(secrets.pepper(&other).is_none());
    }

    #[test]
    fn secrets_come_from_the_settings_and_do_not_show() {
        let settings = [
            (hmac_setting(&secret("old")), "old".to_owned()),
            (OWN_SECRET.to_owned(), "own".to_owned()),
            ("min_compatible".to_owned(), "1".to_owned()),
        ];
        let secrets = ImportedSecrets::from_settings(settings);
        assert_eq!(
            secrets.hashes("k"),
            [
                hmac_hash(&secret("old"), "k"),
                hmac_hash(&secret("own"), "k")
            ]
        );
        assert_eq!(secrets.own_hash("k"), Some(hmac_hash(&secret("own"), "k")));
        assert!(!secrets.is_empty());
        let shown = format!("{secrets:?}");
        assert!(
            !shown.contains("old") && !shown.contains("\"own\""),
            "{shown}"
        );
        let nothing = ImportedSecrets::from_settings([("min_compatible".into(), "1".into())]);
        assert!(nothing.is_empty());
    }

    #[test]
    fn ids_are_stable_and_look_like_all_others() {
        let id = imported_key_id("v1:a");
        assert_eq!(id, imported_key_id("v1:a"));
        assert_ne!(id, imported_key_id("v1:b"));
        assert!(id.0.len() == 12 && id.0.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
