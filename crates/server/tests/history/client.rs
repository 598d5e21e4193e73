//! What does one client do, and which answers contradict what it was told before?
//!
//! Its accounts are its own, so it alone decides what is true about them. What it is not told it asks again until it
//! knows, at the other node, too.

use crate::ask::{Answer, Question, Tokens};
use crate::faults::Ban;
use crate::random::Random;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

const MOST_SESSIONS: usize = 6;
const MOST_ACCOUNTS: usize = 10;
/// The predecessor's grace is ten seconds from the exchange; a question after nine proves nothing.
const GRACE: Duration = Duration::from_secs(9);
/// Faults do not last longer.
const PATIENCE: Duration = Duration::from_secs(90);
/// A list that nobody waits for any more is done or not done by then.
const SETTLED: Duration = Duration::from_millis(500);
/// Access tokens live for fifteen minutes.
const FRESH: Duration = Duration::from_secs(600);

/// How often something happened: for certain, and perhaps beside it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    pub known: u64,
    pub perhaps: u64,
}

pub struct Session {
    tokens: Tokens,
    got: Instant,
    ended: bool,
}

enum Standing {
    Free,
    /// Somebody was asked to ban it, and has not said that it is done.
    Asked(Receiver<()>),
    Banned,
}

pub struct Account {
    pub email: String,
    password: String,
    retired: Option<String>,
    sessions: Vec<Session>,
    standing: Standing,
    /// Sign-ups, sign-ins, sign-outs, changes of the password.
    pub counted: [Counted; 4],
}

pub struct Client {
    number: u64,
    random: Random,
    nodes: [SocketAddr; 2],
    bans: Sender<Ban>,
    pub accounts: Vec<Account>,
    /// What contradicts a promise.
    pub broken: Vec<String>,
    pub answers: u64,
    pub unknown: u64,
    /// Exchanges whose answer came after the grace only.
    pub too_late: u64,
    /// Families that were ended on purpose.
    pub reused: u64,
    asked: u64,
}

impl Client {
    pub fn new(number: u64, seed: u64, nodes: [SocketAddr; 2], bans: Sender<Ban>) -> Client {
        let random = Random(seed ^ ((number + 1) << 40));
        let (accounts, broken) = (Vec::new(), Vec::new());
        Client {
            number,
            random,
            nodes,
            bans,
            accounts,
            broken,
            answers: 0,
            unknown: 0,
            too_late: 0,
            reused: 0,
            asked: 0,
        }
    }

    /// Works until the faults are over.
    pub fn work(mut self, over: &AtomicBool) -> Client {
        while !over.load(Ordering::SeqCst) && self.broken.is_empty() {
            self.step();
        }
        self
    }

    fn expect(&mut self, so: bool, what: impl FnOnce() -> String) {
        if !so {
            self.broken.push(format!("client {}: {}", self.number, what()));
        }
    }

    /// Another address for each question, so that only the limits of accounts count.
    fn from(&mut self) -> String {
        self.asked += 1;
        format!("10.{}.{}.{}", self.number, self.asked / 250 % 250, self.asked % 250)
    }

    fn once(&mut self, node: usize, question: &Question) -> Option<Answer> {
        let from = self.from();
        question.ask(self.nodes[node], &from)
    }

    /// Asks until there is an answer; gives it with how often there was none.
    fn ask(&mut self, question: &Question) -> (Answer, u64) {
        let began = Instant::now();
        let mut node = self.random.below(2);
        let mut lost = 0;
        loop {
            match self.once(node, question) {
                Some(answer) if answer.status != 429 => {
                    self.answers += 1;
                    return (answer, lost);
                }
                // Wrong passwords before: not looked at.
                Some(_) => {}
                None => lost += 1,
            }
            self.unknown += u64::from(lost == 1);
            assert!(began.elapsed() < PATIENCE, "no answer in {PATIENCE:?}: {question:?}");
            node = 1 - node;
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks both nodes at the same moment, or one of them; gives the answers that came.
    fn ask_either(&mut self, question: &Question) -> Vec<Answer> {
        if self.random.below(3) > 0 {
            let node = self.random.below(2);
            return self.once(node, question).into_iter().collect();
        }
        let froms = [self.from(), self.from()];
        let nodes = self.nodes;
        std::thread::scope(|scope| {
            let asking: Vec<_> = nodes
                .into_iter()
                .zip(&froms)
                .map(|(node, from)| scope.spawn(move || question.ask(node, from)))
                .collect();
            asking.into_iter().filter_map(|asked| asked.join().unwrap()).collect()
        })
    }

    fn step(&mut self) {
        let free: Vec<usize> = (0..self.accounts.len())
            .filter(|at| matches!(self.accounts[*at].standing, Standing::Free))
            .collect();
        let dice = self.random.below(100);
        if free.is_empty() || (dice < 8 && free.len() < MOST_ACCOUNTS) {
            return self.sign_up();
        }
        let at = free[self.random.below(free.len())];
        let live: Vec<usize> = (0..self.accounts[at].sessions.len())
            .filter(|session| !self.accounts[at].sessions[*session].ended)
            .collect();
        if live.is_empty() || (dice < 18 && live.len() < MOST_SESSIONS) {
            return self.sign_in(at);
        }
        let session = live[self.random.below(live.len())];
        match dice {
            ..50 => self.refresh(at, session),
            50..70 => self.me(at, session),
            70..80 => self.sign_out(at, session),
            80..92 => self.change_password(at, session),
            92..96 => self.look_back(at),
            96..98 => self.look_at_banned(),
            _ if self.random.below(10) == 0 => self.ban(at),
            _ => {}
        }
    }

    fn sign_up(&mut self) {
        let email = format!("c{}-{:x}@history.example", self.number, self.random.next());
        let password = self.new_password();
        let question = Question::SignUp { email: email.clone(), password: password.clone() };
        let answers = self.ask_either(&question);
        let mut made: Vec<Answer> = answers.into_iter().filter(Answer::is_ok).collect();
        self.expect(made.len() <= 1, || format!("{email} was made twice"));
        if made.is_empty() {
            made.extend(Some(self.ask(&question).0).filter(Answer::is_ok));
        }
        let mut account = Account {
            email,
            password,
            retired: None,
            sessions: Vec::new(),
            standing: Standing::Free,
            counted: [Counted::default(); 4],
        };
        account.counted[0].known = 1;
        account.sessions.extend(made.first().map(Session::of));
        self.accounts.push(account);
        if made.is_empty() {
            // A try without an answer has made it, and so it opens with its password.
            self.sign_in(self.accounts.len() - 1);
        }
    }

    fn sign_in(&mut self, at: usize) {
        let Account { email, password, .. } = &self.accounts[at];
        let question = Question::SignIn { email: email.clone(), password: password.clone() };
        let (answer, lost) = self.ask(&question);
        let count = &mut self.accounts[at].counted[1];
        count.known += u64::from(answer.is_ok());
        count.perhaps += lost;
        self.expect(answer.is_ok(), || format!("{question:?} gave {answer:?}"));
        if answer.is_ok() {
            self.accounts[at].sessions.push(Session::of(&answer));
        }
    }

    fn refresh(&mut self, at: usize, session: usize) {
        let began = Instant::now();
        let token = self.accounts[at].sessions[session].tokens.refresh.clone();
        let question = Question::Refresh { token };
        let mut answers = self.ask_either(&question);
        if !answers.iter().any(Answer::is_ok) {
            answers.push(self.ask(&question).0);
        }
        let given: Vec<Tokens> = answers.iter().filter(|answer| answer.is_ok()).map(Answer::tokens).collect();
        if began.elapsed() > GRACE {
            // Of two that were asked at once, one may have been stopped for longer than the predecessor is good. What it
            // then saw is a token that comes back, which ends the family although the other one gave a successor.
            self.too_late += 1;
            self.accounts[at].sessions.remove(session);
            return;
        }
        let Some(first) = given.first() else {
            return self
                .expect(false, || format!("{question:?} gave {answers:?} after {:?}", began.elapsed()));
        };
        let same = given.iter().all(|tokens| tokens.refresh == first.refresh);
        self.expect(same, || format!("{question:?} has two successors: {given:?}"));
        self.accounts[at].sessions[session].renew(first.clone());
    }

    fn me(&mut self, at: usize, session: usize) {
        let found = &self.accounts[at].sessions[session];
        if found.got.elapsed() > FRESH {
            return self.refresh(at, session);
        }
        let question = Question::Me { access: found.tokens.access.clone() };
        if let Some(answer) = self.once(usize::from(self.number % 2 == 1), &question) {
            self.answers += 1;
            self.expect(answer.is_ok(), || format!("{question:?} of a live session gave {answer:?}"));
        }
    }

    fn sign_out(&mut self, at: usize, session: usize) {
        let question = Question::SignOut { tokens: self.accounts[at].sessions[session].tokens.clone() };
        if self.accounts[at].sessions[session].got.elapsed() > FRESH {
            return self.refresh(at, session);
        }
        let (answer, lost) = self.ask(&question);
        // The token is not good any more once a try without an answer has ended the session.
        self.expect(answer.is_ok() || lost > 0, || format!("{question:?} gave {answer:?}"));
        self.accounts[at].sessions[session].ended = true;
        self.accounts[at].counted[2].known += 1;
        self.expect_dead(at, session);
    }

    fn change_password(&mut self, at: usize, session: usize) {
        let new = self.new_password();
        let account = &self.accounts[at];
        if account.sessions[session].got.elapsed() > FRESH {
            return self.refresh(at, session);
        }
        let question = Question::ChangePassword {
            access: account.sessions[session].tokens.access.clone(),
            current: account.password.clone(),
            new: new.clone(),
        };
        let answers = self.ask_either(&question);
        let done = answers.iter().filter(|answer| answer.is_ok()).count();
        self.expect(done <= 1, || format!("{question:?} was done twice"));
        if done == 1 || self.has_changed(at, &new) {
            let account = &mut self.accounts[at];
            account.counted[3].known += 1;
            account.retired = Some(std::mem::replace(&mut account.password, new));
            for (number, other) in account.sessions.iter_mut().enumerate() {
                other.ended |= number != session;
            }
        }
    }

    /// Whether a change without an answer was done: one of the two passwords opens the account.
    fn has_changed(&mut self, at: usize, new: &str) -> bool {
        std::thread::sleep(SETTLED);
        let email = self.accounts[at].email.clone();
        let sign_in =
            |password: &str| Question::SignIn { email: email.clone(), password: password.to_owned() };
        let old = sign_in(&self.accounts[at].password.clone());
        let (with_old, lost) = self.ask(&old);
        self.accounts[at].counted[1].known += u64::from(with_old.is_ok());
        self.accounts[at].counted[1].perhaps += lost;
        if with_old.is_ok() {
            return false;
        }
        let (with_new, lost) = self.ask(&sign_in(new));
        self.accounts[at].counted[1].known += u64::from(with_new.is_ok());
        self.accounts[at].counted[1].perhaps += lost;
        self.expect(with_new.is_ok(), || {
            format!("{email}: neither password is good: {with_old:?} {with_new:?}")
        });
        with_new.is_ok()
    }

    /// What was over stays over.
    fn look_back(&mut self, at: usize) {
        let ended: Vec<usize> = (0..self.accounts[at].sessions.len())
            .filter(|session| self.accounts[at].sessions[*session].ended)
            .collect();
        if !ended.is_empty() {
            let session = ended[self.random.below(ended.len())];
            self.expect_dead(at, session);
        }
        if let Some(password) = self.accounts[at].retired.take() {
            let question = Question::SignIn { email: self.accounts[at].email.clone(), password };
            let (answer, _) = self.ask(&question);
            self.expect(!answer.is_ok(), || format!("{question:?} with a retired password gave {answer:?}"));
            // Failures are forgotten by the right one.
            self.sign_in(at);
        }
    }

    fn expect_dead(&mut self, at: usize, session: usize) {
        let tokens = self.accounts[at].sessions[session].tokens.clone();
        for question in [Question::Me { access: tokens.access }, Question::Refresh { token: tokens.refresh }]
        {
            for node in 0..2 {
                if let Some(answer) = self.once(node, &question) {
                    self.answers += 1;
                    self.expect(answer.status == 401, || {
                        format!("{question:?} of an ended session gave {answer:?}")
                    });
                }
            }
        }
    }

    fn ban(&mut self, at: usize) {
        let (done, told) = channel();
        if self.bans.send((self.accounts[at].email.clone(), done)).is_ok() {
            self.accounts[at].standing = Standing::Asked(told);
        }
    }

    /// Nothing of a banned account is good any more.
    fn look_at_banned(&mut self) {
        for at in 0..self.accounts.len() {
            let account = &mut self.accounts[at];
            if matches!(&account.standing, Standing::Asked(told) if told.try_recv().is_ok()) {
                account.standing = Standing::Banned;
                for session in &mut account.sessions {
                    session.ended = true;
                }
            }
            if !matches!(account.standing, Standing::Banned) {
                continue;
            }
            let question =
                Question::SignIn { email: account.email.clone(), password: account.password.clone() };
            let sessions = account.sessions.len();
            // Each such try counts as a failure in a row, so that most are told to wait: a no as good as any.
            let node = self.random.below(2);
            if let Some(answer) = self.once(node, &question) {
                self.answers += 1;
                self.expect(!answer.is_ok(), || format!("{question:?} of a banned account gave {answer:?}"));
            }
            (0..sessions).for_each(|session| self.expect_dead(at, session));
        }
    }

    fn new_password(&mut self) -> String {
        format!("not on any list {:016x}", self.random.next())
    }

    /// When all faults are over: everything that was acknowledged is true.
    pub fn last_questions(&mut self) {
        self.look_at_banned();
        for at in 0..self.accounts.len() {
            if !matches!(self.accounts[at].standing, Standing::Free) {
                continue;
            }
            self.look_back(at);
            self.sign_in(at);
            for session in 0..self.accounts[at].sessions.len() {
                if self.accounts[at].sessions[session].ended {
                    self.expect_dead(at, session);
                } else {
                    self.expect_one_live_token(at, session);
                }
            }
        }
    }

    /// Of a family only the last token is good; one from before ends it.
    fn expect_one_live_token(&mut self, at: usize, session: usize) {
        let mut tokens = vec![self.accounts[at].sessions[session].tokens.refresh.clone()];
        for _ in 0..2 {
            let question = Question::Refresh { token: tokens.last().unwrap().clone() };
            let (answer, _) = self.ask(&question);
            self.expect(answer.is_ok(), || format!("{question:?} of a live session gave {answer:?}"));
            if !answer.is_ok() {
                return;
            }
            tokens.push(answer.tokens().refresh);
        }
        self.reused += 1;
        for token in [tokens[0].clone(), tokens[2].clone()] {
            let question = Question::Refresh { token };
            let (answer, _) = self.ask(&question);
            self.expect(answer.status == 401, || format!("{question:?}, used again, gave {answer:?}"));
        }
    }
}

impl Session {
    fn of(answer: &Answer) -> Session {
        Session { tokens: answer.tokens(), got: Instant::now(), ended: false }
    }

    fn renew(&mut self, tokens: Tokens) {
        (self.tokens, self.got) = (tokens, Instant::now());
    }
}
