//! Notifications of a bucket in an SQS queue. Hints only: the queue may lose, double or
//! delay them, and a listing is what counts. A message is deleted once the watcher has
//! looked for its objects.

mod notification;

use std::time::{Duration, Instant};

use axum::http::{Method, Request, StatusCode, header};
use futures::TryStreamExt;
use object_store::RetryConfig;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpResponse};
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use url::Url;

pub(super) use self::notification::Notified;
use super::backoff::Backoff;

/// How long the queue may wait for messages before it answers: the longest that SQS allows.
const WAIT: Duration = Duration::from_secs(20);

/// How long anything may take at the queue besides.
const TIME: Duration = Duration::from_secs(10);

/// Messages at once: the most that SQS allows.
const MESSAGES: usize = 10;

/// Bytes of the largest answer: ten messages of 256 KiB, each byte escaped.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// The least time from one question to the next where the queue answers at once that it has
/// nothing.
const PAUSE_EMPTY: Duration = Duration::from_secs(1);

/// Pauses after a failure.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A queue to which a bucket sends its notifications.
#[derive(Debug)]
pub struct Queue {
    url: String,
    endpoint: String,
    region: String,
    client: HttpClient,
    credentials: AwsCredentialProvider,
}

/// Why a queue cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// It is no address of a queue.
    #[error("it is no URL of a queue")]
    Url,
    /// Anybody could read along.
    #[error("a queue on another machine is asked by https")]
    Open,
    /// Neither the address nor the environment names a region.
    #[error("no region is known")]
    Region,
    /// There is no client for HTTP, such as without certificates of whom to trust.
    #[error("this machine has no client for it")]
    Client,
    /// There is no source of credentials.
    #[error("no credentials are known")]
    Credentials,
}

impl Queue {
    /// The queue at `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`, or at another address
    /// with the region of `AWS_REGION`. Credentials are those of `AWS_*`, as for buckets.
    ///
    /// Asks nobody.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn parse(text: &str) -> Result<Self, QueueError> {
        let url = Url::parse(text).map_err(|_| QueueError::Url)?;
        let host = url.host_str().ok_or(QueueError::Url)?;
        let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let has_name = url.path_segments().is_some_and(|mut parts| {
            parts.next().is_some_and(|account| !account.is_empty())
                && parts.next_back().is_some_and(|name| !name.is_empty())
        });
        let has_login = !url.username().is_empty() || url.password().is_some();
        if !has_name || has_login || url.query().is_some() || url.fragment().is_some() {
            return Err(QueueError::Url);
        }
        match url.scheme() {
            "https" => {}
            "http" if is_here => {}
            "http" => return Err(QueueError::Open),
            _ => return Err(QueueError::Url),
        }
        let settings = AmazonS3Builder::from_env()
            .with_bucket_name("none")
            .with_retry(RetryConfig {
                max_retries: 2,
                retry_timeout: TIME,
                ..RetryConfig::default()
            });
        let region = region_of(host)
            .or_else(|| settings.get_config_value(&AmazonS3ConfigKey::Region))
            .ok_or(QueueError::Region)?;
        // A queue that sends elsewhere is none: what is sent along is for it alone.
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(TIME)
            .timeout(WAIT + TIME)
            .build();
        Ok(Self {
            endpoint: format!("{}/", url.origin().ascii_serialization()),
            url: text.to_owned(),
            region,
            client: HttpClient::new(client.map_err(|_| QueueError::Client)?),
            credentials: credentials_of(settings)?,
        })
    }

    /// Waits for messages, at most [`WAIT`].
    ///
    /// # Errors
    /// Why, in words.
    async fn receive(&self) -> Result<Vec<Message>, String> {
        let asked = json!({
            "QueueUrl": self.url,
            "MaxNumberOfMessages": MESSAGES,
            "WaitTimeSeconds": WAIT.as_secs(),
        });
        let answer = self.ask("ReceiveMessage", &asked).await?;
        let messages = answer["Messages"].as_array();
        let messages = messages.into_iter().flatten().filter_map(Message::of);
        Ok(messages.collect())
    }

    async fn delete(&self, messages: &[Message]) -> Result<(), String> {
        let entries = messages
            .iter()
            .enumerate()
            .map(|(id, message)| json!({"Id": id.to_string(), "ReceiptHandle": message.receipt}));
        let asked = json!({"QueueUrl": self.url, "Entries": entries.collect::<Vec<_>>()});
        let answer = self.ask("DeleteMessageBatch", &asked).await?;
        match answer["Failed"][0]["Code"].as_str() {
            None => Ok(()),
            Some(code) => Err(kind_of(code).unwrap_or("it refuses").to_owned()),
        }
    }

    /// Asks the queue, as SQS's protocol in JSON has it.
    async fn ask(&self, action: &str, body: &Value) -> Result<Value, String> {
        let credential = self.credentials.get_credential().await;
        let credential = credential.map_err(|_| "there are no credentials for it".to_owned())?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.endpoint)
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .body(body.to_string().into());
        let mut request = request.map_err(|error| error.to_string())?;
        AwsAuthorizer::new(&credential, "sqs", &self.region).authorize(&mut request, None);
        let answer = self.client.execute(request).await;
        let answer = answer.map_err(|_| "it does not answer".to_owned())?;
        let status = answer.status();
        let body: Value = serde_json::from_slice(&bytes_of(answer).await?).unwrap_or_default();
        if status != StatusCode::OK {
            let kind = body["__type"].as_str().and_then(kind_of);
            let kind = kind.unwrap_or("it refuses");
            return Err(format!("{kind} ({})", status.as_u16()));
        }
        match body.is_object() {
            true => Ok(body),
            false => Err("what answers is no queue".to_owned()),
        }
    }
}

/// The name of a fault, as SQS writes it behind a namespace.
fn kind_of(text: &str) -> Option<&str> {
    let kind = text.rsplit('#').next()?;
    let is_name = (1..=64).contains(&kind.len())
        && kind
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    is_name.then_some(kind)
}

async fn bytes_of(answer: HttpResponse) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut parts = answer.into_body().bytes_stream();
    while let Some(part) = parts
        .try_next()
        .await
        .map_err(|_| "its answer breaks off".to_owned())?
    {
        if bytes.len() + part.len() > ANSWER_BYTES_MAX {
            return Err("its answer is too large".to_owned());
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

fn credentials_of(settings: AmazonS3Builder) -> Result<AwsCredentialProvider, QueueError> {
    let store = settings.build().map_err(|_| QueueError::Credentials)?;
    Ok(store.credentials().clone())
}

/// The region in a host such as `sqs.eu-central-1.amazonaws.com`.
fn region_of(host: &str) -> Option<String> {
    let mut labels = host.split('.').skip_while(|label| *label != "sqs").skip(1);
    let region = labels.next()?;
    let is_aws = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
    (is_aws && region.contains('-')).then(|| region.to_owned())
}

/// A message, and by what it is deleted.
struct Message {
    receipt: String,
    /// The objects of which it tells; `None` if it tells of something else.
    objects: Option<Vec<Notified>>,
}

impl Message {
    fn of(message: &Value) -> Option<Self> {
        Some(Self {
            receipt: message["ReceiptHandle"].as_str()?.to_owned(),
            objects: notification::objects(message["Body"].as_str().unwrap_or_default()),
        })
    }
}

/// What is heard of a queue.
#[derive(Debug)]
pub(super) enum Heard {
    /// Something is new with these objects. `seen` is told once that was looked at.
    Objects {
        objects: Vec<Notified>,
        seen: oneshot::Sender<()>,
    },
    /// It answers, or why it does not; only where that is new.
    Answers(Result<(), String>),
    /// A message is no notification of a bucket; only the first time.
    Foreign,
    /// Why messages stay; only the first time.
    Undeleted(String),
}

/// Asks a queue as long as it is there.
pub(super) struct Listener {
    heard: mpsc::Receiver<Heard>,
    task: JoinHandle<()>,
}

impl Listener {
    pub(super) fn of(queue: Queue) -> Self {
        let (tell, heard) = mpsc::channel(1);
        Self {
            heard,
            task: tokio::spawn(listen(queue, tell)),
        }
    }

    /// Waits for what is heard. Dropping it loses nothing.
    pub(super) async fn next(&mut self) -> Heard {
        match self.heard.recv().await {
            Some(heard) => heard,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(queue: Queue, tell: mpsc::Sender<Heard>) {
    let mut backoff = Backoff::new(PAUSE_MIN, PAUSE_MAX);
    let (mut answers, mut has_foreign, mut has_undeleted) = (None, false, false);
    loop {
        let asked = Instant::now();
        let received = queue.receive().await;
        let outcome = received.as_ref().map(drop).map_err(Clone::clone);
        if answers.as_ref() != Some(&outcome) {
            answers = Some(outcome.clone());
            if tell.send(Heard::Answers(outcome)).await.is_err() {
                return;
            }
        }
        let Ok(messages) = received else {
            tokio::time::sleep(backoff.next()).await;
            continue;
        };
        if messages.is_empty() {
            backoff.reset();
            tokio::time::sleep(PAUSE_EMPTY.saturating_sub(asked.elapsed())).await;
            continue;
        }
        let is_foreign = messages.iter().any(|message| message.objects.is_none());
        if is_foreign && !std::mem::replace(&mut has_foreign, true) {
            _ = tell.send(Heard::Foreign).await;
        }
        let objects = messages
            .iter()
            .filter_map(|message| message.objects.clone());
        let (seen, is_seen) = oneshot::channel();
        let objects = objects.flatten().collect();
        let told = tell.send(Heard::Objects { objects, seen }).await;
        if told.is_err() {
            return;
        }
        // Whoever waited for the next step no longer does: the messages come again.
        if is_seen.await.is_err() {
            continue;
        }
        match queue.delete(&messages).await {
            Ok(()) => backoff.reset(),
            // They come again, which does no harm but costs.
            Err(reason) => {
                if !std::mem::replace(&mut has_undeleted, true) {
                    _ = tell.send(Heard::Undeleted(reason)).await;
                }
                tokio::time::sleep(backoff.next()).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_queues() {
        for (text, region) in [
            (
                "https://sqs.eu-central-1.amazonaws.com/123456789012/landing",
                Some("eu-central-1"),
            ),
            (
                "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/landing",
                Some("cn-north-1"),
            ),
            (
                "https://vpce-0a1b.sqs.us-east-1.vpce.amazonaws.com/123456789012/landing",
                Some("us-east-1"),
            ),
            ("https://queue.example/1/landing", None),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(
                region_of(url.host_str().unwrap()).as_deref(),
                region,
                "{text}"
            );
        }
        for (text, says) in [
            ("landing", "no URL"),
            ("https://sqs.eu-central-1.amazonaws.com/landing/", "no URL"),
            ("https://sqs.eu-central-1.amazonaws.com/", "no URL"),
            (
                "https://a:b@sqs.eu-central-1.amazonaws.com/1/landing",
                "no URL",
            ),
            (
                "https://:b@sqs.eu-central-1.amazonaws.com/1/landing",
                "no URL",
            ),
            ("ftp://sqs.eu-central-1.amazonaws.com/1/landing", "no URL"),
            (
                "http://sqs.eu-central-1.amazonaws.com/1/landing",
                "by https",
            ),
        ] {
            let error = Queue::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
