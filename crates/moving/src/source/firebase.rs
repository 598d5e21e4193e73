//! What does `firebase auth:export users.json` say, with the parameters of the project's password hashes?

use super::row::Reader;
use domain::password::firebase::{Project, text};
use domain::record::{Record, StoredHashText};
use serde_json::{Map, Value};
use std::path::Path;

/// The largest file of parameters, in bytes.
const MAX_PARAMETERS: u64 = 64 * 1024;

/// The parameters, as the console shows them (Authentication, Users, ⋮, Password hash parameters).
#[derive(Clone)]
pub(super) struct Parameters {
    signer_key: String,
    salt_separator: String,
    rounds: u32,
    mem_cost: u32,
}

impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parameters(…)")
    }
}

impl Parameters {
    /// Reads a file with the console's own text, `hash_config { algorithm: SCRYPT, base64_signer_key: …, … }`, or with JSON of
    /// the same names.
    ///
    /// Refused: a file that lacks one of them, or another algorithm. Nothing of the key is repeated.
    pub fn read(path: &Path) -> Result<Parameters, String> {
        let told = |what: String| format!("{}: {what}", path.display());
        let meta = std::fs::metadata(path).map_err(|error| told(error.to_string()))?;
        if meta.len() > MAX_PARAMETERS {
            return Err(told(format!("it is larger than {MAX_PARAMETERS} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
        Parameters::parse(&text).map_err(told)
    }

    fn parse(text: &str) -> Result<Parameters, String> {
        let words = words(text);
        let find = |name: &str| {
            let found = words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
            found.cloned().ok_or_else(|| format!("there is no `{name}`; take the text that the console shows as \"Password hash parameters\""))
        };
        let number = |name: &str| find(name)?.parse::<u32>().map_err(|_| format!("`{name}` is no number"));
        let algorithm = find("algorithm").unwrap_or_else(|_| "SCRYPT".to_owned());
        if algorithm != "SCRYPT" {
            return Err("only the algorithm SCRYPT is read".to_owned());
        }
        Ok(Parameters {
            signer_key: find("base64_signer_key")?,
            salt_separator: find("base64_salt_separator")?,
            rounds: number("rounds")?,
            mem_cost: number("mem_cost")?,
        })
    }
}

/// Names and values, whatever brackets, colons and quotes stand between them.
fn words(text: &str) -> Vec<String> {
    let between = |c: char| c.is_whitespace() || "{}[]:,;\"'".contains(c);
    text.split(between).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The user of an element of `users`.
///
/// Refused: a hash without the project's parameters.
pub(super) fn record(
    row: &Map<String, Value>,
    parameters: Option<&Parameters>,
) -> Result<Record, Vec<String>> {
    let mut reader = Reader::new(row);
    let mut record = Record::default();
    reader.identify("localId", &mut record);
    record.email = reader.text("email");
    record.email_verified = reader.flag("emailVerified").unwrap_or(false);
    record.first_name = reader.text("displayName");
    record.avatar = reader.text("photoUrl");
    record.phone_number = reader.text("phoneNumber");
    record.created_at = reader.moment("createdAt");
    record.last_login_at = reader.moment("lastSignedInAt");
    if reader.flag("disabled") == Some(true) {
        record.status = Some("suspended".to_owned());
    }
    let claims = reader.object("customAttributes");
    if !claims.is_empty() {
        record.attributes.get_or_insert_default().insert("custom_claims".to_owned(), claims.into());
    }
    record.password_hash = hash(&mut reader, parameters).map(StoredHashText::new);
    reader.finish(record)
}

fn hash(reader: &mut Reader<'_>, parameters: Option<&Parameters>) -> Option<String> {
    let hash = reader.text("passwordHash")?;
    // Users whose hashes were imported into Firebase and never used keep those, with a version of their own; they can not
    // be told from others here, and such a hash fails at the sign-in.
    let salt = reader.text("salt").unwrap_or_default();
    let Some(parameters) = parameters else {
        reader.fault(
            "the password hash can not be read without the project's parameters; add --parameters FILE",
        );
        return None;
    };
    let project = Project {
        signer_key: &parameters.signer_key,
        salt_separator: &parameters.salt_separator,
        rounds: parameters.rounds,
        mem_cost: parameters.mem_cost,
    };
    match text(&project, &salt, &hash) {
        Ok(text) => Some(text),
        Err(fault) => {
            reader.fault(format!("passwordHash: {fault}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_the_console_shows_them() {
        let shown = "hash_config {\n  algorithm: SCRYPT,\n  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,\n  base64_salt_separator: Bw==,\n  rounds: 8,\n  mem_cost: 14,\n}";
        let json = r#"{"algorithm":"SCRYPT","base64_signer_key":"jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==","base64_salt_separator":"Bw==","rounds":8,"mem_cost":14}"#;
        for text in [shown, json] {
            let project = Parameters::parse(text).unwrap();
            assert_eq!((project.rounds, project.mem_cost, project.salt_separator.as_str()), (8, 14, "Bw=="));
            assert!(project.signer_key.ends_with("WmXA=="));
        }
        for text in ["", "rounds: 8", "algorithm: BCRYPT", &shown.replace("rounds: 8", "rounds: many")] {
            let said = Parameters::parse(text).unwrap_err();
            assert!(!said.contains("jxspr8"), "{said}");
        }
    }
}
