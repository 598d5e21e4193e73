//! What do the names mean that applications give to inputs, members of answers and paths?

use crate::record::secrets::plain_name;
use domain::command::Verb;

/// What a field of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// An e-mail address.
    Email,
    /// A user name.
    Username,
    /// Either of them.
    Login,
    /// A password.
    Password,
    /// A password once more.
    Confirmation,
    /// The password in force.
    CurrentPassword,
    /// The password to come.
    NewPassword,
    /// Given name.
    FirstName,
    /// Family name.
    LastName,
    /// Phone number.
    Phone,
    /// A picture.
    Avatar,
    /// A refresh token.
    Refresh,
    /// An access token.
    Access,
    /// A token of either kind, or of a link.
    Token,
    /// A code of the second factor.
    Otp,
}

/// What a field is by its name; the nearest guess, and none for names that say nothing.
pub fn field(name: &str) -> Option<Field> {
    let name = plain_name(name);
    let is = |words: &[&str]| words.contains(&name.as_str());
    let holds = |word: &str| name.contains(word);
    if holds("password") || holds("passwd") || is(&["pass", "pwd", "pw", "secret", "passphrase"]) {
        let again = ["confirm", "confirmation", "repeat", "again", "verify"].iter().any(|word| holds(word));
        return Some(if again || name.ends_with('2') {
            Field::Confirmation
        } else if ["current", "old", "existing", "previous"].iter().any(|word| holds(word)) {
            Field::CurrentPassword
        } else if holds("new") {
            Field::NewPassword
        } else {
            Field::Password
        });
    }
    if is(&["email", "mail", "emailaddress", "useremail", "correo"]) {
        return Some(Field::Email);
    }
    if is(&["username", "nickname", "handle", "uname", "user"]) {
        return Some(Field::Username);
    }
    if is(&["login", "identifier", "identity", "usernameoremail", "emailorusername"]) {
        return Some(Field::Login);
    }
    if is(&["firstname", "givenname", "forename", "fname"]) {
        return Some(Field::FirstName);
    }
    if is(&["lastname", "surname", "familyname", "lname"]) {
        return Some(Field::LastName);
    }
    if holds("phone") || is(&["mobile", "tel", "telephone", "msisdn"]) {
        return Some(Field::Phone);
    }
    if is(&["avatar", "avatars", "picture", "photo", "image", "profilepicture", "avatarurl", "file"]) {
        return Some(Field::Avatar);
    }
    if is(&["otp", "totp", "code", "otpcode", "totpcode", "mfacode", "twofactorcode"]) {
        return Some(Field::Otp);
    }
    if holds("refresh") {
        return Some(Field::Refresh);
    }
    if holds("accesstoken") || is(&["access"]) {
        return Some(Field::Access);
    }
    is(&["token", "key", "resettoken", "uid"]).then_some(Field::Token)
}

/// Which slot a member of an answer is by its name. The value has to agree.
pub fn slot(name: &str) -> Option<&'static str> {
    Some(match plain_name(name).as_str() {
        "id" | "pk" | "userid" | "uid" | "uuid" | "sub" | "guid" => "user.id",
        "email" | "mail" | "emailaddress" | "useremail" | "correo" => "user.email",
        "username" | "nickname" | "handle" | "login" | "preferredusername" => "user.username",
        "firstname" | "givenname" | "forename" => "user.first_name",
        "lastname" | "surname" | "familyname" => "user.last_name",
        "fullname" | "displayname" | "name" | "realname" => "user.full_name",
        "phone" | "phonenumber" | "numberphone" | "mobile" | "telephone" | "tel" => "user.phone_number",
        "avatar" | "avatarurl" | "picture" | "photo" | "image" | "profilepicture" => "user.avatar",
        "role" | "rol" | "userrole" => "user.role",
        "permissions" | "scopes" | "rights" => "user.permissions",
        "status" | "state" | "accountstatus" => "user.status",
        "active" | "isactive" | "enabled" => "user.active",
        "emailverified" | "isemailverified" | "verified" | "isverified" | "emailconfirmed" => {
            "user.email_verified"
        }
        "mfaenabled" | "twofactorenabled" | "is2faenabled" | "secondfactor" | "hasmfa" => {
            "user.second_factor"
        }
        "createdat" | "datejoined" | "joined" | "joinedat" | "since" | "membersince" | "registeredat"
        | "created" | "createdon" => "user.created_at",
        "lastlogin" | "lastloginat" | "lastsignin" | "lastsigninat" | "lastseen" | "lastseenat" => {
            "user.last_login_at"
        }
        _ => return None,
    })
}

/// The words of a path, without its parameters.
pub fn path_words(path: &str) -> Vec<String> {
    let segments = path.split('/').filter(|segment| !segment.starts_with('{'));
    let mut words: Vec<String> = Vec::new();
    for segment in segments {
        words.push(plain_name(segment));
        words.extend(segment.split(['-', '_', '.', ':']).map(plain_name));
    }
    words.retain(|word| !word.is_empty());
    words.dedup();
    words
}

/// Words of paths that name a verb, the more telling ones first.
const VERB_WORDS: [(Verb, &[&str]); 15] = [
    (Verb::SignOutEverywhere, &["logoutall", "signouteverywhere", "revokeall", "logouteverywhere"]),
    (Verb::SignOut, &["logout", "signout", "signoff", "logoff", "revoke", "blacklist"]),
    (Verb::SignUp, &["signup", "register", "registration", "signups", "join", "createaccount"]),
    (Verb::Refresh, &["refresh", "renew", "refreshtoken", "rotate"]),
    (Verb::SetAvatar, &["avatar", "picture", "photo", "profilepicture"]),
    (
        Verb::CheckEmail,
        &["validateemail", "checkemail", "emailexists", "emailavailable", "exists", "available", "checkuser"],
    ),
    (
        Verb::RequestReset,
        &["forgot", "forgotpassword", "passwordreset", "requestreset", "recover", "lostpassword"],
    ),
    (Verb::ResetPassword, &["resetpassword", "reset", "resetconfirm"]),
    (
        Verb::ChangePassword,
        &["changepassword", "passwordchange", "setpassword", "updatepassword", "password"],
    ),
    (Verb::RequestVerification, &["resend", "resendverification", "requestverification"]),
    (Verb::VerifyEmail, &["verifyemail", "confirmemail", "activate", "verification"]),
    (Verb::ListSessions, &["sessions", "devices"]),
    (Verb::VerifyToken, &["introspect", "verifytoken", "tokenverify"]),
    (Verb::SignIn, &["signin", "login", "authenticate", "token", "obtain", "session", "auth", "auths"]),
    (Verb::WhoAmI, &["me", "profile", "whoami", "userinfo", "current", "account", "self"]),
];

/// Whether a path names a verb.
pub fn names(path: &str, verb: Verb) -> bool {
    let words = path_words(path);
    VERB_WORDS
        .iter()
        .filter(|(known, _)| *known == verb)
        .any(|(_, list)| words.iter().any(|word| list.contains(&word.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_different_writers_write_them() {
        for (name, is) in [
            ("e_mail", Field::Email),
            ("userName", Field::Username),
            ("new_password1", Field::NewPassword),
            ("password2", Field::Confirmation),
            ("passwordConfirmation", Field::Confirmation),
            ("oldPassword", Field::CurrentPassword),
            ("refreshToken", Field::Refresh),
            ("number_phone", Field::Phone),
        ] {
            assert_eq!(field(name), Some(is), "{name}");
        }
        assert_eq!(field("preferences"), None);
        assert_eq!(slot("date_joined"), Some("user.created_at"));
        assert_eq!(slot("lastLogin"), Some("user.last_login_at"));
        assert_eq!(slot("message"), None);
    }

    #[test]
    fn paths_name_verbs() {
        assert!(names("/api/v1/auths/sign-in", Verb::SignIn));
        assert!(names("/api/token/refresh/", Verb::Refresh));
        assert!(names("/users/{id}/avatar", Verb::SetAvatar));
        assert!(!names("/api/preferences/", Verb::SignIn));
    }
}
