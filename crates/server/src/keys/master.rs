//! Where does the master key lie, and when may a new one be made? (REL-33)

use super::document::draw;
use super::file::{make_private_folder, read_private, write_new_private};
use super::{KeyFaults, Keys, fault};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use domain::seal::{MASTER_KEY_BYTES, MasterKey};
use domain::secret::{Secret, SecretBytes};
use engine::{Chance, Place, is_bound_to_master_key};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where the master key is to be found.
#[derive(Clone, Debug)]
pub(super) struct MasterPlace {
    /// The key itself, from the environment; it wins.
    pub given: Option<Secret>,
    /// Its file.
    pub path: PathBuf,
}

impl Keys {
    /// Whether there is a database already, whose keys have to be those that it began with.
    pub async fn has_begun(&self) -> Result<bool, KeyFaults> {
        match &self.database {
            Place::File(path) => Ok(path.exists()),
            Place::Postgres(..) => {
                is_bound_to_master_key(&self.database).await.map_err(|error| KeyFaults(error.to_string()))
            }
            Place::Memory => Ok(false),
        }
    }

    /// The master key, from the environment or its file; made at the first start.
    ///
    /// Refused: missing beside a database whose secrets are sealed under one; readable by others; not a key.
    pub async fn master(&self, chance: &Chance) -> Result<SecretBytes, KeyFaults> {
        if let Some(given) = &self.master.given {
            return read(given.expose())
                .map_err(|message| KeyFaults(format!("environment COUNTERSIGN_MASTER_KEY: {message}")));
        }
        let path = &self.master.path;
        if !path.exists() {
            if is_bound_to_master_key(&self.database).await.map_err(|error| KeyFaults(error.to_string()))? {
                return Err(fault(
                    path.display(),
                    "the master key is missing, and secrets in the database are sealed under it; put the file back \
                     from a backup, or give the key in COUNTERSIGN_MASTER_KEY",
                ));
            }
            self.new_master(path, chance)?;
        }
        let text = read_private(path)?;
        let text = std::str::from_utf8(&text).map_err(|_| fault(path.display(), NOT_A_KEY))?;
        read(text).map_err(|message| fault(path.display(), message))
    }

    /// Writes a new key. One that came into being meanwhile stays: two processes that start at once read the same.
    fn new_master(&self, path: &Path, chance: &Chance) -> Result<(), KeyFaults> {
        let told =
            |error: std::io::Error| fault(path.display(), format!("the file can not be written ({error})"));
        let bytes = Zeroizing::new(draw(&path.display().to_string(), chance)?);
        let mut text = Zeroizing::new(STANDARD.encode(*bytes));
        text.push('\n');
        make_private_folder(&self.folder).map_err(told)?;
        write_new_private(path, text.as_bytes()).map_err(told)
    }
}

const NOT_A_KEY: &str = "this is not a master key: at least 32 random bytes in base64 or hexadecimal digits";

/// Reads a key from text: hexadecimal digits, else base64 in any of its alphabets, padded or not.
fn read(text: &str) -> Result<SecretBytes, String> {
    let text = text.trim();
    let bytes = hex(text)
        .or_else(|| [STANDARD, URL_SAFE].iter().find_map(|engine| engine.decode(text).ok()))
        .or_else(|| [STANDARD_NO_PAD, URL_SAFE_NO_PAD].iter().find_map(|engine| engine.decode(text).ok()));
    let key = SecretBytes::new(bytes.filter(|bytes| bytes.len() >= MASTER_KEY_BYTES).ok_or(NOT_A_KEY)?);
    MasterKey::new(&key).map_err(|fault| fault.to_string())?;
    Ok(key)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if text.len() < 2 * MASTER_KEY_BYTES || !text.len().is_multiple_of(2) {
        return None;
    }
    let nibbles: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    Some(nibbles?.chunks(2).map(|pair| 16 * pair[0] + pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_every_usual_spelling_and_nothing_else_is_a_key() {
        let bytes: Vec<u8> = (200..=250).collect();
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        for text in [
            digits.clone(),
            digits.to_uppercase(),
            STANDARD.encode(&bytes),
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE.encode(&bytes),
            format!(" {}\n", URL_SAFE_NO_PAD.encode(&bytes)),
        ] {
            assert_eq!(read(&text).unwrap().expose(), bytes, "{text}");
        }
        for text in [
            String::new(),
            "secret".into(),
            STANDARD.encode([1; 31]),
            "0".repeat(64),
            "ä".repeat(64),
            "zz".repeat(32) + "!",
        ] {
            assert!(read(&text).is_err(), "{text}");
        }
    }
}
