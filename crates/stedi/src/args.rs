//! The command line: each flag with its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use privacy::Purpose;

use crate::failure::Failure;

/// A lakehouse for data that may only be used as far as people agreed.
///
/// stedi takes the JSON that arrives in a landing folder, builds trusted and
/// curated Delta tables from the people who agreed to share with research,
/// checks them before anybody sees them, and answers SQL.
#[derive(Debug, Parser)]
#[command(
    name = "stedi",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "Start with `stedi demo`: it makes synthetic data, builds every table and verifies it.\n\n\
                  Exit codes: 0 done; 1 failed (input, store, SQL); 2 wrong command line, settings or\n\
                  project files; 3 a check failed; 4 a privacy gate refused; 5 another writer holds the\n\
                  lake; 130 interrupted."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Takes the command line apart. What is no command line ends the program
    /// here, with help.
    ///
    /// # Errors
    /// A [`Failure`] where an e-mail address stands in what is asked of
    /// `consent`. It is not quoted, as it would be in a message about it.
    pub(crate) fn of_command_line() -> anyhow::Result<Self> {
        let parsed = Self::try_parse();
        let about_consent = match &parsed {
            Ok(cli) => matches!(cli.command, Command::Consent(_)),
            Err(error) => error.use_stderr() && std::env::args_os().any(|arg| arg == "consent"),
        };
        let mut args = std::env::args_os().skip(1);
        if about_consent && args.any(|arg| holds_address(&arg.to_string_lossy())) {
            return Err(person_among_arguments());
        }
        Ok(parsed.unwrap_or_else(|error| error.exit()))
    }
}

/// Whether a word of `argument` has the shape of an e-mail address. With a
/// slash it is taken for a path.
fn holds_address(argument: &str) -> bool {
    argument
        .split(|c: char| c.is_whitespace() || "=,;:\"'<>()".contains(c))
        .filter(|word| !word.contains('/'))
        .any(|word| {
            word.split_once('@')
                .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        })
}

/// The refusal of a person among the arguments.
pub(crate) fn person_among_arguments() -> anyhow::Error {
    Failure::settings(
        "people are not named in the arguments: those stay in the shell's history and in the list of processes",
        "give the e-mail address on standard input, or name a file that holds it with --email-file",
    )
}

/// Flags of every command. A flag wins over its variable, that over stedi.toml.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Where landing files lie: a folder or s3://bucket/prefix [env: STEDI_LANDING] [default: ./landing]
    #[arg(long, global = true, value_name = "PLACE")]
    pub(crate) landing: Option<String>,
    /// Where tables lie: a folder or s3://bucket/prefix [env: STEDI_LAKE] [default: ./lake]
    #[arg(long, global = true, value_name = "PLACE")]
    pub(crate) lake: Option<String>,
    /// An edited data product, as `stedi init` writes it [env: STEDI_PROJECT] [default: the built-in one]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) project: Option<String>,
    /// The file of the pseudonyms' key, outside lake and landing [env: STEDI_KEY_FILE; the key itself:
    /// STEDI_KEY] [default: one per lake in ~/.config/stedi/keys]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) key_file: Option<String>,
    /// Settings file [env: STEDI_CONFIG] [default: ./stedi.toml where there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<String>,
    /// Take this instant for now: RFC 3339, a date, or epoch milliseconds [env: STEDI_NOW]
    #[arg(long, global = true, value_name = "INSTANT")]
    pub(crate) now: Option<String>,
    /// Memory that sorts and joins may use before they spill, as 512MB or 2GB [env: STEDI_MEMORY]
    /// [default: half of the machine's]
    #[arg(long, global = true, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// How long to wait for another writer that holds the lake [default: not at all]
    #[arg(long, global = true, value_name = "SECONDS")]
    pub(crate) wait: Option<String>,
    /// How to print data [env: STEDI_FORMAT] [default: table]
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Print data and errors alone
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Say more about what is done
    #[arg(long, short, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// No colour (also where NO_COLOR is set)
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Answer yes to every question
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// Comma-separated, with a header.
    Csv,
    /// One JSON object per line.
    Ndjson,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make synthetic data in a fresh folder, build every table, verify it
    Demo(DemoArgs),
    /// Build, check and publish the tables
    Run(RunArgs),
    /// Tell what a run would do, before it does it
    Plan(PlanArgs),
    /// Check contracts and counts of what stands in the lake
    Verify(VerifyArgs),
    /// Ask in SQL: one statement, a file, or an interactive shell
    Sql(SqlArgs),
    /// List all tables; or drop one that the project no longer has
    Tables(TablesArgs),
    /// Tell of one table: columns, grain, checks, files
    Describe(DescribeArgs),
    /// List the versions of one table
    History(HistoryArgs),
    /// Tell where a table's columns, or one of them, come from
    Lineage(LineageArgs),
    /// Write one version of a table to files, with a manifest; or check such files
    Export(ExportArgs),
    /// Merge small files of tables into large ones
    Compact(CompactArgs),
    /// Tell what is broken in the lake, and make it right
    Repair(RepairArgs),
    /// Take away what no kept version of a table needs
    Vacuum(VacuumArgs),
    /// Look after landing input that could not be read
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Look after the key that pseudonyms are made with
    #[command(subcommand)]
    Key(KeyCommand),
    /// Tell, grant or withdraw one person's consent by hand
    #[command(subcommand)]
    Consent(ConsentCommand),
    /// Make synthetic landing data in the shape of the real one
    Sample(SampleArgs),
    /// Write the built-in data product out for editing
    Init(InitArgs),
    /// Show versions, settings and whether the places can be used
    Doctor,
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RepairArgs {
    /// Tell what is broken and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go on without entries of the register of consent that are lost with their copies
    #[arg(long)]
    pub(crate) accept_lost_entries: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The folder to make [default: ./stedi-demo, or the next free number]
    pub(crate) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) size: SampleSize,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct SampleSize {
    /// How many people; everything else grows with them
    #[arg(long, value_name = "N", default_value_t = sample::Sample::default().customers)]
    pub(crate) customers: u64,
    /// The same seed makes the same data
    #[arg(long, value_name = "S", default_value_t = sample::Sample::default().seed)]
    pub(crate) seed: u64,
}

impl SampleSize {
    pub(crate) fn sample(self) -> sample::Sample {
        sample::Sample {
            customers: self.customers,
            seed: self.seed,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Build these tables and what they need, instead of all; what is new about people reaches all
    #[arg(long, value_name = "TABLE", num_args = 1.., value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Check row counts: `published`, or a file with `[rows]` and `table = count`
    #[arg(long, value_name = "published|FILE")]
    pub(crate) expect: Option<String>,
    /// Publish nothing if any landing input cannot be read
    #[arg(long)]
    pub(crate) strict: bool,
    /// Read everything and build everything anew, also where nothing is new
    #[arg(long)]
    pub(crate) full: bool,
    /// What becomes of what a landing file fed that changed or went since it was read
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub(crate) changed: Changed,
    /// What becomes of the run if a file of customer records cannot be decoded, so
    /// that withdrawals in it would be missed [default: warn]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) undecodable: Option<Undecodable>,
}

/// What a run does about a file of customer records that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Undecodable {
    /// Say so and go on.
    #[default]
    Warn,
    /// Publish nothing.
    Stop,
}

/// What a run does about landing files that are not as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Changed {
    /// Build everything anew from what lies there now.
    #[default]
    Rebuild,
    /// Keep what they fed, and take in only what is new.
    Keep,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// As for `run`
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) undecodable: Option<Undecodable>,
    /// As for `run`: these tables and what they need, instead of all
    #[arg(long, value_name = "TABLE", num_args = 1.., value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// As for `run`: fail if any landing input cannot be read
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Check row counts: `published`, or a file with `[rows]` and `table = count`
    #[arg(long, value_name = "published|FILE")]
    pub(crate) expect: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Landing, trusted and curated tables go by their bare names; system tables by system.NAME.\n\
                  Older versions: FROM t VERSION AS OF 3, FROM t TIMESTAMP AS OF '2026-11-20T10:00:00Z',\n\
                  or --as-of for all tables at once.\n\
                  Own functions: run_time(), the start of the run; subject(email), the person; pseudonym(text),\n\
                  a keyed hash: pseudonym(subject(email)) tells people apart and not who they are."
)]
pub(crate) struct SqlArgs {
    /// One or more statements, divided by semicolons
    #[arg(
        short,
        long,
        value_name = "SQL",
        conflicts_with = "file",
        allow_hyphen_values = true
    )]
    pub(crate) command: Option<String>,
    /// A file of statements; `-` reads them from standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// Read the lake as it was at an instant
    #[arg(long, value_name = "INSTANT")]
    pub(crate) as_of: Option<String>,
    /// End a statement that takes longer [default: none does]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TablesArgs {
    /// Drop this table, which the lake has and the project has no longer: NAME or ZONE.NAME
    #[arg(long, value_name = "NAME")]
    pub(crate) drop: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Files of less than 128 MiB are merged into files of up to 512 MiB, in the order in which they\n\
                  were added. No row changes, and readers go on meanwhile. The small files stay for older\n\
                  versions until `stedi vacuum`."
)]
pub(crate) struct CompactArgs {
    /// Which tables [default: all, those of the system too]
    #[arg(value_name = "TABLE")]
    pub(crate) tables: Vec<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A version stays while it was the newest one at any time within --keep; the newest always stays.\n\
                  With it go its log entry and the files that no other version needs. Readers of versions that\n\
                  stay are not disturbed; --keep 0s takes versions from readers that are at them."
)]
pub(crate) struct VacuumArgs {
    /// How long a version can be read after a newer one: 7d, 12h, 30m, 0s for the newest alone
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    pub(crate) keep: String,
    /// Tell what would go, and take nothing away
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    /// Which table
    pub(crate) table: String,
    /// An older version of it
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Which table
    pub(crate) table: String,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Direct: the value goes in. Masked: it goes in and cannot be read off what comes out (a count,\n\
                  a comparison). Indirect: it only decides about rows or between values."
)]
pub(crate) struct LineageArgs {
    /// Which table, or which column of it
    #[arg(value_name = "TABLE[.COLUMN]")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
#[command(
    after_help = "PATH is a folder to make, which gets TABLE.parquet and manifest.json; or a file that ends with\n\
                  .parquet, .csv or .ndjson, which gets its manifest beside it; or a URL of either. Without a\n\
                  manifest it is no export: the manifest is written last.\n\
                  Exports of one version are equal to the byte, but for the time in their manifests; exports of\n\
                  equal rows, whatever their order and format, have the same content there."
)]
pub(crate) struct ExportArgs {
    /// Which table
    #[arg(required_unless_present = "check")]
    pub(crate) table: Option<String>,
    /// Where to
    #[arg(long, value_name = "PATH", required_unless_present = "check")]
    pub(crate) to: Option<String>,
    /// An older version of it
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "check",
        allow_negative_numbers = true
    )]
    pub(crate) version: Option<i64>,
    /// The files' format [default: the one that PATH ends with, or parquet]
    #[arg(
        long = "as",
        value_enum,
        value_name = "FORMAT",
        conflicts_with = "check"
    )]
    pub(crate) files_format: Option<ExportFormat>,
    /// Let personal values leave the lake
    #[arg(long, conflicts_with = "check")]
    pub(crate) personal: bool,
    /// Compare an export with its manifest, and with the lake
    #[arg(long, value_name = "PATH", conflicts_with_all = ["table", "to"])]
    pub(crate) check: Option<String>,
}

/// What an export's files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// As the lake's own files.
    Parquet,
    /// RFC 4180, with a header.
    Csv,
    /// One JSON object per line.
    Ndjson,
}

impl From<ExportFormat> for engine::ExportFormat {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Parquet => Self::Parquet,
            ExportFormat::Csv => Self::Csv,
            ExportFormat::Ndjson => Self::Ndjson,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// Where, how long and why
    List {
        /// Those that were dropped, too
        #[arg(long)]
        all: bool,
    },
    /// The bytes of one entry, as they lie (they may be personal)
    Show {
        /// Its id, or the beginning of it
        id: String,
    },
    /// Run again, so that what was mended is read
    Retry,
    /// Say that nobody will mend them: later runs do not bring them up again
    Drop {
        /// Their ids, or the beginnings of them
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// All that are open
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Where it lies, its fingerprint and since when; never the key itself
    Show,
    /// Replace it: old pseudonyms cannot be linked to new ones any more
    Rotate,
    /// Take it away: nobody can tell any more whose a pseudonym is
    Destroy,
}

const WHOSE: &str = "Whose consent it is comes from standard input, as one line with their e-mail address, or\n\
                     from --email-file; never from the arguments, which stay in the shell's history.";

#[derive(Debug, Subcommand)]
#[command(after_help = WHOSE)]
pub(crate) enum ConsentCommand {
    /// Since when it holds, what was entered by hand, what suspends it
    #[command(after_help = WHOSE)]
    Status(ConsentStatusArgs),
    /// Enter that they agree; takes effect with the next run
    #[command(after_help = WHOSE)]
    Grant(ConsentEntryArgs),
    /// Enter that they agree no longer; takes effect with the next run
    #[command(after_help = WHOSE)]
    Withdraw(ConsentEntryArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PersonArgs {
    /// Read the e-mail address from this file instead of standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) email_file: Option<PathBuf>,
    /// Taken to be refused without being quoted.
    #[arg(hide = true)]
    pub(crate) refused: Vec<std::ffi::OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct ConsentStatusArgs {
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    /// Of this purpose alone, instead of all
    #[arg(long, value_enum)]
    pub(crate) purpose: Option<ConsentPurpose>,
}

#[derive(Debug, Args)]
pub(crate) struct ConsentEntryArgs {
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    /// For what
    #[arg(long, value_enum, default_value = "research")]
    pub(crate) purpose: ConsentPurpose,
    /// From when on it counts: RFC 3339, a date, or epoch milliseconds [default: now]
    #[arg(long, value_name = "INSTANT", allow_hyphen_values = true)]
    pub(crate) at: Option<String>,
    /// Who enters it [default: your login name]
    #[arg(long, value_name = "NAME")]
    pub(crate) who: Option<String>,
    /// Why, to be kept beside it
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
    /// Also for somebody of whom nothing has arrived: no record, no reading
    #[arg(long)]
    pub(crate) unknown: bool,
}

/// What data may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConsentPurpose {
    /// Research on how people train
    Research,
    /// Showing it to everybody
    Public,
    /// Showing it to friends
    Friends,
}

impl From<ConsentPurpose> for Purpose {
    fn from(purpose: ConsentPurpose) -> Self {
        match purpose {
            ConsentPurpose::Research => Purpose::Research,
            ConsentPurpose::Public => Purpose::Public,
            ConsentPurpose::Friends => Purpose::Friends,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct SampleArgs {
    /// The folder to write the landing files to
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) size: SampleSize,
    /// What is to be wrong with the data, any of it together; what a run must
    /// make of it goes to OUT/truth
    #[arg(
        long = "defect",
        value_enum,
        value_name = "KIND",
        value_delimiter = ','
    )]
    pub(crate) defects: Vec<sample::Defect>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The folder to write the data product to
    #[arg(default_value = "lakehouse")]
    pub(crate) dir: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn addresses_among_arguments_are_found() {
        for (argument, expected) in [
            ("ann@example.com", true),
            ("--email=ann@example.com", true),
            ("asked by mail, <ann@example.com>", true),
            ("ann@localhost", true),
            ("ann", false),
            ("@ann", false),
            ("at 3 @ noon", false),
            ("./ann@example.com", false),
            ("s3://key@bucket/lake", false),
            ("", false),
        ] {
            assert_eq!(super::holds_address(argument), expected, "{argument}");
        }
    }
}
