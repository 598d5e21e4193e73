//! Is a token good that the application signed before the move with a key of its own, and whose is it?
//!
//! The signature has been checked before. Whether the user may be served is judged by [`super::bearer::judge_foreign`].

use super::Scene;
use super::bearer::{Clock, Reading, named, times};
use crate::contract::{OldTokens, UserClaim};
use crate::refusal::Refusal;
use crate::token::{Claims, TokenUse};
use serde_json::Value;

/// Reads the claims. Its times may have passed where `times_count` is false (for a sign-out).
///
/// Refused: everything once `accept_until` has come; another kind of token, another issuer or audience; an address that
/// the token itself calls unproved.
pub fn read(
    claims: &Claims,
    old: &OldTokens,
    usage: TokenUse,
    scene: &Scene<'_>,
    times_count: bool,
) -> Result<Reading, Refusal> {
    let map = claims.map();
    if scene.contract.accept_until.is_none_or(|until| until <= scene.now) {
        return Err(Refusal::TokenInvalid);
    }
    let leeway = scene.contract.leeway_seconds;
    let clock = times_count.then_some(Clock { now: scene.now, leeway, ahead: 0 });
    let (issued, expires) = times(map, &["exp".to_owned()], None, clock)?;
    let fixed = match usage {
        TokenUse::Access => &old.access,
        TokenUse::Refresh => old.refresh.as_ref().ok_or(Refusal::TokenInvalid)?,
    };
    for (name, expected) in fixed {
        match map.get(name) {
            None => return Err(Refusal::TokenClaimMissing(name.clone())),
            Some(value) if value == expected => {}
            Some(_) => return Err(Refusal::TokenWrongKind),
        }
    }
    let issuer = old.issuer.as_deref();
    if issuer.is_some() && map.get("iss").and_then(Value::as_str) != issuer {
        return Err(Refusal::TokenInvalid);
    }
    if old.audience.as_deref().is_some_and(|audience| !is_for(map.get("aud"), audience)) {
        return Err(Refusal::TokenInvalid);
    }
    let unproved = old.user.1 == UserClaim::Email && map.get("email_verified") == Some(&Value::Bool(false));
    let user = named(map, &old.user).filter(|_| !unproved).ok_or(Refusal::TokenUserMissing)?;
    Ok(Reading { token_id: None, user, issued, expires })
}

/// Whether an `aud` claim, a text or a list of texts, has this audience (RFC 7519 section 4.1.3).
fn is_for(claim: Option<&Value>, audience: &str) -> bool {
    match claim {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(list)) => list.iter().any(|one| one == audience),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW, contract, scene};
    use super::*;
    use crate::contract::Contract;
    use crate::rule::bearer::Named;
    use serde_json::json;

    fn plan() -> OldTokens {
        OldTokens {
            user: (vec!["sub".to_owned()], UserClaim::Id),
            access: vec![("kind".to_owned(), json!("access"))],
            refresh: Some(vec![("kind".to_owned(), json!("refresh"))]),
            issuer: Some("https://old.example".to_owned()),
            audience: Some("shop".to_owned()),
        }
    }

    fn open(until: i64) -> Contract {
        Contract { accept_until: Some(NOW.plus_seconds(until)), ..contract() }
    }

    fn reading(change: Value, plan: &OldTokens, usage: TokenUse) -> Result<Reading, Refusal> {
        let now = NOW.seconds();
        let mut map = json!({"iss": "https://old.example", "aud": ["app", "shop"], "kind": "access", "sub": "7",
            "iat": now - 60, "exp": now + 60});
        for (name, value) in change.as_object().unwrap() {
            map[name] = value.clone();
        }
        let map =
            map.as_object().unwrap().clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
        read(&Claims::new(map), plan, usage, &scene(&open(600)), true)
    }

    #[test]
    fn what_the_application_said_is_read_as_configured() {
        let good = reading(json!({}), &plan(), TokenUse::Access).unwrap();
        assert_eq!((good.user, good.token_id), (Named::Id(7), None));
        let refresh = reading(json!({"kind": "refresh"}), &plan(), TokenUse::Refresh);
        assert!(refresh.is_ok(), "{refresh:?}");
        assert!(reading(json!({"aud": "shop"}), &plan(), TokenUse::Access).is_ok());
    }

    #[test]
    fn what_is_for_others_or_of_another_kind_is_refused() {
        let now = NOW.seconds();
        let missing = |name: &str| Refusal::TokenClaimMissing(name.to_owned());
        for (change, usage, expected) in [
            (json!({"kind": "refresh"}), TokenUse::Access, Refusal::TokenWrongKind),
            (json!({}), TokenUse::Refresh, Refusal::TokenWrongKind),
            (json!({"kind": null}), TokenUse::Refresh, missing("kind")),
            (json!({"exp": null}), TokenUse::Access, missing("exp")),
            (json!({"exp": now}), TokenUse::Access, Refusal::TokenExpired),
            (json!({"iat": now + 1}), TokenUse::Access, Refusal::TokenInvalid),
            (json!({"nbf": now + 1}), TokenUse::Access, Refusal::TokenInvalid),
            (json!({"iss": "https://old.example/"}), TokenUse::Access, Refusal::TokenInvalid),
            (json!({"iss": null}), TokenUse::Access, Refusal::TokenInvalid),
            (json!({"aud": "shop2"}), TokenUse::Access, Refusal::TokenInvalid),
            (json!({"aud": [["shop"]]}), TokenUse::Access, Refusal::TokenInvalid),
            (json!({"aud": null}), TokenUse::Access, Refusal::TokenInvalid),
            (json!({"sub": null}), TokenUse::Access, Refusal::TokenUserMissing),
            (json!({"sub": "x"}), TokenUse::Access, Refusal::TokenUserMissing),
        ] {
            assert_eq!(reading(change.clone(), &plan(), usage), Err(expected), "{change}");
        }
        let none = OldTokens { refresh: None, ..plan() };
        assert_eq!(reading(json!({}), &none, TokenUse::Refresh), Err(Refusal::TokenInvalid));
    }

    #[test]
    fn an_address_that_the_token_calls_unproved_names_nobody() {
        let plan = OldTokens { user: (vec!["email".to_owned()], UserClaim::Email), ..plan() };
        let at = |verified: Value| {
            let claims = json!({"email": "jane@example.com", "email_verified": verified});
            reading(claims, &plan, TokenUse::Access).map(|_| ())
        };
        assert_eq!((at(json!(true)), at(Value::Null)), (Ok(()), Ok(())));
        assert_eq!(at(json!(false)), Err(Refusal::TokenUserMissing));
    }

    #[test]
    fn nothing_is_read_after_the_date_or_without_one() {
        let now = NOW.seconds();
        let map =
            json!({"iss": "https://old.example", "aud": "shop", "kind": "access", "sub": 7, "exp": now + 60});
        let claims = Claims::new(map.as_object().unwrap().clone());
        let at = |contract: &Contract, times| {
            read(&claims, &plan(), TokenUse::Access, &scene(contract), times).map(|_| ())
        };
        assert_eq!(at(&open(1), true), Ok(()));
        for contract in [open(0), open(-1), contract()] {
            assert_eq!(at(&contract, true), Err(Refusal::TokenInvalid));
            assert_eq!(at(&contract, false), Err(Refusal::TokenInvalid));
        }
        let over = Claims::new(
            json!({"iss": "https://old.example", "aud": "shop", "kind": "access", "sub": 7, "exp": 5})
                .as_object()
                .unwrap()
                .clone(),
        );
        assert!(read(&over, &plan(), TokenUse::Access, &scene(&open(1)), false).is_ok());
    }
}
