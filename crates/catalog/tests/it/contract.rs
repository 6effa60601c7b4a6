//! Contracts: the TOML that opens a model's file.

use catalog::{Accepted, Action, Contract, Duplicates, Literal, Project, ReadBy, Rule, SourceFile};

const LANDING: &str = "create external table l (user string, timestamp bigint, x double)\n\
                       stored as jsonfile location 'l'";

fn parse(contract: &str) -> Result<Project, String> {
    let file = |path: &str, text: String| SourceFile {
        path: path.into(),
        text,
    };
    Project::parse(vec![
        file("p/landing/l.sql", LANDING.into()),
        file(
            "p/trusted/t.sql",
            format!("/*{contract}*/\nselect user, timestamp, x from l"),
        ),
    ])
    .map_err(|errors| errors.to_string())
}

fn contract(toml: &str) -> Contract {
    match parse(toml) {
        Ok(project) => project.models()[0].contract.clone(),
        Err(errors) => panic!("{toml}\n{errors}"),
    }
}

#[test]
fn the_whole_of_one() {
    let contract = contract(
        "
grain = 'One reading.'
subject = \"USER\"            # in any letter case
personal = [
  \"user\",
  'x',
]
duplicates = \"drop\"
also = [\"readings\"]
[checks]
not_null = [\"user\", \"timestamp\"]
",
    );
    assert_eq!(contract.grain, "One reading.");
    assert_eq!(contract.subject.as_deref(), Some("user"));
    assert_eq!(contract.duplicates, Duplicates::Drop);
    assert_eq!(contract.also, ["readings"]);
    assert_eq!(contract.line, 1);
    assert!(contract.is_personal("x") && !contract.is_personal("timestamp"));
    let columns: Vec<_> = contract
        .columns()
        .map(|(key, column)| format!("{key} {column} {}:{}", column.line, column.column))
        .collect();
    assert_eq!(
        columns,
        [
            "subject user 3:11",
            "personal user 5:3",
            "personal x 6:3",
            "not_null user 11:13",
            "not_null timestamp 11:21",
        ]
    );
}

#[test]
fn the_least_of_one() {
    let contract = contract(" grain = \"One reading.\" ");
    assert_eq!(contract.subject, None);
    assert_eq!(contract.duplicates, Duplicates::Keep);
    assert!(contract.personal.is_empty() && contract.also.is_empty());
    assert!(contract.checks.is_empty());
}

#[test]
fn checks_in_their_short_and_long_forms() {
    let check = |checks: &str, expected: &[&str]| {
        let contract = contract(&format!("grain = 'g'\n[checks]\n{checks}\n"));
        let found: Vec<_> = contract
            .checks
            .iter()
            .map(|check| format!("{}:{} {}", check.line, check.name(), check.action.as_str()))
            .collect();
        assert_eq!(found, expected, "{checks}");
    };
    check(
        "not_null = ['user', 'x']",
        &["3:not_null(user) fail", "3:not_null(x) fail"],
    );
    check("not_null = []", &[]);
    check(
        "not_null = { columns = ['user'], action = 'warn' }",
        &["3:not_null(user) warn"],
    );
    check(
        "not_null = ['user',\n { action = 'warn', columns = ['x'] }]",
        &["3:not_null(user) fail", "4:not_null(x) warn"],
    );
    check(
        "[checks.not_null]\ncolumns = ['x']\naction = 'fail'",
        &["4:not_null(x) fail"],
    );
    check(
        "unique = ['user', ['user', 'timestamp']]",
        &["3:unique(user) fail", "3:unique(user, timestamp) fail"],
    );
    check(
        "unique = { columns = [['user', 'x']], action = 'warn' }",
        &["3:unique(user, x) warn"],
    );
    check(
        "accepted = { x = { min = 0 }, user = ['a'] }",
        &["3:accepted(x) fail", "3:accepted(user) fail"],
    );
    check(
        "[checks.accepted]\nx = { max = 3, action = 'warn' }\nuser = { values = ['a'], action = 'warn' }",
        &["4:accepted(x) warn", "5:accepted(user) warn"],
    );
    check(
        "references = { user = 'l.user' }",
        &["3:references(user) fail"],
    );
    check(
        "[checks.references]\nuser = { to = 'landing.l.user', action = 'warn' }",
        &["4:references(user) warn"],
    );
    check(
        "not_null = { columns = ['user'], action = 'leave_out' }",
        &["3:not_null(user) leave_out"],
    );
    check(
        "accepted = { x = { max = 3, action = 'leave_out' } }\n\
         references = { user = { to = 'l.user', action = 'leave_out' } }",
        &["3:accepted(x) leave_out", "4:references(user) leave_out"],
    );
    check(
        "consent_in_force = { subject = 'user' }",
        &["3:consent_in_force(user) fail"],
    );
    check(
        "consent_in_force = [{ subject = 'User', at = 'timestamp', action = 'leave_out' },\n\
         { subject = 'user', action = 'warn' }, { subject = 'user', purpose = 'public' }]",
        &[
            "3:consent_in_force(user, timestamp) leave_out",
            "4:consent_in_force(user) warn",
            "4:consent_in_force(user for public) fail",
        ],
    );
    check(
        "owner_match = { subject = 'user', device = 'x', at = 'timestamp', action = 'leave_out' }",
        &["3:owner_match(user, x, timestamp) leave_out"],
    );
    check(
        "[checks.owner_match]\nsubject = 'user'\ndevice = 'x'",
        &["3:owner_match(user, x) fail"],
    );
    check(
        "[[checks.rows]]\nname = 'a'\nholds = 'x > 0 and (user) in (1, 2)'\n\
         [[checks.rows]]\nname = 'b'\nholds = 'x < 1 -- or so'\naction = 'leave_out'",
        &["3:a fail", "6:b leave_out"],
    );
    check(
        "[[checks.sql]]\nname = 'no rows'\nviolations = 'select 1 from t'\n\
         [[checks.sql]]\nname = 'b'\nviolations = 'select 2'\naction = 'warn'",
        &["3:no rows fail", "6:b warn"],
    );
}

#[test]
fn what_checks_say() {
    let contract = contract(
        "grain = 'g'
[checks.accepted]
user = ['a', 'b']
timestamp = [1, 2]
x = { min = -1, max = 1_000.5 }
[checks.references]
user = 'L.User'
[[checks.sql]]
name = 'late'
violations = '''
select user
  from t where timestamp > 5'''
",
    );
    let rules: Vec<_> = contract.checks.iter().map(|check| &check.rule).collect();
    let Rule::Accepted { accepted, .. } = rules[0] else {
        panic!()
    };
    let texts = vec![Literal::Text("a".into()), Literal::Text("b".into())];
    assert_eq!(*accepted, Accepted::Values(texts));
    let Rule::Accepted { accepted, .. } = rules[2] else {
        panic!()
    };
    let (min, max) = (Some(Literal::Integer(-1)), Some(Literal::Float(1000.5)));
    assert_eq!(*accepted, Accepted::Range { min, max });
    let Rule::References { column, table, to } = rules[3] else {
        panic!()
    };
    assert_eq!(
        (column.as_str(), table.as_str(), to.as_str(), to.line),
        ("user", "l", "user", 7)
    );
    let Rule::Sql {
        sql_line,
        violations,
        ..
    } = rules[4]
    else {
        panic!()
    };
    assert_eq!(
        (*sql_line, violations.lines().next()),
        (11, Some("select user"))
    );
    assert_eq!(contract.checks.iter().next().unwrap().action, Action::Fail);
}

#[test]
fn columns_that_checks_name() {
    let contract = contract(
        "grain = 'g'
device = 'X'
[checks]
consent_in_force = { subject = 'user', at = 'timestamp' }
owner_match = { subject = 'user', device = 'x' }
rows = { name = 'n', holds = 'x > 0' }",
    );
    let columns: Vec<_> = contract
        .columns()
        .map(|(key, column)| format!("{key} {column} {}:{}", column.line, column.column))
        .collect();
    assert_eq!(
        columns,
        [
            "device x 2:10",
            "consent_in_force user 4:32",
            "consent_in_force timestamp 4:45",
            "owner_match user 5:27",
            "owner_match x 5:44",
        ]
    );
}

#[test]
fn what_is_read_before_rows_are_left_out() {
    let check = |checks: &str, expected: &[(&str, ReadBy)]| {
        let project = parse(&format!("grain = 'g'\n[checks]\n{checks}\n")).unwrap();
        let reads: Vec<_> = project.models()[0]
            .reads()
            .iter()
            .map(|read| (read.table.as_str(), read.by))
            .skip(1)
            .collect();
        assert_eq!(reads, expected, "{checks}");
    };
    let (asked, left_out) = (ReadBy::Check, ReadBy::LeaveOut);
    check("not_null = { columns = ['x'], action = 'leave_out' }", &[]);
    check("references = { user = 'l.user' }", &[("l", asked)]);
    check(
        "references = { user = { to = 'l.user', action = 'leave_out' } }",
        &[("l", left_out)],
    );
    check("references = { user = 't.user' }", &[]);
    check(
        "consent_in_force = [{ subject = 'user' }, { subject = 'user', at = 'x', action = 'leave_out' }]",
        &[("system.consent", asked), ("system.consent", left_out)],
    );
    check(
        "owner_match = { subject = 'user', device = 'x', action = 'leave_out' }",
        &[("system.device_owner", left_out)],
    );
}

#[test]
fn anonymous_tables() {
    let check = |contract_toml: &str, expected: bool| {
        let contract = contract(&format!("grain = 'g'\n{contract_toml}\n"));
        assert_eq!(contract.anonymous, expected, "{contract_toml}");
    };
    check("", false);
    check("anonymous = false\npersonal = ['user']", false);
    check("anonymous = true", true);
    check("anonymous = true\npersonal = []", true);
}

#[test]
fn what_is_wrong_with_one() {
    let check = |toml: &str, expected: &str| {
        let found = parse(toml).expect_err(toml).replace("p/trusted/t.sql:", "");
        assert_eq!(found, expected, "{toml}");
    };
    check(
        "\ngrian = 'g'\n",
        "1:3: the contract lacks `grain`\n\
         hint: `grain` says what one row is, for example \"One row per person.\"\n\
         2:1: unknown key `grian` in the contract\nhint: did you mean `grain`?",
    );
    check(
        "\ngrain = 'g'\nowner = 'me'\n",
        "3:1: unknown key `owner` in the contract\n\
         hint: known keys: `grain`, `subject`, `device`, `personal`, `anonymous`, `duplicates`, `also` and `checks`",
    );
    check(
        "\ngrain = 'g'\nanonymus = true\n",
        "3:1: unknown key `anonymus` in the contract\nhint: did you mean `anonymous`?",
    );
    check(
        "grain = 'g'\nanonymous = 'yes'\ndevice = ['x']",
        "2:13: `anonymous` must be true or false\n\
         3:10: `device` must be the name of a column",
    );
    check(
        "grain = 'g'\npersonal = ['user']\nanonymous = true",
        "2:1: a table marked `anonymous` cannot have personal columns\n\
         hint: remove `anonymous`, or the columns from `personal` and from the SELECT",
    );
    check(
        "grain = '  '",
        "1:11: `grain` must be a sentence: what one row is",
    );
    check(
        "grain = 3",
        "1:11: `grain` must be a sentence: what one row is",
    );
    check("\ngrain = 'g", "2:11: invalid literal string, expected `'`");
    check("\ngrain = 'g'\ngrain = 'h'\n", "3:1: duplicate key");
    check(
        "\ngrain = 'g'\nnot toml\n",
        "3:5: key with no value, expected `=`",
    );
    check(
        "grain = 'g'\nsubject = ['user']\npersonal = 'user'\nduplicates = 'remove'\nalso = ['A b']\nchecks = 1",
        "2:11: `subject` must be the name of a column\n\
         3:12: `personal` must be a list of columns\n\
         4:14: `duplicates` must be \"keep\" or \"drop\"\n\
         5:9: `also` must be a list of table names (lower-case letters, digits and underscores, with a letter first)\n\
         6:10: `checks` must be a table such as `[checks]`",
    );
    let in_checks = |checks: &str, expected: &str| {
        check(&format!("grain = 'g'\n[checks]\n{checks}\n"), expected);
    };
    in_checks(
        "notnull = ['user']",
        "3:1: unknown key `notnull` in [checks]\nhint: did you mean `not_null`?",
    );
    in_checks(
        "not_null = 'user'",
        "3:12: `not_null` must be a list of columns",
    );
    in_checks(
        "not_null = [['user']]",
        "3:13: `not_null` must be a list of columns",
    );
    in_checks(
        "not_null = ['']",
        "3:13: `not_null` must be a list of columns",
    );
    in_checks(
        "unique = [[]]",
        "3:11: `unique` must be a list of columns, or of lists of columns that are unique in combination",
    );
    in_checks(
        "not_null = ['x', 'X']",
        "3:1: two checks are named `not_null(x)`\nhint: rename one of them",
    );
    in_checks(
        "not_null = { column = ['x'], action = 'stop' }",
        "3:1: `not_null` lacks `columns`\nhint: `columns` says which columns it is about\n\
         3:14: unknown key `column` in the check\nhint: did you mean `columns`?\n\
         3:39: `action` must be \"fail\", \"warn\", \"report\" or \"leave_out\"",
    );
    in_checks(
        "accepted = { x = 3 }",
        "3:18: `x` must be a list of values, or `{ min = ..., max = ... }`",
    );
    in_checks(
        "accepted = { x = {} }",
        "3:18: `x` must be a list of values, or `{ min = ..., max = ... }`",
    );
    in_checks(
        "accepted = { x = [] }",
        "3:18: `x` must be a list of strings, of numbers, or of true and false",
    );
    in_checks(
        "accepted = { x = ['a', 1] }",
        "3:18: `x` must be a list of strings, of numbers, or of true and false",
    );
    in_checks(
        "accepted = { x = { min = 'a' } }",
        "3:26: `min` must be a number",
    );
    in_checks(
        "accepted = { x = { min = 2, max = 1 } }",
        "3:18: `x` must be a range with `min` not above `max`",
    );
    in_checks(
        "references = { user = 'l' }",
        "3:23: `user` must be `table.column`, such as \"customer_curated.serialnumber\"",
    );
    in_checks(
        "references = { user = 'a.b.l.user' }",
        "3:23: `user` must be `table.column`, such as \"customer_curated.serialnumber\"",
    );
    in_checks(
        "references = { user = 'm.user' }",
        "3:23: unknown table `m`\nhint: a table is a file of the project, such as `customer_trusted` or `trusted.customer_trusted`, or a system table, such as `system.consent`",
    );
    in_checks(
        "references = { user = 'l.usr' }",
        "3:23: unknown column `usr` in `l`\nhint: did you mean `user`?",
    );
    for (unique, place) in [
        (
            "unique = { columns = ['user'], action = 'leave_out' }",
            "3:41",
        ),
        (
            "unique = ['x', { columns = ['user'], action = 'leave_out' }]",
            "3:47",
        ),
    ] {
        in_checks(
            unique,
            &format!(
                "{place}: `unique` cannot leave rows out\n\
                 hint: no single row is the wrong one; `duplicates = \"drop\"` keeps one of several rows that are equal in every column"
            ),
        );
    }
    in_checks(
        "[[checks.sql]]\nname = 'n'\nviolations = 'select 1'\naction = 'leave_out'",
        "6:10: [[checks.sql]] cannot leave rows out\n\
         hint: its SELECT may return rows of any shape; write a condition on one row in `[[checks.rows]]`",
    );
    in_checks(
        "unique = { columns = ['user'], action = 'remove' }",
        "3:41: `action` must be \"fail\", \"warn\" or \"report\"",
    );
    in_checks(
        "references = { user = { to = 't.user', action = 'leave_out' } }",
        "3:30: `t` reads itself\nhint: a model is built from other tables; read those",
    );
    in_checks(
        "consent_in_force = 'user'",
        "3:20: `consent_in_force` must be a table such as `{ subject = \"user\", at = \"timestamp\" }`, or a list of such tables",
    );
    in_checks(
        "consent_in_force = ['user']",
        "3:21: `consent_in_force` must be a table such as `{ subject = \"user\", at = \"timestamp\" }`, or a list of such tables",
    );
    in_checks(
        "consent_in_force = { at = 'timestamp' }",
        "3:1: `consent_in_force` lacks `subject`\nhint: `subject` says which column holds the person's e-mail",
    );
    in_checks(
        "consent_in_force = { subjet = 'user', at = 3, purpose = 'sale', action = 'skip' }",
        "3:22: unknown key `subjet` in the check\nhint: did you mean `subject`?\n\
         3:44: `at` must be the name of a column\n\
         3:57: `purpose` must be \"research\", \"public\" or \"friends\"\n\
         3:74: `action` must be \"fail\", \"warn\", \"report\" or \"leave_out\"",
    );
    in_checks(
        "consent_in_force = [{ subject = 'user' }, { subject = 'USER' }]",
        "3:1: two checks are named `consent_in_force(user)`\nhint: rename one of them",
    );
    in_checks(
        "owner_match = { device = 'x', at = 'timestamp' }",
        "3:1: `owner_match` lacks `subject`\nhint: `subject` says which column holds the person's e-mail",
    );
    in_checks(
        "owner_match = [{ subject = 'user' }]",
        "3:16: `owner_match` lacks `device`\nhint: `device` says which column holds the device's serial number",
    );
    in_checks(
        "owner_match = { subject = 'user', devise = 'x', purpose = 'research' }",
        "3:35: unknown key `devise` in the check\nhint: did you mean `device`?\n\
         3:49: unknown key `purpose` in the check\nhint: known keys: `subject`, `device`, `at` and `action`",
    );
    in_checks(
        "owners_match = { subject = 'user', device = 'x' }",
        "3:1: unknown key `owners_match` in [checks]\nhint: did you mean `owner_match`?",
    );
    in_checks(
        "rows = 'x > 0'",
        "3:8: `rows` must be tables, each opened by `[[checks.rows]]`",
    );
    in_checks(
        "[[checks.rows]]\nname = ' '\nholds = 3\nhold = 'x > 0'",
        "4:8: `name` must be the name of the check, as text\n\
         5:9: `holds` must be a condition on the columns of a row\n\
         6:1: unknown key `hold` in [[checks.rows]]\nhint: did you mean `holds`?",
    );
    in_checks(
        "[[checks.rows]]\nname = 'n'",
        "3:1: [[checks.rows]] lacks `holds`\nhint: `holds` says what must be true of every row: a condition on its columns",
    );
    let holds = |condition: &str, expected: &str| {
        let toml = format!("[[checks.rows]]\nname = 'n'\nholds = \"\"\"\n{condition}\"\"\"");
        in_checks(&toml, expected);
    };
    holds("x >", "6:4: SQL: expected an expression, found the end");
    holds(
        "x > 0) or (true",
        "6:6: SQL: expected end of the condition, found )",
    );
    holds(
        "x > 0; drop table l",
        "6:6: SQL: expected end of the condition, found ;",
    );
    let elsewhere = "hint: to look at other rows or tables, write a SELECT in `[[checks.sql]]` or use `references`";
    holds(
        "x > 0\n and user in (select user from l)",
        &format!("7:15: a condition on one row cannot contain a SELECT\n{elsewhere}"),
    );
    holds(
        "row_number() over (order by x) = 1",
        &format!("6:1: a condition on one row cannot contain a window\n{elsewhere}"),
    );
    in_checks(
        "sql = 'select 1'",
        "3:7: `sql` must be tables, each opened by `[[checks.sql]]`",
    );
    in_checks(
        "[[checks.sql]]\nname = 'n'",
        "3:1: [[checks.sql]] lacks `violations`\nhint: `violations` says which rows violate the check: a SELECT",
    );
    in_checks(
        "[[checks.sql]]\nviolations = 'select 1'",
        "3:1: [[checks.sql]] lacks `name`\nhint: `name` says how messages name the check",
    );
    in_checks(
        "[[checks.sql]]\nname = 'n'\nviolations = 'delete from t'",
        "5:15: `DELETE` is not a SELECT\nhint: a model is one SELECT, which may begin with WITH; the run writes its rows",
    );
    in_checks(
        "[[checks.sql]]\nname = 'n'\nviolations = '''\nselect 1 from t\nwhere x ==\n'''",
        "7:11: SQL: expected an expression, found the end",
    );
    in_checks(
        "[[checks.sql]]\nname = 'n'\nviolations = '''\nselect *\nfrom tt, m'''",
        "7:6: unknown table `tt`\nhint: did you mean `t`?\n7:10: unknown table `m`\nhint: a table is a file of the project, such as `customer_trusted` or `trusted.customer_trusted`, or a system table, such as `system.consent`",
    );
}
