//! The text form of an API key: `lapi_` + public id + `_` + secret + checksum.
//!
//! The checksum is the CRC-32 (ISO-HDLC) of everything before it, as six digits of base 62. It
//! lets a mistyped key be refused without a look-up or a hash; it adds no secrecy.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng;
use rand::rngs::SysRng;

use linux_api_wire::api_key::KeyId;

const PREFIX: &str = "lapi_";
const ID_LEN: usize = 12;
const SECRET_LEN: usize = 43;
const CHECKSUM_LEN: usize = 6;
/// Length of every key in characters.
pub const KEY_LEN: usize = PREFIX.len() + ID_LEN + 1 + SECRET_LEN + CHECKSUM_LEN;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A whole API key with its secret. Shown once, never stored, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainKey(String);

impl fmt::Debug for PlainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainKey([redacted])")
    }
}

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system has no random bytes")]
pub struct NoRandomness;

impl PlainKey {
    /// A new key with 256 bits of the operating system's randomness.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn generate() -> Result<Self, NoRandomness> {
        Self::from_rng(&mut SysRng)
    }

    fn from_rng(rng: &mut impl TryRng) -> Result<Self, NoRandomness> {
        let mut id = String::with_capacity(ID_LEN);
        while id.len() < ID_LEN {
            let mut byte = [0_u8; 1];
            rng.try_fill_bytes(&mut byte).map_err(|_| NoRandomness)?;
            // Bytes from 248 on would make the first digits likelier than the others.
            if byte[0] < 248 {
                id.push(char::from(DIGITS[usize::from(byte[0] % 62)]));
            }
        }
        let mut secret = [0_u8; 32];
        rng.try_fill_bytes(&mut secret).map_err(|_| NoRandomness)?;
        let body = format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret));
        let checksum = checksum(&body);
        Ok(Self(body + &checksum))
    }

    /// Reads a key; `None` when its form or checksum is wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_url_safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.len() != KEY_LEN || !text.is_ascii() {
            return None;
        }
        let (body, checksum_text) = text.split_at(KEY_LEN - CHECKSUM_LEN);
        let rest = body.strip_prefix(PREFIX)?;
        let (id, secret) = rest.split_at(ID_LEN);
        let secret = secret.strip_prefix('_')?;
        let well_formed = id.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && secret.bytes().all(is_url_safe)
            && checksum(body) == checksum_text;
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The public part.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(self.0[PREFIX.len()..PREFIX.len() + ID_LEN].to_owned())
    }

    /// The whole text, for hashing and for showing it once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_generated_key_parses_and_hides() {
        let key = PlainKey::generate().unwrap();
        assert_eq!(key.expose().len(), KEY_LEN);
        assert_eq!(PlainKey::parse(key.expose()), Some(key.clone()));
        assert_eq!(key.id().0.len(), ID_LEN);
        assert!(!format!("{key:?}").contains(key.expose()));
    }

    #[test]
    fn the_checksum_is_crc32_in_base_62() {
        // CRC-32 of "123456789" is 0xCBF43926 = 3421780262, the catalogue's check value.
        assert_eq!(checksum("123456789"), "3jZRME");
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC{0,90}") {
            prop_assert!(PlainKey::parse(&text).is_none());
        }

        #[test]
        fn one_changed_character_is_found(at in 0..KEY_LEN, to in "[0-9A-Za-z_-]") {
            let key = PlainKey::generate().unwrap();
            let mut text = key.expose().to_owned();
            text.replace_range(at..=at, &to);
            prop_assert!(text == key.expose() || PlainKey::parse(&text).is_none());
        }
    }
}
