//! How is a wrapped weak digest read and checked?
//!
//! `$argon2id$v=19$m=…,t=…,p=…,data=…$salt$hash`, as `weak::WeakDigest::wrap` writes it: the password is turned into
//! the digest that `data` describes, and that digest is the password of argon2id.

use super::argon2::{self, Argon2};
use super::reading::{Base64, Reading};
use super::weak::Recipe;
use super::{HashFault, Kind, Workspace};

const PREFIX: &str = "$argon2id$";
const DATA: &str = ",data=";

/// A parsed wrapped digest.
#[derive(Clone)]
pub(super) struct Wrapped {
    recipe: Recipe,
    outer: Argon2,
}

impl Wrapped {
    pub fn memory_kib(&self) -> u32 {
        self.outer.memory_kib()
    }

    pub fn cost(&self) -> String {
        self.outer.cost()
    }

    /// What of a password argon2 gets.
    #[cfg(test)]
    pub fn digest(&self, password: &[u8]) -> zeroize::Zeroizing<Vec<u8>> {
        self.recipe.digest(password)
    }

    pub fn verify(&self, password: &[u8], workspace: &mut Workspace) -> bool {
        self.outer.verify(&self.recipe.digest(password), workspace)
    }
}

/// Whether a text is argon2id with `data`: so it is kept from the row of plain argon2id.
pub(super) fn recognise(text: &str) -> bool {
    text.starts_with(PREFIX) && text.contains(DATA)
}

/// Takes `data` out of the text and reads the rest as argon2id.
pub(super) fn parse(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    let missing = || reading.malformed("a field is missing");
    let (before, after) = reading.text.split_once(DATA).ok_or_else(missing)?;
    let (data, rest) = after.split_once('$').ok_or_else(missing)?;
    let described = reading.base64(data, Base64::Unpadded, "the data is not base64")?;
    let recipe =
        Recipe::read(&described).ok_or_else(|| reading.malformed("the data describes no known digest"))?;
    let outer = argon2::read(reading, &format!("{before}${rest}"))?;
    Ok(Kind::Wrapped(Wrapped { recipe, outer }))
}

/// A hash of nobody; `bWQ1` is `md5`.
pub(super) fn sample(_prefix: &str, cost: &str) -> Option<String> {
    argon2::sample(PREFIX, &format!("{cost}{DATA}bWQ1"))
}
