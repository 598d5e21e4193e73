//! What can be written? A judgement is a result and the list of changes that make it true.

use crate::admin::AdminChange;
use crate::event::Event;
use crate::factor::Factors;
use crate::factor::half_way::HalfWay;
use crate::id::{SessionId, UserId};
use crate::letter::{LetterId, LinkId, NewLetter};
use crate::link::{NewLink, Offer};
use crate::phase::MigrationChange;
use crate::seal::Sealed;
use crate::session::{EndReason, NewSession};
use crate::time::Moment;
use crate::token::{Blind, Digest};
use crate::user::{NewUser, StoredHash, UserEdit};

/// Which user a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A user that exists.
    Known {
        /// The user.
        user: UserId,
        /// The epoch that was read. Another epoch in the store is a conflict.
        epoch: i64,
    },
    /// The user added earlier in the same list.
    Added,
}

/// One write with what it relies on. A list is applied whole or not at all.
#[derive(Clone, Debug)]
pub enum Change {
    /// Adds a user. Conflict: e-mail, user name, id or UUID taken.
    AddUser(Box<NewUser>),
    /// Opens a session. Conflict: user gone, not active, or of another epoch; session number taken (stale).
    OpenSession {
        /// Whose.
        whose: Whose,
        /// The session.
        session: Box<NewSession>,
    },
    /// Notes a successful sign-in on the user.
    NoteSignIn {
        /// Whose.
        user: UserId,
        /// When.
        at: Moment,
    },
    /// Replaces a hash by a better one of the same password. Nothing happens when it is not `from` any more (SEC-08).
    UpgradeHash {
        /// Whose.
        user: UserId,
        /// As read.
        from: StoredHash,
        /// To be stored.
        to: StoredHash,
    },
    /// Exchanges the refresh token in force. Conflict: the session has ended or `from` is not in force (stale).
    RotateSession {
        /// Which.
        session: SessionId,
        /// Digest of the token presented.
        from: Digest,
        /// Digest of its successor.
        to: Digest,
        /// When.
        at: Moment,
        /// When the successor ends.
        refresh_expires_at: Moment,
    },
    /// Notes that the user has proved again who it is. Conflict: the session has ended; other epoch (stale).
    MarkFresh {
        /// Which.
        session: SessionId,
        /// Of the user, as read.
        epoch: i64,
        /// When.
        at: Moment,
    },
    /// Notes that a session was used; one that has ended, or was seen later, stays as it is.
    NoteSeen {
        /// Which.
        session: SessionId,
        /// When.
        at: Moment,
    },
    /// Ends a session; one that has ended stays as it is.
    EndSession {
        /// Which.
        session: SessionId,
        /// Why.
        reason: EndReason,
        /// When.
        at: Moment,
    },
    /// Ends all live sessions of a user, but one.
    EndSessions {
        /// Whose.
        user: UserId,
        /// The one that stays.
        except: Option<SessionId>,
        /// Why.
        reason: EndReason,
        /// When.
        at: Moment,
    },
    /// Ends the oldest live sessions of a user above a number.
    CapSessions {
        /// Whose.
        user: UserId,
        /// How many may stay.
        keep: u32,
        /// When.
        at: Moment,
    },
    /// Sets a password (or takes it away), bumps the epoch, moves `valid_after`. Conflict: other epoch (stale).
    SetPassword {
        /// Whose.
        user: UserId,
        /// As read.
        epoch: i64,
        /// To be stored.
        hash: Option<StoredHash>,
        /// When.
        at: Moment,
    },
    /// Refuses tokens without a session that were issued before `at`.
    CutTokens {
        /// Whose.
        user: UserId,
        /// The line.
        at: Moment,
    },
    /// Edits a user; a new status bumps the epoch. Conflict: e-mail or user name taken; other epoch (stale).
    EditUser {
        /// Whose.
        user: UserId,
        /// As read.
        epoch: i64,
        /// New values.
        edit: Box<UserEdit>,
        /// When.
        at: Moment,
    },
    /// Stores a picture under a new random name.
    PutAvatar {
        /// File name, `<random>.<png|jpg|gif|webp>`.
        name: String,
        /// `image/png` and the like.
        media_type: &'static str,
        /// Re-encoded picture.
        bytes: Vec<u8>,
        /// When.
        at: Moment,
    },
    /// Takes a picture away; a name that is not there is fine.
    DropAvatar {
        /// File name.
        name: String,
    },
    /// Deletes a user with sessions and keeps the id from being used again. Conflict: other epoch (stale).
    DeleteUser {
        /// Whose.
        user: UserId,
        /// As read.
        epoch: i64,
    },
    /// Counts a failed try of a password, in a row with those before it.
    CountFailure {
        /// The account, known or not, by its blinded name.
        account: Blind,
        /// The user, if there is one.
        user: Option<UserId>,
        /// When.
        at: Moment,
    },
    /// Forgets the failed tries of a user: the right password, or an operator. `SetPassword` does it by itself.
    ClearFailures {
        /// Whose.
        user: UserId,
    },
    /// Puts a letter into the outbox.
    Post(Box<NewLetter>),
    /// Puts letters that somebody asked for into the outbox and opens their links; nothing at all above the bounds.
    /// Conflict: a link relies on another address (stale).
    Offer(Box<Offer>),
    /// Opens a link; it takes over the user's epoch. Conflict: user gone, or another address (stale).
    OpenLink(Box<NewLink>),
    /// Uses a link up. Conflict: used, over, or made before a change of password, status or address (stale).
    UseLink {
        /// Which.
        link: LinkId,
        /// When.
        at: Moment,
    },
    /// Ends the links of a user.
    EndLinks {
        /// Whose.
        user: UserId,
        /// Whether the ways back to a former address end, too.
        undo: bool,
    },
    /// Takes a letter out for one try: whoever claims it may send it. Conflict: it is due at another time (stale).
    ClaimLetter {
        /// Which.
        letter: LetterId,
        /// As read.
        due_at: Moment,
        /// When it is due again, should nobody tell what became of the try.
        until: Moment,
    },
    /// Makes letters due at once that would be due until `until`: whoever claimed them is gone.
    ReleaseLetters {
        /// The end of the last claim.
        until: Moment,
        /// When.
        at: Moment,
    },
    /// Says when a letter is tried again; one that is gone stays so.
    PostponeLetter {
        /// Which.
        letter: LetterId,
        /// When.
        due_at: Moment,
    },
    /// Takes a letter out for good; one that is gone stays so.
    DropLetter {
        /// Which.
        letter: LetterId,
    },
    /// Deletes sessions that ended before a moment and whose tokens have all ended by now; at most 500.
    ForgetSessions {
        /// The line.
        before: Moment,
        /// When.
        now: Moment,
    },
    /// Deletes the oldest events that are older than a moment, at most 5000, and notes up to where.
    PruneTrail {
        /// The line.
        before: Moment,
        /// When.
        at: Moment,
    },
    /// About second factors.
    Factor(FactorChange),
    /// Replaces a document of keys. Conflict: another version is there than the one that was read (stale).
    PutKey(Box<SealedKey>),
    /// Writes an event.
    Note(Box<Event>),
    /// A write of an administrator's.
    Admin(AdminChange),
    /// About taking over from another application.
    Migration(MigrationChange),
}

/// A document of keys, sealed under the master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKey {
    /// Which.
    pub name: String,
    /// The version that it becomes; the one before is replaced, and 1 is the first.
    pub version: i64,
    /// For this name and version.
    pub sealed: Sealed,
    /// When.
    pub at: Moment,
}

/// One write about second factors.
#[derive(Clone, Debug)]
pub enum FactorChange {
    /// Replaces everything about a user's second factors. Conflict: another version is there than `from` (stale).
    Put {
        /// Whose.
        user: UserId,
        /// The version that was read; absent = there was nothing.
        from: Option<i64>,
        /// To be stored.
        to: Box<Factors>,
    },
    /// Deletes everything about a user's second factors. Conflict: another version is there (stale).
    Drop {
        /// Whose.
        user: UserId,
        /// The version that was read.
        from: i64,
    },
    /// Says of a user whether a second factor is in force, and bumps the epoch. Conflict: other epoch (stale).
    Switch {
        /// Whose.
        user: UserId,
        /// As read.
        epoch: i64,
        /// Whether one is in force.
        on: bool,
    },
    /// Keeps a half-way token. Those of the user that are over go, and the oldest above a number.
    AddHalfWay {
        /// The token at rest.
        half_way: Box<HalfWay>,
        /// When.
        at: Moment,
    },
    /// Uses a half-way token up. Conflict: it is not there or over (stale).
    UseHalfWay {
        /// Which.
        digest: Digest,
        /// When.
        at: Moment,
    },
}

/// Why a list of changes was not applied. Nothing of it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Another account has the address.
    EmailTaken,
    /// Another account has the user name.
    UsernameTaken,
    /// Another account has the integer id or the UUID.
    IdTaken,
    /// What the judgement relied on has changed: look again.
    Stale,
    /// There would be no administrator left.
    LastAdministrator,
    /// The bootstrap token is used up or over, or there is an administrator already.
    BootstrapClosed,
}

/// What the store gave while applying a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The id of the user added.
    pub user: Option<UserId>,
    /// How many sessions were ended.
    pub sessions_ended: u64,
    /// How many rows were deleted because they were old.
    pub removed: u64,
}
