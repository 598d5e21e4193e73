//! Why was somebody signed out?

use super::audit::plain;
use super::terminal::{Ended, line, out};
use clap::Args;
use domain::event::EventKind;
use domain::id::UserId;
use domain::time::Moment;
use engine::{Closed, Ending, Engine, EventQuery, MAX_EVENTS, Noted, Who};
use serde_json::{Value, json};

/// Whose sessions are to be looked at.
#[derive(Args, Debug)]
pub struct WhyArgs {
    /// Id, UUID, e-mail address or user name
    who: String,
    /// At most so many of the newest sessions
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// One sentence for each session that is over, the newest first.
pub async fn run(args: &WhyArgs, engine: &Engine) -> Result<(), Ended> {
    let who = Who::parse(&args.who);
    let Some(user) = engine.find_user(&who).await.map_err(Ended::failed)? else {
        return gone(args, engine, &who).await;
    };
    let exchanged = tickets_exchanged(engine).await?;
    let sessions = engine.sessions_and_ends(user.id, args.limit).await.map_err(Ended::failed)?;
    let mut over = 0;
    for session in &sessions {
        let Some((at, reason)) = ended(session, exchanged.as_ref()) else { continue };
        over += 1;
        let sentence = sentence(session, at, &reason);
        if args.json {
            out(&format!("{}\n", as_json(session, at, &sentence)));
        } else {
            line(&sentence);
        }
    }
    if over == 0 && !args.json {
        let live = sessions.len();
        line(&match live {
            0 => format!("The user {} has no session that is remembered.", user.id),
            1 => format!("Nobody was signed out: the only session of the user {} lives.", user.id),
            _ => format!("Nobody was signed out: all {live} newest sessions of the user {} live.", user.id),
        });
    }
    Ok(())
}

/// When a session ended, and the words after "because".
fn ended(session: &Closed, exchanged: Option<&Noted>) -> Option<(Moment, String)> {
    let (at, why) = match session.ending {
        Ending::Ended(reason) => (session.at, reason.cause().to_owned()),
        Ending::Unused => (session.at, "it was not used in time (its inactivity limit)".to_owned()),
        Ending::Over => (session.at, "its longest life was over (its absolute limit)".to_owned()),
        Ending::Lives => {
            let exchanged = exchanged.filter(|noted| noted.entry.at >= session.created_at.millis())?;
            let why = "the ticket secret was exchanged, which ends every session";
            (Moment::from_millis(exchanged.entry.at), format!("{why}{}", by(exchanged)))
        }
    };
    let cause = session.cause.as_ref().map_or_else(String::new, by);
    Some((at, format!("{why}{cause}")))
}

/// By whom, from where.
fn by(noted: &Noted) -> String {
    let entry = &noted.entry;
    let id = entry.actor_id.map_or_else(String::new, |id| id.to_string());
    let mut text = match &*entry.actor {
        "operator" => format!(", by an operator on the console (`countersign {}`)", plain(&entry.verb)),
        "admin" => format!(", by the administrator {id}"),
        "admin_key" => format!(", with the admin key {id}"),
        "system" => ", by the server itself".to_owned(),
        _ => String::new(),
    };
    if !entry.address.is_empty() {
        text.push_str(&format!(", from {}", plain(&entry.address)));
    }
    if !entry.request.is_empty() {
        text.push_str(&format!(" (request {})", plain(&entry.request)));
    }
    text
}

fn sentence(session: &Closed, at: Moment, reason: &str) -> String {
    let device = if session.user_agent.is_empty() {
        "a device without a name".to_owned()
    } else {
        format!("{:?}", plain(&session.user_agent))
    };
    format!(
        "The session of {} ({}, from {}, {device}) ended {} because {reason}.",
        session.created_at.rfc3339(0),
        plain(&session.contract),
        plain(&session.address),
        at.rfc3339(0),
    )
}

fn as_json(session: &Closed, at: Moment, sentence: &str) -> Value {
    let reason = match session.ending {
        Ending::Ended(reason) => reason.name(),
        Ending::Unused => "unused",
        Ending::Over => "over",
        Ending::Lives => "tickets_exchanged",
    };
    json!({
        "session": session.id.0.to_string(),
        "contract": session.contract,
        "created_at": session.created_at.rfc3339(3),
        "address": session.address,
        "user_agent": session.user_agent,
        "ended_at": at.rfc3339(3),
        "reason": reason,
        "cause": session.cause.as_ref().map(|noted| noted.entry.json(None)),
        "sentence": sentence,
    })
}

/// The newest event that says that every session has ended at once.
async fn tickets_exchanged(engine: &Engine) -> Result<Option<Noted>, Ended> {
    let query = EventQuery { kind: Some(EventKind::KeyRotated), newest_first: true, ..EventQuery::default() };
    let page = engine.events(&query, MAX_EVENTS).await.map_err(Ended::failed)?;
    let of_tickets = |noted: &Noted| {
        serde_json::from_str::<Value>(&noted.entry.details)
            .is_ok_and(|details| details["key"] == crate::keys::TICKETS)
    };
    Ok(page.into_iter().find(of_tickets))
}

/// What is known of an account that is not there any more.
async fn gone(args: &WhyArgs, engine: &Engine, who: &Who) -> Result<(), Ended> {
    let nobody =
        || Ended::failed(format!("nobody has {who}; an account that is gone can be asked for by its number"));
    let Who::Id(id) = who else { return Err(nobody()) };
    let noted = deletion(engine, *id).await?.ok_or_else(nobody)?;
    let at = Moment::from_millis(noted.entry.at).rfc3339(0);
    let sentence =
        format!("Every session of the user {id} ended {at} because the account was deleted{}.", by(&noted));
    if args.json {
        let cause = noted.entry.json(None);
        out(&format!(
            "{}\n",
            json!({ "ended_at": at, "reason": "account_deleted", "cause": cause, "sentence": sentence })
        ));
    } else {
        line(&sentence);
    }
    Ok(())
}

async fn deletion(engine: &Engine, user: UserId) -> Result<Option<Noted>, Ended> {
    let query = EventQuery { user: Some(user), newest_first: true, ..EventQuery::default() };
    let page = engine.events(&query, MAX_EVENTS).await.map_err(Ended::failed)?;
    let deletes = |noted: &Noted| {
        noted.entry.result.is_empty()
            && (noted.entry.kind == EventKind::AccountDeleted.name() || noted.entry.verb == "user delete")
    };
    Ok(page.into_iter().find(deletes))
}
