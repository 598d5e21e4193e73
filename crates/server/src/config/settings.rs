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
/// A day, in milliseconds.
const DAY: u64 = 24 * HOUR;

/// Every setting, in the order of the documentation.
pub static SETTINGS: &[Setting] = &[
    setting("listen", Kind::Address, "127.0.0.1:8000", "Address and port to listen on."),
    setting("data", Kind::Path, "data", "Folder of the database and the keys; made when it is not there."),
    setting(
        "database",
        Kind::Database,
        "",
        "Where everything is kept. Empty: the embedded SQLite, countersign.db in the data folder. `sqlite:/path/to/file.db`: in another file. `postgres://user@host1:5432,host2:5432/name?sslrootcert=/path/to/ca.pem`: a PostgreSQL, for more than one machine (docs/operating.md).",
    ),
    setting(
        "database_password_file",
        Kind::Path,
        "",
        "File with the PostgreSQL password, readable by you alone; or put it into the variable COUNTERSIGN_DATABASE_PASSWORD.",
    ),
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
    setting(
        "preset",
        Kind::Choice(&["standard", "strict"]),
        "standard",
        "strict = shorter sessions and longer passwords in every dialect that follows (docs/operating.md).",
    ),
    setting(
        "service_name",
        Kind::Line,
        "",
        "What your service is called in letters and on pages. Empty = the host name of public_url.",
    ),
    setting("dialects", Kind::Path, "", "Folder with dialect folders of your own."),
    setting("postgres.readers", Kind::Whole(1, 16), "2", "Connections that all looks share."),
    setting("postgres.writers", Kind::Whole(1, 64), "8", "Connections for changes."),
    setting(
        "postgres.pool_wait_ms",
        Kind::Whole(1, 10_000),
        "1000",
        "How long a change may wait for one of them, in milliseconds. Above it: 503.",
    ),
    setting(
        "postgres.statement_timeout_ms",
        Kind::Whole(100, 60_000),
        "2000",
        "How long one statement may take, in milliseconds.",
    ),
    setting(
        "postgres.lock_timeout_ms",
        Kind::Whole(100, 60_000),
        "1000",
        "How long a statement may wait for a lock, in milliseconds.",
    ),
    setting(
        "postgres.idle_in_transaction_timeout_ms",
        Kind::Whole(100, 60_000),
        "3000",
        "After so many milliseconds PostgreSQL ends a transaction whose node says nothing any more.",
    ),
    setting(
        "postgres.synchronous_commit",
        Kind::Durability,
        "on",
        "When a change counts as kept: on, remote_apply, remote_write or local, as PostgreSQL means them. With remote_write and local a fail-over can lose what was answered already.",
    ),
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
        "passwords.breach_url",
        Kind::Service,
        "",
        "Service that new passwords are looked up with, by the first five digits of their SHA-1, like https://api.pwnedpasswords.com/range/. Empty: nobody is asked.",
    ),
    setting(
        "passwords.breach_timeout",
        Kind::Span(100, 5000),
        "1s",
        "For the whole look-up; after it the password is taken and the look-up noted as failed.",
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
    setting(
        "recovery.require_verified",
        Kind::Choice(&["off", "on"]),
        "off",
        "Whether nobody gets a token before the address is verified. on needs mail.",
    ),
    setting(
        "recovery.letters_per_minute",
        Kind::Whole(1, 60),
        "1",
        "Letters of one purpose to one address within a minute; above it the answer is the same, without a letter.",
    ),
    setting("recovery.letters_per_hour", Kind::Whole(1, 600), "5", "The same within an hour."),
    setting(
        "admin.require_factor",
        Kind::Switch,
        "true",
        "Whether administrators need a second factor to sign in. Off is a named weakening.",
    ),
    setting(
        "mail.transport",
        Kind::Choice(&["off", "log", "file", "smtp"]),
        "off",
        "Where letters go. off: nothing that needs a letter is offered. log and file are for development.",
    ),
    setting("mail.from", Kind::Line, "", "Who letters are from, like \"Example <no-reply@example.com>\"."),
    setting("mail.server", Kind::Line, "", "Host name of the mail server (smtp)."),
    setting("mail.port", Kind::Whole(0, 65_535), "0", "Its port; 0 = 587, or 465 for tls, or 25 for none."),
    setting(
        "mail.encryption",
        Kind::Choice(&["starttls", "tls", "none"]),
        "starttls",
        "How the connection is protected. none only to a mail server on this machine.",
    ),
    setting("mail.user", Kind::Line, "", "User name at the mail server, if it asks for one."),
    setting(
        "mail.password_file",
        Kind::Path,
        "",
        "File with the password, readable by you alone; or put it into the variable COUNTERSIGN_MAIL_PASSWORD.",
    ),
    setting(
        "mail.ca_file",
        Kind::Path,
        "",
        "File with certificates (PEM) that are trusted for the mail server in place of the public ones.",
    ),
    setting("mail.folder", Kind::Path, "", "Where letters are written (file). Empty = mail under data."),
    setting(
        "mail.language",
        Kind::Line,
        "en",
        "Language of letters and pages for those who want none that there is.",
    ),
    setting(
        "mail.templates",
        Kind::Path,
        "",
        "Folder with your own letters: <language>/<letter>.subject, .txt and .html.",
    ),
    setting(
        "mail.parallel",
        Kind::Whole(1, 16),
        "1",
        "Letters that are sent at once. After a crash up to so many can arrive twice; none is lost.",
    ),
    setting(
        "mail.retry",
        Kind::Span(100, HOUR),
        "5s",
        "First wait after a letter was not taken; it doubles up to an hour.",
    ),
    setting(
        "pages.hosted",
        Kind::Choice(&["on", "off"]),
        "on",
        "Whether this server shows pages for the links in letters. Only with mail.",
    ),
    setting("pages.path", Kind::Prefix, "/account", "Before the paths of these pages."),
    setting("pages.templates", Kind::Path, "", "Folder with your own pages: <language>/<page>.html."),
    setting(
        "pages.reset_url",
        Kind::Link,
        "",
        "Your own page for resets, like \"https://app.example.com/reset#token={token}\".",
    ),
    setting("pages.verify_url", Kind::Link, "", "The same for confirming an address."),
    setting("pages.confirm_url", Kind::Link, "", "The same for confirming a new address."),
    setting("pages.undo_url", Kind::Link, "", "The same for taking a change of address back."),
    setting("pages.invitation_url", Kind::Link, "", "The same for invitations."),
    setting(
        "retention.sessions",
        Kind::Span(DAY, 3650 * DAY),
        "2160h",
        "How long a session is remembered after its end, so that `countersign audit why` can tell (2160h = 90 days).",
    ),
    setting(
        "retention.events",
        Kind::Span(0, 36_500 * DAY),
        "0s",
        "How long events are kept in the audit trail; 0s = for ever, otherwise at least 24h.",
    ),
    setting("limits.max_connections", Kind::Whole(1, 1_000_000), "10000", "Open connections in all."),
    setting(
        "limits.per_client",
        Kind::Whole(0, 1_000_000),
        "200",
        "Open connections of one client address; 0 = any number. Not counted behind trusted proxies and from this machine.",
    ),
    setting("limits.body_bytes", Kind::Whole(1024, 65_536), "16384", "The largest body of ordinary routes."),
    setting(
        "limits.enabled",
        Kind::Switch,
        "true",
        "Whether tries are counted. Off only for load tests: a named weakening.",
    ),
    setting(
        "limits.free_failures",
        Kind::Whole(1, 1000),
        "5",
        "Wrong passwords of one account in a row without a wait; then 1, 2, 4 … seconds.",
    ),
    setting("limits.longest_wait", Kind::Span(1000, 24 * HOUR), "900s", "No such wait is longer."),
    setting(
        "limits.most_failures",
        Kind::Whole(1, 4000),
        "100",
        "Wrong passwords in a row after which the password is off until it is reset.",
    ),
    setting(
        "limits.off_for_devices",
        Kind::Switch,
        "false",
        "Whether a password that is off is off on known devices, too.",
    ),
    setting(
        "limits.device_failures",
        Kind::Whole(1, 10_000),
        "10",
        "Wrong passwords of a known device in 10 minutes; strangers do not touch this budget.",
    ),
    setting(
        "limits.device_days",
        Kind::Whole(0, 3650),
        "90",
        "Days for which a device stays known after a sign-in; 0 = devices are not remembered.",
    ),
    setting(
        "limits.client_failures",
        Kind::Whole(1, 1_000_000),
        "30",
        "Wrong passwords from one client address in 10 minutes.",
    ),
    setting(
        "limits.client_failures_hour",
        Kind::Whole(1, 1_000_000),
        "100",
        "Wrong passwords from one client address in an hour.",
    ),
    setting(
        "limits.network_factor",
        Kind::Whole(1, 65_536),
        "10",
        "How many times that a /48 of IPv6 may have.",
    ),
    setting(
        "limits.client_requests",
        Kind::Whole(1, 1_000_000),
        "60",
        "Requests a minute from one client address that check a password or ask about accounts.",
    ),
    setting("limits.client_burst", Kind::Whole(1, 1_000_000), "30", "How many of them may come at once."),
    setting(
        "limits.pairs",
        Kind::Whole(1, 32),
        "15",
        "Different pairs of account and password that may fail from one client address.",
    ),
    setting("limits.pairs_window", Kind::Span(60_000, 24 * HOUR), "3h", "Within this time."),
    setting(
        "limits.pairs_block",
        Kind::Span(1000, 720 * HOUR),
        "24h",
        "One more, and the client is blocked for so long.",
    ),
    setting("limits.sign_ups", Kind::Whole(1, 1_000_000), "10", "Sign-ups an hour from one client address."),
    setting(
        "limits.refreshes",
        Kind::Whole(1, 10_000_000),
        "30",
        "Exchanges a minute within one family of refresh tokens.",
    ),
    setting(
        "limits.alarm_percent",
        Kind::Whole(1, 100),
        "50",
        "An event is written when more than this share of the last 5 minutes' sign-ins failed; 100 = never.",
    ),
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
pub static MOUNT_WORDS: [(&str, &str); 24] = [
    ("dialect", "Name of the dialect, built in or a folder under `dialects`."),
    ("prefix", "Before every path of the dialect, like \"/accounts\"."),
    ("host", "Only for requests to this host name."),
    ("secret_file", "File with the secret that is shared with the application (HS256 dialects)."),
    ("allow_short_secret", "Accept a shared secret of fewer than 32 bytes."),
    (
        "accept_until",
        "Until when tokens are accepted that the application signed itself, like 2027-01-31T00:00:00Z.",
    ),
    (
        "old_jwks_file",
        "File with the public keys (JWK set: RS256, ES256, EdDSA) that the application signed with before the move. They only verify, until `accept_until`.",
    ),
    (
        "old_secret_file",
        "File with the secret (HS256) that it signed with, where this mount has keys of its own.",
    ),
    (
        "old_refresh_secret_file",
        "File with the secret that its refresh tokens were signed with, where they have one of their own.",
    ),
    (
        "old_claims",
        "Section [mount.old_claims]: how the claims of those tokens differ from the dialect's, below.",
    ),
    (
        "factors",
        "In which ways a sign-in may ask for a second factor: a list of \"half_way\", \"field\" and \"suffix\", as far as the dialect can.",
    ),
    ("allowed_origins", "Origins of pages that may call this dialect from a browser (CORS)."),
    ("allow_credentials", "Whether those pages may send cookies; only where tokens travel in cookies."),
    (
        "cookies",
        "Where tokens travel: `instead` = in cookies only, `beside` = in cookies for pages and in the answer, `off`. Default: as the dialect says, that is `off` for those built in.",
    ),
    ("cookie_name", "A word in the names of the cookies, when several mounts of one host have cookies."),
    ("cookie_same_site", "`lax` (default) or `strict`."),
    (
        "cookie_life",
        "`token` (default): a cookie lives as long as its token; `browser`: until the browser is closed.",
    ),
    (
        "csrf_header",
        "Header in which pages send the CSRF token back: X-CSRF-Token, or another one that begins with X-.",
    ),
    (
        "upstream",
        "The application that this mount takes over from: scheme, host, port and perhaps a path, like https://old.example or http://127.0.0.1:8001.",
    ),
    ("upstream_timeout", "The most time that one request to it may take, 1s to 30s; default 5s."),
    ("upstream_parallel", "The most requests to it at once, 1 to 256; default 32. As many again may wait."),
    (
        "upstream_private",
        "Whether its host name may lead to private or loopback addresses; default false. An address or `localhost` in `upstream` itself needs no permission.",
    ),
    ("upstream_host", "Its Host header: `keep` (default) = as the client sent it, or a host name."),
    (
        "phase",
        "Where the mount starts: `shadow` (default) = the old application answers, `dual` = this server answers and keeps it in step, `cut` = this server alone. Only with `upstream`; `countersign migration phase` changes it later.",
    ),
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
