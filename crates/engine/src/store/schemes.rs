//! Which kinds of password hash were ever stored?

use crate::error::Fault;
use domain::password::{Scheme, Stored};
use domain::user::StoredHash;
use rusqlite::Connection;

const ALL: &str = "SELECT label FROM hash_schemes ORDER BY label";
const ADD: &str = "INSERT INTO hash_schemes (label) VALUES ($1) ON CONFLICT DO NOTHING";

/// Every label, in order of the alphabet.
pub(super) fn all(conn: &Connection) -> Result<Vec<String>, Fault> {
    let mut statement = conn.prepare_cached(ALL)?;
    let labels = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(labels)
}

/// Remembers the label of a hash.
pub(super) fn remember(conn: &Connection, hash: &StoredHash) -> rusqlite::Result<()> {
    label(&hash.0).map_or(Ok(()), |label| add(conn, &label))
}

/// Remembers a label.
pub(super) fn add(conn: &Connection, label: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(ADD)?.execute([label]).map(drop)
}

/// `scheme:cost` of a hash: `argon2id:m=19456,t=2,p=1`, `bcrypt:12`, `django_pbkdf2_sha256:1200000`,
/// `scrypt:ln=15,r=8,p=1`, `django_scrypt:n=16384,r=8,p=5`. None for a text that no password can match.
pub(super) fn label(stored: &str) -> Option<String> {
    let scheme = Stored::parse(stored).ok()?.hash()?.scheme();
    let fields: Vec<&str> = stored.split('$').collect();
    let field = |place: usize| fields.get(place).copied();
    let cost = match scheme {
        Scheme::Argon2id | Scheme::Argon2i | Scheme::Argon2d | Scheme::DjangoArgon2 => {
            fields.iter().find(|field| field.starts_with("m="))?.to_string()
        }
        Scheme::DjangoPbkdf2Sha256 | Scheme::DjangoPbkdf2Sha1 => field(1)?.to_owned(),
        Scheme::DjangoBcryptSha256 | Scheme::DjangoBcrypt => field(3)?.to_owned(),
        Scheme::Bcrypt | Scheme::Scrypt => field(2)?.to_owned(),
        Scheme::DjangoScrypt => format!("n={},r={},p={}", field(1)?, field(3)?, field(4)?),
    };
    Some(format!("{scheme}:{cost}"))
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn a_label_names_the_scheme_and_all_that_it_costs() {
        let bcrypt = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW";
        let cases = [
            (
                "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAA",
                "argon2id:m=19456,t=2,p=1",
            ),
            (
                "pbkdf2_sha256$1200000$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                "django_pbkdf2_sha256:1200000",
            ),
            (bcrypt, "bcrypt:12"),
            (&format!("bcrypt_sha256${bcrypt}"), "django_bcrypt_sha256:12"),
            (&format!("bcrypt${bcrypt}"), "django_bcrypt:12"),
            (
                "$scrypt$ln=14,r=8,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                "scrypt:ln=14,r=8,p=1",
            ),
        ];
        for (stored, expected) in cases {
            assert_eq!(label(stored).as_deref(), Some(expected), "{stored}");
        }
        for nothing in ["", "!", "*", "plain text", "$9$x"] {
            assert_eq!(label(nothing), None);
        }
    }
}
