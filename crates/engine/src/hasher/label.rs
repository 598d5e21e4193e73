//! What does one check of a stored hash cost: which scheme, with which parameters?
//!
//! A label is `scheme:cost`: `argon2id:m=19456,t=2,p=1`, `bcrypt:12`, `django_pbkdf2_sha256:1200000`,
//! `scrypt:ln=15,r=8,p=1`, `django_scrypt:n=16384,r=8,p=5`. All hashes with one label take the same time.

use domain::password::{Hash, Params, Scheme};

/// Salts and digests of the right length for a hash that belongs to nobody.
const SALT: &str = "Y291bnRlcnNpZ25kZWNveQ";
const BCRYPT_TAIL: &str = "abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde";

/// The label of a stored hash. None for text that is no readable hash.
pub fn label(stored: &str) -> Option<String> {
    let scheme = Hash::parse(stored).ok()?.scheme();
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

/// The label of what is written with these parameters.
pub fn native(params: &Params) -> String {
    let (scheme, memory, passes, lanes) =
        (Scheme::Argon2id, params.memory_kib(), params.passes(), params.lanes());
    format!("{scheme}:m={memory},t={passes},p={lanes}")
}

/// A hash that costs what the label says and belongs to nobody. None for text that is no label.
pub fn sample(label: &str) -> Option<Hash> {
    let (scheme, cost) = label.split_once(':')?;
    let tag = |bytes: usize| "A".repeat((bytes * 4).div_ceil(3));
    let text = match scheme {
        "argon2id" | "argon2i" | "argon2d" => format!("${scheme}$v=19${cost}${SALT}${}", tag(32)),
        "django_argon2" => format!("argon2$argon2id$v=19${cost}${SALT}${}", tag(32)),
        "django_pbkdf2_sha256" => format!("pbkdf2_sha256${cost}$salt${}=", tag(32)),
        "django_pbkdf2_sha1" => format!("pbkdf2_sha1${cost}$salt${}=", tag(20)),
        "django_bcrypt_sha256" => format!("bcrypt_sha256$$2b${cost}${BCRYPT_TAIL}"),
        "django_bcrypt" => format!("bcrypt$$2b${cost}${BCRYPT_TAIL}"),
        "bcrypt" => format!("$2b${cost}${BCRYPT_TAIL}"),
        "scrypt" => format!("$scrypt${cost}${SALT}${}", tag(32)),
        "django_scrypt" => {
            let (n, rest) = cost.strip_prefix("n=")?.split_once(",r=")?;
            let (r, p) = rest.split_once(",p=")?;
            format!("scrypt${n}$salt${r}${p}${}==", tag(64))
        }
        _ => return None,
    };
    Hash::parse(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASHES: [(&str, &str); 9] = [
        (
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "argon2id:m=19456,t=2,p=1",
        ),
        (
            "$argon2i$m=64,t=3,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "argon2i:m=64,t=3,p=1",
        ),
        (
            "argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "django_argon2:m=102400,t=2,p=8",
        ),
        (
            "pbkdf2_sha256$600000$abc$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "django_pbkdf2_sha256:600000",
        ),
        ("pbkdf2_sha1$1000$abc$AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "django_pbkdf2_sha1:1000"),
        ("$2y$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde", "bcrypt:10"),
        (
            "bcrypt_sha256$$2b$12$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde",
            "django_bcrypt_sha256:12",
        ),
        (
            "scrypt$16384$NaCl$8$5$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
            "django_scrypt:n=16384,r=8,p=5",
        ),
        (
            "$scrypt$ln=14,r=8,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "scrypt:ln=14,r=8,p=1",
        ),
    ];

    #[test]
    fn a_label_keeps_the_cost_and_drops_salt_and_digest() {
        for (hash, expected) in HASHES {
            assert_eq!(label(hash).as_deref(), Some(expected), "{hash}");
        }
        for text in ["", "!", "plain", "$argon2id$v=19$m=1,t=1,p=1$a$b", "$2b$99$x"] {
            assert_eq!(label(text), None, "{text}");
        }
    }

    #[test]
    fn a_sample_of_a_label_costs_what_the_hash_costs() {
        for (text, name) in HASHES {
            let (hash, sample) = (Hash::parse(text).unwrap(), sample(name).unwrap());
            assert_eq!(sample.scheme(), hash.scheme(), "{name}");
            assert_eq!(sample.memory_kib(), hash.memory_kib(), "{name}");
        }
        let written = domain::password::write(
            b"x",
            &[1; 16],
            &Params::new(64, 1, 1).unwrap(),
            &mut domain::password::Workspace::new(domain::password::Backend::Portable),
        );
        assert_eq!(label(&written), Some(native(&Params::new(64, 1, 1).unwrap())));
    }

    #[test]
    fn text_that_is_no_label_gives_no_sample() {
        let texts = [
            "",
            ":",
            "argon2id",
            "argon2id:",
            "md5:1",
            "django_pbkdf2_sha256:99999999999",
            "bcrypt:31",
            "argon2id:m=999999999,t=1,p=1",
            "django_scrypt:n=16384",
            "argon2id:m=64,t=1,p=1$x$y",
        ];
        for text in texts {
            assert!(sample(text).is_none(), "{text}");
        }
    }
}
