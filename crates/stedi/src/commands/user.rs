//! `stedi user`: who may sign in where a lake is served.

use std::io::{BufRead, IsTerminal, Read};

use anyhow::Result;
use server::{Role, TokenSummary, UserSummary};

use super::serve::{users_failure, users_of_args};
use crate::args::{RoleName, UserCommand};
use crate::failure::{Ending, Failure};
use crate::output::{Field, complain, put, put_list, say};
use crate::settings::Settings;

/// Bytes of the longest password.
const PASSWORD_BYTES_MAX: u64 = 1024;

const HEADINGS: [&str; 6] = [
    "user",
    "role",
    "sees_personal",
    "password",
    "token",
    "expires",
];

pub(crate) fn user(settings: &Settings, command: &UserCommand) -> Result<Ending> {
    match command {
        UserCommand::Add {
            name,
            role,
            sees_personal,
            no_password,
            users,
        } => {
            let users = users_of_args(users)?;
            let role = role_of(*role);
            if *sees_personal && role != Role::Engineer {
                return Err(Failure::settings(
                    "--sees-personal is for engineers",
                    "leave it out, or add the user with --role engineer",
                ));
            }
            let password = match no_password {
                true => None,
                false => Some(password()?),
            };
            let added = users.add(name, role, *sees_personal, password.as_deref());
            added.map_err(|error| users_failure(&error))?;
            say(settings, &format!("{name} may sign in as {role}"));
        }
        UserCommand::List { users } => {
            let list = users_of_args(users)?.list();
            let list = list.map_err(|error| users_failure(&error))?;
            let lines: Vec<Line> = list.iter().flat_map(lines_of).collect();
            put_list(settings, &HEADINGS, &lines, Line::fields)?;
        }
        UserCommand::Token { name, days, users } => {
            let valid = chrono::Duration::days(i64::from(*days));
            let token = users_of_args(users)?.add_token(name, valid);
            let token = token.map_err(|error| users_failure(&error))?;
            put(&format!("{token}\n"))?;
            say(
                settings,
                &format!("the token is shown only now, and ends after {days} days"),
            );
        }
        UserCommand::Revoke { name, id, users } => {
            let revoked = users_of_args(users)?.revoke(name, id.as_deref());
            let revoked = revoked.map_err(|error| users_failure(&error))?;
            say(settings, &format!("{revoked} revoked"));
        }
        UserCommand::Remove { name, users } => {
            let removed = users_of_args(users)?.remove(name);
            removed.map_err(|error| users_failure(&error))?;
            say(settings, &format!("{name} may not sign in any more"));
        }
    }
    Ok(Ending::Done)
}

fn role_of(role: RoleName) -> Role {
    match role {
        RoleName::Scientist => Role::Scientist,
        RoleName::Engineer => Role::Engineer,
        RoleName::PrivacyOfficer => Role::PrivacyOfficer,
    }
}

/// The first line of standard input. Arguments would stay in the shell's history.
fn password() -> Result<String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        complain("password (it is shown while you type):");
    }
    let mut line = String::new();
    stdin
        .lock()
        .take(PASSWORD_BYTES_MAX)
        .read_line(&mut line)
        .map_err(|_| Failure::settings("the password is no text", "give one line of UTF-8"))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// One token of a user; of a user without tokens, the user.
#[derive(serde::Serialize)]
struct Line {
    user: String,
    role: Role,
    sees_personal: bool,
    password: bool,
    token: Option<String>,
    expires: Option<String>,
}

fn lines_of(user: &UserSummary) -> Vec<Line> {
    let line = |token: Option<&TokenSummary>| Line {
        user: user.name.clone(),
        role: user.role,
        sees_personal: user.sees_personal,
        password: user.has_password,
        token: token.map(|token| token.id.clone()),
        expires: token.map(|token| token.expires.format("%Y-%m-%d").to_string()),
    };
    match user.tokens.is_empty() {
        true => vec![line(None)],
        false => user.tokens.iter().map(|token| line(Some(token))).collect(),
    }
}

impl Line {
    fn fields(&self) -> Vec<Field> {
        let yes = |is: bool| Field::text(Some(if is { "yes" } else { "no" }));
        vec![
            Field::text(Some(&self.user)),
            Field::text(Some(self.role.name())),
            yes(self.sees_personal),
            yes(self.password),
            Field::text(self.token.as_deref()),
            Field::text(self.expires.as_deref()),
        ]
    }
}
