//! Faults as answers: JSON for the API, a page for browsers.

use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use pages::console::{Failure, Frame, Nav, failure, percent};

use crate::fault::{Fault, Kind};

/// The paths below which answers are for programs.
pub(super) const API: &str = "/api/";

/// A fault that ends a request.
#[derive(Debug)]
pub(super) struct Refused {
    fault: Fault,
    /// The path of a page, where one was asked for.
    page: Option<String>,
    /// The status code, where it is not that of the fault's kind.
    status: Option<StatusCode>,
}

impl Refused {
    /// A fault of a request to `uri`.
    pub(super) fn at(fault: Fault, uri: &Uri) -> Self {
        let is_page = !uri.path().starts_with(API);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Self {
            fault,
            page: is_page.then(|| path.to_owned()),
            status: None,
        }
    }
}

impl Refused {
    /// A fault of a page's form.
    pub(super) fn of_page(fault: Fault) -> Self {
        Self {
            page: Some("/".to_owned()),
            ..fault.into()
        }
    }

    /// A fault of something that is there, but not in a state for what was asked.
    pub(super) fn conflict(fault: Fault) -> Self {
        Self {
            status: Some(StatusCode::CONFLICT),
            ..fault.into()
        }
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            page: None,
            status: None,
        }
    }
}

/// The status code of a kind of fault.
pub(super) fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Wrong | Kind::Limit => StatusCode::BAD_REQUEST,
        Kind::Missing => StatusCode::NOT_FOUND,
        Kind::SignIn => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::Busy => StatusCode::TOO_MANY_REQUESTS,
        Kind::Cancelled => StatusCode::CONFLICT,
        Kind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = self.status.unwrap_or_else(|| status(self.fault.kind));
        match self.page {
            None => (status, axum::Json(self.fault)).into_response(),
            Some(path) if self.fault.kind == Kind::SignIn => {
                Redirect::to(&format!("/sign-in?next={}", percent(&path))).into_response()
            }
            Some(path) => failure_page(&self.fault, &path),
        }
    }
}

/// The page of a fault.
fn failure_page(fault: &Fault, path: &str) -> Response {
    let status = status(fault.kind);
    let frame = Frame {
        title: status.canonical_reason().unwrap_or("Error"),
        lake: "",
        user: None,
        role: None,
        csrf: "",
        path,
        enhanced: false,
        nav: Nav::default(),
        now_ms: 0,
    };
    let page = failure(
        &frame,
        &Failure {
            status: status.as_u16(),
            what: &fault.message,
            hint: fault.hint.as_deref(),
        },
    );
    (status, [(header::CACHE_CONTROL, "no-store")], Html(page)).into_response()
}
