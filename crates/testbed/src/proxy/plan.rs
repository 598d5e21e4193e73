//! Which commit is hit, and on which side?

/// What counts as a commit that can be hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The statement COMMIT.
    Commit,
    /// Also an INSERT, UPDATE, DELETE or MERGE outside a transaction, which commits by itself.
    AnyWrite,
}

/// On which side of a commit a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The server never hears of it: nothing is written.
    Before,
    /// The server has done it and answered: everything is written, and the client does not know.
    After,
}

/// How a transaction comes to its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// By the statement COMMIT.
    Commit,
    /// By the end of a write outside a transaction.
    Write,
}

/// Which commits are hit from now on.
#[derive(Debug, Default)]
pub(super) struct Plan(Option<(At, Choice)>);

#[derive(Debug)]
enum Choice {
    /// This many are still to come, the one that is hit included. None: it was hit.
    Nth { left: u64, side: Side },
    /// Each with this probability, of 2⁶⁴.
    Random { threshold: u64, state: u64 },
}

impl Plan {
    pub(super) fn nth(at: At, side: Side, left: u64) -> Plan {
        assert!(left > 0, "the first commit is number 1");
        Plan(Some((at, Choice::Nth { left, side })))
    }

    pub(super) fn random(at: At, probability: f64, seed: u64) -> Plan {
        assert!((0.0..=1.0).contains(&probability), "{probability} is no probability");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "between 0 and 2⁶⁴ − 1: casts of floats saturate"
        )]
        let threshold = (probability * u64::MAX as f64) as u64;
        Plan(Some((at, Choice::Random { threshold, state: seed })))
    }

    /// A client is about to commit: whether it is hit, and how. Asked once for every commit, in the order of arrival.
    pub(super) fn decide(&mut self, point: Point) -> Option<Side> {
        let (at, choice) = self.0.as_mut()?;
        if point == Point::Write && *at == At::Commit {
            return None;
        }
        match choice {
            Choice::Nth { left, side } => {
                *left = left.checked_sub(1)?;
                (*left == 0).then_some(*side)
            }
            Choice::Random { threshold, state } => {
                // Two draws for every commit, hit or not: what is hit depends on the seed and the commit's number alone.
                let (hit, side) = (draw(state) < *threshold, draw(state));
                hit.then_some(if side.is_multiple_of(2) { Side::Before } else { Side::After })
            }
        }
    }

    /// A commit that was to be cut off after it did not happen: the next one takes its place.
    pub(super) fn missed(&mut self) {
        if let Some((_, Choice::Nth { left: left @ 0, .. })) = &mut self.0 {
            *left = 1;
        }
    }
}

/// SplitMix64.
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(plan: &mut Plan, count: usize) -> Vec<Option<Side>> {
        (0..count).map(|_| plan.decide(Point::Commit)).collect()
    }

    #[test]
    fn the_nth_commit_is_hit_once_and_lone_writes_count_only_where_they_are_meant() {
        let mut plan = Plan::nth(At::Commit, Side::After, 2);
        assert_eq!(plan.decide(Point::Write), None);
        assert_eq!(hits(&mut plan, 4), [None, Some(Side::After), None, None]);
        plan.missed();
        assert_eq!(hits(&mut plan, 2), [Some(Side::After), None]);
        let mut plan = Plan::nth(At::AnyWrite, Side::Before, 1);
        assert_eq!(plan.decide(Point::Write), Some(Side::Before));
    }

    #[test]
    fn a_seed_repeats_its_hits_at_their_probability() {
        let drawn = |seed| hits(&mut Plan::random(At::Commit, 0.25, seed), 4000);
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        for side in [Side::Before, Side::After] {
            let count = drawn(7).iter().filter(|hit| **hit == Some(side)).count();
            assert!((400..600).contains(&count), "{side:?} {count} times of 500");
        }
        assert_eq!(hits(&mut Plan::random(At::Commit, 0.0, 1), 99), [None; 99]);
        assert!(hits(&mut Plan::random(At::Commit, 1.0, 1), 99).iter().all(Option::is_some));
    }
}
