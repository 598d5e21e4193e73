//! What may stand in a dialect file, as a JSON Schema (2020-12) for editors?
//!
//! It knows keys, types and closed lists of words. What only the compiler can know (slots, paths, weakenings that fit)
//! is told at load.

mod part;

use domain::command::Verb;
use domain::contract::{FactorWays, Weakening};
use domain::input::{Input, Rule};
use domain::refusal::REFUSAL_CODES;
use part::{
    about, any_number, choice, described, flag, free_texts, map, needing, number, object_of, one_of, refer,
    table, tables, text, texts, time, with, words,
};
use serde_json::{Value, json};

/// The schema of `dialect.toml`. Unknown keys are refused in every table.
pub fn schema() -> Value {
    let mut root = needing(root(), &["language", "name", "version"]);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Countersign dialect",
        "description": "A sign-in contract as data: docs/dialects.md",
        "$defs": object_of(definitions()),
        "if": { "required": ["extends"] },
        "then": { "required": ["source"] },
        "else": whole(),
    });
    if let (Value::Object(head), Value::Object(root)) = (head, &mut root) {
        root.extend(head);
    }
    root
}

/// What a file needs that stands alone. One that extends another differs from it in a few lines.
fn whole() -> Value {
    let access = json!({ "required": ["algorithm", "lifetime", "claims"] });
    let refresh = json!({ "required": ["form", "lifetime"] });
    let route = json!({
        "required": ["verb", "on", "give"],
        "properties": { "take": { "additionalProperties": { "required": ["from"] } } },
    });
    json!({
        "required": ["tokens", "refuse", "route"],
        "properties": {
            "tokens": { "required": ["access"], "properties": { "access": access, "refresh": refresh } },
            "refuse": { "required": ["default"] },
            "route": with(route.clone(), "items", route),
        },
    })
}

fn definitions() -> Vec<(&'static str, Value)> {
    vec![
        (
            "json_template",
            described("string", "JSON in a text; `{slot}` stands for a value, `{shape.NAME}` for a shape."),
        ),
        (
            "text_template",
            described("string", "A text; `{slot}` stands for a value, `{{` and `}}` for braces."),
        ),
        (
            "time",
            with(
                described("string", "A time: a whole number and s, m, h or d."),
                "pattern",
                json!("^[0-9]+[smhd]$"),
            ),
        ),
        ("place", place()),
        ("input", words(&inputs())),
        ("rule", words(&rules())),
        ("other_json", words(&["not_an_object", "nothing_given", "malformed_body", "empty"])),
        ("places", texts("Places in order; the first that holds something counts.", refer("place"))),
        (
            "headers",
            map(
                "Header → text template. An empty value leaves the header out.",
                None,
                refer("text_template"),
            ),
        ),
        ("messages", map("Rule → wording.", Some(refer("rule")), refer("text_template"))),
        ("refusal", words(&refusal_words())),
        ("refusals", map("Code → answer.", Some(refusal_names()), refer("said"))),
        ("said", table(said())),
        ("cookie", needing(table(cookie()), &["name"])),
        ("give", table(said().into_iter().chain([case()]).collect())),
        ("take", table(take().into_iter().chain(checks()).collect())),
        ("need", needing(table(need()), &["any"])),
        ("route", table(route())),
    ]
}

// ---- closed lists

fn rules() -> Vec<&'static str> {
    Rule::ALL.iter().map(|rule| rule.code()).collect()
}

fn refusal_words() -> Vec<&'static str> {
    REFUSAL_CODES.iter().copied().chain(["default", "fault"]).collect()
}

/// Codes, and `token_claim_missing.NAME` for one claim.
fn refusal_names() -> Value {
    json!({ "anyOf": [refer("refusal"), { "type": "string", "pattern": r"^token_claim_missing\..+$" }] })
}

fn inputs() -> Vec<&'static str> {
    Input::ALL.iter().map(|input| input.name()).collect()
}

fn verbs() -> Vec<&'static str> {
    Verb::ALL.iter().map(|verb| verb.name()).collect()
}

fn weakenings() -> Vec<&'static str> {
    Weakening::ALL.iter().map(|weakening| weakening.name()).collect()
}

fn place() -> Value {
    json!({
        "type": "string",
        "pattern": r"^(body|form|query|header|cookie|path)\..+$",
        "description": "body.a.b, form.a, query.a, header.X-A, cookie.a or path.a",
    })
}

// ---- tables

fn root() -> Value {
    table(vec![
        ("language", json!({ "const": crate::LANGUAGE, "description": "Version of the dialect language." })),
        (
            "name",
            with(
                text("1 to 40 lower-case letters, digits and dashes."),
                "pattern",
                json!("^[a-z0-9-]{1,40}$"),
            ),
        ),
        ("title", text("For people.")),
        (
            "extends",
            with(text("The dialect whose file this one begins with."), "pattern", json!("^[a-z0-9-]{1,40}$")),
        ),
        (
            "without",
            free_texts(
                "What is taken away from that file first: refuse.taken, route.NAME, route.NAME.take.otp …",
            ),
        ),
        ("purpose", choice("For whom the contract is.", &["application", "administration"])),
        ("version", text("Version of the contract.")),
        ("source", free_texts("Where the contract is documented or was recorded.")),
        ("date", text("Form of moments that name none: iso, iso:3, seconds, millis, date:PATTERN …")),
        (
            "strict",
            choice(
                "Whether the strict preset may shorten lives and lengthen passwords.",
                &["keep", "follow"],
            ),
        ),
        ("weaker", texts("Weaker behaviour that the contract demands, by name.", words(&weakenings()))),
        ("shape", map("Named JSON templates, included by {shape.NAME}.", None, refer("json_template"))),
        ("http", http()),
        ("headers", about(refer("headers"), "Headers of every answer.")),
        ("credential", credential()),
        ("cookies", choice("Whether tokens travel in cookies.", &["off", "instead", "beside"])),
        ("tokens", tokens()),
        ("passwords", passwords()),
        ("newcomer", newcomer()),
        ("roles", map("Role → the dialect's word for it.", None, text("As {user.role} says it."))),
        ("factors", factors()),
        ("flaws", flaws()),
        ("messages", about(refer("messages"), "Wordings of flaws.")),
        ("messages_by_input", map("Input → wordings of its flaws.", Some(refer("input")), refer("messages"))),
        ("refuse", about(refer("refusals"), "The noes of all routes.")),
        ("route", tables("The routes.", "route")),
    ])
}

const JSON_TYPES: [&str; 5] = ["array", "string", "number", "boolean", "null"];
const MEDIA: [&str; 3] = ["json", "form", "multipart"];

fn http() -> Value {
    let by_type = |of: Value| table(JSON_TYPES.iter().map(|kind| (*kind, of.clone())).collect());
    table(vec![
        ("media", texts("Kinds of body that routes read; json where nothing is named.", words(&MEDIA))),
        ("other_media", choice("A body of another kind.", &["refuse", "empty"])),
        ("slash", choice("Whether a path is also good with a slash more or less.", &["either", "exact"])),
        ("wrong_method", choice("How a wrong method is refused.", &["method_not_allowed", "not_found"])),
        ("options", choice("What becomes of OPTIONS.", &["refuse", "answer"])),
        ("allow_options", choice("Where OPTIONS stands in {allow}.", &["none", "first", "last"])),
        (
            "accept",
            choice("Whether an Accept header that excludes our answers is refused.", &["ignore", "check"]),
        ),
        ("content_type", with(text("Content-Type of JSON answers."), "default", json!("application/json"))),
        ("unknown_fields", choice("Fields that nobody takes.", &["ignore", "refuse"])),
        ("space", free_texts("Path prefixes in which this dialect answers for unknown paths.")),
        ("json", about(by_type(refer("other_json")), "What becomes of JSON bodies that are not objects.")),
        ("type_names", about(by_type(text("The dialect's word.")), "What {json_type} says.")),
    ])
}

fn credential() -> Value {
    table(vec![
        ("from", about(refer("places"), "Where an access token stands: headers and cookies.")),
        ("scheme", with(text("Before the token, in headers; empty = none."), "default", json!("Bearer"))),
        ("scheme_case", choice("Whether the scheme's letter case counts.", &["any", "exact"])),
    ])
}

fn tokens() -> Value {
    let token_id = "Whether tokens that the application signed before the move must carry the id.";
    let token_id = choice(token_id, &["required", "optional"]);
    let header = table(vec![
        ("typ", with(text("The typ of the JOSE header; empty = none."), "default", json!("JWT"))),
        ("first", choice("Which member stands first.", &["alg", "typ"])),
        ("kid", flag("Whether the key's id is named.", false)),
        ("check_typ", flag("Whether a token with another typ is refused.", false)),
    ]);
    let access = table(vec![
        ("algorithm", one_of("The key's algorithm.", &["HS256", "ES256", "RS256", "EdDSA"])),
        ("lifetime", time("Until it ends.")),
        ("claims", refer("json_template")),
        ("token_id", token_id.clone()),
        ("header", header),
    ]);
    let refresh = table(vec![
        ("form", one_of("On the wire.", &["jwt", "opaque"])),
        ("lifetime", time("Until an unused one ends.")),
        ("absolute", time("Until the session ends whatever happens; at least the lifetime.")),
        ("rotation", choice("What an exchange does to it.", &["rotate", "keep"])),
        (
            "grace",
            time("How long a predecessor gives the same successor; at most 60s, 10s where nothing is named."),
        ),
        ("claims", refer("json_template")),
        ("token_id", token_id),
    ]);
    table(vec![
        ("leeway", time("By how much clocks may differ; at most 120s, none where nothing is named.")),
        ("access", access),
        ("refresh", refresh),
    ])
}

fn passwords() -> Value {
    table(vec![
        ("min_length", with(number("Fewest characters of a new password.", 1, 64), "default", json!(15))),
        ("refuse_common", flag("Whether common ones and the account's own words are refused.", true)),
        ("refuse_numeric", flag("Whether digits alone are refused.", false)),
    ])
}

fn newcomer() -> Value {
    table(vec![
        ("role", text("The role of a new account.")),
        ("permissions", free_texts("The permissions of a new account.")),
        ("attributes", described("object", "The custom attributes of a new account.")),
    ])
}

fn factors() -> Value {
    let ways = || words(&FactorWays::NAMES);
    table(vec![
        ("ways", texts("In which ways a sign-in can ask for a second factor.", ways())),
        ("on_by_default", texts("Which of them are on where a mount says nothing.", ways())),
    ])
}

fn flaws() -> Value {
    let shapes = ["map_of_lists", "map", "list", "items", "map_of_items", "map_of_item_lists"];
    table(vec![
        ("shape", choice("In which shape flaws are listed.", &shapes)),
        ("collect", choice("How many are told.", &["all", "first_per_field", "first"])),
        ("item", about(refer("json_template"), "One flaw, for the shapes that hold items.")),
    ])
}

fn said() -> Vec<(&'static str, Value)> {
    vec![
        ("status", number("Status code.", 200, 599)),
        ("headers", refer("headers")),
        ("cookies", tables("Cookies to set or clear.", "cookie")),
        ("body", refer("json_template")),
        ("text", about(refer("text_template"), "A body of plain text.")),
        ("empty", flag("No body.", false)),
    ]
}

fn case() -> (&'static str, Value) {
    let cases = ["exists", "free", "pending", "factor", "enrolment"].map(|case| (case, refer("said")));
    let text =
        "Other answers: of check_email and sign_up by what was found, of a sign-in by what is still to come.";
    ("case", about(table(cases.to_vec()), text))
}

fn cookie() -> Vec<(&'static str, Value)> {
    vec![
        ("name", text("Letters, digits, `-`, `_` and `.`")),
        ("value", refer("text_template")),
        ("clear", flag("Takes the cookie away.", false)),
        ("path", with(text("Path."), "default", json!("/"))),
        ("http_only", flag("Hidden from scripts.", true)),
        ("secure", flag("Over TLS only.", true)),
        ("same_site", choice("SameSite.", &["lax", "strict", "none"])),
        ("max_age", time("Until the browser forgets it; the browser's session where nothing is named.")),
    ]
}

fn take() -> Vec<(&'static str, Value)> {
    let kinds = ["text", "text_or_number", "integer", "number", "boolean", "list", "object", "any", "file"];
    let join = table(vec![
        ("join", texts("From these inputs, in order.", refer("input"))),
        ("with", text("With this between.")),
        ("case", choice("Letter case of what is made.", &["as_typed", "lower"])),
    ]);
    let codes = ["invalid_credentials", "token_invalid", "not_found", "malformed_body", "not_yours"];
    vec![
        ("from", refer("places")),
        ("scheme", text("Before the value, in headers.")),
        ("label", text("Readable name for {label}; the field's name where nothing is named.")),
        ("type", one_of("JSON type; file for an avatar, else text.", &kinds)),
        ("required", flag("Must be there.", false)),
        (
            "null",
            one_of("What a null means; clear for an avatar, else refuse.", &["refuse", "absent", "clear"]),
        ),
        (
            "blank",
            one_of(
                "What an empty text means; refuse when required, else allow.",
                &["refuse", "absent", "allow"],
            ),
        ),
        ("trim", described("boolean", "Cuts outer white space; never for secrets.")),
        ("exact", flag("Identifiers must be spelled as stored.", false)),
        ("messages", refer("messages")),
        ("refuse", map("Rule → code of another refusal.", Some(refer("rule")), words(&codes))),
        ("phase", number("Later phases are looked at only when earlier ones have no flaw.", 1, 9)),
        ("default", about(join, "Made from other inputs when absent.")),
    ]
}

fn checks() -> Vec<(&'static str, Value)> {
    vec![
        ("min_length", number("Fewest code points.", 0, 4096)),
        ("max_length", number("Most code points.", 0, 4096)),
        ("pattern", text("A regular expression that the value must match.")),
        ("format", one_of("A known format.", &["email"])),
        ("one_of", free_texts("The values allowed.")),
        ("min", any_number("Smallest number.")),
        ("max", any_number("Largest number.")),
        ("equals", about(refer("input"), "The input whose value it must equal.")),
    ]
}

fn need() -> Vec<(&'static str, Value)> {
    vec![
        ("any", texts("At least one of these inputs must be there.", refer("input"))),
        ("message", refer("text_template")),
        ("phase", number("As for inputs.", 1, 9)),
    ]
}

fn takes() -> Value {
    let plain: Vec<&str> =
        inputs().into_iter().filter(|name| !["attribute", "ignored"].contains(name)).collect();
    let pattern = format!(r"^({}|attribute\..+|ignored\..+)$", plain.join("|"));
    map("Input → where it stands and what it may be.", Some(json!({ "pattern": pattern })), refer("take"))
}

fn route() -> Vec<(&'static str, Value)> {
    let when =
        map("Place → value: what tells routes on one path apart.", Some(refer("place")), text("The value."));
    vec![
        ("name", text("Unique; the verb where nothing is named.")),
        ("verb", one_of("What it asks for.", &verbs())),
        ("on", with(text("Method and path."), "pattern", json!("^(GET|POST|PUT|PATCH|DELETE) /"))),
        ("when", when),
        ("media", texts("Kinds of body, instead of the dialect's.", words(&MEDIA))),
        ("unknown_fields", one_of("Instead of the dialect's.", &["ignore", "refuse"])),
        (
            "refuse_nothing",
            flag("A request with none of the required inputs is refused as nothing_given.", false),
        ),
        (
            "needs_access",
            flag("A good access token must come along although the verb could do without.", false),
        ),
        ("take", takes()),
        ("need", tables("Alternatives.", "need")),
        ("headers", about(refer("headers"), "Headers of every answer of this route.")),
        ("give", refer("give")),
        ("refuse", about(refer("refusals"), "The noes of this route.")),
    ]
}

#[cfg(test)]
mod tests;
