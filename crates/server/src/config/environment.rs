//! What does the environment say?

use super::file::unknown;
use super::settings::{self, SETTINGS};
use super::{ConfigFault, Origin, Values, nearest};
use super::{database, mail};
use domain::secret::Secret;

/// Every variable of ours begins so.
const PREFIX: &str = "COUNTERSIGN_";

/// The master key itself, in base64 or hexadecimal digits. No setting: it is never printed.
const MASTER_KEY: &str = "COUNTERSIGN_MASTER_KEY";

/// Variables that are no settings.
const OTHERS: [&str; 4] =
    ["COUNTERSIGN_CONFIG", MASTER_KEY, mail::PASSWORD_VARIABLE, database::PASSWORD_VARIABLE];

/// The master key, if the environment holds one.
pub(super) fn master_key(variables: &[(String, String)]) -> Option<Secret> {
    let (_, text) = variables.iter().find(|(name, text)| name == MASTER_KEY && !text.is_empty())?;
    Some(Secret::new(text.as_str()))
}

/// The variables of this process that are meant for us. What is not Unicode is told as a fault later.
pub(super) fn of_process() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
        .collect()
}

/// Lays the variables over the values of the file. An empty variable counts as not set.
///
/// Refused: what has the form of a setting (`COUNTERSIGN_<SECTION>__<KEY>`) or nearly its name, and is none.
pub(super) fn read(variables: &[(String, String)], values: &mut Values, faults: &mut Vec<ConfigFault>) {
    for (name, text) in variables {
        if OTHERS.contains(&name.as_str()) || text.is_empty() {
            continue;
        }
        let place = || format!("environment {name}");
        match SETTINGS.iter().find(|setting| settings::variable(setting.name) == *name) {
            Some(setting) => match setting.kind.read_text(text) {
                Ok(value) => drop(values.insert(setting.name, (value, Origin::Environment(name.clone())))),
                Err(message) => faults.push(ConfigFault { place: place(), message }),
            },
            None => {
                let known: Vec<String> =
                    SETTINGS.iter().map(|setting| settings::variable(setting.name)).collect();
                let near = nearest(name, known.iter().map(String::as_str).chain(OTHERS));
                let close = near.filter(|near| near.len().abs_diff(name.len()) <= 2);
                if name.starts_with("COUNTERSIGN_MOUNT") {
                    let message = "mounts are written in the configuration file only".to_owned();
                    faults.push(ConfigFault { place: place(), message });
                } else if name.contains("__") || close.is_some() {
                    faults.push(ConfigFault { place: place(), message: unknown(name, near) });
                }
            }
        }
    }
}

/// Whether a replay of transcripts is to rewrite their expected side (`UPDATE=1`).
#[expect(
    clippy::disallowed_methods,
    reason = "the configuration is the one place that reads the environment"
)]
pub fn asks_for_update() -> bool {
    std::env::var("UPDATE").is_ok_and(|value| value == "1")
}

/// The password for a database that is only read, as PostgreSQL's own programs take it (`PGPASSWORD`).
#[expect(
    clippy::disallowed_methods,
    reason = "the configuration is the one place that reads the environment"
)]
pub fn postgres_password() -> Option<Secret> {
    std::env::var("PGPASSWORD").ok().filter(|text| !text.is_empty()).map(Secret::new)
}

/// Whether nothing is to be coloured (<https://no-color.org>).
#[expect(
    clippy::disallowed_methods,
    reason = "the configuration is the one place that reads the environment"
)]
pub fn asks_for_no_color() -> bool {
    std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty())
}
