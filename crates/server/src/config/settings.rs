//! Which settings are there, with which defaults?

use super::kinds::Kind;

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name; a section stands before the dot.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// As in an environment variable.
    pub default: &'static str,
    /// For people, one line.
    pub about: &'static str,
}

const fn setting(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Setting {
    Setting { name, kind, default, about }
}

/// An hour, in milliseconds.
const HOUR: u64 = 3_600_000;

/// Every setting, in the order of the documentation.
pub static SETTINGS: [Setting; 26] = [
    setting("listen", Kind::Address, "127.0.0.1:8000", "Address and port to listen on."),
    setting("data", Kind::Path, "data", "Folder of the database and the keys; made when it is not there."),
    setting(
        "master_key_file",
        Kind::Path,
        "",
        "File with the master key that secrets in the database are sealed under. Empty: keys/master.key in the data folder. COUNTERSIGN_MASTER_KEY, the key itself, wins over it.",
    ),
    setting("public_url", Kind::Url, "", "How the world reaches this server. https here switches HSTS on."),
    setting(
        "trusted_proxies",
        Kind::Networks,
        "",
        "Proxies whose X-Forwarded-For is believed, as address blocks. Everybody else's is ignored.",
    ),
    setting("dialects", Kind::Path, "", "Folder with dialect folders of your own."),
    setting(
        "hashing.backend",
        Kind::Choice(&["simd", "portable"]),
        "simd",
        "Which argon2 implementation computes.",
    ),
    setting("hashing.memory_kib", Kind::Whole(8, 262_144), "19456", "Memory of one password hash, in KiB."),
    setting("hashing.passes", Kind::Whole(1, 16), "2", "Passes over that memory."),
    setting("hashing.lanes", Kind::Whole(1, 16), "1", "Lanes of that memory."),
    setting("hashing.workers", Kind::Whole(0, 256), "0", "Hashing threads; 0 = as many as cores."),
    setting(
        "hashing.queue",
        Kind::Whole(0, 65_536),
        "0",
        "How many passwords may wait; 0 = two seconds of work. Above it: 503.",
    ),
    setting(
        "hashing.per_client",
        Kind::Whole(0, 65_536),
        "4",
        "How many of one client may wait while the queue is half full; 0 = any number.",
    ),
    setting(
        "sessions.per_user",
        Kind::Whole(1, 10_000),
        "50",
        "Live sessions of one user; the oldest end above it.",
    ),
    setting(
        "sessions.fresh",
        Kind::Span(60_000, 900_000),
        "5m",
        "How long a proof of identity counts as fresh, where an action needs a fresh one.",
    ),
    setting("limits.max_connections", Kind::Whole(1, 1_000_000), "10000", "Open connections in all."),
    setting(
        "limits.per_client",
        Kind::Whole(0, 1_000_000),
        "200",
        "Open connections of one client address; 0 = any number. Not counted behind trusted proxies and from this machine.",
    ),
    setting("limits.body_bytes", Kind::Whole(1024, 65_536), "16384", "The largest body of ordinary routes."),
    setting("timeouts.header", Kind::Span(100, HOUR), "10s", "For the head of a request."),
    setting("timeouts.body", Kind::Span(100, HOUR), "15s", "For its body."),
    setting("timeouts.handler", Kind::Span(100, HOUR), "10s", "For the answer."),
    setting("timeouts.keep_alive", Kind::Span(100, HOUR), "60s", "An idle connection is closed after this."),
    setting(
        "timeouts.shutdown",
        Kind::Span(0, HOUR),
        "10s",
        "For requests in flight when the server is stopped.",
    ),
    setting(
        "log.format",
        Kind::Choice(&["auto", "human", "json"]),
        "auto",
        "auto = human on a terminal, else JSON.",
    ),
    setting(
        "log.level",
        Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
        "info",
        "The least important lines to be written.",
    ),
    setting("log.requests", Kind::Choice(&["all", "none"]), "all", "Whether every request gets a line."),
];

/// The words of a `[[mount]]`, with what they mean.
pub static MOUNT_WORDS: [(&str, &str); 8] = [
    ("dialect", "Name of the dialect, built in or a folder under `dialects`."),
    ("prefix", "Before every path of the dialect, like \"/accounts\"."),
    ("host", "Only for requests to this host name."),
    ("secret_file", "File with the secret that is shared with the application (HS256 dialects)."),
    ("allow_short_secret", "Accept a shared secret of fewer than 32 bytes."),
    (
        "accept_until",
        "Until when tokens are accepted that the application signed itself, like 2027-01-31T00:00:00Z.",
    ),
    ("allowed_origins", "Origins of pages that may call this dialect from a browser (CORS)."),
    ("allow_credentials", "Whether those pages may send cookies."),
];

/// The setting of this name.
pub fn named(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The sections, each once.
pub fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&str> = SETTINGS
        .iter()
        .filter_map(|setting| setting.name.split_once('.'))
        .map(|(section, _)| section)
        .collect();
    sections.dedup();
    sections
}

/// The environment variable of a setting.
pub fn variable(name: &str) -> String {
    format!("COUNTERSIGN_{}", name.replace('.', "__").to_ascii_uppercase())
}
