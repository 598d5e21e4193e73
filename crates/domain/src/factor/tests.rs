use super::*;

const NOW: Moment = Moment::from_seconds(1_234_567_890);
const SEED: &[u8] = b"12345678901234567890";

fn sealed() -> Sealed {
    Sealed { key: "k".into(), text: "t".into() }
}

fn active() -> Factors {
    Factors::default().with_active(Factor::totp(sealed()), NOW)
}

fn code_at(step: i64) -> Answer {
    Answer::parse(&totp::code(SEED, step)).unwrap()
}

fn wrong() -> Answer {
    Answer::parse("000000").unwrap()
}

// SEC-80
#[test]
fn a_right_code_is_right_once() {
    let step = totp::step_of(NOW);
    let (after, used) = active().answered(&code_at(step), SEED, NOW).unwrap();
    assert_eq!(used, Used::Code);
    assert!(after.answered(&code_at(step), SEED, NOW).is_none());
    assert!(after.answered(&code_at(step - 1), SEED, NOW).is_none());
    assert!(after.answered(&code_at(step + 1), SEED, NOW).is_some());
}

// SEC-85
#[test]
fn an_enrolment_is_in_force_only_after_its_first_code_and_leaves_the_old_factor_until_then() {
    let other = Factor::totp(Sealed { key: "k".into(), text: "new".into() });
    let enrolling = active().enrolling(other.clone(), NOW);
    assert_eq!(enrolling.active(), active().active());
    assert_eq!(enrolling.pending(NOW), Some(&other));
    let late = NOW.plus_seconds(ENROLMENT_SECONDS);
    assert_eq!(enrolling.pending(late), None);
    let step = totp::step_of(NOW);
    assert!(enrolling.confirmed(&wrong(), SEED, NOW, &[]).is_none());
    assert!(enrolling.confirmed(&code_at(totp::step_of(late)), SEED, late, &[]).is_none());
    let after = enrolling.confirmed(&code_at(step), SEED, NOW, &[Digest::of("A")]).unwrap();
    assert_eq!((after.pending(NOW), after.state(NOW).recovery_left), (None, 1));
    assert_eq!(after.active().unwrap().sealed().text, "new");
    assert!(after.answered(&code_at(step), SEED, NOW).is_none(), "the code of the enrolment is used");
}

// SEC-82
#[test]
fn five_wrong_answers_are_free_then_each_waits_thirty_seconds_and_ten_fill_the_hour() {
    let mut factors = active();
    let mut now = NOW;
    let mut evaluated = Vec::new();
    while now < NOW.plus_seconds(2 * 3600) {
        if let Ok(counted) = factors.counted(&wrong(), now) {
            factors = counted;
            evaluated.push(now.seconds() - NOW.seconds());
        }
        now = now.plus_seconds(1);
    }
    assert_eq!(evaluated[..10], [0, 1, 2, 3, 4, 34, 64, 94, 124, 154]);
    for window in evaluated.windows(11) {
        assert!(window[10] - window[0] >= 3600, "{window:?}");
    }
    let full = active();
    let full = (0..5).fold(full, |factors, _| factors.counted(&wrong(), NOW).unwrap());
    let waits = |seconds| Err(NotCounted::Wait(Throttle { policy: "factor", quota: 5, window: 30, seconds }));
    assert_eq!(full.counted(&wrong(), NOW), waits(30));
    assert_eq!(full.counted(&wrong(), NOW.plus_seconds(29)), waits(1));
    assert!(full.counted(&wrong(), NOW.plus_seconds(30)).is_ok());
}

// SEC-82
#[test]
fn a_hundred_wrong_answers_in_a_row_switch_codes_off_until_a_recovery_code() {
    let (text, digest) = recovery::write(&[7; recovery::CODE_BYTES]);
    let mut factors = active().with_recovery(&[digest]);
    let mut now = NOW;
    for _ in 0..100 {
        now = now.plus_seconds(400);
        factors = factors.counted(&wrong(), now).unwrap();
    }
    assert!(factors.has_just_locked());
    now = now.plus_seconds(400);
    assert_eq!(factors.counted(&code_at(totp::step_of(now)), now), Err(NotCounted::Locked));
    let answer = Answer::parse(text.expose()).unwrap();
    let counted = factors.counted(&answer, now).unwrap();
    let (after, used) = counted.answered(&answer, SEED, now).unwrap();
    assert_eq!(used, Used::Recovery);
    assert!(!after.state(now).is_locked);
}

// SEC-82
#[test]
fn a_right_answer_takes_back_what_it_was_counted_for() {
    let mut factors = active();
    let mut now = NOW;
    for _ in 0..50 {
        now = now.plus_seconds(30);
        let answer = code_at(totp::step_of(now));
        factors = factors.counted(&answer, now).unwrap().answered(&answer, SEED, now).unwrap().0;
    }
    assert_eq!(factors.guesses, Guesses::default());
}

// SEC-87
#[test]
fn a_recovery_code_is_used_once_and_new_ones_cancel_the_rest() {
    let codes: Vec<_> = (0..3).map(|n| recovery::write(&[n; recovery::CODE_BYTES])).collect();
    let digests: Vec<Digest> = codes.iter().map(|(_, digest)| *digest).collect();
    let factors = active().with_recovery(&digests);
    let answer = |n: usize| Answer::parse(codes[n].0.expose()).unwrap();
    let (after, _) = factors.answered(&answer(0), SEED, NOW).unwrap();
    assert!(after.answered(&answer(0), SEED, NOW).is_none());
    assert_eq!(after.state(NOW).recovery_left, 2);
    let renewed = after.with_recovery(&digests[2..]);
    assert!(renewed.answered(&answer(1), SEED, NOW).is_none());
    assert!(renewed.answered(&answer(2), SEED, NOW).is_some());
}

#[test]
fn the_state_survives_as_json() {
    let factors = active().with_recovery(&[Digest::of("A")]).counted(&wrong(), NOW).unwrap();
    let text = serde_json::to_string(&factors).unwrap();
    assert!(text.contains("\"kind\":\"totp\""), "{text}");
    assert_eq!(serde_json::from_str::<Factors>(&text).unwrap(), factors);
}

#[test]
fn one_field_is_split_only_before_a_code() {
    let table = [
        ("hunter2,123456", Some(("hunter2", "123456"))),
        ("a,b,123456", Some(("a,b", "123456"))),
        ("hunter2,123456,654321", Some(("hunter2,123456", "654321"))),
        ("hunter2,UWS2LJ-NFUWS2-LJNFUW-S2LJNF", Some(("hunter2", "UWS2LJ-NFUWS2-LJNFUW-S2LJNF"))),
        ("hunter2,12345", None),
        ("hunter2,1234567", None),
        ("hunter2,１２３４５６", None),
        (",123456", None),
        ("hunter2", None),
        ("", None),
    ];
    for (typed, expected) in table {
        assert_eq!(split(typed), expected, "{typed}");
    }
}
