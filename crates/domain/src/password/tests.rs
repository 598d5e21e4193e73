//! Does every format match what its origin made of it, and does nothing hostile get through?

use super::*;
use ::argon2::{Algorithm, Argon2, Version};
use proptest::prelude::*;
use std::cell::RefCell;

/// The vectors of a scheme. A scheme without any does not compile.
pub(super) fn vectors(scheme: Scheme) -> &'static str {
    macro_rules! file {
        ($name:literal) => {
            include_str!(concat!("../../testdata/passwords/", $name, ".txt"))
        };
    }
    match scheme {
        Scheme::Argon2id => file!("argon2id"),
        Scheme::Argon2i => file!("argon2i"),
        Scheme::Argon2d => file!("argon2d"),
        Scheme::DjangoArgon2 => file!("django_argon2"),
        Scheme::DjangoPbkdf2Sha256 => file!("django_pbkdf2_sha256"),
        Scheme::DjangoPbkdf2Sha1 => file!("django_pbkdf2_sha1"),
        Scheme::DjangoBcryptSha256 => file!("django_bcrypt_sha256"),
        Scheme::DjangoBcrypt => file!("django_bcrypt"),
        Scheme::DjangoScrypt => file!("django_scrypt"),
        Scheme::Bcrypt => file!("bcrypt"),
        Scheme::Scrypt => file!("scrypt"),
        Scheme::WerkzeugPbkdf2 => file!("werkzeug_pbkdf2"),
        Scheme::WerkzeugScrypt => file!("werkzeug_scrypt"),
        Scheme::Pbkdf2 => file!("pbkdf2"),
        Scheme::PasslibBcryptSha256 => file!("passlib_bcrypt_sha256"),
        Scheme::Phpass => file!("phpass"),
        Scheme::WordPress => file!("wordpress"),
        Scheme::Sha256Crypt => file!("sha256_crypt"),
        Scheme::Sha512Crypt => file!("sha512_crypt"),
        Scheme::FirebaseScrypt => file!("firebase_scrypt"),
        Scheme::AspNetIdentity => file!("aspnet_identity"),
        Scheme::BetterAuth => file!("better_auth"),
        Scheme::Wrapped => file!("wrapped"),
    }
}

pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digits = if text == "-" { "" } else { text };
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn check_vectors(scheme: Scheme, backend: Backend) {
    check(scheme, vectors(scheme), backend);
}

fn check(scheme: Scheme, vectors: &str, backend: Backend) {
    let mut workspace = Workspace::new(backend);
    let mut seen = [0; 2];
    for (at, line) in vectors.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let [password, stored, expect] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let hash = Hash::parse(stored).unwrap();
        let expect = match expect {
            "yes" => true,
            "no" => false,
            other => panic!("{other}"),
        };
        assert_eq!(hash.scheme(), scheme, "line {}", at + 1);
        assert_eq!(hash.verify(&unhex(password), &mut workspace), expect, "{scheme} line {}", at + 1);
        seen[usize::from(expect)] += 1;
    }
    assert!(seen[0] >= 7 && seen[1] >= 7, "{scheme}: {seen:?}");
}

macro_rules! vector_tests {
    ($($name:ident: $scheme:ident),*) => {$(
        #[test]
        fn $name() {
            check_vectors(Scheme::$scheme, Backend::Simd);
        }
    )*};
}

vector_tests! {
    argon2id_hashes_of_the_reference_match: Argon2id,
    argon2i_hashes_of_the_reference_match: Argon2i,
    argon2d_hashes_of_the_reference_match: Argon2d,
    argon2_hashes_of_django_match: DjangoArgon2,
    pbkdf2_sha256_hashes_of_django_match: DjangoPbkdf2Sha256,
    pbkdf2_sha1_hashes_of_django_match: DjangoPbkdf2Sha1,
    bcrypt_sha256_hashes_of_django_match: DjangoBcryptSha256,
    bcrypt_hashes_of_django_match: DjangoBcrypt,
    scrypt_hashes_of_django_match: DjangoScrypt,
    bcrypt_hashes_of_every_revision_match: Bcrypt,
    scrypt_hashes_in_phc_form_match: Scrypt,
    pbkdf2_hashes_of_werkzeug_match: WerkzeugPbkdf2,
    scrypt_hashes_of_werkzeug_match: WerkzeugScrypt,
    pbkdf2_hashes_of_passlib_openldap_auth0_and_keycloak_match: Pbkdf2,
    bcrypt_sha256_hashes_of_passlib_match: PasslibBcryptSha256,
    phpass_hashes_of_wordpress_and_phpbb_match: Phpass,
    hashes_of_wordpress_since_6_8_match: WordPress,
    sha256_hashes_of_crypt_match: Sha256Crypt,
    sha512_hashes_of_crypt_match: Sha512Crypt,
    scrypt_hashes_of_firebase_match: FirebaseScrypt,
    hashes_of_aspnet_identity_match: AspNetIdentity,
    hashes_of_better_auth_match: BetterAuth,
    wrapped_digests_match_the_password_and_nothing_else: Wrapped
}

#[test]
fn what_php_and_laravel_write_matches() {
    check(Scheme::Bcrypt, include_str!("../../testdata/passwords/php_bcrypt.txt"), Backend::Simd);
    check(Scheme::Argon2id, include_str!("../../testdata/passwords/php_argon2id.txt"), Backend::Simd);
}

/// Every hash of every file, each once.
fn stored_hashes() -> Vec<&'static str> {
    let lines = FORMATS.iter().flat_map(|format| vectors(format.scheme).lines());
    let mut stored: Vec<&str> =
        lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').nth(1)).collect();
    stored.dedup();
    stored
}

#[test]
fn a_sample_costs_what_the_hash_costs_and_matches_nothing() {
    let mut costs = std::collections::BTreeSet::new();
    let mut workspace = Workspace::new(Backend::Simd);
    for stored in stored_hashes() {
        let hash = Hash::parse(stored).unwrap();
        let (name, cost) = (hash.scheme().name(), hash.cost());
        let sample = Hash::sample(name, &cost).unwrap_or_else(|| panic!("{name}:{cost}"));
        assert_eq!((sample.scheme(), sample.cost()), (hash.scheme(), cost.clone()), "{stored}");
        assert_eq!(sample.memory_kib(), hash.memory_kib(), "{stored}");
        if costs.insert((name, cost.clone())) {
            assert!(!sample.verify(b"calibration", &mut workspace), "{name}:{cost}");
        }
    }
    assert!(costs.len() > FORMATS.len());
}

#[test]
fn a_hash_is_never_a_password() {
    // SEC-116. Dear ones only once, to keep the test quick.
    let mut workspace = Workspace::new(Backend::Simd);
    for format in &FORMATS {
        let line = vectors(format.scheme).lines().find(|line| !line.starts_with('#')).unwrap();
        let stored = line.split(' ').nth(1).unwrap();
        let hash = Hash::parse(stored).unwrap();
        let fields = stored.split(['$', ':', '}']).filter(|field| field.len() >= 12);
        for typed in fields.chain([stored]) {
            assert!(!hash.verify(typed.as_bytes(), &mut workspace), "{}", format.scheme);
        }
    }
}

#[test]
fn the_portable_backend_matches_the_reference_too() {
    for scheme in [Scheme::Argon2id, Scheme::Argon2i, Scheme::Argon2d, Scheme::DjangoArgon2] {
        check_vectors(scheme, Backend::Portable);
    }
}

#[test]
fn no_prefix_of_the_table_begins_another() {
    let all: Vec<&str> = FORMATS.iter().flat_map(|format| format.prefixes.iter().copied()).collect();
    for (at, one) in all.iter().enumerate() {
        for (other_at, other) in all.iter().enumerate() {
            assert!(at == other_at || !other.starts_with(one), "{one} {other}");
        }
    }
    let mut names: Vec<_> = FORMATS.iter().map(|format| format.scheme.name()).collect();
    names.dedup();
    assert_eq!(names.len(), FORMATS.len());
}

type Case = (u8, bool, (u32, u32, u32), Vec<u8>, Vec<u8>, usize);

fn any_case() -> impl Strategy<Value = Case> {
    let cost = (1_u32..=5).prop_flat_map(|lanes| (8 * lanes..=200, 1_u32..=4, Just(lanes)));
    let bytes = proptest::collection::vec(any::<u8>(), 0..140);
    let salt = proptest::collection::vec(any::<u8>(), 8..=128);
    (0_u8..3, any::<bool>(), cost, bytes, salt, 12_usize..=128)
}

/// What `argon2` makes of a case in memory of its own.
fn oracle((variant, old, (memory, passes, lanes), password, salt, length): &Case) -> (String, Vec<u8>) {
    let algorithm = [Algorithm::Argon2d, Algorithm::Argon2i, Algorithm::Argon2id][usize::from(*variant)];
    let version = if *old { Version::V0x10 } else { Version::V0x13 };
    let params = ::argon2::Params::new(*memory, *passes, *lanes, Some(*length)).unwrap();
    let mut tag = vec![0; *length];
    Argon2::new(algorithm, version, params).hash_password_into(password, salt, &mut tag).unwrap();
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD;
    let costs = format!("v={}$m={memory},t={passes},p={lanes}", if *old { 16 } else { 19 });
    let text = format!("${}${costs}${}${}", algorithm.as_str(), base64.encode(salt), base64.encode(&tag));
    (text, tag)
}

#[test]
fn both_backends_agree_over_random_parameters_in_one_kept_workspace() {
    let simd = RefCell::new(Workspace::new(Backend::Simd));
    let portable = RefCell::new(Workspace::new(Backend::Portable));
    let config = ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&any_case(), |case| {
        let (text, tag) = oracle(&case);
        let mut password = case.3.clone();
        // A fair text may be over the 512 bytes; the parser has its own tests.
        if text.len() <= MAX_HASH_BYTES {
            let hash = Hash::parse(&text).unwrap();
            prop_assert!(hash.verify(&password, &mut simd.borrow_mut()), "simd");
            prop_assert!(hash.verify(&password, &mut portable.borrow_mut()), "portable");
            password.push(1);
            prop_assert!(!hash.verify(&password, &mut simd.borrow_mut()), "simd, wrong");
            prop_assert!(!hash.verify(&password, &mut portable.borrow_mut()), "portable, wrong");
        }
        prop_assert_eq!(tag.len(), case.5);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn what_is_written_is_argon2id_at_the_floor_and_matches_only_its_password() {
    // SEC-07: another salt, another text.
    let params = Params::default();
    for (backend, other) in [(Backend::Simd, Backend::Portable), (Backend::Portable, Backend::Simd)] {
        let mut workspace = Workspace::new(backend);
        let text = write(b"correct horse", &[7; 16], &params, &mut workspace);
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$"), "{text}");
        let hash = Hash::parse(&text).unwrap();
        assert!(hash.is_current(&params));
        assert_eq!(hash.memory_kib(), 19_456);
        assert!(hash.verify(b"correct horse", &mut Workspace::new(other)));
        assert!(!hash.verify(b"correct hors", &mut workspace));
        assert!(!hash.verify(text.as_bytes(), &mut workspace), "a hash is never a password");
        assert_ne!(text, write(b"correct horse", &[8; 16], &params, &mut workspace));
    }
}

#[test]
fn a_workspace_keeps_one_hash_and_gives_more_back_at_once() {
    let (small, large) = (Params::new(64, 1, 1).unwrap(), Params::new(20_000, 1, 1).unwrap());
    for backend in [Backend::Simd, Backend::Portable] {
        let mut workspace = Workspace::new(backend);
        assert_eq!(workspace.held_kib(), 0);
        let before = write(b"x", &[1; 16], &small, &mut workspace);
        assert_eq!(workspace.held_kib(), 64);
        let _ = write(b"x", &[1; 16], &Params::new(200, 1, 1).unwrap(), &mut workspace);
        assert_eq!(workspace.held_kib(), 200);
        let _ = write(b"x", &[1; 16], &large, &mut workspace);
        assert_eq!(workspace.held_kib(), 0, "{backend:?}");
        assert_eq!(write(b"x", &[1; 16], &small, &mut workspace), before);
        let mut roomy = Workspace::keeping(backend, &large);
        let _ = write(b"x", &[1; 16], &large, &mut roomy);
        assert_eq!(roomy.held_kib(), 20_000);
        roomy.release();
        assert_eq!(roomy.held_kib(), 0);
    }
}

#[test]
fn a_hash_is_upgraded_when_any_part_is_weaker() {
    let params = Params::new(64, 2, 1).unwrap();
    let salt = "AAAAAAAAAAAAAAAAAAAAAA";
    let tag = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let current = |text: String| Hash::parse(&text).unwrap().is_current(&params);
    assert!(current(format!("$argon2id$v=19$m=64,t=2,p=1${salt}${tag}")));
    assert!(current(format!("$argon2id$v=19$m=65,t=3,p=2${salt}${tag}")));
    for weaker in [
        format!("$argon2id$v=19$m=63,t=2,p=1${salt}${tag}"),
        format!("$argon2id$v=19$m=64,t=1,p=1${salt}${tag}"),
        format!("$argon2id$v=16$m=64,t=2,p=1${salt}${tag}"),
        format!("$argon2i$v=19$m=64,t=2,p=1${salt}${tag}"),
        format!("argon2$argon2id$v=19$m=64,t=2,p=1${salt}${tag}"),
        format!("$argon2id$v=19$m=64,t=2,p=1$AAAAAAAAAAAAAAAA${tag}"),
        format!("$argon2id$v=19$m=64,t=2,p=1${salt}${salt}"),
        "$2b$04$abcdefghijklmnopqrst0ub8NdINAw1tnhLoyxRzsqO7MzASh2zta".to_owned(),
    ] {
        assert!(!current(weaker.clone()), "{weaker}");
    }
}

#[test]
fn a_decoy_costs_a_real_hash_and_matches_nothing() {
    let params = Params::new(64, 2, 1).unwrap();
    let decoy = decoy(&params);
    assert!(decoy.is_current(&params));
    assert_eq!((decoy.memory_kib(), decoy.scheme()), (64, Scheme::Argon2id));
    let mut workspace = Workspace::new(Backend::Simd);
    for password in ["", "password", "countersigndecoy"] {
        assert!(!decoy.verify(password.as_bytes(), &mut workspace));
    }
    assert_eq!(workspace.held_kib(), 64, "it was really computed");
    // Even the password whose hash it is.
    let written = write(b"right", &[3; 16], &params, &mut workspace);
    let mut planted = Hash::parse(&written).unwrap();
    assert!(planted.verify(b"right", &mut workspace));
    planted.decoy = true;
    assert!(!planted.verify(b"right", &mut workspace));
}

#[test]
fn an_unusable_column_is_no_password() {
    for marker in ["", "!", "!!", "!Xk29fJ", "*", "*0", "*1", "*LK*", "*NP*"] {
        let stored = Stored::parse(marker).unwrap();
        assert!(matches!(stored, Stored::Unusable) && stored.hash().is_none(), "{marker}");
        assert!(Hash::parse(marker).is_err(), "{marker}");
    }
    // A weak digest is no hash: it is wrapped at import, or refused.
    let mysql = "*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29";
    assert_eq!(Stored::parse(mysql).unwrap_err(), HashFault::UnknownScheme);
    let text = "$2b$04$abcdefghijklmnopqrst0ub8NdINAw1tnhLoyxRzsqO7MzASh2zta";
    assert_eq!(Stored::parse(text).unwrap().hash().unwrap().scheme(), Scheme::Bcrypt);
}

#[test]
fn debug_shows_the_scheme_and_nothing_of_the_hash() {
    let hash = Hash::parse("$2b$04$abcdefghijklmnopqrst0ub8NdINAw1tnhLoyxRzsqO7MzASh2zta").unwrap();
    assert_eq!(format!("{hash:?}"), "Hash(bcrypt)");
    assert_eq!(format!("{:?}", Stored::Usable(hash)), "Usable(Hash(bcrypt))");
    let candidates = Candidates::new("Zebra\u{a0}x").unwrap();
    assert!(!format!("{candidates:?}").contains("Zebra"));
}

#[test]
fn parameters_that_could_not_be_read_back_are_refused() {
    for (memory, passes, lanes) in [(0, 2, 1), (7, 2, 1), (64, 0, 1), (64, 2, 0), (63, 2, 8), (262_145, 2, 1)]
    {
        assert!(Params::new(memory, passes, lanes).is_err(), "{memory} {passes} {lanes}");
    }
    assert_eq!(Params::new(19_456, 2, 1).unwrap(), Params::default());
    assert!(Params::new(262_144, 16, 16).is_ok());
}
