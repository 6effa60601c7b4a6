//! What the views of statements share: what was asked before, what is saved.

use pages::console::{PastQuery, QueryState, SavedAs, SavedQuery, SqlError, SqlPage};

use super::queries::{HttpQuery, State as Progress};
use super::saved_api;
use super::shown::PageOf;
use crate::fault::Fault;

/// Statements that the history lists.
const HISTORY: usize = 50;

/// The page with an empty editor: what was saved, and what was asked before.
pub(super) async fn sql_page(page: &PageOf) -> SqlPage {
    let history = page.app.queries.of(&page.asker.principal);
    let history = history.iter().take(HISTORY).map(|query| past(query));
    let (saved, saved_error) = list(page).await;
    SqlPage {
        history: history.collect(),
        saved,
        saved_error,
        ..SqlPage::default()
    }
}

fn past(query: &HttpQuery) -> PastQuery {
    let (state, ms) = query.state();
    PastQuery {
        id: query.id.clone(),
        statement: query.statement.clone(),
        state: shown(&state),
        rows: state.rows(),
        ms,
        at: query.at_ms,
    }
}

pub(super) fn shown(state: &Progress) -> QueryState {
    match state {
        Progress::Waiting => QueryState::Waiting,
        Progress::Running { .. } => QueryState::Running,
        Progress::Done { .. } => QueryState::Done,
        Progress::Failed(_) => QueryState::Failed,
        Progress::Cancelled => QueryState::Cancelled,
    }
}

/// What is saved, or why it cannot be told.
async fn list(page: &PageOf) -> (Vec<SavedQuery>, Option<SqlError>) {
    match saved_api::list_of(&page.app, &page.asker).await {
        Ok(all) => {
            let all = all.into_iter().map(|one| SavedQuery {
                id: one.id,
                name: one.name,
                statement: one.sql,
                at: one.saved_at.timestamp_millis(),
            });
            (all.collect(), None)
        }
        Err(fault) => (Vec::new(), Some(error_of(fault))),
    }
}

/// What the form saves its statement as, if the one of `id` was opened before.
pub(super) async fn saved_as(page: &PageOf, id: Option<&str>) -> SavedAs {
    let Some(id) = id else {
        return SavedAs::default();
    };
    // One that was deleted meanwhile is saved anew.
    match saved_api::find(&page.app, &page.asker, id).await {
        Ok(saved) => SavedAs {
            id: Some(saved.id),
            name: saved.name,
        },
        Err(_) => SavedAs::default(),
    }
}

/// A fault as the page shows it beside a statement.
pub(super) fn error_of(fault: Fault) -> SqlError {
    SqlError {
        message: fault.message,
        hint: fault.hint,
        line: fault.place.map(|(line, _)| line),
        column: fault.place.map(|(_, column)| column),
    }
}
