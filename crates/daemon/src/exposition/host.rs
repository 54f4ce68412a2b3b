//! Series of the host by node_exporter's names, see <https://github.com/prometheus/node_exporter>.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Exposition;
use super::own::seconds;
use super::writer::{Number, Writer};
use linux_api_host::counters::{
    ClockInfo, CpuTicks, DiskCounters, HostCounters, InterfaceCounters, KernelCounters,
    MemoryFields, Uname,
};
use linux_api_host::metrics::CollectorRun;
use linux_api_wire::metrics_collector::MetricsCollector;
use linux_api_wire::snapshot::{FailedUnits, Family, Filesystem, Load, Pressure, ResourcePressure};

pub(super) fn write(writer: &mut Writer, all: &Exposition) {
    let host = &all.host;
    let is_on = |collector| all.metrics.collectors.contains(collector);
    // These are of the sampler: a scrape must not wait for them.
    let snapshot = all.snapshot.as_ref();
    let filesystems = snapshot.filter(|_| is_on(MetricsCollector::Filesystem));
    let filesystems = filesystems.and_then(|snapshot| snapshot.filesystems.as_deref());
    let failed = snapshot.filter(|_| is_on(MetricsCollector::Systemd));
    let failed = failed.and_then(|snapshot| {
        let is_known = snapshot.is_fresh(Family::Units);
        snapshot.units.as_deref().filter(|_| is_known)
    });
    let sampled = [
        (MetricsCollector::Filesystem, filesystems.is_some()),
        (MetricsCollector::Systemd, failed.is_some()),
    ];
    let sampled = sampled
        .into_iter()
        .filter(|(collector, _)| is_on(*collector));
    let sampled = sampled.map(|(collector, success)| CollectorRun {
        collector,
        duration: None,
        success,
    });
    write_runs(
        writer,
        host.runs
            .iter()
            .chain(&all.metrics.runs)
            .copied()
            .chain(sampled),
    );
    if let Some(kernel) = &host.kernel {
        write_kernel(writer, kernel);
    }
    if let Some(fields) = &host.memory {
        write_memory(writer, fields);
    }
    if let Some(load) = &host.load {
        write_load(writer, load);
    }
    write_filesystems(writer, filesystems.map_or(&[][..], Vec::as_slice));
    write_disks(writer, host.disks.as_deref().unwrap_or_default());
    write_interfaces(writer, host);
    if let Some(pressure) = &host.pressure {
        write_pressure(writer, pressure);
    }
    if let Some(uname) = &host.uname {
        write_uname(writer, uname);
    }
    if let Some(clock) = &host.clock {
        write_clock(writer, clock);
        let help = "System time in seconds since epoch (1970).";
        writer.gauge(("node_time_seconds", help), Some(seconds(all.time)));
    }
    write_units(writer, failed);
    for family in &all.metrics.families {
        writer.metrics(family);
    }
}

/// How each collector did, by name. Some are read in two parts: both must succeed, and their times add up.
fn write_runs(writer: &mut Writer, runs: impl Iterator<Item = CollectorRun>) {
    let mut all: BTreeMap<MetricsCollector, CollectorRun> = BTreeMap::new();
    for run in runs {
        let known = all.entry(run.collector).or_insert(CollectorRun {
            duration: None,
            success: true,
            ..run
        });
        known.success &= run.success;
        let durations = known.duration.into_iter().chain(run.duration);
        known.duration = durations.reduce(Duration::saturating_add);
    }
    let label = |run: &CollectorRun| [("collector", run.collector.as_str())];
    let durations = all.values();
    let durations = durations.filter_map(|run| Some((label(run), run.duration?.as_secs_f64())));
    let help = "How long a part of the host took to be read at this scrape.";
    writer.gauges(("node_scrape_collector_duration_seconds", help), durations);
    let successes = all.values().map(|run| (label(run), run.success));
    let help = "Whether a part of the host could be read.";
    writer.gauges(("node_scrape_collector_success", help), successes);
}

fn write_kernel(writer: &mut Writer, kernel: &KernelCounters) {
    let (modes, guest_modes) = (&CpuTicks::MODES, &CpuTicks::GUEST_MODES);
    let series = |modes: &'static [&'static str], first: usize| {
        kernel.cpus.iter().flat_map(move |(number, ticks)| {
            let (number, seconds) = (number.to_string(), ticks.seconds());
            modes.iter().enumerate().map(move |(place, mode)| {
                let labels = [("cpu", number.clone()), ("mode", (*mode).to_owned())];
                (labels, seconds[first + place])
            })
        })
    };
    let help = "Seconds the CPUs spent in guests (VMs) for each mode.";
    let guests = series(guest_modes, modes.len());
    writer.counters(("node_cpu_guest_seconds", help), guests);
    let help = "Seconds the CPUs spent in each mode.";
    writer.counters(("node_cpu_seconds", help), series(modes, 0));
    let help = "Node boot time, in unixtime.";
    writer.gauge(("node_boot_time_seconds", help), kernel.boot_time);
    let help = "Total number of context switches.";
    writer.counter(("node_context_switches", help), kernel.context_switches);
    let help = "Total number of forks.";
    writer.counter(("node_forks", help), kernel.forks);
    let help = "Total number of interrupts serviced.";
    writer.counter(("node_intr", help), kernel.interrupts);
    let help = "Number of processes blocked waiting for I/O to complete.";
    writer.gauge(("node_procs_blocked", help), kernel.blocked);
    let help = "Number of processes in runnable state.";
    writer.gauge(("node_procs_running", help), kernel.running);
}

fn write_memory(writer: &mut Writer, fields: &MemoryFields) {
    for field in &fields.0 {
        let unit = if field.is_bytes { "_bytes" } else { "" };
        let name = format!("node_memory_{}{unit}", field.name);
        let help = format!("Memory information field {}{unit}.", field.name);
        writer.gauge((&name, &help), Some(field.value));
    }
}

fn write_load(writer: &mut Writer, load: &Load) {
    writer.gauge(("node_load1", "1m load average."), Some(load.one));
    writer.gauge(("node_load15", "15m load average."), Some(load.fifteen));
    writer.gauge(("node_load5", "5m load average."), Some(load.five));
}

/// One figure of a file system.
type Figure = fn(&Filesystem) -> Option<u64>;

#[rustfmt::skip]
const FILESYSTEM: [(&str, &str, Figure); 5] = [
    ("node_filesystem_avail_bytes", "Filesystem space available to non-root users in bytes.", |one| one.available_bytes),
    ("node_filesystem_files", "Filesystem total file nodes.", |one| one.inodes_total),
    ("node_filesystem_files_free", "Filesystem total free file nodes.", |one| Some(one.inodes_total?.saturating_sub(one.inodes_used?))),
    ("node_filesystem_free_bytes", "Filesystem free space in bytes.", |one| Some(one.total_bytes?.saturating_sub(one.used_bytes?))),
    ("node_filesystem_size_bytes", "Filesystem size in bytes.", |one| one.total_bytes),
];

fn write_filesystems(writer: &mut Writer, all: &[Filesystem]) {
    let labels = |one: &Filesystem| {
        [
            ("device", one.device.clone()),
            ("fstype", one.kind.clone()),
            ("mountpoint", one.mount_point.clone()),
        ]
    };
    // As with node_exporter, one that does not respond has no sizes.
    let answering = || all.iter().filter(|one| one.error.is_none());
    for (name, help, figure) in FILESYSTEM {
        let series = answering().filter_map(|one| Some((labels(one), figure(one)?)));
        writer.gauges((name, help), series);
    }
    let help = "Whether an error occurred while getting statistics for the given device.";
    let errors = all.iter().map(|one| (labels(one), one.error.is_some()));
    writer.gauges(("node_filesystem_device_error", help), errors);
    let read_only = all.iter().map(|one| (labels(one), one.read_only));
    writer.gauges(
        ("node_filesystem_readonly", "Filesystem read-only status."),
        read_only,
    );
}

/// What a counter of `diskstats` counts.
#[derive(Clone, Copy)]
enum Unit {
    Count,
    Sectors,
    Millis,
}

use Unit::{Count, Millis, Sectors};

/// The counters of `diskstats` in their order; the ninth is no counter.
#[rustfmt::skip]
const DISK: [(&str, &str, Unit); 17] = [
    ("node_disk_reads_completed", "The total number of reads completed successfully.", Count),
    ("node_disk_reads_merged", "The total number of reads merged.", Count),
    ("node_disk_read_bytes", "The total number of bytes read successfully.", Sectors),
    ("node_disk_read_time_seconds", "The total number of seconds spent by all reads.", Millis),
    ("node_disk_writes_completed", "The total number of writes completed successfully.", Count),
    ("node_disk_writes_merged", "The number of writes merged.", Count),
    ("node_disk_written_bytes", "The total number of bytes written successfully.", Sectors),
    ("node_disk_write_time_seconds", "This is the total number of seconds spent by all writes.", Millis),
    ("node_disk_io_now", "The number of I/Os currently in progress.", Count),
    ("node_disk_io_time_seconds", "Total seconds spent doing I/Os.", Millis),
    ("node_disk_io_time_weighted_seconds", "The weighted # of seconds spent doing I/Os.", Millis),
    ("node_disk_discards_completed", "The total number of discards completed successfully.", Count),
    ("node_disk_discards_merged", "The total number of discards merged.", Count),
    ("node_disk_discarded_sectors", "The total number of sectors discarded successfully.", Count),
    ("node_disk_discard_time_seconds", "This is the total number of seconds spent by all discards.", Millis),
    ("node_disk_flush_requests", "The total number of flush requests completed successfully", Count),
    ("node_disk_flush_requests_time_seconds", "This is the total number of seconds spent by all flush requests.", Millis),
];
const DISK_IO_NOW: usize = 8;

fn write_disks(writer: &mut Writer, disks: &[DiskCounters]) {
    let info = disks.iter().map(|disk| {
        let one = &disk.device;
        let labels = [
            ("device", one.name.clone()),
            ("major", one.major.to_string()),
            ("minor", one.minor.to_string()),
            ("model", one.model.clone()),
            ("path", one.path.clone()),
            ("revision", one.revision.clone()),
            ("serial", one.serial.clone()),
            ("wwn", one.wwn.clone()),
        ];
        (labels, 1_u64)
    });
    writer.gauges(
        ("node_disk_info", "Info of /sys/block/<block_device>."),
        info,
    );
    for (place, (name, help, unit)) in DISK.into_iter().enumerate() {
        let series = disks.iter().filter_map(|disk| {
            let value = *disk.counters.get(place)?;
            let value: Number = match unit {
                Count => value.into(),
                Sectors => disk.bytes(place).into(),
                Millis => Duration::from_millis(value).as_secs_f64().into(),
            };
            Some(([("device", disk.device.name.as_str())], value))
        });
        if place == DISK_IO_NOW {
            writer.gauges((name, help), series);
        } else {
            writer.counters((name, help), series);
        }
    }
}

fn write_interfaces(writer: &mut Writer, host: &HostCounters) {
    let all = host.interfaces.as_deref().unwrap_or_default();
    let (receive, transmit) = (InterfaceCounters::RECEIVE, InterfaceCounters::TRANSMIT);
    write_direction(writer, "receive", receive, all, |one| one.receive);
    let unhandled = host.unhandled.iter();
    let unhandled = unhandled.map(|(name, packets)| ([("device", name.as_str())], *packets));
    let help = "Packets received that nothing handled.";
    writer.counters(("node_network_receive_nohandler", help), unhandled);
    write_direction(writer, "transmit", transmit, all, |one| one.transmit);
}

fn write_direction(
    writer: &mut Writer,
    direction: &str,
    kinds: [&str; 8],
    all: &[InterfaceCounters],
    counters: fn(&InterfaceCounters) -> [u64; 8],
) {
    for (place, kind) in kinds.into_iter().enumerate() {
        let name = format!("node_network_{direction}_{kind}");
        let help = format!("Network device statistic {direction}_{kind}.");
        let series = all
            .iter()
            .map(|one| ([("device", one.name.as_str())], counters(one)[place]));
        writer.counters((&name, &help), series);
    }
}

fn write_pressure(writer: &mut Writer, pressure: &Pressure) {
    let seconds = |micros: u64| Duration::from_micros(micros).as_secs_f64();
    let (cpu, io, memory) = (&pressure.cpu, &pressure.io, &pressure.memory);
    let some = |one: &Option<ResourcePressure>| Some(seconds(one.as_ref()?.some.total_us));
    let full = |one: &Option<ResourcePressure>| Some(seconds(one.as_ref()?.full?.total_us));
    let help = "Total time in seconds that processes have waited for CPU time";
    writer.counter(("node_pressure_cpu_waiting_seconds", help), some(cpu));
    let help = "Total time in seconds no process could make progress due to IO congestion";
    writer.counter(("node_pressure_io_stalled_seconds", help), full(io));
    let help = "Total time in seconds that processes have waited due to IO congestion";
    writer.counter(("node_pressure_io_waiting_seconds", help), some(io));
    let help = "Total time in seconds no process could make progress due to memory congestion";
    writer.counter(("node_pressure_memory_stalled_seconds", help), full(memory));
    let help = "Total time in seconds that processes have waited for memory";
    writer.counter(("node_pressure_memory_waiting_seconds", help), some(memory));
}

fn write_uname(writer: &mut Writer, uname: &Uname) {
    let labels = [
        ("domainname", uname.domain.as_str()),
        ("machine", &uname.machine),
        ("nodename", &uname.node),
        ("release", &uname.release),
        ("sysname", &uname.system),
        ("version", &uname.version),
    ];
    let help = "Labeled system information as provided by the uname system call.";
    writer.gauges(("node_uname_info", help), [(labels, 1_u64)]);
}

/// Units that need a look.
fn write_units(writer: &mut Writer, units: Option<&FailedUnits>) {
    let help = "Summary of systemd unit states";
    let failed = units.map(|units| ([("state", "failed")], units.failed));
    writer.gauges(("node_systemd_units", help), failed);
    let help = "Units that systemd was about to start again, because they had ended.";
    let restarting = units.map(|units| units.restarting);
    writer.gauge(("linux_api_units_restarting", help), restarting);
}

fn write_clock(writer: &mut Writer, clock: &ClockInfo) {
    let sources = clock.sources.iter();
    let available = sources.clone().flat_map(|one| {
        let labels = |name| [("clocksource", name), ("device", one.device.as_str())];
        one.available
            .iter()
            .map(move |name| (labels(name.as_str()), 1_u64))
    });
    let help = "Sources of time that the kernel could use.";
    writer.gauges(("node_time_clocksource_available_info", help), available);
    let current = sources.filter_map(|one| {
        let name = one.current.as_deref()?;
        let labels = [("clocksource", name), ("device", one.device.as_str())];
        Some((labels, 1_u64))
    });
    let help = "The source of time that the kernel uses.";
    writer.gauges(("node_time_clocksource_current_info", help), current);
    let zone = [("time_zone", clock.zone.name.as_str())];
    let offset = f64::from(clock.zone.offset_seconds);
    let help = "Seconds that local time is ahead of UTC.";
    writer.gauges(("node_time_zone_offset_seconds", help), [(zone, offset)]);
}
