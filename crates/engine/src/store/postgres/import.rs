//! How are users added in bulk, all or none?

use super::session::{bound, look_fault};
use super::strand;
use super::writers::Writer;
use crate::error::Fault;
use crate::store::feed::{CONFLICTS, Feed};
use crate::store::row::Row;
use crate::store::value::{Value, values};
use crate::store::{ImportSum, factors, schemes, users};
use crossbeam_channel::Receiver;
use domain::change::Conflict;
use domain::event::{Detail, Event};
use domain::id::UserId;
use domain::user::NewUser;
use std::collections::HashSet;
use std::sync::Arc;
use tokio_postgres::Client;

/// What an import is answered with.
type Answer = Result<Result<ImportSum, Vec<(usize, Conflict)>>, Fault>;

/// As [`users::ADD`], but a user who is in the way is no failure: a failure would undo all before it.
const ADD_IF_FREE: &str = "INSERT INTO users (id, uuid, username, username_key, email, email_key, email_verified, \
     first_name, last_name, phone_number, avatar, role, permissions, status, attributes, password_hash, \
     last_login_at, created_at, changed_at) \
     SELECT coalesce($1, nextval('user_ids')), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
     $18, $18 WHERE NOT EXISTS (SELECT 1 FROM gone_users WHERE id = $1 OR uuid = $2) \
     ON CONFLICT DO NOTHING RETURNING id";
/// Which of the things that must be one's own is somebody else's.
const IN_THE_WAY: &str = "SELECT EXISTS (SELECT 1 FROM users WHERE email_key = $1), \
     EXISTS (SELECT 1 FROM users WHERE username_key = $2)";
const SKIP: &str = "SELECT setval('user_ids', greatest((SELECT max(id) FROM users), \
     (SELECT max(id) FROM gone_users), (SELECT last_value FROM user_ids)))";
/// An import takes as long as it takes; what it locks are rows that nobody else has seen.
const PATIENT: &str = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// Adds the users in one transaction; keeps them unless there was a conflict or it was only a rehearsal.
pub(super) async fn run(writer: &mut Writer, feed: Receiver<Feed>, event: Option<Event>) -> Answer {
    let imported = in_transaction(writer, feed, event).await;
    if !matches!(imported, Ok((_, true))) && writer.session.client().batch_execute("ROLLBACK").await.is_err()
    {
        writer.session.abandon();
    }
    imported.map(|(answer, _)| answer)
}

/// The flag says whether it was committed.
async fn in_transaction(
    writer: &mut Writer,
    feed: Receiver<Feed>,
    event: Option<Event>,
) -> Result<(Result<ImportSum, Vec<(usize, Conflict)>>, bool), Fault> {
    let client = writer.session.client();
    let failed = |error: tokio_postgres::Error| look_fault(&error);
    client.batch_execute("BEGIN").await.map_err(failed)?;
    client.batch_execute(PATIENT).await.map_err(failed)?;
    let found = add_all(client, feed).await?;
    if !found.conflicts.is_empty() {
        return Ok((Err(found.conflicts), false));
    }
    let Some(event) = event else { return Ok((Ok(found.sum), false)) };
    client.query(SKIP, &[]).await.map_err(failed)?;
    let event = event.with(Detail::Count(found.sum.added));
    strand::note(&writer.session, &writer.key, &event).await?;
    client.batch_execute("COMMIT").await.map_err(failed)?;
    Ok((Ok(found.sum), true))
}

/// What was found so far.
#[derive(Default)]
struct Found {
    sum: ImportSum,
    added: HashSet<UserId>,
    labels: HashSet<String>,
    place: usize,
    conflicts: Vec<(usize, Conflict)>,
}

async fn add_all(client: &Client, feed: Receiver<Feed>) -> Result<Found, Fault> {
    let failed = |error: tokio_postgres::Error| look_fault(&error);
    let add = client.prepare(ADD_IF_FREE).await.map_err(failed)?;
    let mut found = Found::default();
    let feed = Arc::new(feed);
    'feed: loop {
        let next = Arc::clone(&feed);
        // The feed is filled by a thread; waiting for it must not hold up others.
        let chunk = tokio::task::spawn_blocking(move || next.recv()).await.map_err(|_| BROKEN_OFF)?;
        let chunk = match chunk {
            Ok(Feed::Users(chunk)) => chunk,
            Ok(Feed::End) => break,
            Err(_) => return Err(BROKEN_OFF),
        };
        let values: Vec<Vec<Value<'_>>> =
            chunk.iter().map(|user| users::values_of(user, user.id)).collect::<Result<_, _>>()?;
        let sent = values.iter().map(|values| {
            let add = &add;
            let values = bound(values);
            async move { client.query(add, &values).await }
        });
        let answers = super::list::in_order(sent).await;
        for (user, answer) in chunk.iter().zip(answers) {
            let rows = answer.map_err(failed)?;
            found.take(client, user, rows.first()).await?;
            if found.conflicts.len() == CONFLICTS {
                break 'feed;
            }
        }
    }
    for label in &found.labels {
        client.execute(schemes::ADD.postgres, &[label]).await.map_err(failed)?;
    }
    Ok(found)
}

const BROKEN_OFF: Fault = Fault::Gone("the list of users to be imported");

impl Found {
    async fn take(
        &mut self,
        client: &Client,
        user: &NewUser,
        row: Option<&tokio_postgres::Row>,
    ) -> Result<(), Fault> {
        if let Some(row) = row {
            self.sum.added += 1;
            let id = UserId(Row::Postgres(row).int(0)?);
            self.added.insert(id);
            if let Some(factors) = &user.factors {
                for step in factors::carry(id, factors)? {
                    let values = bound(&step.values);
                    client.execute(step.sql.postgres, &values).await.map_err(|error| look_fault(&error))?;
                }
            }
            self.labels.extend(user.password_hash.as_ref().and_then(|hash| crate::hasher::label(&hash.0)));
        } else {
            match there(client, user).await? {
                // Somebody whom an earlier line of the same file brought is not the same person again.
                Some(id) if !self.added.contains(&id) => self.sum.unchanged += 1,
                Some(_) | None => self.conflicts.push((self.place, in_the_way(client, user).await?)),
            }
        }
        self.place += 1;
        Ok(())
    }
}

async fn there(client: &Client, user: &NewUser) -> Result<Option<UserId>, Fault> {
    let values = users::same(user);
    let rows =
        client.query(users::SAME.postgres, &bound(&values)).await.map_err(|error| look_fault(&error))?;
    rows.first().map_or(Ok(None), |row| users::read_same(&Row::Postgres(row)))
}

/// In the order in which the embedded database would have found it.
async fn in_the_way(client: &Client, user: &NewUser) -> Result<Conflict, Fault> {
    let email = user.email.as_ref().map(|(_, key)| key.as_str());
    let username = user.username.as_ref().map(|(_, key)| key.as_str());
    let values = values![email, username];
    let rows = client.query(IN_THE_WAY, &bound(&values)).await.map_err(|error| look_fault(&error))?;
    let Some(row) = rows.first().map(Row::Postgres) else { return Ok(Conflict::IdTaken) };
    Ok(if row.bool(1)? {
        Conflict::UsernameTaken
    } else if row.bool(0)? {
        Conflict::EmailTaken
    } else {
        Conflict::IdTaken
    })
}
