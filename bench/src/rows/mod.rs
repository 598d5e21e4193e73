//! Which rows does the table have, and in which groups are they measured?

mod burst;
mod footprint;
mod limiter;
mod million;
mod nodes;
mod postgres;
mod profile;
pub mod refresh;
mod shadow;
pub mod sign_in;
mod storm;
mod timing;
mod trips;

use clap::ValueEnum;

use crate::Outcome;
use crate::bench::Bench;
use crate::table::Row;

/// Rows that are measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Group {
    /// Sign-ins beside raw hashes.
    SignIn,
    /// Sign-ups beside raw hashes.
    SignUp,
    /// Durable refreshes beside the disk.
    Refresh,
    /// The profile beside a server that only verifies the token.
    Profile,
    /// The profile and refreshes beside a flood of sign-ins.
    Storm,
    /// A thousand wrong passwords at once.
    Burst,
    /// What counting tries costs the profile and refreshes.
    Limiter,
    /// Whether time tells who exists.
    Timing,
    /// Size, memory, start.
    Footprint,
    /// A million users in the table.
    Million,
    /// Sign-in, sign-up, refresh and profile on PostgreSQL.
    Postgres,
    /// Two nodes on one PostgreSQL beside one.
    Nodes,
    /// How often each verb waits for PostgreSQL.
    Trips,
    /// The profile through a mount in shadow beside the same without it.
    Shadow,
}

impl Group {
    /// The groups that were asked for, else all; a quick run leaves the million out unless it is asked for.
    pub fn chosen(only: &[Group], quick: bool) -> Vec<Group> {
        if !only.is_empty() {
            return only.to_vec();
        }
        Group::value_variants().iter().copied().filter(|group| !quick || *group != Group::Million).collect()
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Group::SignIn => "sign-in",
            Group::SignUp => "sign-up",
            Group::Refresh => "refresh",
            Group::Profile => "profile",
            Group::Storm => "storm",
            Group::Burst => "burst",
            Group::Limiter => "limiter",
            Group::Timing => "timing",
            Group::Footprint => "footprint",
            Group::Million => "million",
            Group::Postgres => "postgres",
            Group::Nodes => "nodes",
            Group::Trips => "trips",
            Group::Shadow => "shadow",
        }
    }

    /// Measures its rows.
    ///
    /// # Errors
    /// The server does not start, a load fails, or an answer is not what it should be.
    pub fn measure(self, bench: &Bench) -> Outcome<Vec<Row>> {
        match self {
            Group::SignIn => sign_in::sign_in(bench),
            Group::SignUp => sign_in::sign_up(bench),
            Group::Refresh => refresh::measure(bench),
            Group::Profile => profile::measure(bench),
            Group::Storm => storm::measure(bench),
            Group::Burst => burst::measure(bench),
            Group::Limiter => limiter::measure(bench),
            Group::Timing => timing::measure(bench),
            Group::Footprint => footprint::measure(bench),
            Group::Million => million::measure(bench),
            Group::Postgres => postgres::measure(bench),
            Group::Nodes => nodes::measure(bench),
            Group::Trips => trips::measure(bench),
            Group::Shadow => shadow::measure(bench),
        }
    }
}
