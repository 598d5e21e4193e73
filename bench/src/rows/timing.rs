//! Does the time of a failed sign-in tell who exists, and how the password is stored? (SEC-12)

use std::io::Write as _;
use std::time::Instant;

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::process::Process;
use crate::table::{Row, Target, short};
use crate::tally::median;
use crate::wire::post;
use crate::{Outcome, limits, load, wrong};

/// Users of each class; every sample asks for another one.
const EACH: usize = 25;
/// Samples of a class that are not looked at: the first ones find the caches cold.
const DROPPED: usize = 20;
/// Well formed, and of no password that anybody knows.
const PBKDF2: &str = "pbkdf2_sha256$600000$benchmarksalt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const BCRYPT: &str = "$2b$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde";
/// What a failed sign-in can be about.
const CLASSES: [&str; 6] = ["unknown", "native", "pbkdf2", "bcrypt", "inactive", "passwordless"];

/// The largest difference of medians and the easiest pair of classes to tell apart, with the limiter off.
///
/// # Errors
/// The server does not start or an answer is wrong.
pub fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let home = bench.new_home("classes", 1)?;
    let file = home.directory.join("classes.jsonl");
    let mut out = std::fs::File::create(&file)?;
    for record in records()? {
        writeln!(out, "{record}")?;
    }
    let path = file.to_str().ok_or_else(|| wrong("the directory's name is not Unicode"))?;
    home.run(&["user", "import", path])?;
    let server = home.serve()?;
    let samples = sample(bench, &server)?;
    server.stop()?;
    let medians: Vec<f64> = samples.iter().map(|class| median(class.iter().copied())).collect();
    let (mut apart, mut bound, mut told) = (0.0, 5.0, 0.0_f64);
    for one in 0..CLASSES.len() {
        for other in 0..one {
            let difference = (medians[one] - medians[other]).abs();
            let allowed = (medians[one].max(medians[other]) * 0.1).max(5.0);
            if difference / allowed > apart / bound {
                (apart, bound) = (difference, allowed);
            }
            told = told.max((area(&samples[one], &samples[other]) - 0.5).abs());
        }
    }
    let list: Vec<String> =
        CLASSES.iter().zip(&medians).map(|(name, ms)| format!("{name} {}", short(*ms))).collect();
    Ok(vec![
        Row::new(
            "failed sign-ins by class: largest difference of medians",
            format!("{} ms ({} ms)", short(apart), list.join(", ")),
            format!("{} ms: 5 ms or a tenth", short(bound)),
            apart / bound,
            Target::AtMost(1.0),
        ),
        Row::new(
            "failed sign-ins by class: how well time tells two apart",
            format!("AUC {:.2}", 0.5 + told),
            "AUC 0.60",
            told / 0.1,
            Target::AtMost(1.0),
        ),
    ])
}

/// Import records of every class but the unknown.
fn records() -> Outcome<Vec<Value>> {
    let native = limits::phc("what nobody types here")?;
    let mut records = Vec::new();
    for class in &CLASSES[1..] {
        for number in 0..EACH {
            let mut record = json!({ "email": email(class, number) });
            let (hash, status) = match *class {
                "pbkdf2" => (Some(PBKDF2), "active"),
                "bcrypt" => (Some(BCRYPT), "active"),
                "inactive" => (Some(native.as_str()), "inactive"),
                "passwordless" => (None, "active"),
                _ => (Some(native.as_str()), "active"),
            };
            record["status"] = status.into();
            if let Some(hash) = hash {
                record["password_hash"] = hash.into();
            }
            records.push(record);
        }
    }
    Ok(records)
}

fn email(class: &str, number: usize) -> String {
    format!("{class}{number}@classes.example.com")
}

/// Milliseconds of each class, interleaved, one request at a time.
fn sample(bench: &Bench, server: &Process) -> Outcome<[Vec<f64>; CLASSES.len()]> {
    let count = DROPPED + if bench.quick { 40 } else { 280 };
    let mut samples: [Vec<f64>; CLASSES.len()] = Default::default();
    for number in 0..count {
        for turn in 0..CLASSES.len() {
            // Another class begins every round, so that none always follows the same one.
            let class = (turn + number) % CLASSES.len();
            let login = email(CLASSES[class], number % EACH);
            let body = json!({ "email": login, "password": format!("wrong {number}") });
            let began = Instant::now();
            let (status, _) =
                bench.wait(load::once(server.address, &post("/api/sign-in/", &body.to_string())))?;
            let took = began.elapsed();
            if !(400..500).contains(&status) || status == 429 {
                return Err(wrong(format!("a failed sign-in was answered with {status}")));
            }
            if number >= DROPPED {
                samples[class].push(took.as_secs_f64() * 1000.0);
            }
        }
    }
    Ok(samples)
}

/// The chance that a sample of one class took longer than one of the other (Mann-Whitney): 0.5 tells nothing.
fn area(one: &[f64], other: &[f64]) -> f64 {
    let wins: f64 = one
        .iter()
        .flat_map(|a| {
            other.iter().map(move |b| {
                if a > b {
                    1.0
                } else if a < b {
                    0.0
                } else {
                    0.5
                }
            })
        })
        .sum();
    wins / (one.len() * other.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_classes_are_not_told_apart_and_different_ones_are() {
        assert_eq!(area(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), 0.5);
        assert_eq!(area(&[4.0, 5.0], &[1.0, 2.0]), 1.0);
        assert_eq!(area(&[1.0], &[2.0]), 0.0);
    }
}
