//! What did a run of requests add up to?

use std::collections::BTreeMap;
use std::time::Duration;

/// The answers of one run: how many of each status, how late, in how much time.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    answers: BTreeMap<u16, Vec<u64>>,
    /// Wall-clock time from the first request to the last answer.
    pub elapsed: Duration,
    /// Connections that ended without an answer.
    pub lost: usize,
}

impl Tally {
    /// Counts one answer.
    pub fn add(&mut self, status: u16, latency: Duration) {
        self.answers.entry(status).or_default().push(latency.as_nanos() as u64);
    }

    /// Takes over the answers of another connection of the same run.
    pub fn merge(&mut self, other: Tally) {
        for (status, latencies) in other.answers {
            self.answers.entry(status).or_default().extend(latencies);
        }
        self.elapsed = self.elapsed.max(other.elapsed);
        self.lost += other.lost;
    }

    /// Answers with a status of the 200s.
    pub fn good(&self) -> usize {
        self.answers.iter().filter(|(status, _)| is_good(**status)).map(|(_, list)| list.len()).sum()
    }

    /// All answers.
    pub fn total(&self) -> usize {
        self.answers.values().map(Vec::len).sum()
    }

    /// Answers with this status.
    pub fn count(&self, status: u16) -> usize {
        self.answers.get(&status).map_or(0, Vec::len)
    }

    /// Good answers a second.
    pub fn rate(&self) -> f64 {
        self.good() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that this share (0 to 1) of the good answers stayed within, by nearest rank.
    pub fn good_within(&self, share: f64) -> Duration {
        within(self.answers.iter().filter(|(status, _)| is_good(**status)).flat_map(|(_, list)| list), share)
    }

    /// The same for the answers of one status.
    pub fn status_within(&self, status: u16, share: f64) -> Duration {
        within(self.answers.get(&status).into_iter().flatten(), share)
    }

    /// Everything that was not good, in words; empty when all was.
    pub fn complaints(&self) -> String {
        let mut parts: Vec<String> = self
            .answers
            .iter()
            .filter(|(status, _)| !is_good(**status))
            .map(|(status, list)| format!("{} × {status}", list.len()))
            .collect();
        if self.lost > 0 {
            parts.push(format!("{} without an answer", self.lost));
        }
        parts.join(", ")
    }
}

fn is_good(status: u16) -> bool {
    (200..300).contains(&status)
}

fn within<'a>(latencies: impl Iterator<Item = &'a u64>, share: f64) -> Duration {
    let mut sorted: Vec<u64> = latencies.copied().collect();
    if sorted.is_empty() {
        return Duration::ZERO;
    }
    sorted.sort_unstable();
    let rank = (share * sorted.len() as f64).ceil() as usize;
    Duration::from_nanos(sorted[rank.clamp(1, sorted.len()) - 1])
}

/// The middle of some figures; of an even number of them, the mean of the middle two. 0 when there are none.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[half],
        _ => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_the_nearest_rank() {
        let mut tally = Tally::default();
        (1..=100).for_each(|ms| tally.add(200, Duration::from_millis(ms)));
        tally.add(503, Duration::from_secs(9));
        assert_eq!(tally.good_within(0.5), Duration::from_millis(50));
        assert_eq!(tally.good_within(0.99), Duration::from_millis(99));
        assert_eq!(tally.good_within(1.0), Duration::from_millis(100));
        assert_eq!(tally.status_within(503, 0.99), Duration::from_secs(9));
        assert_eq!(tally.complaints(), "1 × 503");
    }

    #[test]
    fn a_median_lies_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median([]), 0.0);
    }
}
