//! What has happened to a user?

use super::super::Turn;
use super::search::{mark_of, read_limit};
use crate::error::Error;
use crate::error::Fault;
use crate::trail::EventQuery;
use domain::admin::{Items, KeyId, Listed, ShownEvent};
use domain::event::Actor;
use domain::id::{SessionId, UserId};
use domain::outcome::Outcome;
use domain::time::Moment;
use domain::trail::Entry;
use std::collections::HashMap;
use uuid::Uuid;

/// Public ids of administrators, by their numbers; none for who is gone.
type Names = HashMap<i64, Option<String>>;

impl Turn<'_> {
    /// The events about a user, the newest first. One more than the page holds is asked for, to learn whether there is
    /// another page; nobody counts all of them.
    pub(super) async fn list_events_of(
        &self,
        user: Uuid,
        limit: Option<i64>,
        cursor: Option<&str>,
    ) -> Result<Outcome, Error> {
        let limit = read_limit(limit)?;
        let account = self.managed(user).await?;
        let mark = mark_of(&format!("events {user}"));
        let after = cursor.map(|cursor| self.read_cursor(cursor, mark)).transpose()?;
        let user = Some(account.user.id);
        let query = EventQuery { user, after, newest_first: true, ..EventQuery::default() };
        let mut found = self.engine.store().events(&query, limit + 1).await?;
        let page = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > page;
        found.truncate(page);
        let next = found.last().filter(|_| more).map(|last| self.cursor(last.entry.id, mark));
        let mut names = Names::new();
        let mut events = Vec::with_capacity(found.len());
        for noted in found {
            events.push(self.shown_event(noted.entry, &mut names).await?);
        }
        Ok(Outcome::Listed(Listed { items: Items::Events(events), total: None, next }))
    }

    async fn shown_event(&self, entry: Entry<'_>, names: &mut Names) -> Result<ShownEvent, Fault> {
        let by = match entry.actor_id {
            Some(id) if entry.actor == Actor::AdminKey(id).name() => Some(KeyId(id).to_string()),
            Some(id) => match names.get(&id) {
                Some(known) => known.clone(),
                None => {
                    let found = self.engine.store().account_by_id(UserId(id)).await?;
                    let name = found.map(|account| account.user.uuid.to_string());
                    names.insert(id, name.clone());
                    name
                }
            },
            None => None,
        };
        let details = if entry.details.is_empty() {
            Ok(serde_json::Map::new())
        } else {
            serde_json::from_str(&entry.details)
        };
        Ok(ShownEvent {
            number: entry.id,
            at: Moment::from_millis(entry.at),
            kind: entry.kind.into_owned(),
            actor: entry.actor.into_owned(),
            by,
            session: entry.session.map(|id| self.engine.mint().public_id(SessionId(id))),
            contract: entry.contract.into_owned(),
            verb: entry.verb.into_owned(),
            address: entry.address.into_owned(),
            result: entry.result.into_owned(),
            request: entry.request.into_owned(),
            details: details.map_err(|_| Fault::Corrupt("events.details".to_owned()))?,
        })
    }
}
