//! What does one check of a stored hash cost: which scheme, with which parameters?
//!
//! A label is `scheme:cost`: `argon2id:m=19456,t=2,p=1`, `bcrypt:12`, `django_pbkdf2_sha256:1200000`,
//! `scrypt:ln=15,r=8,p=1`, `django_scrypt:n=16384,r=8,p=5`. All hashes with one label take the same time for a short
//! password.

use domain::password::{Hash, Params, Scheme};

/// The label of a stored hash. None for text that is no readable hash.
pub fn label(stored: &str) -> Option<String> {
    Hash::parse(stored).ok().as_ref().map(of)
}

/// The label of a hash.
pub fn of(hash: &Hash) -> String {
    format!("{}:{}", hash.scheme(), hash.cost())
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
    Hash::sample(scheme, cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASHES: [(&str, &str); 15] = [
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
        (
            "pbkdf2:sha512:260000$salt$00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
            "werkzeug_pbkdf2:sha512,260000,64",
        ),
        (
            "$pbkdf2-sha256$27500$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "pbkdf2:sha256,27500,64",
        ),
        ("$P$BabcdefghABCDEFGHIJKLMNOPQRSTUV", "phpass:8192"),
        ("$5$rounds=535000$salt$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "sha256_crypt:535000"),
        (
            "AQAAAAIAAYagAAAAEAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw==",
            "aspnet_identity:sha512,100000,32",
        ),
        (
            "$argon2id$v=19$m=19456,t=2,p=1,data=bWQ1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "wrapped:m=19456,t=2,p=1",
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
