//! Are the dialects of the four applications drafted again from the documented and recorded requests?
//!
//! They are in `recorded/pairs.json`.

#[path = "../recorded/row.rs"]
#[allow(dead_code, reason = "the recorded answers are compared elsewhere")]
mod row;
#[path = "../recorded/sent.rs"]
mod sent;
#[path = "../recorded/world.rs"]
mod stages;

use super::{APPLICATIONS, fields, routes, written_by_hand};
use bytes::Bytes;
use countersign_server::draft;
use countersign_server::record::exchange::{Answered, Asked, Exchange, Recording};
use countersign_server::record::mask::Mask;
use dialect::Dialect;
use dialect::transcript::Ready;
use domain::time::Moment;
use http::Response;
use row::{Row, rows};
use stages::{NOW, World};
use std::collections::BTreeSet;
use std::sync::Arc;

fn exchange(number: usize, ready: Ready, response: &Response<Bytes>) -> Exchange {
    Exchange {
        at: Moment::from_millis(NOW * 1000 + i64::try_from(number).unwrap()),
        asked: Asked { method: ready.method, target: ready.target, fields: ready.headers, body: ready.body },
        answered: Answered {
            status: response.status().as_u16(),
            fields: fields(response.headers()),
            body: response.body().to_vec(),
        },
    }
}

/// Everything that the rows of an application send, as one recording; and the rows that can be made.
async fn recorded<'r>(rows: &'r [Row], dialect: &Arc<Dialect>) -> (Recording, Vec<&'r Row>) {
    let mut recording = Recording { source: "http://127.0.0.1:9000".to_owned(), ..Recording::default() };
    let mut made = Vec::new();
    for row in rows.iter().filter(|row| row.system == dialect.name) {
        let mut world = World::of(row, Arc::clone(dialect)).await.unwrap();
        if world.answer().await.is_ok() {
            made.push(row);
        }
        for (ready, response) in world.heard() {
            recording.push(exchange(recording.exchanges.len(), ready, &response));
        }
    }
    (recording, made)
}

/// The routes of the contract that some exchange is answered well by.
fn heard_routes(dialect: &Dialect, recording: &Recording) -> BTreeSet<(String, String, String)> {
    let good: Vec<&Exchange> = recording.exchanges.iter().filter(|one| one.answered.is_good()).collect();
    let is_heard = |(_, method, path): &(String, String, String)| {
        let pattern = dialect::PathPattern::parse(path).unwrap();
        good.iter().any(|one| {
            one.asked.method == *method && pattern.matches(one.asked.path().trim_end_matches('/')).is_some()
        })
    };
    routes(dialect).into_iter().filter(is_heard).collect()
}

#[tokio::test]
async fn what_was_recorded_of_the_originals_gives_the_same_routes_and_good_answers() {
    let rows = rows();
    for name in APPLICATIONS {
        let hand = written_by_hand(name);
        let (recording, made) = recorded(&rows, &hand).await;
        assert!(recording.exchanges.len() > 20, "{name}");
        let drafted = draft::of_recording(name, &Mask::of(&recording).recording(&recording));
        let dialect =
            Dialect::parse(&drafted.text).unwrap_or_else(|faults| panic!("{faults:#?}\n{}", drafted.text));
        assert_eq!(routes(&dialect), heard_routes(&hand, &recording), "{name}\n{}", drafted.text);
        let dialect = Arc::new(dialect);
        let (mut same, mut common, mut laxer) = (0, 0, Vec::new());
        for row in made {
            let was = World::of(row, Arc::clone(&hand)).await.unwrap().answer().await.unwrap();
            let is = World::of(row, Arc::clone(&dialect)).await.unwrap().answer().await;
            let is = is.unwrap_or_else(|message| panic!("{row}: {message}"));
            // Passwords are masked, so nobody can know whether common ones are taken; the draft asks for better ones.
            if was.status().is_success() && String::from_utf8_lossy(is.body()).contains("too common") {
                common += 1;
                continue;
            }
            if was.status().is_success() && row.request.method != "OPTIONS" {
                assert_eq!(was.status(), is.status(), "{row}: {is:?}\n{}", drafted.text);
                assert_eq!(was.body(), is.body(), "{row}\n{}", drafted.text);
                same += 1;
            } else if is.status().is_success() && !was.status().is_success() {
                // A rule that nobody names can not be known; whom it keeps out is.
                assert!(
                    was.status() == 400 && row.request.method != "DELETE",
                    "{row}: {is:?}\n{}",
                    drafted.text
                );
                laxer.push(row.to_string());
            }
        }
        assert!(same > 2 && common <= 3, "{name}: {same} {common}");
        assert!(laxer.len() < 8, "{name}: {laxer:#?}");
    }
}
