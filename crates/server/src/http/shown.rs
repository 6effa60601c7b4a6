//! Views as answers.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Response};
use pages::console::{Frame, Nav};

use super::answer::Refused;
use super::app::App;
use super::asker::Asker;
use super::enhancement;
use crate::fault::Fault;
use crate::principal::Role;

/// What a handler of a page gives.
pub(super) type Answer = Result<Response, Refused>;

/// A page that somebody asks for.
pub(super) struct PageOf {
    pub(super) app: Arc<App>,
    pub(super) asker: Asker,
    uri: Uri,
}

impl FromRequestParts<Arc<App>> for PageOf {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refused> {
        Ok(Self {
            asker: Asker::from_request_parts(parts, app).await?,
            app: Arc::clone(app),
            uri: parts.uri.clone(),
        })
    }
}

impl PageOf {
    /// Shows `view` with a title.
    pub(super) fn show(&self, title: &str, view: impl FnOnce(&Frame<'_>) -> String) -> Response {
        let lake = self.app.desk.setup().lake.to_string();
        let who = &self.asker.principal;
        let nav = self.asker.nav();
        let signed_in = (!who.is_everybody()).then_some(who);
        let frame = Frame {
            title,
            lake: &lake,
            user: signed_in.map(|principal| principal.name.as_ref()),
            role: signed_in.map(|principal| role_name(principal.role)),
            csrf: &self.asker.csrf,
            path: self.uri.path(),
            enhanced: enhancement::IS_BUILT,
            nav: Nav {
                operating: nav.operating && self.app.operator.is_some(),
                ..nav
            },
            now_ms: chrono::Utc::now().timestamp_millis(),
        };
        Html(view(&frame)).into_response()
    }

    /// What the page needs; a fault becomes an answer of this page.
    pub(super) fn need<T>(&self, needed: Result<T, impl Into<Fault>>) -> Result<T, Refused> {
        needed.map_err(|fault| Refused::at(fault.into(), &self.uri))
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Scientist => "scientist",
        Role::Engineer => "engineer",
        Role::PrivacyOfficer => "privacy officer",
    }
}
