//! How does a move go, stage by stage, while clients work?

use crate::application::{Application, Kind, Size};
use crate::binary::{Home, Server, chance};
use crate::client::{Client, Orders, Person, Tokens};
use crate::front::Front;
use crate::server::configuration;
use crate::tables::{differences, ours, theirs};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The first user of those whose sessions are opened in one stage and used in a later one.
const FIRST_SLEEPER: u64 = 201;

/// A session from an earlier stage that nobody has used since.
struct Sleeper {
    born: &'static str,
    due: usize,
    person: Person,
    tokens: Tokens,
}

/// An application, what stands before it, and the server that takes its sign-in over.
pub struct Move {
    kind: Kind,
    size: Size,
    home: Home,
    application: Application,
    front: Front,
    orders: Orders,
    sleepers: Vec<Sleeper>,
    slept: u64,
    /// Does everything once in every stage.
    guide: Client,
}

/// Ends the clients, also when the test panics.
struct Stopping<'a>(&'a Orders);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::SeqCst);
    }
}

const STAGES: [&str; 3] = ["old", "cut", "old again"];

impl Move {
    /// The application alone, filled and running.
    pub fn begin(kind: Kind, size: Size) -> Move {
        let mut home = Home::new("takeover");
        home.limits = true;
        home.write("secret", &chance().repeat(4));
        home.write("countersign.toml", &configuration(kind.dialect()));
        let began = Instant::now();
        kind.fill(&home, size);
        println!("{kind:?}: {size:?}, filled in {:?}", began.elapsed());
        let application = kind.serve(&home, size);
        let front = Front::before(application.address, kind.space());
        let guide = Client::of(kind, size, 2, front.address);
        let orders = Orders::default();
        Move { kind, size, home, application, front, orders, sleepers: Vec::new(), slept: 0, guide }
    }

    /// The whole way there and back, with clients that work all the time. Panics with everything that went wrong.
    pub fn run(&mut self, clients: u64, lasts: Duration) {
        let mut clients: Vec<Client> =
            (0..clients).map(|at| Client::of(self.kind, self.size, 3 + at, self.front.address)).collect();
        let orders = std::mem::take(&mut self.orders);
        std::thread::scope(|scope| {
            let _stopping = Stopping(&orders);
            for client in &mut clients {
                let orders = &orders;
                scope.spawn(move || client.work(orders));
            }
            self.go(&orders, lasts);
        });
        self.settle(&clients);
    }

    fn go(&mut self, orders: &Orders, lasts: Duration) {
        self.stage(0, orders, true, lasts);
        orders.change.store(false, Ordering::SeqCst);
        std::thread::sleep(Duration::from_secs(1));
        self.import();
        let server = Server::start(&self.home);
        self.front.point_at(server.address);
        self.stage(1, orders, false, lasts);
        self.front.point_at(self.application.address);
        self.stage(2, orders, false, lasts);
    }

    /// One stage: everything is done once, sessions from before are used, new ones are left for later.
    fn stage(&mut self, at: usize, orders: &Orders, change: bool, lasts: Duration) {
        let began = Instant::now();
        orders.change.store(change, Ordering::SeqCst);
        self.guide.tour(change);
        let (due, later): (Vec<Sleeper>, Vec<Sleeper>) =
            std::mem::take(&mut self.sleepers).into_iter().partition(|sleeper| sleeper.due == at);
        self.sleepers = later;
        for sleeper in &due {
            self.wake(sleeper);
        }
        for due in at + 1..STAGES.len() {
            self.lay_down(STAGES[at], due);
        }
        std::thread::sleep(lasts.saturating_sub(began.elapsed()));
        println!("{}: {} sessions from before, {:?}", STAGES[at], due.len(), began.elapsed());
    }

    fn lay_down(&mut self, born: &'static str, due: usize) {
        let free = (FIRST_SLEEPER + self.slept..).find(|number| !self.size.is_shut(*number)).unwrap();
        self.slept = free + 1 - FIRST_SLEEPER;
        let mut sleeping = Client::of(self.kind, self.size, free, self.front.address);
        let mut person = sleeping.person.clone();
        let tokens = sleeping.sign_in(&mut person);
        self.guide.faults.append(&mut sleeping.faults);
        self.sleepers.extend(tokens.map(|tokens| Sleeper { born, due, person, tokens }));
    }

    /// A session from an earlier stage opens the profile, and its refresh token is exchanged.
    fn wake(&mut self, sleeper: &Sleeper) {
        let mut waking = Client::of(self.kind, self.size, 0, self.front.address);
        waking.me(&sleeper.tokens, &sleeper.person);
        if let Some(tokens) = waking.refresh(&sleeper.tokens) {
            waking.me(&tokens, &sleeper.person);
        }
        let told =
            |fault: &String| format!("born in {}, used in {}: {fault}", sleeper.born, STAGES[sleeper.due]);
        self.guide.faults.extend(waking.faults.iter().map(told));
    }

    fn import(&self) {
        let began = Instant::now();
        let said = crate::alike::import(self.kind, &self.home);
        println!("imported in {:?}: {}", began.elapsed(), said.trim());
    }

    /// After the last stage: no client was ever refused, nobody is lost, and both sides know the same people.
    fn settle(&self, clients: &[Client]) {
        let all = || clients.iter().chain([&self.guide]);
        let mut answers: BTreeMap<&str, u64> = BTreeMap::new();
        for (what, count) in all().flat_map(|client| &client.answers) {
            *answers.entry(what).or_default() += count;
        }
        println!("{answers:?}");
        let mut faults: Vec<String> = all().flat_map(|client| client.faults.clone()).collect();
        faults.extend(self.front.faults().into_iter().map(|fault| format!("the front: {fault}")));
        assert!(faults.is_empty(), "{} faults\n{}\n{}", faults.len(), faults.join("\n"), self.home.log());
        let (theirs, ours) = (theirs(self.kind, &self.home), ours(self.kind, &self.home));
        let people = all().flat_map(|client| &client.signed_up);
        for person in people {
            assert!(
                theirs.get(&person.id).is_some_and(|row| row.email == person.email),
                "{person:?} is lost"
            );
        }
        for person in all().flat_map(|client| &client.deleted) {
            assert!(!theirs.contains_key(&person.id), "{person:?} is there again");
        }
        let differences = differences(&theirs, &ours);
        assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
    }
}
