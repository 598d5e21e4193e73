//! Which six digits does an authenticator app show now? (RFC 6238 over RFC 4226)

use crate::time::Moment;
use aws_lc_rs::hmac;

/// Bytes of a seed: 160 bits (RFC 4226 section 4, R6).
pub const SEED_BYTES: usize = 20;
/// Seconds of one step.
pub const STEP_SECONDS: i64 = 30;
const DIGITS: u32 = 1_000_000;

/// Six digits, as typed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code(u32);

impl Code {
    /// Reads exactly six ASCII digits; outer ASCII white space is cut before. Refused: anything else (SEC-80).
    pub fn parse(text: &str) -> Option<Code> {
        let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
        let digits = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok().map(Code)).flatten()
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(…)")
    }
}

/// The step of a moment.
pub fn step_of(now: Moment) -> i64 {
    now.seconds().div_euclid(STEP_SECONDS)
}

/// The code of a step, as apps show it.
pub fn code(seed: &[u8], step: i64) -> String {
    format!("{:06}", number(seed, step))
}

/// The step that a code is for: the one of now, the one before or the one after (SEC-81), and greater than `last`, the
/// step accepted last (SEC-80). Every candidate is computed, whichever matches.
pub fn accepted_step(seed: &[u8], typed: Code, now: Moment, last: i64) -> Option<i64> {
    let step = step_of(now);
    let found = [step - 1, step, step + 1].map(|step| (number(seed, step) ^ typed.0, step));
    found
        .into_iter()
        .filter(|(difference, step)| *difference == 0 && *step > last)
        .map(|(_, step)| step)
        .next()
}

/// HOTP (RFC 4226 section 5.3) of a step, six digits.
fn number(seed: &[u8], step: i64) -> u32 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag.last().copied().unwrap_or(0) & 15);
    let four = tag.get(at..at + 4).and_then(|four| four.first_chunk::<4>()).copied().unwrap_or_default();
    (u32::from_be_bytes(four) & 0x7fff_ffff) % DIGITS
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_two_rfcs() {
        let mut seen = 0;
        for line in include_str!("../../testdata/totp.txt").lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split(' ').collect();
            let number: i64 = words[1].parse().unwrap();
            let step = if words[0] == "hotp" { number } else { step_of(Moment::from_seconds(number)) };
            assert_eq!(code(SEED, step), words[2], "{line}");
            seen += 1;
        }
        assert_eq!(seen, 16);
    }

    // SEC-81
    #[test]
    fn three_steps_are_accepted_and_no_other() {
        let now = Moment::from_seconds(1_234_567_890);
        let here = step_of(now);
        for delta in -3..=3 {
            let typed = Code::parse(&code(SEED, here + delta)).unwrap();
            let accepted = accepted_step(SEED, typed, now, 0);
            assert_eq!(accepted, (-1..=1).contains(&delta).then_some(here + delta), "{delta}");
        }
    }

    // SEC-80
    #[test]
    fn a_step_is_not_accepted_again_nor_an_older_one_after_it() {
        let now = Moment::from_seconds(1_234_567_890);
        let here = step_of(now);
        for (step, last, accepted) in
            [(here, here - 1, true), (here, here, false), (here - 1, here, false), (here + 1, here, true)]
        {
            let typed = Code::parse(&code(SEED, step)).unwrap();
            assert_eq!(accepted_step(SEED, typed, now, last).is_some(), accepted, "{step} {last}");
        }
    }

    // SEC-80
    #[test]
    fn a_code_is_six_ascii_digits() {
        assert_eq!(Code::parse(" 005924\t"), Some(Code(5924)));
        for text in [
            "",
            "5924",
            "0059240",
            "00592a",
            "00 5924",
            "+05924",
            "-05924",
            "００５９２４",
            "٠٠٥٩٢٤",
            "005924\u{a0}",
            "5924.0",
        ] {
            assert_eq!(Code::parse(text), None, "{text}");
        }
    }
}
