//! Which claims do this contract's tokens carry, and which of them must be read back?

use crate::file::{Faults, Section};
use crate::slot::{parse_slot, slot_text};
use crate::template::{Scope, compile, parse_json};
use domain::contract::{AccessPlan, ClaimsPlan, RefreshForm, RefreshPlan, Rotation, UserClaim};
use domain::shape::{Form, Slot};
use domain::token::{Algorithm, HeaderPlan};
use serde_json::Value;

/// Grace for a repeated predecessor where the file names none (SEC-63).
const GRACE_SECONDS: i64 = 10;

/// Compiles `[tokens.access]`.
pub fn compile_access(section: Section<'_>, scope: Scope<'_>) -> Option<AccessPlan> {
    let algorithm = algorithm(&section);
    let header = header(&section);
    let claims = claims(&section, scope);
    let lifetime_seconds = section.seconds("lifetime");
    if lifetime_seconds.is_none() {
        section.fault("`tokens.access` needs `lifetime`, for example \"10m\"");
    }
    section.not_built(&["extra", "encryption"]);
    section.done();
    Some(AccessPlan { algorithm: algorithm?, header, claims: claims?, lifetime_seconds: lifetime_seconds? })
}

/// Compiles `[tokens.refresh]`.
pub fn compile_refresh(section: Section<'_>, scope: Scope<'_>) -> Option<RefreshPlan> {
    let form = section.choice("form", &[("jwt", true), ("opaque", false)]);
    let lifetime = section.seconds("lifetime");
    let absolute = section.seconds("absolute");
    let rotates = section.choice("rotation", &[("rotate", true), ("keep", false)]).unwrap_or(true);
    let grace_seconds = section.seconds("grace").unwrap_or(GRACE_SECONDS);
    if grace_seconds > 60 {
        section.fault("`grace` is at most 60s");
    }
    if form.is_none() || lifetime.is_none() {
        section.fault("`tokens.refresh` needs `form` (\"jwt\" or \"opaque\") and `lifetime`");
    }
    let claims = if form == Some(true) { claims(&section, scope).map(Box::new) } else { None };
    if form == Some(false) && section.has("claims") {
        section.fault("an opaque refresh token has no claims");
    }
    section.not_built(&["swap"]);
    section.done();
    let lifetime_seconds = lifetime?;
    Some(RefreshPlan {
        form: if form? { RefreshForm::Jwt { claims: claims? } } else { RefreshForm::Opaque },
        lifetime_seconds,
        absolute_seconds: absolute.unwrap_or(lifetime_seconds).max(lifetime_seconds),
        rotation: if rotates { Rotation::Rotate { grace_seconds } } else { Rotation::Keep },
    })
}

fn algorithm(section: &Section<'_>) -> Option<Algorithm> {
    let word = section.need_word("algorithm")?;
    let algorithm = Algorithm::named(word.text);
    if algorithm.is_none() {
        section.faults().at(word.span.start, "`algorithm` is HS256, ES256, RS256 or EdDSA");
    }
    algorithm
}

fn header(section: &Section<'_>) -> HeaderPlan {
    let mut plan = HeaderPlan { typ: Some("JWT".to_owned()), alg_first: true, kid: false, check_typ: false };
    let Some(header) = section.section("header") else { return plan };
    if let Some(word) = header.word("typ") {
        plan.typ = (!word.text.is_empty()).then(|| word.text.to_owned());
    }
    plan.alg_first = header.choice("first", &[("alg", true), ("typ", false)]).unwrap_or(true);
    plan.kid = header.flag("kid").unwrap_or(false);
    plan.check_typ = header.flag("check_typ").unwrap_or(false);
    header.done();
    plan
}

fn claims(section: &Section<'_>, scope: Scope<'_>) -> Option<ClaimsPlan> {
    let word = section.need_word("claims")?;
    let value = parse_json(&word, section.faults())?;
    let at = word.span.start;
    let shape = compile(&value, at, scope, section.faults());
    check_slots(&shape.slots(), at, section.faults());
    let Value::Object(map) = &value else {
        section.faults().at(at, "claims must be a JSON object");
        return None;
    };
    let mut found = Vec::new();
    slots_of(&value, &mut Vec::new(), &mut found);
    let fixed =
        map.iter().filter(|(_, value)| !holds_slot(value)).map(|(key, value)| (key.clone(), value.clone()));
    let expires = path_of(&found, &[Slot::Expires]);
    let user = user_claim(&found);
    if expires.is_none() {
        section.faults().at(at, "claims need \"{expires}\": a token without an end is never accepted");
    }
    if user.is_none() {
        section.faults().at(at, "claims must name the user: \"{user.id}\", \"{user.uuid}\", \"{user.email}\" or \"{user.username}\"");
    }
    let ids = section.choice("token_id", &[("required", false), ("optional", true)]);
    Some(ClaimsPlan {
        shape,
        expires: expires?,
        issued: path_of(&found, &[Slot::Issued]),
        token_id: path_of(&found, &[Slot::TokenId, Slot::TokenUuid]),
        foreign_without_id: ids.unwrap_or(false),
        user: user?,
        fixed: fixed.collect(),
        issuer: path_of(&found, &[Slot::Issuer]),
    })
}

/// Every text that is one slot, with its path.
fn slots_of(value: &Value, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, Slot)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                path.push(key.clone());
                slots_of(value, path, found);
                path.pop();
            }
        }
        Value::String(text) => {
            let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            if let Some(Ok(slot)) = inner.map(|inner| parse_slot(inner, &Form::Natural)) {
                found.push((path.clone(), slot.slot));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
    }
}

fn holds_slot(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('{'),
        Value::Array(items) => items.iter().any(holds_slot),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('{') || holds_slot(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn path_of(found: &[(Vec<String>, Slot)], wanted: &[Slot]) -> Option<Vec<String>> {
    found.iter().find(|(_, slot)| wanted.contains(slot)).map(|(path, _)| path.clone())
}

/// The surest way to find the user again: by id, then UUID, then address, then name.
fn user_claim(found: &[(Vec<String>, Slot)]) -> Option<(Vec<String>, UserClaim)> {
    [
        (Slot::UserId, UserClaim::Id),
        (Slot::UserUuid, UserClaim::Uuid),
        (Slot::UserEmail, UserClaim::Email),
        (Slot::UserUsername, UserClaim::Username),
    ]
    .into_iter()
    .find_map(|(slot, claim)| path_of(found, &[slot]).map(|path| (path, claim)))
}

/// Claims can say the user and the token, nothing of answers and refusals.
fn check_slots(slots: &[&Slot], at: usize, faults: &Faults<'_>) {
    for slot in slots {
        let fits = matches!(
            slot,
            Slot::UserId
                | Slot::UserUuid
                | Slot::UserShortId(_)
                | Slot::UserUsername
                | Slot::UserEmail
                | Slot::UserFirstName
                | Slot::UserLastName
                | Slot::UserFullName
                | Slot::UserPhoneNumber
                | Slot::UserAvatar
                | Slot::UserRole
                | Slot::UserPermissions
                | Slot::UserStatus
                | Slot::UserActive
                | Slot::UserEmailVerified
                | Slot::UserCreatedAt
                | Slot::UserAttribute(_)
                | Slot::Issued
                | Slot::Expires
                | Slot::TokenId
                | Slot::TokenUuid
                | Slot::Issuer
        );
        if !fits {
            faults.at(at, format!("a claim can not say {}", slot_text(slot)));
        }
    }
}
