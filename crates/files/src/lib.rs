//! Reading files that a person named: a name may lead to a pipe that blocks forever, or to a device
//! that never ends.
//!
//! [`open`] and [`read`] accept regular files only, up to a size; [`write_whole`] replaces a file
//! atomically.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

/// The most bytes of a file that people write: a configuration, a list of hosts, certificates.
pub const TEXT_MAX: u64 = 1 << 20;
/// The most bytes of a program or a file of its size.
pub const PROGRAM_MAX: u64 = 1 << 30;

/// Opens a regular file to read it. Never waits for another process.
///
/// # Errors
/// When it can't be opened, or is a pipe, a device, a socket or a directory.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::empty())
}

/// The same, and refuses a symbolic link.
///
/// # Errors
/// As [`open`], and when it is a symbolic link.
pub fn open_no_follow(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::NOFOLLOW)
}

fn open_with(path: &Path, more: OFlags) -> io::Result<File> {
    let file = open_any(path, more)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(unusual("it is not a regular file"))
}

fn open_any(path: &Path, more: OFlags) -> io::Result<File> {
    // Opening a pipe without a writer would wait for one; a terminal must not become ours.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | more;
    File::options()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

fn unusual(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// As [`open`], and when it can't be read or is larger.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_large(most));
    }
    Ok(bytes)
}

fn too_large(most: u64) -> io::Error {
    let message = format!("it is larger than {most} bytes");
    io::Error::new(io::ErrorKind::FileTooLarge, message)
}

/// Reads a regular file of at most [`TEXT_MAX`] bytes as UTF-8.
///
/// # Errors
/// As [`read`], and when it is no UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    text(read(path, TEXT_MAX)?)
}

/// The same, and also from a pipe, such as a shell makes for `<(command)`: for a file that a person
/// names on the command line of a program that ends. Blocks the thread until the writers of the pipe
/// have closed it, for `patience` at most.
///
/// # Errors
/// As [`read_text`]; and when nothing comes out of the pipe, or its end not within `patience`.
pub fn read_text_or_pipe(path: &Path, patience: Duration) -> io::Result<String> {
    let file = open_any(path, OFlags::empty())?;
    let kind = file.metadata()?.file_type();
    if kind.is_fifo() {
        return text(drain(&file, TEXT_MAX, patience)?);
    }
    if kind.is_file() {
        return read_text(path);
    }
    Err(unusual("it is neither a regular file nor a pipe"))
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_not_text| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "stream did not contain valid UTF-8",
        )
    })
}

/// Reads a pipe, which does not block, to its end.
fn drain(mut pipe: &File, most: u64, patience: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + patience;
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    // A writer that wrote nothing failed, most likely: that is not an empty file.
    let nothing = || unusual("nothing was written to the pipe");
    let mut is_over = false;
    loop {
        match pipe.read(&mut part) {
            // Without a writer; before the first byte there may be none yet.
            Ok(0) if !bytes.is_empty() => return Ok(bytes),
            Ok(0) if is_over => return Err(nothing()),
            Ok(0) => {}
            Ok(length) => {
                bytes.extend_from_slice(part.get(..length).unwrap_or_default());
                if bytes.len() as u64 > most {
                    return Err(too_large(most));
                }
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let seconds = patience.as_secs_f64();
            let message = if bytes.is_empty() {
                format!("nothing was written to the pipe within {seconds} s")
            } else {
                format!("the end of what is written to the pipe did not come within {seconds} s")
            };
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        let mut waited = [PollFd::new(&pipe, PollFlags::IN)];
        match poll(&mut waited, Timespec::try_from(left).ok().as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        // All writers that there were have closed it.
        is_over = waited[0].revents().contains(PollFlags::HUP);
    }
}

/// Replaces a file of the user's at once, so that a crash leaves the old or the new one.
///
/// # Errors
/// When it can't be written.
pub fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        // An incomplete file is of no use.
        let _ = std::fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn pipe_in(folder: &Path) -> std::path::PathBuf {
        let pipe = folder.join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        pipe
    }

    #[test]
    fn a_pipe_is_read_to_its_end_and_not_waited_for_without_one() {
        const LONG: Duration = Duration::from_mins(1);
        const SHORT: Duration = Duration::from_millis(20);
        let folder = tempfile::tempdir().unwrap();
        let pipe = pipe_in(folder.path());
        let refused = |patience| {
            let error = read_text_or_pipe(&pipe, patience).unwrap_err();
            error.to_string()
        };
        assert_eq!(
            refused(SHORT),
            "nothing was written to the pipe within 0.02 s"
        );
        let written_by = |texts: &'static [&str]| {
            let pipe = pipe.clone();
            std::thread::spawn(move || {
                let mut writer = File::options().write(true).open(pipe).unwrap();
                for text in texts {
                    // The reader may have seen enough.
                    let _ = std::io::Write::write_all(&mut writer, text.as_bytes());
                }
            })
        };
        let writer = written_by(&["listen = ", "'127.0.0.1:9000'\n"]);
        let text = read_text_or_pipe(&pipe, LONG).unwrap();
        assert_eq!(text, "listen = '127.0.0.1:9000'\n");
        writer.join().unwrap();
        let writer = written_by(&[]);
        assert_eq!(refused(LONG), "nothing was written to the pipe");
        writer.join().unwrap();
    }

    #[test]
    fn only_regular_files_are_read_and_only_so_much_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = pipe_in(folder.path());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        for path in [&pipe, &link, folder.path(), Path::new("/dev/zero")] {
            let error = read_text(path).unwrap_err();
            assert_eq!(error.to_string(), "it is not a regular file", "{path:?}");
        }
        let file = folder.path().join("file");
        std::fs::write(&file, "twelve bytes").unwrap();
        assert_eq!(read(&file, 12).unwrap(), b"twelve bytes");
        let error = read(&file, 11).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 11 bytes");
        let link = folder.path().join("other");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read_text(&link).unwrap(), "twelve bytes");
        assert!(open_no_follow(&link).is_err());
        let missing = read_text(&folder.path().join("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
