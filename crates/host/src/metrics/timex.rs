//! The kernel's clock and what disciplines it, see adjtimex(2).

use super::{Collect, Families};
use crate::CollectError;

/// The kernel's clock is not synchronised: `TIME_ERROR`.
const UNSYNCHRONISED: i32 = 5;
/// The bit of the status that says that offsets are in nanoseconds: `STA_NANO`.
const IN_NANOSECONDS: i32 = 0x2000;
const MICROSECONDS: f64 = 1e6;
const NANOSECONDS: f64 = 1e9;
/// Frequencies are in millionths with 16 bits behind the point.
const SCALED_MILLIONTHS: f64 = 1e6 * 65_536.0;

/// Reads the clock of the machine that this runs on, which all containers share.
#[derive(Debug)]
pub(super) struct Timex;

/// What the kernel returns, as it is.
#[derive(Debug, Default, Clone, Copy)]
struct Reading {
    state: i32,
    status: i32,
    offset: i64,
    frequency: i64,
    maximum_error: i64,
    estimated_error: i64,
    constant: i64,
    tick: i64,
    pps_frequency: i64,
    jitter: i64,
    shift: i32,
    stability: i64,
    jitter_count: i64,
    calibrations: i64,
    errors: i64,
    unstable_count: i64,
    tai: i32,
}

impl Collect for Timex {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let mut timex = rtime_clock::adjtime::Timex::new();
        // Without a mode it only reads, for which no right is needed.
        let state = rtime_clock::adjtime::adjtimex(&mut timex);
        let state = state.map_err(|source| CollectError::Read {
            path: "adjtimex(2)".into(),
            source,
        })?;
        let timex = timex.0;
        let reading = Reading {
            state,
            status: timex.status,
            offset: timex.offset,
            frequency: timex.freq,
            maximum_error: timex.maxerror,
            estimated_error: timex.esterror,
            constant: timex.constant,
            tick: timex.tick,
            pps_frequency: timex.ppsfreq,
            jitter: timex.jitter,
            shift: timex.shift,
            stability: timex.stabil,
            jitter_count: timex.jitcnt,
            calibrations: timex.calcnt,
            errors: timex.errcnt,
            unstable_count: timex.stbcnt,
            tai: timex.tai,
        };
        reading.write(families);
        Ok(())
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "offsets and frequencies of a clock have less than 53 bits"
)]
fn scaled(value: i64, divisor: f64) -> f64 {
    value as f64 / divisor
}

impl Reading {
    fn write(&self, families: &mut Families) {
        let divisor = if self.status & IN_NANOSECONDS == 0 {
            MICROSECONDS
        } else {
            NANOSECONDS
        };
        let seconds = |value| scaled(value, divisor);
        let micros = |value| scaled(value, MICROSECONDS);
        let frequency = |value| scaled(value, SCALED_MILLIONTHS);
        let is_synchronised = self.state != UNSYNCHRONISED;
        let help = "Whether the clock is synchronised.";
        families.gauge("node_timex_sync_status", help, &[], is_synchronised);
        let gauges = [
            (
                "offset_seconds",
                "How far the clock is from its reference.",
                seconds(self.offset),
            ),
            (
                "frequency_adjustment_ratio",
                "How much faster than its hardware the clock is made to run.",
                1.0 + frequency(self.frequency),
            ),
            (
                "maxerror_seconds",
                "The largest error of the clock.",
                micros(self.maximum_error),
            ),
            (
                "estimated_error_seconds",
                "The estimated error of the clock.",
                micros(self.estimated_error),
            ),
            (
                "status",
                "Bits of the clock's status.",
                scaled(self.status.into(), 1.0),
            ),
            (
                "loop_time_constant",
                "Time constant of the phase-locked loop.",
                scaled(self.constant, 1.0),
            ),
            (
                "tick_seconds",
                "Time between two ticks of the clock.",
                micros(self.tick),
            ),
            (
                "pps_frequency_hertz",
                "Frequency of the pulse per second.",
                frequency(self.pps_frequency),
            ),
            (
                "pps_jitter_seconds",
                "Jitter of the pulse per second.",
                seconds(self.jitter),
            ),
            (
                "pps_shift_seconds",
                "Length of an interval of the pulse per second.",
                scaled(self.shift.into(), 1.0),
            ),
            (
                "pps_stability_hertz",
                "Mean of the last changes of the pulse's frequency.",
                frequency(self.stability),
            ),
            (
                "tai_offset_seconds",
                "Seconds that atomic time is ahead of UTC.",
                scaled(self.tai.into(), 1.0),
            ),
        ];
        for (name, help, value) in gauges {
            families.gauge(format!("node_timex_{name}"), help, &[], value);
        }
        let counters = [
            (
                "pps_jitter_total",
                "Pulses with too much jitter.",
                self.jitter_count,
            ),
            (
                "pps_calibration_total",
                "Intervals of calibration.",
                self.calibrations,
            ),
            ("pps_error_total", "Errors of calibration.", self.errors),
            (
                "pps_stability_exceeded_total",
                "Pulses of too unstable a frequency.",
                self.unstable_count,
            ),
        ];
        for (name, help, value) in counters {
            families.counter(format!("node_timex_{name}"), help, &[], value.max(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{MetricKind, MetricValue};

    fn value(families: &Families, name: &str) -> MetricValue {
        let name = format!("node_timex_{name}");
        let mut found = families.0.iter().filter(|family| family.name == name);
        found.next().unwrap().samples[0].value
    }

    #[test]
    fn figures_have_the_units_that_the_status_says() {
        let reading = Reading {
            state: 0,
            status: 0x2001,
            offset: -1_500,
            frequency: 65_536 * 20,
            maximum_error: 500_000,
            estimated_error: 250,
            constant: 7,
            tick: 10_000,
            jitter: 2_000,
            jitter_count: 3,
            tai: 37,
            ..Reading::default()
        };
        let mut families = Families::default();
        reading.write(&mut families);
        assert_eq!(families.0.len(), 17);
        let real = MetricValue::Real;
        for (name, expected) in [
            ("sync_status", MetricValue::Whole(1)),
            ("offset_seconds", real(-1.5e-6)),
            ("frequency_adjustment_ratio", real(1.000_02)),
            ("maxerror_seconds", real(0.5)),
            ("estimated_error_seconds", real(0.000_25)),
            ("status", real(8_193.0)),
            ("loop_time_constant", real(7.0)),
            ("tick_seconds", real(0.01)),
            ("pps_jitter_seconds", real(2e-6)),
            ("pps_jitter_total", MetricValue::Whole(3)),
            ("tai_offset_seconds", real(37.0)),
        ] {
            assert_eq!(value(&families, name), expected, "{name}");
        }
        let micros = Reading {
            state: UNSYNCHRONISED,
            status: 0x40,
            ..reading
        };
        let mut families = Families::default();
        micros.write(&mut families);
        assert_eq!(value(&families, "offset_seconds"), real(-0.001_5));
        assert_eq!(value(&families, "sync_status"), MetricValue::Whole(0));
    }

    #[test]
    fn the_kernel_can_be_read_without_rights() {
        let mut families = Families::default();
        Timex.collect(&mut families).unwrap();
        let MetricValue::Real(tick) = value(&families, "tick_seconds") else {
            panic!("no fraction");
        };
        // The kernel lets it be set from 0.9 to 1.1 of 10 ms.
        assert!((0.009..=0.011).contains(&tick), "{tick}");
        let counters = families
            .0
            .iter()
            .filter(|one| one.kind == MetricKind::Counter);
        assert_eq!(counters.count(), 4);
    }
}
