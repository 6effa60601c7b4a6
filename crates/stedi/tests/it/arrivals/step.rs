//! What may happen to a lake, one step at a time. All chance is in making the
//! steps: played again they do the same, also when some of them are left out.

use std::fmt;

use super::models::Model;
use crate::company::Company;

/// The landing tables' folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Customers,
    Phones,
    Trainers,
}

impl Source {
    pub(crate) const ALL: [Self; 3] = [Self::Customers, Self::Phones, Self::Trainers];
}

/// One object of a landing file, or what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// What it shall be once it is mended, where it is broken.
    pub(crate) whole: Option<String>,
}

impl Line {
    pub(crate) fn of(object: &serde_json::Value) -> Self {
        Self {
            text: object.to_string(),
            whole: None,
        }
    }

    /// Cut off behind `bytes`.
    pub(crate) fn cut(object: &serde_json::Value, bytes: usize) -> Self {
        let whole = object.to_string();
        Self {
            text: whole[..bytes.min(whole.len() - 1)].to_owned(),
            whole: Some(whole),
        }
    }
}

/// How the objects of a file are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelled {
    Lines,
    /// The last line without its end.
    OpenEnd,
    /// Over several lines each.
    Pretty,
    /// Without anything between them.
    Concatenated,
    Array,
    Gzip,
}

/// A file as it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) source: Source,
    pub(crate) lines: Vec<Line>,
    pub(crate) spelled: Spelled,
}

/// Which file of those that lie there: counted round.
pub(crate) type Nth = usize;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// New files.
    Arrive(Vec<Delivery>),
    /// A file once more, under another name.
    Again(Source, Nth),
    /// Further lines in a file that was read.
    Grow(Source, Nth, Vec<Line>),
    /// A file loses the lines whose bit is set, and turns the others round.
    Rewrite(Source, Nth, u64),
    /// Another value in a file of the same length; it may claim to be older
    /// than it was.
    Alter {
        source: Source,
        nth: Nth,
        older: bool,
    },
    /// The same bytes at another time.
    Touch(Source, Nth),
    /// The same bytes under another name, and not under the old one.
    Rename(Source, Nth),
    Vanish(Source, Nth),
    /// What vanished last comes back.
    Return,
    /// All broken lines are made whole, in the file they are in.
    Mend,
    /// Consent by hand: `grant` or `withdraw`, whose, for what, as of when.
    Enter {
        act: &'static str,
        email: String,
        purpose: &'static str,
        at: i64,
    },
    /// The clock goes on.
    Later(i64),
    /// Another data product: these edits of the built-in one.
    Models(Vec<usize>),
    /// All that is open in quarantine is dropped.
    Drop,
    /// Another key of pseudonyms.
    Key(usize),
    /// The landing folder is moved to another place, as it is.
    Move,
    /// A run of one table and what it needs.
    Select(&'static str),
    /// `run --full`.
    Full,
    /// A run killed after so many thousandths of what runs take.
    Kill(u64),
    Compact,
    Vacuum,
    /// Models made by chance, beside those of the product that they may read, or
    /// beside the whole product.
    Product {
        models: Vec<Model>,
        whole: bool,
    },
    /// An entry by hand so many thousandths of what runs take into a run.
    During(u64, Box<What>),
    /// Two runs begun at once, each of which waits for the other.
    Twice,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) what: What,
    /// Whether a run follows at once.
    pub(crate) run: bool,
    /// Whether that run is compared with a full one.
    pub(crate) compare: bool,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Arrive(deliveries) => {
                write!(f, "Arrive")?;
                for delivery in deliveries {
                    write!(
                        f,
                        "\n      {}, {:?}:",
                        Company::Stedi.folder(delivery.source),
                        delivery.spelled
                    )?;
                    lines(f, &delivery.lines)?;
                }
            }
            What::Product { models, whole } => {
                write!(f, "Product, whole: {whole}")?;
                for model in models {
                    write!(f, "\n  {model:?}")?;
                }
            }
            What::Grow(source, nth, more) => {
                write!(f, "Grow({source:?}, {nth})")?;
                lines(f, more)?;
            }
            what => write!(f, "{what:?}")?,
        }
        match (self.run, self.compare) {
            (true, true) => write!(f, "\n    run, compare"),
            (true, false) => write!(f, "\n    run"),
            (false, _) => Ok(()),
        }
    }
}

fn lines(f: &mut fmt::Formatter<'_>, lines: &[Line]) -> fmt::Result {
    for line in lines {
        let broken = if line.whole.is_some() {
            " (broken)"
        } else {
            ""
        };
        write!(f, "\n        {}{broken}", line.text)?;
    }
    Ok(())
}

/// An edit of the data product: file, what stands there, what shall. A file
/// that the product does not have is written anew.
pub(crate) type Edit = (&'static str, &'static str, &'static str);

pub(crate) const EDITS: [Edit; 13] = [
    // Fewer rows.
    (
        "trusted/accelerometer_trusted.sql",
        "= subject(a.user)",
        "= subject(a.user)\nwhere a.z > 1",
    ),
    // A column more.
    (
        "trusted/accelerometer_trusted.sql",
        "a.x, a.y, a.z",
        "a.x, a.y, a.z, a.x + a.y as xy",
    ),
    // Duplicates stay.
    (
        "trusted/step_trainer_trusted.sql",
        "duplicates = \"drop\"",
        "",
    ),
    (
        "trusted/accelerometer_trusted.sql",
        "duplicates = \"drop\"",
        "duplicates = \"keep\"",
    ),
    // Words alone.
    (
        "curated/customer_curated.sql",
        "grain = \"One person",
        "grain = \"Each person",
    ),
    (
        "curated/training_set.sql",
        "where m.same_owner",
        "where m.distancefromobject > 1 and m.same_owner",
    ),
    (
        "curated/machine_learning_curated.sql",
        "d.sensorreadingtime = a.timestamp",
        "d.sensorreadingtime = a.timestamp\nwhere a.x > 0",
    ),
    // Another choice among records.
    (
        "trusted/customer_trusted.sql",
        "lastupdatedate desc, coalesce",
        "lastupdatedate, coalesce",
    ),
    // What cannot be read is another thing then.
    (
        "landing/step_trainer_landing.sql",
        "'serialnumber,sensorreadingtime'",
        "'serialnumber,sensorreadingtime,distancefromobject'",
    ),
    // Rows left out by a check.
    (
        "trusted/accelerometer_trusted.sql",
        "[checks]",
        "[checks]\naccepted = { x = { min = 0, max = 2, action = \"leave_out\" } }",
    ),
    // A check that fails though nothing is new.
    (
        "curated/customer_curated.sql",
        "[checks]",
        "[checks]\naccepted = { registrationdate = { min = 402 } }",
    ),
    // Everybody's rows, whether they agree or not: refused.
    (
        "trusted/accelerometer_trusted.sql",
        "join customer_trusted c on subject(c.email) = subject(a.user)",
        "",
    ),
    // A table more.
    (
        "curated/reading_counts.sql",
        "",
        "/*\ngrain = \"One person with readings.\"\nsubject = \"user\"\npersonal = [\"user\"]\n*/\n\
         select subject(user) as user, count(*) as readings, min(timestamp) as first\n\
         from accelerometer_trusted\ngroup by subject(user)\n",
    ),
];
