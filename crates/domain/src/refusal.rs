//! Which are the normal ways to say no?

use crate::input::Flaw;
use crate::limit::Throttle;

/// The normal "no". Closed; every variant has a stable [`code`](Refusal::code), and every dialect can say every one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    // ---- the request as such
    /// No route of this dialect has the path.
    NotFound,
    /// The path has routes, but none for the method. Holds the methods allowed.
    MethodNotAllowed(Vec<String>),
    /// None of the media types offered is wanted by the client.
    NotAcceptable,
    /// The body is of a kind that the route does not read. Holds what was sent.
    UnsupportedMediaType(String),
    /// The body has a character set that is not UTF-8. Holds what was sent.
    UnsupportedCharset(String),
    /// The body is larger than the route's bound.
    PayloadTooLarge,
    /// The body can not be read. Holds a reason fit for the client.
    MalformedBody(String),
    /// The body is JSON, but not an object. Holds the JSON type: `array`, `string`, `number`, `boolean`, `null`.
    NotAnObject(&'static str),
    /// Nothing usable at all: no body, an empty object, or none of the required fields.
    NothingGiven,
    /// Inputs break rules.
    InvalidInput(Vec<Flaw>),
    /// Inputs are fine but belong to another account.
    Taken(Vec<Flaw>),

    // ---- credentials of a sign-in
    /// Wrong password, or whatever must look like it.
    InvalidCredentials,
    /// No such account. Said only by dialects that name the weakening; otherwise it is said as invalid credentials.
    UnknownUser,
    /// Right password, account switched off.
    AccountInactive,
    /// Right password, account banned.
    AccountSuspended,
    /// Right password, but nobody gets a token before the address is verified (SEC-37).
    EmailUnverified,

    // ---- the second factor
    /// Right password; the second factor is still to come, or the role or contract needs one and there is none.
    FactorRequired,
    /// Right password, wrong second factor, or one that was used.
    FactorWrong,
    /// Right password; after a hundred wrong codes in a row none is looked at any more.
    FactorLocked,

    // ---- tokens
    /// No token where one is needed.
    CredentialsMissing,
    /// The header that should carry the token has another form.
    CredentialsMalformed,
    /// Not one of our tokens, damaged, or of a session that has ended.
    TokenInvalid,
    /// Was good, is over.
    TokenExpired,
    /// A refresh token where an access token is needed, or the reverse.
    TokenWrongKind,
    /// A claim is missing. Holds its name.
    TokenClaimMissing(String),
    /// The claim that names the user is missing or unreadable.
    TokenUserMissing,
    /// The user is gone.
    TokenUserUnknown,
    /// The user may not sign in any more.
    TokenUserInactive,
    /// The session was ended: sign-out, password change, ban.
    TokenRevoked,
    /// A refresh token that had been exchanged before; its family has ended.
    TokenReused,

    // ---- letters
    /// Not one of our links, damaged, used, over, cancelled, or for another purpose: all alike.
    LinkInvalid,
    /// No letters are delivered here, so nothing that needs one can be done.
    MailOff,

    // ---- permission
    /// Another user's object, or an object that does not exist.
    NotYours,
    /// The sign-in of this session is too long ago for what is asked; it has to be proved again.
    ReauthRequired,
    /// Cookies came along, or would be set, and nothing proves that a page of ours sent the request (SEC-73, SEC-74).
    CrossSite,

    /// The administrator or key lacks the scope, or the other account is not for them to touch.
    NotPermitted,
    /// There would be no administrator left.
    LastAdministrator,
    /// The bootstrap token is not good, is over, or there is an administrator already.
    BootstrapClosed,

    // ---- limits
    /// Too many tries. Holds the budget that is used up.
    Throttled(Throttle),
    /// The server has more password checks waiting than it may hold. Holds whole seconds.
    Overloaded(u32),
}

/// The codes of all refusals, in the order of the documentation.
pub const REFUSAL_CODES: [&str; 40] = [
    "not_found",
    "method_not_allowed",
    "not_acceptable",
    "unsupported_media_type",
    "unsupported_charset",
    "payload_too_large",
    "malformed_body",
    "not_an_object",
    "nothing_given",
    "invalid_input",
    "taken",
    "invalid_credentials",
    "unknown_user",
    "account_inactive",
    "account_suspended",
    "email_unverified",
    "factor_required",
    "factor_wrong",
    "factor_locked",
    "credentials_missing",
    "credentials_malformed",
    "token_invalid",
    "token_expired",
    "token_wrong_kind",
    "token_claim_missing",
    "token_user_missing",
    "token_user_unknown",
    "token_user_inactive",
    "token_revoked",
    "token_reused",
    "link_invalid",
    "mail_off",
    "not_yours",
    "reauth_required",
    "cross_site",
    "not_permitted",
    "last_administrator",
    "bootstrap_closed",
    "throttled",
    "overloaded",
];

impl Refusal {
    /// The stable name: in dialects, events and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Refusal::NotFound => "not_found",
            Refusal::MethodNotAllowed(_) => "method_not_allowed",
            Refusal::NotAcceptable => "not_acceptable",
            Refusal::UnsupportedMediaType(_) => "unsupported_media_type",
            Refusal::UnsupportedCharset(_) => "unsupported_charset",
            Refusal::PayloadTooLarge => "payload_too_large",
            Refusal::MalformedBody(_) => "malformed_body",
            Refusal::NotAnObject(_) => "not_an_object",
            Refusal::NothingGiven => "nothing_given",
            Refusal::InvalidInput(_) => "invalid_input",
            Refusal::Taken(_) => "taken",
            Refusal::InvalidCredentials => "invalid_credentials",
            Refusal::UnknownUser => "unknown_user",
            Refusal::AccountInactive => "account_inactive",
            Refusal::AccountSuspended => "account_suspended",
            Refusal::EmailUnverified => "email_unverified",
            Refusal::FactorRequired => "factor_required",
            Refusal::FactorWrong => "factor_wrong",
            Refusal::FactorLocked => "factor_locked",
            Refusal::CredentialsMissing => "credentials_missing",
            Refusal::CredentialsMalformed => "credentials_malformed",
            Refusal::TokenInvalid => "token_invalid",
            Refusal::TokenExpired => "token_expired",
            Refusal::TokenWrongKind => "token_wrong_kind",
            Refusal::TokenClaimMissing(_) => "token_claim_missing",
            Refusal::TokenUserMissing => "token_user_missing",
            Refusal::TokenUserUnknown => "token_user_unknown",
            Refusal::TokenUserInactive => "token_user_inactive",
            Refusal::TokenRevoked => "token_revoked",
            Refusal::TokenReused => "token_reused",
            Refusal::LinkInvalid => "link_invalid",
            Refusal::MailOff => "mail_off",
            Refusal::NotYours => "not_yours",
            Refusal::ReauthRequired => "reauth_required",
            Refusal::CrossSite => "cross_site",
            Refusal::NotPermitted => "not_permitted",
            Refusal::LastAdministrator => "last_administrator",
            Refusal::BootstrapClosed => "bootstrap_closed",
            Refusal::Throttled(_) => "throttled",
            Refusal::Overloaded(_) => "overloaded",
        }
    }

    /// The refusal that is said in its place where a dialect has no words for it; `None` at the end of the chain.
    pub fn said_as(code: &str) -> Option<&'static str> {
        Some(match code {
            "nothing_given" => "invalid_input",
            "not_an_object" | "unsupported_charset" => "malformed_body",
            "taken" => "invalid_input",
            "unknown_user" => "invalid_credentials",
            "account_suspended" | "email_unverified" => "account_inactive",
            "account_inactive" => "invalid_credentials",
            "factor_locked" => "factor_wrong",
            "factor_required" | "factor_wrong" => "invalid_credentials",
            "credentials_malformed" => "credentials_missing",
            "credentials_missing"
            | "token_expired"
            | "token_wrong_kind"
            | "token_claim_missing"
            | "token_user_missing"
            | "token_user_unknown"
            | "token_user_inactive"
            | "token_revoked"
            | "token_reused" => "token_invalid",
            _ => return None,
        })
    }
}
