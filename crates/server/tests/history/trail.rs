//! Does the audit trail say once what was answered once?

use crate::client::{Client, Counted};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::BTreeSet;
use testbed::Database;

const KINDS: [&str; 4] = ["signed_up", "signed_in", "signed_out", "password_changed"];

/// Every answer that said yes has its event; there are more only where an answer was lost.
pub fn expect_complete(database: &Database, clients: &[Client]) {
    let wrong = "SELECT u.email, k.kind, count(e.id) FROM users u CROSS JOIN unnest(ARRAY['signed_up', 'signed_in', \
         'signed_out', 'password_changed']) AS k(kind) \
         LEFT JOIN events e ON e.user_id = u.id AND e.kind = k.kind GROUP BY u.email, k.kind";
    let found = database.psql(wrong);
    let mut counts = std::collections::HashMap::new();
    for line in found.lines() {
        let mut parts = line.split('|');
        let (email, kind) = (parts.next().unwrap(), parts.next().unwrap());
        let count: u64 = parts.next().unwrap().parse().unwrap();
        counts.insert((email, kind), count);
    }
    for account in clients.iter().flat_map(|client| &client.accounts) {
        for (kind, Counted { known, perhaps }) in KINDS.into_iter().zip(account.counted) {
            let found = counts.get(&(account.email.as_str(), kind)).copied().unwrap_or(0);
            let right = (known..=known + perhaps).contains(&found);
            assert!(right, "{}: {found} × {kind}, {known} were answered and {perhaps} lost", account.email);
        }
        let made = counts[&(account.email.as_str(), "signed_up")];
        assert_eq!(made, 1, "{} was made {made} times", account.email);
    }
    let families = "SELECT count(*) FROM sessions WHERE end_reason = 'refresh_reuse'";
    let late: u64 = clients.iter().map(|client| client.too_late + client.reused).sum();
    let ended: u64 = database.psql(families).parse().unwrap();
    assert!(ended <= late, "{ended} families were ended for a reuse that was none");
}

/// What became of the sessions whose refresh tokens stand in these sentences, and of their users: for whoever has to find
/// out what went wrong.
pub fn told(database: &Database, broken: &[String]) -> String {
    let mut told = String::new();
    for session in broken.iter().filter_map(|sentence| session_in(sentence)).collect::<BTreeSet<i64>>() {
        let row = format!("SELECT row_to_json(s) FROM sessions s WHERE id = {session}");
        let events = format!(
            "SELECT id, kind, at, session_id, verb, result, request, details FROM events WHERE user_id = \
             (SELECT user_id FROM sessions WHERE id = {session}) ORDER BY id"
        );
        told += &format!("session {session}: {}\n{}\n", database.psql(&row), database.psql(&events));
    }
    told
}

/// The session of the first refresh token in a sentence.
fn session_in(sentence: &str) -> Option<i64> {
    let token = sentence.split_once("csr_")?.1;
    // 64 bits of the number and two of what follows.
    let bytes = URL_SAFE_NO_PAD.decode(token.get(..12)?).ok()?;
    Some(i64::from_be_bytes(*bytes.first_chunk()?))
}
