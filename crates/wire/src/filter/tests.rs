use proptest::prelude::*;

use super::*;

fn row() -> FilterRow<'static> {
    FilterRow {
        pid: 1,
        ppid: 0,
        name: "",
        command: "",
        user: "root",
        uid: Some(0),
        state: ProcessStatus::Sleeping,
        cpu_percent: Some(0.0),
        memory_bytes: 0,
        memory_percent: Some(0.0),
        threads: 1,
        unit: "",
        cgroup: "/",
        container: "",
    }
}

/// Six processes that differ in every column.
fn rows() -> [FilterRow<'static>; 6] {
    [
        FilterRow {
            name: "systemd",
            command: "/sbin/init splash",
            memory_bytes: 12 << 20,
            memory_percent: Some(0.5),
            cpu_percent: Some(0.1),
            unit: "init.scope",
            cgroup: "/init.scope",
            ..row()
        },
        FilterRow {
            pid: 2,
            name: "kthreadd",
            state: ProcessStatus::Idle,
            ..row()
        },
        FilterRow {
            pid: 100,
            ppid: 1,
            name: "nginx",
            command: "nginx: worker process",
            user: "www-data",
            uid: Some(33),
            cpu_percent: Some(5.0),
            memory_bytes: 300 << 20,
            memory_percent: Some(12.0),
            unit: "nginx.service",
            cgroup: "/system.slice/nginx.service",
            ..row()
        },
        FilterRow {
            pid: 200,
            ppid: 1,
            name: "java",
            command: "/usr/bin/java -Xmx4G -jar --mode=fast app.jar",
            user: "app",
            uid: Some(1000),
            state: ProcessStatus::Running,
            cpu_percent: Some(250.5),
            memory_bytes: 4 << 30,
            memory_percent: Some(50.0),
            threads: 80,
            unit: "docker.service",
            cgroup: "/system.slice/docker-0123456789ab.scope",
            container: "0123456789ab",
        },
        FilterRow {
            pid: 201,
            ppid: 200,
            name: "(sd pam)",
            user: "",
            uid: Some(4_000_000),
            state: ProcessStatus::Zombie,
            // Not known yet: this one is new.
            cpu_percent: None,
            memory_percent: None,
            ..row()
        },
        FilterRow {
            pid: 300,
            ppid: 1,
            name: "Größe \"x\"",
            command: "größe --weird='a b'",
            user: "app",
            uid: Some(1000),
            state: ProcessStatus::DiskSleep,
            cpu_percent: Some(5.0),
            memory_bytes: 1 << 30,
            memory_percent: Some(12.5),
            threads: 2,
            cgroup: "/user.slice",
            ..row()
        },
    ]
}

fn picked(filter: &str) -> Vec<u32> {
    let filter: Filter = filter
        .parse()
        .unwrap_or_else(|error| panic!("{filter}: {error}"));
    let rows = rows();
    let picked = rows.iter().filter(|row| filter.matches(row));
    picked.map(|row| row.pid).collect()
}

#[test]
fn filters_pick_the_expected_rows() {
    let table: &[(&str, &[u32])] = &[
        // Words: a part of name or command, in any case, beyond ASCII too.
        ("nginx", &[100]),
        ("NGINX", &[100]),
        ("JAVA", &[200]),
        ("init", &[1]),
        ("GRÖSSE", &[]),
        ("gRÖßE", &[300]),
        ("\"worker process\"", &[100]),
        ("'worker' 'process'", &[100]),
        ("\"\"", &[1, 2, 100, 200, 201, 300]),
        ("cpu", &[]),
        ("\"(sd pam)\"", &[201]),
        ("a.c", &[]),
        // Texts are exact, and case counts.
        ("name = nginx", &[100]),
        ("name = Nginx", &[]),
        ("name=nginx", &[100]),
        ("NAME = nginx", &[100]),
        ("name != nginx", &[1, 2, 200, 201, 300]),
        ("name = 'Größe \"x\"'", &[300]),
        ("name = \"Größe \\\"x\\\"\"", &[300]),
        ("unit = \"\"", &[2, 201, 300]),
        ("container != ''", &[200]),
        ("container = 0123456789ab", &[200]),
        // Regular expressions are found anywhere, and case counts.
        ("name ~ ^n", &[100]),
        ("name ~ 'nginx|java'", &[100, 200]),
        ("name ~ nginx|java", &[100, 200]),
        ("name ~ NGINX", &[]),
        ("name ~ \"(?i)NGINX\"", &[100]),
        ("command ~ --mode=fast", &[200]),
        ("command ~ \"app\\.jar$\"", &[200]),
        ("cgroup ~ ^/system\\.slice/", &[100, 200]),
        ("unit ~ \\.service$", &[100, 200]),
        ("state ~ sleep", &[1, 100, 300]),
        // Accounts by name or number.
        ("user = app", &[200, 300]),
        ("user = 1000", &[200, 300]),
        ("user != 0", &[100, 200, 201, 300]),
        ("user = 4000000", &[201]),
        ("user ~ ^www", &[100]),
        // States by word or letter.
        ("state = zombie", &[201]),
        ("state = Z", &[201]),
        ("state = disk-sleep", &[300]),
        ("state != SLEEPING", &[2, 200, 201, 300]),
        // Numbers.
        ("pid = 200", &[200]),
        ("pid >= 200 pid <= 201", &[200, 201]),
        ("ppid=1", &[100, 200, 300]),
        ("threads > 1", &[200, 300]),
        ("cpu = 5", &[100, 300]),
        ("cpu>5", &[200]),
        ("cpu >= 5%", &[100, 200, 300]),
        ("cpu < 0.2", &[1, 2]),
        ("memory >= 1G", &[200, 300]),
        ("memory > 1GiB", &[200]),
        ("memory = 300m", &[100]),
        ("memory > 12%", &[200, 300]),
        ("memory < 1", &[2, 201]),
        // What is not known is neither less nor greater, and different from every value.
        ("cpu >= 0", &[1, 2, 100, 200, 300]),
        ("cpu != 5", &[1, 2, 200, 201]),
        ("not cpu >= 0", &[201]),
        ("memory <= 100%", &[1, 2, 100, 200, 300]),
        // Joined: `not` binds closest, then `and` (or a space), then `or`.
        ("user = app and cpu > 5", &[200]),
        ("user = app cpu > 5", &[200]),
        ("nginx or java", &[100, 200]),
        ("nginx OR java AND cpu < 1", &[100]),
        ("(nginx or java) and cpu < 1", &[]),
        ("not user = root", &[100, 200, 201, 300]),
        ("not not user = root", &[1, 2]),
        ("NOT (user = root or user = app)", &[100, 201]),
        ("not user = root user != app", &[100, 201]),
        ("((pid=1))", &[1]),
        ("name = and", &[]),
        ("name != \"or\" and (pid=1)", &[1]),
    ];
    for (filter, expected) in table {
        assert_eq!(picked(filter), *expected, "{filter}");
        let printed = filter.parse::<Filter>().unwrap().to_string();
        assert_eq!(picked(&printed), *expected, "{filter} printed as {printed}");
    }
}

#[test]
fn errors_name_the_place_and_what_was_expected() {
    const COLUMNS: &str = "one of name, command, user, state, pid, ppid, cpu, memory, threads, unit, cgroup, container";
    let columns = |text: &str| format!("{text}{COLUMNS}");
    let table = [
        ("", "column 1: expected a condition such as `cpu > 5`, or a word".to_owned()),
        ("  ", "column 3: expected a condition such as `cpu > 5`, or a word".to_owned()),
        ("or a", "column 1: expected a condition such as `cpu > 5`, or a word".to_owned()),
        (")", "column 1: expected a condition such as `cpu > 5`, or a word".to_owned()),
        ("cpu >", "column 6: expected a value after `>`".to_owned()),
        ("cpu > )", "column 7: expected a value after `>`".to_owned()),
        ("name == x", "column 7: expected a value after `=`".to_owned()),
        ("name = (x)", "column 8: expected a value after `=`: put a value with `(` in it in quotes".to_owned()),
        ("cpu > x", "column 7: expected a percentage such as 5, 2.5 or 150% for `cpu`".to_owned()),
        ("cpu > -1", "column 7: expected a percentage such as 5, 2.5 or 150% for `cpu`".to_owned()),
        ("memory > 5P", "column 10: expected a size such as 4096, 300M or 1.5G, or a percentage such as 5% for `memory`".to_owned()),
        ("pid = 1.5", "column 7: expected a whole number such as 42 for `pid`".to_owned()),
        ("pid = 99999999999999999999", "column 7: expected a whole number such as 42 for `pid`".to_owned()),
        ("cpu ~ 5", "column 5: `cpu` is a number: expected =, !=, <, <=, > or >= in place of ~".to_owned()),
        ("name < x", "column 6: `name` is text: expected =, != or ~ in place of <".to_owned()),
        ("state >= R", "column 7: `state` is text: expected =, != or ~ in place of >=".to_owned()),
        ("state = asleep", "column 9: expected a state: one of running, sleeping, disk-sleep, stopped, tracing-stop, zombie, dead, wake-kill, waking, parked, idle".to_owned()),
        ("größe = 1", columns("column 1: unknown column `größe`: expected ")),
        ("ü > 1 or colour = 1", columns("column 1: unknown column `ü`: expected ")),
        ("ü or colour = 1", columns("column 6: unknown column `colour`: expected ")),
        ("> 5", columns("column 1: expected a column before `>`: ")),
        ("a and = 5", columns("column 7: expected a column before `=`: ")),
        ("\"cpu\" > 5", "column 1: expected a column without quotes before `>`".to_owned()),
        ("a and", "column 6: expected a condition after `and`".to_owned()),
        ("a and or b", "column 7: expected a condition after `and`".to_owned()),
        ("a or", "column 5: expected a condition after `or`".to_owned()),
        ("not", "column 4: expected a condition after `not`".to_owned()),
        ("not )", "column 5: expected a condition after `not`".to_owned()),
        ("a ()", "column 4: expected a condition after `(`".to_owned()),
        ("a (b", "column 5: expected `)` for the `(` at column 3".to_owned()),
        ("a) b", "column 2: expected the end of the filter: this `)` closes nothing".to_owned()),
        ("name = \"x", "column 8: expected a closing `\"` for this one".to_owned()),
        ("name = 'x\\'", "column 8: expected a closing `'` for this one".to_owned()),
        ("a ! b", "column 3: expected `!=`, or `not` in place of `!`".to_owned()),
        ("name ~ \"a(b\"", "column 8: expected a regular expression: unclosed group".to_owned()),
        ("name ~ *", "column 8: expected a regular expression: repetition operator missing expression".to_owned()),
        ("name ~ \\w{999}{9}", "column 8: expected a smaller regular expression: this one needs too much memory".to_owned()),
    ];
    for (text, expected) in table {
        let error = text.parse::<Filter>().unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn length_depth_conditions_and_patterns_are_bounded() {
    let error = |text: &str| text.parse::<Filter>().unwrap_err().to_string();
    let fits = |text: &str| text.parse::<Filter>().is_ok();

    assert!(fits(&"ä".repeat(200)));
    assert!(fits(&format!("a{}", " ".repeat(999))));
    assert_eq!(
        error(&"a".repeat(1001)),
        "column 1001: expected at most 1000 characters"
    );
    let nested = |depth| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(fits(&nested(32)));
    let expected = "column 33: expected at most 32 nested parentheses and `not`";
    assert_eq!(error(&nested(33)), expected);
    assert!(fits(&format!("{}a", "not ".repeat(32))));
    assert!(error(&format!("{}a", "not ".repeat(33))).contains("at most 32 nested"));
    // Depth is about nesting, not about how many there are.
    assert!(fits(&"(not a) ".repeat(40)));

    assert!(fits(&"a ".repeat(64)));
    let expected = "column 129: expected at most 64 conditions";
    assert_eq!(error(&"a ".repeat(65)), expected);
    assert!(fits(&"name~a ".repeat(8)));
    let expected = "column 62: expected at most 8 regular expressions";
    assert_eq!(error(&"name~a ".repeat(9)), expected);
    let groups = |depth| format!("name~'{}a{}'", "(".repeat(depth), ")".repeat(depth));
    assert!(fits(&groups(49)));
    assert!(error(&groups(60)).contains("nest"));
}

#[test]
fn a_filter_is_printed_with_only_the_parentheses_it_needs() {
    let printed = |text: &str| text.parse::<Filter>().unwrap().to_string();
    for (text, expected) in [
        ("a b", r#""a" and "b""#),
        ("((a) or b) c", r#"("a" or "b") and "c""#),
        ("not (a and b)", r#"not ("a" and "b")"#),
        ("a or b and c", r#""a" or "b" and "c""#),
        ("memory>1K", "memory > 1024"),
        ("cpu<=5", "cpu <= 5%"),
        ("state=R", "state = running"),
        (r"name='a\b'", r#"name = "a\\b""#),
    ] {
        assert_eq!(printed(text), expected, "{text}");
    }
}

/// Texts that are filters more often than random ones.
fn filter_text() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("5".to_owned()),
        Just("1.5G".to_owned()),
        Just("12.5%".to_owned()),
        Just("R".to_owned()),
        Just("'a \\' b'".to_owned()),
        Just("\"a\\\\b\"".to_owned()),
        "[a-zA-Zä.^$*\\\\]{1,8}",
    ];
    let columns = prop::sample::select(vec![
        "name",
        "command",
        "user",
        "state",
        "pid",
        "ppid",
        "cpu",
        "memory",
        "threads",
        "unit",
        "cgroup",
        "container",
    ]);
    let operators = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">=", "~"]);
    let condition = prop_oneof![
        (columns, operators, value).prop_map(|(c, o, v)| format!("{c} {o} {v}")),
        "[a-z]{1,5}",
    ];
    condition.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("not {a}")),
            inner.clone().prop_map(|a| format!("({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} and {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} {b}")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("{a} or {b}")),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_within_it(text in "\\PC{0,80}") {
        if let Err(error) = text.parse::<Filter>() {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.column));
        }
    }

    #[test]
    fn texts_of_the_language_are_read_or_refused(text in "[-a-z0-9 ()=!<>~\"'\\\\.%K]{0,60}") {
        if let Ok(filter) = text.parse::<Filter>() {
            let twice = |row: &FilterRow<'_>| (filter.matches(row), filter.matches(row));
            prop_assert!(rows().iter().map(twice).all(|(first, second)| first == second));
        }
    }

    #[test]
    fn a_printed_filter_reads_as_itself(text in filter_text()) {
        let Ok(filter) = text.parse::<Filter>() else { return Ok(()) };
        let printed = filter.to_string();
        prop_assume!(printed.chars().count() <= MAX_CHARACTERS);
        let again: Filter = printed.parse().unwrap();
        prop_assert_eq!(again.to_string(), printed);
        for row in rows() {
            prop_assert_eq!(filter.matches(&row), again.matches(&row));
        }
        prop_assert_eq!(again, filter);
    }

    #[test]
    fn not_equal_is_the_opposite_of_equal(
        column in prop::sample::select(vec!["name", "user", "state", "pid", "cpu", "memory"]),
        value in prop::sample::select(vec!["1", "5", "R", "12%", "app", "1000"]),
    ) {
        let filter = |text: String| text.parse::<Filter>();
        let Ok(equal) = filter(format!("{column} = {value}")) else { return Ok(()) };
        let differs = filter(format!("{column} != {value}")).unwrap();
        for row in rows() {
            prop_assert_eq!(equal.matches(&row), !differs.matches(&row));
        }
    }
}
