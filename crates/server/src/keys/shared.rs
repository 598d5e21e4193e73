//! How is a secret used that an application has in a file of its own?

use super::file::read_private;
use super::{KeyFaults, fault};
use crate::config::MountConfig;
use domain::contract::{Contract, Weakening};
use domain::secret::SecretBytes;
use domain::token::{Key, KeyFault};
use std::path::Path;

/// Refused: a new key for a mount whose secret the application has to change at the same time.
pub(super) fn refuse(settings: &MountConfig) -> Result<(), KeyFaults> {
    let Some(path) = &settings.secret_file else { return Ok(()) };
    Err(fault(
        path.display(),
        "this secret is shared with the application: write the new one into this file \
                                    and into the application's settings, then start both again",
    ))
}

/// The shared secret as it stands in the file, without one line end.
pub(super) fn key(path: &Path, contract: &Contract) -> Result<Key, KeyFaults> {
    let place = path.display();
    if !contract.access.algorithm.is_shared() {
        let name = contract.access.algorithm.name();
        return Err(fault(
            place,
            format!(
                "the dialect {:?} signs with {name}, which has no shared secret; take `secret_file` away",
                contract.name
            ),
        ));
    }
    secret(path, contract.weakenings.contains(&Weakening::ShortSecret))
}

/// The shared secret in a file, without one line end.
pub(super) fn secret(path: &Path, short: bool) -> Result<Key, KeyFaults> {
    let place = path.display();
    let text = read_private(path)?;
    let text = text.strip_suffix(b"\n").unwrap_or(&text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    Key::hs256(&SecretBytes::new(text), short).map_err(|found| match found {
        KeyFault::TooShort => fault(
            place,
            format!(
                "the secret has {} bytes, at least 32 are needed; if the application can not change it, \
             write `allow_short_secret = true`",
                text.len()
            ),
        ),
        KeyFault::Sample => {
            fault(place, "the secret is empty or a value from documentation that everybody knows")
        }
        KeyFault::Unusable
        | KeyFault::WrongAlgorithm
        | KeyFault::NoPrivateKey
        | KeyFault::Mixed
        | KeyFault::TooMany
        | KeyFault::Twice
        | KeyFault::NotGenerated => fault(place, found),
    })
}
