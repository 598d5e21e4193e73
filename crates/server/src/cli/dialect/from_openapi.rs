//! `countersign dialect from-openapi`: how does a document become a first draft of a dialect?

use super::Ending;
use crate::draft::openapi::{MAX_BYTES, of_document};
use clap::Args;
use std::fmt::Write as _;
use std::path::PathBuf;

pub const EXAMPLES: &str = "\
Examples:
  countersign dialect from-openapi openapi.json --out ./mine
  countersign dialect openapi auths-v1 > a.json && countersign dialect from-openapi a.json --out ./a
  yq -o=json . openapi.yaml > openapi.json        YAML has to be converted first

A document says little about tokens and refusals; the draft says in comments what is left to
decide. Recording the running application (`countersign dialect record`) finds out more.";

/// What can be said after `dialect from-openapi`.
#[derive(Debug, Args)]
pub struct FromOpenapiArgs {
    /// The document
    file: PathBuf,
    /// Folder to be made; one that holds a dialect.toml is left alone
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the dialect [default: the name of the folder]
    #[arg(long)]
    name: Option<String>,
}

/// Carries it out.
pub fn run(args: &FromOpenapiArgs) -> Ending {
    let name = super::fitting_name(args.name.as_deref(), &args.out)?;
    super::check_free(&args.out)?;
    let told = |error: &dyn std::fmt::Display| (vec![format!("{}: {error}", args.file.display())], 2);
    let size = std::fs::metadata(&args.file).map_err(|error| told(&error))?.len();
    if size > MAX_BYTES {
        return Err(told(&format!("the document has more than {} MiB", MAX_BYTES >> 20)));
    }
    let text = std::fs::read_to_string(&args.file).map_err(|error| told(&error))?;
    let drafted = of_document(&name, &text).map_err(|error| told(&error))?;
    super::put(&args.out.join("dialect.toml"), &drafted.text)?;
    let mut report = super::drafted(&args.out, &drafted.sketch, &drafted.faults);
    let shown = args.out.display();
    let _ = writeln!(report, "\nnext:\n  read {shown}/dialect.toml and its comments");
    let _ = writeln!(report, "  countersign dialect check {shown}");
    let _ = writeln!(
        report,
        "  countersign dialect record --upstream URL --out …    finds out what a document does not say"
    );
    Ok(report)
}
