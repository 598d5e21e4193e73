//! How does a sketch become a commented file?

use super::sketch::{Body, Route, Said, Sketch, Take, Token};
use domain::command::Verb;
use domain::contract::Weakening;
use domain::refusal::REFUSAL_CODES;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Longest line of a body that is not folded.
const FOLD: usize = 100;

/// The file. Parts of it are guesses, and its comments say which.
pub fn write(sketch: &Sketch) -> String {
    let mut out = String::new();
    head(sketch, &mut out);
    http(sketch, &mut out);
    tokens(sketch, &mut out);
    rules(sketch, &mut out);
    noes(sketch, &mut out);
    comment(&mut out, "---- routes");
    for route in &sketch.routes {
        self::route(route, &mut out);
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// A text as TOML: plain in single quotes where that is possible.
pub fn quoted(text: &str) -> String {
    let plain = !text.contains('\'') && !text.chars().any(char::is_control);
    if plain && text.contains(['"', '\\']) {
        return format!("'{text}'");
    }
    serde_json::to_string(text).unwrap_or_default().replace('\u{7f}', "\\u007f")
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { name.to_owned() } else { quoted(name) }
}

fn comment(out: &mut String, text: &str) {
    let mut line = "#".to_owned();
    for word in text.replace('\n', " ").split(' ') {
        if line.len() + word.len() > 118 {
            let _ = writeln!(out, "{line}");
            line = "#".to_owned();
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}

/// A template as a value of TOML.
fn template(value: &Value) -> String {
    let line = value.to_string();
    let text = if line.len() <= FOLD || !(value.is_object() || value.is_array()) {
        line
    } else {
        format!("\n{}", serde_json::to_string_pretty(value).unwrap_or_default())
    };
    if text.contains('\'') {
        return quoted_long(&text);
    }
    if text.contains('\n') { format!("'''{text}'''") } else { format!("'{text}'") }
}

fn quoted_long(text: &str) -> String {
    if text.contains("'''") || text.ends_with('\'') { quoted(text) } else { format!("'''{text}'''") }
}

/// Seconds as a time of the language.
fn time(seconds: i64) -> String {
    for (unit, name) in [(86_400, 'd'), (3600, 'h'), (60, 'm')] {
        if seconds % unit == 0 && seconds >= unit {
            return format!("{}{name}", seconds / unit);
        }
    }
    format!("{}s", seconds.max(1))
}

fn head(sketch: &Sketch, out: &mut String) {
    comment(
        out,
        &format!(
            "A first draft of the contract {:?}. What is not sure is said in comments like this one; docs/dialects.md",
            sketch.name
        ),
    );
    comment(
        out,
        "explains every word. `countersign dialect check` reads the file, `countersign dialect test` replays the transcripts.",
    );
    if !sketch.questions.is_empty() {
        out.push_str("#\n# A person must decide:\n");
        sketch.questions.iter().for_each(|question| comment(out, &format!("  - {question}")));
    }
    if !sketch.apart.is_empty() {
        out.push_str("#\n# Heard, and not part of a contract for signing in:\n");
        sketch.apart.iter().for_each(|one| comment(out, &format!("  - {one}")));
    }
    let _ = writeln!(out, "language = 1\nname = {}\ntitle = {}", quoted(&sketch.name), quoted(&sketch.title));
    let _ = writeln!(out, "version = {}", quoted(&sketch.version));
    let sources: Vec<String> = sketch.sources.iter().map(|source| quoted(source)).collect();
    let _ = writeln!(out, "source = [{}]", sources.join(", "));
    if !sketch.date.is_empty() {
        comment(out, "The form of moments in answers.");
        let _ = writeln!(out, "date = {}", quoted(&sketch.date));
    }
    let weaker = weakenings(sketch);
    if !weaker.is_empty() {
        out.push('\n');
        comment(out, "What this contract asks for and the native one would not do:");
        weaker
            .iter()
            .for_each(|weakening| comment(out, &format!("  {}: {}", weakening.name(), weakening.cost())));
        let names: Vec<String> = weaker.iter().map(|weakening| quoted(weakening.name())).collect();
        let _ = writeln!(out, "weaker = [{}]", names.join(", "));
    }
}

/// What the language wants to be named (docs/weakenings.md).
fn weakenings(sketch: &Sketch) -> Vec<Weakening> {
    let verb = |verb: Verb| sketch.routes.iter().any(|route| route.verb == verb);
    let says = |code: &str| {
        sketch.refuse.contains_key(code)
            || sketch.routes.iter().any(|route| route.verb == Verb::SignIn && route.refuse.contains_key(code))
    };
    let holds = |value: &Value, slot: &str| {
        let text = value.to_string();
        [format!("{{{slot}}}"), format!("{{{slot}|")].iter().any(|start| text.contains(start))
    };
    let claims = |token: &Token, slot: &str| holds(&token.claims, slot);
    let gives = sketch.routes.iter().any(|route| {
        let bodies = std::iter::once(&route.give).chain(route.cases.iter().map(|(_, said)| said));
        bodies.into_iter().any(|said| match &said.body {
            Body::Json(value) => {
                holds(value, "user.id")
                    || sketch.shapes.iter().any(|(name, shape)| {
                        holds(value, &format!("shape.{name}")) && holds(shape, "user.id")
                    })
            }
            Body::Text(text) => text.contains("{user.id"),
            Body::Empty => false,
        })
    });
    let ids = gives
        || claims(&sketch.access, "user.id")
        || sketch.refresh.as_ref().is_some_and(|token| claims(token, "user.id"));
    let facts = [
        (Weakening::TellsUnknownUser, says("unknown_user")),
        (Weakening::TellsTaken, verb(Verb::SignUp)),
        (Weakening::TellsEmailExists, verb(Verb::CheckEmail)),
        (Weakening::WeakPasswords, sketch.min_length < 15),
        (Weakening::ShortPasswords, sketch.min_length < 8),
        (Weakening::SharedSecret, sketch.access.algorithm == "HS256"),
        (Weakening::NoRotation, sketch.refresh.is_some() && !sketch.rotates),
        (Weakening::LongAccess, sketch.access.lifetime > 3600),
        (
            Weakening::NoSessionInAccess,
            !claims(&sketch.access, "token.id") && !claims(&sketch.access, "token.uuid"),
        ),
        (Weakening::IntegerIds, ids),
        (
            Weakening::TellsAccountState,
            says("account_inactive") || says("account_suspended") || says("email_unverified"),
        ),
    ];
    facts.into_iter().filter(|(_, is_there)| *is_there).map(|(weakening, _)| weakening).collect()
}

fn http(sketch: &Sketch, out: &mut String) {
    let http = &sketch.http;
    let _ = writeln!(out, "\n[http]");
    let media: Vec<String> = http.media.iter().map(|kind| quoted(kind)).collect();
    let _ = writeln!(out, "media = [{}]", media.join(", "));
    if !http.content_type.is_empty() {
        let _ = writeln!(out, "content_type = {}", quoted(&http.content_type));
    }
    if http.wrong_method_is_not_found {
        out.push_str("wrong_method = \"not_found\"\n");
    }
    if http.checks_accept {
        out.push_str("accept = \"check\"\n");
    }
    if http.answers_options {
        out.push_str("options = \"answer\"\n");
    }
    if !http.allow_options.is_empty() {
        let _ = writeln!(out, "allow_options = {}", quoted(http.allow_options));
    }
    if !http.space.is_empty() {
        comment(out, "For paths that begin so and have no route, this dialect says `not_found`.");
        let space: Vec<String> = http.space.iter().map(|prefix| quoted(prefix)).collect();
        let _ = writeln!(out, "space = [{}]", space.join(", "));
    }
    if !sketch.headers.is_empty() {
        out.push('\n');
        comment(out, "These stood in (nearly) every answer.");
        out.push_str("[headers]\n");
        for (name, value) in &sketch.headers {
            let _ = writeln!(out, "{} = {}", key(name), quoted(value));
        }
    }
    let (from, scheme) = &sketch.credential;
    let _ = writeln!(out, "\n[credential]\nfrom = {}\nscheme = {}", quoted(from), quoted(scheme));
    if sketch.exact_scheme {
        comment(out, "The same word in another letter case was refused.");
        out.push_str("scheme_case = \"exact\"\n");
    }
}

fn tokens(sketch: &Sketch, out: &mut String) {
    let _ = writeln!(out, "\n[tokens.access]");
    let access = &sketch.access;
    access.notes.iter().for_each(|note| comment(out, note));
    let _ = writeln!(out, "algorithm = {}", quoted(&access.algorithm));
    let _ = writeln!(out, "lifetime = {}", quoted(&time(access.lifetime)));
    if access.notes.iter().any(|note| note.starts_with("`jti`")) {
        comment(out, "Tokens that the application signed before the move have no id.");
        out.push_str("token_id = \"optional\"\n");
    }
    let _ = writeln!(out, "claims = {}", template(&access.claims));
    jose(access, out);
    let Some(refresh) = &sketch.refresh else { return };
    let _ = writeln!(out, "\n[tokens.refresh]");
    refresh.notes.iter().for_each(|note| comment(out, note));
    let form = if refresh.claims.is_null() { "opaque" } else { "jwt" };
    let _ = writeln!(out, "form = \"{form}\"\nlifetime = {}", quoted(&time(refresh.lifetime)));
    if sketch.rotates {
        out.push_str("rotation = \"rotate\"\n");
    } else {
        comment(out, "A refresh gave no new refresh token: the old one stays good, whoever holds it.");
        out.push_str("rotation = \"keep\"\n");
    }
    if !refresh.claims.is_null() {
        let _ = writeln!(out, "claims = {}", template(&refresh.claims));
    }
}

fn jose(token: &Token, out: &mut String) {
    if token.typ == "JWT" && !token.typ_first && !token.kid {
        return;
    }
    out.push_str("[tokens.access.header]\n");
    let _ = writeln!(out, "typ = {}", quoted(&token.typ));
    if token.typ_first {
        out.push_str("first = \"typ\"\n");
    }
    if token.kid {
        out.push_str("kid = true\n");
    }
}

fn rules(sketch: &Sketch, out: &mut String) {
    out.push('\n');
    comment(
        out,
        "The shortest password that was taken. Passwords are masked, so whether common ones are taken is not known: refuse_common = false allows them.",
    );
    let _ = writeln!(out, "[passwords]\nmin_length = {}", sketch.min_length);
    let new = &sketch.newcomer;
    if !new.role.is_empty() || !new.permissions.is_empty() || !new.attributes.is_empty() {
        out.push('\n');
        comment(out, "What every new account was seen to start with.");
        out.push_str("[newcomer]\n");
        if !new.role.is_empty() {
            let _ = writeln!(out, "role = {}", quoted(&new.role));
        }
        if !new.permissions.is_empty() {
            let list: Vec<String> = new.permissions.iter().map(|one| quoted(one)).collect();
            let _ = writeln!(out, "permissions = [{}]", list.join(", "));
        }
        if !new.attributes.is_empty() {
            let _ = writeln!(out, "attributes = {}", toml(&Value::Object(new.attributes.clone())));
        }
    }
    if !sketch.shapes.is_empty() {
        out.push_str("\n[shape]\n");
        for (name, value) in &sketch.shapes {
            let _ = writeln!(out, "{name} = {}", template(value));
        }
    }
    if !sketch.flaws.is_empty() {
        let _ = writeln!(out, "\n[flaws]\nshape = {}", quoted(&sketch.flaws));
    }
    messages("messages", &sketch.messages, out);
    for (input, list) in &sketch.messages_by_input {
        messages(&format!("messages_by_input.{}", key(input)), list, out);
    }
}

fn messages(section: &str, list: &BTreeMap<String, String>, out: &mut String) {
    if list.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n[{section}]");
    for (rule, text) in list {
        let _ = writeln!(out, "{rule} = {}", quoted(text));
    }
}

/// JSON as an inline value of TOML. TOML has no null: such members are left out.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let members: Vec<String> =
                members.map(|(name, value)| format!("{} = {}", key(name), toml(value))).collect();
            if members.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", members.join(", ")) }
        }
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().filter(|item| !item.is_null()).map(toml).collect::<Vec<_>>().join(", ")
            )
        }
        Value::String(text) => quoted(text),
        Value::Bool(_) | Value::Number(_) | Value::Null => value.to_string(),
    }
}

fn noes(sketch: &Sketch, out: &mut String) {
    out.push('\n');
    comment(out, "---- refusals of all routes: the code is a guess from status, request and words");
    for (code, said) in &sketch.refuse {
        let _ = writeln!(out, "\n[refuse.{}]", key(code));
        self::said(said, dialect::default_status(code), out);
    }
    let heard = |code: &&str| {
        sketch.refuse.contains_key(*code)
            || sketch.routes.iter().any(|route| route.refuse.contains_key(*code))
    };
    let unheard: Vec<&str> = REFUSAL_CODES.into_iter().filter(|code| !heard(code)).collect();
    if !unheard.is_empty() {
        out.push('\n');
        comment(
            out,
            &format!(
                "Never heard, so said as docs/dialects.md has it; to be filled in by hand where the contract has words of its own: {}.",
                unheard.join(", ")
            ),
        );
    }
    out.push('\n');
}

fn said(said: &Said, usual: u16, out: &mut String) {
    said.notes.iter().for_each(|note| comment(out, note));
    if said.status != usual {
        let _ = writeln!(out, "status = {}", said.status);
    }
    if !said.headers.is_empty() {
        let pairs: Vec<String> =
            said.headers.iter().map(|(name, value)| format!("{} = {}", key(name), quoted(value))).collect();
        let _ = writeln!(out, "headers = {{ {} }}", pairs.join(", "));
    }
    if !said.cookies.is_empty() {
        let _ = writeln!(out, "cookies = [{}]", said.cookies.join(", "));
    }
    match &said.body {
        Body::Empty => out.push_str("empty = true\n"),
        Body::Json(value) => {
            let _ = writeln!(out, "body = {}", template(value));
        }
        Body::Text(text) => {
            let _ = writeln!(out, "text = {}", quoted(text));
        }
    }
}

fn route(route: &Route, out: &mut String) {
    out.push('\n');
    let (sure, why) = &route.sure;
    comment(out, &format!("{} ({}): {why}.", route.verb.name(), sure.word()));
    route.notes.iter().for_each(|note| comment(out, note));
    let _ = writeln!(out, "[[route]]\nname = {}\nverb = \"{}\"", quoted(&route.name), route.verb.name());
    let _ = writeln!(out, "on = {}", quoted(&format!("{} {}", route.method, route.path)));
    if route.needs_access {
        out.push_str("needs_access = true\n");
    }
    if !route.headers.is_empty() {
        let pairs: Vec<String> =
            route.headers.iter().map(|(name, value)| format!("{} = {}", key(name), quoted(value))).collect();
        let _ = writeln!(out, "headers = {{ {} }}", pairs.join(", "));
    }
    route.takes.iter().for_each(|take| self::take(take, out));
    if !route.any.is_empty() {
        let any: Vec<String> = route.any.iter().map(|input| quoted(input)).collect();
        let _ = writeln!(out, "[[route.need]]\nany = [{}]", any.join(", "));
        if !route.any_message.is_empty() {
            let _ = writeln!(out, "message = {}", quoted(&route.any_message));
        }
    }
    out.push_str("[route.give]\n");
    self::said(&route.give, 200, out);
    for (case, one) in &route.cases {
        let _ = writeln!(out, "[route.give.case.{case}]");
        self::said(one, route.give.status, out);
    }
    for (code, one) in &route.refuse {
        let _ = writeln!(out, "[route.refuse.{}]", key(code));
        self::said(one, dialect::default_status(code), out);
    }
}

fn take(take: &Take, out: &mut String) {
    take.notes.iter().for_each(|note| comment(out, note));
    let places: Vec<String> =
        std::iter::once(&take.from).chain(&take.also).map(|place| quoted(place)).collect();
    let from = if take.also.is_empty() { places.concat() } else { format!("[{}]", places.join(", ")) };
    let _ = writeln!(out, "[route.take.{}]\nfrom = {from}", key(&take.input));
    if take.required {
        out.push_str("required = true\n");
    }
    for (name, value) in &take.keys {
        let _ = writeln!(out, "{name} = {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_templates_are_good_toml() {
        for text in ["plain", "it's", "say \"yes\"", "both ' and \"", "line\nbreak", "tab\t", "\u{7f}"] {
            let file = format!("a = {}", quoted(text));
            let read: toml::Table = toml::from_str(&file).unwrap();
            assert_eq!(read["a"].as_str(), Some(text), "{file}");
        }
        for value in [
            serde_json::json!({"a": "it's"}),
            serde_json::json!({"long": "x".repeat(200), "b": "'''"}),
            serde_json::json!("{shape.user}"),
        ] {
            let read: toml::Table = toml::from_str(&format!("a = {}", template(&value))).unwrap();
            assert_eq!(serde_json::from_str::<Value>(read["a"].as_str().unwrap()).unwrap(), value);
        }
    }

    #[test]
    fn times_are_written_in_the_largest_unit() {
        assert_eq!([86_400, 3600, 900, 61, 0].map(time), ["1d", "1h", "15m", "61s", "1s"]);
    }
}
