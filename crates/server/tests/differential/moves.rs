//! What can be asked for in each dialect?
//!
//! `$word` stands for a value that [`crate::talk::Talk`] chooses.

/// A name, a method, a path, a body (empty = none), and whether an access token goes with it.
pub struct Move(pub &'static str, pub &'static str, pub &'static str, pub &'static str, pub bool);

/// A dialect with all that is asked for in it. What stands there twice is asked for twice as often.
pub struct Repertoire {
    pub dialect: &'static str,
    pub moves: &'static [Move],
}

pub const REPERTOIRES: [&Repertoire; 6] =
    [&NATIVE, &ADMIN, &AUTHS_V1, &NEST_PASSPORT, &PASSWORD_GENERATOR, &UK_TRAVEL];

pub static NATIVE: Repertoire = Repertoire {
    dialect: "native",
    moves: &[
        Move(
            "sign up",
            "POST",
            "/v1/sign-up",
            r#"{"username":$newname,"email":$newmail,"password":$new,"first_name":$text}"#,
            false,
        ),
        Move("sign up", "POST", "/v1/sign-up", r#"{"email":$newmail,"password":$new}"#, false),
        Move("sign up", "POST", "/v1/sign-up", r#"{"username":$newname,"password":$new}"#, false),
        Move("sign in", "POST", "/v1/sign-in", r#"{"login":$login,"password":$password}"#, false),
        Move("sign in", "POST", "/v1/sign-in", r#"{"login":$login,"password":$password}"#, false),
        Move("sign in", "POST", "/v1/sign-in", r#"{"email":$email,"password":$password}"#, false),
        Move("sign in", "POST", "/v1/sign-in", r#"{"username":$username,"password":$password}"#, false),
        Move("refresh", "POST", "/v1/refresh", r#"{"refresh_token":$refresh}"#, false),
        Move("refresh", "POST", "/v1/refresh", r#"{"refresh_token":$refresh}"#, false),
        Move("sign out", "POST", "/v1/sign-out", r#"{"refresh_token":$refresh}"#, false),
        Move("sign out everywhere", "POST", "/v1/sign-out-everywhere", "", true),
        Move("who am I", "GET", "/v1/me", "", true),
        Move("who am I", "GET", "/v1/me", "", true),
        Move("verify token", "POST", "/v1/verify-token", r#"{"token":$access}"#, false),
        Move("edit", "PATCH", "/v1/me", r#"{"first_name":$text,"last_name":$text}"#, true),
        Move("edit", "PATCH", "/v1/me", r#"{"phone_number":$text}"#, true),
        Move("rename", "PATCH", "/v1/me", r#"{"username":$newname}"#, true),
        Move("new address", "PATCH", "/v1/me", r#"{"email":$newmail}"#, true),
        Move("reauthenticate", "POST", "/v1/reauthenticate", r#"{"password":$password}"#, true),
        Move("sessions", "GET", "/v1/me/sessions", "", true),
        Move("end session", "DELETE", "/v1/me/sessions/$session", "", true),
        Move("end others", "POST", "/v1/me/sessions/end-others", "", true),
        Move(
            "change password",
            "POST",
            "/v1/me/password",
            r#"{"current_password":$password,"new_password":$new}"#,
            true,
        ),
        Move("delete", "DELETE", "/v1/me", r#"{"password":$password}"#, true),
        Move("check email", "POST", "/v1/check-email", r#"{"email":$email}"#, false),
        Move("ask for a reset", "POST", "/v1/request-reset", r#"{"email":$email}"#, false),
        Move("ask for a reset", "POST", "/v1/request-reset", r#"{"email":$email}"#, false),
        Move("reset", "POST", "/v1/reset-password", r#"{"token":$reset,"new_password":$new}"#, false),
        Move("ask to verify", "POST", "/v1/request-verification", r#"{"email":$email}"#, false),
        Move("verify", "POST", "/v1/verify-email", r#"{"token":$verification}"#, false),
        Move("verify", "POST", "/v1/verify-email", r#"{"token":$verification,"password":$password}"#, false),
        Move("change address", "POST", "/v1/me/email", r#"{"email":$newmail,"password":$password}"#, true),
        Move("change address", "POST", "/v1/me/email", r#"{"email":$newmail,"password":$password}"#, true),
        Move("confirm address", "POST", "/v1/confirm-email", r#"{"token":$change}"#, false),
        Move(
            "confirm address",
            "POST",
            "/v1/confirm-email",
            r#"{"token":$change,"password":$password}"#,
            false,
        ),
        Move("undo address", "POST", "/v1/undo-email", r#"{"token":$undo}"#, false),
    ],
};

static ADMIN: Repertoire = Repertoire {
    dialect: "admin",
    moves: &[
        Move("sign in", "POST", "/v1/admin/sign-in", r#"{"login":$login,"password":$password}"#, false),
        Move("sign in", "POST", "/v1/admin/sign-in", r#"{"login":$login,"password":$password}"#, false),
        Move("sign in", "POST", "/v1/admin/sign-in", r#"{"login":$login,"password":$password}"#, false),
        Move("sign in", "POST", "/v1/admin/sign-in", r#"{"login":$login,"password":$password}"#, false),
        Move("sign in", "POST", "/v1/admin/sign-in", r#"{"login":$login,"password":$password}"#, false),
        Move("refresh", "POST", "/v1/admin/refresh", r#"{"refresh_token":$refresh}"#, false),
        Move("reauthenticate", "POST", "/v1/admin/reauthenticate", r#"{"password":$password}"#, true),
        Move("reauthenticate", "POST", "/v1/admin/reauthenticate", r#"{"password":$password}"#, true),
        Move("who am I", "GET", "/v1/admin/me", "", true),
        Move("list users", "GET", "/v1/admin/users", "", true),
        Move("page of users", "GET", "/v1/admin/users?limit=3", "", true),
        Move("search", "GET", "/v1/admin/users?search=$search&limit=2", "", true),
        Move("search", "GET", "/v1/admin/users?search=$search", "", true),
        Move("search by role", "GET", "/v1/admin/users?role=$role&status=active", "", true),
        Move("add a user", "POST", "/v1/admin/users", r#"{"email":$newmail,"first_name":$text}"#, true),
        Move(
            "add a user",
            "POST",
            "/v1/admin/users",
            r#"{"email":$newmail,"username":$newname,"last_name":$text}"#,
            true,
        ),
        Move("show a user", "GET", "/v1/admin/users/$user", "", true),
        Move(
            "edit a user",
            "PATCH",
            "/v1/admin/users/$user",
            r#"{"first_name":$text,"username":$newname}"#,
            true,
        ),
        Move("edit a user", "PATCH", "/v1/admin/users/$user", r#"{"phone_number":$text}"#, true),
        Move("set a role", "PUT", "/v1/admin/users/$user/role", r#"{"role":$rolename}"#, true),
        Move("set a role", "PUT", "/v1/admin/users/$user/role", r#"{"permissions":[$text,$text]}"#, true),
        Move("set a status", "PUT", "/v1/admin/users/$user/status", r#"{"status":$status}"#, true),
        Move("delete a user", "DELETE", "/v1/admin/users/$user", "", true),
        Move("sessions of a user", "GET", "/v1/admin/users/$user/sessions", "", true),
        Move("end a session", "DELETE", "/v1/admin/users/$owner/sessions/$session", "", true),
        Move("end sessions", "DELETE", "/v1/admin/users/$user/sessions", "", true),
        Move("lift limits", "DELETE", "/v1/admin/users/$user/limits", "", true),
        Move("send a reset", "POST", "/v1/admin/users/$user/reset", "", true),
        Move("events", "GET", "/v1/admin/users/$user/events", "", true),
        Move("keys", "GET", "/v1/admin/keys", "", true),
        Move(
            "make a key",
            "POST",
            "/v1/admin/keys",
            r#"{"name":$text,"scopes":["users.read"],"days":30}"#,
            true,
        ),
    ],
};

static AUTHS_V1: Repertoire = Repertoire {
    dialect: "auths-v1",
    moves: &[
        Move(
            "sign up",
            "POST",
            "/api/v1/auths/sign-up",
            r#"{"email":$newmail,"username":$newname,"password":$new,"first_name":$text,"last_name":"B"}"#,
            false,
        ),
        Move(
            "sign up",
            "POST",
            "/api/v1/auths/sign-up",
            r#"{"email":$newmail,"password":$new,"first_name":"A","last_name":"B"}"#,
            false,
        ),
        Move("sign in", "POST", "/api/v1/auths/sign-in", r#"{"email":$email,"password":$password}"#, false),
        Move(
            "sign in",
            "POST",
            "/api/v1/auths/sign-in",
            r#"{"username":$username,"password":$password}"#,
            false,
        ),
        Move("refresh", "POST", "/api/v1/auths/refresh", r#"{"refreshToken":$refresh}"#, false),
        Move("sign out", "POST", "/api/v1/auths/sign-out", "{}", true),
        Move("check email", "POST", "/api/v1/auths/validate-email", r#"{"email":$email}"#, false),
    ],
};

static NEST_PASSPORT: Repertoire = Repertoire {
    dialect: "nest-passport",
    moves: &[
        Move("sign in", "POST", "/auth/signin", r#"{"email":$email,"password":$password}"#, false),
        Move("who am I", "GET", "/users/profile", "", true),
    ],
};

static PASSWORD_GENERATOR: Repertoire = Repertoire {
    dialect: "password-generator",
    moves: &[
        Move(
            "sign up",
            "POST",
            "/api/sign-up/",
            r#"{"username":$newname,"email":$newmail,"password":$new,"first_name":$text,"last_name":"B"}"#,
            false,
        ),
        Move("sign in", "POST", "/api/sign-in/", r#"{"email":$email,"password":$password}"#, false),
        Move("sign in", "POST", "/api/token/", r#"{"username":$username,"password":$password}"#, false),
        Move("refresh", "POST", "/api/token/refresh/", r#"{"refresh":$refresh}"#, false),
        Move("who am I", "POST", "/api/profile/", "", true),
        Move("edit", "PUT", "/api/profile/$number/update/", r#"{"first_name":$text}"#, true),
        Move("rename", "PUT", "/api/profile/$number/update/", r#"{"username":$newname}"#, true),
        Move("new address", "PUT", "/api/profile/$number/update/", r#"{"email":$newmail}"#, true),
        Move("delete", "DELETE", "/api/profile/$number/delete/", "", true),
    ],
};

static UK_TRAVEL: Repertoire = Repertoire {
    dialect: "uk-travel",
    moves: &[
        Move("sign up", "POST", "/api/user/register/", r#"{"username":$newname,"password":$new}"#, false),
        Move("sign in", "POST", "/api/user/token/", r#"{"username":$username,"password":$password}"#, false),
        Move("refresh", "POST", "/api/user/token/refresh", r#"{"refresh":$refresh}"#, false),
    ],
};
