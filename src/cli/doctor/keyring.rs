//! Whether keys of clients can be kept, and those of the remotes are to be had.

use secrecy::SecretString;

use super::Finding;
use crate::cli::Context;
use linux_api_client::keys::{KeyError, KeyPlace, Keys};

const CHECK: &str = "keyring";
/// What is put into the keyring and taken out again. Only looking would not do: a kernel keyring may
/// be open to readers and closed to writers.
const PROBE: &str = "doctor-probe";

pub(super) async fn check(ctx: &Context) -> Finding {
    if ctx.options.acting_uid.is_some() {
        return Finding::ok(
            CHECK,
            "not checked: keyrings are personal, so run this as the user of the dashboard",
        );
    }
    let remotes = match ctx.remotes() {
        Ok(remotes) => remotes,
        Err(error) => {
            return Finding::fail(CHECK, format!("{error:#}"), "fix the list of remotes");
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
                format!("can't get the key of the remote {name}: {error}"),
                format!("set it again: linux-api remote add {name} {}", remote.url),
            );
        }
    }
    judge(probe(&keys).await, in_files)
}

/// Where a key can be kept and found again.
async fn probe(keys: &Keys) -> Result<KeyPlace, KeyError> {
    let place = keys.keep(PROBE, &SecretString::from("probe")).await?;
    let found = keys.get(place, PROBE).await;
    keys.forget(place, PROBE).await?;
    found.map(|_| place)
}

fn judge(probed: Result<KeyPlace, KeyError>, in_files: bool) -> Finding {
    match probed {
        Ok(place) => Finding::ok(CHECK, format!("keys can be kept in {place}")),
        Err(error) if in_files => Finding::ok(
            CHECK,
            format!("not usable ({error}); the keys of the remotes are in files"),
        ),
        Err(error) => Finding::warn(
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
        let locked = || Err(KeyError::Slow(KeyPlace::SecretService));
        assert_eq!(judge(Ok(KeyPlace::Kernel), false).result, Verdict::Ok);
        assert_eq!(judge(locked(), true).result, Verdict::Ok);
        let found = judge(locked(), false);
        assert_eq!(found.result, Verdict::Warn);
        let advice = found.advice.unwrap_or_default();
        assert!(advice.contains("--key-file"), "{advice}");
    }

    /// Whatever keyring there is here, what was found out about it holds.
    #[tokio::test]
    async fn the_probe_is_taken_out_again() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::new(folder.path().to_owned(), false);
        match probe(&keys).await {
            Ok(place) => {
                let gone = keys.get(place, PROBE).await;
                assert!(matches!(gone, Err(KeyError::Missing { .. })), "{gone:?}");
            }
            Err(error) => assert_eq!(judge(Err(error), false).result, Verdict::Warn),
        }
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    }
}
