//! A network between a program and a server on this machine that can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    Passes = 0,
    /// Connections are closed, and new ones too.
    Refuses = 1,
    /// Nothing arrives, and nobody is told.
    Swallows = 2,
}

/// Passes connections on until it is told otherwise.
pub(crate) struct Relay {
    pub(crate) port: u16,
    state: Arc<AtomicU8>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    /// To a port of this machine.
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self {
            port: listener.local_addr().unwrap().port(),
            state: Arc::new(AtomicU8::new(Network::Passes as u8)),
            open: Arc::default(),
        };
        let (state, open) = (Arc::clone(&relay.state), Arc::clone(&relay.open));
        thread::spawn(move || {
            for from in listener.incoming().flatten() {
                let is_refused = state.load(Ordering::SeqCst) == Network::Refuses as u8;
                let Some(to) = TcpStream::connect(("127.0.0.1", port))
                    .ok()
                    .filter(|_| !is_refused)
                else {
                    continue;
                };
                _ = (from.set_nodelay(true), to.set_nodelay(true));
                let mut open = open.lock().unwrap();
                for (one, other) in [(&from, &to), (&to, &from)] {
                    open.push(one.try_clone().unwrap());
                    let (one, other) = (one.try_clone().unwrap(), other.try_clone().unwrap());
                    let state = Arc::clone(&state);
                    thread::spawn(move || pass(one, other, &state));
                }
            }
        });
        relay
    }

    pub(crate) fn becomes(&self, network: Network) {
        self.state.store(network as u8, Ordering::SeqCst);
        if network == Network::Refuses {
            for stream in self.open.lock().unwrap().drain(..) {
                _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, state: &AtomicU8) {
    let mut buffer = [0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).unwrap_or_default();
        while state.load(Ordering::SeqCst) == Network::Swallows as u8 {
            thread::sleep(Duration::from_millis(20));
        }
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    for stream in [from, to] {
        _ = stream.shutdown(Shutdown::Both);
    }
}
