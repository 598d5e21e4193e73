//! Is every wrong setting of letters and pages told before anything starts? (SEC-40)

use countersign_server::config::{Config, Sources};

/// Settings with which letters can be sent.
const GOOD: &[(&str, &str)] = &[
    ("PUBLIC_URL", "https://id.example.com"),
    ("MAIL__TRANSPORT", "smtp"),
    ("MAIL__FROM", "Example <no-reply@example.com>"),
    ("MAIL__SERVER", "mail.example.com"),
];

fn load(changes: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let kept = GOOD.iter().filter(|(name, _)| !changes.iter().any(|(other, _)| other == name));
    let all = kept.chain(changes).map(|(name, value)| (format!("COUNTERSIGN_{name}"), (*value).to_owned()));
    let sources = Sources { environment: all.collect(), ..Sources::default() };
    Config::load(&sources).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

const OWN: &str = "https://app.example.com/x?t={token}";

/// Settings over the good ones, and the beginnings of the faults.
type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

/// What is changed, and everything that has to be told.
const TABLE: &[Case] = &[
    (&[], &[]),
    (&[("PUBLIC_URL", "")], &["letters need public_url"]),
    (&[("PUBLIC_URL", ""), ("MAIL__TRANSPORT", "log")], &["letters need public_url"]),
    (&[("PUBLIC_URL", ""), ("MAIL__TRANSPORT", "off")], &[]),
    (&[("MAIL__FROM", "")], &["mail.from is needed"]),
    (&[("MAIL__FROM", "Example")], &["mail.from: this is no mailbox"]),
    (&[("MAIL__FROM", "a@example.com, b@example.com")], &["mail.from: this is no mailbox"]),
    (&[("MAIL__FROM", "a@example.com\r\nBcc: b@example.com")], &["a line without control characters"]),
    (&[("MAIL__SERVER", "")], &["mail.server is needed"]),
    (&[("MAIL__ENCRYPTION", "none")], &["letters go in clear only to a mail server on this machine"]),
    (
        &[("MAIL__ENCRYPTION", "none"), ("MAIL__SERVER", "127.0.0.1.example.com")],
        &["letters go in clear only"],
    ),
    (&[("MAIL__ENCRYPTION", "none"), ("MAIL__SERVER", "127.0.0.1")], &[]),
    (&[("MAIL__ENCRYPTION", "none"), ("MAIL__SERVER", "::1")], &[]),
    (&[("MAIL__ENCRYPTION", "none"), ("MAIL__SERVER", "localhost")], &[]),
    (&[("MAIL__ENCRYPTION", "ssl")], &["none of starttls, tls, none"]),
    (&[("MAIL__USER", "me")], &["mail.user needs a password"]),
    (&[("MAIL_PASSWORD", "secret")], &["mail.user is needed"]),
    (&[("MAIL__USER", "me"), ("MAIL_PASSWORD", "secret")], &[]),
    (
        &[("MAIL__USER", "me"), ("MAIL_PASSWORD", "secret"), ("MAIL__PASSWORD_FILE", "f")],
        &["the password is given twice"],
    ),
    (
        &[("PAGES__HOSTED", "off"), ("PAGES__RESET_URL", OWN)],
        &[
            "pages.verify_url has to say",
            "pages.confirm_url has to say",
            "pages.undo_url has to say",
            "pages.invitation_url has to say",
        ],
    ),
    (&[("PAGES__RESET_URL", "https://app.example.com/x")], &["is not a link like"]),
    (&[("PAGES__RESET_URL", "https://app.example.com/{token}/{token}")], &["is not a link like"]),
    (&[("PAGES__RESET_URL", "https://{token}.example.com/")], &["is not a link like"]),
    (&[("PAGES__RESET_URL", "javascript:alert('{token}')")], &["is not a link like"]),
    (&[("PAGES__RESET_URL", "//evil.example/{token}")], &["is not a link like"]),
    (&[("PAGES__RESET_URL", "https://me@app.example.com/{token}")], &["is not a link like"]),
    (&[("PAGES__RESET_URL", "https://app.example.com/\"{token}")], &["is not a link like"]),
    (&[("PAGES__RESET_URL", "http://app.example.com/{token}")], &["would travel in clear"]),
    (&[("PAGES__RESET_URL", "http://localhost:3000/#{token}")], &[]),
    (&[("PAGES__PATH", "")], &[]),
    (&[("PAGES__PATH", "account")], &["is not a path like"]),
    (&[("PAGES__PATH", "/")], &["a path like \"/account\" is needed"]),
    (&[("MAIL__PARALLEL", "0")], &["0 is not from 1 to 16"]),
    (&[("MAIL__TRANSPORT", "sendmail")], &["none of off, log, file, smtp"]),
    (
        &[("PUBLIC_URL", ""), ("MAIL__FROM", ""), ("MAIL__SERVER", "")],
        &["letters need public_url", "mail.from is needed", "mail.server is needed"],
    ),
];

#[test]
fn what_is_missing_or_wrong_is_told() {
    for (changes, expected) in TABLE {
        let told = load(changes).err().unwrap_or_default();
        assert_eq!(told.len(), expected.len(), "{changes:?} {told:?}");
        for words in *expected {
            assert!(told.iter().any(|fault| fault.contains(words)), "{changes:?} {told:?}");
        }
    }
}
