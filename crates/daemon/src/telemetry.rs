//! Where log events go: standard error, as text or as JSON, off the threads that make them.

use std::fmt;
use std::io::{self, IsTerminal};

use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{EnvFilter, LevelFilter, ParseError};
use tracing_subscriber::fmt::format::{self, JsonFields, Writer, debug_fn};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, field::MakeExt, reload};

use linux_api_wire::log::{Escaped, LogFormat, LogSink};

/// Why logging can't start or change.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The text is no level and no list of directives.
    #[error("bad log level {0:?}, expected off, error, warn, info, debug, trace or target=level")]
    Level(String),
    /// A directive can't be read.
    #[error("bad log level")]
    Directive(#[from] ParseError),
    /// The program started its logging twice.
    #[error("logging is already started")]
    Started(#[from] TryInitError),
    /// Logging has ended.
    #[error("logging has ended")]
    Ended(#[from] reload::Error),
}

/// Keeps logging alive: dropping it writes what still waits.
pub struct Guard {
    level: reload::Handle<EnvFilter, Registry>,
    dropped: ErrorCounter,
    _worker: WorkerGuard,
}

impl Guard {
    /// Changes what is logged from now on.
    ///
    /// # Errors
    /// When `level` can't be read; the old one stays.
    pub fn set_level(&self, level: &str) -> Result<(), TelemetryError> {
        self.level.reload(parse_level(level)?)?;
        Ok(())
    }

    /// How many lines were dropped because standard error did not keep up.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped.dropped_lines()
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

/// As [`init`], for a command that a person gives: it says itself what it did, so that the lines of the
/// audit log only come with `-v` and for programs.
///
/// # Errors
/// As for [`init`].
pub fn init_for_command(
    level: &str,
    format: LogFormat,
    sink: LogSink,
) -> Result<Guard, TelemetryError> {
    let shows_all = ["audit", "debug", "trace"]
        .iter()
        .any(|word| level.to_ascii_lowercase().contains(word));
    if shows_all || format == LogFormat::Json {
        return init(level, format, sink);
    }
    init(&format!("{level},audit=warn"), format, sink)
}

/// Lines that wait to be written at most. The memory for so many is taken at once.
const QUEUE: usize = 4096;

/// Starts logging for the whole program.
///
/// `level` is a level (`info`) or a list of directives (`info,sqlx=warn`). Colours are used only
/// when standard error is a terminal. Lines for the journal carry their importance and no time.
///
/// # Errors
/// When `level` can't be read or logging was started before.
pub fn init(level: &str, format: LogFormat, sink: LogSink) -> Result<Guard, TelemetryError> {
    let (filter, level) = reload::Layer::new(parse_level(level)?);
    let (writer, worker) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(QUEUE)
        .thread_name("log")
        .finish(io::stderr());
    let dropped = writer.error_counter();
    let lines = line_layer(format, sink, writer, io::stderr().is_terminal());
    Registry::default().with(filter).with(lines).try_init()?;
    Ok(Guard {
        level,
        dropped,
        _worker: worker,
    })
}

fn parse_level(text: &str) -> Result<EnvFilter, TelemetryError> {
    let mut directives: Vec<&str> = text.split(',').map(str::trim).collect();
    // A bare word that is no level would be taken for the name of a target.
    let is_bad = |directive: &&str| {
        let is_word = !directive.contains(['=', '[', ']']);
        directive.is_empty() || (is_word && directive.parse::<LevelFilter>().is_err())
    };
    if directives.iter().any(is_bad) {
        return Err(TelemetryError::Level(text.to_owned()));
    }
    let asks_for = |name: &str| directives.iter().any(|one| one.starts_with(name));
    if directives
        .iter()
        .any(|one| one.eq_ignore_ascii_case("info"))
        && !asks_for("sqlx")
    {
        // Each connection that an outage ended has a line there; ours say the same once.
        directives.push("sqlx_core::pool=warn");
        // What the server says of our own statements, such as that a table is there already.
        directives.push("sqlx::postgres::notice=warn");
    }
    Ok(EnvFilter::builder().parse(directives.join(","))?)
}

fn line_layer<S, W>(
    format: LogFormat,
    sink: LogSink,
    writer: W,
    ansi: bool,
) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(ansi);
    match format {
        LogFormat::Json => layer
            .event_format(Prefixed(sink, format::format().json().flatten_event(true)))
            .fmt_fields(JsonFields::new())
            .boxed(),
        LogFormat::Text => {
            let fields = debug_fn(|writer, field, value| {
                let value = format!("{value:?}");
                match field.name() {
                    "message" => write!(writer, "{}", Escaped(&value)),
                    name => write!(writer, "{name}={}", Escaped(&value)),
                }
            });
            let layer = layer.fmt_fields(fields.delimited(" "));
            match sink {
                LogSink::Plain => layer.boxed(),
                LogSink::Journal => layer
                    .event_format(Prefixed(
                        sink,
                        format::format().without_time().with_ansi(false),
                    ))
                    .boxed(),
            }
        }
    }
}

/// Lines with their importance before them, where the journal reads it.
struct Prefixed<F>(LogSink, F);

impl<S, N, F> FormatEvent<S, N> for Prefixed<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        write!(writer, "{}", self.0.prefix(priority))?;
        self.1.format_event(ctx, writer, event)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;
    use linux_api_wire::time::Timestamp;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str, work: impl FnOnce()) -> String {
        logged_to(LogSink::Plain, format, level, work)
    }

    fn logged_to(sink: LogSink, format: LogFormat, level: &str, work: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = line_layer(format, sink, move || writer.clone(), false);
        let subscriber = Registry::default()
            .with(parse_level(level).unwrap())
            .with(layer);
        tracing::subscriber::with_default(subscriber, work);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn text_starts_with_the_time_in_utc_and_carries_the_fields() {
        let text = logged(LogFormat::Text, "info", || {
            tracing::info!(samples = 3, "flushed {} samples", 3);
        });
        let (time, rest) = text.split_once(' ').unwrap();
        assert!(
            time.ends_with('Z') && time.parse::<Timestamp>().is_ok(),
            "{time}"
        );
        assert!(rest.ends_with("flushed 3 samples samples=3\n"), "{rest}");
    }

    #[test]
    fn a_value_can_neither_start_a_line_nor_steer_the_terminal() {
        let evil = "x\u{1b}[2J\nfake";
        let text = logged(LogFormat::Text, "info", || {
            let _span = tracing::info_span!("work", shown = %evil).entered();
            let error = io::Error::other(evil);
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::info!(shown = %evil, quoted = evil, error, "read {evil}");
        });
        assert_eq!(
            text.chars().filter(|c| c.is_control()).collect::<String>(),
            "\n"
        );
        assert_eq!(text.matches("fake").count(), 5, "{text}");
    }

    #[test]
    fn json_is_one_object_per_line() {
        let text = logged(LogFormat::Json, "info", || {
            tracing::warn!(name = "a\nb", "odd");
        });
        assert_eq!(text.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "odd");
        assert_eq!(line["name"], "a\nb");
        assert_eq!(line["level"], "WARN");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn levels_and_targets_filter() {
        let text = logged(LogFormat::Text, "warn,noisy=off", || {
            tracing::info!("quiet");
            tracing::error!(target: "noisy", "loud");
            tracing::warn!("kept");
        });
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn lost_connections_are_told_by_us_alone_unless_asked_for() {
        for (level, lines) in [
            ("info", 1),
            ("info,linux_api=debug", 1),
            ("info,sqlx=info", 2),
            ("debug", 2),
        ] {
            let text = logged(LogFormat::Text, level, || {
                tracing::info!(target: "sqlx_core::pool::inner", "ping on idle connection");
                tracing::info!("away");
            });
            assert_eq!(text.lines().count(), lines, "{level}: {text}");
        }
    }

    #[test]
    fn the_journal_gets_the_importance_and_no_time() {
        let work = || {
            tracing::error!("broken");
            tracing::warn!(left = 3, "odd");
            tracing::info!("usual");
            tracing::debug!("detail");
        };
        let text = logged_to(LogSink::Journal, LogFormat::Text, "debug", work);
        let lines: Vec<&str> = text.lines().collect();
        let target = "linux_api_daemon::telemetry::tests";
        assert_eq!(
            lines,
            [
                format!("<3>ERROR {target}: broken"),
                format!("<4> WARN {target}: odd left=3"),
                format!("<6> INFO {target}: usual"),
                format!("<7>DEBUG {target}: detail"),
            ]
        );
        let text = logged_to(LogSink::Journal, LogFormat::Json, "info", || {
            tracing::warn!("odd");
        });
        let line: serde_json::Value =
            serde_json::from_str(text.strip_prefix("<4>").unwrap()).unwrap();
        assert_eq!(line["message"], "odd");
    }

    #[test]
    fn notices_of_the_server_are_quiet_unless_asked_for() {
        for (level, lines) in [("info", 1), ("info,linux_api=debug", 1), ("debug", 2)] {
            let text = logged(LogFormat::Text, level, || {
                tracing::info!(target: "sqlx::postgres::notice", "relation exists, skipping");
                tracing::warn!(target: "sqlx::postgres::notice", "no privileges were granted");
            });
            assert_eq!(text.lines().count(), lines, "{level}: {text}");
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for text in ["", "loud", "info,loud", "sqlx=loud"] {
            assert!(parse_level(text).is_err(), "{text:?}");
        }
        for text in ["info", "off", "TRACE", "info, sqlx=warn"] {
            assert!(parse_level(text).is_ok(), "{text:?}");
        }
    }
}
