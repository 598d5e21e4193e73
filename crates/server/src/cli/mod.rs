//! What can be typed after `countersign`?

mod admin;
mod audit;
mod configuration;
mod database;
pub mod dialect;
mod doctor;
mod export;
mod import;
mod init;
mod key;
mod mail;
mod migration;
mod origin;
mod role;
mod serve;
mod source;
mod terminal;
mod user;
mod version;
mod why;

use crate::config::{Config, Sources};
use crate::{mounts, routes};
use clap::{CommandFactory as _, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::{Ended, out};

const EXAMPLES: &str = "\
Examples:
  countersign serve                                    start with everything as it is by default
  countersign init                                     write a commented configuration and the secrets
  countersign user add ana@example.com                 add a user, the password is asked for
  countersign user import users.jsonl --dry-run        check a file of users and their hashes
  countersign dialect show native                      see what a contract says
  countersign audit why ana@example.com                say why she was signed out
  countersign doctor --security                        see what is weaker than it could be, and what that costs

Every setting can be given in a file (--config), in the environment
(COUNTERSIGN_<SECTION>__<KEY>) and some on the command line; later ones win. `countersign
config` prints what is in force, and from where.

Exit codes: 0 it went well, 1 it did not, 2 the command line or the configuration is wrong and
nothing was done.";

/// A sign-in server that speaks the contract your application has already.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, after_help = EXAMPLES, max_term_width = 110)]
struct Cli {
    /// Configuration file [default: countersign.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the keys and of the embedded database [default: data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// sqlite:FILE or postgres://USER@HOST/NAME [default: countersign.db in the data folder]
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server
    #[command(
        after_help = "Examples:\n  countersign serve\n  countersign serve --listen 0.0.0.0:8000 --data /var/lib/countersign\n\n\
        SIGTERM or Ctrl-C stops it gently: requests in flight are finished. A second signal cuts them off."
    )]
    Serve {
        /// Address and port [default: 127.0.0.1:8000]
        #[arg(long, value_name = "ADDR")]
        listen: Option<String>,
    },
    /// Write a commented configuration file and the secrets, readable by you alone
    Init(init::InitArgs),
    /// Print every setting in force and where it comes from
    Config {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Add, list, show, change, switch off, delete, import and export users
    #[command(subcommand)]
    User(user::UserCommand),
    /// List the roles and what they permit
    #[command(subcommand)]
    Role(role::RoleCommand),
    /// List, show, check and test dialects
    #[command(subcommand)]
    Dialect(dialect::DialectCommand),
    /// List, rotate and revoke signing keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Send a test letter, list the letters that wait
    #[command(subcommand)]
    Mail(mail::MailCommand),
    /// Show, export and check the audit trail, and say why somebody was signed out
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// The first administrator, administrators and admin keys
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// Take over from another application in phases, each with a way back
    #[command(subcommand, after_help = migration::ABOUT)]
    Migration(migration::MigrationCommand),
    /// Copy everything into another database
    #[command(subcommand)]
    Database(database::DatabaseCommand),
    /// List every request that is answered, and who may send it
    Routes {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Look for what is wrong or weaker than it could be
    Doctor(doctor::DoctorArgs),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  countersign completions bash > ~/.local/share/bash-completion/completions/countersign"
    )]
    Completions {
        /// bash, elvish, fish, powershell or zsh
        shell: clap_complete::Shell,
    },
    /// Print the version
    Version {
        /// Also what is built in: SQLite and the rest
        #[arg(long)]
        deps: bool,
    },
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(ended) => ended.tell(),
    }
}

fn run(cli: Cli) -> Result<(), Ended> {
    let Cli { config, data, database, command } = cli;
    let mut sources = Sources { config, data, database, ..Sources::default() }.with_environment();
    match command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "countersign", &mut script);
            out(&String::from_utf8_lossy(&script));
            Ok(())
        }
        Command::Version { deps } => {
            version::run(deps);
            Ok(())
        }
        Command::Database(command) => terminal::block_on(database::run(command, &sources))?,
        Command::Init(args) => terminal::block_on(init::run(&args, &sources))?,
        Command::Serve { listen } => {
            sources.listen = listen;
            serve::run(load(&sources)?, &sources)
        }
        Command::Config { json } => {
            configuration::run(&load(&sources)?, json);
            Ok(())
        }
        Command::User(command) => terminal::block_on(user::run(command, &load(&sources)?))?,
        Command::Role(command) => role::run(&command, &load(&sources)?),
        Command::Dialect(command) => run_dialect(command, &load(&sources)?),
        Command::Key(command) => terminal::block_on(key::run(&command, &load(&sources)?))?,
        Command::Mail(command) => terminal::block_on(mail::run(&command, &load(&sources)?))?,
        Command::Migration(command) => terminal::block_on(migration::run(&command, &load(&sources)?))?,
        Command::Audit(command) => terminal::block_on(audit::run(&command, &load(&sources)?))?,
        Command::Admin(command) => terminal::block_on(admin::run(command, &load(&sources)?))?,
        Command::Routes { json } => routes(&load(&sources)?, json),
        Command::Doctor(args) => terminal::block_on(doctor::run(&args, &load(&sources)?))?,
    }
}

/// Prints what the mounts answer.
fn routes(config: &Config, json: bool) -> Result<(), Ended> {
    let listed = routes::list(&mounts::load(config).map_err(Ended::wrong)?);
    if json {
        let all: Vec<_> = listed.iter().map(routes::Listed::to_json).collect();
        terminal::line(&serde_json::Value::from(all).to_string());
    } else {
        listed.iter().for_each(|one| terminal::line(&one.to_line()));
    }
    Ok(())
}

fn load(sources: &Sources) -> Result<Config, Ended> {
    Config::load(sources).map_err(|faults| Ended::wrong(faults.iter().map(ToString::to_string)))
}

fn run_dialect(command: dialect::DialectCommand, config: &Config) -> Result<(), Ended> {
    let update = crate::config::asks_for_update();
    let text = terminal::block_on(dialect::run(command, config, update))?
        .map_err(|(messages, code)| Ended { code, messages })?;
    out(&text);
    Ok(())
}
