//! Programs that can be copied to another host: static, and for its processor.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Where packages put programs for other processors, named `linux-api-MACHINE`.
const OTHERS: &str = "/usr/lib/linux-api";
/// Most program headers that are looked at; ours have a dozen.
const HEADERS_MAX: u16 = 64;

/// There is no program for a host.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// This program's own file can't be read.
    #[error("read the own program: {0}")]
    Own(#[from] io::Error),
    /// This program needs libraries of this system.
    #[error(
        "this linux-api is not a static program, which alone runs on any host; use the released one, or \
         build it by make package"
    )]
    NotStatic,
    /// There is none for that processor.
    #[error(
        "the host has another processor ({machine}); put the static program for it at \
         {OTHERS}/linux-api-{machine}, or beside this one"
    )]
    OtherMachine {
        /// As `uname -m` names it.
        machine: String,
    },
}

/// The file of a static program for hosts where `uname -m` prints `machine`.
///
/// # Errors
/// When there is none here.
pub fn find(machine: &str) -> Result<PathBuf, ProgramError> {
    let own = std::env::current_exe()?;
    find_beside(&own, Path::new(OTHERS), machine)
}

fn find_beside(own: &Path, others: &Path, machine: &str) -> Result<PathBuf, ProgramError> {
    let wanted = number(machine);
    let is_right = |found: &Elf| wanted.is_some_and(|wanted| wanted == found.machine);
    let is_own_right = match inspect(own)? {
        Some(elf) if is_right(&elf) && elf.is_static => return Ok(own.to_owned()),
        Some(elf) => is_right(&elf),
        None => false,
    };
    if wanted.is_none() {
        return Err(ProgramError::OtherMachine {
            machine: machine.to_owned(),
        });
    }
    let name = format!("linux-api-{machine}");
    let beside = own.parent().map(|directory| directory.join(&name));
    for path in beside.into_iter().chain([others.join(&name)]) {
        if let Ok(Some(elf)) = inspect(&path)
            && is_right(&elf)
            && elf.is_static
        {
            return Ok(path);
        }
    }
    Err(if is_own_right {
        ProgramError::NotStatic
    } else {
        ProgramError::OtherMachine {
            machine: machine.to_owned(),
        }
    })
}

/// Numbers of processors: <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>.
fn number(machine: &str) -> Option<u16> {
    match machine {
        "x86_64" | "amd64" => Some(62),
        "aarch64" | "arm64" => Some(183),
        "riscv64" => Some(243),
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Elf {
    machine: u16,
    /// It names no loader.
    is_static: bool,
}

/// Looks at a file; `None` when it is no 64-bit little-endian ELF file.
fn inspect(path: &Path) -> io::Result<Option<Elf>> {
    const LOADER: u32 = 3;
    let mut file = File::open(path)?;
    let mut header = [0_u8; 64];
    match file.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let is_elf = header.starts_with(b"\x7fELF\x02\x01");
    if !is_elf {
        return Ok(None);
    }
    let short = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let mut offset = [0; 8];
    offset.copy_from_slice(&header[32..40]);
    let (size, count) = (short(54), short(56));
    if size < 4 || count > HEADERS_MAX {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(u64::from_le_bytes(offset)))?;
    let mut headers = vec![0; usize::from(size) * usize::from(count)];
    file.read_exact(&mut headers)?;
    let is_dynamic = headers
        .chunks_exact(usize::from(size))
        .any(|header| header.starts_with(&LOADER.to_le_bytes()));
    Ok(Some(Elf {
        machine: short(18),
        is_static: !is_dynamic,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest file with these properties.
    fn elf(machine: u16, kinds: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = u8::try_from(kinds.len()).unwrap();
        for kind in kinds {
            bytes.extend(kind.to_le_bytes());
            bytes.extend([0; 52]);
        }
        bytes
    }

    #[test]
    fn only_a_static_program_for_the_processor_will_do() {
        let directory = tempfile::tempdir().unwrap();
        let own = directory.path().join("linux-api");
        let others = directory.path().join("others");
        std::fs::create_dir(&others).unwrap();
        std::fs::write(&own, elf(62, &[1, 2])).unwrap();
        assert_eq!(find_beside(&own, &others, "x86_64").unwrap(), own);
        let missing = find_beside(&own, &others, "aarch64").unwrap_err();
        assert!(
            missing.to_string().contains("linux-api-aarch64"),
            "{missing}"
        );
        let other = others.join("linux-api-aarch64");
        std::fs::write(&other, elf(183, &[1, 3])).unwrap();
        assert!(find_beside(&own, &others, "aarch64").is_err(), "dynamic");
        std::fs::write(&other, elf(62, &[1])).unwrap();
        assert!(find_beside(&own, &others, "aarch64").is_err(), "of another");
        std::fs::write(&other, elf(183, &[1])).unwrap();
        assert_eq!(find_beside(&own, &others, "aarch64").unwrap(), other);
        assert!(find_beside(&own, &others, "vax").is_err());
        std::fs::write(&own, elf(62, &[3])).unwrap();
        let dynamic = find_beside(&own, &others, "x86_64").unwrap_err();
        assert!(matches!(dynamic, ProgramError::NotStatic));
        std::fs::write(&own, "#!/bin/sh\n").unwrap();
        assert!(find_beside(&own, &others, "x86_64").is_err());
    }
}
