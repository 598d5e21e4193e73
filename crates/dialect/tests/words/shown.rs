//! How are a heard request and a said answer written on a page?

use bytes::Bytes;
use countersign_dialect::Heard;
use domain::caller::Bearer;
use domain::command::{AvatarEdit, Command, Login, SignUp, Target, UpdateProfile};
use domain::input::Flaw;
use domain::refusal::Refusal;
use domain::secret::Secret;
use http::Response;
use serde_json::{Map, Value};

/// A heard request: the route, the credential, the command or the refusal; one thing a line.
pub fn heard(heard: &Heard<'_>, many_routes: bool) -> String {
    let mut lines = Vec::new();
    if many_routes {
        lines.push(format!("route: {}", heard.route.name));
    }
    match &heard.bearer {
        Bearer::Absent => {}
        Bearer::Malformed => lines.push("bearer: malformed".to_owned()),
        Bearer::Token(token) => lines.push(format!("bearer: {:?}", token.expose())),
    }
    if let Some(page) = &heard.page {
        let tokens: Vec<&str> = page.tokens.iter().map(Secret::expose).collect();
        lines.push(format!("page: {tokens:?}"));
        lines.extend(page.csrf.as_ref().map(|csrf| format!("csrf: {:?}", csrf.expose())));
    }
    match &heard.command {
        Ok(command) => lines.extend(self::command(command)),
        Err(refusal) => lines.extend(self::refusal(refusal)),
    }
    lines.join("\n")
}

/// A refusal and what it holds.
pub fn refusal(refusal: &Refusal) -> Vec<String> {
    let code = refusal.code();
    match refusal {
        Refusal::InvalidInput(flaws) | Refusal::Taken(flaws) => {
            std::iter::once(format!("refused {code}")).chain(flaws.iter().map(flaw)).collect()
        }
        Refusal::UnsupportedMediaType(text)
        | Refusal::UnsupportedCharset(text)
        | Refusal::MalformedBody(text)
        | Refusal::TokenClaimMissing(text) => vec![format!("refused {code}: {text}")],
        Refusal::NotAnObject(kind) => vec![format!("refused {code}: {kind}")],
        Refusal::MethodNotAllowed(methods) => vec![format!("refused {code}: {}", methods.join(", "))],
        Refusal::NotFound
        | Refusal::NotAcceptable
        | Refusal::PayloadTooLarge
        | Refusal::NothingGiven
        | Refusal::InvalidCredentials
        | Refusal::UnknownUser
        | Refusal::AccountInactive
        | Refusal::AccountSuspended
        | Refusal::EmailUnverified
        | Refusal::LinkInvalid
        | Refusal::MailOff
        | Refusal::CredentialsMissing
        | Refusal::CredentialsMalformed
        | Refusal::FactorRequired
        | Refusal::FactorWrong
        | Refusal::FactorLocked
        | Refusal::TokenInvalid
        | Refusal::TokenExpired
        | Refusal::TokenWrongKind
        | Refusal::TokenUserMissing
        | Refusal::TokenUserUnknown
        | Refusal::TokenUserInactive
        | Refusal::TokenRevoked
        | Refusal::TokenReused
        | Refusal::NotYours
        | Refusal::ReauthRequired
        | Refusal::NotPermitted
        | Refusal::LastAdministrator
        | Refusal::BootstrapClosed
        | Refusal::CrossSite => vec![format!("refused {code}")],
        Refusal::Throttled(throttle) => vec![format!("refused {code}: {}s", throttle.seconds)],
        Refusal::Overloaded(seconds) => vec![format!("refused {code}: {seconds}s")],
    }
}

fn flaw(flaw: &Flaw) -> String {
    let mut line = format!("flaw: {} {}", flaw.input.name(), flaw.rule.code());
    line.extend(flaw.field.iter().map(|field| format!(" field={field}")));
    line.extend(flaw.limit.iter().map(|limit| format!(" limit={limit}")));
    line.extend(flaw.got.iter().map(|got| format!(" got={got}")));
    line
}

#[expect(clippy::too_many_lines, reason = "one arm for each command, nothing else")]
fn command(command: &Command) -> Vec<String> {
    let mut lines = vec![command.verb().name().to_owned()];
    let mut text =
        |name: &str, value: Option<&str>| lines.extend(value.map(|value| format!("{name}: {value:?}")));
    let shown = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    match command {
        Command::SignUp(sign_up) => lines.extend(self::sign_up(sign_up)),
        Command::UpdateProfile(update) => lines.extend(update_profile(update)),
        Command::SignIn { login, password, exact, otp } => {
            let (kind, login) = login_of(login);
            text(kind, Some(login));
            text("password", Some(password.expose()));
            text("otp", shown(otp).as_deref());
            lines.extend(exact.then(|| "exact".to_owned()));
        }
        Command::Refresh { token } => text("refresh", Some(token.expose())),
        Command::SignOut { refresh, access, needs_access } => {
            text("refresh", shown(refresh).as_deref());
            text("access", shown(access).as_deref());
            lines.extend(needs_access.then(|| "needs access".to_owned()));
        }
        Command::VerifyToken { token } => text("token", shown(token).as_deref()),
        Command::SetAvatar { target, avatar, flaws } => {
            lines.extend(self::target(target.as_ref()));
            lines.extend(self::avatar(avatar.as_ref()));
            lines.extend(flaws.iter().map(flaw));
        }
        Command::EndSession { id } => text("session_id", Some(id)),
        Command::Reauthenticate { password, otp } => {
            text("password", Some(password.expose()));
            text("otp", shown(otp).as_deref());
        }
        Command::AnswerFactor { .. }
        | Command::EnrolFactor { .. }
        | Command::ConfirmFactor { .. }
        | Command::MakeRecoveryCodes { .. }
        | Command::RemoveFactor { .. } => lines.extend(about_factor(command)),
        Command::ChangePassword { current, new } => {
            text("current_password", Some(current.expose()));
            text("new_password", Some(new.expose()));
        }
        Command::DeleteAccount { target, password } => {
            text("password", shown(password).as_deref());
            lines.extend(self::target(target.as_ref()));
        }
        Command::CheckEmail { email } | Command::RequestVerification { email } => text("email", Some(email)),
        Command::RequestReset { login } => {
            let (kind, login) = login_of(login);
            text(kind, Some(login));
        }
        Command::ChangeEmail { email, password } => {
            text("email", Some(email));
            text("password", Some(password.expose()));
        }
        Command::VerifyEmail { token, password } | Command::ConfirmEmail { token, password } => {
            text("token", Some(token.expose()));
            text("password", shown(password).as_deref());
        }
        Command::ResetPassword { token, new } => {
            text("token", Some(token.expose()));
            text("new_password", Some(new.expose()));
        }
        Command::UndoEmail { token } => text("token", Some(token.expose())),
        Command::Admin(command) => text("asks", Some(&format!("{command:?}"))),
        Command::SignOutEverywhere
        | Command::ListSessions
        | Command::EndOtherSessions
        | Command::WhoAmI
        | Command::ShowFactor => {}
    }
    lines
}

/// The input that named somebody, and what was typed.
fn login_of(login: &Login) -> (&'static str, &str) {
    match login {
        Login::Email(text) => ("email", text),
        Login::Username(text) => ("username", text),
        Login::Either(text) => ("login", text),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only the commands about factors come here")]
fn about_factor(command: &Command) -> Vec<String> {
    let texts: Vec<(&str, Option<&Secret>)> = match command {
        Command::AnswerFactor { half_way, otp } => vec![("half_way", Some(half_way)), ("otp", Some(otp))],
        Command::EnrolFactor { half_way, password, otp } => {
            vec![("half_way", half_way.as_ref()), ("password", password.as_ref()), ("otp", otp.as_ref())]
        }
        Command::ConfirmFactor { half_way, otp } => vec![("half_way", half_way.as_ref()), ("otp", Some(otp))],
        Command::MakeRecoveryCodes { password, otp } | Command::RemoveFactor { password, otp } => {
            vec![("password", Some(password)), ("otp", Some(otp))]
        }
        _ => Vec::new(),
    };
    let line =
        |(name, text): (&str, Option<&Secret>)| text.map(|text| format!("{name}: {:?}", text.expose()));
    texts.into_iter().filter_map(line).collect()
}

fn sign_up(sign_up: &SignUp) -> Vec<String> {
    let fields = [
        ("username", sign_up.username.as_deref()),
        ("email", sign_up.email.as_deref()),
        ("password", sign_up.password.as_ref().map(Secret::expose)),
        ("first_name", Some(sign_up.first_name.as_str()).filter(|name| !name.is_empty())),
        ("last_name", Some(sign_up.last_name.as_str()).filter(|name| !name.is_empty())),
        ("phone_number", sign_up.phone_number.as_deref()),
    ];
    let mut lines: Vec<String> = fields
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name}: {value:?}")))
        .collect();
    lines.extend(sign_up.username_made.then(|| "username was made".to_owned()));
    lines.extend(avatar(sign_up.avatar.as_ref()));
    lines.extend(attributes(&sign_up.attributes));
    lines.extend(sign_up.flaws.iter().map(flaw));
    lines
}

fn update_profile(update: &UpdateProfile) -> Vec<String> {
    let mut lines = target(update.target.as_ref());
    let fields = [
        ("username", &update.username),
        ("email", &update.email),
        ("first_name", &update.first_name),
        ("last_name", &update.last_name),
    ];
    lines.extend(
        fields
            .into_iter()
            .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}: {value:?}"))),
    );
    lines.extend(update.phone_number.as_ref().map(|phone| match phone {
        Some(phone) => format!("phone_number: {phone:?}"),
        None => "phone_number: cleared".to_owned(),
    }));
    lines.extend(avatar(update.avatar.as_ref()));
    lines.extend(attributes(&update.attributes));
    lines.extend(update.flaws.iter().map(flaw));
    lines
}

fn attributes(attributes: &Map<String, Value>) -> Vec<String> {
    attributes.iter().map(|(name, value)| format!("attribute {name}: {value}")).collect()
}

fn target(target: Option<&Target>) -> Vec<String> {
    let shown = target.map(|target| match target {
        Target::Id(id) => format!("target: id {id}"),
        Target::Uuid(uuid) => format!("target: uuid {uuid}"),
        Target::Short(text) => format!("target: short id {text:?}"),
    });
    shown.into_iter().collect()
}

fn avatar(avatar: Option<&AvatarEdit>) -> Option<String> {
    avatar.map(|avatar| match avatar {
        AvatarEdit::Clear => "avatar: cleared".to_owned(),
        AvatarEdit::Upload(bytes) => format!("avatar: {} bytes", bytes.len()),
    })
}

/// An answer: status, headers by name, body as it is.
pub fn said(response: &Response<Bytes>) -> String {
    let mut lines: Vec<String> = response
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    // Sorted by name only: the order of cookies is part of the answer.
    lines.sort_by(|a, b| a.split(':').next().cmp(&b.split(':').next()));
    lines.insert(0, response.status().as_u16().to_string());
    if !response.body().is_empty() {
        lines.push(String::new());
        lines.push(String::from_utf8_lossy(response.body()).into_owned());
    }
    lines.join("\n")
}
