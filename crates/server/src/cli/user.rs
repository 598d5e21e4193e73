//! What can the operator do with users?

use super::export::{self, ExportArgs};
use super::import::{self, ImportArgs};
use super::terminal::{Ended, confirm, line, out, password};
use crate::config::Config;
use crate::keys::{KeyFaults, Keys};
use crate::opening::{self, Secrets};
use clap::{Args, Subcommand};
use domain::contract::PasswordPolicy;
use domain::id::UserId;
use domain::user::{Status, User};
use engine::{Chance, Clock, Engine, NewUserRequest, UserChange, Who};
use serde_json::{Map, Value, json};

/// Rules for passwords that the operator sets; `--any-password` lifts them.
const POLICY: PasswordPolicy = PasswordPolicy { min_length: 8, refuse_common: true, refuse_numeric: false };
/// Users of one page.
const PAGE: u32 = 1000;

/// What can be done with users. WHO is an id, a UUID, an e-mail address or a user name.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a user; the password is asked for
    #[command(after_help = "Examples:\n  countersign user add ana@example.com --first-name Ana\n  \
        pass show ana | countersign user add ana --email ana@example.com --password-stdin\n  \
        countersign user add robot --no-password --role reporter")]
    Add(Box<AddArgs>),
    /// List users in order of their ids
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        /// Only users whose ids are larger
        #[arg(long, value_name = "ID")]
        after: Option<i64>,
        /// At most so many; 0 = all
        #[arg(long, default_value_t = 100)]
        limit: u64,
    },
    /// Show one user
    Show {
        /// Id, UUID, e-mail address or user name
        who: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change fields or the password of a user
    #[command(after_help = "Examples:\n  countersign user set ana --email ana@example.org --verified\n  \
        countersign user set 17 --role editor --permission read --permission write\n  \
        countersign user set ana --password            ends all sessions of the user")]
    Set(Box<SetArgs>),
    /// Lift the limits of a user's password, as a reset would: the next sign-in is looked at at once
    Unlock {
        /// Id, UUID, e-mail address or user name
        who: String,
    },
    /// Give a user a role; it counts at once here, and in tokens from the next refresh on
    #[command(
        after_help = "Example:\n  countersign user role ana editor\n\nAn empty NAME takes the role away."
    )]
    Role {
        /// Id, UUID, e-mail address or user name
        who: String,
        /// Name of the role; `countersign role list` shows them
        name: String,
    },
    /// Switch an account off: no sign-in, and every session ends at once
    Disable {
        /// Id, UUID, e-mail address or user name
        who: String,
    },
    /// Switch the second factor off, for somebody who has lost phone and recovery codes; the password stays
    FactorsOff {
        /// Id, UUID, e-mail address or user name
        who: String,
    },
    /// Send a letter that lets the user set a new password; the one in force stays until then
    Reset {
        /// Id, UUID, e-mail address or user name
        who: String,
    },
    /// Delete a user for good
    Delete {
        /// Id, UUID, e-mail address or user name
        who: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Import users of another application, with their passwords: all of them or none
    #[command(after_help = import::IMPORT_HELP)]
    Import(ImportArgs),
    /// Export all users as JSON Lines
    #[command(after_help = export::EXPORT_HELP)]
    Export(ExportArgs),
}

/// Fields of a user on the command line.
#[derive(Args, Debug, Default)]
pub struct Fields {
    /// E-mail address
    #[arg(long)]
    email: Option<String>,
    /// User name
    #[arg(long)]
    username: Option<String>,
    /// Given name
    #[arg(long)]
    first_name: Option<String>,
    /// Family name
    #[arg(long)]
    last_name: Option<String>,
    /// Phone number
    #[arg(long)]
    phone_number: Option<String>,
    /// Role by name
    #[arg(long)]
    role: Option<String>,
    /// A permission by name; can be given several times
    #[arg(long = "permission", value_name = "NAME")]
    permissions: Option<Vec<String>>,
    /// active, inactive or suspended
    #[arg(long)]
    status: Option<String>,
    /// Custom attributes as a JSON object
    #[arg(long, value_name = "JSON")]
    attributes: Option<String>,
    /// The user has proved to own the e-mail address
    #[arg(long)]
    verified: bool,
    /// Take the password from the first line of the standard input
    #[arg(long)]
    password_stdin: bool,
    /// Accept short and common passwords
    #[arg(long)]
    any_password: bool,
}

/// A user to be added.
#[derive(Args, Debug)]
pub struct AddArgs {
    /// E-mail address or user name
    login: Option<String>,
    #[command(flatten)]
    fields: Fields,
    /// Without a password: no sign-in until one is set
    #[arg(long, conflicts_with = "password_stdin")]
    no_password: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A user to be changed.
#[derive(Args, Debug)]
pub struct SetArgs {
    /// Id, UUID, e-mail address or user name
    who: String,
    #[command(flatten)]
    fields: Fields,
    /// Ask for a new password
    #[arg(long, conflicts_with = "password_stdin")]
    password: bool,
    /// Take these away: email, username, phone_number, avatar, permissions
    #[arg(long, value_name = "FIELD")]
    clear: Vec<String>,
}

/// Carries a command out.
pub async fn run(command: UserCommand, config: &Config) -> Result<(), Ended> {
    match command {
        UserCommand::Add(args) => add(*args, config).await,
        UserCommand::List { json, after, limit } => {
            list(&open(config).await?, json, after.map(UserId), limit).await
        }
        UserCommand::Show { who, json } => show(&open(config).await?, &who, json).await,
        UserCommand::Set(args) => set(*args, config).await,
        UserCommand::Role { who, name: role } => {
            let change = UserChange { role: Some(role.clone()), ..UserChange::default() };
            let user =
                open(config).await?.edit_user(&Who::parse(&who), &change).await.map_err(Ended::failed)?;
            line(&format!("{} has the role {role:?}.", name(&user)));
            Ok(())
        }
        UserCommand::FactorsOff { who } => {
            let user = open(config).await?.factors_off(&Who::parse(&who)).await.map_err(Ended::failed)?;
            line(&format!(
                "{} has no second factor any more; whoever has the password can sign in.",
                name(&user)
            ));
            Ok(())
        }
        UserCommand::Disable { who } => {
            let engine = open(config).await?;
            let user = engine.disable_user(&Who::parse(&who)).await.map_err(Ended::failed)?;
            line(&format!("{} can not sign in any more; every session has ended.", name(&user)));
            Ok(())
        }
        UserCommand::Reset { who } => {
            let engine = open(config).await?;
            let user = engine.start_reset(&Who::parse(&who)).await.map_err(Ended::failed)?;
            line(&format!("A letter for {} is in the outbox; its link is good for 30 minutes.", name(&user)));
            Ok(())
        }
        UserCommand::Unlock { who } => {
            let user = open(config).await?.clear_limits(&Who::parse(&who)).await.map_err(Ended::failed)?;
            line(&format!("The next sign-in of {} is looked at at once.", name(&user)));
            Ok(())
        }
        UserCommand::Delete { who, yes } => {
            let engine = open(config).await?;
            let user = found(&engine, &who).await?;
            confirm(&format!("Delete {} for good?", name(&user)), yes)?;
            engine.delete_user(&Who::Id(user.id)).await.map_err(Ended::failed)?;
            line(&format!("{} is deleted.", name(&user)));
            Ok(())
        }
        UserCommand::Import(args) => import::import(&args, config, &open(config).await?).await,
        UserCommand::Export(args) => export::export(&args, &open(config).await?).await,
    }
}

/// The engine on the configured database. A server may be running beside.
pub async fn open(config: &Config) -> Result<Engine, Ended> {
    let wrong = |fault: KeyFaults| Ended::wrong_one(fault.to_string());
    for _ in 0..opening::TRIES {
        let mut keys = Keys::find(config, &Chance::System).await.map_err(wrong)?;
        let engine = open_with(config, &mut keys).await?;
        if keys.keep(&engine, None).await.map_err(wrong)? {
            return Ok(engine);
        }
    }
    Err(Ended::failed(opening::BEATEN))
}

/// As [`open`], with keys of which some may still have to be kept.
pub async fn open_with(config: &Config, keys: &mut Keys) -> Result<Engine, Ended> {
    let (clock, chance) = (Clock::System, Chance::System);
    let secrets = Secrets::read(keys, &clock, &chance).await;
    let secrets = secrets.map_err(|faults| Ended::wrong(faults.into_iter().map(|fault| fault.0)))?;
    let breaches = crate::breach::breaches(&config.breaches).map_err(Ended::wrong_one)?;
    let settings = secrets.settings(config, clock, chance, breaches);
    Engine::open(settings).await.map_err(|error| Ended::wrong_one(error.to_string()))
}

async fn found(engine: &Engine, who: &str) -> Result<User, Ended> {
    let who = Who::parse(who);
    let user = engine.find_user(&who).await.map_err(Ended::failed)?;
    user.ok_or_else(|| Ended::failed(format!("nobody has {who}; `countersign user list` shows all users")))
}

/// How a user is called in a sentence.
fn name(user: &User) -> String {
    let text = user.email.as_deref().or(user.username.as_deref()).unwrap_or("the user");
    format!("{text} (id {})", user.id)
}

fn status(text: Option<&str>) -> Result<Option<Status>, Ended> {
    let Some(text) = text else { return Ok(None) };
    let fault = || Ended::wrong_one(format!("--status {text:?} is none of active, inactive, suspended"));
    Status::parse(text).ok_or_else(fault).map(Some)
}

fn attributes(text: Option<&str>) -> Result<Option<Map<String, Value>>, Ended> {
    let Some(text) = text else { return Ok(None) };
    let fault = |error| Ended::wrong_one(format!("--attributes is not a JSON object: {error}"));
    serde_json::from_str(text).map_err(fault).map(Some)
}

async fn add(args: AddArgs, config: &Config) -> Result<(), Ended> {
    let fields = args.fields;
    let (mut email, mut username) = (fields.email, fields.username);
    if let Some(login) = args.login {
        let place = if login.contains('@') { &mut email } else { &mut username };
        if place.replace(login).is_some() {
            return Err(Ended::wrong_one("the e-mail address or the user name is given twice"));
        }
    }
    if email.is_none() && username.is_none() {
        return Err(Ended::wrong_one("say who: `countersign user add ana@example.com`"));
    }
    let (status, attributes) = (status(fields.status.as_deref())?, attributes(fields.attributes.as_deref())?);
    let engine = open(config).await?;
    let secret = if args.no_password { None } else { Some(password(fields.password_stdin)?) };
    let request = NewUserRequest {
        username,
        email,
        email_verified: fields.verified,
        first_name: fields.first_name.unwrap_or_default(),
        last_name: fields.last_name.unwrap_or_default(),
        phone_number: fields.phone_number,
        avatar: None,
        role: fields.role.unwrap_or_default(),
        permissions: fields.permissions.unwrap_or_default(),
        status,
        attributes: attributes.unwrap_or_default(),
        password: secret,
        password_hash: None,
        policy: (!fields.any_password).then_some(POLICY),
    };
    let user = engine.add_user(request).await.map_err(Ended::failed)?;
    if args.json {
        out(&format!("{:#}\n", described(&user)));
    } else {
        line(&format!("{} is added.", name(&user)));
    }
    Ok(())
}

async fn set(args: SetArgs, config: &Config) -> Result<(), Ended> {
    let who = Who::parse(&args.who);
    let asks = args.password || args.fields.password_stdin;
    let (stdin, any) = (args.fields.password_stdin, args.fields.any_password);
    let change = change(args)?;
    let engine = open(config).await?;
    let before = found(&engine, &who_text(&who)).await?;
    let secret = if asks { Some(password(stdin)?) } else { None };
    let mut user = engine.edit_user(&Who::Id(before.id), &change).await.map_err(Ended::failed)?;
    if let Some(secret) = &secret {
        user = engine
            .set_password(&Who::Id(user.id), secret, (!any).then_some(&POLICY))
            .await
            .map_err(Ended::failed)?;
        line(&format!("{} has a new password; every session has ended.", name(&user)));
    } else if user == before {
        line(&format!("{} stays as it was; nothing was changed.", name(&user)));
    } else {
        line(&format!("{} is changed.", name(&user)));
    }
    Ok(())
}

fn who_text(who: &Who) -> String {
    match who {
        Who::Id(id) => id.to_string(),
        Who::Uuid(uuid) => uuid.to_string(),
        Who::Text(text) => text.clone(),
    }
}

fn change(args: SetArgs) -> Result<UserChange, Ended> {
    let fields = args.fields;
    let mut change = UserChange {
        username: fields.username.map(Some),
        email: fields.email.map(Some),
        email_verified: fields.verified.then_some(true),
        first_name: fields.first_name,
        last_name: fields.last_name,
        phone_number: fields.phone_number.map(Some),
        avatar: None,
        role: fields.role,
        permissions: fields.permissions,
        status: status(fields.status.as_deref())?,
        attributes: attributes(fields.attributes.as_deref())?,
    };
    for field in args.clear {
        match field.as_str() {
            "email" => change.email = Some(None),
            "username" => change.username = Some(None),
            "phone_number" => change.phone_number = Some(None),
            "avatar" => change.avatar = Some(None),
            "permissions" => change.permissions = Some(Vec::new()),
            _ => {
                let known = "email, username, phone_number, avatar, permissions";
                return Err(Ended::wrong_one(format!("--clear {field:?} is none of {known}")));
            }
        }
    }
    Ok(change)
}

async fn list(engine: &Engine, as_json: bool, after: Option<UserId>, limit: u64) -> Result<(), Ended> {
    let mut left = if limit == 0 { u64::MAX } else { limit };
    let mut last = after;
    while left > 0 {
        let page = engine
            .list_users(last, u32::try_from(left).unwrap_or(PAGE).min(PAGE))
            .await
            .map_err(Ended::failed)?;
        let Some(end) = page.last() else { return Ok(()) };
        last = Some(end.id);
        left = left.saturating_sub(page.len() as u64);
        let rows = page.iter().map(|user| if as_json { format!("{}\n", described(user)) } else { row(user) });
        out(&rows.collect::<String>());
    }
    Ok(())
}

fn row(user: &User) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    format!(
        "{:>8}  {:<36} {:<24} {:<10} {}\n",
        user.id.0,
        text(&user.email),
        text(&user.username),
        user.status.name(),
        user.created_at.rfc3339(0)
    )
}

async fn show(engine: &Engine, who: &str, as_json: bool) -> Result<(), Ended> {
    let described = described(&found(engine, who).await?);
    if as_json {
        out(&format!("{described:#}\n"));
        return Ok(());
    }
    for (name, value) in described.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        line(&format!("{name:<16} {}", value.escape_debug()));
    }
    Ok(())
}

fn described(user: &User) -> Value {
    json!({
        "id": user.id.0,
        "uuid": user.uuid.to_string(),
        "username": user.username,
        "email": user.email,
        "email_verified": user.email_verified,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "phone_number": user.phone_number,
        "avatar": user.avatar,
        "role": user.role,
        "permissions": user.permissions,
        "status": user.status.name(),
        "attributes": user.attributes,
        "created_at": user.created_at.rfc3339(3),
        "last_login_at": user.last_login_at.map(|at| at.rfc3339(3)),
    })
}
