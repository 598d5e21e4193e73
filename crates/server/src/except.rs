//! Which differences from the original are wanted, and why?
//!
//! `exceptions.toml` beside the transcripts, or another file, names each one with its reason. One that is not needed
//! any more is told, so that the list does not outlive what it is about.

use serde::Deserialize;
use std::cell::Cell;

/// Largest file, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// One wanted difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Name of the transcript's file.
    pub conversation: String,
    /// Title of the exchange; left out = all of the conversation.
    pub exchange: Option<String>,
    /// The field that differs, as it is told: `status`, `header NAME`, `body` or a JSON pointer; all below it, too.
    pub path: String,
    /// Why it may.
    pub reason: String,
    #[serde(skip)]
    used: Cell<bool>,
}

/// All of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    /// In the order of the file.
    #[serde(default, rename = "exception")]
    list: Vec<Exception>,
}

impl Exceptions {
    /// Reads a file. Refused, in a sentence: what is no such file, and an exception without a reason.
    pub fn parse(text: &str) -> Result<Exceptions, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("a file of exceptions has at most {MAX_BYTES} bytes"));
        }
        let read: Exceptions = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
        match read.list.iter().find(|one| one.reason.trim().is_empty()) {
            Some(one) => {
                Err(format!("the exception for {} of {} gives no reason", one.path, one.conversation))
            }
            None => Ok(read),
        }
    }

    /// Why this difference is wanted; none when it is not.
    pub fn reason(&self, conversation: &str, exchange: &str, path: &str) -> Option<&str> {
        let fits = |one: &&Exception| {
            let below = path
                .strip_prefix(one.path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            one.conversation == conversation
                && one.exchange.as_deref().is_none_or(|title| title == exchange)
                && below
        };
        let found = self.list.iter().find(fits)?;
        found.used.set(true);
        Some(&found.reason)
    }

    /// Those that excused nothing.
    pub fn unneeded(&self) -> impl Iterator<Item = &Exception> {
        self.list.iter().filter(|one| !one.used.get())
    }
}

#[cfg(test)]
mod tests {
    use super::Exceptions;

    const FILE: &str = "[[exception]]\nconversation = \"a.http\"\nexchange = \"sign in\"\npath = \"/user\"\nreason = \"ours has no staff\"\n\
        [[exception]]\nconversation = \"b.http\"\npath = \"status\"\nreason = \"201 is right\"\n";

    #[test]
    fn an_exception_excuses_its_field_and_what_is_below() {
        let list = Exceptions::parse(FILE).unwrap();
        assert_eq!(list.reason("a.http", "sign in", "/user/staff"), Some("ours has no staff"));
        assert_eq!(list.reason("a.http", "sign in", "/username"), None);
        assert_eq!(list.reason("a.http", "sign up", "/user"), None);
        assert_eq!(list.unneeded().map(|one| one.conversation.as_str()).collect::<Vec<_>>(), ["b.http"]);
        assert_eq!(list.reason("b.http", "anything", "status"), Some("201 is right"));
        assert_eq!(list.unneeded().count(), 0);
    }

    #[test]
    fn an_exception_needs_a_reason_and_known_keys() {
        assert!(Exceptions::parse(&FILE.replace("201 is right", " ")).is_err());
        assert!(Exceptions::parse(&FILE.replace("reason", "why")).is_err());
        assert!(Exceptions::parse("").is_ok());
    }
}
