//! The commented example that `config init` writes.

use std::fmt::Write as _;

use super::sections::Config;

/// A configuration file with every option, its meaning and its default, all commented out.
#[must_use]
pub fn example() -> String {
    let mut text = "# Configuration of linux-api.\n\
        # Every option is here with its default; remove the # in front of those to change.\n\
        # `linux-api config check` says what is wrong with this file.\n"
        .to_owned();
    for section in Config::default().sections() {
        text.push('\n');
        comment(&mut text, section.doc());
        writeln!(text, "[{}]", section.name()).expect("a string takes any text");
        for key in section.keys() {
            text.push('\n');
            comment(&mut text, key.doc);
            writeln!(text, "# ({})", key.kind()).expect("a string takes any text");
            let value = key.default.or_else(|| key.example.map(Into::into));
            let value = value.map(|value| value.to_string()).unwrap_or_default();
            writeln!(text, "#{} = {value}", key.name).expect("a string takes any text");
        }
    }
    text
}

fn comment(text: &mut String, lines: &[&str]) {
    for line in lines {
        text.push_str("# ");
        text.push_str(line.trim());
        text.push('\n');
    }
}
