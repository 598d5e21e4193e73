//! Which keys did the application sign with before the move? Files of its own: read, never written.

use super::file::read_private;
use super::shared::secret;
use super::{KeyFaults, Listed, Role, fault};
use crate::config::MountConfig;
use domain::contract::{Contract, Weakening};
use domain::token::{Algorithm, MAX_JWKS_BYTES, OldKey, OldKeys, read_jwks};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The old keys of a mount; none where it names none.
///
/// Refused: a file that can not be read, or whose keys can not be used; a secret that is the mount's own.
pub(super) fn of_mount(settings: &MountConfig, contract: &Contract) -> Result<Option<OldKeys>, KeyFaults> {
    let old = &settings.old;
    if !old.has_keys() {
        return Ok(None);
    }
    let short = contract.weakenings.contains(&Weakening::ShortSecret);
    let (mut keys, mut place) = (Vec::new(), String::new());
    if let Some(path) = &old.jwks_file {
        place = path.display().to_string();
        keys = read_jwks(&read_public(path)?).map_err(|found| fault(&place, found))?;
    }
    if let Some(path) = &old.secret_file {
        apart(path, settings.secret_file.as_deref(), "it is the mount's `secret_file` already")?;
        place = path.display().to_string();
        keys.push(OldKey { key: secret(path, short)?, kid: None });
    }
    let refresh = match &old.refresh_secret_file {
        Some(path) => {
            apart(path, settings.secret_file.as_deref(), "it is the mount's `secret_file` already")?;
            apart(
                path,
                old.secret_file.as_deref(),
                "it is in `old_secret_file` as well, so it tells nothing apart",
            )?;
            place = path.display().to_string();
            Some(secret(path, short)?)
        }
        None => None,
    };
    OldKeys::new(keys, refresh).map(Some).map_err(|found| fault(place, found))
}

/// The old keys of a mount, for people.
pub(super) fn list(settings: &MountConfig, contract: &Contract) -> Result<Vec<Listed>, KeyFaults> {
    let Some(keys) = of_mount(settings, contract)? else { return Ok(Vec::new()) };
    let old = &settings.old;
    let listed = |algorithm: Algorithm, id: String, place: Option<&PathBuf>| Listed {
        dialect: contract.name.clone(),
        algorithm: algorithm.name().to_owned(),
        id,
        role: Role::Verifies,
        created_at: None,
        signs_from: None,
        verifies_until: settings.accept_until,
        place: place.map_or_else(String::new, |path| path.display().to_string()),
    };
    let general = keys.general().iter().map(|one| {
        let shared = one.key.algorithm().is_shared();
        let (id, place) = if shared { ("old secret", &old.secret_file) } else { ("old key", &old.jwks_file) };
        let id = one.kid.as_ref().map_or_else(|| id.to_owned(), |kid| format!("old key {kid:?}"));
        listed(one.key.algorithm(), id, place.as_ref())
    });
    let refresh = keys
        .tells_refresh()
        .then(|| listed(Algorithm::HS256, "old refresh secret".to_owned(), old.refresh_secret_file.as_ref()));
    Ok(general.chain(refresh).collect())
}

/// Refused: two files with one secret.
fn apart(path: &Path, other: Option<&Path>, why: &str) -> Result<(), KeyFaults> {
    let Some(other) = other else { return Ok(()) };
    let (one, two) = (read_private(path)?, read_private(other)?);
    if one.trim_ascii_end() == two.trim_ascii_end() {
        return Err(fault(path.display(), format!("this secret is used twice: {why}")));
    }
    Ok(())
}

fn read_public(path: &Path) -> Result<Vec<u8>, KeyFaults> {
    let told = |error: std::io::Error| fault(path.display(), format!("the file can not be read ({error})"));
    let file = File::open(path).map_err(told)?;
    if !file.metadata().map_err(told)?.is_file() {
        return Err(fault(path.display(), "this is not a file"));
    }
    let mut text = Vec::new();
    file.take(MAX_JWKS_BYTES as u64 + 1).read_to_end(&mut text).map_err(told)?;
    Ok(text)
}
