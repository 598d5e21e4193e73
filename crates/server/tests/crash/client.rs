//! What does a client know for certain at the moment its server dies?

use crate::http::Reply;
use crate::native::{Native, Tokens};
use std::io::Result;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// An account has no more sessions than this: far below the number at which the oldest would be ended.
const MOST_SESSIONS: usize = 6;

/// A sign-in and the family of refresh tokens that followed, as far as answers arrived.
pub struct Session {
    /// The latest tokens.
    pub tokens: Tokens,
    /// A refresh token that was exchanged.
    pub exchanged: Option<String>,
    /// Whether it must be dead.
    pub ended: bool,
}

/// An account whose creation was acknowledged.
pub struct Account {
    /// Unique in the whole test.
    pub email: String,
    /// In force.
    pub password: String,
    /// The one before.
    pub retired: Option<String>,
    /// All that were opened, in order.
    pub sessions: Vec<Session>,
}

/// One operation. Numbers are places in the lists above.
#[derive(Clone, Debug)]
pub enum Step {
    /// A new account.
    SignUp { email: String, password: String },
    /// A new session.
    SignIn { account: usize },
    /// An exchange of the refresh token.
    Refresh { account: usize, session: usize },
    /// The end of a session.
    SignOut { account: usize, session: usize },
    /// A new password, set with the access token of this session.
    ChangePassword { account: usize, session: usize, new: String },
}

/// Numbers that look random and follow from a seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// One client with accounts of its own, so that it alone decides what is true about them.
pub struct Client {
    name: String,
    random: Random,
    /// The accounts of this round.
    pub accounts: Vec<Account>,
    /// Accounts of earlier rounds, with their passwords.
    pub archive: Vec<(String, String)>,
    /// Sent, and not answered before the server died.
    pub pending: Option<(Step, Instant)>,
    /// What was sent and what came back, in this round.
    pub journal: Vec<String>,
    /// Operations that were acknowledged, in all rounds.
    pub acknowledged: usize,
}

impl Client {
    /// A client without accounts.
    pub fn new(number: u64, seed: u64) -> Client {
        Client {
            name: format!("c{number}"),
            random: Random(seed ^ (number << 32)),
            accounts: Vec::new(),
            archive: Vec::new(),
            pending: None,
            journal: Vec::new(),
            acknowledged: 0,
        }
    }

    /// Works until the server dies. Refused: an answer that is wrong, or a lost one while nobody killed the server.
    pub fn work(&mut self, native: Native, killed: &AtomicBool) -> std::result::Result<(), String> {
        self.archive.extend(self.accounts.drain(..).map(|account| (account.email, account.password)));
        self.journal.clear();
        loop {
            let step = self.choose();
            self.journal.push(format!("sent  {step:?}"));
            self.pending = Some((step.clone(), Instant::now()));
            match self.ask(native, &step) {
                Ok(reply) => {
                    self.journal.push(format!("got   {}", reply.status));
                    self.pending = None;
                    self.learn(step, &reply)?;
                }
                Err(_) if killed.load(Ordering::SeqCst) => return Ok(()),
                Err(error) => return Err(self.complaint(&format!("{step:?} got no answer: {error}"))),
            }
        }
    }

    /// A fault, with everything this client did.
    pub fn complaint(&self, what: &str) -> String {
        format!("client {}: {what}\n  {}", self.name, self.journal.join("\n  "))
    }

    fn choose(&mut self) -> Step {
        let live: Vec<(usize, usize)> = (0..self.accounts.len())
            .flat_map(|account| {
                (0..self.accounts[account].sessions.len()).map(move |session| (account, session))
            })
            .filter(|(account, session)| !self.accounts[*account].sessions[*session].ended)
            .collect();
        let dice = self.random.below(100);
        if self.accounts.is_empty() || dice < 12 {
            let email = format!("{}-{:x}@crash.example", self.name, self.random.next());
            return Step::SignUp { email, password: self.new_password() };
        }
        let account = self.random.below(self.accounts.len());
        let roomy = self.accounts[account].sessions.len() < MOST_SESSIONS;
        if live.is_empty() || (dice < 27 && roomy) {
            return Step::SignIn { account };
        }
        let (account, session) = live[self.random.below(live.len())];
        match dice {
            ..70 => Step::Refresh { account, session },
            70..82 => Step::SignOut { account, session },
            _ => Step::ChangePassword { account, session, new: self.new_password() },
        }
    }

    fn new_password(&mut self) -> String {
        format!("not on any list {:016x}", self.random.next())
    }

    fn ask(&self, native: Native, step: &Step) -> Result<Reply> {
        match step {
            Step::SignUp { email, password } => native.sign_up(email, password),
            Step::SignIn { account } => {
                let account = &self.accounts[*account];
                native.sign_in(&account.email, &account.password)
            }
            Step::Refresh { account, session } => native.refresh(&self.tokens(*account, *session).refresh),
            Step::SignOut { account, session } => {
                let tokens = self.tokens(*account, *session);
                native.sign_out(&tokens.access, &tokens.refresh)
            }
            Step::ChangePassword { account, session, new } => {
                let access = &self.tokens(*account, *session).access;
                native.change_password(access, &self.accounts[*account].password, new)
            }
        }
    }

    fn tokens(&self, account: usize, session: usize) -> &Tokens {
        &self.accounts[account].sessions[session].tokens
    }

    /// Takes a complete answer as a promise.
    fn learn(&mut self, step: Step, reply: &Reply) -> std::result::Result<(), String> {
        if reply.status == 503 {
            return Ok(());
        }
        if !(200..300).contains(&reply.status) {
            return Err(self.complaint(&format!("{step:?} was refused: {reply:?}")));
        }
        self.acknowledged += 1;
        match step {
            Step::SignUp { email, password } => self.add_account(email, password, Tokens::of(reply)),
            Step::SignIn { account } => self.accounts[account].open(Tokens::of(reply)),
            Step::Refresh { account, session } => {
                self.accounts[account].sessions[session].renew(Tokens::of(reply));
            }
            Step::SignOut { account, session } => self.accounts[account].sessions[session].ended = true,
            Step::ChangePassword { account, session, new } => {
                self.accounts[account].set_password(new, session)
            }
        }
        Ok(())
    }

    /// Notes an account with its first session.
    pub fn add_account(&mut self, email: String, password: String, tokens: Tokens) {
        let mut account = Account { email, password, retired: None, sessions: Vec::new() };
        account.open(tokens);
        self.accounts.push(account);
    }
}

impl Account {
    /// Notes a new session.
    pub fn open(&mut self, tokens: Tokens) {
        self.sessions.push(Session { tokens, exchanged: None, ended: false });
    }

    /// Notes a new password: all sessions but the one that set it have ended.
    pub fn set_password(&mut self, new: String, by: usize) {
        self.retired = Some(std::mem::replace(&mut self.password, new));
        for (number, session) in self.sessions.iter_mut().enumerate() {
            session.ended |= number != by;
        }
    }
}

impl Session {
    /// Notes an exchange.
    pub fn renew(&mut self, tokens: Tokens) {
        self.exchanged = Some(std::mem::replace(&mut self.tokens, tokens).refresh);
    }
}
