//! How is a transcript replayed: against an engine with time and chance fixed, or against a running server?

use crate::compare::{Difference, How, differences};
use crate::config::CookieWords;
use crate::http::speak::{From, Mount, Speaker};
use base64::Engine as _;
use bytes::Bytes;
use dialect::transcript::{
    Act, Exchange, Kept, Ready, Step, Transcript, claim, cookie_set, filled, pointed, rendered,
};
use dialect::{Dialect, Pages};
use domain::factor::{base32, totp};
use domain::house::House;
use domain::id::UserId;
use domain::letter::Letter;
use domain::limit::Limits;
use domain::link::LinkKind;
use domain::password::{Backend, Params, Workspace};
use domain::record::{self, Entry, Record};
use domain::secret::SecretBytes;
use domain::time::Moment;
use domain::token::{Algorithm, Key, KeySet};
use domain::user::Status;
use engine::{
    Chance, Clock, Engine, Entries, HashSettings, ImportOrder, Newcomer, Place, Settings, UserChange, Who,
};
use http::{Request, Response};
use serde_json::Value;
use std::sync::Arc;

/// When conversations begin that name no moment: 2024-03-10T14:20:00Z.
const BEGINNING: Moment = Moment::from_seconds(1_710_080_400);
/// Letters of one conversation.
const MAX_LETTERS: u32 = 1000;
/// The public address of the stage.
const ISSUER: &str = "https://auth.example.com";
/// Signs HS256 tokens on the stage. Known to everybody; a server never uses it.
pub const STAGE_SECRET: &str = "a secret for transcripts only, known to all who read this";
/// Signs EdDSA tokens on the stage (PKCS#8, seed 00 01 02 …). Known to everybody; a server never uses it.
const STAGE_ED25519: &str = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

/// What became of one exchange.
#[derive(Clone, Debug)]
pub struct Played {
    /// What it shows.
    pub title: String,
    /// Line in the file.
    pub line: usize,
    /// The answer as text.
    pub got: String,
    /// Differences; empty when the answer is as expected.
    pub differences: Vec<Difference>,
}

/// An engine that speaks one dialect, with time, chance and keys fixed.
pub struct Stage {
    speaker: Speaker,
    clock: Clock,
    keys: Arc<KeySet>,
    repeatable: bool,
    params: Params,
}

impl Stage {
    /// Sets the stage in memory for a dialect as the head of a transcript asks. Refused: with a sentence.
    pub async fn open(dialect: Arc<Dialect>, head: &Transcript) -> Result<Stage, String> {
        Stage::open_at(Place::Memory, dialect, head).await
    }

    /// As [`Stage::open`], with what happens kept at this place.
    pub async fn open_at(place: Place, dialect: Arc<Dialect>, head: &Transcript) -> Result<Stage, String> {
        let limits = if head.limits { Limits::DEFAULT } else { Limits::OFF };
        let begin = head
            .clock
            .as_deref()
            .map(|text| Moment::parse_rfc3339(text).ok_or(format!("clock: {text} is not RFC 3339")));
        let clock = Clock::frozen(begin.transpose()?.unwrap_or(BEGINNING));
        // Hashes need not be strong here; they need to be quick.
        let params = Params::new(64, 1, 1).map_err(|fault| fault.to_string())?;
        let hashing = HashSettings { backend: Backend::Simd, params, workers: 1, ..HashSettings::default() };
        let engine = Engine::open(Settings {
            place,
            ticket_secret: SecretBytes::new((0..32_u8).collect::<Vec<_>>()),
            trail_secret: SecretBytes::new((0..32_u8).collect::<Vec<_>>()),
            master_key: SecretBytes::new((32..64_u8).collect::<Vec<_>>()),
            hashing,
            clock: clock.clone(),
            chance: Chance::seeded(1),
            house: house(head, limits),
            breaches: None,
        })
        .await
        .map_err(|error| error.to_string())?;
        let algorithm = dialect.contract.access.algorithm;
        let keys = Arc::new(stage_keys(&dialect)?);
        let words = CookieWords { mode: head.cookies, ..CookieWords::default() };
        let pages = Pages { own: ISSUER.to_owned(), listed: Vec::new() };
        let rules = words.rules(dialect.cookies, ISSUER)?;
        let ways = head.factors.unwrap_or(dialect.ways.on);
        if let Some(way) = ways.beyond(dialect.ways.can).first() {
            return Err(format!("factors: the dialect can not ask for a second factor by {way}"));
        }
        let dialect = Dialect::clone(&dialect).with_factors(ways);
        let dialect = Arc::new(dialect.mounted(pages, rules.as_ref())?);
        let mount = Mount {
            contract: dialect.contract.clone(),
            dialect,
            prefix: String::new(),
            host: String::new(),
            keys: keys.clone(),
            allowed_origins: Vec::new(),
            takeover: None,
        };
        let speaker = Speaker::new(engine, vec![mount], ISSUER).map_err(|list| list.join("; "))?;
        let repeatable = matches!(algorithm, Algorithm::HS256 | Algorithm::EdDSA);
        Ok(Stage { speaker, clock, keys, repeatable, params })
    }

    /// Plays a conversation from its first line. Refused: what can not be carried out, with the line.
    pub async fn play(&self, transcript: &Transcript) -> Result<Vec<Played>, String> {
        self.prepare(transcript).await?;
        let send = async |ready| self.send(ready).await;
        let act = async |act: &Act, kept: &mut Kept| self.act(act, kept).await;
        converse(transcript, transcript.by_kind || !self.repeatable, send, act).await
    }

    /// Adds the users that a conversation needs. Refused: what is no user.
    pub async fn prepare(&self, transcript: &Transcript) -> Result<(), String> {
        self.add_users(&transcript.users).await
    }

    /// Sends one request through the same door as the server's.
    pub async fn send(&self, ready: Ready) -> Result<Response<Bytes>, String> {
        self.sent(ready, false).await
    }

    /// Says what a request would be answered, and does nothing else.
    pub async fn rehearse(&self, ready: Ready) -> Result<Response<Bytes>, String> {
        self.sent(ready, true).await
    }

    async fn sent(&self, ready: Ready, rehearsal: bool) -> Result<Response<Bytes>, String> {
        let mut request = Request::builder().method(ready.method.as_str()).uri(ready.target.as_str());
        for (name, value) in &ready.headers {
            request = request.header(name, value);
        }
        let request = request.body(Bytes::from(ready.body)).map_err(|error| error.to_string())?;
        let (parts, body) = request.into_parts();
        let way = self.speaker.way(&parts);
        if body.len() > way.body_limit() {
            return Ok(self.speaker.refuse(&way, &parts, &domain::refusal::Refusal::PayloadTooLarge));
        }
        let from = From {
            address: "192.0.2.1".to_owned(),
            derived: true,
            request: "00000000-0000-4000-8000-000000000000".to_owned(),
        };
        if rehearsal {
            return Ok(self.speaker.rehearse(&way, (&parts, &body), &from, Newcomer::default()).await);
        }
        Ok(self.speaker.speak(way, Request::from_parts(parts, body), from).await)
    }

    async fn add_users(&self, users: &[Value]) -> Result<(), String> {
        if users.is_empty() {
            return Ok(());
        }
        let mut records = Vec::new();
        let mut seeds = Vec::new();
        for user in users {
            let mut user = self.hashed(user);
            let seed = user.as_object_mut().and_then(|user| user.remove("totp_seed"));
            let record: Record = serde_json::from_value(user).map_err(|error| format!("user: {error}"))?;
            if let Some(seed) = seed {
                let id = record.id.ok_or("user: with a totp_seed an id is needed")?;
                seeds.push((Who::Id(UserId(id)), seed));
            }
            records.push(record);
        }
        let open = move || {
            let entries = records.clone().into_iter().zip(1..);
            let entry =
                |(record, number)| Ok(Entry { place: record::Place::Line(number), record: Ok(record) });
            Ok(Box::new(entries.map(entry)) as Entries)
        };
        let report = self.speaker.engine().import(ImportOrder::new(Arc::new(open))).await;
        report.map_err(|fault| format!("users: {fault}: {fault:?}"))?;
        for (who, seed) in seeds {
            let seed = seed.as_str().and_then(base32::decode).ok_or("user: totp_seed is not base 32")?;
            let adopted = self.speaker.engine().adopt_totp(&who, &seed).await;
            adopted.map_err(|error| format!("user: {error}"))?;
        }
        Ok(())
    }

    /// A user with `password` in clear as an import record with a hash.
    fn hashed(&self, user: &Value) -> Value {
        let mut user = user.clone();
        if let Some(map) = user.as_object_mut()
            && let Some(Value::String(password)) = map.remove("password")
        {
            let mut workspace = Workspace::new(Backend::Simd);
            let hash = domain::password::write(password.as_bytes(), &[7; 16], &self.params, &mut workspace);
            map.insert("password_hash".to_owned(), hash.into());
        }
        user
    }

    /// The engine behind the door.
    pub fn engine(&self) -> &Engine {
        self.speaker.engine()
    }

    /// Does what is between requests, such as letting time pass, and keeps what comes of it. What is only kept from an
    /// answer is for whoever has the answer. Refused: with a sentence.
    pub async fn act(&self, act: &Act, kept: &mut Kept) -> Result<(), String> {
        match act {
            // `converse` keeps what is to be kept.
            Act::Keep(..) | Act::Cookie(..) | Act::Claim(..) => {}
            Act::Advance(seconds) => self.clock.advance_seconds(*seconds),
            Act::Sign(name, claims) => {
                let claims = filled(claims, kept)?;
                kept.insert(name.clone(), self.keys.sign(claims.as_bytes()));
            }
            Act::Letter(name, letter, to) => {
                let token = self.link_token(*letter, to).await?;
                keep(kept, name, token, "link")?;
            }
            Act::Code(name, seed, steps) => {
                let seed = base32::decode(&filled(seed, kept)?).ok_or("the seed is not base 32")?;
                let step = totp::step_of(self.clock.now()) + steps;
                kept.insert(name.clone(), totp::code(seed.expose(), step));
            }
            Act::Edit(id, edit) => {
                let change = user_change(edit)?;
                let who = Who::Id(UserId(*id));
                self.speaker.engine().edit_user(&who, &change).await.map_err(|error| error.to_string())?;
            }
            Act::Offer(name) => {
                let offered = self.speaker.engine().offer_bootstrap("admin bootstrap").await;
                let token = offered.map_err(|fault| fault.to_string())?;
                let token = token.ok_or("there is an administrator already")?;
                kept.insert(name.clone(), token.expose().to_owned());
            }
            Act::Delete(id) => {
                let who = Who::Id(UserId(*id));
                self.speaker.engine().delete_user(&who).await.map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}

impl Stage {
    /// The token of the link in the newest letter of a kind to an address, as its reader would find it.
    async fn link_token(&self, letter: Letter, to: &str) -> Result<Option<String>, String> {
        let engine = self.speaker.engine();
        let posts = engine.letters_waiting(None, MAX_LETTERS).await.map_err(|fault| fault.to_string())?;
        let found = posts.iter().rev().find(|post| post.letter == letter && post.to == to);
        let link = found.and_then(|post| Some((LinkKind::of(letter)?, post.link?)));
        Ok(link.map(|(kind, id)| engine.link_token(kind, id).expose().to_owned()))
    }
}

/// Plays a conversation: `send` sends a request, `act` carries out what is not just kept. `by_kind` says how answers are
/// compared. Refused: what can not be sent or carried out, with its line.
pub async fn converse(
    transcript: &Transcript,
    by_kind: bool,
    send: impl AsyncFn(Ready) -> Result<Response<Bytes>, String>,
    act: impl AsyncFn(&Act, &mut Kept) -> Result<(), String>,
) -> Result<Vec<Played>, String> {
    let mut kept = Kept::new();
    let mut last = Response::new(Bytes::new());
    let mut played = Vec::new();
    for (number, step) in transcript.steps.iter().enumerate() {
        match step {
            Step::Exchange(exchange) => {
                let at = |message| format!("{}: {message}", exchange.line);
                let response = send(exchange.ready(&kept).map_err(at)?).await.map_err(at)?;
                let own = kept_from(&transcript.steps[number + 1..]);
                let how = How { by_kind, kept: &own };
                played.push(compared(exchange, &response, &kept, how).map_err(at)?);
                last = response;
            }
            Step::Act(line, what) => {
                let done = match what {
                    Act::Keep(name, pointer) => keep(&mut kept, name, pointed(last.body(), pointer), pointer),
                    Act::Cookie(name, cookie) => {
                        keep(&mut kept, name, cookie_set(last.headers(), cookie), cookie)
                    }
                    Act::Claim(name, token, wanted) => {
                        let value = kept.get(token).and_then(|token| claim(token, wanted));
                        keep(&mut kept, name, value, wanted)
                    }
                    Act::Advance(_)
                    | Act::Sign(..)
                    | Act::Letter(..)
                    | Act::Code(..)
                    | Act::Edit(..)
                    | Act::Delete(_)
                    | Act::Offer(_) => act(what, &mut kept).await,
                };
                done.map_err(|message| format!("{line}: {message}"))?;
            }
        }
    }
    Ok(played)
}

fn keep(kept: &mut Kept, name: &str, value: Option<String>, what: &str) -> Result<(), String> {
    kept.insert(name.to_owned(), value.ok_or_else(|| format!("there is no {what} to keep"))?);
    Ok(())
}

/// The rules of the house as the head of the conversation has them.
fn house(head: &Transcript, limits: Limits) -> House {
    let mut house = House { limits, ..head.house.clone() };
    for role in &head.factor_roles {
        house.roles.0.entry(role.clone()).or_default().needs_factor = true;
    }
    house
}

/// Reads the fields of an `edit` line.
fn user_change(edit: &Value) -> Result<UserChange, String> {
    let mut change = UserChange::default();
    for (key, value) in edit.as_object().ok_or("an edit is a JSON object")? {
        match (key.as_str(), value) {
            ("status", Value::String(name)) => {
                change.status = Some(Status::parse(name).ok_or("no such status")?)
            }
            ("role", Value::String(role)) => change.role = Some(role.clone()),
            ("first_name", Value::String(name)) => change.first_name = Some(name.clone()),
            ("last_name", Value::String(name)) => change.last_name = Some(name.clone()),
            ("attributes", Value::Object(map)) => change.attributes = Some(map.clone()),
            _ => return Err(format!("`edit` does not know `{key}` with this value")),
        }
    }
    Ok(change)
}

fn stage_keys(dialect: &Dialect) -> Result<KeySet, String> {
    let plan = dialect.contract.access.header.clone();
    let key = match dialect.contract.access.algorithm {
        Algorithm::HS256 => Key::hs256(&SecretBytes::new(STAGE_SECRET.as_bytes()), false),
        Algorithm::EdDSA => {
            let der = base64::engine::general_purpose::STANDARD.decode(STAGE_ED25519).unwrap_or_default();
            Key::from_pkcs8(Algorithm::EdDSA, &der)
        }
        Algorithm::ES256 => Key::generate_es256().map(|(key, _)| key),
        Algorithm::RS256 => Key::generate_rs256().map(|(key, _)| key),
    };
    key.and_then(|key| KeySet::new(key, Vec::new(), plan)).map_err(|fault| fault.to_string())
}

/// The pointers that are kept from an answer, by the steps after it.
fn kept_from(after: &[Step]) -> Vec<String> {
    let acts = after.iter().map_while(|step| match step {
        Step::Act(_, act) => Some(act),
        Step::Exchange(_) => None,
    });
    acts.filter_map(|act| if let Act::Keep(_, pointer) = act { Some(pointer.clone()) } else { None })
        .collect()
}

/// Holds an answer against the expected one.
fn compared(
    exchange: &Exchange,
    response: &Response<Bytes>,
    kept: &Kept,
    how: How<'_>,
) -> Result<Played, String> {
    let expected = filled(&exchange.expected, kept)?;
    let differences = differences(&expected, response, how);
    Ok(Played { title: exchange.title.clone(), line: exchange.line, got: rendered(response), differences })
}
