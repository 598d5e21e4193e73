//! What is one request with its answer, as seen on the wire?

use domain::time::Moment;
use serde_json::Value;
use std::fmt;

/// Most exchanges of one recording.
pub const MAX_EXCHANGES: usize = 2_000;
/// Largest body, in bytes, either way.
pub const MAX_BODY: usize = 1 << 20;
/// All bodies of one recording together, in bytes.
pub const MAX_BODIES: usize = 64 << 20;

/// Header fields in their order.
pub type Fields = Vec<(String, String)>;

/// A request with its answer. Prints neither fields nor bodies: they hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Exchange {
    /// When the request was sent.
    pub at: Moment,
    /// The request.
    pub asked: Asked,
    /// The answer.
    pub answered: Answered,
}

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct Asked {
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header fields.
    pub fields: Fields,
    /// Body as sent.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Answered {
    /// Status.
    pub status: u16,
    /// Header fields.
    pub fields: Fields,
    /// Body as sent.
    pub body: Vec<u8>,
}

/// What was recorded, in the order of the requests.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Where it was recorded, for people.
    pub source: String,
    /// In the order of the requests.
    pub exchanges: Vec<Exchange>,
    /// What is not among them, in sentences.
    pub left_out: Vec<String>,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.asked.method, self.asked.path(), self.answered.status)
    }
}

/// Answer fields that the server adds itself, or that belong to the machine and not to the contract.
const MACHINE: [&str; 30] = [
    "age",
    "alt-svc",
    "cache-control",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-security-policy",
    "content-type",
    "cross-origin-resource-policy",
    "date",
    "etag",
    "expires",
    "keep-alive",
    "last-modified",
    "location",
    "nel",
    "pragma",
    "report-to",
    "retry-after",
    "server",
    "set-cookie",
    "strict-transport-security",
    "trailer",
    "transfer-encoding",
    "via",
    "www-authenticate",
    "x-powered-by",
    "x-request-id",
];

/// Whether an answer field is one of a contract.
pub fn is_of_contract(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let starts = ["access-control-", "cf-", "x-ratelimit", "ratelimit", "x-runtime", "server-timing"];
    let ours = matches!(
        (name.as_str(), value),
        ("x-content-type-options", "nosniff") | ("referrer-policy", "no-referrer")
    );
    let machine = MACHINE.contains(&name.as_str()) || starts.iter().any(|start| name.starts_with(start));
    !machine && !ours
}

/// The first header field of a name.
pub fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The media type of a `Content-Type`, in lower case, without parameters; empty when there is none.
pub fn media(fields: &Fields) -> String {
    let kind = field(fields, "content-type").unwrap_or("");
    kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// Whether a media type is JSON.
pub fn is_json(media: &str) -> bool {
    media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"))
}

impl Asked {
    /// The path without its query.
    pub fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or("")
    }

    /// The query, without its question mark; empty when there is none.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The body as JSON, whatever its media type says.
    pub fn json(&self) -> Option<Value> {
        let first = self.body.iter().find(|byte| !byte.is_ascii_whitespace())?;
        if is_json(&media(&self.fields)) || matches!(first, b'{' | b'[') {
            serde_json::from_slice(&self.body).ok()
        } else {
            None
        }
    }
}

impl Answered {
    /// Whether it is a yes.
    pub fn is_good(&self) -> bool {
        (200..400).contains(&self.status)
    }

    /// The body as JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl Exchange {
    /// Whether it says anything about an API: pages, pictures, scripts and the preflights of browsers do not.
    pub fn is_of_an_api(&self) -> bool {
        let preflight = self.asked.method == "OPTIONS"
            && field(&self.asked.fields, "access-control-request-method").is_some();
        let kind = media(&self.answered.fields);
        let shown =
            ["text/html", "text/css", "text/javascript", "application/javascript", "application/wasm"]
                .contains(&kind.as_str())
                || ["image/", "font/", "audio/", "video/"].iter().any(|family| kind.starts_with(family));
        let looks = self.asked.method == "GET" || self.asked.method == "HEAD";
        !(preflight || looks && shown && self.answered.is_good() || self.answered.status == 304)
    }
}

impl Recording {
    /// Adds an exchange. Refused, and counted as left out: one more than a recording holds.
    pub fn push(&mut self, exchange: Exchange) {
        let bytes = |one: &Exchange| one.asked.body.len() + one.answered.body.len();
        let held: usize = self.exchanges.iter().map(bytes).sum();
        if self.exchanges.len() >= MAX_EXCHANGES || held + bytes(&exchange) > MAX_BODIES {
            self.leave_out(format!(
                "a recording holds {MAX_EXCHANGES} exchanges and {} MiB",
                MAX_BODIES >> 20
            ));
        } else if exchange.is_of_an_api() {
            self.exchanges.push(exchange);
        } else {
            self.leave_out("pages, pictures, scripts and preflights are left out".to_owned());
        }
    }

    /// Notes once why something is missing.
    pub fn leave_out(&mut self, why: String) {
        if !self.left_out.contains(&why) {
            self.left_out.push(why);
        }
    }
}
