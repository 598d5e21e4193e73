//! What happens between two exchanges of a conversation?

use domain::letter::Letter;
use serde_json::Value;

/// Something that happens between two exchanges.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Time goes by: seconds.
    Advance(i64),
    /// Keeps a member of the last answer's body (JSON pointer) under a name.
    Keep(String, String),
    /// Keeps a cookie that the last answer set under a name.
    Cookie(String, String),
    /// Keeps the token of the link in the newest letter of this kind to an address under a name.
    Letter(String, Letter, String),
    /// Keeps a claim of a kept token under a name.
    Claim(String, String, String),
    /// Signs claims with the mount's own key and keeps the token.
    Sign(String, String),
    /// Computes what an authenticator app with this seed (base 32) shows, some steps from now, and keeps it.
    Code(String, String, i64),
    /// An operator edits a user: id and a JSON object of import fields.
    Edit(i64, Value),
    /// An operator deletes a user.
    Delete(i64),
    /// The console offers a token to make the first administrator; it is kept under a name.
    Offer(String),
}

impl Act {
    /// Reads a line after `>>> `. Refused: with a sentence.
    pub fn parse(text: &str) -> Result<Act, String> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let named = || rest.split_once(" = ").ok_or_else(|| format!("write `{word} NAME = …`"));
        Ok(match word {
            "advance" => {
                Act::Advance(crate::file::parse_seconds(rest).ok_or("write for example `advance 11s`")?)
            }
            "keep" if rest.contains(" = letter ") => {
                named().and_then(|(name, from)| parse_letter(name, from))?
            }
            "keep" => named().map(|(name, pointer)| Act::Keep(name.to_owned(), pointer.to_owned()))?,
            "cookie" => named().map(|(name, cookie)| Act::Cookie(name.to_owned(), cookie.to_owned()))?,
            "sign" => named().map(|(name, claims)| Act::Sign(name.to_owned(), claims.to_owned()))?,
            "code" => {
                let (name, rest) = named()?;
                let (seed, steps) = rest.split_once(' ').unwrap_or((rest, "0"));
                let steps = steps.parse().map_err(|_| "write `code NAME = SEED` or `code NAME = SEED +1`")?;
                Act::Code(name.to_owned(), seed.to_owned(), steps)
            }
            "claim" => {
                let (name, from) = named()?;
                let (token, claim) = from.split_once(' ').ok_or("write `claim NAME = TOKEN CLAIM`")?;
                Act::Claim(name.to_owned(), token.to_owned(), claim.to_owned())
            }
            "edit" => {
                let (id, edit) = rest.split_once(' ').ok_or("write `edit ID {…}`")?;
                let edit =
                    serde_json::from_str(edit).map_err(|error| format!("this edit is not JSON: {error}"))?;
                Act::Edit(id.parse().map_err(|_| "the id is a number")?, edit)
            }
            "offer" if !rest.is_empty() => Act::Offer(rest.to_owned()),
            "delete" => Act::Delete(rest.parse().map_err(|_| "write `delete ID`")?),
            other => {
                return Err(format!(
                    "`{other}` is none of advance, code, keep, cookie, claim, sign, edit, delete and offer"
                ));
            }
        })
    }
}

/// Reads `letter KIND to ADDRESS`.
fn parse_letter(name: &str, from: &str) -> Result<Act, String> {
    let words: Vec<&str> = from.split_whitespace().collect();
    let ["letter", kind, "to", address] = words.as_slice() else {
        return Err("write `keep NAME = letter KIND to ADDRESS`".to_owned());
    };
    let letter = Letter::parse(kind).ok_or_else(|| format!("`{kind}` is not a letter"))?;
    Ok(Act::Letter(name.to_owned(), letter, (*address).to_owned()))
}
