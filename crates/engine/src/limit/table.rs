//! How are millions of counters kept in a fixed amount of memory?
//!
//! Rows of a fixed size in sets of eight, guarded by many locks. A new name takes the place of the row of least worth in
//! its set: of a flood of names each loses to the one that was tried often (REL-13). Memory is taken when it is written.

use domain::token::Blind;
use std::sync::{Mutex, PoisonError};

/// Independent parts, so that requests seldom meet at a lock.
const SHARDS: usize = 64;
/// Rows among which a newcomer finds its place.
const WAYS: usize = 8;

/// A row: the name's tag, then `N - 1` numbers, all zero at first.
pub(super) struct Table<const N: usize> {
    shards: Vec<Mutex<Vec<[u64; N]>>>,
    sets: u64,
    worth: fn(&[u64; N]) -> u64,
}

impl<const N: usize> Table<N> {
    /// Room for about so many rows. `worth`: the row of least worth makes room.
    pub fn new(rows: usize, worth: fn(&[u64; N]) -> u64) -> Table<N> {
        let sets = (rows / SHARDS / WAYS).max(1);
        let shards = (0..SHARDS).map(|_| Mutex::new(vec![[0; N]; sets * WAYS])).collect();
        Table { shards, sets: sets as u64, worth }
    }

    /// Looks at the row of a name, or at a fresh one, and may change it; all at one moment.
    pub fn with<R>(&self, name: &Blind, act: impl FnOnce(&mut [u64; N]) -> R) -> R {
        let (tag, place) = halves(name);
        // Zero marks a row that is free.
        let tag = tag | 1;
        #[expect(clippy::cast_possible_truncation, reason = "both are remainders of small numbers")]
        let (shard, set) = ((place % SHARDS as u64) as usize, (place / SHARDS as u64 % self.sets) as usize);
        let mut rows = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let rows = &mut rows[set * WAYS..(set + 1) * WAYS];
        let found = rows.iter().position(|row| row[0] == tag);
        let at = found.unwrap_or_else(|| {
            let worth = |row: &[u64; N]| if row[0] == 0 { (0, 0) } else { (1, (self.worth)(row)) };
            let least = (0..WAYS).min_by_key(|at| worth(&rows[*at])).unwrap_or(0);
            rows[least] = [0; N];
            rows[least][0] = tag;
            least
        });
        act(&mut rows[at])
    }

    /// The most memory that it can take.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        SHARDS * usize::try_from(self.sets).unwrap() * WAYS * size_of::<[u64; N]>()
    }
}

/// Both halves of a blinded name: 128 bits that nobody outside can choose.
fn halves(name: &Blind) -> (u64, u64) {
    let (mut one, mut other) = ([0; 8], [0; 8]);
    one.copy_from_slice(&name.0[..8]);
    other.copy_from_slice(&name.0[8..]);
    (u64::from_le_bytes(one), u64::from_le_bytes(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spreads numbers like a keyed hash would.
    fn name(number: u64) -> Blind {
        let mix = |mut z: u64| {
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&mix(number ^ 0x9e37_79b9_7f4a_7c15).to_le_bytes());
        bytes[8..].copy_from_slice(&mix(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 1).to_le_bytes());
        Blind(bytes)
    }

    #[test]
    fn a_row_keeps_its_numbers() {
        let table = Table::<2>::new(10_000, |row| row[1]);
        for number in 0..5000 {
            table.with(&name(number), |row| row[1] += number + 1);
        }
        let kept = (0..5000).filter(|number| table.with(&name(*number), |row| row[1]) == number + 1).count();
        assert!(kept > 4900, "{kept}");
    }

    #[test]
    fn a_flood_of_names_evicts_the_lesser_and_never_the_one_that_was_tried_often() {
        // REL-13
        let table = Table::<2>::new(4096, |row| row[1]);
        table.with(&name(0), |row| row[1] = 50);
        for number in 1..1_000_000 {
            table.with(&name(number), |row| row[1] += 1);
        }
        assert_eq!(table.with(&name(0), |row| row[1]), 50);
        assert_eq!(table.bytes(), 4096 * 16);
    }
}
