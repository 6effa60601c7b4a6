//! Whatever a file holds, reading it ends with a project or with errors.

use catalog::{Project, SourceFile, parse_expectations, parse_external_table};
use proptest::prelude::*;

/// Words and signs that lead deep into the parsers, shuffled.
fn shuffled(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let word = prop_oneof![
        12 => prop::sample::select(words).prop_map(str::to_owned),
        1 => "(?s).{0,3}",
    ];
    prop::collection::vec(word, 0..40).prop_map(|words| words.join(" "))
}

const DDL: &[&str] = &[
    "create external table",
    "if not exists",
    "t",
    "`d`.`t`",
    "(",
    ")",
    "a int",
    "b string",
    ",",
    "struct<a:int>",
    "decimal(3,1)",
    "<",
    ">",
    "comment 'c'",
    "comment",
    "partitioned by (a int)",
    "row format serde",
    "'org.openx.data.jsonserde.JsonSerDe'",
    "row format delimited",
    "with serdeproperties",
    "stored as",
    "inputformat",
    "outputformat",
    "textfile",
    "location",
    "'s3://b/x'",
    "'..'",
    "tblproperties",
    "=",
    "'stedi.personal'='a'",
    "'",
    "\"",
    "`",
    "\\",
    "/*",
    "*/",
    "--",
    "\n",
    ";",
    "é",
];

const MODEL: &[&str] = &[
    "/*",
    "*/",
    "grain = 'g'\n",
    "also = ['x']\n",
    "[checks]\n",
    "not_null =",
    "['a', ['b']]\n",
    "{",
    "}",
    "unique =",
    "[[checks.sql]]\n",
    "name = 'n'\n",
    "violations = '''select 1 from t'''\n",
    "'''",
    "\"\"\"",
    "references = { a = 'l.a' }\n",
    "accepted = { a = { min = 1 } }\n",
    "select",
    "a",
    "*",
    "user",
    "timestamp",
    "from",
    "l",
    "t",
    "with x as (",
    ")",
    "recursive",
    "where",
    "union",
    "join",
    "on",
    "version as of 3",
    ";",
    "--",
    "\n",
    "'",
    "`",
    "é",
    ",",
    "l.a",
    "system.x",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn table_definitions(text in prop_oneof![shuffled(DDL), "(?s).{0,80}"]) {
        let statement = format!("create external table {text}");
        for text in [&text, &statement] {
            if let Err(errors) = parse_external_table("f.sql", text, 7) {
                prop_assert!(errors.iter().count() > 0);
                for error in &errors {
                    prop_assert!(error.line >= 7 && error.column.is_some_and(|c| c > 0));
                }
                let _ = errors.to_string();
            }
        }
    }

    #[test]
    fn models(text in prop_oneof![shuffled(MODEL), "(?s).{0,80}"]) {
        let landing = "create external table l (a int) stored as jsonfile location 'l'";
        let with_contract = format!("/*grain='g'*/ {text}");
        for text in [text, with_contract] {
            let lines = text.split('\n').count();
            let files = [("p/landing/l.sql", landing.to_owned()), ("p/trusted/t.sql", text)];
            let files = files.map(|(path, text)| SourceFile { path: path.into(), text });
            if let Err(errors) = Project::parse(files.into()) {
                for error in &errors {
                    prop_assert!((error.line as usize) <= lines, "{error}");
                }
                let _ = errors.to_string();
            }
        }
    }

    #[test]
    fn expectations(text in "(?s)(\\[rows\\]|[a-c] = |[0-9]{1,25}|-|\n|.){0,12}") {
        if let Err(errors) = parse_expectations("f.toml", &text) {
            let _ = errors.to_string();
        }
    }
}
