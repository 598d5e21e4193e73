//! Which of an application's rules must the engine keep?
//!
//! A dialect compiles its engine-side settings into a [`Contract`]; wire formats stay in the dialect.

use crate::shape::Shape;
use crate::time::Moment;
use crate::token::{Algorithm, HeaderPlan};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The engine's side of one dialect on one mount.
#[derive(Clone, Debug)]
pub struct Contract {
    /// Name of the dialect; sessions belong to it.
    pub name: String,
    /// For whom it is.
    pub purpose: Purpose,
    /// How access tokens look and live.
    pub access: AccessPlan,
    /// How refresh tokens look and live; absent where the contract has none.
    pub refresh: Option<RefreshPlan>,
    /// What the `{issuer}` slot says, from the mount's public address.
    pub issuer: String,
    /// Seconds by which clocks may differ (SEC-53: at most 30 natively).
    pub leeway_seconds: i64,
    /// Seconds after which a session that is not used ends, where no exchange of refresh tokens bounds it.
    pub idle_seconds: Option<i64>,
    /// Whether the strict preset may shorten lives and lengthen passwords.
    pub follows_strict: bool,
    /// Rules for new passwords.
    pub passwords: PasswordPolicy,
    /// What a new account starts with.
    pub newcomer: Newcomer,
    /// The contract's own words for roles, by the name of the role; each word once.
    pub role_words: BTreeMap<String, String>,
    /// Whether a sign-up opens a session at once.
    pub sign_up_gives_tokens: bool,
    /// Whether a sign-up with an address says no more than that a letter goes out, where letters are delivered (SEC-14).
    pub sign_up_can_wait: bool,
    /// Whether the contract has a verb of its own for another address; its profile then refuses one (SEC-45).
    pub has_change_email: bool,
    /// How a sign-in may ask for a second factor here. With none, a user who has one does not get in.
    pub factors: FactorWays,
    /// Until when tokens that the application itself signed are accepted; absent = until they end.
    pub accept_until: Option<Moment>,
    /// What the application's own tokens look like where it signed them with keys of its own.
    pub old: Option<Box<OldTokens>>,
    /// Weaker behaviour that the contract demands, by name.
    pub weakenings: Vec<Weakening>,
}

/// What the strict preset allows at most, in seconds (NIST SP 800-63B-4, AAL2: 24 hours, 1 hour of rest).
pub const STRICT_ACCESS_SECONDS: i64 = 600;
/// Rest of a session.
pub const STRICT_IDLE_SECONDS: i64 = 3600;
/// Life of a session whatever happens.
pub const STRICT_ABSOLUTE_SECONDS: i64 = 86_400;
/// Longest life of an access token without a named weakening, in seconds (SEC-53).
pub const LONG_ACCESS_SECONDS: i64 = 3600;

impl Contract {
    /// The contract's word for a role: its own, or else the name.
    pub fn role_word<'r>(&'r self, role: &'r str) -> &'r str {
        self.role_words.get(role).map_or(role, String::as_str)
    }

    /// The role that a word of the contract means.
    pub fn role_named<'r>(&'r self, word: &'r str) -> &'r str {
        let known = self.role_words.iter().find(|(_, own)| *own == word);
        known.map_or(word, |(role, _)| role.as_str())
    }

    /// Whether every exchange gives another refresh token.
    pub fn rotates(&self) -> bool {
        self.refresh.as_ref().is_some_and(|plan| plan.rotation != Rotation::Keep)
    }

    /// The contract under the strict preset; one that does not follow it stays as it is.
    ///
    /// Lives are only shortened and passwords only lengthened. A weakening that is gone then is not named any more.
    #[must_use]
    pub fn tightened(mut self) -> Contract {
        if !self.follows_strict {
            return self;
        }
        let rotates = self.rotates();
        let access = match &mut self.refresh {
            Some(plan) => {
                let idle = if rotates { STRICT_IDLE_SECONDS } else { STRICT_ABSOLUTE_SECONDS };
                plan.lifetime_seconds = plan.lifetime_seconds.min(idle);
                plan.absolute_seconds = plan.absolute_seconds.min(STRICT_ABSOLUTE_SECONDS);
                STRICT_ACCESS_SECONDS
            }
            // Without refresh tokens the access token is the session.
            None => STRICT_ABSOLUTE_SECONDS,
        };
        self.access.lifetime_seconds = self.access.lifetime_seconds.min(access);
        if !rotates {
            self.idle_seconds = Some(STRICT_IDLE_SECONDS);
        }
        self.passwords.min_length = self.passwords.min_length.max(PasswordPolicy::NATIVE.min_length);
        self.passwords.refuse_common = true;
        let long = self.access.lifetime_seconds > LONG_ACCESS_SECONDS;
        let gone = [Weakening::WeakPasswords, Weakening::ShortPasswords];
        let stays = |weakening: &Weakening| {
            !gone.contains(weakening) && (long || *weakening != Weakening::LongAccess)
        };
        self.weakenings.retain(stays);
        self
    }
}

/// For whom a contract is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// For the users of an application. Opens nothing of the administrators'.
    #[default]
    Application,
    /// For administrators alone: a sign-in needs a scope, and only here the verbs for administrators can be spoken.
    Administration,
}

/// How access tokens look and live.
#[derive(Clone, Debug)]
pub struct AccessPlan {
    /// The key's algorithm; nothing else is ever accepted.
    pub algorithm: Algorithm,
    /// The JOSE header of every JWT of the mount.
    pub header: HeaderPlan,
    /// The claims.
    pub claims: ClaimsPlan,
    /// Seconds.
    pub lifetime_seconds: i64,
}

/// How refresh tokens look and live.
#[derive(Clone, Debug)]
pub struct RefreshPlan {
    /// On the wire.
    pub form: RefreshForm,
    /// Seconds until an unused one ends.
    pub lifetime_seconds: i64,
    /// Seconds until the session ends whatever happens; never less than the lifetime.
    pub absolute_seconds: i64,
    /// What an exchange does to it.
    pub rotation: Rotation,
}

/// A refresh token on the wire.
#[derive(Clone, Debug)]
pub enum RefreshForm {
    /// A JWT signed with the mount's key; its `jti` is our ticket.
    Jwt {
        /// The claims.
        claims: Box<ClaimsPlan>,
    },
    /// Our own opaque text.
    Opaque,
}

/// What an exchange does to the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// A successor replaces it. The predecessor gives the same successor for this many seconds (SEC-63).
    Rotate {
        /// 0 switches the grace off.
        grace_seconds: i64,
    },
    /// It stays (a named weakening).
    Keep,
}

/// Claims to write and to expect.
#[derive(Clone, Debug)]
pub struct ClaimsPlan {
    /// The claims as JSON with slots.
    pub shape: Shape,
    /// Path of the claim that holds the end; required when reading.
    pub expires: Vec<String>,
    /// Path of the claim that holds the making.
    pub issued: Option<Vec<String>>,
    /// Path of the claim that holds our ticket, as 32 hex digits or as UUID text.
    pub token_id: Option<Vec<String>>,
    /// Whether tokens that the application signed before the move may lack that claim. Ours never do.
    pub foreign_without_id: bool,
    /// Path of the claim that names the user, and how.
    pub user: (Vec<String>, UserClaim),
    /// Claims with fixed values, which tell the kinds of token apart.
    pub fixed: Vec<(String, Value)>,
    /// Path of the claim that holds the issuer, if it must be ours.
    pub issuer: Option<Vec<String>>,
}

/// What the tokens say that the application signed before the move, with keys of its own. Their times are `exp` and `iat`
/// (RFC 7519 section 4.1).
#[derive(Clone, Debug, PartialEq)]
pub struct OldTokens {
    /// Path of the claim that names the user, and how.
    pub user: (Vec<String>, UserClaim),
    /// Claims with fixed values in its access tokens.
    pub access: Vec<(String, Value)>,
    /// Claims with fixed values in its refresh tokens; absent = none of those are accepted.
    pub refresh: Option<Vec<(String, Value)>>,
    /// The issuer that they must name.
    pub issuer: Option<String>,
    /// The audience that they must be for.
    pub audience: Option<String>,
}

/// How a claim names the user. Reading accepts a number or a text of digits for an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserClaim {
    /// By integer id.
    Id,
    /// By UUID.
    Uuid,
    /// By e-mail address.
    Email,
    /// By user name.
    Username,
}

/// The ways in which a sign-in can ask for a second factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FactorWays {
    /// An answer with a half-way token, and a route that takes it together with the code.
    pub half_way: bool,
    /// A field of the sign-in.
    pub field: bool,
    /// The password's own field: `password,123456`.
    pub suffix: bool,
}

impl FactorWays {
    /// Every way by its word, in the order of the documentation.
    pub const NAMES: [&'static str; 3] = ["half_way", "field", "suffix"];

    /// The ways with these words. Refused: the first word that is none.
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<FactorWays, &'a str> {
        let mut ways = FactorWays::default();
        for word in words {
            match word {
                "half_way" => ways.half_way = true,
                "field" => ways.field = true,
                "suffix" => ways.suffix = true,
                other => return Err(other),
            }
        }
        Ok(ways)
    }

    /// The words of these ways.
    pub fn names(self) -> Vec<&'static str> {
        let on = [self.half_way, self.field, self.suffix];
        FactorWays::NAMES.into_iter().zip(on).filter(|(_, on)| *on).map(|(name, _)| name).collect()
    }

    /// The words of these ways that are not among others.
    pub fn beyond(self, others: FactorWays) -> Vec<&'static str> {
        let known = others.names();
        self.names().into_iter().filter(|name| !known.contains(name)).collect()
    }
}

/// Rules for new passwords. Passwords that exist keep working whatever they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Fewest code points.
    pub min_length: u32,
    /// Whether common passwords and the account's own words are refused.
    pub refuse_common: bool,
    /// Whether digits alone are refused.
    pub refuse_numeric: bool,
}

/// What a new account starts with. Callers can not choose it.
#[derive(Clone, Debug, Default)]
pub struct Newcomer {
    /// Role by name.
    pub role: String,
    /// Permissions by name.
    pub permissions: Vec<String>,
    /// Custom attributes.
    pub attributes: Map<String, Value>,
}

/// Weaker behaviour that a contract can demand. Closed; listed by `countersign doctor --security` (SEC-113).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Weakening {
    /// An unknown account and a wrong password get different answers.
    TellsUnknownUser,
    /// Sign-up says that an address or name is taken.
    TellsTaken,
    /// Anybody may ask whether an address has an account.
    TellsEmailExists,
    /// New passwords may be shorter than natively, or common ones are allowed.
    WeakPasswords,
    /// New passwords may have fewer than eight characters.
    ShortPasswords,
    /// Access tokens are signed with a shared secret.
    SharedSecret,
    /// The shared secret may have fewer than 32 bytes.
    ShortSecret,
    /// Refresh tokens are not rotated.
    NoRotation,
    /// Access tokens live longer than an hour.
    LongAccess,
    /// Access tokens do not name their session: a sign-out does not reach them.
    NoSessionInAccess,
    /// Integer ids are shown: accounts can be counted.
    IntegerIds,
    /// The account's state is told before or beside the right password in words of its own.
    TellsAccountState,
    /// Cookies travel without encryption; only on this machine.
    InsecureCookies,
}

impl Weakening {
    /// Every weakening, in the order of the documentation.
    pub const ALL: [Weakening; 13] = [
        Weakening::TellsUnknownUser,
        Weakening::TellsTaken,
        Weakening::TellsEmailExists,
        Weakening::WeakPasswords,
        Weakening::ShortPasswords,
        Weakening::SharedSecret,
        Weakening::ShortSecret,
        Weakening::NoRotation,
        Weakening::LongAccess,
        Weakening::NoSessionInAccess,
        Weakening::IntegerIds,
        Weakening::TellsAccountState,
        Weakening::InsecureCookies,
    ];

    /// The word in dialect files and in `doctor`.
    pub const fn name(self) -> &'static str {
        match self {
            Weakening::TellsUnknownUser => "tells_unknown_user",
            Weakening::TellsTaken => "tells_taken",
            Weakening::TellsEmailExists => "tells_email_exists",
            Weakening::WeakPasswords => "weak_passwords",
            Weakening::ShortPasswords => "short_passwords",
            Weakening::SharedSecret => "shared_secret",
            Weakening::ShortSecret => "short_secret",
            Weakening::NoRotation => "no_rotation",
            Weakening::LongAccess => "long_access",
            Weakening::NoSessionInAccess => "no_session_in_access",
            Weakening::IntegerIds => "integer_ids",
            Weakening::TellsAccountState => "tells_account_state",
            Weakening::InsecureCookies => "insecure_cookies",
        }
    }

    /// What it costs, in one sentence.
    pub const fn cost(self) -> &'static str {
        match self {
            Weakening::TellsUnknownUser => "Anybody can find out which accounts exist by trying to sign in.",
            Weakening::TellsTaken => {
                "Anybody can find out which addresses or names are taken by trying to sign up."
            }
            Weakening::TellsEmailExists => "Anybody can ask whether an address has an account.",
            Weakening::WeakPasswords => "New passwords can be guessed sooner than the native policy allows.",
            Weakening::ShortPasswords => {
                "The shortest new passwords can be guessed within the limit on tries."
            }
            Weakening::SharedSecret => "Whoever can verify an access token can also make one.",
            Weakening::ShortSecret => "A short secret can be found by trying, and then tokens can be forged.",
            Weakening::NoRotation => {
                "A stolen refresh token works until its session ends, and nobody notices."
            }
            Weakening::LongAccess => {
                "Outside this server a stolen access token works for hours after a sign-out or ban."
            }
            Weakening::NoSessionInAccess => "A sign-out does not reach access tokens that were handed out.",
            Weakening::IntegerIds => "Accounts can be counted, and ids can be guessed (they grant nothing).",
            Weakening::TellsAccountState => {
                "Whoever has the right password learns that the account is switched off."
            }
            Weakening::InsecureCookies => {
                "Tokens travel in cookies without encryption; whoever hears the line or runs another port of this host has them."
            }
        }
    }

    /// Reads a word of a dialect file. Refused: any other text.
    pub fn parse(name: &str) -> Option<Weakening> {
        Weakening::ALL.into_iter().find(|w| w.name() == name)
    }
}
