//! Files of answers that are not regular files.

use std::fs;
use std::process::Command;

use crate::install::tree::{System, good, refused};

#[test]
fn answers_may_come_out_of_a_pipe_and_an_empty_one_is_no_answer() {
    let system = System::new();
    let setup = |arguments: &str, script: &str| {
        let setup = system.setup(&[]);
        let words = std::iter::once(setup.get_program()).chain(setup.get_args());
        let words: Vec<_> = words.map(|word| format!("'{}'", word.display())).collect();
        let line = format!("{} --answers {arguments}{script}", words.join(" "));
        Command::new("bash").args(["-c", &line]).output().unwrap()
    };
    // A command that fails writes nothing: that does not mean every default.
    let why = refused(&setup("<(false)", ""));
    assert!(why.contains("nothing was written to the pipe"), "{why}");
    assert!(system.all().is_empty());
    let text = "\"listen = '127.0.0.1:9000'\"";
    good(&setup(&format!("<(echo {text})"), ""));
    let written = fs::read_to_string(system.path("etc/linux-api/config.toml")).unwrap();
    assert!(written.contains("127.0.0.1:9000"), "{written}");
    // The same file of answers, by the one descriptor that sudo passes on.
    good(&setup(
        "/dev/stdin",
        &format!(" < <(sleep 0.2; echo {text})"),
    ));
}
