//! The file of a model: its contract, comments and SELECT.

/// A model made from a script.
#[derive(Debug, Clone)]
pub struct ImportedModel {
    /// The path below the project's folder.
    pub file: String,
    /// The table's name.
    pub table: String,
    /// The script, and the line of the sink.
    pub script: String,
    /// The line on which the script writes the table.
    pub line: u32,
    /// The SELECT, or why there is none.
    pub sql: Result<String, String>,
    /// Whether it selects by consent to research, so that rows of people whose consent is not
    /// in force any more may be left out.
    pub asks_for_research: bool,
    /// Whether it reads landing tables alone and does not ask for consent to research.
    pub asks_nobody: bool,
    pub(crate) grain: String,
    pub(crate) drops_duplicates: bool,
    pub(crate) checks: String,
    pub(crate) comments: Vec<String>,
}

/// The people in a model's rows, as the engine derives them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    /// The column that names the person.
    pub subject: Option<String>,
    /// The column that names the device.
    pub device: Option<String>,
    /// The columns with personal values.
    pub personal: Vec<String>,
}

impl ImportedModel {
    /// The text of the model's file. `remarks` stand above the SELECT.
    pub fn text(&self, people: &People, remarks: &[String]) -> String {
        let mut text = format!("/*\n# From {}.\n", in_comment(&self.script));
        let mut set = |key: &str, value: String| text.push_str(&format!("{key} = {value}\n"));
        set("grain", quoted(&self.grain));
        for (key, column) in [("subject", &people.subject), ("device", &people.device)] {
            if let Some(column) = column {
                set(key, quoted(column));
            }
        }
        if !people.personal.is_empty() {
            let columns: Vec<String> = people.personal.iter().map(|name| quoted(name)).collect();
            set("personal", format!("[{}]", columns.join(", ")));
        }
        if self.drops_duplicates {
            set("duplicates", quoted("drop"));
        }
        text.push_str(&self.checks);
        if let (true, Some(subject)) = (self.asks_for_research, &people.subject) {
            text.push_str(&format!(
                "\n[checks.consent_in_force]     # a later record may have withdrawn it\nsubject = \
                 {}\naction = \"leave_out\"\n",
                quoted(subject)
            ));
        }
        text.push_str("*/\n");
        for comment in self.comments.iter().chain(remarks) {
            for line in comment.lines() {
                text.push_str(&format!("-- {}\n", in_comment(line)));
            }
        }
        match &self.sql {
            Ok(sql) => text.push_str(sql),
            Err(reason) => {
                text.push_str(&format!("-- Not translated: {}\n", in_comment(reason)));
            }
        }
        text
    }
}

/// A text as a string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.replace("*/", "* /").replace("/*", "/ *") + "\""
}

/// A text that ends no comment.
fn in_comment(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    text.replace("*/", "* /").replace("/*", "/ *")
}
