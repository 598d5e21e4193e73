//! A database, a clock and chance of one's own, with contracts of several kinds.

use crate::base::Base;
use countersign_engine::{
    Breaches, Chance, Clock, Engine, Error, EventQuery, HashSettings, NewUserRequest, Noted, Place, Settings,
};
use domain::admin::AdminRules;
use domain::caller::{Bearer, Caller};
use domain::command::{Command, Login, SignUp};
use domain::contract::{
    AccessPlan, ClaimsPlan, Contract, FactorWays, Newcomer, PasswordPolicy, RefreshForm, RefreshPlan,
    Rotation, UserClaim,
};
use domain::house::{House, RecoveryRules, SessionRules};
use domain::limit::Limits;
use domain::outcome::{Outcome, Tokens};
use domain::password::{Backend, Params};
use domain::refusal::Refusal;
use domain::secret::{Secret, SecretBytes};
use domain::shape::{Absent, Form, Part, Shape, Slot, SlotUse};
use domain::time::Moment;
use domain::token::{Algorithm, HeaderPlan, Key, KeySet};
use domain::user::User;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::sync::Arc;

/// Half a second past a full one, so that cutting off fractions shows.
pub const START: Moment = Moment::from_millis(1_700_000_000_500);
pub const PASSWORD: &str = "correct horse battery";

/// One server with one mount.
pub struct World {
    pub engine: Engine,
    pub contract: Contract,
    pub keys: KeySet,
    /// Outlives the engine.
    _base: Option<Base>,
}

pub fn key() -> Key {
    Key::hs256(&SecretBytes::new(*b"an application's shared secret, 40 bytes"), false).unwrap()
}

/// Hashes that cost almost nothing.
pub fn cheap() -> HashSettings {
    HashSettings {
        backend: Backend::Portable,
        params: Params::new(64, 1, 1).unwrap(),
        workers: 2,
        queue: 512,
        per_client: 0,
    }
}

async fn open(place: Place, hashing: HashSettings, house: House, breaches: Option<Breaches>) -> Engine {
    let secret: Vec<u8> = (0..32).collect();
    Engine::open(Settings {
        place,
        ticket_secret: SecretBytes::new(secret.clone()),
        trail_secret: SecretBytes::new(secret.clone()),
        master_key: SecretBytes::new(secret),
        hashing,
        clock: Clock::frozen(START),
        chance: Chance::seeded(1),
        house,
        breaches,
    })
    .await
    .unwrap()
}

impl World {
    async fn on(base: Base, contract: Contract, hashing: HashSettings, house: House) -> World {
        let engine = open(base.place(), hashing, house, None).await;
        World::of(engine, contract, Some(base))
    }

    /// Around an engine, with the database that goes with it.
    pub fn of(engine: Engine, contract: Contract, base: Option<Base>) -> World {
        let keys = KeySet::new(key(), Vec::new(), HeaderPlan::default()).unwrap();
        World { engine, contract, keys, _base: base }
    }

    pub async fn new(contract: Contract) -> World {
        World::with_cap(contract, 50).await
    }

    pub async fn with_cap(contract: Contract, sessions_per_user: u32) -> World {
        let sessions = SessionRules { per_user: sessions_per_user, ..SessionRules::DEFAULT };
        World::with_house(contract, House { sessions, ..House::default() }).await
    }

    pub async fn with_house(contract: Contract, house: House) -> World {
        let house = House { limits: Limits::OFF, ..house };
        World::on(Base::new(), contract, cheap(), house).await
    }

    /// Where tries are counted. The clock stands still, so no budget fills up by itself.
    pub async fn limited(contract: Contract, limits: Limits) -> World {
        World::on(Base::new(), contract, cheap(), House { limits, ..House::default() }).await
    }

    pub async fn with_recovery(contract: Contract, recovery: RecoveryRules) -> World {
        World::with_house(contract, House { recovery, ..House::default() }).await
    }

    /// Where new passwords are looked up so.
    pub async fn with_breaches(contract: Contract, recovery: RecoveryRules, breaches: Breaches) -> World {
        let house = House { limits: Limits::OFF, recovery, ..House::default() };
        let base = Base::new();
        let engine = open(base.place(), cheap(), house, Some(breaches)).await;
        World::of(engine, contract, Some(base))
    }

    /// As `limited`, with a database that stays.
    pub async fn kept(contract: Contract, limits: Limits, place: Place) -> World {
        let house = House { limits, ..House::default() };
        World::of(open(place, cheap(), house, None).await, contract, None)
    }

    /// With these rules for administrators.
    pub async fn administered(contract: Contract, admin: AdminRules) -> World {
        World::with_house(contract, House { admin, ..House::default() }).await
    }

    /// The audit trail.
    pub async fn events(&self) -> Vec<Noted> {
        self.engine.events(&EventQuery::default(), 1000).await.unwrap()
    }

    /// One thread that hashes slowly, and room for eight to wait.
    pub async fn slow(contract: Contract) -> World {
        let params = Params::new(16 * 1024, 2, 1).unwrap();
        let hashing = HashSettings { params, workers: 1, queue: 8, ..cheap() };
        let house = House { limits: Limits::OFF, ..House::default() };
        World::on(Base::new(), contract, hashing, house).await
    }

    pub fn caller(&self, bearer: Option<&str>) -> Caller<'_> {
        Caller {
            contract: &self.contract,
            keys: &self.keys,
            bearer: bearer.map_or(Bearer::Absent, |token| Bearer::Token(Secret::new(token))),
            page: None,
            device: None,
            address: "192.0.2.1".into(),
            derived: true,
            user_agent: "test".into(),
            language: String::new(),
            request: "r".into(),
        }
    }

    pub fn now(&self) -> Moment {
        self.engine.clock().now()
    }

    pub fn advance(&self, seconds: i64) {
        self.engine.clock().advance_seconds(seconds);
    }

    /// The answer, or the refusal. A fault is a failed test.
    pub async fn ask(&self, bearer: Option<&str>, command: Command) -> Result<Outcome, Refusal> {
        match self.engine.perform(&self.caller(bearer), command).await {
            Ok(outcome) => Ok(outcome),
            Err(Error::Refused(refusal)) => Err(refusal),
            Err(Error::Fault(fault)) => panic!("{fault}"),
        }
    }

    pub async fn add(&self, username: &str) -> User {
        let request = NewUserRequest {
            username: Some(username.into()),
            email: Some(format!("{username}@Example.com")),
            password: Some(Secret::new(PASSWORD)),
            ..NewUserRequest::default()
        };
        self.engine.add_user(request).await.unwrap()
    }

    pub async fn try_sign_in(&self, username: &str, password: &str) -> Result<Tokens, Refusal> {
        let login = Login::Username(username.into());
        let command = Command::SignIn { login, password: Secret::new(password), exact: false, otp: None };
        self.ask(None, command).await.map(|outcome| outcome.tokens().unwrap().clone())
    }

    pub async fn sign_in(&self, username: &str) -> Tokens {
        self.try_sign_in(username, PASSWORD).await.unwrap()
    }

    pub async fn refresh(&self, token: &str) -> Result<Tokens, Refusal> {
        let outcome = self.ask(None, Command::Refresh { token: Secret::new(token) }).await?;
        Ok(outcome.tokens().unwrap().clone())
    }

    pub async fn who(&self, access: &str) -> Result<User, Refusal> {
        Ok(self.ask(Some(access), Command::WhoAmI).await?.user().unwrap().clone())
    }

    pub async fn sign_out(&self, bearer: Option<&str>, refresh: Option<&str>) -> Result<Outcome, Refusal> {
        let refresh = refresh.map(Secret::new);
        self.ask(bearer, Command::SignOut { refresh, access: None, needs_access: false }).await
    }

    pub async fn change_password(&self, access: &str, current: &str, new: &str) -> Result<Outcome, Refusal> {
        let command = Command::ChangePassword { current: Secret::new(current), new: Secret::new(new) };
        self.ask(Some(access), command).await
    }

    /// A token as the application itself would have signed it.
    pub fn application_token(&self, claims: &Value) -> String {
        self.keys.sign(claims.to_string().as_bytes())
    }
}

pub fn access(tokens: &Tokens) -> &str {
    tokens.access.token.expose()
}

pub fn refresh(tokens: &Tokens) -> &str {
    tokens.refresh.as_ref().unwrap().token.expose()
}

pub fn sign_up(username: &str, email: &str, password: &str) -> SignUp {
    SignUp {
        username: Some(username.into()),
        email: Some(email.into()),
        password: Some(Secret::new(password)),
        ..SignUp::default()
    }
}

/// Access JWT and rotating opaque refresh token.
pub fn opaque() -> Contract {
    Contract {
        name: "opaque".into(),
        purpose: domain::contract::Purpose::Application,
        access: AccessPlan {
            algorithm: Algorithm::HS256,
            header: HeaderPlan::default(),
            claims: plan("access"),
            lifetime_seconds: 900,
        },
        refresh: Some(RefreshPlan {
            form: RefreshForm::Opaque,
            lifetime_seconds: 86_400,
            absolute_seconds: 10 * 86_400,
            rotation: Rotation::Rotate { grace_seconds: 10 },
        }),
        issuer: "https://id.example.com".into(),
        leeway_seconds: 0,
        idle_seconds: None,
        follows_strict: true,
        role_words: std::collections::BTreeMap::new(),
        passwords: PasswordPolicy { min_length: 8, refuse_common: true, refuse_numeric: true },
        newcomer: Newcomer {
            role: "author".into(),
            permissions: vec!["read".into()],
            attributes: Map::new(),
        },
        sign_up_gives_tokens: true,
        sign_up_can_wait: false,
        has_change_email: false,
        factors: FactorWays::default(),
        accept_until: None,
        old: None,
        weakenings: Vec::new(),
    }
}

/// Both tokens as JWT, as `djangorestframework-simplejwt` makes them.
pub fn jwt() -> Contract {
    let mut contract = Contract { name: "jwt".into(), ..opaque() };
    let refresh = contract.refresh.as_mut().unwrap();
    refresh.form = RefreshForm::Jwt { claims: Box::new(plan("refresh")) };
    contract
}

/// Access JWT without an id and nothing else, as passport applications make it.
pub fn bare() -> Contract {
    let parts = vec![
        bytes("{\"sub\":"),
        value(Slot::UserId, Form::Text),
        bytes(",\"iat\":"),
        value(Slot::Issued, Form::Seconds),
        bytes(",\"exp\":"),
        value(Slot::Expires, Form::Seconds),
        bytes("}"),
    ];
    let mut contract = Contract { name: "bare".into(), refresh: None, ..opaque() };
    contract.access.claims = ClaimsPlan {
        shape: Shape { parts },
        user: (vec!["sub".into()], UserClaim::Id),
        token_id: None,
        foreign_without_id: false,
        fixed: Vec::new(),
        ..plan("access")
    };
    contract
}

fn plan(kind: &str) -> ClaimsPlan {
    let parts = vec![
        bytes(&format!("{{\"token_type\":\"{kind}\",\"exp\":")),
        value(Slot::Expires, Form::Seconds),
        bytes(",\"iat\":"),
        value(Slot::Issued, Form::Seconds),
        bytes(",\"jti\":"),
        value(Slot::TokenId, Form::Natural),
        bytes(",\"user_id\":"),
        value(Slot::UserId, Form::Natural),
        bytes("}"),
    ];
    ClaimsPlan {
        shape: Shape { parts },
        expires: vec!["exp".into()],
        issued: Some(vec!["iat".into()]),
        token_id: Some(vec!["jti".into()]),
        foreign_without_id: false,
        user: (vec!["user_id".into()], UserClaim::Id),
        fixed: vec![("token_type".into(), json!(kind))],
        issuer: None,
    }
}

fn bytes(text: &str) -> Part {
    Part::Bytes(text.as_bytes().to_vec())
}

fn value(slot: Slot, form: Form) -> Part {
    Part::Value(SlotUse { slot, form, absent: Absent::Null })
}

/// The refresh tokens that one gives which is exchanged so many times at once.
pub async fn refresh_in_parallel(world: &Arc<World>, token: &str, times: usize) -> HashSet<String> {
    let tasks: Vec<_> = (0..times)
        .map(|_| {
            let (world, token) = (world.clone(), token.to_owned());
            tokio::spawn(async move { refresh(&world.refresh(&token).await.unwrap()).to_owned() })
        })
        .collect();
    let mut successors = HashSet::new();
    for task in tasks {
        successors.insert(task.await.unwrap());
    }
    successors
}
