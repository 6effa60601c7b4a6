//! The steps of a history of a lake. All randomness is in their generation: played
//! again, they do the same, also if some of them are left out.

use std::fmt;

use super::models::Model;
use crate::company::Company;

/// The folders of the landing tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Customers,
    Phones,
    Trainers,
}

impl Source {
    pub(crate) const ALL: [Self; 3] = [Self::Customers, Self::Phones, Self::Trainers];
}

/// One object of a landing file, or the rest of it after damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// The repaired object, if this one is broken.
    pub(crate) whole: Option<String>,
}

impl Line {
    pub(crate) fn of(object: &serde_json::Value) -> Self {
        Self {
            text: object.to_string(),
            whole: None,
        }
    }

    /// Cut off after `bytes`.
    pub(crate) fn cut(object: &serde_json::Value, bytes: usize) -> Self {
        let whole = object.to_string();
        Self {
            text: whole[..bytes.min(whole.len() - 1)].to_owned(),
            whole: Some(whole),
        }
    }
}

/// The framing of the objects of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelled {
    Lines,
    /// The last line has no line end.
    OpenEnd,
    /// Each object on several lines.
    Pretty,
    /// No separator between objects.
    Concatenated,
    Array,
    Gzip,
}

/// A file that arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) source: Source,
    pub(crate) lines: Vec<Line>,
    pub(crate) spelled: Spelled,
}

/// A file of the landing folder, by number modulo the number of files.
pub(crate) type Nth = usize;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// New files.
    Arrive(Vec<Delivery>),
    /// A file again, under another name.
    Again(Source, Nth),
    /// More lines in a file that was read before.
    Grow(Source, Nth, Vec<Line>),
    /// A file loses the lines whose bit is set; the others are reversed.
    Rewrite(Source, Nth, u64),
    /// A changed value in a file of the same length; its modification time may be
    /// older than before.
    Alter {
        source: Source,
        nth: Nth,
        older: bool,
    },
    /// The same bytes with another modification time.
    Touch(Source, Nth),
    /// The file is renamed.
    Rename(Source, Nth),
    Vanish(Source, Nth),
    /// The last file that was removed comes back.
    Return,
    /// All broken lines are repaired in their files.
    Mend,
    /// Consent by hand: `grant` or `withdraw`, person, purpose, as of which time.
    Enter {
        act: &'static str,
        email: String,
        purpose: &'static str,
        at: i64,
    },
    /// The clock advances.
    Later(i64),
    /// Another data product: these edits of the built-in one.
    Models(Vec<usize>),
    /// All open entries of the quarantine are dropped.
    Drop,
    /// The key of pseudonyms is replaced.
    Key(usize),
    /// The landing folder is moved unchanged.
    Move,
    /// A run of one table and the tables that it reads.
    Select(&'static str),
    /// `run --full`.
    Full,
    /// A run that is killed after this many thousandths of the usual duration.
    Kill(u64),
    Compact,
    Vacuum,
    /// Random models, with the product's models that they may read, or with the
    /// complete product.
    Product {
        models: Vec<Model>,
        whole: bool,
    },
    /// An entry by hand, this many thousandths of the usual duration into a run.
    During(u64, Box<What>),
    /// Two runs started at the same time, one of which waits for the other.
    Twice,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) what: What,
    /// Whether a run follows.
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

/// An edit of the data product: file, old text, new text. A file that the product
/// does not have is created.
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
