//! Does a broken archive or document do anything but be refused or be drafted as far as it goes?

use super::{drafted, written_by_hand};
use countersign_server::draft;
use countersign_server::draft::openapi::of_document;
use countersign_server::record::converse::transcripts;
use countersign_server::record::exchange::Recording;
use countersign_server::record::har;
use countersign_server::record::mask::Mask;
use dialect::transcript::Transcript;
use serde_json::{Value, json};

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % below.max(1) as u64).unwrap()
    }
}

/// A recording as a browser would save it.
fn archive(recording: &Recording) -> String {
    let pairs = |fields: &[(String, String)]| -> Value {
        fields.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
    };
    let entries: Vec<Value> = recording
        .exchanges
        .iter()
        .map(|one| {
            json!({"startedDateTime": one.at.rfc3339(3),
            "request": {"method": one.asked.method, "url": format!("http://shop.io{}", one.asked.target),
                "headers": pairs(&one.asked.fields),
                "postData": {"mimeType": "", "text": String::from_utf8_lossy(&one.asked.body)}},
            "response": {"status": one.answered.status, "headers": pairs(&one.answered.fields),
                "content": {"text": String::from_utf8_lossy(&one.answered.body)}}})
        })
        .collect();
    json!({"log": {"version": "1.2", "entries": entries}}).to_string()
}

/// The text with some of its pieces changed, doubled, or taken out.
fn damaged(text: &str, dice: &mut Dice) -> String {
    let pieces = [
        "\"",
        "{",
        "}",
        "[",
        "null",
        "0",
        "-1",
        "é",
        "\\u0000",
        "https://a.b/",
        "{{",
        "}}",
        "\n",
        "=== ",
        "eyJ.",
        ".",
        "1e400",
    ];
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..=dice.next(4) {
        let at = dice.next(letters.len());
        match dice.next(4) {
            0 => drop(letters.remove(at)),
            1 => letters.insert(at, pieces[dice.next(pieces.len())].chars().next().unwrap()),
            2 => {
                let end = (at + 1 + dice.next(30)).min(letters.len());
                let piece: Vec<char> = pieces[dice.next(pieces.len())].chars().collect();
                drop(letters.splice(at..end, piece));
            }
            _ => {
                let end = (at + 1 + dice.next(200)).min(letters.len());
                let copy: Vec<char> = letters[at..end].to_vec();
                drop(letters.splice(end..end, copy));
            }
        }
    }
    letters.into_iter().collect()
}

#[tokio::test]
async fn a_damaged_archive_is_refused_or_drafted_and_nothing_leaks() {
    let whole = archive(&drafted("auths-v1").await.recording);
    assert!(har::read(&whole, None).is_ok());
    let mut read = 0;
    for seed in 0..150 {
        let Ok(recording) = har::read(&damaged(&whole, &mut Dice(seed)), Some("http://shop.io")) else {
            continue;
        };
        read += 1;
        let mask = Mask::of(&recording);
        let masked = mask.recording(&recording);
        let draft = draft::of_recording("shop", &masked);
        let (conversations, _) = transcripts(&masked, &draft);
        for one in &conversations {
            Transcript::parse(&one.text).unwrap_or_else(|fault| panic!("seed {seed}: {fault}\n{}", one.text));
        }
        // Whatever was damaged, the tokens and passwords of the rest are not in the files.
        let all: String =
            conversations.iter().map(|one| one.text.as_str()).chain([draft.text.as_str()]).collect();
        assert!(
            !all.contains("a good long Passphrase") && !all.contains("ben@shop.io"),
            "seed {seed}\n{all}"
        );
    }
    assert!(read > 20, "only {read} of the damaged archives could be read");
}

#[test]
fn a_damaged_document_is_refused_or_drafted() {
    let site = dialect::openapi::Site { servers: &[] };
    let whole = dialect::openapi::document(&written_by_hand("password-generator"), site).to_string();
    let mut read = 0;
    for seed in 0..150 {
        read += usize::from(of_document("shop", &damaged(&whole, &mut Dice(seed))).is_ok());
    }
    assert!(read > 20, "only {read} of the damaged documents could be read");
}
