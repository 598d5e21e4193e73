//! What can be looked up?

use super::row::Row;
use super::sql::Sql;
use super::value::{Value, values};
use super::{
    Backend, Store, Taken, TrailEnd, Waiting, admin, avatars, events, factors, failures, keys, links, outbox,
    phases, schemes, sessions, trail, users,
};
use crate::error::Fault;
use crate::limit::Stored;
use crate::trail::{EventQuery, Noted, Row as Ended};
use domain::admin::{AdminKey, KeyId, NewAdminKey, UserSearch};
use domain::change::SealedKey;
use domain::factor::Factors;
use domain::factor::half_way::HalfWay;
use domain::id::{SessionId, UserId};
use domain::identifier::{EmailKey, UsernameKey};
use domain::letter::{LetterId, LinkId};
use domain::link::Link;
use domain::phase::{Counted, KeptPhase};
use domain::session::{ListedSession, Session};
use domain::time::Moment;
use domain::token::{Blind, Digest};
use domain::trail::Seal;
use domain::user::{Account, NewUser, StoredHash};
use uuid::Uuid;

impl Store {
    /// The account with this id.
    pub async fn account_by_id(&self, id: UserId) -> Result<Option<Account>, Fault> {
        self.account(&users::BY_ID, Value::from(id.0)).await
    }

    /// The account with this UUID.
    pub async fn account_by_uuid(&self, uuid: Uuid) -> Result<Option<Account>, Fault> {
        self.account(&users::BY_UUID, Value::from(uuid.as_bytes())).await
    }

    /// The account with this address.
    pub async fn account_by_email(&self, key: &EmailKey) -> Result<Option<Account>, Fault> {
        self.account(&users::BY_EMAIL, Value::from(key.as_str())).await
    }

    /// The account with this user name.
    pub async fn account_by_username(&self, key: &UsernameKey) -> Result<Option<Account>, Fault> {
        self.account(&users::BY_USERNAME, Value::from(key.as_str())).await
    }

    /// Whether an import would find this very user here.
    pub async fn is_there(&self, user: &NewUser) -> Result<bool, Fault> {
        let found = self.one(&users::SAME, &users::same(user), users::read_same).await?;
        Ok(found.flatten().is_some())
    }

    /// A session, ended or not, with its user.
    pub async fn session(&self, id: SessionId) -> Result<Option<(Session, Account)>, Fault> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.session(id),
            Backend::Postgres(postgres) => {
                postgres.one(sessions::WITH_ACCOUNT.postgres, &values![id.0], sessions::read).await
            }
        }
    }

    /// The live sessions of a user, newest first, at most `most`.
    pub async fn live_sessions(
        &self,
        user: UserId,
        now: Moment,
        most: u32,
    ) -> Result<Vec<ListedSession>, Fault> {
        let values = values![user.0, now.millis(), most];
        self.all(&sessions::LIVE, &values, sessions::read_listed).await
    }

    /// A link, used or not, with its user.
    pub async fn link(&self, id: LinkId) -> Result<Option<(Link, Account)>, Fault> {
        self.one(&links::WITH_ACCOUNT, &values![&id.0], |row| links::read(row, id)).await
    }

    /// Which of these names belong to somebody other than `except`. An address belongs to its former owner, too, while
    /// a link could give it back.
    pub async fn taken(
        &self,
        email: Option<&EmailKey>,
        username: Option<&UsernameKey>,
        except: Option<UserId>,
        now: Moment,
    ) -> Result<Taken, Fault> {
        let mut taken = Taken::default();
        if let Some(key) = email {
            taken.email = self.is_owned(&users::EMAIL_OWNER, key.as_str(), except).await?
                || self.is_true(&links::RESERVED, &links::reserved(key, except, now)).await?;
        }
        if let Some(key) = username {
            taken.username = self.is_owned(&users::USERNAME_OWNER, key.as_str(), except).await?;
        }
        Ok(taken)
    }

    /// The failed tries in a row of an account, known or not.
    pub async fn failures(&self, account: &Blind) -> Result<Stored, Fault> {
        let found = self.one(&failures::BY_ACCOUNT, &values![&account.0], failures::read).await?;
        Ok(found.unwrap_or_default())
    }

    /// Everything about a user's second factors, and its version.
    pub async fn factors(&self, user: UserId) -> Result<Option<(i64, Factors)>, Fault> {
        self.one(&factors::BY_USER, &values![user.0], factors::read).await
    }

    /// A half-way token, over or not.
    pub async fn half_way(&self, digest: Digest) -> Result<Option<HalfWay>, Fault> {
        let values = values![digest.bytes()];
        self.one(&factors::HALF_WAY, &values, |row| factors::read_half_way(row, digest)).await
    }

    /// Media type and bytes of a picture.
    pub async fn avatar(&self, name: &str) -> Result<Option<(String, Vec<u8>)>, Fault> {
        self.one(&avatars::BY_NAME, &values![name], avatars::read).await
    }

    /// The letters that are due, the longest due first.
    pub async fn letters_due(&self, now: Moment, limit: u32) -> Result<Vec<Waiting>, Fault> {
        self.all(&outbox::DUE, &values![now.millis(), limit], outbox::read).await
    }

    /// The letters after this one in order of arrival.
    pub async fn letters_after(&self, letter: LetterId, limit: u32) -> Result<Vec<Waiting>, Fault> {
        self.all(&outbox::WAITING, &values![letter.0, limit], outbox::read).await
    }

    /// The kinds of all events, in order.
    #[cfg(test)]
    pub async fn event_kinds(&self) -> Result<Vec<String>, Fault> {
        static KINDS: Sql = Sql::same("SELECT kind FROM events ORDER BY id");
        self.all(&KINDS, &[], |row| row.string(0)).await
    }

    /// When the next letter is due.
    pub async fn next_letter(&self) -> Result<Option<Moment>, Fault> {
        let next = self.one(&outbox::NEXT, &[], |row| row.maybe_int(0)).await?;
        Ok(next.flatten().map(Moment::from_millis))
    }

    /// How many letters wait, and when the oldest was written.
    pub async fn outbox_count(&self) -> Result<(u64, Option<Moment>), Fault> {
        let read =
            |row: &Row<'_>| Ok((row.int(0)?.unsigned_abs(), row.maybe_int(1)?.map(Moment::from_millis)));
        Ok(self.one(&outbox::COUNT, &[], read).await?.unwrap_or_default())
    }

    /// The next accounts in order of id, at most `limit`.
    pub async fn users_after(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Account>, Fault> {
        let values = values![after.map_or(i64::MIN, |id| id.0), limit];
        self.scan(users::AFTER.sqlite.to_owned(), values.into(), |row| users::read_account(row, 0)).await
    }

    /// Events that a query asks for, at most `limit`.
    pub async fn events(&self, query: &EventQuery, limit: u32) -> Result<Vec<Noted>, Fault> {
        let (sql, values) = trail::page(query, limit);
        self.scan(sql, values, noted).await
    }

    /// Events of one strand, from the row after a place, at most `limit`.
    pub async fn events_of_strand(&self, strand: i64, after: i64, limit: u32) -> Result<Vec<Noted>, Fault> {
        let (sql, values) = trail::page_of_strand(strand, after, limit);
        self.scan(sql, values, noted).await
    }

    /// The newest sessions of a user, ended or not.
    pub async fn newest_sessions(&self, user: UserId, limit: u32) -> Result<Vec<Ended>, Fault> {
        self.all(&trail::NEWEST, &trail::newest(user, limit), trail::read_ended).await
    }

    /// The number of the last event and what the sealed heads say.
    pub async fn trail_end(&self) -> Result<TrailEnd, Fault> {
        let read = |row: &Row<'_>| {
            let head = row.maybe_int(1)?.zip(row.maybe_bytes(2)?);
            Ok((row.int(0)?, head.map(|(place, seal)| (place, Seal::from_bytes(seal)))))
        };
        let mut end = TrailEnd::default();
        for (number, head) in self.all(&trail::ENDS, &[], read).await? {
            match head {
                Some((place, seal)) => end.heads.push((number, place, seal)),
                None => end.last = number,
            }
        }
        end.heads.sort_by_key(|(strand, ..)| *strand);
        Ok(end)
    }

    /// The last row of each strand up to a row: strand, place and seal.
    pub async fn trail_marks(&self, through: i64) -> Result<Vec<(i64, i64, Option<Seal>)>, Fault> {
        let read = |row: &Row<'_>| Ok((row.int(0)?, row.int(1)?, row.maybe_bytes(2)?.map(Seal::from_bytes)));
        self.all(&trail::MARKS, &values![through], read).await
    }

    /// All documents of keys.
    pub async fn sealed_keys(&self) -> Result<Vec<SealedKey>, Fault> {
        self.all(&keys::ALL, &[], keys::read).await
    }

    /// The phases of mounts that were set at run time.
    pub async fn phases(&self) -> Result<Vec<KeptPhase>, Fault> {
        self.all(&phases::PHASES, &[], phases::read_phase).await
    }

    /// What was counted at mounts.
    pub async fn migration_counts(&self) -> Result<Vec<Counted>, Fault> {
        let counts = self.all(&phases::COUNTS, &[], phases::read_count).await?;
        Ok(counts.into_iter().flatten().collect())
    }

    /// The next users in order of id with their password hashes, at most `limit`.
    pub async fn hashes_after(
        &self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<(UserId, Option<StoredHash>)>, Fault> {
        let values = values![after.map_or(i64::MIN, |id| id.0), limit];
        let read = |row: &Row<'_>| Ok((UserId(row.int(0)?), row.maybe_string(1)?.map(StoredHash)));
        self.scan(phases::HASHES_AFTER.sqlite.to_owned(), values.into(), read).await
    }

    /// Whether there is an active user who may do everything. `roles` are those that permit it.
    pub async fn has_administrator(&self, roles: &[String]) -> Result<bool, Fault> {
        let sql = self.text(&admin::ADMINISTRATOR).to_owned();
        // Two partial indexes answer it at once, but a server that never counted its rows may look at all of them.
        let found = self.scan(sql, vec![admin::names(roles)], |row| row.bool(0)).await?;
        Ok(found.first().copied().unwrap_or(false))
    }

    /// Whether this is the digest of the bootstrap token in force.
    pub async fn is_bootstrap(&self, digest: &Digest, now: Moment) -> Result<bool, Fault> {
        let values = values![digest.bytes(), now.millis()];
        Ok(self.one(&admin::BOOTSTRAP, &values, |_| Ok(())).await?.is_some())
    }

    /// An admin key with the digest of its text.
    pub async fn admin_key(&self, id: KeyId) -> Result<Option<NewAdminKey>, Fault> {
        self.one(&admin::KEY, &values![id.0], admin::read_with_digest).await
    }

    /// All admin keys, the oldest first.
    pub async fn admin_keys(&self) -> Result<Vec<AdminKey>, Fault> {
        self.all(&admin::KEYS, &[], admin::read_key).await
    }

    /// The users whom a search finds and how many there are in all.
    pub async fn search_users(&self, search: &UserSearch) -> Result<(Vec<Account>, u64), Fault> {
        let [(count, count_values), (page, page_values)] = admin::search(search);
        let total = self.scan(count, count_values, |row| row.int(0)).await?;
        let found = self.scan(page, page_values, |row| users::read_account(row, 0)).await?;
        Ok((found, total.first().map_or(0, |total| total.unsigned_abs())))
    }

    /// Every kind of password hash that was ever stored, as `scheme:cost`: `bcrypt:12`, `argon2id:m=19456,t=2,p=1`,
    /// `django_pbkdf2_sha256:1200000`, `django_scrypt:n=16384,r=8,p=5`.
    pub async fn hash_schemes(&self) -> Result<Vec<String>, Fault> {
        self.all(&schemes::ALL, &[], |row| row.string(0)).await
    }

    async fn account(&self, sql: &'static Sql, key: Value<'_>) -> Result<Option<Account>, Fault> {
        self.one(sql, &[key], |row| users::read_account(row, 0)).await
    }

    async fn is_owned(&self, sql: &'static Sql, key: &str, except: Option<UserId>) -> Result<bool, Fault> {
        let owner = self.one(sql, &values![key], |row| row.int(0).map(UserId)).await?;
        Ok(owner.is_some() && owner != except)
    }

    async fn is_true(&self, sql: &'static Sql, values: &[Value<'_>]) -> Result<bool, Fault> {
        Ok(self.one(sql, values, |row| row.bool(0)).await?.unwrap_or(false))
    }
}

fn noted(row: &Row<'_>) -> Result<Noted, Fault> {
    let (entry, seal) = events::read(row)?;
    Ok(Noted { entry, seal })
}
