//! Generated pages are current. `UPDATE=1` writes them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use countersign_server::config::HouseWeakening;
use countersign_server::config::old::CLAIM_WORDS;
use countersign_server::config::settings::{MOUNT_WORDS, SETTINGS};
use countersign_server::mounts::{BUILT_IN, load_dialect};
use dialect::default_status;
use domain::contract::Weakening;
use domain::event::EventKind;
use domain::refusal::{REFUSAL_CODES, Refusal};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Compares a page with its generated text, or writes it.
fn check(page: &str, text: &str) {
    let path = root().join(page);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "{page} is out of date; run UPDATE=1 cargo test -p countersign-server --test pages"
    );
}

/// Refusal code → conversations that hear it.
fn heard() -> BTreeMap<String, Vec<String>> {
    let mut heard: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut dialects: Vec<_> =
        std::fs::read_dir(root().join("dialects")).unwrap().map(|e| e.unwrap().path()).collect();
    dialects.sort();
    for dialect in dialects {
        let mut files: Vec<_> = std::fs::read_dir(dialect.join("transcripts"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        for file in files {
            let name = format!(
                "{}/{}",
                dialect.file_name().unwrap().to_string_lossy(),
                file.file_stem().unwrap().to_string_lossy()
            );
            for line in std::fs::read_to_string(&file).unwrap().lines() {
                if let Some(code) = line.strip_prefix("# refusal: ") {
                    let list = heard.entry(code.trim().to_owned()).or_default();
                    if list.last() != Some(&name) {
                        list.push(name.clone());
                    }
                }
            }
        }
    }
    heard
}

#[test]
fn the_page_of_refusals_is_current() {
    let heard = heard();
    let mut text = String::from(
        "# Refusals\n\n\
         <!-- generated: UPDATE=1 cargo test -p countersign-server --test pages -->\n\n\
         Every \"no\" of the engine has a stable code. A dialect says it in its own words (`[refuse.CODE]`); where it has\n\
         none, the code in the third column is said in its place, with that code's status. The last column names\n\
         conversations in which it is heard.\n\n\
         | code | status unless the dialect says otherwise | said in its place | heard in |\n|---|---|---|---|\n",
    );
    for code in REFUSAL_CODES {
        let instead =
            Refusal::said_as(code).map_or_else(|| "`default`".to_owned(), |other| format!("`{other}`"));
        let places = heard
            .get(code)
            .map_or_else(String::new, |list| list.iter().take(4).cloned().collect::<Vec<_>>().join(", "));
        let _ = writeln!(text, "| `{code}` | {} | {instead} | {places} |", default_status(code));
    }
    check("docs/refusals.md", &text);
}

#[test]
fn the_page_of_weakenings_is_current() {
    // SEC-113: what is documented is what there is, for every dialect that is built in.
    let mut text = String::from(
        "# Weakenings\n\n\
         <!-- generated: UPDATE=1 cargo test -p countersign-server --test pages -->\n\n\
         Weaker behaviour has a name. `countersign doctor --security` lists what is in force and what it costs (`--strict`\n\
         ends with 1 if there is anything), each start writes it into the log and into the audit trail.\n\n\
         ## Demanded by a contract\n\n\
         A dialect file names them in `weaker`; without the name the weaker behaviour is refused when the file is read.\n\n\
         | name | what it costs |\n|---|---|\n",
    );
    for weakening in Weakening::ALL {
        let _ = writeln!(text, "| `{}` | {} |", weakening.name(), weakening.cost());
    }
    text.push_str("\n## In the built-in dialects\n\n| dialect | weakenings |\n|---|---|\n");
    for name in BUILT_IN.map(|one| one.name) {
        let dialect = load_dialect(name, None).unwrap();
        let names: Vec<String> =
            dialect.contract.weakenings.iter().map(|one| format!("`{}`", one.name())).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let _ = writeln!(text, "| `{name}` | {names} |");
    }
    text.push_str("\n## Chosen by the operator\n\n| name | in force when | what it costs |\n|---|---|---|\n");
    for weakening in HouseWeakening::ALL {
        let _ = writeln!(text, "| `{}` | {} | {} |", weakening.name(), weakening.cause(), weakening.cost());
    }
    check("docs/weakenings.md", &text);
}

#[test]
fn the_table_of_events_is_current() {
    // SEC-110: the list of what is written down is the list that there is.
    let path = root().join("docs/operating.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- events: generated -->\n", "<!-- /events -->");
    let mut table = String::from("\n| event | meaning |\n|---|---|\n");
    for kind in EventKind::ALL {
        let _ = writeln!(table, "| `{}` | {} |", kind.name(), kind.meaning());
    }
    table.push('\n');
    let (head, rest) = page.split_once(begin).unwrap();
    let (_, tail) = rest.split_once(end).unwrap();
    check("docs/operating.md", &format!("{head}{begin}{table}{end}{tail}"));
}

#[test]
fn the_page_of_settings_is_current() {
    let mut text = String::from(
        "# Configuration\n\n\
         <!-- generated: UPDATE=1 cargo test -p countersign-server --test pages -->\n\n\
         One TOML file: `--config FILE`, else `COUNTERSIGN_CONFIG`, else `countersign.toml` in the current folder if it is\n\
         there. Nothing is needed. `countersign init` writes a commented file, `countersign config` prints what is in force\n\
         and where it comes from. Unknown keys and bad values are refused, all at once, each with its line; exit code 2.\n\n\
         The environment wins over the file and the command line over both. The variable of a setting is in the last column.\n\n\
         | setting | default | meaning | environment |\n|---|---|---|---|\n",
    );
    for setting in SETTINGS {
        let default =
            if setting.default.is_empty() { String::new() } else { format!("`{}`", setting.default) };
        let variable = setting.name.to_uppercase().replace('.', "__");
        let _ = writeln!(
            text,
            "| `{}` | {default} | {} | `COUNTERSIGN_{variable}` |",
            setting.name, setting.about
        );
    }
    text.push_str(
        "\n## Mounts\n\nWithout any `[[mount]]`, every built-in dialect is mounted, of each contract one version. With one or more, only those are.\n\n\
         ```toml\n[[mount]]\ndialect = \"password-generator\"\nprefix = \"\"\nhost = \"\"\n\
         secret_file = \"/etc/countersign/app-secret\"\naccept_until = 2027-01-01T00:00:00Z\n```\n\n\
         | word | meaning |\n|---|---|\n",
    );
    for (word, about) in MOUNT_WORDS {
        let _ = writeln!(text, "| `{word}` | {about} |");
    }
    text.push_str(
        "\n## Old claims\n\nWhat differs in tokens that the application signed with keys of its own before the move; see\n\
         [sessions carried over](operating.md#sessions-carried-over).\n\n\
         ```toml\n[[mount]]\ndialect = \"native\"\nold_secret_file = \"/etc/countersign/old-secret\"\n\
         accept_until = 2027-01-01T00:00:00Z\n\n[mount.old_claims]\nuser = \"user_id\"\nuser_is = \"id\"\n\
         kind = \"token_type\"\n```\n\n| word | meaning |\n|---|---|\n",
    );
    for (word, about) in CLAIM_WORDS {
        let _ = writeln!(text, "| `{word}` | {about} |");
    }
    check("docs/configuration.md", &text);
}
