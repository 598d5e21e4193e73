//! How far has a mount been taken over from the application that was there before, and what is counted on the way?

use crate::id::UserId;
use crate::time::Moment;
use crate::user::StoredHash;

/// The longest detail of a count, in bytes; the rest is cut off.
pub const MAX_COUNT_DETAIL: usize = 200;

/// Who answers at a mount that takes over from another application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The old application answers; ours rehearses, compares and follows.
    #[default]
    Shadow,
    /// Ours answers; the old application is kept in step and asked for users who are not here yet.
    Dual,
    /// Ours answers alone.
    Cut,
}

impl Phase {
    /// Every phase, from the first step to the last.
    pub const ALL: [Phase; 3] = [Phase::Shadow, Phase::Dual, Phase::Cut];

    /// The word in settings, in the database and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Shadow => "shadow",
            Phase::Dual => "dual",
            Phase::Cut => "cut",
        }
    }

    /// Reads the word. Refused: any other text.
    pub fn named(word: &str) -> Option<Phase> {
        Phase::ALL.into_iter().find(|phase| phase.name() == word)
    }
}

/// A phase that was set at run time. It wins over the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPhase {
    /// Which mount, by its key.
    pub mount: String,
    /// Its phase.
    pub phase: Phase,
    /// Since when.
    pub changed_at: Moment,
}

/// Makes the enum, the list of all of them, their names and their meanings from one table.
macro_rules! tallies {
    ($(#[doc = $doc:literal] $tally:ident = $name:literal,)+) => {
        /// What is counted while a mount is taken over. A closed list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Tally {
            $(#[doc = $doc] $tally,)+
        }

        impl Tally {
            /// Every one, in the order in which an operator reads them.
            pub const ALL: &[Tally] = &[$(Tally::$tally,)+];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Tally::$tally => $name,)+
                }
            }

            /// What it counts, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Tally::$tally => $doc.trim_ascii(),)+
                }
            }
        }
    };
}

tallies! {
    /// The old application was asked for a user who is not here.
    Asked = "asked",
    /// A user of the old application was taken over.
    CarriedOver = "carried_over",
    /// The old application refused.
    Refused = "refused",
    /// The old application was not asked again for the same wrong password.
    Spared = "spared",
    /// The old application gave no answer: too slow, broken, or not reached.
    Unavailable = "unavailable",
    /// The old application gave an answer that can not be true, and it was not believed.
    Lied = "lied",
    /// An answer of the old application was compared with ours.
    Compared = "compared",
    /// An answer was not compared: too much waited, or it was too large.
    NotCompared = "not_compared",
    /// Two answers were not the same, by route and place.
    Different = "different",
    /// What the old application had changed was taken over.
    Followed = "followed",
    /// What the old application had changed could not be taken over.
    NotFollowed = "not_followed",
    /// What was changed here could not be changed at the old application.
    OutOfStep = "out_of_step",
}

impl Tally {
    /// Reads a stable name. Refused: any other text.
    pub fn named(name: &str) -> Option<Tally> {
        Tally::ALL.iter().copied().find(|tally| tally.name() == name)
    }
}

/// How often something happened at a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Which mount, by its key.
    pub mount: String,
    /// What.
    pub what: Tally,
    /// More about it, where that tells kinds apart: a route and a place in its answer, never a value.
    pub detail: String,
    /// How often.
    pub count: u64,
    /// When last.
    pub last_at: Moment,
}

/// One write about a migration.
#[derive(Clone, Debug)]
pub enum MigrationChange {
    /// Sets the phase of a mount. Conflict: another one is there than was read (stale).
    SetPhase {
        /// What it is to be.
        kept: KeptPhase,
        /// What was read, if any was set before.
        from: Option<Phase>,
    },
    /// Sets the password that a user has at the application before, and bumps the epoch. Tokens stay good that it has
    /// signed. Conflict: other epoch (stale).
    FollowPassword {
        /// Whose.
        user: UserId,
        /// As read.
        epoch: i64,
        /// To be stored.
        hash: StoredHash,
        /// When.
        at: Moment,
    },
    /// Adds to counts.
    AddCounts(Vec<Counted>),
    /// Forgets what was counted at a mount.
    ForgetCounts {
        /// Which mount, by its key.
        mount: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_word_names_one_thing_and_can_be_read_back() {
        assert!(Phase::ALL.iter().all(|phase| Phase::named(phase.name()) == Some(*phase)));
        assert!(Tally::ALL.iter().all(|tally| Tally::named(tally.name()) == Some(*tally)));
        let names: BTreeSet<&str> = Tally::ALL.iter().map(|tally| tally.name()).collect();
        assert_eq!(names.len(), Tally::ALL.len());
        assert_eq!((Phase::named("Shadow"), Phase::named(""), Tally::named("any")), (None, None, None));
    }
}
