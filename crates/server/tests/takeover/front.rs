//! What stands before the application and Countersign, and sends its clients from one to the other while they work?

use crate::wire::{Line, Message};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A reverse proxy as operators have one: the paths of the sign-in go where it points, everything else to the
/// application. It keeps the connections of its clients when it is pointed elsewhere, and tries nothing twice.
pub struct Front {
    /// Where clients reach it.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    /// Begins of the paths that are switched over.
    space: &'static [&'static str],
    application: SocketAddr,
    target: Mutex<SocketAddr>,
    clients: AtomicU64,
    over: AtomicBool,
    faults: Mutex<Vec<String>>,
}

impl Front {
    /// Sends everything to the application at first.
    pub fn before(application: SocketAddr, space: &'static [&'static str]) -> Front {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            space,
            application,
            target: Mutex::new(application),
            clients: AtomicU64::new(0),
            over: AtomicBool::new(false),
            faults: Mutex::default(),
        });
        let serving = shared.clone();
        let accepting = std::thread::spawn(move || accept(&listener, &serving));
        Front { address, shared, accepting: Some(accepting) }
    }

    /// Sends the sign-in elsewhere from the next request on; those in flight are answered where they are.
    pub fn point_at(&self, target: SocketAddr) {
        *self.shared.target.lock().unwrap() = target;
    }

    /// What went wrong behind it until now.
    pub fn faults(&self) -> Vec<String> {
        self.shared.faults.lock().unwrap().clone()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        drop(self.accepting.take().map(JoinHandle::join));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        let shared = shared.clone();
        drop(std::thread::spawn(move || {
            if let Err(error) = serve(&shared, client) {
                shared.faults.lock().unwrap().push(error.to_string());
            }
        }));
    }
}

/// One client's connection, to its end.
fn serve(shared: &Shared, client: TcpStream) -> std::io::Result<()> {
    let number = shared.clients.fetch_add(1, Ordering::SeqCst);
    // Every client has an address of its own, as behind a real one.
    let from = format!("198.51.{}.{}", 100 + number / 250 % 100, 1 + number % 250);
    let mut client = Line::over(client)?;
    let mut behind: Option<(SocketAddr, Line)> = None;
    while let Some(request) = client.receive(false)? {
        let target = shared.target_of(request.word(1));
        let kept = behind.take().filter(|(there, _)| *there == target);
        let mut line = match kept {
            Some((_, line)) if !line.is_over() => line,
            Some(_) | None => Line::to(target)?,
        };
        let answer = line.ask(&forwarded(request, &from))?;
        if !answer.closes() {
            behind = Some((target, line));
        }
        let closes = answer.closes();
        client.send(&answer)?;
        if closes {
            break;
        }
    }
    Ok(())
}

impl Shared {
    fn target_of(&self, path: &str) -> SocketAddr {
        if self.space.iter().any(|begin| path.starts_with(begin)) {
            *self.target.lock().unwrap()
        } else {
            self.application
        }
    }
}

fn forwarded(mut request: Message, from: &str) -> Message {
    let end = request.head.len() - 2;
    request.head.insert_str(end, &format!("X-Forwarded-For: {from}\r\nX-Forwarded-Proto: https\r\n"));
    request
}
