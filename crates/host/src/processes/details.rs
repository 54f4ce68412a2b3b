//! What is read of a single process only.

use super::files::{self, ProcessFiles, ReadFailure};
use super::stat::Stat;
use super::{AccountNames, Scanner, names};
use crate::{CollectError, HostRoots};
use linux_api_wire::process::{ProcessDetails, ProcessScan, ResourceLimit};

/// The most bytes of arguments; the kernel allows two mebibytes and more.
const ARGUMENT_BYTES: usize = 128 << 10;

/// Holds some twenty lines of about 80 bytes.
const LIMITS_BYTES: usize = 8 << 10;

/// Where the name of a limit ends, see `proc_pid_limits` in fs/proc/base.c.
const NAME_COLUMN: usize = 26;

/// Reads a process: rates and all that from the scan when it is the process that was scanned, the
/// rest from its files. `None` when there is no such process, or it is hidden from us.
pub(crate) fn read_details(
    roots: &HostRoots,
    accounts: &AccountNames,
    scan: &ProcessScan,
    pid: u32,
) -> Result<Option<ProcessDetails>, CollectError> {
    let procfs = files::open_directory(&roots.procfs)?;
    let read = files::open_process(&procfs, &roots.procfs, pid).and_then(|directory| {
        let files = ProcessFiles::new(&directory, &roots.procfs, pid);
        read_from(&files, roots, accounts, scan)
    });
    match read {
        Ok(details) => Ok(Some(details)),
        Err(ReadFailure::Vanished) => Ok(None),
        Err(ReadFailure::Odd(error) | ReadFailure::Failed(error)) => Err(error),
    }
}

fn read_from(
    files: &ProcessFiles<'_>,
    roots: &HostRoots,
    accounts: &AccountNames,
    scan: &ProcessScan,
) -> Result<ProcessDetails, ReadFailure> {
    let mut scanner = Scanner {
        boot_time: Some(scan.boot_time),
        ..Scanner::default()
    };
    // Threads have directories too, which are not listed.
    let status = files.read_optional("status", &mut scanner.buffer.text)?;
    if status.is_ok_and(|status| names::thread_group(status).is_some_and(|id| id != files.pid)) {
        return Err(ReadFailure::Vanished);
    }
    let text = files.read("stat", &mut scanner.buffer.stat)?;
    let stat = Stat::parse(text).ok_or_else(|| files.malformed("stat", "state of a process"))?;
    let in_scan = scan
        .find(files.pid)
        .filter(|process| process.start_ticks == stat.start_ticks);
    let process = if let Some(process) = in_scan {
        process.clone()
    } else {
        // Started since, perhaps with the id of one that has ended.
        let moment = scanner
            .moment(roots, accounts, scan.time)
            .map_err(ReadFailure::Failed)?;
        scanner.read_from(files, moment)?
    };
    let arguments = files.read_long("cmdline", ARGUMENT_BYTES)?;
    let limits = files.read_long("limits", LIMITS_BYTES)?;
    Ok(ProcessDetails {
        process,
        memory_total_bytes: scan.memory_total_bytes,
        arguments: split_arguments(&arguments.unwrap_or_default()),
        open_files: files.count_optional("fd")?,
        limits: limits.map(|text| parse_limits(&text)),
    })
}

/// Each argument ends with a NUL, but programs that rewrite theirs may leave it out.
fn split_arguments(text: &[u8]) -> Vec<String> {
    // Programs that shorten their title fill up with NUL.
    let end = text.iter().rposition(|byte| *byte != 0);
    let Some(end) = end else { return Vec::new() };
    text[..=end]
        .split(|byte| *byte == 0)
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}

fn parse_limits(text: &[u8]) -> Vec<ResourceLimit> {
    let text = String::from_utf8_lossy(text);
    text.lines().skip(1).filter_map(parse_limit).collect()
}

/// Reads a line of the name, the soft and the hard limit, and perhaps a unit.
fn parse_limit(line: &str) -> Option<ResourceLimit> {
    let (name, rest) = line.split_at_checked(NAME_COLUMN)?;
    let mut words = rest.split_ascii_whitespace();
    let mut limit = || match words.next()? {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    };
    Some(ResourceLimit {
        name: name.trim_end().to_owned(),
        soft: limit()?,
        hard: limit()?,
        unit: words.next().map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_with_and_without_a_unit() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max cpu time              unlimited            unlimited            seconds   \n\
                    Max open files            1024                 1048576              files     \n\
                    Max nice priority         0                    0                    \n\
                    rubbish\n";
        let limits = parse_limits(text.as_bytes());
        let limit = |name: &str, soft, hard, unit: Option<&str>| ResourceLimit {
            name: name.to_owned(),
            soft,
            hard,
            unit: unit.map(str::to_owned),
        };
        let expected = [
            limit("Max cpu time", None, None, Some("seconds")),
            limit("Max open files", Some(1024), Some(1_048_576), Some("files")),
            limit("Max nice priority", Some(0), Some(0), None),
        ];
        assert_eq!(limits, expected);
    }

    #[test]
    fn arguments_keep_their_borders() {
        assert_eq!(split_arguments(b"a\0b c\0\0d\0"), ["a", "b c", "", "d"]);
        assert_eq!(split_arguments(b"title\0\0\0\0"), ["title"]);
        assert_eq!(split_arguments(b"no end"), ["no end"]);
        assert!(split_arguments(b"").is_empty());
        assert!(split_arguments(b"\0\0").is_empty());
    }
}
