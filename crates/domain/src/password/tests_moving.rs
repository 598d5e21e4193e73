//! Is every hash of another application held to its bounds, and does every constructor write what is read?

use super::tests_hostile::{BCRYPT_TAIL, SALT, TAG, all_malformed, over_cap};
use super::*;

#[test]
fn a_pbkdf2_or_scrypt_hash_keeps_to_the_caps_whoever_wrote_it() {
    let hex = |bytes: usize| "ab".repeat(bytes);
    let werkzeug = |method: &str, bytes| over_cap(&format!("{method}$salt${}", hex(bytes)));
    assert_eq!(werkzeug("pbkdf2:sha256:5000001", 32), ("rounds", 5_000_001, 5_000_000));
    assert_eq!(werkzeug("pbkdf2:sha1:99999999999999999999", 20).1, u64::MAX);
    assert_eq!(werkzeug("scrypt:524288:8:1", 64), ("memory in KiB (128·N·r)", 524_288, 262_144));
    assert_eq!(werkzeug("scrypt:2:65:1", 64).0, "block size (r)");
    assert_eq!(werkzeug("scrypt:16384:8:17", 64), ("lanes (p)", 17, 16));

    let pbkdf2 =
        |prefix: &str, rounds: u64, bytes: usize| format!("{prefix}{rounds}$AAAA${}", "A".repeat(bytes));
    assert_eq!(over_cap(&pbkdf2("$pbkdf2-sha512$", 5_000_001, 86)).0, "rounds");
    assert_eq!(over_cap(&pbkdf2("{pbkdf2-sha256}", 5_000_001, 43)).0, "rounds");
    // 86 characters are 64 bytes: four blocks of SHA-1.
    assert_eq!(over_cap(&pbkdf2("$pbkdf2$", 1_250_001, 86)), ("rounds of all blocks", 5_000_004, 5_000_000));
    assert!(Hash::parse(&pbkdf2("$pbkdf2$", 1_250_000, 86)).is_ok());
    assert_eq!(over_cap(&pbkdf2("$pbkdf2$", 1, 172)), ("the hash in bytes", 129, 128));
    let salt = format!("$pbkdf2-sha256$1${}${}", "A".repeat(172), "A".repeat(43));
    assert_eq!(over_cap(&salt), ("the salt in bytes", 129, 128));
}

#[test]
fn a_broken_hash_of_werkzeug_or_passlib_is_malformed_and_never_a_panic() {
    let hex = |bytes: usize| "ab".repeat(bytes);
    let mut broken: Vec<String> = Vec::new();
    for method in [
        "pbkdf2:",
        "pbkdf2:sha256",
        "pbkdf2:md5:1000",
        "pbkdf2:sha256:",
        "pbkdf2:sha256:1:1",
        "pbkdf2:sha256:0",
    ] {
        broken.push(format!("{method}$salt${}", hex(32)));
    }
    for method in ["scrypt:", "scrypt:16", "scrypt:16:8", "scrypt:16:8:1:1", "scrypt:15:8:1", "scrypt:16:8:0"]
    {
        broken.push(format!("{method}$salt${}", hex(64)));
    }
    broken.extend([
        format!("pbkdf2:sha256:1$salt${}", hex(31)),
        format!("pbkdf2:sha256:1$$${}", hex(32)),
        format!("pbkdf2:sha256:1$salt${}", hex(32).to_uppercase()),
        format!("pbkdf2:sha256:1$salt${}é", hex(31)),
        format!("pbkdf2:sha256:1$salt${}a", hex(31)),
        format!("scrypt:16:8:1$salt${}", hex(32)),
        "scrypt:16:8:1$salt".to_owned(),
        format!("$pbkdf2-sha256$0${SALT}${TAG}"),
        format!("$pbkdf2-sha256$01${SALT}${TAG}"),
        format!("$pbkdf2-sha256$1$${TAG}"),
        format!("$pbkdf2-sha256$1${SALT}$AAAA"),
        format!("$pbkdf2-sha256$1${SALT}${TAG}="),
        format!("$pbkdf2-sha256$i=1,l=31${SALT}${TAG}"),
        format!("$pbkdf2-sha256$i=1,x=32${SALT}${TAG}"),
        format!("$pbkdf2-sha256$l=32${SALT}${TAG}"),
        format!("$pbkdf2-sha256$i=${SALT}${TAG}"),
        format!("{{PBKDF2}}1${SALT}"),
    ]);
    all_malformed(&broken);
}

#[test]
fn a_constructor_writes_what_is_read_and_refuses_what_is_not() {
    let made = pbkdf2_text(Pbkdf2Digest::Sha512, 7, &[0xfb; 16], &[0xff; 64]).unwrap();
    assert!(made.starts_with("$pbkdf2-sha512$7$./v7.") && !made.contains(['+', '=']), "{made}");
    assert_eq!(Hash::parse(&made).unwrap().cost(), "sha512,7,64");
    for (rounds, salt, tag) in
        [(0, 16, 32), (5_000_001, 16, 32), (1, 0, 32), (1, 129, 32), (1, 16, 11), (1, 16, 129)]
    {
        let refused = pbkdf2_text(Pbkdf2Digest::Sha256, rounds, &vec![1; salt], &vec![1; tag]);
        assert!(refused.is_err(), "{rounds} {salt} {tag}");
    }
}

#[test]
fn credentials_of_keycloak_become_texts_that_match() {
    // hashlib: pbkdf2_hmac("sha256", b"correct horse", bytes(16), 1000, 64).
    let value = "xux8x5gSotCULSiOpvX4z4d+Cc1IcITd5dKdDAEl37pnfrk+MjiIJED1zGZDpCMIMrrdBdySMzYP7M8di45MRA==";
    let argon2 =
        [("hashLength", "32"), ("memory", "64"), ("type", "id"), ("version", "1.3"), ("parallelism", "1")];
    let credential = |algorithm, iterations, parameters| keycloak::Credential {
        algorithm,
        iterations,
        salt: "AAAAAAAAAAAAAAAAAAAAAA==",
        value,
        parameters,
    };
    let text = keycloak::text(&credential("pbkdf2-sha256", 1000, &[])).unwrap();
    assert!(text.starts_with("$pbkdf2-sha256$1000$AAAAAAAAAAAAAAAAAAAAAA$"), "{text}");
    let hash = Hash::parse(&text).unwrap();
    let mut workspace = Workspace::new(Backend::Simd);
    assert!(hash.verify(b"correct horse", &mut workspace));
    assert!(!hash.verify(b"correct horsf", &mut workspace));
    assert!(keycloak::text(&credential("pbkdf2", 1000, &[])).unwrap().starts_with("$pbkdf2$1000$"));
    assert!(keycloak::text(&credential("pbkdf2-sha512", 1000, &[])).unwrap().starts_with("$pbkdf2-sha512$"));

    let text = keycloak::text(&credential("argon2", 5, &argon2)).unwrap();
    assert!(text.starts_with("$argon2id$v=19$m=64,t=5,p=1$AAAAAAAAAAAAAAAAAAAAAA$"), "{text}");
    for broken in [
        credential("argon2", 5, &argon2[2..]),
        credential("argon2", 5, &[]),
        credential("argon2", 17, &argon2),
        credential("pbkdf2-sha256", 0, &[]),
        credential("pbkdf2-sha256", u64::MAX, &[]),
        credential("bcrypt", 10, &[]),
        keycloak::Credential { salt: "!", ..credential("pbkdf2-sha256", 1, &[]) },
        keycloak::Credential { value: "AAAA", ..credential("pbkdf2-sha256", 1, &[]) },
    ] {
        assert!(keycloak::text(&broken).is_err(), "{broken:?}");
    }
}

const SIGNER: &str =
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";

fn fbscrypt(costs: &str, key: &str, tag: &str) -> String {
    format!("$fbscrypt${costs},ss=Bw==,sk={key}$42xEC+ixf3L2lw==${tag}")
}

fn aspnet(bytes: &[u8]) -> String {
    use base64::Engine as _;
    format!("$aspnet${}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// Version 3 with a salt and a hash of these lengths.
fn aspnet_v3([digest, rounds, salt]: [u32; 3], rest: usize) -> String {
    let mut bytes = vec![1];
    [digest, rounds, salt].iter().for_each(|number| bytes.extend(number.to_be_bytes()));
    bytes.resize(bytes.len() + rest, 7);
    aspnet(&bytes)
}

#[test]
fn every_cost_of_a_hash_from_elsewhere_is_held_to_its_cap() {
    let tail = "abcdefghabcdefghijklmnopqrstuv";
    assert_eq!(over_cap(&format!("$P$L{tail}")), ("rounds", 8_388_608, 4_194_304));
    assert_eq!(over_cap(&format!("$H$z{tail}")), ("rounds", 1 << 63, 4_194_304));
    assert_eq!(Hash::parse(&format!("$P$K{tail}")).unwrap().cost(), "4194304");

    for (prefix, characters) in [("$5$", 43), ("$6$", 86)] {
        let text = |rounds: &str| format!("{prefix}rounds={rounds}$salt${}", "a".repeat(characters));
        assert_eq!(over_cap(&text("1000001")), ("rounds", 1_000_001, 1_000_000));
        assert_eq!(over_cap(&text("999999999")).1, 999_999_999);
        assert_eq!(over_cap(&text("99999999999999999999")).1, u64::MAX);
        assert_eq!(Hash::parse(&text("1000000")).unwrap().cost(), "1000000");
    }

    let firebase = |costs: &str| over_cap(&fbscrypt(costs, SIGNER, SIGNER));
    assert_eq!(firebase("v=1,n=19,r=8,p=1"), ("memory in KiB (128·N·r)", 524_288, 262_144));
    assert_eq!(firebase("v=1,n=4294967296,r=8,p=1").0, "memory in KiB (128·N·r)");
    assert_eq!(firebase("v=1,n=1,r=65,p=1").0, "block size (r)");
    assert_eq!(firebase("v=1,n=14,r=8,p=17").0, "lanes (p)");

    assert_eq!(over_cap(&aspnet_v3([1, 5_000_001, 16], 48)).0, "rounds");
    assert_eq!(over_cap(&aspnet_v3([1, u32::MAX, 16], 48)).1, u64::from(u32::MAX));
    assert_eq!(over_cap(&aspnet_v3([0, 2_500_001, 16], 56)).0, "rounds of all blocks");
    assert_eq!(over_cap(&aspnet_v3([1, 1, 129], 161)), ("the salt in bytes", 129, 128));
    assert_eq!(over_cap(&aspnet_v3([1, 1, 16], 145)), ("the hash in bytes", 129, 128));

    assert_eq!(over_cap(&format!("$wp$2y$16${BCRYPT_TAIL}")), ("cost", 16, 15));
    let (salt, tag) = BCRYPT_TAIL.split_at(22);
    assert_eq!(over_cap(&format!("$bcrypt-sha256$v=2,t=2b,r=16${salt}${tag}")).0, "cost");
    assert_eq!(over_cap(&format!("{{crypt}}$2y$16${BCRYPT_TAIL}")), ("cost", 16, 15));
    assert_eq!(over_cap(&format!("{{ARGON2}}$argon2id$v=19$m=262145,t=1,p=1${SALT}${TAG}")).1, 262_145);
}

#[test]
fn a_broken_hash_of_phpass_or_crypt_is_malformed_and_never_a_panic() {
    let tail = "abcdefghabcdefghijklmnopqrstuv";
    let (sha256, sha512) = ("a".repeat(43), "a".repeat(86));
    let broken = [
        format!("$P$4{tail}"),
        format!("$P$!{tail}"),
        format!("$P$B{}", &tail[1..]),
        format!("$P$B{tail}a"),
        format!("$P$B{}é", &tail[2..]),
        format!("$H$Babcdefgh{}!", "a".repeat(21)),
        "$P$".to_owned(),
        format!("$5$rounds=999$salt${sha256}"),
        format!("$5$rounds=01000$salt${sha256}"),
        format!("$5$rounds=$salt${sha256}"),
        format!("$5$rounds=1000${sha256}"),
        "$5$rounds=1000".to_owned(),
        format!("$5$$${sha256}"),
        format!("$5$${sha256}"),
        format!("$5$seventeen-letters${sha256}"),
        format!("$5$sa lt${sha256}"),
        format!("$5$sält${sha256}"),
        format!("$5$salt${sha512}"),
        format!("$6$salt${sha256}"),
        format!("$6$salt${}+", "a".repeat(85)),
        format!("$6$salt${sha512}$"),
        "$6$".to_owned(),
        format!("$wp$2y$04${}", &BCRYPT_TAIL[1..]),
        format!("$wp$2y$03${BCRYPT_TAIL}"),
        "$wp$2y$".to_owned(),
    ];
    all_malformed(&broken);
}

#[test]
fn a_broken_hash_of_firebase_aspnet_or_passlib_is_malformed_and_never_a_panic() {
    let (salt, tag) = BCRYPT_TAIL.split_at(22);
    let bcrypt = |costs: &str| format!("$bcrypt-sha256${costs}${salt}${tag}");
    let good = "v=1,n=14,r=8,p=1";
    let broken = [
        fbscrypt("v=2,n=14,r=8,p=1", SIGNER, SIGNER),
        fbscrypt("n=14,r=8,p=1", SIGNER, SIGNER),
        fbscrypt("v=1,n=0,r=8,p=1", SIGNER, SIGNER),
        fbscrypt("v=1,n=14,r=0,p=1", SIGNER, SIGNER),
        fbscrypt(good, SIGNER, "AAAA"),
        fbscrypt(good, "AAAA", SIGNER),
        fbscrypt(good, "", SIGNER),
        fbscrypt(good, "!", SIGNER),
        fbscrypt(good, SIGNER, &SIGNER[..86]),
        format!("$fbscrypt${good}$42xEC+ixf3L2lw==${SIGNER}"),
        format!("$fbscrypt${good},sk={SIGNER}$${SIGNER}"),
        format!("$fbscrypt${good},ss=!,sk={SIGNER}$AAAA${SIGNER}"),
        "$fbscrypt$".to_owned(),
        aspnet(&[]),
        aspnet(&[2; 61]),
        aspnet(&[0; 48]),
        aspnet(&[0; 50]),
        aspnet(&[1]),
        aspnet_v3([3, 1, 16], 48),
        aspnet_v3([1, 0, 16], 48),
        aspnet_v3([1, 1, 15], 48),
        aspnet_v3([1, 1, 16], 31),
        aspnet_v3([1, 1, u32::MAX], 48),
        "$aspnet$!".to_owned(),
        "AQAAAAEAACcQ".to_owned(),
        "AQAAAAEA".to_owned(),
        bcrypt("v=2,t=2y,r=12"),
        bcrypt("v=2,t=2b"),
        bcrypt("v=3,t=2b,r=12"),
        bcrypt("v=2,t=2b,r=3"),
        bcrypt("2b"),
        bcrypt("2b,012"),
        bcrypt("2b,+9"),
        format!("$bcrypt-sha256$2b,12${BCRYPT_TAIL}"),
    ];
    all_malformed(&broken);
}

#[test]
fn only_the_exact_form_is_taken_for_a_hash_without_a_prefix() {
    let better_auth = format!("{}:{}", "0a".repeat(16), "f9".repeat(64));
    assert_eq!(Hash::parse(&better_auth).unwrap().scheme(), Scheme::BetterAuth);
    let v2 = "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg==";
    assert_eq!(Hash::parse(v2).unwrap().scheme(), Scheme::AspNetIdentity);
    for text in [
        better_auth.to_uppercase(),
        better_auth.replace(':', "0"),
        better_auth[1..].to_owned(),
        format!("{better_auth}0"),
        format!("{}:{}", "0a".repeat(17), "f9".repeat(63)),
        format!("{}:{}", "0g".repeat(16), "f9".repeat(64)),
        v2.replacen('A', "B", 1),
        v2[..66].to_owned(),
        v2.replace("==", "AA"),
        v2.replace('+', "-"),
    ] {
        assert_eq!(Hash::parse(&text).unwrap_err(), HashFault::UnknownScheme, "{text}");
    }
}

#[test]
fn a_scheme_in_braces_is_taken_off_without_regard_to_case() {
    let mut workspace = Workspace::new(Backend::Simd);
    let bcrypt = "$2b$04$abcdefghijklmnopqrst0ub8NdINAw1tnhLoyxRzsqO7MzASh2zta";
    for text in [format!("{{CRYPT}}{bcrypt}"), format!("{{crypt}}{bcrypt}"), format!("{{bcrypt}}{bcrypt}")] {
        let hash = Hash::parse(&text).unwrap();
        assert_eq!(hash.scheme(), Scheme::Bcrypt);
        assert!(hash.verify(b"correct horse battery staple", &mut workspace));
    }
    let crypt = format!("{{CRYPT}}$6$salt${}", "a".repeat(86));
    assert_eq!(Hash::parse(&crypt).unwrap().scheme(), Scheme::Sha512Crypt);
    let argon2 = format!("{{ARGON2}}$argon2i$v=19$m=64,t=1,p=1${SALT}${TAG}");
    assert_eq!(Hash::parse(&argon2).unwrap().scheme(), Scheme::Argon2i);
    for text in [
        format!("{{ARGON2}}{bcrypt}"),
        format!("{{bcrypt}}$6$salt${}", "a".repeat(86)),
        "{bcrypt}".to_owned(),
        "{noop}secret".to_owned(),
        format!("{{CRYPT}}$argon2i$v=19$m=64,t=1,p=1${SALT}${TAG}"),
        format!("{{CRYPT}}{{CRYPT}}{bcrypt}"),
        format!("{{CRYPT}}bcrypt${bcrypt}"),
        format!("{{CRYPT }}{bcrypt}"),
        "{CRYPT".to_owned(),
    ] {
        assert_eq!(Hash::parse(&text).unwrap_err(), HashFault::UnknownScheme, "{text}");
    }
    for mark in ["{CRYPT}", "{crypt}!", "{CRYPT}*", "{CRYPT}!!", "{CRYPT}*LK*"] {
        assert!(matches!(Stored::parse(mark).unwrap(), Stored::Unusable), "{mark}");
    }
    assert!(Stored::parse("{CRYPT}*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29").is_err());
}

#[test]
fn hashes_of_firebase_and_aspnet_are_written_as_they_are_read() {
    let project = firebase::Project {
        signer_key: "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
        salt_separator: "Bw==",
        rounds: 8,
        mem_cost: 14,
    };
    let salt = "42xEC+ixf3L2lw==";
    let hash = "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";
    let standard = firebase::text(&project, salt, hash).unwrap();
    let url_safe = |text: &str| text.replace('+', "-").replace('/', "_");
    assert_eq!(firebase::text(&project, &url_safe(salt), &url_safe(hash)).unwrap(), standard);
    let parsed = Hash::parse(&standard).unwrap();
    assert!(parsed.verify(b"user1password", &mut Workspace::new(Backend::Simd)));
    assert_eq!((parsed.scheme(), parsed.memory_kib()), (Scheme::FirebaseScrypt, 16_386));
    assert!(!format!("{project:?}{parsed:?}").contains("jxspr8"));
    let without = firebase::Project { salt_separator: "", ..project };
    assert!(!firebase::text(&without, salt, hash).unwrap().contains("ss="));
    for broken in [
        firebase::Project { rounds: 0, ..project },
        firebase::Project { mem_cost: 30, ..project },
        firebase::Project { signer_key: "", ..project },
        firebase::Project { signer_key: "$", ..project },
        firebase::Project { salt_separator: ",", ..project },
    ] {
        assert!(firebase::text(&broken, salt, hash).is_err(), "{broken:?}");
    }
    assert!(firebase::text(&project, "", hash).is_err() && firebase::text(&project, salt, "").is_err());

    let bare = "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==";
    let named = aspnet::text(bare).unwrap();
    assert_eq!(named, format!("$aspnet${bare}"));
    for text in [bare, &named] {
        assert_eq!(Hash::parse(text).unwrap().cost(), "sha256,10000,32");
    }
    assert!(aspnet::text("plain").is_err() && aspnet::text(&named).is_err());
}

#[test]
fn a_password_too_long_for_crypt_is_not_even_hashed() {
    // At this cost, hashing it would take the better part of a minute without optimisation.
    let hash = Hash::parse(&format!("$6$rounds=1000000$salt${}", "a".repeat(86))).unwrap();
    assert!(!hash.verify(&[b'x'; 512], &mut Workspace::new(Backend::Simd)));
    assert!(!hash.verify(&[b'x'; 4096], &mut Workspace::new(Backend::Simd)));
}

#[test]
fn the_page_about_hashes_names_every_scheme_and_its_prefix() {
    let page = include_str!("../../../../docs/hashes.md");
    for format in &FORMATS {
        assert!(page.contains(&format!("`{}`", format.scheme)), "{}", format.scheme);
        let prefix = format.prefixes.first().unwrap_or(&"");
        assert!(page.contains(prefix), "{prefix}");
    }
}

#[test]
fn no_shape_takes_what_has_a_prefix_of_another_row() {
    for format in &FORMATS {
        for prefix in format.prefixes {
            for other in FORMATS.iter().filter(|other| other.scheme != format.scheme) {
                assert!(!other.shape.is_some_and(|shape| shape(prefix)), "{prefix} {}", other.scheme);
            }
        }
        assert!(format.shape.is_some() || !format.prefixes.is_empty(), "{}", format.scheme);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_random_password_never_matches(
        password in proptest::collection::vec(0_u8..=255, 0..90),
        row in 0..FORMATS.len(),
    ) {
        // The first vector of each file is a cheap one.
        let vectors = super::tests::vectors(FORMATS[row].scheme);
        let line = vectors.lines().find(|line| !line.starts_with('#')).unwrap();
        let [right, stored, "yes"] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (right, hash) = (super::tests::unhex(right), Hash::parse(stored).unwrap());
        let mut workspace = Workspace::new(Backend::Simd);
        proptest::prop_assert_eq!(hash.verify(&password, &mut workspace), password == right);
        proptest::prop_assert!(hash.verify(&right, &mut workspace));
    }
}
