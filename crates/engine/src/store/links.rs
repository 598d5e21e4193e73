//! Which links can be used, and how many letters may still be asked for?

use super::fault::Halt;
use super::outbox;
use super::users::{account_columns, read_account};
use crate::error::Fault;
use domain::change::Conflict;
use domain::id::UserId;
use domain::identifier::EmailKey;
use domain::letter::LinkId;
use domain::link::{Link, LinkKind, NewLink, Offer, Offered};
use domain::time::Moment;
use domain::user::Account;
use rusqlite::{Connection, Row, params};

const MINUTE_SECONDS: i64 = 60;
const HOUR_SECONDS: i64 = 3600;

/// How many columns stand before those of the account.
const LINK_COLUMNS: usize = 9;
const WITH_ACCOUNT: &str = concat!(
    "SELECT l.id, l.kind, l.user_id, l.bound, l.epoch, l.address, l.address_key, l.expires_at, l.used_at, ",
    account_columns!(),
    " FROM links l JOIN users u ON u.id = l.user_id WHERE l.id = $1"
);

const DROP_OVER: &str = "DELETE FROM links WHERE expires_at <= $1";
const DROP_OLDER: &str = "DELETE FROM links WHERE user_id = $1 AND kind = $2";
/// Nothing is inserted unless the user has the address that the link relies on.
const OPEN: &str = "INSERT INTO links (id, kind, user_id, bound, epoch, address, address_key, created_at, expires_at) \
     SELECT $1, $2, u.id, u.email_key, u.epoch, $3, $4, $5, $6 FROM users u \
     WHERE u.id = $7 AND u.email_key IS NOT DISTINCT FROM $8";
/// The one statement that uses a link up. What has changed since it was made makes it void: the password or the status
/// (both move the epoch) and the address. Only the way back to a former address outlives them.
const USE: &str = "UPDATE links SET used_at = $1 WHERE id = $2 AND used_at IS NULL AND expires_at > $1 \
     AND EXISTS (SELECT 1 FROM users u WHERE u.id = links.user_id AND u.status = 'active' \
     AND (links.kind = 'undo_email' OR (u.epoch = links.epoch AND u.email_key IS NOT DISTINCT FROM links.bound)))";
const END: &str = "DELETE FROM links WHERE user_id = $1 AND ($2 OR kind <> 'undo_email')";
const RESERVED: &str = "SELECT EXISTS (SELECT 1 FROM links WHERE address_key = $1 AND kind = 'undo_email' \
     AND used_at IS NULL AND expires_at > $2 AND user_id IS DISTINCT FROM $3)";

const FORGET: &str = "DELETE FROM letters_counted WHERE at <= $1";
const COUNT: &str = "SELECT count(*), count(CASE WHEN at > $1 THEN 1 END) FROM letters_counted WHERE recipient = $2 AND letter = $3";
const NOTE: &str = "INSERT INTO letters_counted (recipient, letter, at) VALUES ($1, $2, $3)";

/// A link, used or not, with its user.
pub(super) fn by_id(conn: &Connection, id: LinkId) -> Result<Option<(Link, Account)>, Fault> {
    let mut statement = conn.prepare_cached(WITH_ACCOUNT)?;
    let mut rows = statement.query([id.0.as_slice()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some((read_link(row, id)?, read_account(row, LINK_COLUMNS)?)))
}

/// Opens a link of a user, who may have been added in the same list.
pub(super) fn open(conn: &Connection, link: &NewLink, user: Option<UserId>) -> Result<(), Halt> {
    let user = user.ok_or(Halt::Conflict(Conflict::Stale))?;
    conn.prepare_cached(DROP_OVER)?.execute([link.at.millis()])?;
    if link.kind != LinkKind::UndoEmail {
        conn.prepare_cached(DROP_OLDER)?.execute(params![user.0, link.kind.name()])?;
    }
    let (address, address_key) =
        link.address.as_ref().map(|(text, key)| (text.as_str(), key.as_str())).unzip();
    let opened = conn.prepare_cached(OPEN)?.execute(params![
        link.id.0.as_slice(),
        link.kind.name(),
        address,
        address_key,
        link.at.millis(),
        link.expires_at.millis(),
        user.0,
        link.bound.as_ref().map(EmailKey::as_str),
    ])?;
    must_be_one(opened)
}

/// Uses a link up, if it can be used.
pub(super) fn use_up(conn: &Connection, link: LinkId, at: Moment) -> Result<(), Halt> {
    must_be_one(conn.prepare_cached(USE)?.execute(params![at.millis(), link.0.as_slice()])?)
}

/// Ends the links of a user; the ways back to a former address only if `undo`.
pub(super) fn end(conn: &Connection, user: UserId, undo: bool) -> rusqlite::Result<()> {
    conn.prepare_cached(END)?.execute(params![user.0, undo]).map(drop)
}

/// Whether an address is kept for a former owner other than `except`.
pub(super) fn is_reserved(
    conn: &Connection,
    key: &EmailKey,
    except: Option<UserId>,
    now: Moment,
) -> Result<bool, Fault> {
    let values = params![key.as_str(), now.millis(), except.map(|id| id.0)];
    Ok(conn.prepare_cached(RESERVED)?.query_row(values, |row| row.get(0))?)
}

/// Puts letters and their links in place, all of them or, when one address got too many of them, none (SEC-27).
pub(super) fn offer(conn: &Connection, offer: &Offer, added: Option<UserId>) -> Result<(), Halt> {
    let Some(at) = offer.letters.first().map(|first| first.letter.at) else { return Ok(()) };
    conn.prepare_cached(FORGET)?.execute([at.plus_seconds(-HOUR_SECONDS).millis()])?;
    for (index, offered) in offer.letters.iter().enumerate() {
        let (hour, minute) = counted(conn, offered, at)?;
        if hour >= offer.per_hour || (index == 0 && minute >= offer.per_minute) {
            return Ok(());
        }
    }
    for Offered { letter, recipient, link } in &offer.letters {
        if let Some(link) = link {
            open(conn, link, link.user.or(added))?;
        }
        outbox::add(conn, letter, letter.user.or(added))?;
        conn.prepare_cached(NOTE)?.execute(params![recipient.as_str(), letter.letter.name(), at.millis()])?;
    }
    Ok(())
}

/// How many of these letters went to the address in the last hour, and in the last minute.
fn counted(conn: &Connection, offered: &Offered, at: Moment) -> rusqlite::Result<(u32, u32)> {
    let minute = at.plus_seconds(-MINUTE_SECONDS).millis();
    let values = params![minute, offered.recipient.as_str(), offered.letter.letter.name()];
    conn.prepare_cached(COUNT)?.query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))
}

fn read_link(row: &Row<'_>, id: LinkId) -> Result<Link, Fault> {
    let kind = row.get_ref(1)?.as_str().ok().and_then(LinkKind::parse);
    let address: Option<String> = row.get(5)?;
    let address_key: Option<String> = row.get(6)?;
    Ok(Link {
        id,
        kind: kind.ok_or_else(|| Fault::Corrupt("links.kind of a link".to_owned()))?,
        user: UserId(row.get(2)?),
        bound: row.get::<_, Option<String>>(3)?.map(EmailKey::from_stored),
        epoch: row.get(4)?,
        address: address.zip(address_key.map(EmailKey::from_stored)),
        expires_at: Moment::from_millis(row.get(7)?),
        used_at: row.get::<_, Option<i64>>(8)?.map(Moment::from_millis),
    })
}

fn must_be_one(changed: usize) -> Result<(), Halt> {
    if changed == 1 { Ok(()) } else { Err(Halt::Conflict(Conflict::Stale)) }
}
