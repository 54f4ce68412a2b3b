//! How long a key works after another process has revoked it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use futures_util::future::join_all;
use tokio::time::sleep;

use super::crowd::Crowd;
use super::keys;
use super::played::Played;
use super::report::{Measured, Report, Row};
use super::site::Site;
use linux_api_auth::key::PlainKey;
use linux_api_auth::verifier::KeyRejection;
use linux_api_wire::audit::Actor;
use linux_api_wire::time::Clock;

const ROUNDS: u32 = 6;
const DAEMONS: usize = 4;
/// From one request with the revoked key to the next.
const PACE: Duration = Duration::from_millis(10);
/// After it, a daemon without requests has ceased to poll.
const SILENCE: Duration = Duration::from_secs(17);
const PATIENCE: Duration = Duration::from_mins(1);

/// The longest that a daemon in use accepted a revoked key.
pub(super) async fn of_used(site: &Site, crowd: &Crowd, report: &mut Report) -> anyhow::Result<()> {
    let longest = measure(site, crowd, "used", ROUNDS, Duration::ZERO).await?;
    report.note(Row::RevocationUsed, Measured::milliseconds(longest));
    Ok(())
}

/// The longest that a daemon accepted a revoked key that had no request for a while before.
pub(super) async fn of_idle(site: &Site, crowd: &Crowd, report: &mut Report) -> anyhow::Result<()> {
    let longest = measure(site, crowd, "idle", ROUNDS / 2, SILENCE).await?;
    report.note(Row::RevocationIdle, Measured::milliseconds(longest));
    Ok(())
}

async fn measure(
    site: &Site,
    crowd: &Crowd,
    name: &str,
    rounds: u32,
    silence: Duration,
) -> anyhow::Result<Duration> {
    let store = site.open(Clock::system()).await?;
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        let (user, key) = keys::create(&store, &format!("revoked-{name}-{round}")).await?;
        let some = crowd.some(DAEMONS);
        for played in &some {
            played.accept(&key).await?;
        }
        // Not always at the same moment between two polls.
        sleep(silence + Duration::from_secs(1).mul_f64(rand::random())).await;
        let revoked = store
            .revoke_key(&Actor::system(), user.id, &key.id())
            .await?;
        ensure!(revoked, "the key was revoked before");
        let begin = Instant::now();
        let all = some
            .iter()
            .map(|played| refused(Arc::clone(played), &key, begin));
        for accepted in join_all(all).await {
            longest = longest.max(accepted?);
        }
    }
    store.close().await;
    Ok(longest)
}

/// For how long after `begin` the key was accepted.
async fn refused(played: Arc<Played>, key: &PlainKey, begin: Instant) -> anyhow::Result<Duration> {
    let mut accepted = Duration::ZERO;
    loop {
        let sent = begin.elapsed();
        match played.check(key).await {
            Ok(()) => accepted = sent,
            Err(KeyRejection::Invalid) => return Ok(accepted),
            // Neither accepted nor refused: so many daemons look at their keys at once.
            Err(KeyRejection::Unavailable | KeyRejection::Busy) => {}
            Err(reason) => bail!("a key can't be checked: {reason:?}"),
        }
        ensure!(
            begin.elapsed() < PATIENCE,
            "a revoked key works on after {PATIENCE:?}: {}",
            played.state()
        );
        sleep(PACE).await;
    }
}
