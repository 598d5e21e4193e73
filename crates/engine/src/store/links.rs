//! Which links can be used, and how many letters may still be asked for?

use super::outbox;
use super::row::Row;
use super::sql::{Sql, locking};
use super::step::{Step, Unfit};
use super::users::{account_columns, read_account};
use super::value::{Value, values};
use crate::error::Fault;
use domain::change::Conflict;
use domain::id::UserId;
use domain::identifier::EmailKey;
use domain::letter::LinkId;
use domain::link::{Link, LinkKind, NewLink, Offer, Offered};
use domain::time::Moment;
use domain::token::Digest;
use domain::user::Account;
use std::collections::BTreeSet;

const MINUTE_SECONDS: i64 = 60;
const HOUR_SECONDS: i64 = 3600;

/// How many columns stand before those of the account.
const LINK_COLUMNS: usize = 9;
pub(super) static WITH_ACCOUNT: Sql = Sql::same(concat!(
    "SELECT l.id, l.kind, l.user_id, l.bound, l.epoch, l.address, l.address_key, l.expires_at, l.used_at, ",
    account_columns!(),
    " FROM links l JOIN users u ON u.id = l.user_id WHERE l.id = $1"
));

pub(super) static DROP_OVER: Sql = Sql::same("DELETE FROM links WHERE expires_at <= $1");
pub(super) static DROP_OLDER: Sql = Sql::same("DELETE FROM links WHERE user_id = $1 AND kind = $2");
/// Nothing is inserted unless the user has the address that the link relies on.
pub(super) static OPEN: Sql = locking!(
    "INSERT INTO links (id, kind, user_id, bound, epoch, address, address_key, created_at, expires_at) \
     SELECT $1, $2, u.id, u.email_key, u.epoch, $3, $4, $5, $6 FROM users u \
     WHERE u.id = $7 AND u.email_key IS NOT DISTINCT FROM $8",
    "FOR SHARE OF u"
);
/// The one statement that uses a link up. What has changed since it was made makes it void: the password or the status
/// (both move the epoch) and the address. Only the way back to a former address outlives them.
pub(super) static USE: Sql = locking!(
    "UPDATE links SET used_at = $1 WHERE id = $2 AND used_at IS NULL AND expires_at > $1 \
     AND EXISTS (SELECT 1 FROM users u WHERE u.id = links.user_id AND u.status = 'active' \
     AND (links.kind = 'undo_email' OR (u.epoch = links.epoch AND u.email_key IS NOT DISTINCT FROM links.bound))",
    "FOR SHARE",
    ")"
);
pub(super) static END: Sql =
    Sql::same("DELETE FROM links WHERE user_id = $1 AND ($2 OR kind <> 'undo_email')");
pub(super) static RESERVED: Sql = Sql::same(
    "SELECT EXISTS (SELECT 1 FROM links WHERE address_key = $1 AND kind = 'undo_email' \
     AND used_at IS NULL AND expires_at > $2 AND user_id IS DISTINCT FROM $3)",
);

pub(super) static FORGET: Sql = Sql::same("DELETE FROM letters_counted WHERE at <= $1");
pub(super) static COUNT: Sql = Sql::same(
    "SELECT count(*), count(CASE WHEN at > $1 THEN 1 END) FROM letters_counted \
     WHERE recipient = $2 AND letter = $3 AND at > $4",
);
/// Waits for others who count letters to the same address; only where several write at the same time.
pub(super) const TURN: &str = "SELECT 1 FROM letter_turns WHERE turn = $1 FOR UPDATE";
/// How many turns there are. More addresses than these are counted at the same time by chance only.
const TURNS: u8 = 64;
pub(super) static NOTE: Sql =
    Sql::same("INSERT INTO letters_counted (recipient, letter, at) VALUES ($1, $2, $3)");

/// Reads a link, used or not, with its user.
pub(super) fn read(row: &Row<'_>, id: LinkId) -> Result<(Link, Account), Fault> {
    Ok((read_link(row, id)?, read_account(row, LINK_COLUMNS)?))
}

/// Opens a link of a user.
pub(super) fn open<'a>(steps: &mut Vec<Step<'a>>, link: &'a NewLink, user: UserId) {
    if link.kind != LinkKind::UndoEmail {
        steps.push(Step::any(&DROP_OLDER, values![user.0, link.kind.name()]));
    }
    let (address, address_key) =
        link.address.as_ref().map(|(text, key)| (text.as_str(), key.as_str())).unzip();
    let values = values![
        &link.id.0,
        link.kind.name(),
        address,
        address_key,
        link.at.millis(),
        link.expires_at.millis(),
        user.0,
        link.bound.as_ref().map(EmailKey::as_str),
    ];
    steps.push(Step::fresh(&OPEN, values));
}

/// Uses a link up, if it can be used.
pub(super) fn use_up(link: &LinkId, at: Moment) -> Step<'_> {
    Step::fresh(&USE, values![at.millis(), &link.0])
}

/// Ends the links of a user; the ways back to a former address only if `undo`.
pub(super) fn end(user: UserId, undo: bool) -> Step<'static> {
    Step::any(&END, values![user.0, undo])
}

/// Takes away links that are over, and counts of letters of more than an hour ago.
pub(super) fn sweep(now: Moment) -> [Step<'static>; 2] {
    let hour = now.plus_seconds(-HOUR_SECONDS);
    [Step::any(&DROP_OVER, values![now.millis()]), Step::any(&FORGET, values![hour.millis()])]
}

/// The parameters of [`RESERVED`]: whether an address is kept for a former owner other than `except`.
pub(super) fn reserved(key: &EmailKey, except: Option<UserId>, now: Moment) -> [Value<'_>; 3] {
    values![key.as_str(), now.millis(), except.map(|id| id.0)]
}

/// The parameters of [`COUNT`] for one letter of an offer: how many of these went to the address in the last hour, and
/// in the last minute.
pub(super) fn counted<'a>(offered: &'a Offered, at: Moment) -> [Value<'a>; 4] {
    let (minute, hour) = (at.plus_seconds(-MINUTE_SECONDS), at.plus_seconds(-HOUR_SECONDS));
    let letter = offered.letter.letter.name();
    values![minute.millis(), offered.recipient.as_str(), letter, hour.millis()]
}

/// The turns that an offer needs, in the order in which all take them.
pub(super) fn turns(offer: &Offer) -> BTreeSet<i64> {
    let turn = |offered: &Offered| i64::from(Digest::of(offered.recipient.as_str()).bytes()[0] % TURNS);
    offer.letters.iter().map(turn).collect()
}

/// Whether an offer is within its bounds. `counts`: what [`COUNT`] said of each letter in order (SEC-27).
pub(super) fn is_within(offer: &Offer, counts: impl Iterator<Item = (i64, i64)>) -> bool {
    counts.enumerate().all(|(index, (hour, minute))| {
        hour < i64::from(offer.per_hour) && (index > 0 || minute < i64::from(offer.per_minute))
    })
}

/// Puts the letters of an offer and their links in place.
pub(super) fn offer<'a>(
    steps: &mut Vec<Step<'a>>,
    offer: &'a Offer,
    added: Option<UserId>,
) -> Result<(), Unfit> {
    for Offered { letter, recipient, link } in &offer.letters {
        if let Some(link) = link {
            let user = link.user.or(added).ok_or(Unfit::Conflict(Conflict::Stale))?;
            open(steps, link, user);
        }
        steps.push(outbox::add(letter, letter.user.or(added)));
        let values = values![recipient.as_str(), letter.letter.name(), letter.at.millis()];
        steps.push(Step::any(&NOTE, values));
    }
    Ok(())
}

fn read_link(row: &Row<'_>, id: LinkId) -> Result<Link, Fault> {
    let kind = LinkKind::parse(row.str(1)?);
    let (address, address_key) = (row.maybe_string(5)?, row.maybe_string(6)?);
    Ok(Link {
        id,
        kind: kind.ok_or_else(|| Fault::Corrupt("links.kind of a link".to_owned()))?,
        user: UserId(row.int(2)?),
        bound: row.maybe_string(3)?.map(EmailKey::from_stored),
        epoch: row.int(4)?,
        address: address.zip(address_key.map(EmailKey::from_stored)),
        expires_at: Moment::from_millis(row.int(7)?),
        used_at: row.maybe_int(8)?.map(Moment::from_millis),
    })
}
