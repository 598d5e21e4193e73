use super::dialogue::{Dialogue, Fate, From, Verdict};
use super::plan::{At, Plan, Side};
use super::*;

/// A message with a type.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind], length.as_slice(), body].concat()
}

fn query(sql: &str) -> Vec<u8> {
    message(b'Q', format!("{sql}\0").as_bytes())
}

/// A statement that is parsed, bound and executed, without a Sync.
fn executed(sql: &str) -> Vec<u8> {
    let parse = message(b'P', format!("s\0{sql}\0\0\0").as_bytes());
    [parse, message(b'B', b"\0s\0\0\0\0\0\0\0"), message(b'E', b"\0\0\0\0\0")].concat()
}

fn sync() -> Vec<u8> {
    message(b'S', b"")
}

/// The answer to [`executed`].
fn done(tag: &str) -> Vec<u8> {
    [message(b'1', b""), message(b'2', b""), complete(tag)].concat()
}

fn complete(tag: &str) -> Vec<u8> {
    message(b'C', format!("{tag}\0").as_bytes())
}

fn ready(state: u8) -> Vec<u8> {
    message(b'Z', &[state])
}

fn passed(bytes: &[u8]) -> Verdict {
    Verdict { forward: bytes.to_vec(), cut: false }
}

fn cut_after(bytes: &[u8]) -> Verdict {
    Verdict { forward: bytes.to_vec(), cut: true }
}

/// A dialogue whose client has signed in.
fn dialogue(plan: Plan) -> (Dialogue, Arc<Fate>) {
    let fate = Arc::new(Fate { plan: Mutex::new(plan), ..Fate::default() });
    let mut dialogue = Dialogue::new(fate.clone());
    let start = [&[0, 0, 0, 16, 0, 3, 0, 0], b"user\0a\0\0".as_slice()].concat();
    assert_eq!(dialogue.hear(From::Client, &start), passed(&start));
    let welcome = [message(b'R', &[0; 4]), ready(b'I')].concat();
    assert_eq!(dialogue.hear(From::Server, &welcome), passed(&welcome));
    (dialogue, fate)
}

#[test]
fn a_batch_is_passed_up_to_the_commit_that_is_cut_before() {
    let (mut dialogue, fate) = dialogue(Plan::nth(At::Commit, Side::Before, 1));
    let first = [executed("BEGIN"), executed("INSERT INTO t VALUES (1)")].concat();
    let commit = executed("COMMIT");
    let batch = [first.as_slice(), &commit, &sync()].concat();
    let execute = message(b'E', b"\0\0\0\0\0");
    let before = [first.as_slice(), &commit[..commit.len() - execute.len()]].concat();
    // Byte by byte, as a slow network brings it.
    let mut heard = Vec::new();
    let cut = batch.iter().any(|byte| {
        let verdict = dialogue.hear(From::Client, &[*byte]);
        heard.extend(verdict.forward);
        verdict.cut
    });
    assert!(cut);
    assert_eq!(heard, before);
    let counts = fate.tally.counts();
    assert_eq!((counts.commits, counts.writes, counts.turns, counts.round_trips), (1, 0, 1, 0));
}

#[test]
fn a_batch_with_its_commit_is_one_turn_and_its_answer_is_cut_off_at_the_commit() {
    let (mut dialogue, fate) = dialogue(Plan::nth(At::AnyWrite, Side::After, 2));
    let batch = [executed("BEGIN"), executed("DELETE FROM t"), executed("COMMIT"), sync()].concat();
    let answer = [done("BEGIN"), done("DELETE 1"), done("COMMIT"), ready(b'I')].concat();
    assert_eq!(dialogue.hear(From::Client, &batch), passed(&batch));
    assert_eq!(dialogue.hear(From::Server, &answer), passed(&answer));
    assert_eq!(dialogue.hear(From::Client, &batch), passed(&batch));
    let heard = [done("BEGIN"), done("DELETE 1"), message(b'1', b""), message(b'2', b"")].concat();
    assert_eq!(dialogue.hear(From::Server, &answer), cut_after(&heard));
    let counts = fate.tally.counts();
    assert_eq!((counts.commits, counts.writes, counts.turns, counts.round_trips), (2, 0, 2, 1));
}

#[test]
fn a_lone_write_is_cut_off_when_the_server_is_done_with_it() {
    let (mut dialogue, _) = dialogue(Plan::nth(At::AnyWrite, Side::After, 1));
    let write = [executed("UPDATE t SET n = 2"), sync()].concat();
    assert_eq!(dialogue.hear(From::Client, &write), passed(&write));
    let begun = [message(b'1', b""), message(b'2', b"")].concat();
    assert_eq!(dialogue.hear(From::Server, &done("UPDATE 1")), passed(&begun));
    assert_eq!(dialogue.hear(From::Server, &ready(b'I')), cut_after(b""));
}

#[test]
fn what_is_refused_at_the_last_moment_is_heard_and_the_next_is_cut_off() {
    let (mut dialogue, _) = dialogue(Plan::nth(At::AnyWrite, Side::After, 1));
    let write = [executed("UPDATE t SET n = 2"), sync()].concat();
    let refused = [done("UPDATE 1"), message(b'E', b"\0"), ready(b'I')].concat();
    assert_eq!(dialogue.hear(From::Client, &write), passed(&write));
    assert_eq!(dialogue.hear(From::Server, &refused), passed(&refused));

    let begin = query("BEGIN; UPDATE t SET n = 2");
    assert_eq!(dialogue.hear(From::Client, &begin), passed(&begin));
    let failed = [complete("BEGIN"), message(b'E', b"\0"), ready(b'E')].concat();
    assert_eq!(dialogue.hear(From::Server, &failed), passed(&failed));
    let rolled_back = [complete("ROLLBACK"), ready(b'I')].concat();
    assert_eq!(dialogue.hear(From::Client, &query("COMMIT")), passed(&query("COMMIT")));
    assert_eq!(dialogue.hear(From::Server, &rolled_back), passed(&rolled_back));

    let all = query("BEGIN; UPDATE t SET n = 2; COMMIT");
    assert_eq!(dialogue.hear(From::Client, &all), passed(&all));
    let answer = [complete("BEGIN"), complete("UPDATE 1"), complete("COMMIT"), ready(b'I')].concat();
    let heard = [complete("BEGIN"), complete("UPDATE 1")].concat();
    assert_eq!(dialogue.hear(From::Server, &answer), cut_after(&heard));
}

#[test]
fn a_write_in_a_transaction_is_no_commit() {
    let (mut dialogue, fate) = dialogue(Plan::nth(At::AnyWrite, Side::Before, 1));
    for (sent, state) in [("BEGIN", b'T'), ("INSERT INTO t VALUES (1)", b'T'), ("ROLLBACK", b'I')] {
        assert_eq!(dialogue.hear(From::Client, &query(sent)), passed(&query(sent)));
        let answer = [complete(sent), ready(state)].concat();
        assert_eq!(dialogue.hear(From::Server, &answer), passed(&answer));
    }
    assert_eq!(dialogue.hear(From::Client, &query("INSERT INTO t VALUES (1)")), cut_after(b""));
    assert_eq!(
        dialogue.hear(From::Client, &query("SELECT 1")),
        passed(b""),
        "what is cut hears nothing more"
    );
    assert_eq!(fate.tally.counts().writes, 1);
}

#[test]
fn what_is_encrypted_is_passed_on_unread() {
    let asks = [0, 0, 0, 8, 4, 210, 22, 47];
    for (answer, unread) in [(b"S", true), (b"N", false)] {
        let mut dialogue = Dialogue::new(Arc::new(Fate {
            plan: Mutex::new(Plan::nth(At::Commit, Side::Before, 1)),
            ..Fate::default()
        }));
        assert_eq!(dialogue.hear(From::Client, &asks), passed(&asks));
        assert_eq!(dialogue.hear(From::Server, answer), passed(answer));
        let start = [0, 0, 0, 9, 0, 3, 0, 0, 0];
        assert_eq!(dialogue.hear(From::Client, &start), passed(&start));
        assert_eq!(dialogue.hear(From::Client, &query("COMMIT")).cut, !unread);
    }
}
