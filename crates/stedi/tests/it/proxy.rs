//! A faulty network between the program and its store: an HTTP/1.1 proxy on
//! loopback that treats each request as a plan says.
//!
//! Requests pass unchanged, `Host` included, so that their signatures are valid.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::bucket::Server;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The answer is 503 `SlowDown`; the server does not receive the request.
    Throttled,
    /// The answer is 500; the server does not receive the request.
    Unable,
    /// The server executes the request; the answer is 502.
    BadGateway,
    /// The connection is reset; the server does not receive the request.
    ResetBefore,
    /// The server executes the request; the connection is reset instead of an
    /// answer.
    ResetAfter,
    /// The server executes the request; the connection is closed instead of an
    /// answer.
    AnswerLost,
    /// The server executes the request; no answer comes.
    Stalled,
    /// The server executes the request; the answer breaks off half-way.
    Truncated,
    /// The server executes the request after a delay.
    Late(Duration),
    /// The store has no conditional PUT: it overwrites existing objects.
    Unconditional,
}

/// The faults that the program must survive.
pub(crate) const ALL: [Fault; 8] = [
    Fault::Throttled,
    Fault::Unable,
    Fault::BadGateway,
    Fault::ResetBefore,
    Fault::ResetAfter,
    Fault::AnswerLost,
    Fault::Stalled,
    Fault::Truncated,
];

/// A request, as the plan gets it.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// Path with the query.
    pub(crate) path: &'a str,
    /// Whether it is a conditional PUT: create an object only if there is none.
    pub(crate) conditional: bool,
    /// Number of the request, from 0, over all requests.
    pub(crate) number: u64,
    /// Number of earlier identical requests.
    pub(crate) repeats: u32,
}

type Plan = dyn Fn(&Request) -> Option<Fault> + Send + Sync;

/// The proxy. It listens until it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: Server,
    upstream: SocketAddr,
    plan: Box<Plan>,
    ended: AtomicBool,
    requests: AtomicU64,
    creations: AtomicU64,
    seen: Mutex<HashMap<String, u32>>,
    done: Mutex<Vec<(Fault, String)>>,
}

/// Time without an answer for a stalled request: longer than the program waits in
/// these tests.
const STALL: Duration = Duration::from_secs(20);

/// Maximum size of a message.
const MESSAGE_BYTES_MAX: usize = 256 << 20;

impl Proxy {
    /// A proxy in front of `server`; `plan` decides on each request.
    pub(crate) fn new(
        server: &Server,
        plan: impl Fn(&Request) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let upstream = server.endpoint.trim_start_matches("http://").parse();
        let shared = Arc::new(Shared {
            server: server.clone(),
            upstream: upstream.expect("STEDI_TEST_S3 is http://ADDRESS:PORT"),
            plan: Box::new(plan),
            ended: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            creations: AtomicU64::new(0),
            seen: Mutex::default(),
            done: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let of_listener = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&of_listener);
                if shared.ended.load(Ordering::Relaxed) {
                    break;
                }
                // Whatever goes wrong with a connection, the program sees it end.
                thread::spawn(move || shared.serve(client));
            }
        });
        Self { address, shared }
    }

    /// The value for `AWS_ENDPOINT`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Number of requests received.
    pub(crate) fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Number of conditional PUTs that passed without a fault and created an
    /// object. A lake commits by them.
    pub(crate) fn creations(&self) -> u64 {
        self.shared.creations.load(Ordering::Relaxed)
    }

    /// The faults so far, and the request of each.
    pub(crate) fn done(&self) -> Vec<(Fault, String)> {
        self.shared.done.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

/// A reproducible random plan: of every thousand requests, `per_mille` get one of
/// `faults`.
pub(crate) fn at_random(
    seed: u64,
    per_mille: u64,
    faults: &'static [Fault],
) -> impl Fn(&Request) -> Option<Fault> + Send + Sync + 'static {
    move |request| {
        let dice = mixed(seed ^ mixed(request.number));
        let hit = dice % 1000 < per_mille;
        hit.then(|| faults[(dice >> 32) as usize % faults.len()])
    }
}

/// The finaliser of SplitMix64.
pub(crate) fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// One HTTP message.
struct Message {
    /// Everything up to the empty line, inclusive.
    head: String,
    body: Vec<u8>,
}

impl Shared {
    /// Serves the requests of one connection, one after the other. Ends when a
    /// fault or the other side closes the connection.
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        while let Some(request) = read_request(&mut client)? {
            if !self.answer(&mut client, &request)? || self.ended.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    }

    /// Answers one request. Returns whether the connection can serve another one.
    fn answer(&self, client: &mut TcpStream, request: &Message) -> io::Result<bool> {
        let line = request.head.lines().next().unwrap_or_default();
        let mut words = line.split(' ');
        let method = words.next().unwrap_or_default();
        let path = words.next().unwrap_or_default();
        let repeats = {
            let mut seen = self.seen.lock().unwrap();
            let times = seen.entry(format!("{method} {path}")).or_default();
            *times += 1;
            *times - 1
        };
        let conditional = request.header("if-none-match").is_some();
        let fault = (self.plan)(&Request {
            method,
            path,
            conditional,
            number: self.requests.fetch_add(1, Ordering::Relaxed),
            repeats,
        });
        let Some(fault) = fault else {
            let answer = self.forward(request)?;
            self.creations
                .fetch_add(u64::from(conditional), Ordering::Relaxed);
            client.write_all(&answer)?;
            return Ok(true);
        };
        let mut done = self.done.lock().unwrap();
        done.push((fault, format!("{method} {path}")));
        drop(done);
        match fault {
            Fault::Throttled => {
                client.write_all(&refusal("503 Slow Down", "SlowDown"))?;
                return Ok(true);
            }
            Fault::Unable => {
                client.write_all(&refusal("500 Internal Server Error", "InternalError"))?;
                return Ok(true);
            }
            Fault::BadGateway => {
                self.forward(request)?;
                client.write_all(&refusal("502 Bad Gateway", "BadGateway"))?;
                return Ok(true);
            }
            Fault::ResetBefore => reset(client)?,
            Fault::ResetAfter => {
                self.forward(request)?;
                reset(client)?;
            }
            Fault::AnswerLost => {
                self.forward(request)?;
            }
            Fault::Stalled => {
                self.forward(request)?;
                let began = Instant::now();
                while began.elapsed() < STALL && !self.ended.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(20));
                }
            }
            Fault::Truncated => {
                let answer = self.forward(request)?;
                client.write_all(&answer[..answer.len() / 2])?;
            }
            Fault::Late(by) => {
                thread::sleep(by);
                client.write_all(&self.forward(request)?)?;
                return Ok(true);
            }
            Fault::Unconditional => {
                self.write_over(path, &request.body)?;
                client
                    .write_all(b"HTTP/1.1 200 OK\r\nETag: \"none\"\r\nContent-Length: 0\r\n\r\n")?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The complete answer of the server, changed so that the connection to the
    /// program can stay open.
    fn forward(&self, request: &Message) -> io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(self.upstream)?;
        server.set_read_timeout(Some(Duration::from_secs(60)))?;
        let head = request.head.trim_end();
        server.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes())?;
        server.write_all(&request.body)?;
        let mut answer = Vec::new();
        server
            .take(MESSAGE_BYTES_MAX as u64)
            .read_to_end(&mut answer)?;
        let end = end_of_head(&answer).ok_or(io::ErrorKind::UnexpectedEof)?;
        let head = String::from_utf8_lossy(&answer[..end]);
        let kept = head
            .split_inclusive("\r\n")
            .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let kept: String = kept.collect();
        Ok([kept.as_bytes(), &answer[end..]].concat())
    }

    /// Writes an object without the condition. The header of the condition is
    /// signed, so the proxy sends a PUT of its own.
    fn write_over(&self, path: &str, body: &[u8]) -> io::Result<()> {
        let object = path.split('/').skip(2).collect::<Vec<_>>().join("/");
        let path = Path::from_url_path(object).map_err(io::Error::other)?;
        let store = self.server.client();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime
            .block_on(store.put(&path, body.to_vec().into()))
            .map_err(io::Error::other)?;
        Ok(())
    }
}

impl Message {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|l| l.split_once(':'));
        let (_, value) = lines.find(|(of, _)| of.eq_ignore_ascii_case(name))?;
        Some(value.trim())
    }
}

/// The next request; `None` if the connection is closed.
fn read_request(client: &mut TcpStream) -> io::Result<Option<Message>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 << 10];
    let end = loop {
        if let Some(end) = end_of_head(&bytes) {
            break end;
        }
        match client.read(&mut chunk)? {
            0 => return Ok(None),
            read => bytes.extend(&chunk[..read]),
        }
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
    };
    let mut message = Message {
        head: String::from_utf8_lossy(&bytes[..end]).into_owned(),
        body: bytes.split_off(end),
    };
    assert!(
        message.header("transfer-encoding").is_none(),
        "not spoken here"
    );
    let length = message.header("content-length");
    let length = length.map_or(0, |text| text.parse().unwrap_or(usize::MAX));
    if length > MESSAGE_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let have = message.body.len();
    message.body.resize(length.max(have), 0);
    client.read_exact(&mut message.body[have..])?;
    Ok(Some(message))
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(at + 4)
}

/// An error answer in the format of S3.
fn refusal(status: &str, code: &str) -> Vec<u8> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>Please try again.</Message></Error>"
    );
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// Closes the socket without lingering, which resets the connection.
fn reset(client: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(client).set_linger(Some(Duration::ZERO))
}
