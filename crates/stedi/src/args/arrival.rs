//! Flags of what takes records: `listen`, and `serve` where it listens, too.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "A message is acknowledged, and a post answered, after its file is whole and on the disk. Messages of a\n\
                  broker go to the landing table that names their topic in the property stedi.topic, or to that of\n\
                  --topic. Programs post to /v1/TABLE: whoever is on this machine until there is a source, then with\n\
                  a token. docs/arrival.md says what is promised."
)]
pub(crate) struct ListenArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ListenCommand>,
    /// The broker to subscribe to: mqtt://HOST:PORT, or mqtts://HOST:PORT with TLS
    #[arg(long, value_name = "ADDR")]
    pub(crate) mqtt: Option<String>,
    /// Messages of this topic filter go to this landing table; may be repeated
    #[arg(long = "topic", value_name = "FILTER=TABLE", requires = "mqtt")]
    pub(crate) topics: Vec<String>,
    #[command(flatten)]
    pub(crate) broker: BrokerArgs,
    /// Where programs post records, such as 127.0.0.1:8090
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// The chain of certificates for TLS of --http, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) arrival: ArrivalArgs,
}

/// Who may post, and how records become landing files.
#[derive(Debug, Args)]
#[command(next_help_heading = "Arrival")]
pub(crate) struct ArrivalArgs {
    #[command(flatten)]
    pub(crate) sources: SourcesArgs,
    /// Where idempotency keys are kept [default: a folder for each landing place in the user's
    /// state folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// A file is written once it has this size
    #[arg(long, value_name = "SIZE", default_value = "8MB")]
    pub(crate) file_size: String,
    /// A file is written once its first record waits so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "1s")]
    pub(crate) file_age: String,
    /// How much may wait to be written; beyond it, senders wait
    #[arg(long, value_name = "SIZE", default_value = "64MB")]
    pub(crate) buffer: String,
}

/// How to sign in to a broker.
#[derive(Debug, Args)]
#[command(next_help_heading = "Broker")]
pub(crate) struct BrokerArgs {
    /// The version of MQTT
    #[arg(long, value_enum, value_name = "VERSION", default_value_t)]
    pub(crate) mqtt_version: MqttVersionName,
    /// The user; the password is in STEDI_MQTT_PASSWORD or in --password-file
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// A file with the password in its first line
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
    /// Certificates of whom to trust, as PEM [default: those that the system trusts]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The client's own certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub(crate) client_cert: Option<PathBuf>,
    /// The private key of that certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub(crate) client_key: Option<PathBuf>,
    /// Names the session that the broker keeps [default: one name for each landing place]
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// How often the connection shows that it is alive, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    pub(crate) keep_alive: String,
    /// Let the broker forget the session with the connection: what comes meanwhile is lost
    #[arg(long)]
    pub(crate) clean: bool,
}

/// A version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum MqttVersionName {
    /// 3.1.1.
    #[default]
    #[value(name = "3.1.1", alias = "3")]
    Three,
    /// 5.
    #[value(name = "5", alias = "5.0")]
    Five,
}

#[derive(Debug, Args)]
pub(crate) struct SourcesArgs {
    /// The file of sources [default: sources.json in the user's settings folder]
    #[arg(long = "sources", value_name = "FILE")]
    pub(crate) sources: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ListenCommand {
    /// Make the token of a source, and show it once; it replaces the one before
    Token {
        /// 1 to 32 of the characters a-z, 0-9, `.` and `-`
        name: String,
        /// The landing tables that the source may write to
        #[arg(long, value_name = "TABLE", required = true, num_args = 1.., value_delimiter = ',')]
        tables: Vec<String>,
        /// After how many days it ends
        #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
        days: u16,
        #[command(flatten)]
        sources: SourcesArgs,
    },
    /// List sources
    Sources {
        #[command(flatten)]
        sources: SourcesArgs,
    },
    /// Remove a source with its token
    Revoke {
        /// The source
        name: String,
        #[command(flatten)]
        sources: SourcesArgs,
    },
}
