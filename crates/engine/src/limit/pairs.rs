//! Does one client try many accounts, or many passwords? (SEC-26)

use super::table::Table;
use domain::limit::{MOST_PAIRS, Pairs, SECOND};
use domain::token::Blind;

/// Room for clients that failed lately.
const ROWS: usize = 1 << 15;
/// A row: tag, then two marks in a word.
const WORDS: usize = 1 + MOST_PAIRS as usize / 2;
/// Marks remember when, in units of so many microseconds: enough for windows of hours in 16 bits.
const TICK: u64 = 10 * SECOND;

/// The failed pairs of each client: sixteen bits of a keyed hash, and when.
pub(super) struct Suspects {
    table: Table<WORDS>,
    rule: Pairs,
}

impl Suspects {
    pub fn new(rule: Pairs) -> Suspects {
        Suspects { table: Table::new(ROWS, marks), rule }
    }

    /// Notes a pair that failed. True: it is one too many, and the client starts anew.
    pub fn note(&self, client: &Blind, pair: &Blind, now: u64) -> bool {
        let mark = u32::from(u16::from_le_bytes([pair.0[0], pair.0[1]]));
        // Never zero, which is a free place.
        let tick = u32::try_from(now / TICK % 0xffff).unwrap_or(0) + 1;
        let window = u32::try_from(u64::from(self.rule.window_seconds) * SECOND / TICK).unwrap_or(u32::MAX);
        let most = usize::try_from(self.rule.most.min(MOST_PAIRS)).unwrap_or(0);
        self.table.with(client, |row| {
            let mut live: Vec<(u32, u32)> = (read(row).filter(|(_, then)| age(tick, *then) <= window))
                .filter(|(one, _)| *one != mark)
                .collect();
            if live.len() >= most {
                row[1..].fill(0);
                return true;
            }
            live.push((mark, tick));
            row[1..].fill(0);
            for (at, (mark, tick)) in live.into_iter().enumerate() {
                row[1 + at / 2] |= u64::from(tick << 16 | mark) << (at % 2 * 32);
            }
            false
        })
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.table.bytes()
    }
}

/// Ticks that have gone by; they begin anew after 65,535.
fn age(now: u32, then: u32) -> u32 {
    (now + 0xffff - then) % 0xffff
}

fn read(row: &[u64; WORDS]) -> impl Iterator<Item = (u32, u32)> {
    row[1..]
        .iter()
        .flat_map(|word| [*word & 0xffff_ffff, *word >> 32])
        .map(|half| (u32::try_from(half & 0xffff).unwrap_or(0), u32::try_from(half >> 16).unwrap_or(0)))
        .filter(|(_, tick)| *tick != 0)
}

/// How many marks a row has: the worst suspects stay.
fn marks(row: &[u64; WORDS]) -> u64 {
    read(row).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::limit::Limits;

    const CLIENT: Blind = Blind([7; 16]);

    fn pair(number: u16) -> Blind {
        let [one, two] = number.to_le_bytes();
        Blind([one, two, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9])
    }

    #[test]
    fn the_sixteenth_pair_is_one_too_many_and_the_same_pair_is_not() {
        // SEC-26
        let suspects = Suspects::new(Limits::DEFAULT.pairs);
        for _ in 0..100 {
            assert!(!suspects.note(&CLIENT, &pair(1), SECOND));
        }
        assert!((2..=15).all(|number| !suspects.note(&CLIENT, &pair(number), SECOND)));
        assert!(!suspects.note(&Blind([8; 16]), &pair(16), SECOND));
        assert!(suspects.note(&CLIENT, &pair(16), SECOND));
        assert!(!suspects.note(&CLIENT, &pair(17), SECOND));
    }

    #[test]
    fn pairs_of_long_ago_do_not_count_however_often_the_ticks_begin_anew() {
        let suspects = Suspects::new(Limits::DEFAULT.pairs);
        for start in [0, 0xfffe * TICK, 0x1_fffe * TICK] {
            for number in 1..=15 {
                assert!(!suspects.note(&CLIENT, &pair(number), start));
            }
            assert!(!suspects.note(&CLIENT, &pair(99), start + 3 * 3604 * SECOND));
        }
        let full = (1..=15).all(|number| !suspects.note(&CLIENT, &pair(number), 0xfffe * TICK));
        assert!(full && suspects.note(&CLIENT, &pair(16), 0xffff * TICK + 1));
    }
}
