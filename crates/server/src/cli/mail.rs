//! Do letters arrive, and which of them wait?

use super::terminal::{Ended, line, out};
use super::user;
use crate::config::Config;
use crate::mail::Office;
use clap::Subcommand;
use domain::letter::LetterId;
use engine::{Clock, Post};
use serde_json::json;

/// Letters of one page.
const PAGE: u32 = 1000;

/// What can be done about letters.
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Send a test letter and say what the mail server answered
    #[command(after_help = "Example:\n  countersign mail test ana@example.com")]
    Test {
        /// Whom to write to
        address: String,
    },
    /// List the letters that wait to be sent; their links are not shown
    Queue {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

/// Carries a command out.
pub async fn run(command: &MailCommand, config: &Config) -> Result<(), Ended> {
    match command {
        MailCommand::Test { address } => test(address, config).await,
        MailCommand::Queue { json } => queue(config, *json).await,
    }
}

async fn test(address: &str, config: &Config) -> Result<(), Ended> {
    let office = Office::open(config).map_err(Ended::wrong)?;
    let off = "mail.transport is \"off\": set it to \"smtp\" and name your mail server first";
    let office = office.ok_or_else(|| Ended::wrong_one(off))?;
    let message = office.trial(address, Clock::System.now()).map_err(Ended::wrong_one)?;
    match office.carry(&message, "test").await {
        Ok(said) => {
            line(&format!("The test letter to {address} was taken: {said}"));
            Ok(())
        }
        Err(refused) => Err(Ended::failed(format!("The test letter was not taken: {refused}"))),
    }
}

async fn queue(config: &Config, as_json: bool) -> Result<(), Ended> {
    let engine = user::open(config).await?;
    let (mut last, mut count) = (None::<LetterId>, 0_u64);
    loop {
        let page = engine.letters_waiting(last, PAGE).await.map_err(Ended::failed)?;
        let Some(end) = page.last() else { break };
        last = Some(end.id);
        count = count.saturating_add(page.len() as u64);
        out(&page.iter().map(|post| if as_json { described(post) } else { row(post) }).collect::<String>());
    }
    if count == 0 && !as_json {
        line("No letter waits.");
    }
    Ok(())
}

fn row(post: &Post) -> String {
    format!(
        "{:>8}  {:<20} {:<36} {:>3} tries, next {}, ends {}\n",
        post.id.0,
        post.letter.name(),
        post.to.escape_debug(),
        post.tries,
        post.due_at.rfc3339(0),
        post.expires_at.rfc3339(0),
    )
}

fn described(post: &Post) -> String {
    let described = json!({
        "id": post.id.0,
        "letter": post.letter.name(),
        "to": post.to,
        "tries": post.tries,
        "written_at": post.written_at.rfc3339(3),
        "due_at": post.due_at.rfc3339(3),
        "expires_at": post.expires_at.rfc3339(3),
    });
    format!("{described}\n")
}
