//! A broker as the command line names it: address, certificates, login.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use ingest::{Broker, ClientTlsError, MqttSource, MqttVersion};

use crate::args::{BrokerArgs, MqttVersionName};
use crate::failure::Failure;
use crate::output::say;
use crate::settings::{Settings, seconds_of};

/// The variable that holds the password of a broker's user.
const PASSWORD_VARIABLE: &str = "STEDI_MQTT_PASSWORD";

/// Bytes of the longest password.
const PASSWORD_BYTES_MAX: u64 = 64 << 10;

/// The broker, without what is taken from it.
pub(crate) fn broker(settings: &Settings, address: &str, args: &BrokerArgs) -> Result<MqttSource> {
    let broker = Broker::parse(address).map_err(|error| {
        Failure::settings(
            format!("`{}`: {error}", without_login(address)),
            "write mqtt://HOST:1883, or mqtts://HOST:8883 with TLS",
        )
    })?;
    let own = args.client_cert.as_deref().zip(args.client_key.as_deref());
    let is_secure = broker.is_secure;
    if !is_secure && (args.ca.is_some() || own.is_some()) {
        return Err(Failure::settings(
            "certificates are of use only with TLS",
            format!("write mqtts://{}:8883", broker.host),
        ));
    }
    let tls = is_secure.then(|| ingest::client_tls(args.ca.as_deref(), own).map_err(tls_failure));
    let login = login(args)?;
    if !is_secure && !broker.is_loopback() {
        if login.is_some() {
            return Err(Failure::settings(
                "a password is not sent to another machine without TLS",
                format!("write mqtts://{}:8883", broker.host),
            ));
        }
        say(
            settings,
            "warning: messages come from another machine without TLS: others may read and change them",
        );
    }
    let keep_alive = seconds_of("keep-alive", &args.keep_alive)?;
    if !(Duration::from_secs(5)..=Duration::from_secs(18 * 60 * 60)).contains(&keep_alive) {
        return Err(Failure::settings(
            "--keep-alive is out of range",
            "write --keep-alive 30",
        ));
    }
    Ok(MqttSource {
        version: match args.mqtt_version {
            MqttVersionName::Three => MqttVersion::Three,
            MqttVersionName::Five => MqttVersion::Five,
        },
        client_id: String::new(),
        login,
        tls: tls.transpose()?,
        routes: Vec::new(),
        keep_alive,
        is_clean: false,
        broker,
    })
}

/// An address as it may be shown: what stands before `@` may be a password.
fn without_login(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, host)| host)
}

fn tls_failure(error: ClientTlsError) -> anyhow::Error {
    Failure::settings(
        error.to_string(),
        "give PEM files: --ca FILE for whom to trust, --client-cert FILE and --client-key FILE for who you are",
    )
}

fn login(args: &BrokerArgs) -> Result<Option<(String, String)>> {
    let Some(user) = &args.user else {
        return Ok(None);
    };
    let password = match &args.password_file {
        Some(file) => read_password(file)?,
        None => std::env::var(PASSWORD_VARIABLE).map_err(|_| {
            Failure::settings(
                "a user needs a password",
                format!("set {PASSWORD_VARIABLE}, or name a file with --password-file"),
            )
        })?,
    };
    Ok(Some((user.clone(), password)))
}

fn read_password(file: &Path) -> Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(file)
        .and_then(|file| file.take(PASSWORD_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|error| {
        Failure::settings(
            format!("cannot read the password in {}: {error}", file.display()),
            "name a file with the password in its first line",
        )
    })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
