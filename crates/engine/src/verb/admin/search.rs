//! Which users are there?

use super::super::Turn;
use crate::error::Error;
use domain::admin::{Items, Listed, UserQuery, UserSearch};
use domain::id::UserId;
use domain::identifier::{EMAIL_MAX_BYTES, EmailKey, UsernameKey};
use domain::input::{Flaw, Input, Rule};
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::token::{Digest, Kind, Ticket};
use domain::user::Status;
use uuid::Uuid;

/// Users of one page where nothing is said.
const PAGE: i64 = 50;
/// Users of one page at most (SEC-95).
const MAX_PAGE: i64 = 200;

impl Turn<'_> {
    pub(super) async fn list_users(&self, query: UserQuery) -> Result<Outcome, Error> {
        let search = self.read_query(query)?;
        let (mut accounts, total) = self.engine.store().search_users(&search).await?;
        let limit = usize::try_from(search.limit.saturating_sub(1)).unwrap_or(0);
        let more = accounts.len() > limit;
        accounts.truncate(limit);
        let next = accounts.last().filter(|_| more).map(|last| self.cursor(last.user.id.0, mark(&search)));
        let users = accounts.into_iter().map(|account| account.user).collect();
        Ok(Outcome::Listed(Listed { items: Items::Users(users), total: Some(total), next }))
    }

    pub(super) async fn show_user(&self, user: Uuid) -> Result<Outcome, Error> {
        Ok(Outcome::UserShown { user: self.managed(user).await?.user })
    }

    /// One more than the page holds is asked for, to learn whether there is another page.
    fn read_query(&self, query: UserQuery) -> Result<UserSearch, Error> {
        let flaw = |input, rule| Error::from(Refusal::InvalidInput(vec![Flaw::new(input, rule)]));
        let limit = read_limit(query.limit)?;
        let status = match query.status.as_deref() {
            Some(name) => Some(Status::parse(name).ok_or_else(|| flaw(Input::Status, Rule::OneOf))?),
            None => None,
        };
        let prefix = query.search.as_deref().map(str::trim).filter(|text| !text.is_empty());
        if prefix.is_some_and(|text| text.len() > EMAIL_MAX_BYTES || text.contains(char::is_control)) {
            return Err(flaw(Input::Search, Rule::TooLong));
        }
        let mut search = UserSearch {
            prefix: prefix.map(|text| (EmailKey::prefix(text), UsernameKey::prefix(text))),
            role: query.role,
            status,
            after: None,
            limit: limit + 1,
        };
        if let Some(cursor) = &query.cursor {
            search.after = Some(UserId(self.read_cursor(cursor, mark(&search))?));
        }
        Ok(search)
    }

    /// Sealed, and bound to what was searched for: it opens no other list (SEC-95).
    pub(super) fn cursor(&self, last: i64, mark: u32) -> String {
        self.engine.mint().seal(&Ticket { session: last, counter: mark, kind: Kind::Cursor })
    }

    /// The last item of the page before. Refused: a cursor of another list, a made-up one.
    pub(super) fn read_cursor(&self, cursor: &str, mark: u32) -> Result<i64, Error> {
        let ticket = self.engine.mint().open(cursor);
        let ticket = ticket.filter(|ticket| ticket.kind == Kind::Cursor && ticket.counter == mark);
        let flaw = || Refusal::InvalidInput(vec![Flaw::new(Input::Cursor, Rule::Pattern)]);
        Ok(ticket.ok_or_else(flaw)?.session)
    }
}

/// Items of a page (SEC-95). Refused: none, and more than 200.
pub(super) fn read_limit(limit: Option<i64>) -> Result<u32, Error> {
    let limit = limit.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        let rule = if limit < 1 { Rule::TooSmall } else { Rule::TooLarge };
        return Err(Refusal::InvalidInput(vec![Flaw::new(Input::Limit, rule)]).into());
    }
    Ok(u32::try_from(limit).unwrap_or(1))
}

/// 32 bits that stand for the filters, not for the page.
fn mark(search: &UserSearch) -> u32 {
    let filters = UserSearch { after: None, limit: 0, ..search.clone() };
    mark_of(&format!("{filters:?}"))
}

/// 32 bits that stand for a list.
pub(super) fn mark_of(list: &str) -> u32 {
    let digest = Digest::of(list);
    let [a, b, c, d, ..] = *digest.bytes();
    u32::from_be_bytes([a, b, c, d])
}
