//! How many wrong passwords are looked at by two nodes together? (SEC-28)

use crate::ask::Question;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const VICTIM: &str = "victim@history.example";
/// Without a wait; then one second, two, four …
const FREE: u64 = 5;

/// What was tried.
pub struct Guessed {
    asked: u64,
    evaluated: u64,
    lasted: Duration,
}

/// Makes the account that is guessed at.
pub fn prepare(nodes: [SocketAddr; 2]) {
    let password = "the victim's own quiet phrase".to_owned();
    let made = Question::SignUp { email: VICTIM.to_owned(), password }.ask(nodes[0], "198.51.100.1");
    assert_eq!(made.unwrap().status, 201);
}

/// Guesses at both nodes in turn, from another address each time.
pub fn work(nodes: [SocketAddr; 2], over: &AtomicBool) -> Guessed {
    let began = Instant::now();
    let (mut asked, mut evaluated) = (0_u64, 0);
    while !over.load(Ordering::SeqCst) {
        let from = format!("203.0.{}.{}", asked / 200 % 250, asked % 200 + 1);
        let password = format!("a wrong guess {asked}");
        let node = nodes[usize::try_from(asked % 2).unwrap()];
        let answer = Question::SignIn { email: VICTIM.to_owned(), password }.ask(node, &from);
        asked += 1;
        evaluated += u64::from(answer.is_some_and(|answer| answer.status == 401));
        std::thread::sleep(Duration::from_millis(25));
    }
    Guessed { asked, evaluated, lasted: began.elapsed() }
}

impl Guessed {
    /// The budget with a tenth more; what the database forgets in a crash is given back once.
    pub fn expect_within_budget(&self, crashes: u64) {
        let waits = u64::from((self.lasted.as_secs() + 1).ilog2()) + 1;
        let budget = FREE + waits;
        let most = budget + budget.div_ceil(10) + crashes;
        assert!((FREE..=most).contains(&self.evaluated), "{self}, at most {most}");
    }
}

impl fmt::Display for Guessed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} guesses were looked at in {:?}", self.evaluated, self.asked, self.lasted)
    }
}
