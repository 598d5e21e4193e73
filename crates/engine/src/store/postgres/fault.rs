//! What does a failure of PostgreSQL mean for a change list, and for the connection?

use crate::error::Fault;
use domain::change::Conflict;
use std::error::Error as _;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// What became of something that failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Two transactions got in each other's way; another try is as if this one had not been (40001, 40P01; 55P03 where a
    /// lock is not waited for as long as it takes to find the circle).
    Again,
    /// The connection is gone, or the server takes no writes any more.
    Lost(String),
    /// It meets what is stored.
    Conflict(Conflict),
    /// Another has written to the same place in the same strand of the trail.
    Moved,
    /// A statement that had to touch a row touched none.
    Untouched,
    /// An earlier statement of the same transaction has failed.
    Skipped,
    /// The server refused.
    Failed(String),
}

impl Trouble {
    /// What an error of the client library means.
    pub fn of(error: &Error) -> Trouble {
        let Some(said) = error.as_db_error() else {
            // Values that do not fit are found before anything is sent.
            return if error.is_closed() || !is_ours(error) {
                Trouble::Lost(told(error))
            } else {
                Trouble::Failed(told(error))
            };
        };
        let code = said.code();
        let in_the_way = [
            &SqlState::T_R_SERIALIZATION_FAILURE,
            &SqlState::T_R_DEADLOCK_DETECTED,
            &SqlState::LOCK_NOT_AVAILABLE,
        ];
        if in_the_way.contains(&code) {
            Trouble::Again
        } else if *code == SqlState::DIVISION_BY_ZERO {
            Trouble::Untouched
        } else if *code == SqlState::IN_FAILED_SQL_TRANSACTION {
            Trouble::Skipped
        } else if *code == SqlState::UNIQUE_VIOLATION && said.constraint() == Some("events_of_strand") {
            Trouble::Moved
        } else if *code == SqlState::UNIQUE_VIOLATION {
            conflict(said.constraint()).map_or_else(|| Trouble::Failed(told(error)), Trouble::Conflict)
        } else if *code == SqlState::FOREIGN_KEY_VIOLATION {
            // Whom the row belongs to was deleted meanwhile.
            Trouble::Conflict(Conflict::Stale)
        } else if is_end(code) {
            Trouble::Lost(told(error))
        } else {
            Trouble::Failed(told(error))
        }
    }

    /// As a fault of whoever asked.
    pub fn into_fault(self) -> Fault {
        match self {
            Trouble::Again => Fault::Contended("the database"),
            Trouble::Lost(why) | Trouble::Failed(why) => Fault::Database(why),
            Trouble::Conflict(_) | Trouble::Untouched | Trouble::Skipped | Trouble::Moved => {
                Fault::Database("a statement was refused".to_owned())
            }
        }
    }
}

/// Whether the server ends the connection, or is not (any more) the one that takes writes: class 08, 57P0x, 25006.
fn is_end(code: &SqlState) -> bool {
    code.code().starts_with("08")
        || [
            &SqlState::ADMIN_SHUTDOWN,
            &SqlState::CRASH_SHUTDOWN,
            &SqlState::CANNOT_CONNECT_NOW,
            &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            &SqlState::READ_ONLY_SQL_TRANSACTION,
            &SqlState::TOO_MANY_CONNECTIONS,
        ]
        .contains(&code)
}

/// Whether the client library itself refused, with the connection as good as before.
fn is_ours(error: &Error) -> bool {
    let text = error.to_string();
    text.starts_with("error serializing parameter") || text.starts_with("error deserializing")
}

/// The conflict that a constraint stands for.
fn conflict(constraint: Option<&str>) -> Option<Conflict> {
    match constraint? {
        "users_email_key" => Some(Conflict::EmailTaken),
        "users_username_key" => Some(Conflict::UsernameTaken),
        "users_id" | "users_uuid" => Some(Conflict::IdTaken),
        "sessions_id" | "avatars_name" | "failures_user" => Some(Conflict::Stale),
        _ => None,
    }
}

/// An error with its causes, on one line.
pub(super) fn told(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = next.source();
    }
    text
}
