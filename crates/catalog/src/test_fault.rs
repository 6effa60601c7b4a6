//! What can be wrong with a file of tests, and what to do about it.

use crate::suggest::nearest;

/// The words that statements of a test begin with.
pub(crate) const STATEMENTS: [&str; 6] = ["now", "given", "grant", "withdraw", "run", "expect"];

/// What is wrong with a file of tests. [`TestFault::hint`] says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TestFault {
    /// A file that tests no table of the project.
    #[error("tests of `{stem}`, which is no table of the project")]
    NoTable {
        /// The file's name without `.test.sql`.
        stem: String,
        /// The table that was probably meant.
        near: Option<String>,
    },
    /// A file without a case.
    #[error("no test in this file")]
    NoCase,
    /// A statement before the first title.
    #[error("a statement before the first test")]
    BeforeFirstTitle,
    /// A case that does not say what it shows.
    #[error("a test without a title")]
    NoTitle,
    /// A comment that was probably meant as a title.
    #[error("`-- {word}:` means nothing")]
    NearlyTitle {
        /// As written.
        word: String,
    },
    /// A case without expectations.
    #[error("this test expects nothing")]
    ExpectsNothing,
    /// A statement that runs into the next case or the end of the file.
    #[error("this statement is never ended")]
    NotEnded,
    /// A quote, bracket or dollar quote that is never closed.
    #[error("`{opens}` is never closed")]
    NotClosed {
        /// What opens it.
        opens: String,
    },
    /// A statement of another kind.
    #[error("a test has no statement `{word}`")]
    Statement {
        /// Its first word.
        word: String,
    },
    /// Something else than what may stand at a place.
    #[error("expected {expected}, found {found}")]
    Syntax {
        /// What may stand there.
        expected: &'static str,
        /// What does.
        found: String,
        /// How the whole is written.
        form: &'static str,
    },
    /// Rows given to a table that is built.
    #[error("`{table}` is built by a run: rows are given to landing tables")]
    NotLanding {
        /// The table.
        table: String,
    },
    /// A purpose that nobody can agree to.
    #[error("a purpose of consent is `research`, `public` or `friends`, not `{written}`")]
    Purpose {
        /// As written.
        written: String,
    },
    /// What is no instant.
    #[error("`{written}` is no instant")]
    Instant {
        /// As written.
        written: String,
    },
    /// A column that the ledger does not count.
    #[error("the ledger has no count `{name}`")]
    LedgerCount {
        /// As written.
        name: String,
        /// The count that was probably meant.
        near: Option<String>,
        /// All that there are.
        known: String,
    },
    /// A statement of the case that the engine refuses.
    #[error("{message}")]
    Sql {
        /// In the engine's words.
        message: String,
        /// What to do, where known.
        hint: Option<String>,
    },
}

impl TestFault {
    /// What to do about it, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        let said = match self {
            TestFault::NoTable { near, .. } => match near {
                Some(near) => return Some(format!("did you mean `{near}.test.sql`?")),
                None => "name the file after its table: `customer_trusted.test.sql`",
            },
            TestFault::NoCase => "begin one with `-- test: what it shows`",
            TestFault::BeforeFirstTitle => "open the test with `-- test: what it shows`",
            TestFault::NoTitle => "write what the test shows behind `-- test:`",
            TestFault::NearlyTitle { .. } => "a test begins with `-- test: what it shows`",
            TestFault::ExpectsNothing => {
                "say what must come out: `expect TABLE (columns) values (...);`"
            }
            TestFault::NotEnded => "end it with `;`",
            TestFault::NotClosed { .. } => "close it",
            TestFault::Statement { word } => {
                let near = nearest(word, STATEMENTS.into_iter());
                match near {
                    Some(near) => return Some(format!("did you mean `{near}`?")),
                    None if word.eq_ignore_ascii_case("insert") => {
                        "rows are given by `given TABLE (columns) values (...);`"
                    }
                    None => "there are now, given, grant, withdraw, run and expect",
                }
            }
            TestFault::Syntax { form, .. } => return Some(format!("write {form}")),
            TestFault::NotLanding { .. } => {
                "give the landing rows that it is built from, so that the run that users make is tested"
            }
            TestFault::Purpose { .. } => return None,
            TestFault::Instant { .. } => {
                "write '2026-11-20T10:00:00Z', '2026-11-20', or epoch milliseconds"
            }
            TestFault::LedgerCount { near, known, .. } => {
                return Some(match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {known}"),
                });
            }
            TestFault::Sql { hint, .. } => return hint.clone(),
        };
        Some(said.to_owned())
    }
}
