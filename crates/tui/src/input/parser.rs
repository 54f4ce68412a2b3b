//! Keys, mouse and reports from the bytes that a terminal sends.
//!
//! crossterm reads these as well, but keeps reports of the terminal to itself, and the reports are
//! what says how much of the output the terminal has taken. The keys are those of xterm and of all
//! that took after it, of rxvt and of the Linux console, see `console_codes(4)`.

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

const ESC: u8 = 0x1b;
/// Most bytes of one control sequence: more is none.
const LONGEST: usize = 64;
/// Most bytes of a pasted text that are kept: more than fits into any line here.
const PASTE: usize = 64 << 10;
const PASTE_START: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// Something that a terminal sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TerminalInput {
    /// A person did something.
    Event(Event),
    /// The terminal has taken all that was sent before the question (DSR 5).
    Taken,
}

/// Takes bytes as they come, in pieces of any size.
#[derive(Debug, Default)]
pub(crate) struct InputParser {
    bytes: Vec<u8>,
    /// What was pasted so far, until its end comes: none of it is a key.
    pasted: Option<Vec<u8>>,
}

/// How much of the bytes was read, and what it was; nothing when more bytes are needed.
type Step = Option<(usize, Option<TerminalInput>)>;

impl InputParser {
    /// What is complete with these bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<TerminalInput> {
        self.bytes.extend_from_slice(bytes);
        let mut inputs = Vec::new();
        let mut read = 0;
        loop {
            if self.pasted.is_some() {
                let Some(text) = self.paste(&mut read) else {
                    break;
                };
                inputs.push(TerminalInput::Event(Event::Paste(text)));
            }
            let rest = &self.bytes[read..];
            if rest.starts_with(PASTE_START) {
                read += PASTE_START.len();
                self.pasted = Some(Vec::new());
                continue;
            }
            let Some((length, input)) = step(rest) else {
                break;
            };
            read += length;
            inputs.extend(input);
        }
        self.bytes.drain(..read);
        inputs
    }

    /// The pasted text, once its end is there; else keeps what has come of it.
    fn paste(&mut self, read: &mut usize) -> Option<String> {
        let rest = &self.bytes[*read..];
        let end = rest
            .windows(PASTE_END.len())
            .position(|window| window == PASTE_END);
        // The beginning of the end may be there already.
        let length = end.unwrap_or_else(|| rest.len().saturating_sub(PASTE_END.len() - 1));
        let pasted = self.pasted.as_mut()?;
        let room = PASTE.saturating_sub(pasted.len());
        pasted.extend_from_slice(&rest[..length.min(room)]);
        *read += length;
        end?;
        *read += PASTE_END.len();
        let text = self.pasted.take()?;
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    /// Whether what is left may be complete as it is: a lone Esc also begins every sequence, and
    /// only a short wait distinguishes the two.
    pub(crate) fn is_ambiguous(&self) -> bool {
        !self.bytes.is_empty() && self.pasted.is_none()
    }

    /// What is left, when nothing follows.
    pub(crate) fn give_up(&mut self) -> Vec<TerminalInput> {
        let bytes = std::mem::take(&mut self.bytes);
        match bytes[..] {
            [ESC] => vec![key(KeyCode::Esc, KeyModifiers::NONE)],
            [ESC, character @ (b'[' | b'O')] => {
                vec![key(KeyCode::Char(character.into()), KeyModifiers::ALT)]
            }
            _ => Vec::new(),
        }
    }
}

const fn key(code: KeyCode, modifiers: KeyModifiers) -> TerminalInput {
    TerminalInput::Event(Event::Key(KeyEvent::new(code, modifiers)))
}

fn step(bytes: &[u8]) -> Step {
    match bytes {
        [] | [ESC] => None,
        [ESC, b'[', ..] => control(bytes),
        [ESC, b'O', ..] => {
            let code = letter(*bytes.get(2)?).map(|code| key(code, KeyModifiers::NONE));
            Some((3, code))
        }
        [ESC, ESC, ..] => Some((1, Some(key(KeyCode::Esc, KeyModifiers::NONE)))),
        [ESC, rest @ ..] => {
            let (length, input) = step(rest)?;
            let input = input.map(|input| match input {
                TerminalInput::Event(Event::Key(mut event)) => {
                    event.modifiers |= KeyModifiers::ALT;
                    TerminalInput::Event(Event::Key(event))
                }
                other => other,
            });
            Some((length + 1, input))
        }
        [byte, ..] if *byte < 0x80 => Some((1, Some(ascii(*byte)))),
        _ => utf8(bytes),
    }
}

const fn ascii(byte: u8) -> TerminalInput {
    let (code, modifiers) = match byte {
        b'\r' => (KeyCode::Enter, KeyModifiers::NONE),
        b'\t' => (KeyCode::Tab, KeyModifiers::NONE),
        0x7f => (KeyCode::Backspace, KeyModifiers::NONE),
        0 => (KeyCode::Char(' '), KeyModifiers::CONTROL),
        0x01..=0x1a => (
            KeyCode::Char((byte - 1 + b'a') as char),
            KeyModifiers::CONTROL,
        ),
        0x1b..=0x1f => (
            KeyCode::Char((byte - 0x1c + b'4') as char),
            KeyModifiers::CONTROL,
        ),
        b'A'..=b'Z' => (KeyCode::Char(byte as char), KeyModifiers::SHIFT),
        _ => (KeyCode::Char(byte as char), KeyModifiers::NONE),
    };
    key(code, modifiers)
}

fn utf8(bytes: &[u8]) -> Step {
    let length = match bytes[0] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some((1, None)),
    };
    let whole = &bytes[..length.min(bytes.len())];
    match std::str::from_utf8(whole) {
        Ok(text) => {
            let character = text.chars().next()?;
            Some((
                length,
                Some(key(KeyCode::Char(character), KeyModifiers::NONE)),
            ))
        }
        // More is to come.
        Err(error) if error.error_len().is_none() => None,
        Err(_) => Some((1, None)),
    }
}

/// A key by the last letter of its sequence.
const fn letter(letter: u8) -> Option<KeyCode> {
    Some(match letter {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P'..=b'S' => KeyCode::F(letter - b'P' + 1),
        b'M' => KeyCode::Enter,
        _ => return None,
    })
}

/// A key by the number of its sequence.
const fn numbered(number: u16) -> Option<KeyCode> {
    #[expect(clippy::cast_possible_truncation, reason = "below 25")]
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number as u8 - 10),
        17..=21 => KeyCode::F(number as u8 - 11),
        23 | 24 => KeyCode::F(number as u8 - 12),
        _ => return None,
    })
}

/// What was held down with a key: 1 and a bit for each.
fn modifiers(number: u16) -> KeyModifiers {
    let bits = number.saturating_sub(1);
    let mut modifiers = KeyModifiers::NONE;
    for (bit, modifier) in [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
    ] {
        if bits & bit != 0 {
            modifiers |= modifier;
        }
    }
    modifiers
}

/// A control sequence: `ESC [`, parameters, a last letter.
fn control(bytes: &[u8]) -> Step {
    match bytes.get(2)? {
        // F1 to F5 of the Linux console.
        b'[' => {
            let last = *bytes.get(3)?;
            let code = matches!(last, b'A'..=b'E').then(|| KeyCode::F(last - b'A' + 1));
            return Some((4, code.map(|code| key(code, KeyModifiers::NONE))));
        }
        // A mouse whose numbers are bytes.
        b'M' => {
            let [state, x, y] = bytes.get(3..6)? else {
                return Some((6, None));
            };
            let place = |byte: &u8| u16::from(byte.saturating_sub(32));
            let event = mouse(place(state), place(x), place(y), false);
            return Some((6, event));
        }
        _ => {}
    }
    let end = bytes[2..]
        .iter()
        .position(|byte| !matches!(byte, 0x20..=0x3f));
    let Some(end) = end.map(|place| place + 2) else {
        // A sequence without an end is none.
        return (bytes.len() > LONGEST).then_some((bytes.len(), None));
    };
    let last = bytes[end];
    if !matches!(last, 0x40..=0x7e) {
        return Some((end, None));
    }
    let parameters = std::str::from_utf8(&bytes[2..end]).unwrap_or_default();
    Some((end + 1, sequence(parameters, last)))
}

fn sequence(parameters: &str, last: u8) -> Option<TerminalInput> {
    let (is_mouse, parameters) = match parameters.strip_prefix('<') {
        Some(rest) => (true, rest),
        None => (false, parameters),
    };
    let numbers: Vec<u16> = parameters
        .split(';')
        .map(|number| number.parse().unwrap_or(0))
        .collect();
    let number = |place: usize| numbers.get(place).copied().unwrap_or(0);
    let held = modifiers(number(1));
    match last {
        b'M' | b'm' if is_mouse => mouse(number(0), number(1), number(2), last == b'm'),
        b'M' if numbers.len() == 3 => {
            mouse(number(0).saturating_sub(32), number(1), number(2), false)
        }
        _ if is_mouse => None,
        b'n' => (numbers.len() == 1).then_some(TerminalInput::Taken),
        b'Z' => Some(key(KeyCode::BackTab, KeyModifiers::SHIFT)),
        b'~' => numbered(number(0)).map(|code| key(code, held)),
        b'M' => None,
        _ => letter(last).map(|code| key(code, held)),
    }
}

/// The mouse; places count from 1, the lowest two bits and the highest two are the button.
fn mouse(state: u16, x: u16, y: u16, is_release: bool) -> Option<TerminalInput> {
    let is_moving = state & 32 != 0;
    let button = |number| match number {
        0 => Some(MouseButton::Left),
        1 => Some(MouseButton::Middle),
        2 => Some(MouseButton::Right),
        _ => None,
    };
    let number = (state & 3) | ((state & 0xc0) >> 4);
    let kind = match (number, is_moving) {
        (0..=2, false) if is_release => MouseEventKind::Up(button(number)?),
        (0..=2, false) => MouseEventKind::Down(button(number)?),
        (0..=2, true) => MouseEventKind::Drag(button(number)?),
        (3, false) => MouseEventKind::Up(MouseButton::Left),
        (3, true) => MouseEventKind::Moved,
        (4, false) => MouseEventKind::ScrollUp,
        (5, false) => MouseEventKind::ScrollDown,
        (6, false) => MouseEventKind::ScrollLeft,
        (7, false) => MouseEventKind::ScrollRight,
        _ => return None,
    };
    let mut held = KeyModifiers::NONE;
    for (bit, modifier) in [
        (4, KeyModifiers::SHIFT),
        (8, KeyModifiers::ALT),
        (16, KeyModifiers::CONTROL),
    ] {
        if state & bit != 0 {
            held |= modifier;
        }
    }
    Some(TerminalInput::Event(Event::Mouse(MouseEvent {
        kind,
        column: x.saturating_sub(1),
        row: y.saturating_sub(1),
        modifiers: held,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<TerminalInput> {
        let mut parser = InputParser::default();
        let mut inputs = parser.feed(bytes);
        inputs.extend(parser.give_up());
        inputs
    }

    fn keys(bytes: &[u8]) -> Vec<(KeyCode, KeyModifiers)> {
        let inputs = read(bytes).into_iter();
        inputs
            .map(|input| match input {
                TerminalInput::Event(Event::Key(event)) => (event.code, event.modifiers),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn keys_are_those_of_xterm_rxvt_and_the_console() {
        let none = KeyModifiers::NONE;
        for (bytes, code, modifiers) in [
            (&b"q"[..], KeyCode::Char('q'), none),
            (b"G", KeyCode::Char('G'), KeyModifiers::SHIFT),
            ("é".as_bytes(), KeyCode::Char('é'), none),
            ("漢".as_bytes(), KeyCode::Char('漢'), none),
            (b"\r", KeyCode::Enter, none),
            (b"\t", KeyCode::Tab, none),
            (b"\x7f", KeyCode::Backspace, none),
            (b"\x03", KeyCode::Char('c'), KeyModifiers::CONTROL),
            (b"\x08", KeyCode::Char('h'), KeyModifiers::CONTROL),
            (b"\0", KeyCode::Char(' '), KeyModifiers::CONTROL),
            (b"\x1c", KeyCode::Char('4'), KeyModifiers::CONTROL),
            (b"\x1b", KeyCode::Esc, none),
            (b"\x1bk", KeyCode::Char('k'), KeyModifiers::ALT),
            (b"\x1b[", KeyCode::Char('['), KeyModifiers::ALT),
            (b"\x1b[A", KeyCode::Up, none),
            (b"\x1bOB", KeyCode::Down, none),
            (b"\x1b[1;5C", KeyCode::Right, KeyModifiers::CONTROL),
            (b"\x1b[1;3D", KeyCode::Left, KeyModifiers::ALT),
            (b"\x1b[H", KeyCode::Home, none),
            (b"\x1b[7~", KeyCode::Home, none),
            (b"\x1bOF", KeyCode::End, none),
            (b"\x1b[3~", KeyCode::Delete, none),
            (b"\x1b[5~", KeyCode::PageUp, none),
            (b"\x1b[Z", KeyCode::BackTab, KeyModifiers::SHIFT),
            (b"\x1bOP", KeyCode::F(1), none),
            (b"\x1b[[A", KeyCode::F(1), none),
            (b"\x1b[15~", KeyCode::F(5), none),
            (b"\x1b[17~", KeyCode::F(6), none),
            (b"\x1b[24~", KeyCode::F(12), none),
            (b"\x1b[1;2S", KeyCode::F(4), KeyModifiers::SHIFT),
        ] {
            assert_eq!(keys(bytes), [(code, modifiers)], "{bytes:?}");
        }
        let two = [(KeyCode::Esc, none), (KeyCode::Up, none)];
        assert_eq!(keys(b"\x1b\x1b[A"), two);
        assert_eq!(keys(b"ab").len(), 2);
    }

    #[test]
    fn pieces_of_any_size_give_the_same() {
        let whole =
            "q\u{1b}[1;5Aé漢\u{1b}[<0;3;4M\u{1b}[0n\u{1b}[200~a\u{1b}[Ab\u{1b}[201~\u{1b}[24~x";
        let expected = read(whole.as_bytes());
        assert_eq!(expected.len(), 9, "{expected:?}");
        assert_eq!(expected[5], TerminalInput::Taken);
        let text = Event::Paste("a\u{1b}[Ab".to_owned());
        assert_eq!(expected[6], TerminalInput::Event(text));
        for size in 1..whole.len() {
            let mut parser = InputParser::default();
            let pieces = whole.as_bytes().chunks(size);
            let inputs: Vec<TerminalInput> = pieces.flat_map(|piece| parser.feed(piece)).collect();
            assert_eq!(inputs, expected, "{size}");
            assert!(!parser.is_ambiguous());
        }
    }

    #[test]
    fn a_long_pasted_text_is_cut_and_none_of_it_is_a_key() {
        let long = [PASTE_START, &vec![b'q'; 3 * PASTE], PASTE_END, b"x"].concat();
        let mut parser = InputParser::default();
        let pieces = long.chunks(1000);
        let inputs: Vec<TerminalInput> = pieces.flat_map(|piece| parser.feed(piece)).collect();
        let text = Event::Paste("q".repeat(PASTE));
        let x = key(KeyCode::Char('x'), KeyModifiers::NONE);
        assert!(
            inputs == [TerminalInput::Event(text), x],
            "{}",
            inputs.len()
        );
    }

    #[test]
    fn the_mouse_is_read_in_all_three_ways() {
        let down = |column, row| {
            vec![TerminalInput::Event(Event::Mouse(MouseEvent {
                kind: MouseEventKind::Down(MouseButton::Left),
                column,
                row,
                modifiers: KeyModifiers::NONE,
            }))]
        };
        assert_eq!(read(b"\x1b[<0;300;4M"), down(299, 3));
        assert_eq!(read(b"\x1b[32;3;4M"), down(2, 3));
        assert_eq!(read(b"\x1b[M #$"), down(2, 3));
        let kind = |bytes: &[u8]| match &read(bytes)[..] {
            [TerminalInput::Event(Event::Mouse(event))] => event.kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(kind(b"\x1b[<64;1;1M"), MouseEventKind::ScrollUp);
        assert_eq!(kind(b"\x1b[<65;1;1M"), MouseEventKind::ScrollDown);
        assert_eq!(
            kind(b"\x1b[<2;1;1m"),
            MouseEventKind::Up(MouseButton::Right)
        );
        assert_eq!(kind(b"\x1b[<35;1;1M"), MouseEventKind::Moved);
    }

    #[test]
    fn what_means_nothing_is_passed_over() {
        for bytes in [
            &b"\x1b[?62;c"[..],
            b"\x1b[99~",
            b"\x1b[5;7t",
            b"\x1b[I",
            b"\xff",
            b"\xc3\x28",
            b"\x1b[<9;",
        ] {
            let mut parser = InputParser::default();
            parser.feed(bytes);
            parser.give_up();
            let next = parser.feed(b"q");
            assert_eq!(
                next,
                [key(KeyCode::Char('q'), KeyModifiers::NONE)],
                "{bytes:?}"
            );
        }
        let endless = [b"\x1b[".to_vec(), vec![b'1'; 500]].concat();
        let mut parser = InputParser::default();
        assert!(parser.feed(&endless).is_empty() && !parser.is_ambiguous());
    }
}
