//! What becomes of a written conversation that strays from what is written?

use crate::dice::Dice;
use crate::pair::Pair;
use crate::words::{broken, odd, quoted};
use bytes::Bytes;
use dialect::transcript::{Act, Kept, Ready, Step, Transcript, claim, cookie_set, pointed};
use http::Response;
use serde_json::Value;

/// Plays a transcript, leaves out some of it, says some of it twice or in other words, at other times.
pub async fn play(pair: &mut Pair, transcript: &Transcript, dice: &mut Dice) {
    let mut kept = Kept::new();
    let mut last = Response::new(Bytes::new());
    for step in &transcript.steps {
        if dice.percent(3) {
            let seconds = *dice.of(&[1, 9, 11, 59, 61, 601, 3601, 90_000]);
            pair.act(&Act::Advance(seconds), &mut kept).await;
        }
        match step {
            Step::Act(_, act) => {
                keep(act, &last, &mut kept);
                pair.act(act, &mut kept).await;
            }
            Step::Exchange(_) if dice.percent(4) => {}
            Step::Exchange(exchange) => {
                let times = if dice.percent(6) { 2 } else { 1 };
                for _ in 0..times {
                    // Where a step was left out, later ones can lack a word.
                    let Ok(mut ready) = exchange.ready(&kept) else { break };
                    stray(&mut ready, dice);
                    last = pair.send(ready).await.unwrap_or(last);
                }
            }
        }
    }
}

/// What is kept from an answer, if it is there.
fn keep(act: &Act, last: &Response<Bytes>, kept: &mut Kept) {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other acts are the stage's")]
    let found = match act {
        Act::Keep(name, pointer) => pointed(last.body(), pointer).map(|value| (name, value)),
        Act::Cookie(name, cookie) => cookie_set(last.headers(), cookie).map(|value| (name, value)),
        Act::Claim(name, token, wanted) => {
            kept.get(token).and_then(|token| claim(token, wanted)).map(|value| (name, value))
        }
        _ => None,
    };
    kept.extend(found.map(|(name, value)| (name.clone(), value)));
}

fn stray(ready: &mut Ready, dice: &mut Dice) {
    if dice.percent(8)
        && let Ok(text) = std::str::from_utf8(&ready.body)
        && let Ok(Value::Object(fields)) = serde_json::from_str(text)
        && !fields.is_empty()
    {
        let value = fields.values().nth(dice.below(fields.len())).map(Value::to_string).unwrap_or_default();
        let value = if text.contains(&value) { value } else { quoted("") };
        ready.body = text.replacen(&value, &odd(dice), 1).into_bytes();
    } else if dice.percent(2) && !ready.body.is_empty() {
        broken(&mut ready.body, dice);
    }
}
