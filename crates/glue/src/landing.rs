//! Landing tables: the definitions that come with the scripts, and the shipped ones for those
//! that are missing.

use catalog::{
    ColumnType, LandingTable, is_external_table, parse_external_table, split_statements,
};

use crate::names;
use crate::step::{Outcome, SourceText, Step};

/// A landing table of the imported project.
#[derive(Debug)]
pub(crate) struct Landing {
    pub(crate) table: LandingTable,
    pub(crate) text: String,
    pub(crate) kind: Option<Kind>,
}

/// What a table of the published project holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Customer,
    Accelerometer,
    StepTrainer,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Customer, Kind::Accelerometer, Kind::StepTrainer];

    /// The columns that every table of the kind has, and the roles of columns.
    fn marks(
        self,
    ) -> (
        &'static [&'static str],
        &'static [(&'static str, &'static str)],
    ) {
        match self {
            Kind::Customer => (
                &["email", "sharewithresearchasofdate", "lastupdatedate"],
                &[
                    ("stedi.subject", "email"),
                    ("stedi.device", "serialnumber"),
                    ("stedi.time", "lastupdatedate"),
                    ("stedi.consent.research", "sharewithresearchasofdate"),
                    ("stedi.consent.public", "sharewithpublicasofdate"),
                    ("stedi.consent.friends", "sharewithfriendsasofdate"),
                ],
            ),
            Kind::Accelerometer => (
                &["user", "timestamp"],
                &[("stedi.subject", "user"), ("stedi.time", "timestamp")],
            ),
            Kind::StepTrainer => (
                &["serialnumber", "sensorreadingtime"],
                &[
                    ("stedi.device", "serialnumber"),
                    ("stedi.time", "sensorreadingtime"),
                ],
            ),
        }
    }

    fn of(table: &LandingTable) -> Option<Self> {
        let has = |kind: &Kind| {
            kind.marks()
                .0
                .iter()
                .all(|name| table.column(name).is_some())
        };
        Kind::ALL.into_iter().find(has)
    }

    /// The kind that a name or place speaks of.
    pub(crate) fn spoken_of(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if has(&["accelero"]) {
            Some(Kind::Accelerometer)
        } else if has(&["step", "trainer"]) {
            Some(Kind::StepTrainer)
        } else if has(&["customer", "cust"]) {
            Some(Kind::Customer)
        } else {
            None
        }
    }
}

/// Reads definitions; adds the shipped ones of kinds that have none.
pub(crate) fn read(
    ddl: &[SourceText],
    shipped: &[SourceText],
    steps: &mut Vec<Step>,
) -> Vec<Landing> {
    let shipped = shipped.iter().filter_map(|file| {
        let (statement, line) = statements(file).into_iter().next()?;
        let table = parse_external_table(&file.path, &statement, line).ok()?;
        let kind = Kind::of(&table);
        Some(Landing {
            table,
            text: file.text.clone(),
            kind,
        })
    });
    let shipped: Vec<Landing> = shipped.collect();
    let mut tables: Vec<Landing> = Vec::new();
    for file in ddl {
        for (statement, line) in statements(file) {
            let (node, outcome) = match parse_external_table(&file.path, &statement, line) {
                Err(errors) => (String::new(), Outcome::NotTranslated(first_of(&errors))),
                Ok(table) => {
                    let name = table.name.to_string();
                    let outcome = add(table, &statement, &shipped, &mut tables);
                    (name, outcome)
                }
            };
            steps.push(Step {
                script: file.path.clone(),
                line,
                node,
                outcome,
            });
        }
    }
    for landing in shipped {
        let is_missing = tables
            .iter()
            .all(|known| known.kind != landing.kind && known.table.name != landing.table.name);
        if is_missing {
            tables.push(landing);
        }
    }
    tables
}

fn statements(file: &SourceText) -> Vec<(String, u32)> {
    let statements = split_statements(&file.text).into_iter();
    statements
        .filter(|(statement, _)| is_external_table(statement))
        .collect()
}

fn first_of(errors: &catalog::Errors) -> String {
    let text = errors.iter().next().map(|error| error.kind.to_string());
    text.unwrap_or_default()
}

fn add(
    table: LandingTable,
    statement: &str,
    shipped: &[Landing],
    tables: &mut Vec<Landing>,
) -> Outcome {
    let name = table.name.to_string();
    let is_model = |text: &str| {
        let text = text.to_lowercase();
        (text.contains("trusted") || text.contains("curated")) && !text.contains("landing")
    };
    if is_model(&name)
        || is_model(
            names::table_at(&table.location)
                .as_deref()
                .unwrap_or_default(),
        )
    {
        return Outcome::LeftOut("a table that a script writes".to_owned());
    }
    if tables.iter().any(|known| known.table.name == table.name) {
        return Outcome::LeftOut(format!("{name} is defined twice; the first one counts"));
    }
    let kind = Kind::of(&table);
    if tables
        .iter()
        .any(|known| kind.is_some() && known.kind == kind)
    {
        return Outcome::LeftOut(
            "another definition of the same data; the first one counts".into(),
        );
    }
    let declares = table.properties.keys().any(|key| key.starts_with("stedi."));
    let (text, note) = match kind {
        Some(kind) if !declares => match roles(kind, &table) {
            Some(roles) => (with_properties(statement, &roles), None),
            None => {
                let Some(ours) = shipped.iter().find(|landing| landing.kind == Some(kind)) else {
                    return Outcome::NotTranslated("the columns cannot have roles".to_owned());
                };
                let text = replaced(&ours.text, &ours.table, &table);
                (
                    text,
                    Some(
                        "columns as in the shipped definition: times and dates of consent are epoch milliseconds (bigint)",
                    ),
                )
            }
        },
        _ => (statement.to_owned(), None),
    };
    let path = format!("landing/{name}.sql");
    match parse_external_table(&path, &text, 1) {
        Ok(table) => {
            tables.push(Landing {
                table,
                text: text + ";\n",
                kind,
            });
            Outcome::Written {
                file: path,
                note: note.map(str::to_owned),
            }
        }
        Err(errors) => Outcome::NotTranslated(first_of(&errors)),
    }
}

/// The roles of a table's columns; `None` if a column has another type than its role needs.
fn roles(kind: Kind, table: &LandingTable) -> Option<Vec<(&'static str, &'static str)>> {
    let mut roles = Vec::new();
    for (role, name) in kind.marks().1 {
        let Some(column) = table.column(name) else {
            continue;
        };
        let needed = match *role {
            "stedi.subject" | "stedi.device" => ColumnType::String,
            _ => ColumnType::Bigint,
        };
        if column.kind != needed {
            return None;
        }
        roles.push((*role, *name));
    }
    Some(roles)
}

/// The statement with more table properties.
fn with_properties(statement: &str, roles: &[(&str, &str)]) -> String {
    let list: Vec<String> = roles
        .iter()
        .map(|(role, column)| format!("  '{role}' = '{column}'"))
        .collect();
    let list = list.join(",\n");
    let statement = statement.trim_end().trim_end_matches(';').trim_end();
    let lower = statement.to_ascii_lowercase();
    let open = lower.rfind("tblproperties").and_then(|at| {
        let open = at + statement[at..].find('(')?;
        Some(open + 1)
    });
    match open {
        Some(open) => {
            let rest = &statement[open..];
            let comma = if rest.trim_start().starts_with(')') {
                ""
            } else {
                ","
            };
            format!("{}\n{list}{comma}{rest}", &statement[..open])
        }
        None => format!("{statement}\nTBLPROPERTIES (\n{list}\n)"),
    }
}

/// The shipped definition under the name and at the place of `table`.
fn replaced(text: &str, ours: &LandingTable, table: &LandingTable) -> String {
    let text = text.replace(&ours.location, &table.location);
    let text = text.replace(&format!("`{}`", ours.name), &format!("`{}`", table.name));
    text.trim_end().trim_end_matches(';').to_owned()
}
