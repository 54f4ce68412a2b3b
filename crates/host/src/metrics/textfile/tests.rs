use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::fs::{CWD, FileType, mknodat};

use super::*;
use crate::metrics::{MetricKind, MetricValue};

/// A directory that only its owner may write to.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    directory
}

fn read(collector: &mut Textfile) -> Families {
    let mut families = Families::default();
    collector.collect(&mut families).unwrap();
    families
}

fn value(families: &Families, name: &str) -> Option<MetricValue> {
    let family = families.0.iter().find(|family| family.name == name)?;
    Some(family.samples.first()?.value)
}

fn failed(families: &Families) -> bool {
    value(families, "node_textfile_scrape_error") == Some(MetricValue::Whole(1))
}

#[test]
fn without_a_directory_nothing_is_wrong() {
    let families = read(&mut Textfile::new(None));
    assert_eq!(families.0.len(), 1);
    assert!(!failed(&families));
    let missing = Textfile::new(Some("/no/such/directory".into()));
    assert!(failed(&read(&mut { missing })));
}

#[test]
fn files_are_shown_with_their_age_and_a_broken_one_leaves_the_others() {
    let folder = directory();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "a.prom",
        "# HELP jobs Jobs \\\\ done.\n# TYPE jobs gauge\njobs{queue=\"x\\\"y\"} 3\n",
    );
    write("b.prom", "jobs 4");
    write("c.txt", "odd\n");
    write(".d.prom", "odd\n");
    let mut collector = Textfile::new(Some(folder.path().to_owned()));
    let families = read(&mut collector);
    assert!(failed(&families));
    let jobs = families
        .0
        .iter()
        .find(|family| family.name == "jobs")
        .unwrap();
    assert_eq!(
        (&*jobs.help, jobs.kind, jobs.samples.len()),
        ("Jobs \\ done.", MetricKind::Gauge, 1)
    );
    assert_eq!(jobs.samples[0].labels[0].1, "x\"y");
    let ages = families
        .0
        .iter()
        .find(|family| family.name == "node_textfile_mtime_seconds");
    let ages = &ages.unwrap().samples;
    let path = folder.path().join("a.prom");
    assert_eq!(
        (ages.len(), &*ages[0].labels[0].1),
        (1, path.to_str().unwrap())
    );
    assert!(collector.problems[0].ends_with("b.prom: its last line has no end"));

    // It is read again when it has changed.
    write("b.prom", "# TYPE jobs gauge\njobs 5\n");
    let families = read(&mut collector);
    assert!(!failed(&families));
    let jobs = families
        .0
        .iter()
        .find(|family| family.name == "jobs")
        .unwrap();
    assert_eq!(jobs.samples.len(), 2);
    write("b.prom", "# TYPE jobs counter\njobs 5\n");
    let families = read(&mut collector);
    assert!(failed(&families));
    assert!(collector.problems[0].contains("jobs is a counter here and a gauge in another file"));
    fs::remove_file(folder.path().join("b.prom")).unwrap();
    assert!(!failed(&read(&mut collector)));
}

#[test]
fn links_pipes_and_large_files_are_refused_without_waiting() {
    let folder = directory();
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "secret 1\n").unwrap();
    symlink(secret.path(), folder.path().join("link.prom")).unwrap();
    let pipe = folder.path().join("pipe.prom");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    fs::create_dir(folder.path().join("directory.prom")).unwrap();
    fs::write(folder.path().join("large.prom"), "a 1\n".repeat(1 << 19)).unwrap();
    fs::write(folder.path().join("good.prom"), "good 1\n").unwrap();
    let mut collector = Textfile::new(Some(folder.path().to_owned()));
    let families = read(&mut collector);
    assert!(failed(&families) && value(&families, "secret").is_none());
    assert_eq!(value(&families, "good"), Some(MetricValue::Whole(1)));
    let problems = collector.problems.join("\n");
    for problem in [
        "link.prom: it is a symbolic link",
        "pipe.prom: it is not a regular file",
        "directory.prom: it is not a regular file",
        "large.prom: it is larger than 1 MiB",
    ] {
        assert!(problems.contains(problem), "{problems}");
    }
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    let folder = directory();
    fs::write(folder.path().join("good.prom"), "good 1\n").unwrap();
    let mut collector = Textfile::new(Some(folder.path().to_owned()));
    assert!(!failed(&read(&mut collector)));
    for mode in [0o775, 0o757, 0o1777] {
        fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
        let families = read(&mut collector);
        assert!(
            failed(&families) && value(&families, "good").is_none(),
            "{mode:o}"
        );
    }
    let link = tempfile::tempdir().unwrap();
    symlink(folder.path(), link.path().join("link")).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    assert!(failed(&read(&mut Textfile::new(Some(
        link.path().join("link")
    )))));
}

#[test]
fn there_is_room_for_so_many_samples() {
    let folder = directory();
    let text = |count: usize| -> String {
        let lines = (0..count).map(|one| format!("a{{n=\"{one}\"}} 1\n"));
        lines.collect::<Vec<String>>().concat()
    };
    for name in ["1", "2", "3", "4"] {
        let text = text(FILE_SAMPLES).replace('a', &format!("a{name}"));
        fs::write(folder.path().join(format!("{name}.prom")), text).unwrap();
    }
    let mut collector = Textfile::new(Some(folder.path().to_owned()));
    assert!(!failed(&read(&mut collector)));
    fs::write(folder.path().join("5.prom"), "one_more 1\n").unwrap();
    let families = read(&mut collector);
    assert!(failed(&families) && value(&families, "one_more").is_none());
    assert!(collector.problems[0].contains("more than 20000 samples"));
    fs::write(folder.path().join("1.prom"), text(FILE_SAMPLES + 1)).unwrap();
    assert!(failed(&read(&mut collector)));
    assert!(
        collector.problems[0].ends_with("1.prom: it has more than 5000 samples"),
        "{:?}",
        collector.problems
    );
}

fn parsed(text: &str) -> Result<Vec<MetricFamily>, String> {
    parser::parse(text, FILE_SAMPLES)
}

#[test]
fn all_that_the_format_has_is_read() {
    let text = "\n# a remark\n# TYPE a_total counter\na_total 1e3\n\
        # HELP h Sizes.\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{ le = \"+Inf\" , } 3\nh_sum 4.5\nh_count 3\n\
        # TYPE s summary\ns{quantile=\"0.50\"} NaN\ns_sum -1\ns_count 0\n\
        plain{a=\"\\\\ \\n\",empty=\"\"}\t-Inf\nplain 18446744073709551615\n";
    let families = parsed(text).unwrap();
    let shown: Vec<(&str, MetricKind, usize)> = families
        .iter()
        .map(|one| (&*one.name, one.kind, one.samples.len()))
        .collect();
    let expected = [
        ("a_total", MetricKind::Counter, 1),
        ("h", MetricKind::Histogram, 4),
        ("s", MetricKind::Summary, 3),
        ("plain", MetricKind::Unknown, 2),
    ];
    assert_eq!(shown, expected);
    assert_eq!(families[1].samples[0].labels[0].1, "1.0");
    assert_eq!(families[2].samples[0].labels[0].1, "0.5");
    assert_eq!(
        (families[1].samples[2].suffix, families[1].samples[2].value),
        ("_sum", MetricValue::Real(4.5))
    );
    assert_eq!(
        families[3].samples[0].labels,
        [("a".into(), "\\ \n".to_owned())]
    );
    assert_eq!(families[3].samples[1].value, MetricValue::Whole(u64::MAX));
    assert_eq!(parsed(""), Ok(Vec::new()));
}

#[test]
fn what_is_malformed_is_refused_with_its_line() {
    for (text, problem) in [
        ("a 1", "its last line has no end"),
        ("a\n", "line 1: there is no value"),
        (
            "a 1 1700000000000\n",
            "line 1: timestamps are not supported",
        ),
        ("a x\n", "line 1: \"x\" is no value"),
        ("1a 1\n", "line 1: \"1a\" is no name of a sample"),
        ("ä 1\n", "line 1: \"ä\" is no name of a sample"),
        (
            "a{b=\"1\"\n",
            "line 1: there is no comma between two labels",
        ),
        ("a{b=1} 1\n", "line 1: the value of b has no quotes"),
        ("a{b=\"1} 1\n", "line 1: the value of b has no end"),
        (
            "a{b=\"\\x\"} 1\n",
            "line 1: a backslash stands before something that needs none",
        ),
        ("a{__b=\"1\"} 1\n", "line 1: \"__b\" is no name of a label"),
        (
            "a{b=\"1\",b=\"2\"} 1\n",
            "line 1: the label b is there twice",
        ),
        (
            "a{b=\"1\"c=\"2\"} 1\n",
            "line 1: there is no comma between two labels",
        ),
        ("a 1\na 2\n", "line 2: the same sample is there twice"),
        (
            "a 1\nb 1\na{c=\"1\"} 1\n",
            "line 3: the lines of a are not together",
        ),
        (
            "a 1\n# TYPE a gauge\n",
            "line 2: the TYPE of a comes after its samples",
        ),
        (
            "# TYPE a gauge\n# TYPE a gauge\n",
            "line 2: a second TYPE of a",
        ),
        ("# TYPE a info\n", "line 1: \"info\" is no type"),
        ("# TYPE a counter\na -1\n", "line 2: -1 is no count"),
        ("# TYPE a counter\na NaN\n", "line 2: NaN is no count"),
        (
            "# TYPE a histogram\na_bucket 1\n",
            "line 2: a bucket has no label le",
        ),
        (
            "# TYPE a histogram\na 1\n",
            "line 2: a histogram has only buckets, a sum and a count",
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"1\"} 1\n",
            "a: it has no bucket +Inf",
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\n",
            "a: its buckets do not rise",
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 2\n",
            "a: its count is not that of the bucket +Inf",
        ),
        (
            "# TYPE a summary\na 1\n",
            "line 2: a quantile has no label quantile",
        ),
        ("# HELP 1 x\n", "line 1: \"1\" is no name of a family"),
    ] {
        assert_eq!(parsed(text), Err(problem.to_owned()), "{text:?}");
    }
}
