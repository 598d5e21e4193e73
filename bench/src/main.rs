//! How fast is Countersign, and how far from what this machine could do at best?
//!
//! Every figure is put beside a limit that is measured in the same run, because the machine differs and the ratio does not.

mod bare;
mod bench;
mod capacity;
mod limits;
mod load;
mod machine;
mod people;
mod postgres;
mod process;
mod rows;
mod table;
mod tally;
mod wire;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::bench::{Bench, Scratch, progress};
use crate::machine::Machine;
use crate::rows::Group;
use crate::table::Row;

/// The allocator of the server under test: the bare server shall not be slower for want of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why a run was given up.
pub type Wrong = Box<dyn std::error::Error + Send + Sync>;
/// A result, or why the run was given up.
pub type Outcome<T> = Result<T, Wrong>;

/// A sentence as the reason.
pub fn wrong(text: impl Into<String>) -> Wrong {
    text.into().into()
}

/// Measures a Countersign release binary against what this machine could do at best.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,
    /// Short rounds, and no table of a million users.
    #[arg(long, global = true)]
    quick: bool,
    /// Only these groups of rows.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Group>,
    /// The release binary to measure.
    #[arg(long, global = true, default_value = "target/release/countersign")]
    server: PathBuf,
    /// Where the data directories are made: on the disk that is to be measured.
    #[arg(long, global = true, value_name = "DIRECTORY")]
    within: Option<PathBuf>,
    /// Writes the result as JSON as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Puts the table between the markers of this page.
    #[arg(long, global = true, value_name = "PAGE", conflicts_with = "only")]
    write: Option<PathBuf>,
    /// Ends with 1 when a target is missed.
    #[arg(long)]
    strict: bool,
}

#[derive(Subcommand)]
enum Other {
    /// Runs the bare server that the profile is compared with.
    #[command(hide = true)]
    Bare {
        #[arg(long)]
        secret: String,
        #[arg(long)]
        body: PathBuf,
    },
    /// Fills databases on a private PostgreSQL and measures what each user costs there.
    Capacity {
        /// How many users each of them has. Ten million need 16 GB on the disk while it runs.
        #[arg(long, value_delimiter = ',', default_value = "10000,1000000,10000000")]
        users: Vec<u64>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.other {
        Some(Other::Bare { secret, body }) => bare::serve(secret, body).map(|()| true),
        Some(Other::Capacity { users }) => capacity(&arguments, users).map(|()| true),
        None => measure(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(reason) => {
            eprintln!("bench: {reason}");
            ExitCode::from(2)
        }
    }
}

/// Everything that a run needs; the directory goes last.
fn prepare(arguments: &Arguments) -> Outcome<(Scratch, Machine, Bench)> {
    let program = arguments.server.canonicalize().map_err(|fault| {
        wrong(format!("{}: {fault}; build it with `cargo build --release`", arguments.server.display()))
    })?;
    process::lift_file_limit()?;
    let scratch = Scratch::create(&arguments.within.clone().unwrap_or_else(std::env::temp_dir))?;
    let bench = Bench::new(program, scratch.0.clone(), arguments.quick)?;
    let machine = Machine::read(limits::fsync(&scratch.0, Duration::from_secs(1))?);
    progress(&machine.line());
    Ok((scratch, machine, bench))
}

/// Prints a text, and puts it where it was asked for.
fn tell(arguments: &Arguments, text: &str) -> Outcome<()> {
    std::io::stdout().write_all(text.as_bytes())?;
    arguments.write.as_ref().map_or(Ok(()), |page| table::write_page(page, text))
}

/// Fills databases and prints what each user costs in them.
fn capacity(arguments: &Arguments, users: &[u64]) -> Outcome<()> {
    let (_scratch, machine, bench) = prepare(arguments)?;
    tell(arguments, &capacity::measure(&bench, &machine, users)?)
}

/// Runs the groups, prints the table, and tells whether the run may end with success.
fn measure(arguments: &Arguments) -> Outcome<bool> {
    let (_scratch, machine, bench) = prepare(arguments)?;

    let mut rows: Vec<Row> = Vec::new();
    for group in Group::chosen(&arguments.only, arguments.quick) {
        progress(group.name());
        let found = group.measure(&bench).map_err(|fault| wrong(format!("{}: {fault}", group.name())))?;
        for row in &found {
            progress(&format!("  {}: {} against {}", row.title, row.measured, row.limit));
        }
        rows.extend(found);
    }

    let text = table::markdown(&machine, &rows, arguments.quick);
    tell(arguments, &text)?;
    if let Some(file) = &arguments.json {
        std::fs::write(file, table::json_text(&machine, &rows, arguments.quick))?;
    }
    Ok(!arguments.strict || rows.iter().all(|row| row.met() != Some(false)))
}
