//! How does a move go, stage by stage, while clients work?

use crate::application::{Application, Kind, Size};
use crate::binary::{Home, Server, chance};
use crate::client::{Client, Orders, Person, Tokens};
use crate::front::Front;
use crate::server::{beside, enter, status};
use crate::tables::{differences, ours, theirs};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The first user of those whose sessions are opened in one stage and used in a later one.
const FIRST_SLEEPER: u64 = 201;

/// The one field in which the answers differ: the application never writes it, and Countersign does.
const DIFFERENT: &str = ": /last_login ";

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

/// The stages of a move, and whether people join and change their profiles in them. What is changed after the cut is
/// known to Countersign alone, and what is changed after the end to the application alone.
const STAGES: [(&str, bool); 7] = [
    ("old", true),
    ("shadow", true),
    ("dual", true),
    ("cut", false),
    ("dual again", true),
    ("shadow again", true),
    ("old again", false),
];

impl Move {
    /// The application alone, filled and running.
    pub fn begin(kind: Kind, size: Size) -> Move {
        let mut home = Home::new("takeover");
        home.limits = true;
        home.write("secret", &chance().repeat(4));
        let began = Instant::now();
        kind.fill(&home, size);
        println!("{kind:?}: {size:?}, filled in {:?}", began.elapsed());
        let application = kind.serve(&home, size);
        home.write("countersign.toml", &beside(kind.dialect(), application.address));
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
        self.stage(0, orders, lasts);
        self.quiet(orders);
        self.import();
        let server = Server::start(&self.home);
        self.front.point_at(server.address);
        self.stage(1, orders, lasts);
        self.import();
        for (at, phase) in [(2, "dual"), (3, "cut"), (4, "dual"), (5, "shadow")] {
            if phase == "cut" {
                self.quiet(orders);
            }
            enter(&self.home, self.kind, phase);
            self.stage(at, orders, lasts);
        }
        self.quiet(orders);
        self.compare();
        self.front.point_at(self.application.address);
        self.stage(6, orders, lasts);
        self.report();
    }

    /// Nobody changes anything any more, and what was changed has arrived on both sides.
    fn quiet(&self, orders: &Orders) {
        orders.change.store(false, Ordering::SeqCst);
        std::thread::sleep(Duration::from_secs(3));
    }

    /// One stage: everything is done once, sessions from before are used, new ones are left for later.
    fn stage(&mut self, at: usize, orders: &Orders, lasts: Duration) {
        let began = Instant::now();
        let (name, change) = STAGES[at];
        orders.change.store(change, Ordering::SeqCst);
        self.guide.tour(change);
        let (due, later): (Vec<Sleeper>, Vec<Sleeper>) =
            std::mem::take(&mut self.sleepers).into_iter().partition(|sleeper| sleeper.due == at);
        self.sleepers = later;
        for sleeper in &due {
            self.wake(sleeper);
        }
        for due in at + 1..STAGES.len() {
            self.lay_down(name, due);
        }
        std::thread::sleep(lasts.saturating_sub(began.elapsed()));
        println!("{name}: {} sessions from before, {:?}", due.len(), began.elapsed());
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
            |fault: &String| format!("born in {}, used in {}: {fault}", sleeper.born, STAGES[sleeper.due].0);
        self.guide.faults.extend(waking.faults.iter().map(told));
    }

    fn import(&self) {
        let began = Instant::now();
        let said = crate::alike::import(self.kind, &self.home);
        println!("imported in {:?}: {}", began.elapsed(), said.trim());
    }

    /// Both sides know the same people.
    fn compare(&self) {
        let (theirs, ours) = (theirs(self.kind, &self.home), ours(self.kind, &self.home));
        let differences = differences(&theirs, &ours);
        assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
        println!("{} people on both sides", ours.len());
    }

    /// What the operator is told: nothing was out of step, nobody lied, and the answers differed where they must.
    fn report(&self) {
        println!("{}", self.home.run(&["migration", "status"]));
        let status = status(&self.home);
        let mount = &status["mounts"][0];
        for what in ["lied", "out_of_step", "not_followed", "unavailable"] {
            assert!(mount["counts"][what].is_null(), "{what}: {status:#}");
        }
        assert!(mount["counts"]["compared"]["count"].as_u64().unwrap() > 20, "{status:#}");
        for place in mount["different"].as_array().unwrap() {
            let place = place["where"].as_str().unwrap();
            assert!(place.contains(DIFFERENT), "{place}: {status:#}");
        }
        println!("{}", self.home.run(&["audit", "verify"]).trim());
    }

    /// After the last stage: no client was ever refused, and nobody is lost.
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
        for people in [theirs(self.kind, &self.home), ours(self.kind, &self.home)] {
            for person in all().flat_map(|client| &client.signed_up) {
                assert!(
                    people.get(&person.id).is_some_and(|row| row.email == person.email),
                    "{person:?} is lost"
                );
            }
            for person in all().flat_map(|client| &client.deleted) {
                assert!(!people.contains_key(&person.id), "{person:?} is there again");
            }
        }
    }
}
