//! How does a compiled JSON or text template become bytes?
//!
//! Literal parts are bytes already; only slots are looked up. No expressions: what a slot can say is this closed list.

mod list;
mod write;

pub use list::List;
pub use write::{short_id, text, text_slots};

use crate::admin::{AdminKey, Listed, ShownEvent};
use crate::secret::Secret;
use crate::session::ShownSession;
use crate::time::Moment;
use crate::user::User;
use serde_json::Value;
use std::collections::BTreeMap;

/// A place in a template that is filled per answer. Closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Integer id of the user.
    UserId,
    /// UUID of the user.
    UserUuid,
    /// First `n` characters of the UUID in base 62 (8 to 22): a short public id, stable for the user.
    UserShortId(u8),
    /// User name.
    UserUsername,
    /// E-mail address.
    UserEmail,
    /// Given name.
    UserFirstName,
    /// Family name.
    UserLastName,
    /// Both names with a space, as far as they are known.
    UserFullName,
    /// Phone number.
    UserPhoneNumber,
    /// Path or URL of the picture.
    UserAvatar,
    /// Role.
    UserRole,
    /// List of permissions.
    UserPermissions,
    /// `active`, `inactive` or `suspended`.
    UserStatus,
    /// Whether the status is active.
    UserActive,
    /// Whether the address was verified.
    UserEmailVerified,
    /// Whether a second factor is in force.
    UserSecondFactor,
    /// Sign-up.
    UserCreatedAt,
    /// Last sign-in.
    UserLastLoginAt,
    /// All custom attributes.
    UserAttributes,
    /// One custom attribute.
    UserAttribute(String),
    /// The access token.
    Access,
    /// Seconds until the access token ends.
    AccessExpiresIn,
    /// When the access token ends.
    AccessExpiresAt,
    /// When the access token was made.
    AccessIssuedAt,
    /// The refresh token.
    Refresh,
    /// Seconds until the refresh token ends.
    RefreshExpiresIn,
    /// When the refresh token ends.
    RefreshExpiresAt,
    /// What a page has to send back with its cookies.
    Csrf,
    /// What opens the next step of a sign-in, and nothing else.
    HalfWay,
    /// Seconds until it ends.
    HalfWayExpiresIn,
    /// The seed of a new second factor in base 32.
    FactorSecret,
    /// `otpauth://` address of a new second factor.
    FactorUri,
    /// QR code of a new second factor, SVG.
    FactorQr,
    /// Whether a second factor is in force.
    FactorOn,
    /// Since when it is in force.
    FactorSince,
    /// Whether a second factor waits for its first code.
    FactorPending,
    /// Whether codes are not looked at any more.
    FactorLocked,
    /// How many recovery codes are left.
    FactorRecoveryLeft,
    /// New recovery codes.
    RecoveryCodes,
    /// In claims: when the token is made.
    Issued,
    /// In claims: when the token ends.
    Expires,
    /// In claims: our ticket as 32 hex digits.
    TokenId,
    /// In claims: our ticket as UUID text.
    TokenUuid,
    /// In claims and answers: the public address of this server.
    Issuer,
    /// The moment of the answer.
    Now,
    /// The live sessions of the user; only as a list of shapes.
    Sessions,
    /// In a list of sessions: public id.
    SessionId,
    /// In a list of sessions: name of the contract.
    SessionContract,
    /// In a list of sessions: client software at the sign-in.
    SessionDevice,
    /// In a list of sessions: client address at the sign-in.
    SessionAddress,
    /// In a list of sessions: the sign-in.
    SessionCreatedAt,
    /// In a list of sessions: last use.
    SessionSeenAt,
    /// In a list of sessions: end whatever happens.
    SessionExpiresAt,
    /// In a list of sessions: whether it is the one that asks.
    SessionCurrent,
    /// How many sessions were ended.
    Ended,
    /// Whether the address has an account.
    Exists,
    /// The address that was asked for.
    AskedEmail,
    /// The claims of the token that was verified.
    Claims,
    /// The users of a page; only as a list of shapes.
    Users,
    /// The admin keys; only as a list of shapes.
    Keys,
    /// Of an admin key: public name.
    KeyId,
    /// Of an admin key: what people call it.
    KeyName,
    /// Of an admin key: its scopes.
    KeyScopes,
    /// Of an admin key: when it was made.
    KeyCreatedAt,
    /// Of an admin key: when it ends.
    KeyExpiresAt,
    /// Of an admin key: when it was last used.
    KeyLastUsedAt,
    /// Of an admin key: when it was revoked.
    KeyRevokedAt,
    /// The text of the admin key that was just made.
    KeySecret,
    /// The events of a page; only as a list of shapes.
    Events,
    /// Of an event: number in the trail.
    EventId,
    /// Of an event: when.
    EventAt,
    /// Of an event: name of the kind.
    EventKind,
    /// Of an event: who did it, in a word.
    EventActor,
    /// Of an event: public id of the administrator or key who did it.
    EventBy,
    /// Of an event: public id of the session.
    EventSession,
    /// Of an event: through which contract.
    EventContract,
    /// Of an event: the verb or command.
    EventVerb,
    /// Of an event: client address.
    EventAddress,
    /// Of an event: code of the refusal.
    EventResult,
    /// Of an event: id of the request.
    EventRequest,
    /// Of an event: more about it, as an object.
    EventDetails,
    /// How many items there are on all pages.
    Total,
    /// Where the next page begins.
    Next,
    /// Code of the refusal.
    Code,
    /// Reason of a malformed body, fit for the client.
    Reason,
    /// All flaws in the dialect's shape.
    Flaws,
    /// Message of the first flaw.
    FirstMessage,
    /// Whole seconds to wait.
    RetryAfter,
    /// Media type or character set that was refused.
    MediaType,
    /// Name of the missing claim.
    Claim,
    /// The dialect's word for the JSON type that was sent.
    JsonType,
    /// Methods allowed, joined by comma and space.
    Allow,
    /// Method of the request.
    Method,
    /// Path of the request, without query.
    Path,
    /// Status code of the answer.
    Status,
    /// Id of a fault, as in the log.
    FaultId,
    /// In messages: wire name of the field.
    Field,
    /// In messages: readable name of the field.
    Label,
    /// In messages: limit of the rule.
    Limit,
    /// In messages: what was counted or got.
    Got,
    /// In items of a list of flaws: wording of the flaw.
    Message,
    /// In items of a list of flaws: code of the rule.
    Rule,
    /// In items of a list of flaws: where the input stands, as a list (`["body", "email"]`).
    Place,
}

/// How a value is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// In its own JSON type; moments as RFC 3339 with milliseconds.
    Natural,
    /// As text.
    Text,
    /// As text in lower case.
    Lower,
    /// Moment as RFC 3339: digits of the fraction (`None` = six, or none at all when it is zero), offset in minutes.
    Iso(Option<u8>, i32),
    /// Moment as whole seconds.
    Seconds,
    /// Moment as milliseconds.
    Millis,
    /// Moment by a `strftime` pattern, in UTC.
    Pattern(String),
}

/// What is written for a value that is not there.
#[derive(Clone, Debug, PartialEq)]
pub enum Absent {
    /// `null`.
    Null,
    /// An empty text.
    Blank,
    /// Nothing: the member is left out.
    Omit,
    /// This value.
    Value(Value),
}

/// A slot with the way it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotUse {
    /// Which.
    pub slot: Slot,
    /// How.
    pub form: Form,
    /// What if not.
    pub absent: Absent,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum TextPart {
    /// As it is.
    Literal(String),
    /// To be filled.
    Slot(SlotUse),
}

/// A part of a JSON template.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Bytes of JSON.
    Bytes(Vec<u8>),
    /// A comma, unless an object or list has just begun.
    Comma,
    /// A JSON value.
    Value(SlotUse),
    /// A JSON string of several parts.
    Text(Vec<TextPart>),
    /// A list: the shape once for each of its things.
    Each(List, Shape),
    /// A member that vanishes, with its comma, when the value is absent.
    Member(Vec<u8>, SlotUse),
}

/// A compiled JSON template.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// In order.
    pub parts: Vec<Part>,
}

/// Everything that slots can be filled from. What is not there is absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// The user shown.
    pub user: Option<&'a User>,
    /// The contract's own words for roles.
    pub role_words: Option<&'a BTreeMap<String, String>>,
    /// The tokens given.
    pub tokens: Option<&'a crate::outcome::Tokens>,
    /// Whether the tokens themselves stay unsaid; when they end is said all the same.
    pub withholds_tokens: bool,
    /// The token being made.
    pub claims: Option<ClaimFacts<'a>>,
    /// The moment of the answer.
    pub now: Option<Moment>,
    /// Public address.
    pub issuer: Option<&'a str>,
    /// Live sessions.
    pub sessions: Option<&'a [ShownSession]>,
    /// The session of the list that is being written.
    pub session: Option<&'a ShownSession>,
    /// What opens the next step of a sign-in.
    pub half_way: Option<&'a crate::outcome::Minted>,
    /// A new second factor.
    pub enrolment: Option<&'a crate::outcome::Enrolment>,
    /// What may be shown of the second factor.
    pub factor: Option<crate::factor::FactorState>,
    /// New recovery codes.
    pub recovery_codes: Option<&'a [crate::secret::Secret]>,
    /// Sessions ended.
    pub ended: Option<u64>,
    /// Whether the address exists, and the address.
    pub email: Option<(&'a str, bool)>,
    /// The page of a list.
    pub listed: Option<&'a Listed>,
    /// An admin key, and its text when it was just made.
    pub key: Option<(&'a AdminKey, Option<&'a Secret>)>,
    /// The event of the list that is being written.
    pub event: Option<&'a ShownEvent>,
    /// Claims of a verified token.
    pub verified: Option<&'a serde_json::Map<String, Value>>,
    /// The refusal.
    pub refusal: Option<RefusalFacts<'a>>,
    /// Method and path of the request.
    pub request: Option<(&'a str, &'a str)>,
    /// Status code of the answer.
    pub status: Option<u16>,
    /// Id of a fault.
    pub fault: Option<&'a str>,
    /// The flaw being worded.
    pub flaw: Option<FlawFacts<'a>>,
}

/// What claims can say of the token being made.
#[derive(Clone, Copy, Debug)]
pub struct ClaimFacts<'a> {
    /// When it is made.
    pub issued: Moment,
    /// When it ends.
    pub expires: Moment,
    /// Our ticket, 32 hex digits.
    pub ticket: &'a str,
}

/// What an answer can say of a refusal.
#[derive(Clone, Copy, Debug, Default)]
pub struct RefusalFacts<'a> {
    /// Stable code.
    pub code: &'a str,
    /// Reason of a malformed body, media type, character set, claim or JSON type: whatever the refusal holds.
    pub detail: Option<&'a str>,
    /// Flaws in the dialect's shape.
    pub flaws: Option<&'a Value>,
    /// Wording of the first flaw.
    pub first_message: Option<&'a str>,
    /// Seconds.
    pub retry_after: Option<u32>,
    /// Methods.
    pub allow: Option<&'a str>,
}

/// What a message can say of a flaw.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlawFacts<'a> {
    /// Wire name.
    pub field: &'a str,
    /// Readable name.
    pub label: &'a str,
    /// Limit.
    pub limit: Option<i64>,
    /// What was counted.
    pub got: Option<&'a str>,
    /// The finished wording (for items).
    pub message: Option<&'a str>,
    /// Code of the rule.
    pub rule: &'a str,
    /// Where the input stands.
    pub place: Option<&'a Value>,
}
