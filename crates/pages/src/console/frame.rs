//! What all views have around them: title, lake, user, navigation.

use maud::{DOCTYPE, Markup, html};

use crate::control::without_control;

/// Where the stylesheet is served.
pub const STYLE_PATH: &str = "/static/stedi.css";

/// Where the icon is served.
pub const ICON_PATH: &str = "/static/stedi.svg";

/// Where the script of an enhanced page is served.
pub const SCRIPT_PATH: &str = "/static/app.js";

/// Where the stylesheet of what a script adds is served.
pub const SCRIPT_STYLE_PATH: &str = "/static/app.css";

/// The icon: three bars for the three zones.
pub const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\"><rect width=\"16\" height=\"16\" rx=\"3\" fill=\"#0b6e66\"/><path d=\"M3 4h10M3 8h7M3 12h4\" stroke=\"#fff\" stroke-width=\"2\"/></svg>";

/// What a view is shown in.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The title of the view, or of the thing that it shows.
    pub title: &'a str,
    /// Where the lake is.
    pub lake: &'a str,
    /// Who is signed in.
    pub user: Option<&'a str>,
    /// As what: `scientist`, `engineer`, `privacy officer`.
    pub role: Option<&'a str>,
    /// What forms send back, so that no other page can send them.
    pub csrf: &'a str,
    /// The path of the view, without its query.
    pub path: &'a str,
    /// Whether there is a script at [`SCRIPT_PATH`], with a stylesheet at
    /// [`SCRIPT_STYLE_PATH`].
    pub enhanced: bool,
    /// The views that the role may open.
    pub nav: Nav,
    /// The present, epoch milliseconds.
    pub now_ms: i64,
}

/// The views that a role may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Nav {
    /// The first page.
    pub overview: bool,
    /// The graph of tables.
    pub pipeline: bool,
    /// Tables.
    pub tables: bool,
    /// Statements. Without it, figures do not link to the rows behind them.
    pub sql: bool,
    /// Runs.
    pub runs: bool,
    /// Whether runs may be started and cancelled.
    pub operating: bool,
    /// People and consent.
    pub privacy: bool,
    /// Input that could not be read.
    pub quarantine: bool,
    /// Whether one person may be looked up.
    pub person: bool,
}

impl Nav {
    /// All views.
    pub const ALL: Self = Self {
        overview: true,
        pipeline: true,
        tables: true,
        sql: true,
        runs: true,
        operating: true,
        privacy: true,
        quarantine: true,
        person: true,
    };

    /// Path, name, and whether the role may open it.
    fn entries(self) -> [(&'static str, &'static str, bool); 7] {
        [
            ("/", "Overview", self.overview),
            ("/pipeline", "Pipeline", self.pipeline),
            ("/tables", "Tables", self.tables),
            ("/sql", "SQL", self.sql),
            ("/runs", "Runs", self.runs),
            ("/privacy", "Privacy", self.privacy),
            ("/quarantine", "Quarantine", self.quarantine),
        ]
    }
}

/// How soon a page that is not complete yet asks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refresh {
    Never,
    /// After this many seconds, unless a script of the page follows what happens.
    After(u32),
    /// As [`Refresh::After`]; where there is a script, it asks for the page again, and
    /// changes what is not the same any more.
    Live(u32),
}

impl Refresh {
    /// [`Refresh::Live`] while something goes on.
    pub(super) fn while_going(is_going: bool, seconds: u32) -> Self {
        match is_going {
            true => Refresh::Live(seconds),
            false => Refresh::Never,
        }
    }
}

impl Frame<'_> {
    /// The whole document.
    pub(super) fn document(&self, content: &Markup) -> String {
        self.refreshed(Refresh::Never, content)
    }

    /// As [`Frame::document`], of a page that is not complete yet.
    pub(super) fn refreshed(&self, refresh: Refresh, content: &Markup) -> String {
        let live = match refresh {
            Refresh::Live(seconds) => Some(seconds),
            Refresh::Never | Refresh::After(_) => None,
        };
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="referrer" content="same-origin";
                    title { (self.title) " · stedi" }
                    link rel="stylesheet" href=(STYLE_PATH);
                    link rel="icon" type="image/svg+xml" href=(ICON_PATH);
                    @if let Refresh::After(seconds) | Refresh::Live(seconds) = refresh {
                        @match self.enhanced {
                            true => noscript { meta http-equiv="refresh" content=(seconds); },
                            false => { meta http-equiv="refresh" content=(seconds); },
                        }
                    }
                    @if self.enhanced {
                        link rel="stylesheet" href=(SCRIPT_STYLE_PATH);
                        script src=(SCRIPT_PATH) defer {}
                    }
                }
                body data-csrf=[self.enhanced.then_some(self.csrf)] {
                    a class="skip" href="#main" { "Skip to content" }
                    (self.header())
                    main #main tabindex="-1" data-live=[live.filter(|_| self.enhanced)] { (content) }
                    footer class="foot" {
                        p {
                            "Times are UTC. Figures are what runs noted in the lake."
                            @if self.enhanced { " Press " kbd { "?" } " for shortcuts." }
                        }
                    }
                }
            }
        };
        without_control(&page.into_string()).into_owned()
    }

    fn header(&self) -> Markup {
        html! {
            header class="bar" {
                a class="brand" href="/" { "stedi" }
                span class="lake" title=(self.lake) { bdi dir="ltr" { (self.lake) } }
                nav aria-label="Views" { ul {
                    @for (path, name, is_open) in self.nav.entries() { @if is_open {
                        li { a href=(path) aria-current=[self.is_in(path).then_some("page")] { (name) } }
                    } }
                } }
                @if let Some(user) = self.user { form class="who" method="post" action="/sign-out" {
                    (self.csrf_field())
                    span { (user) @if let Some(role) = self.role { span class="faint" { ", " (role) } } }
                    button class="quiet" type="submit" { "Sign out" }
                } }
            }
        }
    }

    /// The field that each form has.
    pub(super) fn csrf_field(&self) -> Markup {
        html! { input type="hidden" name="csrf" value=(self.csrf); }
    }

    fn is_in(&self, path: &str) -> bool {
        // A query and a saved statement are shown by views of their own.
        let is_statement =
            |path: &str| path.starts_with("/queries/") || path.starts_with("/saved/");
        let own = match is_statement(self.path) {
            true => "/sql",
            false => self.path,
        };
        let below = own.strip_prefix(path);
        own == path || path != "/" && below.is_some_and(|rest| rest.starts_with('/'))
    }
}
