//! What does a test need around it? A folder of its own, a server of its own in this process, raw sockets.

#![allow(dead_code, reason = "every test program uses a part of this")]

pub mod console;

use countersign_server::config::{Config, Sources};
use countersign_server::telemetry::{Format, Log};
use countersign_server::{App, serve};
use engine::{Chance, Clock};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// No test waits longer for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A folder that goes with the value.
pub struct Home(PathBuf);

impl Home {
    /// An empty folder.
    pub fn new() -> Home {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("world-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        Home(folder)
    }

    /// Where a file of this name lies.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Writes a file and sets its mode.
    pub fn write_mode(&self, name: &str, content: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        self.write(name, content);
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The mode of a file or folder.
    pub fn mode(&self, name: &str) -> u32 {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// What was written to a log.
#[derive(Clone, Default)]
pub struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    /// Everything so far.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A server of its own.
pub struct World {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its lines about requests.
    pub page: Page,
    pub log: Arc<Log>,
    pub app: App,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<std::io::Result<()>>>,
    /// Its folder.
    pub home: Home,
}

impl World {
    /// A server with this configuration file and these settings over it.
    pub async fn new(file: &str, settings: &[(&str, &str)]) -> World {
        World::at(Home::new(), file, settings).await
    }

    /// As `new`, in a folder that is there.
    pub async fn at(home: Home, file: &str, settings: &[(&str, &str)]) -> World {
        home.write("countersign.toml", file);
        // All tests come from one address, and most of them are not about how often that may ask.
        let usual = [("HASHING__MEMORY_KIB", "64"), ("LIMITS__ENABLED", "false")];
        let usual = usual.iter().filter(|(name, _)| settings.iter().all(|(set, _)| set != name));
        let mut environment: Vec<(String, String)> =
            usual.map(|(name, value)| (format!("COUNTERSIGN_{name}"), (*value).to_owned())).collect();
        environment.extend(
            settings.iter().map(|(name, value)| (format!("COUNTERSIGN_{name}"), (*value).to_owned())),
        );
        let (config, data) = (Some(home.path("countersign.toml")), Some(home.path("data")));
        let config = Config::load(&Sources { config, data, environment, ..Sources::default() }).unwrap();
        let page = Page::default();
        let log = Log::new(Format::Json, true, Clock::System, Box::new(page.clone()));
        let app = App::open(config, Clock::System, Chance::System).await.unwrap().with_log(Arc::clone(&log));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move { drop(stopped.await) };
        let served = Some(tokio::spawn(serve(listener, app.clone(), shutdown)));
        World { address, page, log, app, stop: Some(stop), served, home }
    }

    /// With one dialect and nothing else.
    pub async fn native() -> World {
        World::new("[[mount]]\ndialect = \"native\"\n", &[]).await
    }

    /// As `native`, with every limit as it is for everybody.
    pub async fn limited(settings: &[(&str, &str)]) -> World {
        let settings = [settings, &[("LIMITS__ENABLED", "true")]].concat();
        World::new("[[mount]]\ndialect = \"native\"\n", &settings).await
    }

    /// Asks the server to stop.
    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// What asks the server to stop when it goes.
    pub fn take_stop(&mut self) -> Option<oneshot::Sender<()>> {
        self.stop.take()
    }

    /// Waits until it has stopped.
    pub async fn stopped(&mut self) {
        let served = self.served.take().unwrap();
        tokio::time::timeout(PATIENCE, served).await.expect("the server does not stop").unwrap().unwrap();
    }

    /// Stops the server and gives its folder back.
    pub async fn into_home(mut self) -> Home {
        self.stop();
        self.stopped().await;
        self.home
    }

    /// A new connection.
    pub async fn connect(&self) -> Wire {
        Wire(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends these bytes on a new connection and reads until it is closed.
    pub async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut wire = self.connect().await;
        wire.send(bytes).await;
        wire.rest().await
    }

    /// Sends a request that asks for the connection to be closed, and reads the answer.
    pub async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        Reply::parse(&self.raw(request).await)
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, body: &str) -> Reply {
        self.ask("POST", path, "Content-Type: application/json\r\n", body).await
    }
}

/// A raw connection.
pub struct Wire(pub TcpStream);

impl Wire {
    /// Sends bytes; a closed connection is for the reader to find out.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        drop(self.0.write_all(bytes.as_ref()).await);
    }

    /// Reads until the end. A reset counts as one.
    pub async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let reading = async {
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = self.0.read(&mut part).await {
                bytes.extend_from_slice(&part[..count]);
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("the connection stays open");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Reads one answer with a `Content-Length` and leaves the connection open.
    pub async fn reply(&mut self) -> Reply {
        let mut bytes = Vec::new();
        let reading = async {
            loop {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let reply = Reply::parse(&format!("{head}\r\n\r\n"));
                    let length: usize = reply.header("content-length").unwrap_or("0").parse().unwrap();
                    if body.len() >= length {
                        return Reply::parse(&text);
                    }
                }
                let mut part = [0; 4096];
                match self.0.read(&mut part).await {
                    Ok(count @ 1..) => bytes.extend_from_slice(&part[..count]),
                    ended => panic!("no answer, {ended:?} after {text:?}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("no answer in time")
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

impl Reply {
    /// Reads an answer of HTTP/1.
    pub fn parse(text: &str) -> Reply {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Reply { status, headers: lines.filter_map(header).collect(), body: body.to_owned() }
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}
