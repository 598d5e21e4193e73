//! Which recorded answers do we not give, by whose decision, and what do we answer instead?

use super::row::Key;
use Why::{Decision, Defect, NewPasswords, Page, Requirement, Target};

/// Why a recorded answer is not ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Why {
    /// A decision of section 0 of the contracts, by number.
    Decision(u8),
    /// What section 0 says about new passwords: the validators count that the original named and did not run.
    NewPasswords,
    /// A defect of the original in section 1.7, by number.
    Defect(u8),
    /// The section that has another answer as its target, or a source that wins.
    Target(&'static str),
    /// The original answered a page of HTML, which no contract holds.
    Page,
    /// A bound among the security requirements is narrower; the words that set it.
    Requirement(&'static str),
}

/// A recorded answer that is not ours.
#[derive(Clone, Copy, Debug)]
pub struct Exemption {
    /// The row.
    pub key: Key<'static>,
    /// The reason.
    pub why: Why,
    /// Our status.
    pub status: u16,
    /// Our body as JSON; empty = none.
    pub body: &'static str,
}

const fn row(key: Key<'static>, why: Why, status: u16, body: &'static str) -> Exemption {
    Exemption { key, why, status, body }
}

const A: &str = "password-generator";
const B: &str = "uk-travel";
const C: &str = "auths-v1";
const D: &str = "nest-passport";
const DOCUMENTED: &str = "documented";
const OBSERVED: &str = "observed";
const INFERRED: &str = "inferred";

const NOTHING: &str = r#"{"error": "Missing required fields."}"#;
const PLAIN: &str = r#"{"error": "Unsupported media type \"text/plain\" in request."}"#;
const PG_SHORT: &str =
    r#"{"password": ["This password is too short. It must contain at least 8 characters."]}"#;
const PG_ZZ: &str = r#"{"refresh": "<jwt>", "access": "<jwt>", "user": {"id": 3, "username": "zz",
    "email": "zz@example.com", "first_name": "John", "last_name": "Doe", "number_phone": "5551234567", "avatar": null}}"#;
const PG_JOHN: &str = r#"{"refresh": "<jwt>", "access": "<jwt>", "user": {"id": 1, "username": "johndoe",
    "email": "john@example.com", "first_name": "John", "last_name": "Doe", "number_phone": "5551234567",
    "avatar": "/media/avatars/profile.jpg"}}"#;
const PG_SP: &str = r#"{"refresh": "<jwt>", "access": "<jwt>", "user": {"id": 1, "username": "sp",
    "email": "sp@example.com", "first_name": "", "last_name": "", "number_phone": null, "avatar": null}}"#;
const UK_404: &str = r#"{"detail": "Not found."}"#;
const UK_TAKEN: &str = r#"{"username": "Username already exists"}"#;
const C_NEW: &str = r#"{"accessToken": "<jwt>", "refreshToken": "<refresh>", "user": {"id": 1, "username": "new_user",
    "email": "new@example.com", "firstName": "New", "lastName": "User", "rol": "autor", "role": "autor",
    "avatar": null, "status": "active", "lastLogin": null, "createdAt": "<moment>",
    "permissions": ["comentar", "crear_post", "editar_post_propio", "reaccionar"],
    "stats": {"postsCreated": 0, "postsPublished": 0, "totalViews": 0}}}"#;
const C_JOHN_NEW: &str = r#"{"accessToken": "<jwt>", "refreshToken": "<refresh>", "user": {"id": 1,
    "username": "johndoe", "email": "john@example.com", "firstName": "John", "lastName": "Doe", "rol": "autor",
    "role": "autor", "avatar": null, "status": "active", "lastLogin": null, "createdAt": "<moment>",
    "permissions": ["comentar", "crear_post", "editar_post_propio", "reaccionar"],
    "stats": {"postsCreated": 0, "postsPublished": 0, "totalViews": 0}}}"#;
const C_ANN: &str = r#"{"accessToken": "<jwt>", "refreshToken": "<refresh>", "user": {"id": 1, "username": "ann_lee",
    "email": "ann@example.com", "firstName": "Ann", "lastName": "Lee", "rol": "autor", "role": "autor",
    "avatar": null, "status": "active", "lastLogin": null, "createdAt": "<moment>",
    "permissions": ["comentar", "crear_post", "editar_post_propio", "reaccionar"],
    "stats": {"postsCreated": 0, "postsPublished": 0, "totalViews": 0}}}"#;
const C_JOHN: &str = r#"{"accessToken": "<jwt>", "refreshToken": "<refresh>", "user": {"id": 1, "username": "johndoe",
    "email": "john@example.com", "firstName": "John", "lastName": "Doe", "rol": "autor",
    "avatar": "https://example.com/a.png", "status": "active", "lastLogin": "<moment>", "createdAt": "<moment>",
    "permissions": ["comentar", "crear_post", "editar_post_propio", "reaccionar"],
    "stats": {"postsCreated": 0, "postsPublished": 0, "totalViews": 0}}}"#;
const C_NOBODY: &str = r#"{"statusCode": 400, "message": "Validation failed",
    "errors": ["email or username must be provided", "password should not be empty"]}"#;
/// The original words one missing field twice.
const C_REFRESH: &str =
    r#"{"message": ["refreshToken should not be empty"], "error": "Bad Request", "statusCode": 400}"#;
const N_SIGNUP: &str = r#"{"message": "Cannot POST /auth/signup", "error": "Not Found", "statusCode": 404}"#;
const N_401: &str = r#"{"statusCode": 401, "message": "Unauthorized", "error": "Unauthorized"}"#;

/// All of them. A row that holds must not stand here.
pub const EXEMPTIONS: &[Exemption] = &[
    // password-generator
    row(
        (A, DOCUMENTED, "profile, user vanished"),
        Target("1.5"),
        401,
        r#"{"detail": "User not found", "code": "user_not_found"}"#,
    ),
    row((A, DOCUMENTED, "delete account"), Target("1.2"), 204, ""),
    row((A, DOCUMENTED, "delete unknown user"), Decision(6), 403, r#"{"error": "Not authorized"}"#),
    row((A, DOCUMENTED, "refresh ok"), Decision(5), 200, r#"{"access": "<jwt>", "refresh": "<jwt>"}"#),
    row((A, OBSERVED, "sign-up empty object"), Decision(1), 400, NOTHING),
    row((A, OBSERVED, "sign-up no body no content-type"), Decision(1), 400, NOTHING),
    row((A, OBSERVED, "sign-up empty body with JSON content-type"), Decision(1), 400, NOTHING),
    row((A, OBSERVED, "sign-up JSON array"), Decision(1), 400, NOTHING),
    row((A, OBSERVED, "sign-up with CORS origin allowed"), Decision(1), 400, NOTHING),
    row((A, OBSERVED, "sign-up with CORS origin not allowed"), Decision(1), 400, NOTHING),
    row(
        (A, OBSERVED, "sign-up email 201 chars"),
        Requirement("local ≤ 64"),
        400,
        r#"{"email": ["Ensure this field has no more than 200 characters.", "Enter a valid email address."]}"#,
    ),
    row((A, OBSERVED, "sign-up text/plain"), Decision(3), 415, PLAIN),
    row((A, OBSERVED, "sign-in text/plain"), Decision(3), 415, PLAIN),
    row((A, OBSERVED, "update text/plain"), Decision(3), 415, PLAIN),
    row(
        (A, OBSERVED, "sign-up XML"),
        Decision(3),
        415,
        r#"{"error": "Unsupported media type \"application/xml\" in request."}"#,
    ),
    row((A, OBSERVED, "sign-up with garbage bearer"), Decision(7), 201, PG_ZZ),
    row((A, OBSERVED, "sign-in with expired bearer"), Decision(7), 200, PG_JOHN),
    row((A, OBSERVED, "sign-in with trimmed password"), Defect(1), 200, PG_SP),
    row((A, OBSERVED, "sign-in with an old low-iteration hash"), Defect(1), 200, PG_SP),
    row((A, OBSERVED, "sign-up username case variant"), NewPasswords, 400, PG_SHORT),
    row((A, OBSERVED, "sign-up email domain upper case"), NewPasswords, 400, PG_SHORT),
    // uk-travel
    row(
        (B, INFERRED, "refresh invalid"),
        Target("2.2"),
        401,
        r#"{"detail": "Token is invalid", "code": "token_not_valid"}"#,
    ),
    row((B, DOCUMENTED, "reset ok"), Decision(16), 404, UK_404),
    row((B, INFERRED, "reset without token"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "preferences ok"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "preferences wrong length"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "preferences no token"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "reset ok"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "reset no token"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "reset GET with token"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "reset token:hs512"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "reset token:notype"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "reset token:nouser"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "reset token:badid"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "reset token:futiat"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "reset header Bearer a b"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "reset header lower-case"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "reset header Token scheme"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "reset header empty"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "reset inactive user"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "reset deleted user"), Decision(16), 404, UK_404),
    row((B, OBSERVED, "register duplicate other case"), NewPasswords, 400, UK_TAKEN),
    row((B, OBSERVED, "register garbage bearer"), NewPasswords, 400, UK_TAKEN),
    row((B, OBSERVED, "token no slash"), Decision(14), 200, r#"{"access": "<jwt>", "refresh": "<jwt>"}"#),
    row((B, OBSERVED, "refresh with trailing slash"), Decision(9), 200, r#"{"access": "<jwt>"}"#),
    row((B, OBSERVED, "token CORS preflight"), Page, 200, ""),
    row((B, OBSERVED, "unknown path"), Page, 404, UK_404),
    row(
        (B, OBSERVED, "refresh deleted user"),
        Target("2.2"),
        401,
        r#"{"detail": "Token is invalid", "code": "token_not_valid"}"#,
    ),
    // auths-v1
    row((C, DOCUMENTED, "sign-up ok"), Decision(11), 201, C_NEW),
    row((C, OBSERVED, "sign-up ok"), Decision(11), 201, C_JOHN_NEW),
    row((C, OBSERVED, "sign-up minimal"), Decision(11), 201, C_ANN),
    row(
        (C, OBSERVED, "sign-up duplicate email"),
        Decision(11),
        409,
        r#"{"statusCode": 409, "message": "Email already exists"}"#,
    ),
    row(
        (C, OBSERVED, "sign-up wrong types"),
        Target("3.2"),
        400,
        r#"{"statusCode": 400, "message": "Validation failed", "errors": ["email must be an email", "password must be a string", "first_name must be a string"]}"#,
    ),
    row((C, OBSERVED, "sign-in by username ok"), Decision(10), 200, C_JOHN),
    row((C, OBSERVED, "sign-in both identifiers"), Decision(10), 200, C_JOHN),
    row((C, OBSERVED, "sign-in trailing slash"), Decision(10), 200, C_JOHN),
    row((C, OBSERVED, "sign-in CORS allowed"), Decision(10), 200, C_JOHN),
    row((C, OBSERVED, "sign-in unknown field rememberMe"), Target("3.2"), 200, C_JOHN),
    row(
        (C, OBSERVED, "sign-in unknown email"),
        Target("3.2"),
        401,
        r#"{"statusCode": 401, "message": "Invalid email or password"}"#,
    ),
    row(
        (C, OBSERVED, "sign-in missing password"),
        Target("3.2"),
        400,
        r#"{"statusCode": 400, "message": "Validation failed", "errors": ["password should not be empty"]}"#,
    ),
    row((C, OBSERVED, "sign-in empty object"), Decision(12), 400, C_NOBODY),
    row((C, OBSERVED, "sign-in null"), Decision(12), 400, C_NOBODY),
    row((C, OBSERVED, "sign-in text/plain"), Decision(12), 400, C_NOBODY),
    row(
        (C, OBSERVED, "sign-in email object"),
        Target("3.2"),
        400,
        r#"{"statusCode": 400, "message": "Validation failed", "errors": ["email must be a string"]}"#,
    ),
    row(
        (C, OBSERVED, "sign-in GET"),
        Target("3.2"),
        404,
        r#"{"message": "Cannot GET /api/v1/auths/sign-in", "error": "Not Found", "statusCode": 404}"#,
    ),
    row(
        (C, OBSERVED, "refresh ok"),
        Decision(10),
        200,
        r#"{"accessToken": "<jwt>", "refreshToken": "<refresh>"}"#,
    ),
    row(
        (C, OBSERVED, "refresh reuse"),
        Target("3.3"),
        401,
        r#"{"statusCode": 401, "message": "Invalid or expired refresh token"}"#,
    ),
    row((C, OBSERVED, "refresh missing"), Target("3.2"), 400, C_REFRESH),
    // nest-passport: the later version, and paths that only the re-creation had
    row((D, DOCUMENTED, "later: sign-up ok"), Target("4.2"), 404, N_SIGNUP),
    row(
        (D, DOCUMENTED, "later: verify email"),
        Target("4.2"),
        404,
        r#"{"message": "Cannot POST /auth/verify-email", "error": "Not Found", "statusCode": 404}"#,
    ),
    row((D, DOCUMENTED, "later: sign-in ok"), Target("4.2"), 200, r#"{"token": "<jwt>"}"#),
    row((D, INFERRED, "signup ok"), Target("4.2"), 404, N_SIGNUP),
    row((D, INFERRED, "signup duplicate email"), Target("4.2"), 404, N_SIGNUP),
    row((D, INFERRED, "signup duplicate phone"), Target("4.2"), 404, N_SIGNUP),
    row((D, INFERRED, "signup empty"), Target("4.2"), 404, N_SIGNUP),
    row((D, INFERRED, "signup invalid fields"), Target("4.2"), 404, N_SIGNUP),
    row((D, INFERRED, "signup wrong types"), Target("4.2"), 404, N_SIGNUP),
    row((D, INFERRED, "signup unknown field"), Target("4.2"), 404, N_SIGNUP),
    row((D, INFERRED, "signup malformed JSON"), Target("4.2"), 404, N_SIGNUP),
    row((D, INFERRED, "signup JSON array"), Target("4.2"), 404, N_SIGNUP),
    row((D, INFERRED, "signup text/plain"), Target("4.2"), 404, N_SIGNUP),
    row(
        (D, INFERRED, "DTO sign-in missing"),
        Target("4.1"),
        404,
        r#"{"message": "Cannot POST /auth/signin-dto", "error": "Not Found", "statusCode": 404}"#,
    ),
    row(
        (D, INFERRED, "DTO sign-in bad email"),
        Target("4.1"),
        404,
        r#"{"message": "Cannot POST /auth/signin-dto", "error": "Not Found", "statusCode": 404}"#,
    ),
    row(
        (D, INFERRED, "DTO sign-in credentials"),
        Target("4.1"),
        404,
        r#"{"message": "Cannot POST /auth/signin-dto", "error": "Not Found", "statusCode": 404}"#,
    ),
    row(
        (D, INFERRED, "forbidden"),
        Target("4.1"),
        404,
        r#"{"message": "Cannot GET /auth/forbidden", "error": "Not Found", "statusCode": 404}"#,
    ),
    // nest-passport: the seed's contract
    row((D, OBSERVED, "signin missing email"), Decision(13), 401, N_401),
    row((D, OBSERVED, "signin empty object"), Decision(13), 401, N_401),
    row((D, OBSERVED, "signin null"), Decision(13), 401, N_401),
    row((D, OBSERVED, "signin object email"), Decision(13), 401, N_401),
    row((D, OBSERVED, "signin object password"), Decision(13), 401, N_401),
    row((D, OBSERVED, "signin JSON array"), Decision(13), 401, N_401),
    row((D, OBSERVED, "signin text/plain"), Decision(13), 401, N_401),
    row((D, OBSERVED, "protected header garbage"), Decision(13), 401, N_401),
    row((D, OBSERVED, "protected header Bearer only"), Decision(13), 401, N_401),
    row((D, OBSERVED, "protected header Token scheme"), Decision(13), 401, N_401),
    row((D, OBSERVED, "protected header raw token"), Decision(13), 401, N_401),
    row((D, OBSERVED, "signin credentials in query string"), Target("4.1"), 401, N_401),
    row((D, OBSERVED, "protected token:hs512"), Decision(15), 401, N_401),
    row((D, OBSERVED, "protected token:nosub"), Decision(15), 401, N_401),
    row((D, OBSERVED, "protected token:noexp"), Decision(15), 401, N_401),
    row((D, OBSERVED, "protected token:futiat"), Decision(15), 401, N_401),
];
