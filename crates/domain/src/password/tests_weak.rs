//! Is every weak digest wrapped, does its password then match, and does the digest itself open nothing?

use super::tests::unhex;
use super::weak::{Algorithm, Layout, WeakDigest};
use super::*;
use proptest::prelude::*;

const MD5: &str = "5f4dcc3b5aa765d61d8327deb882cf99";

fn small() -> Params {
    Params::new(64, 1, 1).unwrap()
}

fn wrap(digest: &WeakDigest) -> String {
    digest.wrap(&small(), &[7; 16], &mut Workspace::new(Backend::Simd))
}

fn wrapped(text: &str, layout: Layout) -> (String, Hash) {
    let stored = wrap(&WeakDigest::parse_as(text, layout).unwrap().unwrap());
    let hash = Hash::parse(&stored).unwrap();
    (stored, hash)
}

#[test]
fn digests_of_every_origin_match_their_password_once_wrapped() {
    let mut workspace = Workspace::new(Backend::Simd);
    let mut seen = [0; 2];
    let vectors = include_str!("../../testdata/passwords/weak_digests.txt");
    for (at, line) in vectors.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let [password, digest, layout, expect] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let (stored, hash) = wrapped(digest, Layout::named(layout).unwrap());
        assert!(matches!(expect, "yes" | "no"));
        assert_eq!(hash.verify(&unhex(password), &mut workspace), expect == "yes", "line {}", at + 1);
        for typed in [digest, &stored, &digest.to_lowercase(), digest.trim_start_matches('*')] {
            assert!(!hash.verify(typed.as_bytes(), &mut workspace), "line {}", at + 1);
        }
        assert!(matches!(Stored::parse(digest), Err(HashFault::UnknownScheme)), "line {}", at + 1);
        seen[usize::from(expect == "yes")] += 1;
    }
    assert!(seen[0] > 200 && seen[1] > 90, "{seen:?}");
}

#[test]
fn what_is_stored_is_argon2id_that_says_how_the_digest_was_made() {
    let (stored, hash) = wrapped(MD5, Layout::SaltFirst);
    assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1,data=bWQ1$BwcHBwcHBwcHBwcHBwcHBw$"), "{stored}");
    assert!(!stored.contains(MD5));
    assert_eq!(
        (hash.scheme(), hash.memory_kib(), hash.cost().as_str()),
        (Scheme::Wrapped, 64, "m=64,t=1,p=1")
    );
    assert!(!hash.is_current(&small()), "it becomes plain argon2id after the next sign-in");
    assert!(hash.verify(b"password", &mut Workspace::new(Backend::Portable)));
    assert_eq!(format!("{hash:?}"), "Hash(wrapped)");

    // The raw digest is the password of the outer hash, not of ours.
    let mut workspace = Workspace::new(Backend::Simd);
    let digest = unhex(MD5);
    assert!(!hash.verify(&digest, &mut workspace));
    let plain = stored.replace(",data=bWQ1", "");
    assert!(Hash::parse(&plain).unwrap().verify(&digest, &mut workspace));
}

#[test]
fn the_longest_salt_fits_and_a_longer_one_is_refused() {
    let digest = |bytes: usize| {
        let text = format!("sha512${}${}", "/".repeat(bytes), "ab".repeat(64));
        WeakDigest::parse(&text).unwrap()
    };
    let stored = wrap(&digest(128).unwrap());
    assert!(stored.len() <= MAX_HASH_BYTES, "{}", stored.len());
    assert_eq!(Hash::parse(&stored).unwrap().scheme(), Scheme::Wrapped);
    let most = Params::new(262_144, 16, 16).unwrap();
    assert!(most.memory_kib().to_string().len() < 10, "the costs can not push it over the bound");
    let fault = digest(129).unwrap_err();
    assert_eq!(fault.to_string(), "wrapped: the salt in bytes is 129, at most 128 is allowed");
}

#[test]
fn each_kind_has_a_name_for_the_report() {
    let sha1 = "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8";
    for (text, name) in [
        (MD5.to_owned(), "md5"),
        (sha1.to_owned(), "sha1"),
        ("ab".repeat(32), "sha256"),
        ("AB".repeat(64), "sha512"),
        (format!("*{sha1}"), "mysql sha1"),
        (format!("md5$salt${MD5}"), "salted md5"),
        (format!("md5$${MD5}"), "md5"),
        (format!("sha256$salt${}", "ab".repeat(32)), "salted sha256"),
        ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=".to_owned(), "sha1"),
        ("{ssha}W6ph5Mm5Pz8GgiULbPgzG37mj9hzYWx0".to_owned(), "salted sha1"),
    ] {
        let digest = WeakDigest::parse(&text).unwrap().unwrap();
        assert_eq!(digest.name(), name, "{text}");
        assert_eq!(format!("{digest:?}"), format!("WeakDigest({name})"));
    }
}

#[test]
fn what_may_be_a_password_in_plain_text_is_no_digest() {
    for text in [
        "",
        "password",
        "correct horse battery staple",
        "*",
        "*0",
        "*LK*",
        "!",
        "*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC2",
        "5f4dcc3b5aa765d61d8327deb882cf9",
        "5f4dcc3b5aa765d61d8327deb882cf9z",
        "{CLEARTEXT}secret",
        "{PLAIN}secret",
        "{",
        "{SHA",
        "crc32$salt$00000000",
        "sha1-sha1$salt$5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8",
        "plain$$password",
        "md5$",
        "$1$salt$hash",
        "é5f4dcc3b5aa765d61d8327deb882cf9",
    ] {
        assert!(WeakDigest::parse(text).is_none(), "{text}");
    }
    assert!(WeakDigest::parse(&"a".repeat(513)).is_none());
}

#[test]
fn a_digest_that_can_not_be_right_is_a_fault_without_the_text() {
    for text in [
        "md5$salt$5f4dcc3b5aa765d61d8327deb882cf",
        "md5$salt$5f4dcc3b5aa765d61d8327deb882cf9z",
        "md5$sa$lt$5f4dcc3b5aa765d61d8327deb882cf99",
        "sha1$salt$",
        "*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC2X",
        "{SHA}",
        "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9hzYWx0",
        "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        "{SSHA}W6ph",
        "{MD5}5f4dcc3b5aa765d61d8327deb882cf99",
        "{SSHA256}not base64",
    ] {
        let fault = WeakDigest::parse(text).unwrap().unwrap_err();
        assert!(matches!(fault, HashFault::Malformed { scheme: Scheme::Wrapped, .. }), "{text}: {fault}");
        assert!(!fault.to_string().contains(text), "{fault}");
    }
    let sha1 = Algorithm::DoubleSha1;
    assert!(WeakDigest::new(sha1, Layout::SaltFirst, b"salt", &[0; 20]).is_err());
    assert!(WeakDigest::new(sha1, Layout::SaltFirst, b"", &[0; 20]).is_ok());
    assert!(WeakDigest::new(Algorithm::Md5, Layout::SaltFirst, b"", &[0; 20]).is_err());
}

#[test]
fn a_broken_wrapped_digest_is_malformed_and_never_plain_argon2id() {
    let (stored, _) = wrapped(MD5, Layout::SaltFirst);
    let with = |data: &str| stored.replace("bWQ1", data);
    // "md4", "md5/", "md5/salt-first", "md5/salt-first/", "md5/pepper/x", "sha1-sha1/salt-first/x", bytes that are no text.
    for data in [
        "",
        "!",
        "bWQ0",
        "bWQ1Lw",
        "bWQ1L3NhbHQtZmlyc3Q",
        "bWQ1L3NhbHQtZmlyc3Qv",
        "bWQ1L3BlcHBlci94",
        "c2hhMS1zaGExL3NhbHQtZmlyc3QveA",
        "bWQ1/w",
        "/////w",
        "bWQ1=",
        "bWQ1,data=bWQ1",
        "bWQ1,keyid=AAAA",
    ] {
        let fault = Hash::parse(&with(data)).unwrap_err();
        assert!(matches!(fault, HashFault::Malformed { scheme: Scheme::Wrapped, .. }), "{data}: {fault}");
    }
    let costly = stored.replace("m=64", "m=262145");
    assert!(matches!(Hash::parse(&costly).unwrap_err(), HashFault::OverCap { scheme: Scheme::Wrapped, .. }));
    assert!(Hash::parse(&stored.replace("$argon2id$", "$argon2i$")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_wrapped_digest_matches_its_password_and_no_other(
        algorithm in 0_usize..4,
        layout in 0_usize..3,
        salt in proptest::collection::vec(any::<u8>(), 0..=128),
        password in proptest::collection::vec(any::<u8>(), 1..80),
        other in proptest::collection::vec(any::<u8>(), 1..80),
    ) {
        let algorithm = [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][algorithm];
        let layout = [Layout::SaltFirst, Layout::SaltLast, Layout::HmacSalt][layout];
        let blank = vec![0; algorithm.bytes()];
        let unknown = Hash::parse(&wrap(&WeakDigest::new(algorithm, layout, &salt, &blank).unwrap())).unwrap();
        let mut workspace = Workspace::new(Backend::Simd);
        prop_assert!(!unknown.verify(&password, &mut workspace));
        let Kind::Wrapped(kind) = &unknown.kind else { panic!("{unknown:?}") };
        let digest = kind.digest(&password);
        let right = Hash::parse(&wrap(&WeakDigest::new(algorithm, layout, &salt, &digest).unwrap())).unwrap();
        prop_assert!(right.verify(&password, &mut workspace));
        // HMAC pads a short key and nothing else; the salt is the key, not the password.
        prop_assert_eq!(right.verify(&other, &mut workspace), other == password);
    }

    #[test]
    fn no_text_makes_the_reader_of_digests_panic(text in "[*{}$a-fA-F0-9SHMD=/+é-]{0,140}") {
        let _ = WeakDigest::parse(&text);
        let _ = WeakDigest::parse_as(&format!("sha256${text}"), Layout::HmacSalt);
    }
}
