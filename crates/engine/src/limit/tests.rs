//! Do the counters keep what they promise, without a store and without passwords?

use super::*;
use domain::limit::{Backoff, MOST_FAILURES, Pairs};
use domain::secret::SecretBytes;

const NOW: u64 = 1_700_000_000 * SECOND;
const WALL: Moment = Moment::from_seconds(1_700_000_000);

fn limiter(rules: Limits) -> Limiter {
    let secret: Vec<u8> = (0..32).collect();
    Limiter::new(rules, DeviceKey::new(&SecretBytes::new(secret)).unwrap(), false)
}

fn claim(limiter: &Limiter, name: &str, address: &str) -> Claim {
    Claim {
        account: limiter.nobody(name),
        device: None,
        client: limiter.client(address),
        stored: Stored::default(),
        now: WALL,
    }
}

fn fail(limiter: &Limiter, name: &str, address: &str, now: u64) -> Result<Aftermath, Stop> {
    let reserved = limiter.reserve(&claim(limiter, name, address), now)?;
    Ok(limiter.settle_wrong(&reserved, name.as_bytes(), now))
}

#[test]
fn a_million_names_and_addresses_take_at_most_64_mebibytes() {
    // REL-13
    let limiter = limiter(Limits::DEFAULT);
    assert!(limiter.bytes() <= 64 << 20, "{} bytes", limiter.bytes());
    let hot = claim(&limiter, "hot", "203.0.113.1");
    let mut waits = 0;
    for _ in 0..60 {
        match limiter.reserve(&hot, NOW) {
            Ok(reserved) => drop(limiter.settle_wrong(&reserved, b"hot", NOW)),
            Err(_) => waits += 1,
        }
    }
    assert_eq!(waits, 55);
    for number in 0..1_000_000_u32 {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + number).to_string();
        fail(&limiter, &format!("name{number}"), &address, NOW).unwrap();
    }
    // Neither the account nor the client is free again: REL-13, "evicting cannot free a hot attacker key".
    assert!(matches!(limiter.reserve(&hot, NOW), Err(Stop::Wait(throttle)) if throttle.policy != "network"));
    assert!(fail(&limiter, "hot", "198.51.100.9", NOW).is_err());
}

#[test]
fn limits_that_are_off_take_no_memory_and_refuse_nothing() {
    let limiter = limiter(Limits::OFF);
    assert_eq!((limiter.bytes(), limiter.is_on(), limiter.client("192.0.2.1")), (0, false, None));
    for _ in 0..1000 {
        assert_eq!(fail(&limiter, "jane", "192.0.2.1", NOW), Ok(Aftermath::default()));
    }
    assert!(limiter.spend_refresh(7, NOW).is_ok());
}

#[test]
fn thirty_failures_in_ten_minutes_and_a_hundred_in_an_hour_are_the_most_of_one_client() {
    // SEC-17: alternating own successes with failures on others still fills the bucket of the client.
    let rules = Limits { pairs: Pairs { most: 32, window_seconds: 1, block_seconds: 1 }, ..Limits::DEFAULT };
    let rules = Limits { client_requests: Rate::new(10_000, 60), ..rules };
    let limiter = limiter(rules);
    let address = "192.0.2.7";
    for number in 0..30 {
        let own = limiter.reserve(&claim(&limiter, "own", address), NOW).unwrap();
        assert!(!limiter.settle_right(&own, NOW));
        fail(&limiter, &format!("other{}", number % 10), address, NOW).unwrap();
    }
    let stopped = Stop::Wait(Throttle { policy: "client", quota: 30, window: 600, seconds: 20 });
    assert_eq!(fail(&limiter, "another", address, NOW), Err(stopped));
    assert!(limiter.reserve(&claim(&limiter, "own", "192.0.2.8"), NOW).is_ok());
    let mut tried = 30;
    for minute in 1..60 {
        for number in 0..10 {
            let now = NOW + minute * 60 * SECOND;
            tried += u32::from(fail(&limiter, &format!("m{minute}n{number}"), address, now).is_ok());
        }
    }
    assert!((100..=200).contains(&tried), "{tried}");
    let after = Stop::Wait(Throttle { policy: "client", quota: 100, window: 3600, seconds: 0 });
    let Err(Stop::Wait(got)) = fail(&limiter, "z", address, NOW + 59 * 60 * SECOND) else { panic!("free") };
    let Stop::Wait(after) = after else { return };
    assert_eq!((got.policy, got.quota), (after.policy, after.quota));
}

#[test]
fn a_network_of_48_bits_has_ten_times_the_budget_of_one_of_64() {
    // SEC-23
    let limiter = limiter(Limits { client_requests: Rate::new(100_000, 60), ..Limits::DEFAULT });
    let mut tried = 0;
    for number in 0..400_u32 {
        let address = format!("2001:db8:7:{:x}::1", number % 200);
        tried += u32::from(fail(&limiter, &format!("name{number}"), &address, NOW).is_ok());
    }
    assert_eq!(tried, 300);
    let Err(Stop::Wait(throttle)) = fail(&limiter, "x", "2001:db8:7:fff::1", NOW) else { panic!("free") };
    assert_eq!((throttle.policy, throttle.quota, throttle.window), ("network", 300, 600));
    assert!(fail(&limiter, "x", "2001:db8:8:fff::1", NOW).is_ok());
}

#[test]
fn without_an_address_only_the_account_counts() {
    // SEC-22
    let limiter = limiter(Limits::DEFAULT);
    for number in 0..1000 {
        assert!(fail(&limiter, &format!("name{number}"), "", NOW).is_ok());
    }
    assert!((0..5).all(|_| fail(&limiter, "jane", "", NOW).is_ok()));
    assert!(
        matches!(fail(&limiter, "jane", "", NOW), Err(Stop::Wait(throttle)) if throttle.policy == "account")
    );
}

#[test]
fn the_sixteenth_pair_blocks_the_client_for_a_day() {
    // SEC-26
    let limiter = limiter(Limits::DEFAULT);
    for number in 0..15 {
        assert!(!fail(&limiter, &format!("name{number}"), "192.0.2.7", NOW).unwrap().blocked);
    }
    assert!(fail(&limiter, "name15", "192.0.2.7", NOW).unwrap().blocked);
    let day = 24 * 3600;
    let blocked = Stop::Wait(Throttle { policy: "pairs", quota: 15, window: 10_800, seconds: day });
    assert_eq!(fail(&limiter, "name16", "192.0.2.7", NOW), Err(blocked));
    let client = limiter.client("192.0.2.7").unwrap();
    assert_eq!(limiter.admit_sign_up(&client, NOW).unwrap_err().policy, "pairs");
    assert!(fail(&limiter, "name16", "192.0.2.7", NOW + u64::from(day) * SECOND).is_ok());
}

#[test]
fn what_the_database_has_forgotten_is_forgotten_here() {
    let limiter = limiter(Limits::DEFAULT);
    let mut claim = claim(&limiter, "jane", "");
    assert!((0..5).all(|_| limiter.reserve(&claim, NOW).is_ok()));
    assert!(limiter.reserve(&claim, NOW).is_err());
    claim.stored = Stored { failures: 0, last: Some(WALL), cleared: 1 };
    assert!((0..5).all(|_| limiter.reserve(&claim, NOW).is_ok()));
    assert!(limiter.reserve(&claim, NOW).is_err());
    // Another process counted, too.
    claim.stored = Stored { failures: 100, last: Some(WALL), cleared: 2 };
    assert_eq!(limiter.reserve(&claim, NOW).unwrap_err(), Stop::Off);
}

#[test]
fn a_try_that_was_not_hashed_is_given_back() {
    let limiter = limiter(Limits::DEFAULT);
    let claim = claim(&limiter, "jane", "192.0.2.7");
    for _ in 0..20 {
        let reserved = limiter.reserve(&claim, NOW).unwrap();
        limiter.release(&reserved);
    }
    assert!((0..5).all(|_| limiter.reserve(&claim, NOW).is_ok()));
    assert!(limiter.reserve(&claim, NOW).is_err());
}

#[test]
fn a_streak_fits_into_a_word() {
    for (failures, last_ms, generation) in [(0, 0, 0), (MOST_FAILURES, (1 << 44) - 1, 255), (7, 12_345, 3)] {
        let streak = Streak::unpack(Streak { failures, last_ms, generation }.pack());
        assert_eq!((streak.failures, streak.last_ms, streak.generation), (failures, last_ms, generation));
    }
    let more = Streak { failures: 9, last_ms: 0, generation: 0 }.pack();
    assert!(more > Streak { failures: 8, last_ms: 1 << 40, generation: 9 }.pack());
}

#[test]
fn two_budgets_of_one_thing_are_taken_together_or_not_at_all() {
    // SEC-27: one letter a minute, five an hour.
    let limiter = limiter(Limits::DEFAULT);
    let rates = [Rate::new(1, 60), Rate::new(5, 3600)];
    let mut sent = 0;
    for second in 0..3600 {
        sent +=
            u32::from(limiter.spend("letters", b"jane@example.com", rates, NOW + second * SECOND).is_ok());
    }
    assert_eq!(sent, 5 + 4);
    assert!(limiter.spend("letters", b"john@example.com", rates, NOW).is_ok());
    assert!(limiter.spend("others", b"jane@example.com", rates, NOW).is_ok());
}

#[test]
fn the_numbers_are_those_of_the_settings() {
    let account = Backoff { free: 2, longest_wait_seconds: 3, most: 4 };
    let limiter = limiter(Limits { account, ..Limits::DEFAULT });
    let mut now = NOW;
    let mut seconds = Vec::new();
    loop {
        match fail(&limiter, "jane", "", now) {
            Ok(_) => {}
            Err(Stop::Wait(throttle)) => {
                seconds.push(throttle.seconds);
                now += u64::from(throttle.seconds) * SECOND;
            }
            Err(Stop::Off) => break,
        }
    }
    assert_eq!(seconds, [1, 2]);
}
