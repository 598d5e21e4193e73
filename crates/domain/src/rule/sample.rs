//! Which account, session and contract do the tables of the rules start from?

use super::Scene;
use crate::admin::AdminRules;
use crate::command::Verb;
use crate::contract::{
    AccessPlan, ClaimsPlan, Contract, FactorWays, Newcomer, PasswordPolicy, Purpose, RefreshForm,
    RefreshPlan, Rotation, UserClaim,
};
use crate::house::{FactorRules, House, RecoveryRules, SessionRules};
use crate::id::{SessionId, UserId};
use crate::limit::Limits;
use crate::retention::Retention;
use crate::role::Roles;
use crate::session::Session;
use crate::shape::Shape;
use crate::time::Moment;
use crate::token::{Algorithm, Digest, HeaderPlan};
use crate::user::{Account, Status, StoredHash, User};
use serde_json::{Map, json};
use std::collections::BTreeMap;

static HOUSE: House = House {
    roles: Roles(BTreeMap::new()),
    roles_configured: false,
    strict: false,
    sessions: SessionRules::DEFAULT,
    limits: Limits::DEFAULT,
    retention: Retention::DEFAULT,
    recovery: RecoveryRules { mail: true, ..RecoveryRules::DEFAULT },
    admin: AdminRules::DEFAULT,
    factors: FactorRules { name: String::new() },
};
pub(super) const NOW: Moment = Moment::from_seconds(1_700_000_000);

pub(super) fn plan(kind: &str) -> ClaimsPlan {
    ClaimsPlan {
        shape: Shape::default(),
        expires: vec!["exp".into()],
        issued: Some(vec!["iat".into()]),
        token_id: Some(vec!["jti".into()]),
        foreign_without_id: false,
        user: (vec!["user_id".into()], UserClaim::Id),
        fixed: vec![("token_type".into(), json!(kind))],
        issuer: None,
    }
}

pub(super) fn contract() -> Contract {
    Contract {
        name: "sample".into(),
        purpose: Purpose::Application,
        access: AccessPlan {
            algorithm: Algorithm::HS256,
            header: HeaderPlan::default(),
            claims: plan("access"),
            lifetime_seconds: 900,
        },
        refresh: Some(RefreshPlan {
            form: RefreshForm::Opaque,
            lifetime_seconds: 86_400,
            absolute_seconds: 30 * 86_400,
            rotation: Rotation::Rotate { grace_seconds: 10 },
        }),
        issuer: "https://id.example.com".into(),
        leeway_seconds: 0,
        idle_seconds: None,
        follows_strict: true,
        role_words: BTreeMap::new(),
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

pub(super) fn scene(contract: &Contract) -> Scene<'_> {
    Scene {
        now: NOW,
        verb: Verb::SignIn,
        contract,
        house: &HOUSE,
        address: "192.0.2.1",
        language: "",
        request: "r1",
    }
}

pub(super) fn account() -> Account {
    Account {
        user: User {
            id: UserId(7),
            uuid: uuid::Uuid::from_u128(0x1234_5678_9abc_def0_1234_5678_9abc_def0),
            username: Some("jane".into()),
            email: Some("Jane@example.com".into()),
            email_verified: true,
            first_name: "Jane".into(),
            last_name: String::new(),
            phone_number: None,
            avatar: None,
            role: "author".into(),
            permissions: Vec::new(),
            status: Status::Active,
            second_factor: false,
            attributes: Map::new(),
            last_login_at: None,
            created_at: Moment::from_seconds(1_600_000_000),
        },
        password_hash: Some(StoredHash("stored".into())),
        epoch: 3,
        valid_after: Moment::from_seconds(1_600_000_000),
    }
}

pub(super) fn session() -> Session {
    Session {
        id: SessionId(42),
        user: UserId(7),
        contract: "sample".into(),
        counter: 5,
        digest: Some(Digest::of("five")),
        rotated_at: NOW.plus_seconds(-5),
        refresh_expires_at: NOW.plus_seconds(86_395),
        expires_at: NOW.plus_seconds(86_400 * 20),
        created_at: NOW.plus_seconds(-86_400),
        authenticated_at: NOW.plus_seconds(-86_400),
        seen_at: NOW.plus_seconds(-5),
        with_factor: false,
        ended: None,
    }
}
