//! The command line: every verb and flag with its help.

mod arrival;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use privacy::Purpose;

pub(crate) use self::arrival::{
    ArrivalArgs, BrokerArgs, ListenArgs, ListenCommand, MqttVersionName, SourcesArgs,
};
use crate::failure::Failure;

/// A lakehouse for data that may only be used as far as people agreed.
///
/// stedi reads the JSON that arrives in a landing folder, builds trusted and
/// curated Delta tables from the people who agreed to share with research,
/// checks the tables before it publishes them, and answers SQL.
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

/// The last line of each verb's help page.
const WHERE_GLOBAL_OPTIONS_ARE: &str =
    "Options of every command, such as --lake, --format and --quiet: `stedi help options`";

impl Cli {
    /// Parses the command line. A wrong one, and a call for help, end the
    /// program here.
    ///
    /// # Errors
    /// A [`Failure`] where the arguments of `consent` hold an e-mail address.
    /// The error does not quote it; clap's own message would.
    pub(crate) fn of_command_line() -> anyhow::Result<Self> {
        let parsed = Self::parsed();
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

    fn parsed() -> Result<Self, clap::Error> {
        let mut command = Self::with_short_pages();
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }

    /// The command line with help pages that show a verb's own options: the
    /// global ones have a page of their own, and each verb's page says where.
    fn with_short_pages() -> clap::Command {
        let whole = Self::command();
        let global: Vec<Arg> = whole
            .get_arguments()
            .filter(|arg| arg.is_global_set())
            .map(|arg| arg.clone().hide(true))
            .collect();
        whole.mut_subcommands(|verb| match verb.get_name() {
            OPTIONS_PAGE => verb,
            // A verb that has the option already does not inherit it.
            _ => with_last_line(verb.args(&global)),
        })
    }

    /// The help page of the global options.
    pub(crate) fn options_page() -> String {
        let mut command = Self::with_short_pages();
        command.build();
        let page = command.find_subcommand_mut(OPTIONS_PAGE);
        page.map_or_else(String::new, |page| page.render_long_help().to_string())
    }
}

fn with_last_line(verb: clap::Command) -> clap::Command {
    let text = match verb.get_after_help() {
        Some(own) => format!("{own}\n\n{WHERE_GLOBAL_OPTIONS_ARE}"),
        None => WHERE_GLOBAL_OPTIONS_ARE.to_owned(),
    };
    verb.after_help(text).mut_subcommands(with_last_line)
}

/// Whether a word of `argument` has the shape of an e-mail address. A word with
/// a slash is taken for a path.
fn holds_address(argument: &str) -> bool {
    argument
        .split(|c: char| c.is_whitespace() || "=,;:\"'<>()".contains(c))
        .filter(|word| !word.contains('/'))
        .any(|word| {
            word.split_once('@')
                .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        })
}

/// The refusal of a person named in the arguments.
pub(crate) fn person_among_arguments() -> anyhow::Error {
    Failure::settings(
        "an e-mail address is not accepted in the arguments: they stay in the shell's history and in the list of processes",
        "give the e-mail address on standard input, or in a file named with --email-file",
    )
}

/// Options of every command. An option overrides its environment variable, which overrides stedi.toml.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Where the landing files are: a folder or s3://bucket/prefix [env: STEDI_LANDING] [default: ./landing]
    #[arg(long, global = true, value_name = "PLACE")]
    pub(crate) landing: Option<String>,
    /// Where the tables are: a folder or s3://bucket/prefix [env: STEDI_LAKE] [default: ./lake]
    #[arg(long, global = true, value_name = "PLACE")]
    pub(crate) lake: Option<String>,
    /// An edited data product, as `stedi init` writes it [env: STEDI_PROJECT] [default: the built-in one]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) project: Option<String>,
    /// The file of the pseudonym key, outside lake and landing [env: STEDI_KEY_FILE; the key itself:
    /// STEDI_KEY] [default: one per lake in ~/.config/stedi/keys]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) key_file: Option<String>,
    /// Settings file [env: STEDI_CONFIG] [default: ./stedi.toml if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<String>,
    /// Use this time as the current time: RFC 3339, a date, or epoch milliseconds [env: STEDI_NOW]
    #[arg(long, global = true, value_name = "TIME")]
    pub(crate) now: Option<String>,
    /// Memory that sorts and joins may use before they spill, such as 512MB or 2GB [env: STEDI_MEMORY]
    /// [default: half of the machine's]
    #[arg(long, global = true, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// How long to wait while another writer holds the lake [default: do not wait]
    #[arg(long, global = true, value_name = "SECONDS")]
    pub(crate) wait: Option<String>,
    /// How to print data [env: STEDI_FORMAT] [default: table]
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Print whole tables, even if they are wider than the terminal
    #[arg(long, global = true)]
    pub(crate) wide: bool,
    /// Print only data and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Print more about what is done
    #[arg(long, short, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Print without colour (also if NO_COLOR is set)
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

/// The name of the help page of the global options.
const OPTIONS_PAGE: &str = "options";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make synthetic data in a new folder, build every table, verify it
    Demo(DemoArgs),
    /// Build, check and publish the tables
    Run(RunArgs),
    /// Stay, and run whenever new landing files are whole
    Watch(WatchArgs),
    /// Show what a run would change
    Plan(PlanArgs),
    /// Check contracts and row counts of the published tables
    Verify(VerifyArgs),
    /// Run the data product's own tests: the .test.sql files beside its models
    Test(TestArgs),
    /// Run SQL: one statement, a file, or an interactive shell
    Sql(SqlArgs),
    /// List all tables, or drop one that the project no longer has
    Tables(TablesArgs),
    /// Describe one table: columns, grain, checks, files
    Describe(DescribeArgs),
    /// List the versions of one table
    History(HistoryArgs),
    /// Show where a table's columns, or one of them, come from
    Lineage(LineageArgs),
    /// Write a page for reviewers and auditors: counts, checks, graph, masked previews
    Report(ReportArgs),
    /// Open the doors of a lake: a web page, an HTTP API, Postgres wire, Arrow Flight SQL
    Serve(Box<ServeArgs>),
    /// Write what a broker or programs send into landing files, until Ctrl-C
    Listen(Box<ListenArgs>),
    /// Manage who may sign in where a lake is served
    #[command(subcommand)]
    User(UserCommand),
    /// Write one version of a table to files with a manifest, or check such files
    Export(ExportArgs),
    /// Merge small files of tables into large ones
    Compact(CompactArgs),
    /// Find what is damaged in the lake, and repair it
    Repair(RepairArgs),
    /// Remove files that no retained version needs
    Vacuum(VacuumArgs),
    /// Manage landing input that could not be read
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Manage the key of the pseudonyms
    #[command(subcommand)]
    Key(KeyCommand),
    /// Show, grant or withdraw one person's consent
    #[command(subcommand)]
    Consent(ConsentCommand),
    /// Write synthetic landing data in the shape of the real one
    Sample(Box<SampleArgs>),
    /// Write out the built-in data product for editing
    Init(InitArgs),
    /// Make a data product of what you have elsewhere
    #[command(subcommand)]
    Import(ImportCommand),
    /// Show versions and settings, and check that the places can be used
    Doctor,
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Options of every command
    ///
    /// An option overrides its environment variable, and that the settings file.
    #[command(
        name = OPTIONS_PAGE,
        hide = true,
        override_usage = "stedi [OPTIONS] <COMMAND>\n       stedi <COMMAND> [OPTIONS]"
    )]
    Options,
}

#[derive(Debug, Args)]
pub(crate) struct RepairArgs {
    /// Show what is damaged and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Continue without the entries of the consent register that are lost together with their copies
    #[arg(long)]
    pub(crate) accept_lost_entries: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The folder to create [default: ./stedi-demo, or the next free number]
    pub(crate) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) size: SampleSize,
    /// Afterwards, serve the lake with its web page until Ctrl-C
    #[arg(long)]
    pub(crate) serve: bool,
    /// Afterwards, let readings arrive, take them in, and serve the web page until Ctrl-C
    #[arg(long, conflicts_with = "serve")]
    pub(crate) live: bool,
    /// Where the web page listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) http: SocketAddr,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct SampleSize {
    /// How many people; everything else grows with them
    #[arg(long, value_name = "N", default_value_t = sample::Sample::default().customers)]
    pub(crate) customers: u64,
    /// The same seed gives the same data
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
    /// Build only these tables and what they need; changes of consent still reach every table
    #[arg(long, value_name = "TABLE", num_args = 1.., value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Check row counts: `published`, or a file with `[rows]` and `table = count`
    #[arg(long, value_name = "published|FILE")]
    pub(crate) expect: Option<String>,
    /// Publish nothing if any landing input cannot be read
    #[arg(long)]
    pub(crate) strict: bool,
    /// Read everything and rebuild every table, even if nothing is new
    #[arg(long)]
    pub(crate) full: bool,
    /// What to do with rows from landing files that were changed or removed after they were read
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub(crate) changed: Changed,
    /// What to do if a file of customer records cannot be decoded, so that
    /// withdrawals in it would be missed [default: warn]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) undecodable: Option<Undecodable>,
    /// How progress and messages are written to standard error
    #[arg(long, value_enum, value_name = "FORM", default_value_t)]
    pub(crate) progress: ProgressForm,
}

/// How progress and messages are written to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ProgressForm {
    /// Messages as text, and bars on a terminal.
    #[default]
    Text,
    /// One JSON object for each event and message, each on a line of its own.
    Ndjson,
}

/// What a run does about a file of customer records that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Undecodable {
    /// Warn and continue.
    #[default]
    Warn,
    /// Publish nothing.
    Stop,
}

/// What a run does with landing files that were changed or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Changed {
    /// Rebuild every table from the files that are there now.
    #[default]
    Rebuild,
    /// Keep the rows, and read only new files.
    Keep,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Each run is a line on standard output; with --format ndjson, a JSON object. A failed check or gate\n\
                  does not end it: the next run begins when something else arrives. While the lake is locked or a\n\
                  store fails, it waits longer and longer, up to a minute. docs/arrival.md says when a file counts as\n\
                  whole. Ctrl-C and SIGTERM end it."
)]
pub(crate) struct WatchArgs {
    /// How often a run begins at most
    #[arg(long, value_name = "SECONDS", default_value = "5s")]
    pub(crate) every: String,
    /// Begin a run only when so many files, or files of such a size, have arrived: 100, or 64MB
    #[arg(long, value_name = "N|SIZE", default_value = "1")]
    pub(crate) at_least: String,
    /// How long a file waits for others at most
    #[arg(long, value_name = "SECONDS", default_value = "60s")]
    pub(crate) at_most_wait: String,
    /// How long a file on disk stays as it is before it counts as whole, unless it was seen closed
    #[arg(long, value_name = "SECONDS", default_value = "2s")]
    pub(crate) settle: String,
    /// A queue of SQS with the notifications of the landing bucket, for this watch alone
    #[arg(long, value_name = "URL")]
    pub(crate) sqs_queue: Option<String>,
    /// Do not merge small files of tables
    #[arg(long)]
    pub(crate) no_compact: bool,
    /// Remove versions, as `vacuum --keep` does, whenever small files were merged [default: remove nothing]
    #[arg(long, value_name = "DURATION")]
    pub(crate) keep: Option<String>,
    /// As for `run`: what to do with rows from landing files that were changed or removed
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub(crate) changed: Changed,
    /// As for `run`
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) undecodable: Option<Undecodable>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// As for `run`
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) undecodable: Option<Undecodable>,
    /// As for `run`: only these tables and what they need
    #[arg(long, value_name = "TABLE", num_args = 1.., value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// As for `run`: fail if any landing input cannot be read
    #[arg(long)]
    pub(crate) strict: bool,
    /// As for `run`: how progress and messages are written to standard error
    #[arg(long, value_enum, value_name = "FORM", default_value_t)]
    pub(crate) progress: ProgressForm,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Check row counts: `published`, or a file with `[rows]` and `table = count`
    #[arg(long, value_name = "published|FILE")]
    pub(crate) expect: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The page holds no personal value, is one file and loads nothing. Every row of the lake is read for it.\n\
                  Checks and privacy gates are computed as by `stedi verify`. A file that is no report is not replaced\n\
                  without --yes. `stedi report --format json` prints the same figures. Exit code 3: a count or a check\n\
                  failed; 4: a privacy gate refuses; the page is written, and says which."
)]
pub(crate) struct ReportArgs {
    /// The file to write, or - for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<String>,
    /// The format of the page [default: the ending of FILE, or html]
    #[arg(long = "as", value_enum, value_name = "FORMAT", requires = "out")]
    pub(crate) page_format: Option<PageFormat>,
    /// Check row counts: `published`, or a file with `[rows]` and `table = count` [default: the
    /// published counts, where landing holds the published rows]
    #[arg(long, value_name = "published|FILE")]
    pub(crate) expect: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Everybody may come in from this machine until there is a user. From then on, and at any address that\n\
                  is not loopback, people sign in; an address that is not loopback also needs TLS. Every statement\n\
                  only reads, at the tables of one release, as the role of whoever asks allows. Each one, and each\n\
                  sign-in, is a line of the audit log. docs/serving.md says who may do what."
)]
pub(crate) struct ServeArgs {
    /// Where the web page and the HTTP API listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) http: SocketAddr,
    /// Where clients of Postgres are answered, such as 127.0.0.1:5432
    #[arg(long, value_name = "ADDR")]
    pub(crate) pg: Option<SocketAddr>,
    /// Where clients of Arrow Flight SQL are answered, such as 127.0.0.1:31337
    #[arg(long, value_name = "ADDR")]
    pub(crate) flight: Option<SocketAddr>,
    /// A name by which the server is asked, besides its address; may be repeated
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// The chain of certificates for TLS, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) users: UsersArgs,
    /// The audit log [default: audit.ndjson in the user's state folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) audit: Option<PathBuf>,
    /// Where users save statements [default: saved.json in the user's state folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) saved: Option<PathBuf>,
    /// Print a line to standard error for each request and each statement
    #[arg(long, value_enum, value_name = "FORM")]
    pub(crate) log: Option<LogForm>,
    /// How many seconds a statement may take
    #[arg(long, value_name = "SECONDS", default_value = "300")]
    pub(crate) timeout: String,
    /// How many rows a statement may give
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub(crate) max_rows: u64,
    /// Check row counts: `published`, or a file with `[rows]` and `table = count`
    #[arg(long, value_name = "published|FILE")]
    pub(crate) expect: Option<String>,
    /// Take records, too: programs post them to /v1/TABLE at the address of --http
    #[arg(long)]
    pub(crate) listen: bool,
    #[command(flatten)]
    pub(crate) arrival: ArrivalArgs,
}

#[derive(Debug, Args)]
pub(crate) struct UsersArgs {
    /// The file of users [default: users.json in the user's settings folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) users: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user; the password is read from standard input
    Add {
        /// 1 to 32 of the characters a-z, 0-9, `.` and `-`
        name: String,
        /// What the user may see and do
        #[arg(long, value_enum)]
        role: RoleName,
        /// An engineer sees personal values as they are
        #[arg(long)]
        sees_personal: bool,
        /// Without a password: the user comes with tokens only
        #[arg(long)]
        no_password: bool,
        #[command(flatten)]
        users: UsersArgs,
    },
    /// List users and their tokens
    List {
        #[command(flatten)]
        users: UsersArgs,
    },
    /// Make a token for a user, and show it once
    Token {
        /// The user
        name: String,
        /// After how many days it ends
        #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=3650))]
        days: u16,
        #[command(flatten)]
        users: UsersArgs,
    },
    /// Revoke a token of a user, or all of them
    Revoke {
        /// The user
        name: String,
        /// The token's id, as `stedi user list` shows it [default: all tokens]
        id: Option<String>,
        #[command(flatten)]
        users: UsersArgs,
    },
    /// Remove a user with all tokens
    Remove {
        /// The user
        name: String,
        #[command(flatten)]
        users: UsersArgs,
    },
}

/// A role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// Curated tables, without personal columns.
    Scientist,
    /// All tables, with personal values masked.
    Engineer,
    /// What the lake knows about consent; other personal values masked.
    PrivacyOfficer,
}

/// What log lines look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// For reading.
    Text,
    /// One JSON object for each line.
    Json,
}

/// What a page is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PageFormat {
    /// HTML with an SVG graph.
    Html,
    /// Markdown.
    Md,
    /// The figures, for programs.
    Json,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A test gives landing rows and says which rows must come out. Each one runs in a folder of its\n\
                  own; lake and landing folder are not touched. `stedi init` writes the built-in tests out, and\n\
                  docs/testing-models.md describes them. Exit code 3: a test failed; 2: a test file is wrong."
)]
pub(crate) struct TestArgs {
    /// Run the tests of these tables [default: all]
    #[arg(value_name = "TABLE")]
    pub(crate) tables: Vec<String>,
    /// Run only tests whose title holds this text, in any letter case
    #[arg(long, value_name = "TEXT")]
    pub(crate) case: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Landing, trusted and curated tables have bare names; system tables are called system.NAME.\n\
                  Older versions: FROM t VERSION AS OF 3, FROM t TIMESTAMP AS OF '2026-11-20T10:00:00Z',\n\
                  or --as-of for all tables at once.\n\
                  Functions: run_time(), the start of the run; subject(email), the person; pseudonym(text), a\n\
                  keyed hash: pseudonym(subject(email)) distinguishes people without identifying them.\n\
                  The shell: \\? lists its commands, such as \\timing and \\o FILE. It shows a long table with\n\
                  the program that $PAGER names."
)]
pub(crate) struct SqlArgs {
    /// One or more statements, separated by semicolons
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
    /// Read the lake as it was at this time
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<String>,
    /// Stop a statement that takes longer [default: no limit]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TablesArgs {
    /// Drop this table, which the lake has and the project no longer has: NAME or ZONE.NAME
    #[arg(long, value_name = "NAME")]
    pub(crate) drop: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Files smaller than 128 MiB are merged into files of up to 512 MiB, in the order in which they\n\
                  were added. No row changes, and readers are not disturbed. Older versions keep the small\n\
                  files until `stedi vacuum` removes them."
)]
pub(crate) struct CompactArgs {
    /// Which tables [default: all, including system tables]
    #[arg(value_name = "TABLE")]
    pub(crate) tables: Vec<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A version is retained if it was the newest one at any time within --keep. The newest version is\n\
                  always retained. A removed version loses its log entry and the files that no other version\n\
                  needs. Readers of retained versions are not disturbed; --keep 0s can break queries that still\n\
                  read an older version."
)]
pub(crate) struct VacuumArgs {
    /// How long a version can still be read after a newer one: 7d, 12h, 30m; 0s retains only the newest
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    pub(crate) keep: String,
    /// Show what would be removed, and remove nothing
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
    after_help = "Direct: the value is part of the result. Masked: the value is used, but the result does not\n\
                  reveal it (a count, a comparison). Indirect: the value only selects rows or values."
)]
pub(crate) struct LineageArgs {
    /// Which table, or which column of it
    #[arg(value_name = "TABLE[.COLUMN]")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
#[command(
    after_help = "PATH is a new folder, which gets TABLE.parquet and manifest.json; or a new file that ends with\n\
                  .parquet, .csv or .ndjson, with its manifest beside it; or a URL of either. The manifest is\n\
                  written last: files without one are not an export.\n\
                  Two exports of one version are equal byte for byte, except for the time in their manifests.\n\
                  Manifests of equal rows have the same `content`, whatever the order and format."
)]
pub(crate) struct ExportArgs {
    /// Which table
    #[arg(required_unless_present = "check")]
    pub(crate) table: Option<String>,
    /// Where to write the files
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
    /// The format of the files [default: the ending of PATH, or parquet]
    #[arg(
        long = "as",
        value_enum,
        value_name = "FORMAT",
        conflicts_with = "check"
    )]
    pub(crate) files_format: Option<ExportFormat>,
    /// Allow personal values to leave the lake
    #[arg(long, conflicts_with = "check")]
    pub(crate) personal: bool,
    /// Compare an export with its manifest and with the lake
    #[arg(long, value_name = "PATH", conflicts_with_all = ["table", "to"])]
    pub(crate) check: Option<String>,
}

/// What an export's files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Parquet, as the lake itself uses.
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
    /// List the entries: where, how long and why
    List {
        /// Also list dropped entries
        #[arg(long)]
        all: bool,
    },
    /// Print the bytes of one entry as they were received (they may be personal)
    Show {
        /// The id of the entry, or its first characters
        id: String,
    },
    /// Run again to read the files that were corrected
    Retry,
    /// Give entries up: later runs no longer report them
    Drop {
        /// The ids of the entries, or their first characters
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// All open entries
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Show where the key is, its fingerprint and its age; never the key itself
    Show,
    /// Replace the key: old pseudonyms can no longer be linked to new ones
    Rotate,
    /// Destroy the key: pseudonyms can no longer be linked to people
    Destroy,
}

const WHOSE: &str = "The person's e-mail address is read from standard input, as one line, or from --email-file.\n\
                     It is not accepted in the arguments, which stay in the shell's history.";

#[derive(Debug, Subcommand)]
#[command(after_help = WHOSE)]
pub(crate) enum ConsentCommand {
    /// Show since when consent is in force, the manual entries, and what suspends it
    #[command(after_help = WHOSE)]
    Status(ConsentStatusArgs),
    /// Enter that the person agrees; takes effect with the next run
    #[command(after_help = WHOSE)]
    Grant(ConsentEntryArgs),
    /// Enter that the person no longer agrees; takes effect with the next run
    #[command(after_help = WHOSE)]
    Withdraw(ConsentEntryArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PersonArgs {
    /// Read the e-mail address from this file instead of standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) email_file: Option<PathBuf>,
    /// Accepted here so that it can be refused without being quoted.
    #[arg(hide = true)]
    pub(crate) refused: Vec<std::ffi::OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct ConsentStatusArgs {
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    /// Only this purpose [default: all]
    #[arg(long, value_enum)]
    pub(crate) purpose: Option<ConsentPurpose>,
}

#[derive(Debug, Args)]
pub(crate) struct ConsentEntryArgs {
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    /// The purpose
    #[arg(long, value_enum, default_value = "research")]
    pub(crate) purpose: ConsentPurpose,
    /// When it takes effect: RFC 3339, a date, or epoch milliseconds [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) at: Option<String>,
    /// Who enters it [default: your login name]
    #[arg(long, value_name = "NAME")]
    pub(crate) who: Option<String>,
    /// Why, to be kept with the entry
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
    /// Accept a person of whom no record and no reading has arrived
    #[arg(long)]
    pub(crate) unknown: bool,
}

/// What data may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConsentPurpose {
    /// Research on how people train
    Research,
    /// Showing it to the public
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
    #[arg(required_unless_present = "stream")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) size: SampleSize,
    /// Defects in the data; kinds combine. OUT/truth holds what a run must make
    /// of them
    #[arg(
        long = "defect",
        value_enum,
        value_name = "KIND",
        value_delimiter = ','
    )]
    pub(crate) defects: Vec<sample::Defect>,
    /// Play readings in real time instead, to mqtt://HOST:PORT, http://HOST:PORT or a landing
    /// folder, and print at the end what was sent
    #[arg(long, value_name = "TO", conflicts_with_all = ["out", "defects", "customers"])]
    pub(crate) stream: Option<String>,
    #[command(flatten)]
    pub(crate) stream_args: StreamArgs,
}

/// How a stream is played.
#[derive(Debug, Args)]
#[command(next_help_heading = "Stream")]
pub(crate) struct StreamArgs {
    /// Messages a second: half of them of phones, half of trainers
    #[arg(long, value_name = "N", default_value = "100", requires = "stream", value_parser = rate)]
    pub(crate) rate: f64,
    /// How many people, each with one device
    #[arg(long, value_name = "N", default_value = "100", requires = "stream", value_parser = devices)]
    pub(crate) devices: usize,
    /// For how many seconds [default: until Ctrl-C]
    #[arg(long, value_name = "N", requires = "stream")]
    pub(crate) seconds: Option<f64>,
    #[command(flatten)]
    pub(crate) broker: BrokerArgs,
}

/// Messages a second.
fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok();
    let rate = rate.filter(|rate| (0.01..=1_000_000.0).contains(rate));
    rate.ok_or_else(|| "a number from 0.01 to 1000000".to_owned())
}

/// A number of devices that fit into memory.
fn devices(text: &str) -> Result<usize, String> {
    let number = text.parse().ok();
    let number = number.filter(|number| (1..=1_000_000).contains(number));
    number.ok_or_else(|| "a number from 1 to 1000000".to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Translate AWS Glue scripts and Athena DDL into a data product
    #[command(
        after_help = "Reads *.py (Glue Studio or PySpark; never executed) and *.sql (CREATE EXTERNAL TABLE). Prints\n\
                      what became of each node of each script. What has no translation is a comment in the\n\
                      model's file, with the reason. docs/import.md says what is translated, and how.\n\n\
                      Exit codes: 0 all is translated; 1 something is not, or the files cannot be read or written"
    )]
    Glue(ImportGlueArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ImportGlueArgs {
    /// Scripts and definitions, or folders of them
    #[arg(required = true, value_name = "DIR|FILE")]
    pub(crate) from: Vec<PathBuf>,
    /// The folder to write the data product to; it must not exist, or be empty
    #[arg(long, value_name = "DIR", default_value = "lakehouse")]
    pub(crate) to: PathBuf,
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
        super::Cli::with_short_pages().debug_assert();
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
