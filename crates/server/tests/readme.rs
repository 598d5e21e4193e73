//! What the README and the applications' own documents say to paste gives the documented answers, and every command of
//! a page exists.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "what was not looked at is said")]

#[path = "interop/binary.rs"]
#[expect(dead_code, reason = "shared with other tests, which use more of it")]
mod binary;
#[path = "interop/http.rs"]
#[expect(dead_code, reason = "shared with other tests, which use more of it")]
mod http;

use binary::{Home, Server};
use std::path::Path;
use std::process::Command;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The fenced shell blocks of a page that call curl.
fn curls(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    for piece in page.split("```sh\n").skip(1) {
        let block = piece.split("```").next().unwrap();
        if block.contains("curl ") {
            blocks.push(block.to_owned());
        }
    }
    blocks
}

/// Runs a block in bash against the server; gives the answer's body and, on its last line, the status.
fn paste(block: &str, server: &Server) -> String {
    let block = block
        .replace("http://localhost:8000", &format!("http://{}", server.address))
        .replace("https://api.example.com", &format!("http://{}", server.address))
        .replace("curl -s ", "curl --silent ");
    let block = block
        .replace("curl -X", "curl -sS -w '\\n%{http_code}' -X")
        .replace("curl --request", "curl -sS -w '\\n%{http_code}' --request");
    let output = Command::new("bash").args(["-c", &block]).output().unwrap();
    assert!(output.status.success(), "{block}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_curl_of_the_readme_gets_the_documented_answer() {
    let home = Home::new("readme");
    home.write("countersign.toml", "");
    let server = Server::start(&home);
    let blocks = curls(&std::fs::read_to_string(root().join("README.md")).unwrap());
    let expected: [(&str, &[&str]); 9] = [
        (
            "201",
            &[
                "\"refresh\":",
                "\"access\":",
                "\"user\":{\"id\":1,\"username\":\"johndoe\",\"email\":\"john@example.com\"",
                "\"number_phone\":\"5551234567\",\"avatar\":null}",
            ],
        ),
        ("200", &["\"refresh\":", "\"access\":", "\"user\":{\"id\":1,\"username\":\"johndoe\""]),
        (
            "200",
            &[
                "{\"id\":1,\"username\":\"johndoe\"",
                "\"is_active\":true,\"is_staff\":false,\"is_superuser\":false}",
            ],
        ),
        ("201", &["{\"message\":\"User registered successfully\"}"]),
        ("200", &["\"access\":", "\"refresh\":"]),
        ("201", &["\"accessToken\":", "\"refreshToken\":", "\"rol\":\"autor\""]),
        ("200", &["\"accessToken\":", "\"refreshToken\":", "\"status\":\"active\"", "\"permissions\":["]),
        ("200", &["{\"token\":\"ey"]),
        ("200", &["\"token_type\":\"Bearer\"", "\"access_token\":", "\"refresh_token\":\"csr_"]),
    ];
    assert_eq!(blocks.len(), expected.len());
    for (block, (status, parts)) in blocks.iter().zip(expected) {
        let answer = paste(block, &server);
        assert!(answer.ends_with(status), "{block}\n{answer}");
        for part in parts {
            assert!(answer.contains(part), "{block}\n{answer}\nlacks {part}");
        }
    }
}

/// The shell examples of a document: from a line that begins with curl to the line that closes its quotes.
fn documented(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if !lines[at].starts_with("curl -") {
            at += 1;
            continue;
        }
        let mut block = String::new();
        loop {
            block.push_str(lines[at]);
            block.push('\n');
            let open = block.matches('\'').count() % 2 == 1 || block.trim_end().ends_with('\\');
            at += 1;
            if !open || at >= lines.len() {
                break;
            }
        }
        blocks.push(block);
    }
    blocks
}

/// Statuses of a document's examples, pasted in order. Documents use placeholders where they name `<string>`.
fn statuses(seed: &str, server: &Server) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(root().join("../shared/seeds").join(seed)).ok()?;
    let answers = documented(&text).iter().map(|block| paste(block, server)).collect::<Vec<_>>();
    Some(answers.iter().map(|answer| answer.lines().last().unwrap_or("").to_owned()).collect())
}

#[test]
fn every_curl_of_the_documents_is_answered_as_documented() {
    let home = Home::new("documents");
    home.write("countersign.toml", "");
    let server = Server::start(&home);
    if !root().join("../shared/seeds").is_dir() {
        println!("the documents are not beside the repository; the README's examples stand for them");
        return;
    }
    // Sign-up first: a placeholder is no e-mail address; then the documented account.
    assert_eq!(statuses("3-password-generator-sign-up.txt", &server).unwrap(), ["400", "201"]);
    // Placeholders name nobody; nor does the address that the page's host has hidden; then the profile without a real token.
    assert_eq!(statuses("1-password-generator-sign-in.txt", &server).unwrap(), ["404", "404", "401"]);
    // Nobody has registered jane_doe yet.
    assert_eq!(statuses("4-uk-travel-token.txt", &server).unwrap(), ["401"]);
    let user = "{\"username\":\"jane_doe\",\"password\":\"secureP@ssw0rd\"}";
    let register = format!(
        "curl --request POST --url http://localhost:8000/api/user/register/ --header 'Content-Type: application/json' --data '{user}'"
    );
    assert!(paste(&register, &server).ends_with("201"));
    assert_eq!(statuses("4-uk-travel-token.txt", &server).unwrap(), ["200"]);
}

/// The commands of a page's shell blocks and sentences, without what a shell makes of them.
fn commands(page: &str) -> Vec<Vec<String>> {
    let blocks = page.split("```sh\n").skip(1).map(|piece| piece.split("```").next().unwrap());
    let words = page.split('`').skip(1).step_by(2).filter(|words| !words.contains(['\n', '…']));
    let lines = blocks.flat_map(str::lines).chain(words);
    let lines = lines.filter_map(|line| line.trim().strip_prefix("countersign "));
    let plain = lines.map(|line| line.split(['#', '|', '>', '<', ';', '&']).next().unwrap());
    plain.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

/// What a command says of itself: of as many of its words as are its name.
fn help(home: &Home, words: &[String]) -> (usize, String) {
    let is_name =
        |word: &&String| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
    let longest = words.iter().take_while(is_name).count();
    for length in (1..=longest).rev() {
        let mut asked: Vec<&str> = words[..length].iter().map(String::as_str).collect();
        asked.push("--help");
        let output = home.countersign(&asked).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        // A command without subcommands takes any word for an argument.
        if output.status.success()
            && said.contains(&format!("Usage: countersign {}", words[..length].join(" ")))
        {
            return (length, said);
        }
    }
    (0, String::new())
}

#[test]
fn every_command_of_the_pages_exists() {
    let home = Home::new("commands");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        for words in commands(&std::fs::read_to_string(&path).unwrap()) {
            seen += 1;
            let (named, said) = help(&home, &words);
            let options = words[named..].iter().filter(|word| word.starts_with("--"));
            let unknown: Vec<&str> = options
                .map(|word| word.split('=').next().unwrap())
                .filter(|word| !said.contains(word))
                .collect();
            if named == 0 || !unknown.is_empty() {
                wrong.push(format!("{}: countersign {} {unknown:?}", path.display(), words.join(" ")));
            }
        }
    }
    assert!(seen > 10, "{seen} commands");
    assert!(wrong.is_empty(), "{} of {seen}\n{}", wrong.len(), wrong.join("\n"));
}
