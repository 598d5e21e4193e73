//! What does the old application answer, and what would this server have answered?
//!
//! The client gets the old application's answer as it is. Afterwards, and behind everybody who waits for something, the
//! request is rehearsed here, the two answers are compared, and what the old one's has made true is followed.

use super::ask::{Asker, read};
use super::client::UpstreamFault;
use super::compare::differences;
use super::shown::{fits, is_named, merged, shown, with_edit, with_login, with_request};
use super::takeover::Takeover;
use crate::app::Spoken;
use crate::http::speak::{From, Mount, Way};
use bytes::Bytes;
use dialect::{Answer, Heard, Told};
use domain::command::Command;
use domain::phase::Tally;
use domain::time::Moment;
use engine::{Engine, Follow, Followed, Newcomer, NotFollowed, Shown};
use http::request::Parts;
use http::{Response, StatusCode};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most answers that wait to be looked at; from half of it on only those that say what has changed.
const MOST: usize = 256;
/// The most bytes of requests and answers that wait together.
const MOST_BYTES: usize = 32 << 20;
/// The most time for one.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a busy server is asked for a hash, and how long between.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(300);
/// How long the end of the process waits for those that wait.
const LAST: Duration = Duration::from_secs(3);

/// One request with the answer of the old application.
struct Job {
    spoken: Arc<Spoken>,
    parts: Parts,
    body: Bytes,
    from: From,
    theirs: Response<Bytes>,
    /// When the request came.
    at: Moment,
    /// Whether the answer can say that something has changed.
    changes: bool,
}

impl Job {
    fn bytes(&self) -> usize {
        self.body.len() + self.theirs.body().len()
    }
}

/// The answers of one mount that wait to be looked at, in their order.
#[derive(Default)]
pub struct Examiner(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: usize,
    working: bool,
    /// Requests that wait for the old application.
    asking: usize,
}

/// A request that waits for the old application, and may bring a job.
struct Asking<'a>(&'a Examiner);

impl<'a> Asking<'a> {
    fn begin(examiner: &'a Examiner) -> Asking<'a> {
        examiner.lock().asking += 1;
        Asking(examiner)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.lock().asking -= 1;
    }
}

/// What became of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// It waits, and somebody has to begin to work.
    First,
    /// It waits.
    Waits,
    /// Too much waits already.
    No,
}

impl Examiner {
    /// Takes a job in, if not too much waits.
    fn push(&self, job: Job) -> Taken {
        let mut waiting = self.lock();
        let most = if job.changes { MOST } else { MOST / 2 };
        if waiting.jobs.len() >= most || waiting.bytes + job.bytes() > MOST_BYTES {
            return Taken::No;
        }
        waiting.bytes += job.bytes();
        waiting.jobs.push_back(job);
        if std::mem::replace(&mut waiting.working, true) { Taken::Waits } else { Taken::First }
    }

    fn pop(&self) -> Option<Job> {
        let mut waiting = self.lock();
        let job = waiting.jobs.pop_front();
        match &job {
            Some(job) => waiting.bytes = waiting.bytes.saturating_sub(job.bytes()),
            None => waiting.working = false,
        }
        job
    }

    /// Whether nothing waits and nothing more can come of what was asked.
    pub fn is_idle(&self) -> bool {
        let waiting = self.lock();
        !waiting.working && waiting.asking == 0
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nothing waits any more, for some seconds at most.
    pub async fn finish(&self) {
        let idle = async {
            while !self.is_idle() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        drop(tokio::time::timeout(LAST, idle).await);
    }
}

/// Answers with what the old application answers.
///
/// The second is `false` where it gives no answer, and this server says so in the words of the dialect.
pub async fn answer(
    spoken: &Arc<Spoken>,
    way: &Way<'_>,
    takeover: &Arc<Takeover>,
    (parts, body): (Parts, Bytes),
    from: From,
) -> (Response<Bytes>, bool) {
    let speaker = &spoken.speaker;
    let at = speaker.engine().clock().now();
    let _asking = Asking::begin(&takeover.examiner);
    match takeover.upstream.send(&parts, &body, &from.address).await {
        Ok(theirs) => {
            let (spoken, changes) = (Arc::clone(spoken), way.may_change());
            look_later(takeover, Job { spoken, parts, body, from, theirs: theirs.clone(), at, changes });
            (theirs, true)
        }
        Err(fault) => {
            takeover.count(Tally::Unavailable, fault.name());
            tracing::warn!(request = from.request, mount = takeover.key(), %fault, "the old application gives no answer");
            let told = (status(fault), fault.retry_seconds());
            (speaker.unavailable(way, &parts, told, &from.request), false)
        }
    }
}

const fn status(fault: UpstreamFault) -> u16 {
    match fault {
        UpstreamFault::Busy
        | UpstreamFault::Resting(_)
        | UpstreamFault::Unreachable
        | UpstreamFault::TimedOut => 503,
        UpstreamFault::Forbidden | UpstreamFault::Broken(_) | UpstreamFault::TooLarge => 502,
    }
}

fn look_later(takeover: &Arc<Takeover>, job: Job) {
    match takeover.examiner.push(job) {
        Taken::First => drop(tokio::spawn(work(Arc::clone(takeover)))),
        Taken::Waits => {}
        Taken::No => takeover.count(Tally::NotCompared, "busy"),
    }
}

/// Looks at one after the other, so that what follows an answer is there before the next one is looked at.
async fn work(takeover: Arc<Takeover>) {
    while let Some(job) = takeover.examiner.pop() {
        let looking = tokio::spawn(look(Arc::clone(&takeover), job));
        let abort = looking.abort_handle();
        match tokio::time::timeout(PATIENCE, looking).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "an answer of the old application could not be looked at");
                takeover.count(Tally::NotCompared, "fault");
            }
            Err(_) => {
                abort.abort();
                takeover.count(Tally::NotCompared, "slow");
            }
        }
    }
}

/// Rehearses, compares and follows one.
async fn look(takeover: Arc<Takeover>, job: Job) {
    let speaker = &job.spoken.speaker;
    let way = speaker.way(&job.parts);
    let Some(mount) = way.mount() else { return };
    let Some(heard) = way.heard(&job.parts, &job.body) else {
        let ours = job.rehearsed(&way, Newcomer::default()).await;
        job.compare(&takeover, "another path", &ours);
        return;
    };
    let route = heard.route;
    let told = match read(mount, route, &job.theirs) {
        Answer::Given(told) => Some(*told),
        Answer::Refused { .. } => None,
        Answer::Strange(_) => {
            if job.changes && job.theirs.status().is_success() {
                takeover.count(Tally::NotFollowed, &format!("{}: strange", route.verb.name()));
            }
            None
        }
    };
    let mut ours = job.rehearsed(&way, newcomer(mount, told.as_ref(), job.at)).await;
    let mut following = Following { takeover: &takeover, mount, job: &job, heard, is_known: false };
    if let Some(told) = &told {
        let is_sign_in = matches!(following.heard.command, Ok(Command::SignIn { .. }));
        following.is_known = is_sign_in && ours.status() == job.theirs.status();
        let followed = following.follow(told).await;
        // Who is let in there would be asked for there: the answers are compared as they will be then.
        if is_sign_in && followed {
            ours = job.rehearsed(&way, Newcomer::default()).await;
        }
    }
    job.compare(&takeover, &route.path.text, &ours);
}

impl Job {
    async fn rehearsed(&self, way: &Way<'_>, newcomer: Newcomer) -> Response<Bytes> {
        let speaker = &self.spoken.speaker;
        for _ in 1..TRIES {
            let ours = speaker.rehearse(way, (&self.parts, &self.body), &self.from, newcomer).await;
            if ours.status() != StatusCode::SERVICE_UNAVAILABLE || self.theirs.status() == ours.status() {
                return ours;
            }
            tokio::time::sleep(PAUSE).await;
        }
        speaker.rehearse(way, (&self.parts, &self.body), &self.from, newcomer).await
    }

    fn compare(&self, takeover: &Takeover, path: &str, ours: &Response<Bytes>) {
        let busy = ours.status() == StatusCode::SERVICE_UNAVAILABLE && ours.status() != self.theirs.status();
        if busy {
            takeover.count(Tally::NotCompared, "busy");
            return;
        }
        takeover.count(Tally::Compared, "");
        for place in differences(&self.theirs, ours) {
            takeover.count(Tally::Different, &format!("{} {path}: {place}", self.parts.method));
        }
    }
}

/// The ids that the old application gave to a new account.
fn newcomer(mount: &Mount, told: Option<&Told>, at: Moment) -> Newcomer {
    let shown = told.and_then(|told| shown(mount, told, at)).unwrap_or_default();
    Newcomer { id: shown.id, uuid: shown.uuid }
}

/// What is made true here after a good answer.
struct Following<'a> {
    takeover: &'a Takeover,
    mount: &'a Mount,
    job: &'a Job,
    heard: Heard<'a>,
    /// Whether the same password opens the same account here.
    is_known: bool,
}

impl Following<'_> {
    /// `true`: something has changed here.
    async fn follow(&mut self, told: &Told) -> bool {
        let verb = self.heard.route.verb;
        let Some(what) = self.what(told).await else { return false };
        let (job, speaker) = (self.job, &self.job.spoken.speaker);
        let credentials = (self.heard.bearer.clone(), None);
        let caller = speaker.caller(self.mount, credentials, &job.parts, &job.from);
        match follow_patiently(speaker.engine(), &caller, &what, job.at).await {
            Ok(Followed::Nothing) => false,
            Ok(followed) => {
                self.takeover.count(Tally::Followed, verb.name());
                if matches!(followed, Followed::Added(_)) {
                    self.takeover.count(Tally::CarriedOver, "");
                }
                true
            }
            Err(refused) => {
                if let NotFollowed::Fault(fault) = &refused {
                    tracing::warn!(%fault, verb = verb.name(), "what the old application did could not be followed");
                }
                self.takeover.count(Tally::NotFollowed, &format!("{}: {}", verb.name(), refused.name()));
                false
            }
        }
    }

    /// What has become true there. None: nothing that is followed.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the verbs that are followed are few")]
    async fn what(&self, told: &Told) -> Option<Follow> {
        let Ok(command) = &self.heard.command else { return None };
        match command {
            Command::SignIn { login, password, .. } if told.case.is_none() => {
                let user = self.user(told)?;
                let named = if self.is_known { user } else { self.whole(told, user).await? };
                let named = with_login(named, login);
                if !fits(login, &named) {
                    self.lied("another_user");
                    return None;
                }
                if self.is_known {
                    return Some(Follow::CameIn(Box::new(named)));
                }
                Some(Follow::SignedIn { shown: Box::new(named), password: password.clone() })
            }
            Command::SignUp(request) => {
                let user = self.user(told).filter(|user| is_named(user, &self.mount.contract))?;
                let shown = Box::new(with_request(user, request));
                Some(Follow::SignedUp { shown, password: request.password.clone() })
            }
            Command::UpdateProfile(request) => {
                Some(Follow::ProfileChanged(Box::new(with_edit(self.user(told)?, request))))
            }
            Command::SetAvatar { .. } => Some(Follow::ProfileChanged(Box::new(self.user(told)?))),
            Command::ChangePassword { new, .. } => Some(Follow::PasswordChanged(new.clone())),
            Command::DeleteAccount { .. } => Some(Follow::Deleted),
            _ => None,
        }
    }

    fn user(&self, told: &Told) -> Option<Shown> {
        let user = shown(self.mount, told, self.job.at);
        if user.is_none() {
            self.lied("two_users");
        }
        user
    }

    /// The user with what the old application says of whoever has the access token.
    async fn whole(&self, told: &Told, user: Shown) -> Option<Shown> {
        let Some(token) = &told.access else { return Some(user) };
        let (parts, client) = (&self.job.parts, self.job.from.address.as_str());
        let asker = Asker { takeover: self.takeover, mount: self.mount, parts, client };
        let Some(more) = asker.who_am_i(token).await else { return Some(user) };
        let whole = shown(self.mount, &more, self.job.at).and_then(|more| merged(user, more));
        if whole.is_none() {
            self.lied("another_user");
        }
        whole
    }

    fn lied(&self, why: &str) {
        self.takeover.count(Tally::Lied, &format!("{}: {why}", self.heard.route.verb.name()));
    }
}

/// Hashes wait until nobody else does.
async fn follow_patiently(
    engine: &Engine,
    caller: &domain::caller::Caller<'_>,
    what: &Follow,
    at: Moment,
) -> Result<Followed, NotFollowed> {
    for _ in 1..TRIES {
        match engine.follow(caller, what.clone(), at).await {
            Err(NotFollowed::Busy) => tokio::time::sleep(PAUSE).await,
            done => return done,
        }
    }
    engine.follow(caller, what.clone(), at).await
}
