//! The key of pseudonyms: which statements need it, and loading it for a session.
//!
//! The key is loaded while a statement that calls `pseudonym(...)` is planned. So
//! statements without the call need no key, and a missing key is reported before a
//! row is read.

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use catalog::Project;
use datafusion::sql::parser::Statement;
use privacy::PseudonymKey;
use sqlparser::ast::{Expr, ObjectNamePart, Visit, Visitor};

use crate::error::{Error, KeyFault};
use crate::functions;
use crate::sql::parse::parse;

/// Where the key of pseudonyms comes from. The binary implements it with files and
/// environment variables.
#[async_trait]
pub trait KeySource: std::fmt::Debug + Send + Sync {
    /// Returns the key. A source for runs creates one where there is none yet.
    ///
    /// # Errors
    /// [`Error::NoKey`] where there is none, [`Error::KeyRefused`] where it cannot
    /// be used. The message contains nothing of a key.
    async fn key(&self) -> Result<Arc<PseudonymKey>, Error>;
}

/// A random key for statements that are planned and never run. Their types do not
/// depend on the key, and the real key is asked for only once everything else is
/// known to be right.
#[derive(Debug)]
pub struct StandIn;

#[async_trait]
impl KeySource for StandIn {
    async fn key(&self) -> Result<Arc<PseudonymKey>, Error> {
        PseudonymKey::generate()
            .map(Arc::new)
            .map_err(|error| Error::NoKey(KeyFault::NoRandomness(error.to_string())))
    }
}

/// The key of one session, loaded once.
#[derive(Debug, Clone)]
pub struct SessionKey {
    source: Option<Arc<dyn KeySource>>,
    key: Arc<OnceLock<Arc<PseudonymKey>>>,
}

impl SessionKey {
    /// A key to load from `source` when a statement first needs it.
    pub fn of(source: Option<Arc<dyn KeySource>>) -> Self {
        Self {
            source,
            key: Arc::default(),
        }
    }

    /// The cell from which the function `pseudonym` reads the key.
    pub fn cell(&self) -> &Arc<OnceLock<Arc<PseudonymKey>>> {
        &self.key
    }

    /// Loads the key if `statement` needs it.
    pub async fn provide_for(&self, statement: &Statement) -> Result<(), Error> {
        if !mentions(statement) || self.key.get().is_some() {
            return Ok(());
        }
        let source = self.source.as_ref();
        let source = source.ok_or(Error::NoKey(KeyFault::NoSource))?;
        // Losing a race is fine: both statements asked the same source.
        let _ = self.key.set(source.key().await?);
        Ok(())
    }
}

/// Models of `project` whose SELECT calls `pseudonym`, in build order: the tables
/// that a new key changes.
pub fn tables_with_pseudonyms(project: &Project) -> Vec<String> {
    let models = project.models().iter();
    models
        .filter(|model| parse(&model.sql).is_ok_and(|statement| mentions(&statement)))
        .map(|model| model.name.to_string())
        .collect()
}

fn mentions(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => statement.visit(&mut Mention).is_break(),
        Statement::Explain(explain) => mentions(&explain.statement),
        _ => false,
    }
}

/// Stops at the first call of `pseudonym`.
struct Mention;

impl Visitor for Mention {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expression
            && let Some(ObjectNamePart::Identifier(name)) = function.name.0.last()
            && name.value.eq_ignore_ascii_case(functions::PSEUDONYM)
        {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_make_pseudonyms() {
        for (sql, expected) in [
            ("select pseudonym(subject(email)) from t", true),
            ("select 1 where x in (select PSEUDONYM(a) from t)", true),
            (
                "with p as (select \"pseudonym\"(a) as a from t) select a from p",
                true,
            ),
            ("select count(*) from t group by pseudonym(a)", true),
            ("select a from t order by upper(pseudonym(a))", true),
            ("explain select pseudonym(a) from t", true),
            ("select a from t join u on pseudonym(t.a) = u.a", true),
            ("select pseudonym from t", false),
            ("select 'pseudonym(a)' as pseudonym -- pseudonym(a)", false),
        ] {
            let statement = parse(sql).unwrap();
            assert_eq!(mentions(&statement), expected, "{sql}");
        }
    }
}
