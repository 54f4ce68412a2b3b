//! What changes while an act is under way.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use linux_api_acts::protocol::{Effect, Outcome};

use super::support::{Place, Sleeper, request, verb};

/// A shell that prints a line at each TERM, and goes on.
fn stubborn() -> (Sleeper, BufReader<ChildStdout>) {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap 'echo' TERM; echo; while :; do sleep 0.1; done"]);
    let (input, output) = (Stdio::piped(), Stdio::piped());
    let mut child = command.stdin(input).stdout(output).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    lines.read_line(&mut String::new()).unwrap();
    (Sleeper(child), lines)
}

#[tokio::test]
async fn a_process_that_takes_other_rights_meanwhile_is_not_killed() {
    let mut place = Place::new("processes.min_uid = 1000\n");
    let (mut sleeper, mut lines) = stubborn();
    let pid = sleeper.0.id().to_string();
    // The process as the kernel has it, but for its user ids.
    let (real, fake) = (Path::new("/proc").join(&pid), place.path("proc").join(&pid));
    std::fs::create_dir_all(&fake).unwrap();
    std::fs::copy(real.join("stat"), fake.join("stat")).unwrap();
    let status = std::fs::read_to_string(real.join("status")).unwrap();
    let with_uid = |uid: u32| {
        let lines = status.lines().map(|line| match line.split_once(':') {
            Some(("Uid", _)) => format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n"),
            _ => format!("{line}\n"),
        });
        std::fs::write(fake.join("status.new"), lines.collect::<String>()).unwrap();
        std::fs::rename(fake.join("status.new"), fake.join("status")).unwrap();
    };
    with_uid(1000);
    place.procfs = place.path("proc");
    let running = place.start();
    let process = sleeper.process();
    let term = verb(&format!(
        r#"{{"process.signal":{{"process":{{"pid":{pid},"start_ticks":{}}},"signal":"TERM","escalate_after":2}}}}"#,
        process.start_ticks
    ));
    let (client, request) = (running.client.clone(), request(term));
    let act = tokio::spawn(async move { client.act(request).await.unwrap() });
    // It got TERM; then it becomes root's, as sudo does.
    let got = tokio::task::spawn_blocking(move || lines.read_line(&mut String::new()));
    got.await.unwrap().unwrap();
    with_uid(0);
    let response = act.await.unwrap();
    let Outcome::Done(Effect::Signalled {
        ended: false,
        killed: false,
        spared: Some(why),
    }) = &response.outcome
    else {
        panic!("{response:?}");
    };
    assert!(why.contains("uid 0, below min_uid"), "{why}");
    assert!(sleeper.lives());
    running.stop().await;
}
