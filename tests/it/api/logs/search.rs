//! Searches that take longer than a page may.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Stage, lines, messages};
use crate::api::database::Database;
use crate::support::journal_files::{BEGIN, FakeEntry, JOURNALCTL, JournalFiles, fake_journalctl};

/// An entry a minute, and a journal of which all before the hundredth minute can't be searched in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_takes_too_long_goes_on_where_it_came_to() {
    let database = Database::sqlite();
    let folder = database.folder.path();
    let Some(mut files) = JournalFiles::start(folder) else {
        return;
    };
    files.write((0..180).map(|minute| FakeEntry {
        message: format!("line {minute}").into_bytes(),
        ..FakeEntry::new(minute * 60_000)
    }));
    files.finish();
    let slow = folder.join("slow");
    std::fs::write(&slow, "").unwrap();
    let program = fake_journalctl(
        folder,
        &format!(
            r#"int searches = 0; unsigned long long since = 0;
            for (int i = 1; i < count; i++) {{
                if (!strncmp(all[i], "--grep=", 7)) searches = 1;
                sscanf(all[i], "--since=@%llu", &since);
            }}
            if (searches && since < {}ULL && !access("{}", F_OK)) pause();
            execv("{JOURNALCTL}", all);"#,
            BEGIN / 1_000_000 + 100 * 60,
            slow.display(),
        ),
    );
    let stage = Stage::of(database, Some(&program)).await;
    let query = "grep=line%20(3%7C170)%24";
    let begin = Instant::now();
    let first = stage.get(query).await;
    assert!(
        begin.elapsed() < Duration::from_secs(6),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(
        (messages(&first), &first["partial"]),
        (lines([170].into_iter()), &json!(true))
    );
    // Nothing matches there: it is where the search came to, beyond the entry that was found.
    let cursor = first["older_cursor"].as_str().unwrap();
    assert_ne!(cursor, first["items"][0]["cursor"]);
    let next = stage
        .get(&format!("limit=1&direction=older&cursor={cursor}"))
        .await;
    let reached = messages(&next)[0]
        .strip_prefix("line ")
        .unwrap()
        .parse::<u64>();
    assert!((100..150).contains(&reached.unwrap()), "{next}");
    std::fs::remove_file(&slow).unwrap();
    let second = stage.get(&format!("{query}&cursor={cursor}")).await;
    assert_eq!(
        (messages(&second), &second["partial"]),
        (lines([3].into_iter()), &json!(false))
    );
    assert_eq!(second["older_cursor"], Value::Null);
}
