//! What does a `[[mount]]` say about the tokens that the application signed with keys of its own, before the move?

use super::file::Page;
use super::{did_you_mean, nearest};
use domain::contract::{Contract, OldTokens, Purpose, RefreshForm, UserClaim};
use serde_json::{Value, json};
use std::path::PathBuf;
use toml::de::{DeTable, DeValue};

/// The words of `[mount.old_claims]`, with what they mean.
pub static CLAIM_WORDS: [(&str, &str); 7] = [
    (
        "user",
        "Path of the claim that names the user, like \"sub\" or \"user.id\". Default: the dialect's own.",
    ),
    (
        "user_is",
        "How it does: \"id\", \"uuid\", \"email\" or \"username\". Default: as in the dialect's own claims.",
    ),
    (
        "kind",
        "The claim that tells refresh tokens from access tokens, like \"token_type\"; empty = none does. Default: the dialect's own.",
    ),
    ("access", "What it says in access tokens; default \"access\"."),
    ("refresh", "What it says in refresh tokens; default \"refresh\". Empty = they are not accepted."),
    ("issuer", "What `iss` must say."),
    ("audience", "What `aud` must say, or hold among others."),
];

const USER_CLAIMS: [(&str, UserClaim); 4] = [
    ("id", UserClaim::Id),
    ("uuid", UserClaim::Uuid),
    ("email", UserClaim::Email),
    ("username", UserClaim::Username),
];

/// Where the keys of the application are, and how its claims differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OldConfig {
    /// Its public keys, as a JWK set.
    pub jwks_file: Option<PathBuf>,
    /// Its shared secret.
    pub secret_file: Option<PathBuf>,
    /// The shared secret of its refresh tokens, where they have one of their own.
    pub refresh_secret_file: Option<PathBuf>,
    /// Its claims, where they are not the dialect's.
    pub claims: OldClaims,
}

/// What differs from the claims of the dialect; absent = nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OldClaims {
    user: Option<String>,
    user_is: Option<UserClaim>,
    kind: Option<String>,
    access: Option<String>,
    refresh: Option<String>,
    issuer: Option<String>,
    audience: Option<String>,
}

impl OldConfig {
    /// Whether there are keys at all.
    pub fn has_keys(&self) -> bool {
        self.jwks_file.is_some() || self.secret_file.is_some() || self.refresh_secret_file.is_some()
    }

    /// What it says, as it is written in the file.
    pub fn words(&self) -> Vec<(&'static str, Value)> {
        let path = |word, path: &Option<PathBuf>| Some((word, json!(path.as_ref()?.to_string_lossy())));
        let files = [
            path("old_jwks_file", &self.jwks_file),
            path("old_secret_file", &self.secret_file),
            path("old_refresh_secret_file", &self.refresh_secret_file),
        ];
        let claims = &self.claims;
        let how = claims.user_is.and_then(|how| USER_CLAIMS.iter().find(|(_, known)| *known == how));
        let texts = [
            ("old_claims.user", claims.user.as_deref()),
            ("old_claims.user_is", how.map(|(name, _)| *name)),
            ("old_claims.kind", claims.kind.as_deref()),
            ("old_claims.access", claims.access.as_deref()),
            ("old_claims.refresh", claims.refresh.as_deref()),
            ("old_claims.issuer", claims.issuer.as_deref()),
            ("old_claims.audience", claims.audience.as_deref()),
        ];
        let texts = texts.into_iter().filter_map(|(word, text)| Some((word, json!(text?))));
        files.into_iter().flatten().chain(texts).collect()
    }

    /// Takes one word of the mount. None: the word is about something else.
    pub(super) fn read(
        &mut self,
        name: &str,
        value: &DeValue<'_>,
        page: &Page<'_>,
    ) -> Option<Result<(), String>> {
        let path = || {
            let text = value.as_str().filter(|text| !text.is_empty());
            text.map(|text| PathBuf::from(page.relative(text)))
                .ok_or_else(|| format!("{name}: write the path of a file"))
        };
        Some(match name {
            "old_jwks_file" => path().map(|path| self.jwks_file = Some(path)),
            "old_secret_file" => path().map(|path| self.secret_file = Some(path)),
            "old_refresh_secret_file" => path().map(|path| self.refresh_secret_file = Some(path)),
            "old_claims" => match value.as_table() {
                Some(table) => self.claims.read(table),
                None => Err("old_claims is a section: write [mount.old_claims] under the mount".to_owned()),
            },
            _ => return None,
        })
    }

    /// Whether the words fit together. `dated`: the mount has an `accept_until`.
    pub(super) fn finish(&self, dated: bool) -> Result<(), String> {
        if !self.has_keys() {
            return if self.claims == OldClaims::default() {
                Ok(())
            } else {
                Err("old_claims needs old_jwks_file or old_secret_file: keys that verify those tokens"
                    .to_owned())
            };
        }
        if !dated {
            return Err(
                "old keys need `accept_until`: the day on which the last old token has ended".to_owned()
            );
        }
        if self.jwks_file.is_some() && self.claims.issuer.is_none() && self.claims.audience.is_none() {
            return Err("old_jwks_file needs `issuer` or `audience` in [mount.old_claims]: the same keys may sign tokens \
                        for other applications"
                .to_owned());
        }
        Ok(())
    }

    /// What the old tokens of this contract look like; none without old keys.
    ///
    /// Refused: a contract for administrators; refresh tokens that nothing tells from access tokens.
    pub fn plan(&self, contract: &Contract) -> Result<Option<OldTokens>, String> {
        if !self.has_keys() {
            return Ok(None);
        }
        if contract.purpose == Purpose::Administration {
            return Err(
                "administrators are not carried over: take the old keys away from this mount".to_owned()
            );
        }
        let claims = &self.claims;
        let (path, how) = &contract.access.claims.user;
        let path = claims
            .user
            .as_ref()
            .map_or_else(|| path.clone(), |path| path.split('.').map(str::to_owned).collect());
        let (access, refresh) = self.kinds(contract)?;
        Ok(Some(OldTokens {
            user: (path, claims.user_is.unwrap_or(*how)),
            access,
            refresh,
            issuer: claims.issuer.clone(),
            audience: claims.audience.clone(),
        }))
    }

    fn kinds(&self, contract: &Contract) -> Result<(Fixed, Option<Fixed>), String> {
        let of_dialect = || {
            let access = contract.access.claims.fixed.clone();
            match contract.refresh.as_ref().map(|plan| &plan.form) {
                Some(RefreshForm::Jwt { claims }) if claims.fixed != access => (access, claims.fixed.clone()),
                Some(RefreshForm::Jwt { .. } | RefreshForm::Opaque) | None => (Vec::new(), Vec::new()),
            }
        };
        let claims = &self.claims;
        let word = |own: &Option<String>, default: &str| json!(own.as_deref().unwrap_or(default));
        let (access, refresh) = match claims.kind.as_deref() {
            None => of_dialect(),
            Some("") => (Vec::new(), Vec::new()),
            Some(kind) => (
                vec![(kind.to_owned(), word(&claims.access, "access"))],
                vec![(kind.to_owned(), word(&claims.refresh, "refresh"))],
            ),
        };
        if contract.refresh.is_none() || claims.refresh.as_deref() == Some("") {
            return Ok((access, None));
        }
        if self.refresh_secret_file.is_none() && access == refresh {
            return Err("nothing tells the application's refresh tokens from its access tokens: write `kind` into \
                        [mount.old_claims], or name the secret of its refresh tokens in `old_refresh_secret_file`, or \
                        write `refresh = \"\"` to accept access tokens alone"
                .to_owned());
        }
        Ok((access, Some(refresh)))
    }
}

/// Claims with fixed values.
type Fixed = Vec<(String, Value)>;

impl OldClaims {
    fn read(&mut self, table: &DeTable<'_>) -> Result<(), String> {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let text = value.get_ref().as_str().filter(|text| text.len() <= 512);
            let text = text.ok_or_else(|| format!("old_claims.{name}: write a text of at most 512 bytes"))?;
            let own = Some(text.to_owned());
            match name {
                "user" if text.split('.').all(|part| !part.is_empty()) => self.user = own,
                "user" => return Err("old_claims.user: write the path of a claim, like \"sub\"".to_owned()),
                "user_is" => self.user_is = Some(user_is(text)?),
                "kind" => self.kind = own,
                "access" => self.access = own,
                "refresh" => self.refresh = own,
                "issuer" | "audience" if text.is_empty() => {
                    return Err(format!("old_claims.{name}: write what it says, or take the line away"));
                }
                "issuer" => self.issuer = own,
                "audience" => self.audience = own,
                _ => {
                    let words = CLAIM_WORDS.iter().map(|(word, _)| *word);
                    let hint = nearest(name, words).map_or_else(String::new, did_you_mean);
                    return Err(format!("old_claims has no {name:?}{hint}"));
                }
            }
        }
        let without_kind = self.kind.as_deref().is_none_or(str::is_empty);
        if without_kind
            && (self.access.is_some() || self.refresh.as_deref().is_some_and(|word| !word.is_empty()))
        {
            return Err(
                "old_claims: `access` and `refresh` are what the claim in `kind` says; write `kind`, too"
                    .to_owned(),
            );
        }
        if self.user.is_some() && self.user_is.is_none() {
            return Err(
                "old_claims: `user` needs `user_is`: \"id\", \"uuid\", \"email\" or \"username\"".to_owned()
            );
        }
        Ok(())
    }
}

fn user_is(text: &str) -> Result<UserClaim, String> {
    let found = USER_CLAIMS.iter().find(|(name, _)| *name == text);
    found.map(|(_, how)| *how).ok_or_else(|| {
        format!("old_claims.user_is: {text:?} is none of \"id\", \"uuid\", \"email\" and \"username\"")
    })
}
