//! What goes wrong, when, and for how long?

use crate::node::Node;
use crate::random::Random;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testbed::{At, Cluster, Database, Proxy, Stop};

/// Weak hashes on purpose: the test is about the database. Every guess comes from another address, so that only the
/// budget of the account counts.
const CONFIGURATION: &str = r#"
public_url = "http://history.example"
trusted_proxies = ["127.0.0.1/32"]

[[mount]]
dialect = "native"

[hashing]
memory_kib = 64
passes = 1
per_client = 0

[limits]
client_requests = 1000000
client_burst = 1000000
sign_ups = 1000000
refreshes = 1000000

[log]
requests = "none"
"#;

/// Whom to ban, and where to say that it is done.
pub type Ban = (String, Sender<()>);

/// Two nodes, each behind a proxy of its own to one PostgreSQL.
pub struct Stage {
    nodes: [Node; 2],
    proxies: [Proxy; 2],
    /// The database, reached directly.
    pub database: Database,
    cluster: Cluster,
    bans: (Sender<Ban>, Arc<Mutex<Receiver<Ban>>>),
    /// The faults there were.
    pub told: Vec<String>,
    /// How often PostgreSQL ended without writing everything out.
    pub crashes: u64,
}

impl Stage {
    /// Two nodes that are ready.
    pub fn new() -> Stage {
        let cluster = Cluster::setup().start();
        let database = cluster.database();
        let proxies = [0, 1].map(|_| Proxy::start(database.access().address()));
        let mut nodes = [0, 1].map(|number| {
            Node::new(number, &database.access().at(proxies[number].address()).url(), CONFIGURATION)
        });
        nodes.iter_mut().for_each(Node::start);
        let (ban, banned) = channel();
        let bans = (ban, Arc::new(Mutex::new(banned)));
        Stage { nodes, proxies, database, cluster, bans, told: Vec::new(), crashes: 0 }
    }

    /// Where the nodes listen.
    pub fn addresses(&self) -> [SocketAddr; 2] {
        self.nodes.each_ref().map(|node| node.address)
    }

    /// Where clients say whom an operator is to ban.
    pub fn bans(&self) -> Sender<Ban> {
        self.bans.0.clone()
    }

    /// One fault after the other, with calm between them, until the time is over. Everything works when it returns.
    pub fn trouble(&mut self, random: &mut Random, lasts: Duration) {
        let began = Instant::now();
        // A node is stopped for ten seconds where there is time.
        let pause = Duration::from_secs(if lasts > Duration::from_secs(60) { 10 } else { 2 });
        while began.elapsed() < lasts {
            let calm = Duration::from_millis(400 + u64::try_from(random.below(600)).unwrap());
            std::thread::sleep(calm);
            self.ban_all();
            let number = random.below(2);
            let seed = random.next();
            let told = match random.below(8) {
                0 => self.kill_node(number),
                1 => self.stop_node(number, pause),
                2 => self.restart_database(Stop::Fast),
                3 => self.crash_database(),
                4 => self.pause_database(),
                5 => self.stall(number),
                6 => self.drop_all(),
                _ => self.cut_commits(seed),
            };
            self.told.push(told);
        }
        std::thread::sleep(Duration::from_secs(1));
        self.ban_all();
    }

    fn kill_node(&mut self, number: usize) -> String {
        self.nodes[number].kill();
        std::thread::sleep(Duration::from_millis(300));
        self.nodes[number].start();
        format!("node {number} killed")
    }

    fn stop_node(&mut self, number: usize, pause: Duration) -> String {
        self.nodes[number].signal("-STOP");
        std::thread::sleep(pause);
        self.nodes[number].signal("-CONT");
        format!("node {number} stopped")
    }

    fn restart_database(&mut self, how: Stop) -> String {
        self.cluster.stop(how);
        std::thread::sleep(Duration::from_millis(500));
        self.cluster.start();
        "database restarted".to_owned()
    }

    fn crash_database(&mut self) -> String {
        self.crashes += 1;
        self.cluster.kill();
        self.cluster.start();
        "database killed".to_owned()
    }

    fn pause_database(&mut self) -> String {
        self.cluster.pause();
        std::thread::sleep(Duration::from_secs(3));
        self.cluster.resume();
        "database stopped".to_owned()
    }

    fn stall(&mut self, number: usize) -> String {
        self.proxies[number].stall();
        std::thread::sleep(Duration::from_secs(2));
        self.proxies[number].pass();
        format!("network of node {number} stalled")
    }

    fn drop_all(&mut self) -> String {
        self.proxies.iter().for_each(Proxy::drop_all);
        "connections dropped".to_owned()
    }

    fn cut_commits(&mut self, seed: u64) -> String {
        self.proxies.iter().for_each(|proxy| proxy.cut_at_random(At::AnyWrite, 0.2, seed));
        std::thread::sleep(Duration::from_secs(2));
        self.proxies.iter().for_each(Proxy::cut_nothing);
        "commits cut".to_owned()
    }

    /// Bans those whom clients named, by the command line, as often as it takes.
    fn ban_all(&self) {
        let waiting: Vec<Ban> = self.bans.1.lock().unwrap().try_iter().collect();
        for (who, done) in waiting {
            let began = Instant::now();
            while let Err(said) = self.nodes[0].run(&["user", "disable", &who]) {
                assert!(began.elapsed() < Duration::from_secs(30), "{who} is not banned: {said}");
                std::thread::sleep(Duration::from_millis(200));
            }
            // A client that has ended does not wait for it.
            done.send(()).ok();
        }
    }

    /// The trail is whole.
    pub fn verify_trail(&self) {
        let said = self.nodes[1].run(&["audit", "verify"]);
        let rows = "SELECT strand, place, id, kind, at FROM events ORDER BY id LIMIT 200";
        assert!(said.is_ok(), "{said:?}\n{}", self.database.psql(rows));
    }
}
