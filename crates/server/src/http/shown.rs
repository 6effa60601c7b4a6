//! Views as answers.

use axum::http::Uri;
use axum::response::{Html, IntoResponse, Response};
use pages::console::Frame;

use super::answer::Refused;
use super::app::App;
use super::asker::Asker;
use super::enhancement;
use crate::fault::Fault;
use crate::principal::Role;

/// What a handler of a page gives.
pub(super) type Answer = Result<Response, Refused>;

/// A page of this asker, at a path.
pub(super) struct PageOf<'a> {
    pub(super) app: &'a App,
    pub(super) asker: &'a Asker,
    pub(super) uri: &'a Uri,
}

impl PageOf<'_> {
    /// Shows `view` with a title.
    pub(super) fn show(&self, title: &str, view: impl FnOnce(&Frame<'_>) -> String) -> Response {
        let lake = self.app.desk.setup().lake.to_string();
        let signed_in = (!self.asker.is_local).then_some(&self.asker.principal);
        let frame = Frame {
            title,
            lake: &lake,
            user: signed_in.map(|principal| principal.name.as_ref()),
            role: signed_in.map(|principal| role_name(principal.role)),
            csrf: &self.asker.csrf,
            path: self.uri.path(),
            enhanced: enhancement::IS_BUILT,
            nav: self.asker.nav(),
            now_ms: chrono::Utc::now().timestamp_millis(),
        };
        Html(view(&frame)).into_response()
    }

    /// A fault of this page.
    pub(super) fn refused(&self, fault: impl Into<Fault>) -> Refused {
        Refused::at(fault.into(), self.uri)
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Scientist => "scientist",
        Role::Engineer => "engineer",
        Role::PrivacyOfficer => "privacy officer",
    }
}
