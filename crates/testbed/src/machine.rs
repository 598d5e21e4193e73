//! What does a test ask of the machine that it runs on?

use std::fs::File;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

/// How long anything is waited for. Generous: it only ends what would never end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(5);
/// Below the ports that Linux gives away by itself, so that a server that was stopped finds its own free again.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// A variable of the environment. Empty is not set.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok().filter(|text| !text.is_empty())
}

/// Bytes from the system's source of chance.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let drawn = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    drawn.unwrap_or_else(|error| panic!("/dev/urandom: {error}"));
    bytes
}

/// Hexadecimal digits that nobody guesses: 96 bits.
pub(crate) fn digits() -> String {
    random::<12>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A port on 127.0.0.1 on which nobody listens now.
pub(crate) fn free_port() -> u16 {
    wait_for("a free port", || {
        let port = PORTS.start + u16::from_ne_bytes(random()) % (PORTS.end - PORTS.start);
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(port)
    })
}

/// Looks until there is something to see. Panics after a minute.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(began.elapsed() < PATIENCE, "waited for {what} for {PATIENCE:?}");
        std::thread::sleep(LOOK);
    }
}
