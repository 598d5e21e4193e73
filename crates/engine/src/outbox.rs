//! Which letters are to be sent now, and what became of each? (REL-44)
//!
//! A letter is claimed before it is sent and taken out afterwards. Whoever dies in between leaves it claimed for a
//! minute; then it is sent again. So none is lost, and only what was on the wire at that moment can arrive twice.
//! Nothing here talks to a mail server.

use crate::Engine;
use crate::error::Fault;
use crate::store::Waiting;
use domain::change::Change;
use domain::event::{Actor, Detail, Event, EventKind};
use domain::letter::{Letter, LetterId, LinkId};
use domain::time::Moment;
use std::future::Future;

/// A claim holds for so long; longer than any try may take.
const CLAIM_SECONDS: i64 = 60;
/// How often claiming looks again when another claimed in between.
const TRIES: usize = 3;
/// The most letters of one claim or one page.
const MAX_LETTERS: u32 = 1000;

/// A letter on its way to one person.
#[derive(Clone, Debug)]
pub struct Post {
    /// Its place in the outbox.
    pub id: LetterId,
    /// Which.
    pub letter: Letter,
    /// The mailbox, the only one.
    pub to: String,
    /// What the reader calls himself. He chose it: it is text, never markup, and may be anything.
    pub name: String,
    /// Language tags by preference, as `Accept-Language` has them.
    pub language: String,
    /// The number of the link in the letter, if it has one.
    pub link: Option<LinkId>,
    /// Not worth sending from then on.
    pub expires_at: Moment,
    /// When it was written.
    pub written_at: Moment,
    /// When it is tried next.
    pub due_at: Moment,
    /// How often it was tried, this time included.
    pub tries: u32,
}

/// The outbox at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxGauges {
    /// How many letters wait.
    pub waiting: u64,
    /// When the oldest of them was written.
    pub oldest: Option<Moment>,
}

impl Engine {
    /// Claims letters that are due, at most `limit`, each for one try within a minute.
    ///
    /// What became of each has to be told with [`Engine::letter_sent`] or [`Engine::letter_postponed`]. Letters whose
    /// time is over are taken out instead, with an event.
    pub async fn letters_due(&self, limit: u32) -> Result<Vec<Post>, Fault> {
        for _ in 0..TRIES {
            let now = self.clock().now();
            let due = self.store().letters_due(now, limit.min(MAX_LETTERS)).await?;
            let (over, live): (Vec<_>, Vec<_>) = due.into_iter().partition(|letter| letter.expires_at <= now);
            let until = now.plus_seconds(CLAIM_SECONDS);
            let claims = live.iter().map(|one| Change::ClaimLetter {
                letter: one.id,
                due_at: one.due_at,
                until: until.min(one.expires_at),
            });
            let mut changes: Vec<Change> = claims.collect();
            for letter in &over {
                changes.push(Change::DropLetter { letter: letter.id });
                changes.push(dropped(letter, now));
            }
            if self.store().record(changes).await?.is_err() {
                continue;
            }
            if live.is_empty() && !over.is_empty() {
                // Only dead ones came up; what is behind them has not been looked at yet.
                continue;
            }
            return Ok(live
                .into_iter()
                .map(|one| Post { tries: one.tries.saturating_add(1), ..post(one) })
                .collect());
        }
        Ok(Vec::new())
    }

    /// Takes back what a process that died had claimed. Only for the node that sends letters, before it claims any.
    ///
    /// What waits for another try within a minute comes up early with it, which harms nobody.
    pub async fn release_letters(&self) -> Result<(), Fault> {
        let at = self.clock().now();
        let until = at.plus_seconds(CLAIM_SECONDS);
        self.store().record(vec![Change::ReleaseLetters { until, at }]).await.map(drop)
    }

    /// A claimed letter was taken over by the mail server. It is never sent again.
    pub async fn letter_sent(&self, letter: LetterId) -> Result<(), Fault> {
        self.store().record(vec![Change::DropLetter { letter }]).await.map(drop)
    }

    /// A claimed letter was not taken; it is tried again at `due_at`, or dropped at its end if that is earlier.
    pub async fn letter_postponed(&self, post: &Post, due_at: Moment) -> Result<(), Fault> {
        let due_at = due_at.min(post.expires_at);
        self.store().record(vec![Change::PostponeLetter { letter: post.id, due_at }]).await.map(drop)
    }

    /// When the next letter is due; none when the outbox is empty.
    pub async fn next_letter(&self) -> Result<Option<Moment>, Fault> {
        self.store().next_letter().await
    }

    /// Is ready once a letter was posted through this engine since the last time.
    pub fn letter_posted(&self) -> impl Future<Output = ()> + use<> {
        self.store().posted()
    }

    /// Letters in order of arrival, at most `limit` (to 1000), from the one after `after`.
    pub async fn letters_waiting(&self, after: Option<LetterId>, limit: u32) -> Result<Vec<Post>, Fault> {
        let page =
            self.store().letters_after(after.unwrap_or(LetterId(0)), limit.clamp(1, MAX_LETTERS)).await?;
        Ok(page.into_iter().map(post).collect())
    }

    /// How full the outbox is.
    pub async fn outbox_gauges(&self) -> Result<OutboxGauges, Fault> {
        let (waiting, oldest) = self.store().outbox_count().await?;
        Ok(OutboxGauges { waiting, oldest })
    }
}

fn post(letter: Waiting) -> Post {
    Post {
        id: letter.id,
        letter: letter.letter,
        to: letter.to,
        name: letter.name,
        language: letter.language,
        link: letter.link,
        expires_at: letter.expires_at,
        written_at: letter.written_at,
        due_at: letter.due_at,
        tries: letter.tries,
    }
}

fn dropped(letter: &Waiting, at: Moment) -> Change {
    Event::inside(EventKind::LetterDropped, at, Actor::System, "")
        .about(letter.user)
        .with(Detail::Letter(letter.letter))
        .noted()
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
