//! What can go wrong inside, and what becomes of it?

use domain::refusal::Refusal;

/// Something broke. Its text is for the log and never leaves the process.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database refused, failed or is gone.
    #[error("database: {0}")]
    Database(String),
    /// A row holds something that we never write.
    #[error("database holds a value that can not be read: {0}")]
    Corrupt(String),
    /// The part of the engine that should answer is gone (it is shutting down or has panicked).
    #[error("{0} does not answer")]
    Gone(&'static str),
    /// The same change list met other changes every time.
    #[error("{0} gave up after repeated conflicts")]
    Contended(&'static str),
    /// Another application gave a new user an id that belongs to somebody here.
    #[error("the id that the other application gave belongs to somebody else here")]
    IdTaken,
    /// A key could not sign, or randomness could not be drawn.
    #[error("cryptography: {0}")]
    Crypto(String),
}

/// Why a verb did not give its outcome.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The normal no.
    #[error("refused: {}", .0.code())]
    Refused(Refusal),
    /// Something broke.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(refusal)
    }
}

/// Why the engine could not be opened: one clear line for the operator (exit code 2).
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What is wrong and what to do.
    #[error("{0}")]
    Refused(String),
}
