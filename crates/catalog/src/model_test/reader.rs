//! Parses a `*.test.sql` file: each comment `-- test: TITLE` begins a test case, and the
//! statements after it are its steps. The engine runs the cases. `docs/testing-models.md`
//! describes the format.

use super::case::{
    Expectation, GivenRows, ModelTests, RowsOf, RowsSql, RunEnding, StepKind, TestCase, TestStep,
};
use super::words::Words;
use crate::contract::PURPOSES;
use crate::errors::{Error, ErrorKind, Errors};
use crate::names::{TableName, Zone};
use crate::project::{Project, Table};
use crate::project_files::{SourceFile, TEST_SUFFIX};
use crate::statements::{comment_end, line_end, quote_end};
use crate::suggest::nearest;
use crate::test_fault::{STATEMENTS, TestFault};
use crate::text::Spot;

const GIVEN: &str = "`given TABLE (column, ...) values (...), ...;`, `given TABLE as select ...;`, \
                     `given TABLE json $$ ... $$;` or `given model ZONE.NAME as ...;`";
const EXPECT: &str = "`expect TABLE (column, ...) values (...), ...;`, `expect TABLE as select ...;`, \
                      `expect TABLE empty;` or `expect (select ...) ...;`";
const LEDGER: &str = "`expect ledger TABLE rows_in = 3, no_consent = 1, rows_out = 2;`";
const OUTCOME: &str = "`expect refused by 'CHECK' of TABLE;`, or `failed`, or `warned`; \
                       `, 2 rows` behind it counts";
const CONSENT: &str =
    "`grant research to 'ada@example.com' at '2023-01-01';` or `withdraw research from ...;`";

impl ModelTests {
    /// Whether a path in the project is that of a test file.
    pub fn is_file(path: &str) -> bool {
        path.ends_with(TEST_SUFFIX)
    }

    /// Reads the tests in `file`, whose tables must be in `project`.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn parse(project: &Project, file: &SourceFile) -> Result<ModelTests, Errors> {
        let table = table_of(project, file)?;
        let mut reader = Reader {
            project,
            file,
            cases: Vec::new(),
            errors: Vec::new(),
        };
        reader.read();
        let Reader { cases, errors, .. } = reader;
        let tests = ModelTests {
            file: file.path.clone(),
            table,
            cases,
        };
        Errors::unless_empty(tests, errors)
    }
}

/// The table under test: named by the file's name, in the zone that its folder names.
fn table_of(project: &Project, file: &SourceFile) -> Result<TableName, Errors> {
    let mut parts = file.path.rsplit(['/', '\\']);
    let stem = parts.next().unwrap_or_default();
    let stem = stem.strip_suffix(TEST_SUFFIX).unwrap_or(stem);
    let zone = parts.next().and_then(Zone::named);
    let table = project
        .find(stem)
        .filter(|table| table.name() == stem && zone.is_none_or(|zone| zone == table.zone()));
    table.map(|table| table.name().clone()).ok_or_else(|| {
        let near = nearest(stem, project.names()).map(str::to_owned);
        let stem = stem.to_owned();
        let kind = ErrorKind::Test(TestFault::NoTable { stem, near });
        Error::whole(&file.path, kind).into()
    })
}

struct Reader<'a> {
    project: &'a Project,
    file: &'a SourceFile,
    cases: Vec<TestCase>,
    errors: Vec<Error>,
}

impl Reader<'_> {
    fn read(&mut self) {
        let text = self.file.text.as_str();
        let mut at = 0;
        while let Some(start) = self.titles_until_statement(at) {
            let (end, is_ended) = match statement_end(text, start) {
                Ok(end) => end,
                Err(fault) => {
                    self.report(start, fault);
                    break;
                }
            };
            if !is_ended {
                self.report(start, TestFault::NotEnded);
            } else if self.cases.is_empty() {
                self.report(start, TestFault::BeforeFirstTitle);
                // Every further statement would give the same error.
                break;
            } else {
                self.add_statement(start, end);
            }
            at = end + usize::from(is_ended);
        }
        self.close_case();
        if self.cases.is_empty() && self.errors.is_empty() {
            self.report(0, TestFault::NoCase);
        }
    }

    /// Reads the comments from `at` up to the next statement, and returns that statement's
    /// offset; `None` at the end of the file.
    fn titles_until_statement(&mut self, mut at: usize) -> Option<usize> {
        let text = self.file.text.as_str();
        loop {
            let rest = &text[at..];
            let blank = |c: char| c.is_whitespace() || c == '\u{feff}' || c == ';';
            at += rest.len() - rest.trim_start_matches(blank).len();
            if text[at..].starts_with("--") {
                let end = line_end(text, at);
                self.take_comment(at, &text[at + 2..end]);
                at = end;
            } else if text[at..].starts_with("/*") {
                at = comment_end(text, at).unwrap_or(text.len());
            } else {
                return (at < text.len()).then_some(at);
            }
        }
    }

    /// Reads a comment between statements: a title, or a remark for human readers.
    fn take_comment(&mut self, at: usize, comment: &str) {
        let Some((word, title)) = comment.split_once(':') else {
            return;
        };
        let word = word.trim();
        if word == "test" {
            self.close_case();
            if title.trim().is_empty() {
                self.report(at, TestFault::NoTitle);
            }
            self.cases.push(TestCase {
                title: title.trim().to_owned(),
                line: self.spot(at).line,
                steps: Vec::new(),
            });
        } else if !word.contains(char::is_whitespace)
            && (word.eq_ignore_ascii_case("test") || nearest(word, ["test"].into_iter()).is_some())
        {
            let word = word.to_owned();
            self.report(at, TestFault::NearlyTitle { word });
        }
    }

    /// Ends the last case. Reports it if it has no `expect`.
    fn close_case(&mut self) {
        let Some(case) = self.cases.last() else {
            return;
        };
        let line = case.line;
        let expects = |step: &TestStep| matches!(step.kind, StepKind::Expect(_));
        let is_broken = self.errors.iter().any(|error| error.line >= line);
        if !case.steps.iter().any(expects) && !is_broken {
            let kind = ErrorKind::Test(TestFault::ExpectsNothing);
            let spot = Spot { line, column: 1 };
            self.errors.push(Error::at(&self.file.path, spot, kind));
        }
    }

    fn add_statement(&mut self, start: usize, end: usize) {
        let statement = &self.file.text[..end];
        let mut words = Words::new(statement, start);
        match self.statement(&mut words) {
            Ok(kind) => {
                let line = self.spot(start).line;
                if let Some(case) = self.cases.last_mut() {
                    case.steps.push(TestStep { line, kind });
                }
            }
            Err(kind) => {
                let spot = self.spot(words.offset());
                self.errors.push(Error::at(&self.file.path, spot, kind));
            }
        }
    }

    fn statement(&self, words: &mut Words<'_>) -> Result<StepKind, ErrorKind> {
        let first = words.peek().to_lowercase();
        let known = STATEMENTS.into_iter().find(|word| *word == first);
        let Some(known) = known else {
            let word = match first.is_empty() {
                true => words.rest().chars().take(1).collect(),
                false => first,
            };
            return Err(TestFault::Statement { word }.into());
        };
        words.take(known);
        let kind = match known {
            "now" => {
                words.written_as("`now '2023-01-01T10:00:00Z';`");
                StepKind::Now(words.instant()?)
            }
            "given" => self.given(words)?,
            "grant" => self.consent(words, true)?,
            "withdraw" => self.consent(words, false)?,
            "run" => {
                words.written_as("`run;` or `run full;`");
                let full = words.take("full");
                StepKind::Run { full }
            }
            _ => StepKind::Expect(self.expectation(words)?),
        };
        words.end()?;
        Ok(kind)
    }

    fn given(&self, words: &mut Words<'_>) -> Result<StepKind, ErrorKind> {
        words.written_as(GIVEN);
        if words.take("model") {
            let path = words.path("a model as ZONE.NAME")?;
            let named = path.split_once('.').and_then(|(zone, name)| {
                let zone = Zone::named(zone).filter(|zone| *zone != Zone::Landing)?;
                Some((zone, name.parse::<TableName>().ok()?))
            });
            let Some((zone, table)) = named else {
                return Err(words
                    .fault("a model as trusted.NAME or curated.NAME before it")
                    .into());
            };
            let start = words.offset();
            let text = words.rest_behind("as", "`as`")?;
            // Padded with newlines, so that errors in the model have line numbers of this file.
            let lines = self.spot(start).line.saturating_sub(1);
            let text = format!("{}{text}", "\n".repeat(lines as usize));
            return Ok(StepKind::GivenModel { zone, table, text });
        }
        let before = words.clone();
        let written = words.path("a landing table")?;
        let table = match self.find(&written)? {
            Table::Landing(table) => table,
            Table::Model(model) => {
                *words = before;
                let table = model.name.to_string();
                return Err(TestFault::NotLanding { table }.into());
            }
        };
        let name = table.name.clone();
        if words.take("json") {
            let text = words.in_dollars()?.to_owned();
            let rows = GivenRows::Json(text);
            return Ok(StepKind::Given { table: name, rows });
        }
        let before = words.clone();
        let rows = self.rows(words)?;
        for column in &rows.columns {
            if table.column(column).is_none() {
                *words = before;
                let columns = table.columns.iter().map(|column| column.name.as_str());
                return Err(ErrorKind::UnknownColumn {
                    name: column.clone(),
                    within: format!("`{name}`"),
                    near: nearest(column, columns).map(str::to_owned),
                });
            }
        }
        let rows = GivenRows::Sql(rows);
        Ok(StepKind::Given { table: name, rows })
    }

    /// `(columns) values ...`, `(columns) as select ...` or `as select ...`.
    fn rows(&self, words: &mut Words<'_>) -> Result<RowsSql, TestFault> {
        let expected = "`(` and columns, or `as` and a SELECT";
        let columns = match words.peek() {
            "" => words.names(expected)?,
            _ => Vec::new(),
        };
        match words.take("as") {
            true if ["select", "with"]
                .iter()
                .any(|first| words.peek().eq_ignore_ascii_case(first)) => {}
            true if columns.is_empty() => return Err(words.fault("a SELECT")),
            true => {}
            false if columns.is_empty() => return Err(words.fault(expected)),
            false if words.peek().eq_ignore_ascii_case("values") => {}
            false => return Err(words.fault("`values` or `as select`")),
        }
        let line = self.spot(words.offset()).line;
        let sql = words.rest().to_owned();
        Ok(RowsSql { columns, sql, line })
    }

    fn consent(&self, words: &mut Words<'_>, is_grant: bool) -> Result<StepKind, ErrorKind> {
        words.written_as(CONSENT);
        let before = words.clone();
        let purpose = words.name("a purpose")?;
        if !PURPOSES.contains(&purpose.as_str()) {
            *words = before;
            return Err(TestFault::Purpose { written: purpose }.into());
        }
        match is_grant {
            true => words.word("to", "`to` and an address")?,
            false => words.word("from", "`from` and an address")?,
        }
        let email = words.text("an address in quotes")?;
        let at = match words.take("at") {
            true => Some(words.instant()?),
            false => None,
        };
        Ok(StepKind::Consent {
            is_grant,
            purpose,
            email,
            at,
        })
    }

    fn expectation(&self, words: &mut Words<'_>) -> Result<Expectation, ErrorKind> {
        for ending in [RunEnding::Refused, RunEnding::Failed, RunEnding::Warned] {
            if words.take(ending.as_str()) {
                return self.outcome(words, ending);
            }
        }
        if words.take("ledger") {
            return self.ledger(words);
        }
        words.written_as(EXPECT);
        let of = match words.peek() {
            "" => {
                let line = self.spot(words.offset()).line;
                if !words.clone().take_sign('(') {
                    return Err(words.fault("a table, or a SELECT in brackets").into());
                }
                RowsOf::Query(RowsSql {
                    columns: Vec::new(),
                    sql: words.in_brackets()?.to_owned(),
                    line,
                })
            }
            _ => {
                let written = words.path("a table")?;
                if !written.starts_with("system.") && !self.is_given(&written) {
                    self.find(&written)?;
                }
                RowsOf::Table(written)
            }
        };
        let in_order = words.take("in");
        if in_order {
            words.word("order", "`in order`")?;
        }
        let rows = match words.take("empty") {
            true => None,
            false => Some(self.rows(words)?),
        };
        Ok(Expectation::Rows { of, rows, in_order })
    }

    fn ledger(&self, words: &mut Words<'_>) -> Result<Expectation, ErrorKind> {
        words.written_as(LEDGER);
        let table = self.table(words)?;
        let mut counts = Vec::new();
        loop {
            let name = words.name("a count of the ledger")?;
            words.sign('=', "`=`")?;
            counts.push((name, words.number("a number")?));
            if !words.take_sign(',') {
                break;
            }
        }
        Ok(Expectation::Ledger { table, counts })
    }

    fn outcome(&self, words: &mut Words<'_>, ending: RunEnding) -> Result<Expectation, ErrorKind> {
        words.written_as(OUTCOME);
        let check = match words.take("by") {
            true => Some(words.text("a check's name in quotes")?),
            false => None,
        };
        let table = match words.take("of") {
            true => Some(self.table(words)?),
            false => None,
        };
        let rows = match words.take_sign(',') {
            true => {
                let rows = words.number("a number of rows")?;
                if !words.take("rows") {
                    words.word("row", "`rows`")?;
                }
                Some(rows)
            }
            false => None,
        };
        Ok(Expectation::Outcome {
            ending,
            check,
            table,
            rows,
        })
    }

    /// A table of the project, or a model that the case gives.
    fn table(&self, words: &mut Words<'_>) -> Result<TableName, ErrorKind> {
        let before = words.clone();
        let written = words.path("a table")?;
        if self.is_given(&written) {
            let bare = written.rsplit('.').next().unwrap_or_default();
            if let Ok(name) = bare.parse() {
                return Ok(name);
            }
        }
        match self.find(&written) {
            Ok(table) => Ok(table.name().clone()),
            Err(kind) => {
                *words = before;
                Err(kind)
            }
        }
    }

    /// Whether the case gives a model of that name.
    fn is_given(&self, written: &str) -> bool {
        let bare = written.rsplit('.').next().unwrap_or_default();
        let steps = self.cases.last().into_iter().flat_map(|case| &case.steps);
        let mut given = steps.filter_map(|step| match &step.kind {
            StepKind::GivenModel { table, .. } => Some(table),
            _ => None,
        });
        given.any(|table| table == bare)
    }

    fn find(&self, written: &str) -> Result<Table<'_>, ErrorKind> {
        self.project.find(written).ok_or_else(|| {
            let bare = written.rsplit('.').next().unwrap_or_default();
            ErrorKind::UnknownTable {
                name: written.to_owned(),
                near: nearest(bare, self.project.names()).map(str::to_owned),
            }
        })
    }

    fn spot(&self, offset: usize) -> Spot {
        Spot::START.after(&self.file.text, offset)
    }

    fn report(&mut self, offset: usize, fault: TestFault) {
        let spot = self.spot(offset);
        let error = Error::at(&self.file.path, spot, ErrorKind::Test(fault));
        self.errors.push(error);
    }
}

/// The offset of the `;` that ends the statement beginning at `start`, or of what
/// comes instead of it: the next title or the end of the file, with `false`.
///
/// # Errors
/// [`TestFault::NotClosed`].
fn statement_end(text: &str, start: usize) -> Result<(usize, bool), TestFault> {
    let bytes = text.as_bytes();
    let not_closed = |opens: &str| {
        let opens = opens.to_owned();
        TestFault::NotClosed { opens }
    };
    let mut at = start;
    while at < bytes.len() {
        at = match bytes[at] {
            b';' => return Ok((at, true)),
            quote @ (b'\'' | b'"' | b'`') => quote_end(text, at, false)
                .ok_or_else(|| not_closed(char::from(quote).encode_utf8(&mut [0; 4])))?,
            b'$' if text[at..].starts_with("$$") => {
                let end = text[at + 2..].find("$$");
                at + 4 + end.ok_or_else(|| not_closed("$$"))?
            }
            b'-' if text[at..].starts_with("--") => {
                let end = line_end(text, at);
                if text[at + 2..end].trim_start().starts_with("test:") {
                    return Ok((at, false));
                }
                end
            }
            b'/' if text[at..].starts_with("/*") => {
                comment_end(text, at).ok_or_else(|| not_closed("/*"))?
            }
            _ => at + 1,
        };
    }
    Ok((text.len(), false))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn project() -> Project {
        let table = "create external table t (a string, b bigint) location 's3://x/t' \
                     tblproperties ('classification' = 'json')";
        let model = "/*\ngrain = \"One.\"\n*/\nselect a from t";
        let file = |path: &str, text: &str| SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let files = vec![file("landing/t.sql", table), file("trusted/m.sql", model)];
        Project::parse(files).unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn parse(text: &str) -> Result<ModelTests, Errors> {
        let file = SourceFile {
            path: "p/trusted/m.test.sql".to_owned(),
            text: text.to_owned(),
        };
        ModelTests::parse(&project(), &file)
    }

    #[test]
    fn statements_and_the_lines_on_which_they_begin() {
        let text = "-- words for readers: here\n\
                    -- test: one\n\
                    now 5; -- and\n\
                    given t (A, \"b\") values ('x;y', 1), -- ; no end\n\
                    \t(';', 2);\n\
                    /* ; */ given t json $$\n\
                    {\"a\": \";'\"}\n\
                    $$;\n\
                    expect (select ')' as a -- )\n\
                    from m) in order (a)\n\
                    values ('x');\n\
                    -- test: two\n\
                    expect refused by 'it''s' of m, 2 rows;\n";
        let tests = parse(text).unwrap_or_else(|errors| panic!("{errors}"));
        let titles: Vec<_> = tests
            .cases
            .iter()
            .map(|c| (c.title.as_str(), c.line))
            .collect();
        assert_eq!(titles, [("one", 2), ("two", 12)]);
        let lines: Vec<_> = tests.cases[0].steps.iter().map(|step| step.line).collect();
        assert_eq!(lines, [3, 4, 6, 9]);
        let StepKind::Given {
            rows: GivenRows::Sql(rows),
            ..
        } = &tests.cases[0].steps[1].kind
        else {
            panic!("rows as SQL");
        };
        assert_eq!(
            (rows.columns.as_slice(), rows.line),
            (["a".to_owned(), "b".to_owned()].as_slice(), 4)
        );
        assert_eq!(
            tests.cases[0].steps[2].kind,
            StepKind::Given {
                table: "t".parse().unwrap(),
                rows: GivenRows::Json("{\"a\": \";'\"}\n".to_owned()),
            }
        );
        assert_eq!(
            tests.cases[1].steps[0].kind,
            StepKind::Expect(Expectation::Outcome {
                ending: RunEnding::Refused,
                check: Some("it's".to_owned()),
                table: Some("m".parse().unwrap()),
                rows: Some(2),
            })
        );
    }

    proptest! {
        #[test]
        fn any_text_parses_or_gives_errors(
            words in prop::collection::vec(
                prop::sample::select(vec![
                    "-- test: é\n", "-- tst: x\n", "now", "given", "model", "trusted.n", "t", "m",
                    "json", "$$", "expect", "ledger", "refused", "by", "of", "in", "order", "empty",
                    "values", "as", "select", "(", ")", "'", "\"", "`", "a", "=", ",", "1", "-", "--",
                    "/*", "*/", ";", "\n", "é", "grant", "research", "to", "run", "full", "'x'", ".",
                ]),
                0..40,
            )
        ) {
            let text = words.join(" ");
            if let Err(errors) = parse(&text) {
                for error in errors {
                    prop_assert!(error.line as usize <= text.lines().count() + 1);
                }
            }
        }
    }
}
