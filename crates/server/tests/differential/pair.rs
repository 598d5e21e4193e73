//! Do two stages, one on each database, say and keep the same?

use crate::databases::on_postgres;
use bytes::Bytes;
use countersign_server::replay::Stage;
use dialect::Dialect;
use dialect::transcript::{Act, Kept, Ready, Transcript, difference, rendered};
use domain::letter::LetterId;
use domain::link::LinkKind;
use engine::{Closed, EventQuery, Noted, Post};
use http::Response;
use std::sync::Arc;
use testbed::Lent;

/// More than any conversation leaves.
const ALL: u32 = 1000;
/// The last requests that a failure shows.
const SHOWN: usize = 6;
/// Longer than anything is kept.
const AGES: i64 = 5 * 366 * 86_400;

/// A link that somebody got by letter.
pub struct Link {
    pub kind: LinkKind,
    pub token: String,
}

/// A conversation with two servers at once.
pub struct Pair {
    sqlite: Stage,
    postgres: Stage,
    _database: Lent,
    said: Vec<String>,
    letters: usize,
    seed: u64,
}

impl Pair {
    pub async fn open(dialect: &Arc<Dialect>, head: &Transcript, seed: u64) -> Pair {
        let (place, database) = on_postgres();
        let sqlite = Stage::open(dialect.clone(), head).await.unwrap();
        let postgres = Stage::open_at(place, dialect.clone(), head).await.unwrap();
        let users = Transcript { users: head.users.clone(), ..Transcript::default() };
        for stage in [&sqlite, &postgres] {
            stage.play(&users).await.unwrap();
        }
        Pair { sqlite, postgres, _database: database, said: Vec::new(), letters: 0, seed }
    }

    /// Both answers, which must be one.
    fn same<T: PartialEq>(&self, what: &str, sqlite: T, postgres: T, show: impl Fn(&T) -> String) -> T {
        if sqlite != postgres {
            let before = self.said[self.said.len().saturating_sub(SHOWN)..].join("\n\n");
            panic!(
                "COUNTERSIGN_DIFFERENTIAL_SEED={} after {} requests, {what}, - SQLite, + PostgreSQL:\n{before}\n\n{}",
                self.seed,
                self.said.len(),
                difference(&show(&sqlite), &show(&postgres))
            );
        }
        sqlite
    }

    /// The one answer, without anything that is broken. None where the request can not be written.
    pub async fn send(&mut self, ready: Ready) -> Option<Response<Bytes>> {
        let Ready { method, target, headers, body } = &ready;
        let shown: String = String::from_utf8_lossy(body).chars().take(300).collect();
        self.said.push(format!("{method} {target}\n{headers:?}\n{shown}"));
        let first = self.sqlite.send(copy(&ready)).await.map(whole);
        let second = self.postgres.send(ready).await.map(whole);
        let show = |answer: &Result<Whole, String>| match answer {
            Ok(whole) => rendered(&answered(whole)),
            Err(why) => why.clone(),
        };
        let answer = answered(&self.same("an answer", first, second, show).ok()?);
        assert_ne!(
            answer.status(),
            500,
            "COUNTERSIGN_DIFFERENTIAL_SEED={}: {:?}",
            self.seed,
            self.said.last()
        );
        self.said.push(rendered(&answer).chars().take(300).collect());
        Some(answer)
    }

    /// Does the same at both, and keeps what comes of it. What can not be done is done at none.
    pub async fn act(&mut self, act: &Act, kept: &mut Kept) {
        self.said.push(format!("{act:?}"));
        let mut others = kept.clone();
        let first = self.sqlite.act(act, kept).await;
        let second = self.postgres.act(act, &mut others).await;
        let show = |done: &(Result<(), String>, Kept)| format!("{done:?}");
        drop(self.same("an act", (first, kept.clone()), (second, others), show));
    }

    /// The links of the letters that were written since the last time.
    pub async fn new_links(&mut self) -> Vec<Link> {
        let posts = |mut posts: Vec<Post>| {
            posts.iter_mut().for_each(|post| post.id = LetterId(0));
            format!("{posts:#?}")
        };
        let first = self.sqlite.engine().letters_waiting(None, ALL).await.unwrap();
        let second = self.postgres.engine().letters_waiting(None, ALL).await.unwrap();
        self.same("the letters", posts(first.clone()), posts(second), Clone::clone);
        let new = &first[self.letters.min(first.len())..];
        let link = |post: &Post| {
            let kind = LinkKind::of(post.letter)?;
            let token = self.sqlite.engine().link_token(kind, post.link?).expose().to_owned();
            Some(Link { kind, token })
        };
        let links = new.iter().filter_map(link).collect();
        self.letters = first.len();
        links
    }

    /// Compares all that is kept, now and when it is old.
    pub async fn compare_what_is_kept(&mut self) {
        self.compare_rows().await;
        let ages = Act::Advance(AGES);
        self.act(&ages, &mut Kept::new()).await;
        for _ in 0..2 {
            let tidied = [&self.sqlite, &self.postgres].map(|stage| stage.engine().tidy_up());
            let [first, second] = tidied;
            self.same("what is tidied up", first.await.unwrap(), second.await.unwrap(), |one| {
                format!("{one:?}")
            });
            self.compare_rows().await;
        }
    }

    async fn compare_rows(&self) {
        let (first, second) = (self.sqlite.engine(), self.postgres.engine());
        let users = first.export_users(None, ALL).await.unwrap();
        let others = second.export_users(None, ALL).await.unwrap();
        let lines = |users: &[domain::record::Record]| -> Vec<String> {
            users.iter().map(|user| serde_json::to_string(user).unwrap()).collect()
        };
        self.same("the users", lines(&users), lines(&others), |lines| lines.join("\n"));
        for id in users.iter().filter_map(|user| user.id) {
            let id = domain::id::UserId(id);
            let sessions = first.sessions_and_ends(id, 100).await.unwrap();
            let others = second.sessions_and_ends(id, 100).await.unwrap();
            self.same("the sessions", ended(sessions), ended(others), |lines| lines.join("\n"));
        }
        for newest_first in [false, true] {
            let query = EventQuery { newest_first, ..EventQuery::default() };
            let [events, others] = [first, second].map(|engine| engine.events(&query, ALL));
            let (events, others) = (lines_of(events.await.unwrap()), lines_of(others.await.unwrap()));
            self.same("the events", events, others, |lines| lines.join("\n"));
        }
    }
}

fn lines_of(events: Vec<Noted>) -> Vec<String> {
    events.into_iter().map(line).collect()
}

/// Strand, place and seal are the database's own business, and so is the last row before a gap.
fn line(Noted { mut entry, .. }: Noted) -> String {
    (entry.strand, entry.place) = (0, 0);
    if entry.kind == "trail_pruned" {
        entry.details = "".into();
    }
    format!("{entry:?}")
}

fn ended(sessions: Vec<Closed>) -> Vec<String> {
    let one = |mut session: Closed| {
        let cause = session.cause.take().map(line);
        format!("{session:?} {cause:?}")
    };
    sessions.into_iter().map(one).collect()
}

fn copy(ready: &Ready) -> Ready {
    let Ready { method, target, headers, body } = ready;
    Ready { method: method.clone(), target: target.clone(), headers: headers.clone(), body: body.clone() }
}

/// Status, headers and body.
type Whole = (u16, http::HeaderMap, Bytes);

fn whole(response: Response<Bytes>) -> Whole {
    let (parts, body) = response.into_parts();
    (parts.status.as_u16(), parts.headers, body)
}

fn answered((status, headers, body): &Whole) -> Response<Bytes> {
    let mut response = Response::new(body.clone());
    *response.status_mut() = http::StatusCode::from_u16(*status).unwrap();
    *response.headers_mut() = headers.clone();
    response
}
