//! Reads the text of `/proc/PID/stat`.

use linux_api_wire::process::ProcessStatus;

/// The fields of `/proc/PID/stat` that are of use, see proc(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat<'a> {
    /// Cut by the kernel to 15 bytes, or 63 for kernel threads.
    pub(super) name: &'a [u8],
    pub(super) state: ProcessStatus,
    pub(super) ppid: u32,
    pub(super) tty: u32,
    pub(super) flags: u64,
    pub(super) user_ticks: u64,
    pub(super) system_ticks: u64,
    pub(super) priority: i32,
    pub(super) nice: i32,
    pub(super) threads: u64,
    pub(super) start_ticks: u64,
    pub(super) virtual_bytes: u64,
    pub(super) resident_pages: u64,
    /// Where the arguments lie in the memory of the process: moves when another program takes its
    /// place. Zero where rights forbid to know it.
    pub(super) arguments: (u64, u64),
}

/// Set in the flags of kernel threads, `PF_KTHREAD` in linux/sched.h.
const KERNEL_THREAD: u64 = 0x0020_0000;

impl<'a> Stat<'a> {
    /// Reads `PID (NAME) STATE …`.
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        let (name, state, rest) = split(text)?;
        let mut fields = Fields(rest);
        let ppid = fields.number()?;
        fields.skip(2)?;
        let tty = fields.number()?;
        fields.skip(1)?;
        let flags = fields.number()?;
        fields.skip(4)?;
        let (user_ticks, system_ticks) = (fields.number()?, fields.number()?);
        fields.skip(2)?;
        let priority = fields.signed()?;
        let nice = fields.signed()?;
        let threads = fields.number()?;
        fields.skip(1)?;
        let start_ticks = fields.number()?;
        let virtual_bytes = fields.number()?;
        let resident_pages = fields.number()?;
        // Kernels before 3.5 end earlier.
        let arguments = fields
            .skip(23)
            .and_then(|()| Some((fields.number()?, fields.number()?)));
        Some(Self {
            name,
            state,
            ppid: u32::try_from(ppid).ok()?,
            tty: u32::try_from(tty).unwrap_or(0),
            flags,
            user_ticks,
            system_ticks,
            priority,
            nice,
            threads,
            start_ticks,
            virtual_bytes,
            resident_pages,
            arguments: arguments.unwrap_or_default(),
        })
    }

    /// CPU time of all its threads since it started.
    pub(super) const fn cpu_ticks(&self) -> u64 {
        self.user_ticks.saturating_add(self.system_ticks)
    }

    pub(super) const fn is_kernel_thread(&self) -> bool {
        self.flags & KERNEL_THREAD != 0
    }

    /// The name of the controlling terminal, from its device number; unnamed drivers are shown as
    /// `MAJOR:MINOR`.
    pub(super) fn tty_name(&self) -> Option<String> {
        // The minor number is split around the major one, see `new_encode_dev` in linux/kdev_t.h.
        let (major, minor) = (
            self.tty >> 8 & 0xfff,
            self.tty & 0xff | self.tty >> 12 & 0xfff00,
        );
        // Documentation/admin-guide/devices.txt has the numbers.
        match (major, minor) {
            (0, 0) => None,
            (4, 0..64) => Some(format!("tty{minor}")),
            (4, _) => Some(format!("ttyS{}", minor - 64)),
            (136..=143, _) => Some(format!("pts/{}", (major - 136) * 256 + minor)),
            _ => Some(format!("{major}:{minor}")),
        }
    }
}

/// The state in a text that may be cut off behind it.
pub(crate) fn state(text: &[u8]) -> Option<ProcessStatus> {
    let (_, state, _) = split(text)?;
    Some(state)
}

/// The name, the state and what follows. The name may hold parentheses and line ends, but only numbers
/// follow the state, so the last parenthesis ends the name.
fn split(text: &[u8]) -> Option<(&[u8], ProcessStatus, &[u8])> {
    let open = text.iter().position(|byte| *byte == b'(')?;
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let name = text.get(open + 1..close)?;
    let [b' ', letter, rest @ ..] = text.get(close + 1..)? else {
        return None;
    };
    Some((name, ProcessStatus::from_letter(*letter), rest))
}

/// Numbers with spaces between them.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// Moves to the first byte of the next field.
    fn next(&mut self) -> Option<()> {
        while let [b' ', rest @ ..] = self.0 {
            self.0 = rest;
        }
        (!self.0.is_empty()).then_some(())
    }

    fn skip(&mut self, fields: usize) -> Option<()> {
        for _ in 0..fields {
            self.next()?;
            while let [byte, rest @ ..] = self.0
                && *byte != b' '
            {
                self.0 = rest;
            }
        }
        Some(())
    }

    fn number(&mut self) -> Option<u64> {
        self.next()?;
        let mut number: Option<u64> = None;
        while let [digit @ b'0'..=b'9', rest @ ..] = self.0 {
            let digit = u64::from(digit - b'0');
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
            self.0 = rest;
        }
        number
    }

    fn signed(&mut self) -> Option<i32> {
        self.next()?;
        if let [b'-', rest @ ..] = self.0 {
            self.0 = rest;
            i32::try_from(self.number()?).ok().map(|number| -number)
        } else {
            i32::try_from(self.number()?).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REAL: &str = "26475 (cat) R 26461 26461 23280 34819 -1 4194304 101 0 2 0 7 9 1 1 20 -5 3 \
        0 1184769 3133440 389 18446744073709551615 93832580476928 93832580496809 140729090869712 \
        0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 93832580512816 93832580514432 93833227390976 \
        140729090874072 140729090874092 140729090874092 140729090875371 0\n";

    #[test]
    fn every_field_is_found() {
        let stat = Stat::parse(REAL.as_bytes()).unwrap();
        let expected = Stat {
            name: b"cat",
            state: ProcessStatus::Running,
            ppid: 26461,
            tty: 34819,
            flags: 4_194_304,
            user_ticks: 7,
            system_ticks: 9,
            priority: 20,
            nice: -5,
            threads: 3,
            start_ticks: 1_184_769,
            virtual_bytes: 3_133_440,
            resident_pages: 389,
            arguments: (140_729_090_874_072, 140_729_090_874_092),
        };
        assert_eq!(stat, expected);
        assert!(!stat.is_kernel_thread());
        let thread = REAL.replace("4194304", "69238880");
        assert!(Stat::parse(thread.as_bytes()).unwrap().is_kernel_thread());
    }

    #[test]
    fn an_old_kernel_writes_fewer_fields() {
        let (short, _) = REAL.split_at(REAL.find(" 17 0").unwrap());
        let stat = Stat::parse(short.as_bytes()).unwrap();
        assert_eq!((stat.resident_pages, stat.arguments), (389, (0, 0)));
    }

    #[test]
    fn hostile_names_do_not_move_the_fields() {
        for name in [
            ")",
            "a) R 1",
            "((",
            "a\nb",
            "\x1b[2J",
            "",
            " ",
            "a\\b",
            "7 (x) Z 1 2 3",
        ] {
            let text = REAL.replace("(cat)", &format!("({name})"));
            let stat = Stat::parse(text.as_bytes()).unwrap();
            assert_eq!(stat.name, name.as_bytes());
            assert_eq!((stat.ppid, stat.start_ticks), (26461, 1_184_769));
        }
    }

    #[test]
    fn terminals_have_names() {
        let name = |tty| {
            let text = REAL.replace(" 34819 ", &format!(" {tty} "));
            Stat::parse(text.as_bytes()).unwrap().tty_name()
        };
        assert_eq!(name(0), None);
        assert_eq!(name(34819).as_deref(), Some("pts/3"));
        assert_eq!(name(136 << 8 | 1 << 20 | 0x2c).as_deref(), Some("pts/300"));
        assert_eq!(name(4 << 8 | 0x1).as_deref(), Some("tty1"));
        assert_eq!(name(4 << 8 | 0x41).as_deref(), Some("ttyS1"));
        assert_eq!(name(204 << 8 | 0x40).as_deref(), Some("204:64"));
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for text in [
            "",
            "7 init S",
            "7 )init( S",
            "7 (init)",
            "7 (init) S",
            "7 (init)S 1",
        ] {
            assert_eq!(Stat::parse(text.as_bytes()), None, "{text}");
        }
        for (good, bad) in [
            ("26461", "-1"),
            (" 1184769", " x"),
            (" 389", " 99999999999999999999"),
        ] {
            let text = REAL.replacen(good, bad, 1);
            assert_eq!(Stat::parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let refused = Stat::parse(&bytes).is_none();
            prop_assert!(refused || bytes.contains(&b')'));
        }

        #[test]
        fn any_name_is_read(name in prop::collection::vec(any::<u8>(), 0..64)) {
            let (before, after) = REAL.split_once("cat").unwrap();
            let text = [before.as_bytes(), &name, after.as_bytes()].concat();
            prop_assert_eq!(Stat::parse(&text).unwrap().name, &name[..]);
        }
    }
}
