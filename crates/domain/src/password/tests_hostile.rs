//! Is every hostile stored hash refused before it costs anything? And is every typed text read as SEC-04 wants?

use super::*;

pub(super) const SALT: &str = "AAAAAAAAAAAAAAAAAAAAAA";
pub(super) const TAG: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
pub(super) const BCRYPT_TAIL: &str = "abcdefghijklmnopqrst0ub8NdINAw1tnhLoyxRzsqO7MzASh2zta";

pub(super) fn over_cap(text: &str) -> (&'static str, u64, u64) {
    match Hash::parse(text).unwrap_err() {
        HashFault::OverCap { cap, value, most, .. } => (cap, value, most),
        other @ (HashFault::UnknownScheme | HashFault::TooLong { .. } | HashFault::Malformed { .. }) => {
            panic!("{text}: {other}")
        }
    }
}

#[test]
fn every_cost_above_its_cap_is_refused_with_the_cap_and_the_value() {
    let argon2 = |costs: &str| over_cap(&format!("$argon2id$v=19${costs}${SALT}${TAG}"));
    assert_eq!(argon2("m=4294967296,t=1,p=1"), ("memory in KiB (m)", 4_294_967_296, 262_144));
    assert_eq!(argon2("m=262145,t=1,p=1"), ("memory in KiB (m)", 262_145, 262_144));
    assert_eq!(argon2("m=64,t=4294967296,p=1"), ("passes (t)", 4_294_967_296, 16));
    assert_eq!(argon2("m=64,t=17,p=1").0, "passes (t)");
    assert_eq!(argon2("m=4096,t=1,p=17"), ("lanes (p)", 17, 16));
    assert_eq!(argon2("m=99999999999999999999999,t=1,p=1").1, u64::MAX);
    let django = format!("argon2$argon2id$v=19$m=262145,t=1,p=1${SALT}${TAG}");
    assert_eq!(over_cap(&django).1, 262_145);

    let pbkdf2 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(over_cap(&format!("pbkdf2_sha256$5000001$salt${pbkdf2}")), ("rounds", 5_000_001, 5_000_000));
    assert_eq!(over_cap("pbkdf2_sha1$4294967297$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAA=").0, "rounds");

    for prefix in ["", "bcrypt$", "bcrypt_sha256$"] {
        assert_eq!(over_cap(&format!("{prefix}$2b$16${BCRYPT_TAIL}")), ("cost", 16, 15));
        assert_eq!(over_cap(&format!("{prefix}$2y$99${BCRYPT_TAIL}")), ("cost", 99, 15));
    }

    let scrypt = |costs: &str| over_cap(&format!("$scrypt${costs}${SALT}${TAG}"));
    assert_eq!(scrypt("ln=19,r=8,p=1"), ("memory in KiB (128·N·r)", 524_288, 262_144));
    assert_eq!(scrypt("ln=63,r=8,p=1").0, "memory in KiB (128·N·r)");
    assert_eq!(scrypt("ln=64,r=8,p=1").0, "memory in KiB (128·N·r)");
    assert_eq!(scrypt("ln=4294967296,r=8,p=1").0, "memory in KiB (128·N·r)");
    assert_eq!(scrypt("ln=1,r=1048576,p=1"), ("block size (r)", 1_048_576, 64));
    assert_eq!(scrypt("ln=14,r=8,p=17"), ("lanes (p)", 17, 16));
    assert_eq!(scrypt("ln=18,r=8,p=5").0, "mixing (N·r·p)");
    let django = format!("scrypt$524288$salt$8$1${pbkdf2}");
    assert_eq!(over_cap(&django).1, 524_288);
}

#[test]
fn every_cost_at_its_cap_is_read() {
    let pbkdf2 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (text, memory) in [
        (format!("$argon2d$v=16$m=262144,t=16,p=16${SALT}${TAG}"), 262_144),
        (format!("$argon2id$v=19$p=1,t=2,m=64${SALT}${TAG}"), 64),
        (format!("pbkdf2_sha256$5000000$salt${pbkdf2}"), 1),
        (format!("$2x$15${BCRYPT_TAIL}"), 5),
        (format!("$scrypt$ln=18,r=8,p=4${SALT}${TAG}"), 262_149),
        (format!("scrypt$16384$salt$8$5${pbkdf2}"), 16_390),
    ] {
        assert_eq!(Hash::parse(&text).unwrap().memory_kib(), memory, "{text}");
    }
}

#[test]
fn a_salt_or_hash_above_128_bytes_and_a_text_above_512_are_refused() {
    let long = "A".repeat(172); // 129 bytes
    assert_eq!(
        over_cap(&format!("$argon2id$v=19$m=64,t=1,p=1${long}${TAG}")),
        ("the salt in bytes", 129, 128)
    );
    assert_eq!(
        over_cap(&format!("$argon2id$v=19$m=64,t=1,p=1${SALT}${long}")),
        ("the hash in bytes", 129, 128)
    );
    assert_eq!(over_cap(&format!("$scrypt$ln=4,r=8,p=1${long}${TAG}")).0, "the salt in bytes");
    let django = format!("pbkdf2_sha256$1${}${TAG}=", "s".repeat(129));
    assert_eq!(over_cap(&django), ("the salt in bytes", 129, 128));
    let text = format!("$argon2id${}", "x".repeat(503));
    assert_eq!(Hash::parse(&text).unwrap_err(), HashFault::TooLong { bytes: 513 });
}

pub(super) fn all_malformed(broken: &[String]) {
    for text in broken {
        let fault = Hash::parse(text).unwrap_err();
        assert!(matches!(fault, HashFault::Malformed { .. }), "{text}: {fault}");
        assert!(!fault.to_string().contains(TAG), "{fault}");
    }
}

#[test]
fn a_broken_argon2_hash_is_malformed_and_never_a_panic() {
    let argon2 = |rest: &str| format!("$argon2id{rest}");
    let broken = [
        argon2("$"),
        argon2("$v=19"),
        argon2("$v=19$m=64,t=1,p=1"),
        argon2(&format!("$v=19$m=64,t=1,p=1${SALT}")),
        argon2(&format!("$v=19$m=64,t=1,p=1${SALT}$")),
        argon2(&format!("$v=19$m=64,t=1,p=1$${TAG}")),
        argon2(&format!("$v=19$m=64,t=1,p=1${SALT}${TAG}$")),
        argon2(&format!("$v=18$m=64,t=1,p=1${SALT}${TAG}")),
        argon2(&format!("$v=19$m=-64,t=1,p=1${SALT}${TAG}")),
        argon2(&format!("$v=19$m=+64,t=1,p=1${SALT}${TAG}")),
        argon2(&format!("$v=19$m=064,t=1,p=1${SALT}${TAG}")),
        argon2(&format!("$v=19$m=64,t=1${SALT}${TAG}")),
        argon2(&format!("$v=19$m=64,t=1,t=1${SALT}${TAG}")),
        argon2(&format!("$v=19$m=64,t=1,p=1,keyid=AAAA${SALT}${TAG}")),
        argon2(&format!("$v=19$m=64,t=1,p=1,data=AAAA${SALT}${TAG}")),
        argon2(&format!("$v=19$m=64,t=0,p=1${SALT}${TAG}")),
        argon2(&format!("$v=19$m=64,t=1,p=0${SALT}${TAG}")),
        argon2(&format!("$v=19$m=0,t=1,p=1${SALT}${TAG}")),
        argon2(&format!("$v=19$m=15,t=1,p=2${SALT}${TAG}")),
        argon2(&format!("$v=19$m=64,t=1,p=1${SALT}=${TAG}")),
        argon2(&format!("$v=19$m=64,t=1,p=1$AAAA${TAG}")),
        argon2(&format!("$v=19$m=64,t=1,p=1${SALT}$AAAA")),
        argon2(&format!("$v=19$m=64,t=1,p=1${SALT}$é{TAG}")),
        "argon2$argon2x$v=19$m=64,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        "argon2$".to_owned(),
    ];
    all_malformed(&broken);
}

#[test]
fn any_other_broken_hash_is_malformed_and_never_a_panic() {
    let broken = [
        "pbkdf2_sha256$".to_owned(),
        format!("pbkdf2_sha256$0$salt${TAG}="),
        format!("pbkdf2_sha256$-1$salt${TAG}="),
        format!("pbkdf2_sha256$1$${TAG}="),
        format!("pbkdf2_sha256$1$salt${TAG}"),
        format!("pbkdf2_sha1$1$salt${TAG}="),
        "pbkdf2_sha256$1$salt$".to_owned(),
        format!("$2b$03${BCRYPT_TAIL}"),
        format!("$2b$4${BCRYPT_TAIL}"),
        format!("$2b$004${BCRYPT_TAIL}"),
        format!("$2b$-4${BCRYPT_TAIL}"),
        format!("$2b$04${}", &BCRYPT_TAIL[1..]),
        format!("$2b$04${BCRYPT_TAIL}a"),
        format!("$2b$04$é{}", &BCRYPT_TAIL[2..]),
        format!("$2b$04${}é{}", &BCRYPT_TAIL[..21], &BCRYPT_TAIL[23..]),
        format!("$2b$04$!{}", &BCRYPT_TAIL[1..]),
        "$2b$".to_owned(),
        format!("bcrypt$$2z$04${BCRYPT_TAIL}"),
        format!("bcrypt$2b$04${BCRYPT_TAIL}"),
        "bcrypt_sha256$".to_owned(),
        format!("$scrypt$ln=0,r=8,p=1${SALT}${TAG}"),
        format!("$scrypt$ln=4,r=0,p=1${SALT}${TAG}"),
        format!("$scrypt$ln=4,r=8,p=0${SALT}${TAG}"),
        format!("$scrypt$ln=4,r=8${SALT}${TAG}"),
        format!("$scrypt$ln=4,r=8,p=1${SALT}$"),
        format!("scrypt$15$salt$8$1${TAG}="),
        format!("scrypt$0$salt$8$1${TAG}="),
        format!("scrypt$16$$8$1${TAG}="),
        format!("scrypt$16$salt$8${TAG}="),
    ];
    all_malformed(&broken);
}

#[test]
fn what_no_scheme_claims_is_refused_by_name() {
    for text in [
        "password",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "md5$salt$5f4dcc3b",
        "$1$salt$hash",
        "$sha1$1$salt$hash",
        "{CRYPT}$1$salt$hash",
        "{CRYPT}{CRYPT}$2b$04$abc",
        "{CRYPT}abJnggxhB/yWI",
        "{SSHA}AAAA",
        "{CLEARTEXT}secret",
        "$keycloak$1$salt$hash",
        "$argon2$v=19$m=64,t=1,p=1$AAAA$AAAA",
        "$ARGON2ID$v=19$m=64,t=1,p=1$AAAA$AAAA",
        "$2$04$abc",
        "$2c$04$abc",
        " $2b$04$abc",
        "pbkdf2_sha512$1$salt$AAAA",
        "\0",
        "é",
    ] {
        assert_eq!(Hash::parse(text).unwrap_err(), HashFault::UnknownScheme, "{text}");
    }
}

#[test]
fn a_fault_says_in_a_sentence_what_is_wrong() {
    let text = format!("$argon2id$v=19$m=4294967296,t=1,p=1${SALT}${TAG}");
    let fault = Hash::parse(&text).unwrap_err();
    assert_eq!(fault.to_string(), "argon2id: memory in KiB (m) is 4294967296, at most 262144 is allowed");
}

proptest::proptest! {
    #[test]
    fn no_text_behind_a_known_prefix_makes_the_parser_panic(row in 0..FORMATS.len(), tail in "[$a-z0-9=,+/é-]{0,90}") {
        for prefix in FORMATS[row].prefixes {
            let _ = Stored::parse(&format!("{prefix}{tail}"));
        }
    }
}

#[test]
fn a_new_password_is_prepared_and_never_cut() {
    let text = |typed: &str| prepare(typed).unwrap().expose().to_owned();
    assert_eq!(text("cafe\u{301}"), "café");
    assert_eq!(text("a\u{a0}b\u{3000}c\u{2003}d\u{202f}e"), "a b c d e");
    assert_eq!(text("ﬁ Ａ İ"), "ﬁ Ａ İ", "no width, no compatibility, no case");
    assert_eq!(text("Secret"), "Secret");
    assert_eq!(text(" two  spaces "), " two  spaces ");
    assert_eq!(text(&"x".repeat(256)).len(), 256);
    assert_eq!(text(&"e\u{301}".repeat(256)).chars().count(), 256, "the prepared form counts");
    assert_eq!(text(&"🔑".repeat(256)).len(), 1024);
    for long in ["x".repeat(257), "é".repeat(257), "x".repeat(1 << 20), "\u{1d160}".repeat(100)] {
        assert_eq!(prepare(&long).unwrap_err(), PasswordFault::TooLong);
    }
    assert_eq!(prepare("").unwrap_err(), PasswordFault::Empty);
    for control in ["a\0b", "a\tb", "a\nb", "\u{7f}", "\u{85}"] {
        assert_eq!(prepare(control).unwrap_err(), PasswordFault::Control);
    }
}

#[test]
fn both_forms_of_a_typed_password_are_tried_and_the_prepared_one_is_written() {
    let params = Params::new(64, 1, 1).unwrap();
    let mut workspace = Workspace::new(Backend::Simd);
    let mut hash = |text: &str| {
        let stored = write(text.as_bytes(), &[9; 16], &params, &mut workspace);
        Hash::parse(&stored).unwrap()
    };
    let (composed, decomposed, spaced) = (hash("café"), hash("cafe\u{301}"), hash("a\u{a0}b"));
    let old_control = hash("a\tb");
    let mut check = |typed: &str, hash: &Hash| Candidates::new(typed).unwrap().check(hash, &mut workspace);

    assert_eq!(check("café", &composed), Verdict::Right);
    assert_eq!(check("cafe\u{301}", &composed), Verdict::Right);
    assert_eq!(check("cafe\u{301}", &decomposed), Verdict::RightAsTyped);
    assert_eq!(check("café", &decomposed), Verdict::Wrong);
    assert_eq!(check("a\u{a0}b", &spaced), Verdict::RightAsTyped);
    assert_eq!(check("Café", &composed), Verdict::Wrong);
    assert_eq!(check("a\tb", &old_control), Verdict::Right);

    let forms = Candidates::new("cafe\u{301}").unwrap();
    assert_eq!((forms.count(), forms.to_write()), (2, "café"));
    let plain = Candidates::new("a\tb").unwrap();
    assert_eq!((plain.count(), plain.to_write()), (1, "a\tb"));
    assert_eq!(Candidates::new(&"x".repeat(4097)).unwrap_err(), PasswordFault::TooLong);
}

#[test]
fn a_native_password_counts_to_its_last_byte() {
    let params = Params::new(64, 1, 1).unwrap();
    let mut workspace = Workspace::new(Backend::Simd);
    let password = "0123456789".repeat(10);
    let stored = write(password.as_bytes(), &[9; 16], &params, &mut workspace);
    let hash = Hash::parse(&stored).unwrap();
    let changed = format!("{}X{}", &password[..72], &password[73..]);
    for wrong in [&password[..72], &password[..99], &changed, &format!("{password}x")] {
        assert!(!hash.verify(wrong.as_bytes(), &mut workspace));
    }
    assert!(hash.verify(password.as_bytes(), &mut workspace));
}
