//! Do many nodes that look at one table of keys at different moments always understand each other? (REL-31, REL-32)

use super::*;
use crate::mounts::load_dialect;
use engine::KeptKey;
use std::collections::BTreeSet;

const NOW: i64 = 1_710_080_400;
/// The longest that a node can rely on what it saw: a look every three seconds, and time to read.
const STALE: i64 = 5;

fn at(second: i64) -> Moment {
    Moment::from_seconds(second)
}

/// A node that has just looked.
fn node(table: &[KeptKey]) -> Keys {
    Keys {
        home: Home::Rows(Rows::new("db:5432/c".to_owned(), table.to_vec())),
        folder: PathBuf::from("/nowhere"),
        database: Place::Memory,
        master: MasterPlace { given: None, path: PathBuf::from("/nowhere/master.key") },
    }
}

/// What becomes of the table when a node keeps its changes; none when it relied on another version.
fn keep(table: &[KeptKey], keys: &Keys) -> Option<Vec<KeptKey>> {
    let Home::Rows(rows) = &keys.home else { panic!("no rows") };
    let mut table = table.to_vec();
    for change in rows.changes() {
        let found = table.iter().position(|row| row.name == change.name);
        if found.map_or(0, |at| table[at].version) != change.replaces {
            return None;
        }
        let row = KeptKey { name: change.name, version: change.replaces + 1, text: change.text };
        match found {
            Some(at) => table[at] = row,
            None => table.push(row),
        }
    }
    Some(table)
}

fn contract(dialect: &str) -> (Contract, MountConfig) {
    (load_dialect(dialect, None).unwrap().contract.clone(), MountConfig::plain(dialect))
}

/// The name of the key that signs, and those of all that verify.
fn roles(table: &[KeptKey], contract: &Contract, now: Moment) -> (String, BTreeSet<String>) {
    let listed = node(table).list(contract, &MountConfig::plain(&contract.name), now).unwrap();
    let signs = listed.iter().find(|key| key.role == Role::Signs).unwrap().id.clone();
    (signs, listed.into_iter().filter(|key| key.role != Role::Over).map(|key| key.id).collect())
}

/// A table with one key of the dialect.
fn begun(contract: &Contract, settings: &MountConfig) -> Vec<KeptKey> {
    let mut first = node(&[]);
    first.of_mount(contract, settings, &Chance::System, at(NOW)).unwrap();
    keep(&[], &first).unwrap()
}

#[test]
fn no_node_signs_with_a_key_that_another_has_not_seen() {
    // REL-31
    for dialect in ["native", "password-generator"] {
        let (contract, settings) = contract(dialect);
        let before = begun(&contract, &settings);
        let mut rotating = node(&before);
        let rotated = at(NOW + 100);
        let from = rotating.rotate(&contract, &settings, &Chance::System, rotated).unwrap();
        let after = keep(&before, &rotating).unwrap();
        assert!(from.seconds() - rotated.seconds() > 2 * STALE, "{dialect}");
        for second in 0..PUBLISHED_BEFORE + 60 {
            let now = rotated.plus_seconds(second);
            let (quick, quick_verifies) = roles(&after, &contract, now);
            let late = if second < STALE { &before } else { &after };
            let (slow, slow_verifies) = roles(late, &contract, now);
            assert!(slow_verifies.contains(&quick), "{dialect}: second {second}: the slow node refuses");
            assert!(quick_verifies.contains(&slow), "{dialect}: second {second}: the quick node refuses");
        }
        assert_eq!(roles(&after, &contract, from).1.len(), 2);
        assert_ne!(roles(&after, &contract, from).0, roles(&before, &contract, from).0, "{dialect}");
    }
}

#[test]
fn of_two_that_rotate_from_one_look_one_has_to_look_again() {
    // REL-36
    let (contract, settings) = contract("native");
    let table = begun(&contract, &settings);
    let (mut one, mut other) = (node(&table), node(&table));
    for keys in [&mut one, &mut other] {
        keys.rotate(&contract, &settings, &Chance::System, at(NOW + 1)).unwrap();
    }
    let table = keep(&table, &one).unwrap();
    assert!(keep(&table, &other).is_none(), "a rotation was lost");
    let mut again = node(&table);
    again.rotate(&contract, &settings, &Chance::System, at(NOW + 1)).unwrap();
    let table = keep(&table, &again).unwrap();
    assert_eq!(roles(&table, &contract, at(NOW + 1)).1.len(), 3);
}

#[test]
fn two_first_starts_make_one_set_of_keys() {
    let (contract, settings) = contract("native");
    let (mut one, mut other) = (node(&[]), node(&[]));
    for keys in [&mut one, &mut other] {
        keys.of_mount(&contract, &settings, &Chance::System, at(NOW)).unwrap();
        keys.new_tickets(&Chance::System, at(NOW)).unwrap();
    }
    let table = keep(&[], &one).unwrap();
    assert!(keep(&table, &other).is_none());
    assert_eq!(node(&table).trail().unwrap().expose(), one.trail().unwrap().expose());
}

#[test]
fn a_revoked_key_is_gone_and_another_one_signs() {
    // REL-32
    for dialect in ["native", "password-generator"] {
        let (contract, settings) = contract(dialect);
        let table = begun(&contract, &settings);
        let (first, _) = roles(&table, &contract, at(NOW));
        let mut keys = node(&table);
        keys.revoke(&contract, &settings, &first, (&Chance::System, at(NOW + 1))).unwrap();
        let table = keep(&table, &keys).unwrap();
        let (second, verifies) = roles(&table, &contract, at(NOW + 1));
        assert!(second != first && verifies.len() == 1, "{dialect}");

        // One that only verifies goes, and the one that signs stays; the one that waits takes over at once.
        let mut keys = node(&table);
        let from = keys.rotate(&contract, &settings, &Chance::System, at(NOW + 2)).unwrap();
        let table = keep(&table, &keys).unwrap();
        let mut keys = node(&table);
        keys.revoke(&contract, &settings, &second, (&Chance::System, from)).unwrap();
        let (third, verifies) = roles(&keep(&table, &keys).unwrap(), &contract, from);
        assert!(third != second && verifies == BTreeSet::from([third.clone()]), "{dialect}");
        let mut keys = node(&table);
        keys.revoke(&contract, &settings, &second, (&Chance::System, at(NOW + 3))).unwrap();
        let (now, verifies) = roles(&keep(&table, &keys).unwrap(), &contract, at(NOW + 3));
        assert!(now == third && verifies.len() == 1, "{dialect}: the one that waited");

        let unknown = node(&table).revoke(&contract, &settings, "none", (&Chance::System, at(NOW + 3)));
        assert!(unknown.unwrap_err().0.contains("there is no key \"none\""));
    }
}

#[test]
fn an_old_key_does_not_sign_again_when_its_successor_is_revoked() {
    // REL-32
    let (contract, settings) = contract("native");
    let table = begun(&contract, &settings);
    let (old, _) = roles(&table, &contract, at(NOW));
    let mut keys = node(&table);
    let from = keys.rotate(&contract, &settings, &Chance::System, at(NOW + 1)).unwrap();
    let table = keep(&table, &keys).unwrap();
    let (successor, _) = roles(&table, &contract, from);
    let mut keys = node(&table);
    keys.revoke(&contract, &settings, &successor, (&Chance::System, from)).unwrap();
    let (signs, verifies) = roles(&keep(&table, &keys).unwrap(), &contract, from);
    assert!(signs != old && signs != successor);
    assert_eq!(verifies, BTreeSet::from([old, signs]));
}

#[test]
fn nothing_of_a_row_is_printed_or_told() {
    // SEC-111
    let (contract, settings) = contract("password-generator");
    let table = begun(&contract, &settings);
    let text = String::from_utf8(table[0].text.expose().to_vec()).unwrap();
    let secret = text.split('"').find(|part| part.len() == 64).unwrap().to_owned();
    let keys = node(&table);
    assert!(!format!("{keys:?} {keys:#?} {:?}", keep(&[], &node(&[]))).contains(&secret));
    let broken = text.replace("\"keys\"", "\"kez\"");
    let row = KeptKey { text: SecretBytes::new(broken.into_bytes()), ..table[0].clone() };
    let fault = node(&[row]).list(&contract, &settings, at(NOW)).unwrap_err().0;
    assert!(
        fault.starts_with("db:5432/c: key password-generator: line ") && !fault.contains(&secret),
        "{fault}"
    );
}
