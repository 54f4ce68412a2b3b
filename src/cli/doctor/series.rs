//! Whether the history has room for all series of the host.

use std::time::Duration;

use super::Finding;
use linux_api_config::Host;
use linux_api_daemon::tasks::sampler::left_out_series;
use linux_api_host::{HostReader, HostRoots};
use linux_api_wire::time::Clock;

const CHECK: &str = "history";
/// Between two readings, of which most rates are measured.
const WINDOW: Duration = Duration::from_millis(200);

pub(super) async fn check(host: &Host) -> Finding {
    let roots = HostRoots {
        procfs: host.procfs.clone(),
        sysfs: host.sysfs.clone(),
        rootfs: host.rootfs.clone(),
    };
    let mut reader = HostReader::new(roots);
    let clock = Clock::system();
    reader.read(clock.now()).await;
    tokio::time::sleep(WINDOW).await;
    judge(left_out_series(&reader.read(clock.now()).await))
}

fn judge(left_out: usize) -> Finding {
    if left_out == 0 {
        return Finding::ok(CHECK, "every series of this host is kept");
    }
    Finding::warn(
        CHECK,
        format!("{left_out} series of this host are not kept: it has more than the limit"),
        "of many file systems, disks, interfaces and sensors the history has the first ones; \
         scrape /metrics to keep them all elsewhere",
    )
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn series_without_room_are_a_warning() {
        assert_eq!(judge(0).result, Verdict::Ok);
        let finding = judge(7);
        assert_eq!(finding.result, Verdict::Warn);
        assert!(finding.detail.starts_with("7 series"));
    }
}
