//! Sign-in.

use maud::html;

use super::frame::Frame;

/// The form of sign-in.
#[derive(Debug, Clone, Copy, Default)]
pub struct SignIn<'a> {
    /// The name that was given before.
    pub name: &'a str,
    /// The path to go to afterwards.
    pub next: &'a str,
    /// Why it was refused.
    pub error: Option<&'a str>,
}

/// The form of sign-in.
pub fn sign_in(frame: &Frame<'_>, form: &SignIn<'_>) -> String {
    frame.document(&html! {
        div class="narrow" {
            h1 { (frame.title) }
            @if let Some(error) = form.error { div class="fault" role="alert" { p { span class="mark fail" { "✗" } " " (error) } } }
            form class="stack" method="post" action="/sign-in" {
                (frame.csrf_field())
                input type="hidden" name="next" value=(form.next);
                label for="name" { "Name" }
                input #name name="name" autocomplete="username" autocapitalize="off" spellcheck="false" required maxlength="200" value=(form.name) autofocus[form.name.is_empty()];
                label for="password" { "Password" }
                input #password name="password" type="password" autocomplete="current-password" required maxlength="1000" autofocus[!form.name.is_empty()];
                button class="primary" type="submit" { "Sign in" }
            }
            p class="note" { "An engineer adds users with " code { "stedi user add" } "." }
        }
    })
}
