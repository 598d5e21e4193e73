//! Is this access token good, and whose is it?
//!
//! The signature has been checked before; here the claims are read by plan and held against what is stored.

use super::{AHEAD_SECONDS, Scene};
use crate::contract::{ClaimsPlan, Contract, UserClaim};
use crate::identifier::{EmailKey, UsernameKey};
use crate::refusal::Refusal;
use crate::session::Session;
use crate::time::Moment;
use crate::token::{Claims, TokenFault};
use crate::user::{Account, User};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Seconds from which on a JSON number is not exact any more (RFC 8259 section 6).
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The user that a token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// By integer id.
    Id(i64),
    /// By UUID.
    Uuid(Uuid),
    /// By e-mail address.
    Email(EmailKey),
    /// By user name.
    Username(UsernameKey),
}

impl Named {
    /// Whether the name is that of this user.
    ///
    /// An address or user name may have changed since the token was made, so neither speaks against a session.
    pub fn fits(&self, user: &User) -> bool {
        match self {
            Named::Id(id) => *id == user.id.0,
            Named::Uuid(uuid) => *uuid == user.uuid,
            Named::Email(_) | Named::Username(_) => true,
        }
    }
}

/// What was read from the claims of one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The id of the token, if the plan has one.
    pub token_id: Option<String>,
    /// Whom it names.
    pub user: Named,
    /// When it was made, in seconds; absent in tokens that do not say.
    pub issued: Option<i64>,
    /// When it ends.
    pub expires: Moment,
}

/// Reads claims by plan, in the order times, id, fixed claims, issuer, user, as `djangorestframework-simplejwt` does.
///
/// `now` absent: times are read, but may have passed (for a sign-out).
pub fn read(
    claims: &Claims,
    plan: &ClaimsPlan,
    contract: &Contract,
    now: Option<Moment>,
) -> Result<Reading, Refusal> {
    let map = claims.map();
    // Tokens without an id are made a little ahead, to lie after the line where older ones were cut.
    let ahead = if plan.token_id.is_none() { AHEAD_SECONDS } else { 0 };
    let now = now.map(|now| Clock { now, leeway: contract.leeway_seconds, ahead });
    let (issued, expires) = times(map, &plan.expires, plan.issued.as_deref(), now)?;
    let token_id = match &plan.token_id {
        None => None,
        Some(path) => match at(map, path) {
            None if plan.foreign_without_id => None,
            None => return Err(Refusal::TokenClaimMissing(path.join("."))),
            Some(value) => Some(value.as_str().ok_or(Refusal::TokenInvalid)?.to_owned()),
        },
    };
    for (name, expected) in &plan.fixed {
        match map.get(name) {
            None => return Err(Refusal::TokenClaimMissing(name.clone())),
            Some(value) if value == expected => {}
            Some(_) => return Err(Refusal::TokenWrongKind),
        }
    }
    if let Some(path) = &plan.issuer {
        match at(map, path) {
            None => return Err(Refusal::TokenClaimMissing(path.join("."))),
            Some(Value::String(issuer)) if *issuer == contract.issuer => {}
            Some(_) => return Err(Refusal::TokenInvalid),
        }
    }
    let user = named(map, &plan.user).ok_or(Refusal::TokenUserMissing)?;
    Ok(Reading { token_id, user, issued, expires })
}

/// The refusal for a token whose form or signature is not good.
pub fn refused(fault: TokenFault) -> Refusal {
    match fault {
        TokenFault::Expired => Refusal::TokenExpired,
        TokenFault::MissingClaim(name) => Refusal::TokenClaimMissing(name),
        TokenFault::WrongKind => Refusal::TokenWrongKind,
        TokenFault::Malformed
        | TokenFault::BadSignature
        | TokenFault::NotYetValid
        | TokenFault::WrongType(_) => Refusal::TokenInvalid,
    }
}

/// Whether a token of this session may be used now.
///
/// Refused: another contract's, another user's, a user that may not sign in, a session that has ended or rested too long.
pub fn judge_session(
    session: &Session,
    account: &Account,
    reading: &Reading,
    scene: &Scene<'_>,
) -> Result<(), Refusal> {
    if session.contract != scene.contract.name || !reading.user.fits(&account.user) {
        return Err(Refusal::TokenInvalid);
    }
    if !account.is_active() {
        return Err(Refusal::TokenUserInactive);
    }
    if session.ended.is_some() {
        return Err(Refusal::TokenRevoked);
    }
    if session.rests_too_long(scene.contract, scene.now) {
        return Err(Refusal::TokenExpired);
    }
    Ok(())
}

/// Whether a token that names no session may be used now: the application's own from before the move, or one of a
/// contract whose tokens have no id.
///
/// Refused: past `accept_until`, a user that may not sign in, made before the user's tokens were cut.
pub fn judge_foreign(account: &Account, reading: &Reading, scene: &Scene<'_>) -> Result<(), Refusal> {
    // Where our own tokens carry an id, one without is the application's.
    let told_apart = reading.token_id.is_some() || scene.contract.access.claims.token_id.is_some();
    if told_apart && scene.contract.accept_until.is_some_and(|until| until <= scene.now) {
        return Err(Refusal::TokenInvalid);
    }
    if !account.is_active() {
        return Err(Refusal::TokenUserInactive);
    }
    // An address or name can go to another person, and the tokens of the first one must not go with it (SEC-69).
    let line = match reading.user {
        Named::Id(_) | Named::Uuid(_) => account.valid_after,
        Named::Email(_) | Named::Username(_) => {
            account.valid_after.max(Moment::from_seconds(account.user.created_at.seconds()))
        }
    };
    if Moment::from_seconds(reading.issued.unwrap_or(0)) < line {
        return Err(Refusal::TokenRevoked);
    }
    Ok(())
}

/// The time that claims are held against, and by how many seconds they may differ from it.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    pub now: Moment,
    pub leeway: i64,
    pub ahead: i64,
}

/// When a token was made and when it ends. Without a clock the times are read and may have passed.
pub(super) fn times(
    map: &Map<String, Value>,
    expires_at: &[String],
    issued_at: Option<&[String]>,
    clock: Option<Clock>,
) -> Result<(Option<i64>, Moment), Refusal> {
    let date =
        |value: Option<&Value>| value.map(|value| seconds(value).ok_or(Refusal::TokenInvalid)).transpose();
    let expires = date(at(map, expires_at))?;
    let issued = date(issued_at.map_or_else(|| map.get("iat"), |path| at(map, path)))?;
    let starts = date(map.get("nbf"))?;
    let expires = expires.ok_or_else(|| Refusal::TokenClaimMissing(expires_at.join(".")))?;
    if let Some(Clock { now, leeway, ahead }) = clock {
        if expires <= now.seconds().saturating_sub(leeway) {
            return Err(Refusal::TokenExpired);
        }
        let latest = now.seconds().saturating_add(leeway.max(ahead));
        if [issued, starts].into_iter().flatten().any(|from| from > latest) {
            return Err(Refusal::TokenInvalid);
        }
    }
    Ok((issued, Moment::from_seconds(expires)))
}

/// A NumericDate (RFC 7519 section 2), fractions cut off. Refused: negative, 2^53 and above, any other type.
fn seconds(value: &Value) -> Option<i64> {
    let date = value.as_f64().filter(|date| (0.0..EXACT).contains(date))?;
    #[expect(clippy::cast_possible_truncation, reason = "0 ≤ date < 2^53; cutting the fraction is the point")]
    Some(date as i64)
}

/// The user that a claim names.
pub(super) fn named(map: &Map<String, Value>, (path, how): &(Vec<String>, UserClaim)) -> Option<Named> {
    let value = at(map, path)?;
    match how {
        UserClaim::Id => {
            // The leaf goes through the one reader of numbers that accepts digits as text.
            let leaf = Claims::new(Map::from_iter([("id".to_owned(), value.clone())]));
            leaf.number("id").ok().flatten().map(Named::Id)
        }
        UserClaim::Uuid => Uuid::try_parse(value.as_str()?).ok().map(Named::Uuid),
        UserClaim::Email => EmailKey::parse(value.as_str()?).map(Named::Email),
        UserClaim::Username => UsernameKey::parse(value.as_str()?).map(Named::Username),
    }
}

fn at<'a>(map: &'a Map<String, Value>, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(map.get(first)?, |value, name| value.as_object()?.get(name))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW, account, contract, plan, scene, session};
    use super::*;
    use crate::session::EndReason;
    use crate::user::Status;
    use serde_json::json;

    fn claims(change: Value) -> Claims {
        let now = NOW.seconds();
        let mut map =
            json!({"token_type": "access", "exp": now + 60, "iat": now, "jti": "a".repeat(32), "user_id": 7});
        for (name, value) in change.as_object().unwrap() {
            if value == "absent" {
                map.as_object_mut().unwrap().remove(name);
            } else {
                map[name] = value.clone();
            }
        }
        Claims::new(map.as_object().unwrap().clone())
    }

    fn reading(change: Value) -> Result<Reading, Refusal> {
        read(&claims(change), &plan("access"), &contract(), Some(NOW))
    }

    #[test]
    fn claims_are_read_in_the_documented_order() {
        let now = NOW.seconds();
        let missing = |name: &str| Refusal::TokenClaimMissing(name.into());
        let table = [
            (json!({"exp": now, "jti": "absent"}), Refusal::TokenExpired),
            (json!({"exp": "absent", "jti": "absent"}), missing("exp")),
            (json!({"exp": (now + 60).to_string()}), Refusal::TokenInvalid),
            (json!({"exp": null}), Refusal::TokenInvalid),
            (json!({"exp": -1}), Refusal::TokenInvalid),
            (json!({"exp": 1e300}), Refusal::TokenInvalid),
            (json!({"iat": now + 1}), Refusal::TokenInvalid),
            (json!({"iat": "now"}), Refusal::TokenInvalid),
            (json!({"nbf": now + 1}), Refusal::TokenInvalid),
            (json!({"jti": "absent", "token_type": "refresh"}), missing("jti")),
            (json!({"jti": 5}), Refusal::TokenInvalid),
            (json!({"token_type": "absent"}), missing("token_type")),
            (json!({"token_type": "refresh", "user_id": "absent"}), Refusal::TokenWrongKind),
            (json!({"token_type": true}), Refusal::TokenWrongKind),
            (json!({"user_id": "absent"}), Refusal::TokenUserMissing),
            (json!({"user_id": "seven"}), Refusal::TokenUserMissing),
            (json!({"user_id": [7]}), Refusal::TokenUserMissing),
            (json!({"user_id": null}), Refusal::TokenUserMissing),
        ];
        for (change, expected) in table {
            assert_eq!(reading(change.clone()), Err(expected), "{change}");
        }
    }

    #[test]
    fn a_user_id_is_read_from_a_number_and_from_digits() {
        assert_eq!(reading(json!({})).unwrap().user, Named::Id(7));
        assert_eq!(reading(json!({"user_id": "7"})).unwrap().user, Named::Id(7));
        assert_eq!(reading(json!({"exp": NOW.seconds() + 60, "iat": "absent"})).unwrap().issued, None);
    }

    #[test]
    fn leeway_gives_way_in_both_directions() {
        let lenient = Contract { leeway_seconds: 30, ..contract() };
        let at = |change| read(&claims(change), &plan("access"), &lenient, Some(NOW)).map(|_| ());
        let now = NOW.seconds();
        assert_eq!(at(json!({"exp": now - 29})), Ok(()));
        assert_eq!(at(json!({"exp": now - 30})), Err(Refusal::TokenExpired));
        assert_eq!(at(json!({"iat": now + 30})), Ok(()));
        assert_eq!(at(json!({"iat": now + 31})), Err(Refusal::TokenInvalid));
    }

    #[test]
    fn nested_claims_and_the_issuer_are_found_by_path() {
        let plan = ClaimsPlan {
            user: (vec!["user".into(), "uuid".into()], UserClaim::Uuid),
            issuer: Some(vec!["iss".into()]),
            ..plan("access")
        };
        let uuid = account().user.uuid;
        let at = |change| read(&claims(change), &plan, &contract(), Some(NOW));
        let user = json!({"uuid": uuid.to_string()});
        let good = at(json!({"iss": contract().issuer, "user": user})).unwrap();
        assert_eq!(good.user, Named::Uuid(uuid));
        assert_eq!(at(json!({"iss": "https://other.example", "user": user})), Err(Refusal::TokenInvalid));
        assert_eq!(at(json!({"user": user})), Err(Refusal::TokenClaimMissing("iss".into())));
        assert_eq!(at(json!({"iss": contract().issuer, "user": 7})), Err(Refusal::TokenUserMissing));
    }

    #[test]
    fn a_session_lets_only_its_own_live_user_through() {
        let (contract, good) = (contract(), reading(json!({})).unwrap());
        let judge =
            |session: &Session, account: &Account| judge_session(session, account, &good, &scene(&contract));
        assert_eq!(judge(&session(), &account()), Ok(()));
        let other = Session { contract: "other".into(), ..session() };
        assert_eq!(judge(&other, &account()), Err(Refusal::TokenInvalid));
        let mut banned = account();
        banned.user.status = Status::Suspended;
        assert_eq!(judge(&session(), &banned), Err(Refusal::TokenUserInactive));
        let ended = Session { ended: Some((NOW, EndReason::SignOut)), ..session() };
        assert_eq!(judge(&ended, &account()), Err(Refusal::TokenRevoked));
        let mut stranger = account();
        stranger.user.id = crate::id::UserId(8);
        assert_eq!(judge(&session(), &stranger), Err(Refusal::TokenInvalid));
    }

    #[test]
    fn the_applications_own_tokens_hold_until_they_are_cut() {
        let mut contract = contract();
        let good = reading(json!({})).unwrap();
        assert_eq!(judge_foreign(&account(), &good, &scene(&contract)), Ok(()));
        let cut = Account { valid_after: Moment::from_millis(NOW.millis() + 1), ..account() };
        assert_eq!(judge_foreign(&cut, &good, &scene(&contract)), Err(Refusal::TokenRevoked));
        let undated = Reading { issued: None, ..good.clone() };
        assert_eq!(judge_foreign(&account(), &undated, &scene(&contract)), Err(Refusal::TokenRevoked));
        contract.accept_until = Some(NOW);
        assert_eq!(judge_foreign(&account(), &good, &scene(&contract)), Err(Refusal::TokenInvalid));
    }
}
