//! Whether keys of clients can be kept, and those of the remotes are to be had.

use super::Finding;
use crate::cli::Context;
use crate::client::keys::{KeyError, KeyPlace};

const CHECK: &str = "keyring";
/// No key is ever kept under this name.
const NAME: &str = "linux-api doctor";

pub(super) async fn check(ctx: &Context) -> Finding {
    if ctx.options.acting_uid.is_some() {
        return Finding::ok(
            CHECK,
            "not looked at: keyrings are personal, so ask as the person who uses the dashboard",
        );
    }
    let remotes = match ctx.remotes() {
        Ok(remotes) => remotes,
        Err(error) => {
            return Finding::fail(CHECK, format!("{error:#}"), "mend the list of remotes");
        }
    };
    let keys = ctx.keys();
    let mut in_files = false;
    for (name, remote) in &remotes.remotes {
        let Some(place) = remote.key else { continue };
        in_files |= place == KeyPlace::File;
        if let Err(error) = keys.get(place, name).await {
            return Finding::fail(
                CHECK,
                format!("the key of the remote {name} is not to be had: {error}"),
                format!("give it again: linux-api remote add {name} {}", remote.url),
            );
        }
    }
    judge(keys.find(NAME).await.err(), in_files)
}

/// `error` is what looking for a key said that nobody keeps.
fn judge(error: Option<KeyError>, in_files: bool) -> Finding {
    match error {
        None | Some(KeyError::Missing { .. }) => Finding::ok(CHECK, "keys can be kept"),
        Some(error) if in_files => Finding::ok(
            CHECK,
            format!("not usable ({error}); the keys of the remotes are in files"),
        ),
        Some(error) => Finding::warn(
            CHECK,
            error.to_string(),
            "keep keys in private files: linux-api remote add NAME URL --key-file",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    #[test]
    fn without_a_keyring_there_is_another_place() {
        let locked = || Some(KeyError::Slow(KeyPlace::SecretService));
        let missing = KeyError::Missing {
            place: KeyPlace::Kernel,
            name: NAME.to_owned(),
        };
        assert_eq!(judge(Some(missing), false).result, Verdict::Ok);
        assert_eq!(judge(locked(), true).result, Verdict::Ok);
        let found = judge(locked(), false);
        assert_eq!(found.result, Verdict::Warn);
        assert!(
            found
                .advice
                .is_some_and(|advice| advice.contains("--key-file"))
        );
    }
}
