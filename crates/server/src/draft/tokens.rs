//! What are the tokens: signed how, living how long, saying what?

use super::gives::{Sample, template};
use super::people::{Facts, People};
use super::sketch::Token;
use crate::record::exchange::Recording;
use crate::record::secrets::{claims, jose};
use serde_json::{Map, Value};

/// What the language signs.
const ALGORITHMS: [&str; 4] = ["HS256", "ES256", "RS256", "EdDSA"];
/// Claims whose value is the machine's and not the user's.
const MOMENTS: [(&str, &str); 2] = [("exp", "{expires}"), ("iat", "{issued}")];

/// Header and claims of a token, and where it was given.
type Signed = (Map<String, Value>, Map<String, Value>, usize);

/// The tokens of one kind, as a plan; none when no answer gave one.
pub fn token(recording: &Recording, people: &People, is_refresh: bool) -> Option<Token> {
    let given = people.tokens.iter().filter(|(_, given)| given.is_refresh == is_refresh);
    let mut given: Vec<(&String, usize)> = given.map(|(text, given)| (text, given.at)).collect();
    given.sort_by_key(|(_, at)| *at);
    if given.is_empty() {
        return None;
    }
    let signed: Vec<Signed> =
        given.iter().filter_map(|(text, at)| Some((jose(text)?, claims(text)?, *at))).collect();
    let mut plan = Token::default();
    let Some((header, _, _)) = signed.first() else {
        plan.notes.push("opaque: nothing can be read in it, so its lifetime is a guess".to_owned());
        return Some(plan);
    };
    head(header, &mut plan);
    plan.lifetime = lifetime(&signed, recording);
    plan.claims = claims_template(&signed, recording, people, &mut plan.notes);
    complete(&mut plan, is_refresh);
    Some(plan)
}

fn head(header: &Map<String, Value>, plan: &mut Token) {
    let algorithm = header.get("alg").and_then(Value::as_str).unwrap_or("");
    plan.algorithm = algorithm.to_owned();
    if !ALGORITHMS.contains(&algorithm) {
        plan.algorithm = if algorithm.starts_with("HS") { "HS256" } else { "ES256" }.to_owned();
        plan.notes.push(format!(
            "the original signs with {algorithm}, which is not spoken here: whoever verifies tokens has to learn {}",
            plan.algorithm
        ));
    }
    plan.typ = header.get("typ").and_then(Value::as_str).unwrap_or("").to_owned();
    plan.typ_first = header.keys().next().is_some_and(|first| first == "typ");
    plan.kid = header.contains_key("kid");
}

/// From making to end; the usual one, in seconds.
fn lifetime(signed: &[Signed], recording: &Recording) -> i64 {
    let mut all: Vec<i64> = signed
        .iter()
        .filter_map(|(_, claims, at)| {
            let exp = claims.get("exp")?.as_i64()?;
            let begin = claims.get("iat").and_then(Value::as_i64);
            let begin = begin.unwrap_or_else(|| recording.exchanges[*at].at.seconds());
            Some(exp - begin)
        })
        .filter(|seconds| *seconds > 0)
        .collect();
    all.sort_unstable();
    let seconds = all.get(all.len() / 2).copied().unwrap_or(0);
    // Without `iat` a second or two are lost on the way.
    let rounded = (seconds + 30) / 60 * 60;
    if (rounded - seconds).abs() <= 2 && rounded > 0 { rounded } else { seconds }
}

fn claims_template(
    signed: &[Signed],
    recording: &Recording,
    people: &People,
    notes: &mut Vec<String>,
) -> Value {
    let nobody = Facts::new();
    let values: Vec<Value> = signed.iter().map(|(_, claims, _)| Value::Object(claims.clone())).collect();
    let samples: Vec<Sample<'_>> = signed
        .iter()
        .zip(&values)
        .map(|((_, _, at), value)| Sample {
            value: Some(value),
            facts: people.facts(*at).unwrap_or(&nobody),
            people,
            at: *at,
            exchange: &recording.exchanges[*at],
            lives: (0, 0),
        })
        .collect();
    let mut own = Vec::new();
    let mut out = template(&samples, "", &mut own);
    if let Some(members) = out.as_object_mut() {
        for (claim, slot) in MOMENTS {
            members.get_mut(claim).into_iter().for_each(|value| *value = slot.into());
        }
        let id = signed.iter().find_map(|(_, claims, _)| claims.get("jti")?.as_str().map(str::to_owned));
        if let Some(id) = id {
            let slot = if super::people::is_uuid(&id) { "{token.uuid}" } else { "{token.id}" };
            members.insert("jti".to_owned(), slot.into());
        }
        if members.remove("nbf").is_some() {
            own.push("`nbf` is left out: tokens are good from the moment they are made".to_owned());
        }
        if let Some(issuer) = members.get("iss").and_then(Value::as_str).map(str::to_owned) {
            own.push(format!(
                "`iss` is always {issuer:?}; write \"{{issuer}}\" when it is the address of this server"
            ));
        }
    }
    own.retain(|note| {
        !["`exp`", "`iat`", "`jti`", "`nbf`"]
            .iter()
            .any(|claim| note.starts_with(claim) && note.contains("varies"))
    });
    notes.extend(own);
    out
}

/// What the language needs and the original's tokens do not say.
fn complete(plan: &mut Token, is_refresh: bool) {
    let Some(members) = plan.claims.as_object_mut() else { return };
    if !members.contains_key("exp") {
        members.insert("exp".to_owned(), "{expires}".into());
        plan.notes.push("`exp` is added: a token has to end".to_owned());
    }
    if !members.contains_key("jti") {
        members.insert("jti".to_owned(), "{token.id}".into());
        plan.notes.push(
            "`jti` is added: it ties a token to its session, so that a sign-out reaches it; who verifies ignores it".to_owned(),
        );
    }
    let names = |slot: &str| Value::Object(members.clone()).to_string().contains(slot);
    if !["{user.id", "{user.uuid", "{user.email", "{user.username"].iter().any(|slot| names(slot)) {
        plan.notes.push("no claim was found that names the user: decide which one does".to_owned());
        members.insert("sub".to_owned(), "{user.uuid}".into());
    }
    if is_refresh && plan.lifetime == 0 {
        plan.notes.push("its lifetime is a guess".to_owned());
    }
}
