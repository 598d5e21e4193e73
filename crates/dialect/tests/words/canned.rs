//! What does the engine answer in these tests?

use domain::admin::{AdminCommand, AdminKey, Items, KeyId, Listed, Scope, Scopes, ShownEvent};
use domain::command::Command;
use domain::contract::{ClaimsPlan, Contract, RefreshForm};
use domain::factor::FactorState;
use domain::id::{SessionId, UserId};
use domain::input::{Flaw, Input, Rule};
use domain::limit::Throttle;
use domain::outcome::{Enrolment, Minted, Outcome, Tokens};
use domain::refusal::Refusal;
use domain::secret::Secret;
use domain::session::{ListedSession, ShownSession};
use domain::shape::{ClaimFacts, Facts};
use domain::time::Moment;
use domain::user::{Status, User};
use serde_json::{Map, json};

/// The moment of every answer: 2024-03-10T14:20:00.500Z.
pub const NOW: Moment = Moment::from_millis(1_710_080_400_500);

/// What the page asks the engine for.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The yes of the verb; with a user of whom everything is known, or next to nothing.
    Yes { bare: bool },
    /// An address that is free.
    Free,
    /// A sign-up of which only a letter tells.
    Pending,
    /// The second factor is still to come, or to be enrolled.
    Factor { enrol: bool },
    /// A no.
    Refused(Box<Refusal>),
    /// Something broke: status.
    Fault(u16),
}

impl Answer {
    /// Reads `full`, `bare`, `free`, `pending`, `fault 500` or `refused CODE words…`.
    pub fn parse(text: &str) -> Answer {
        let mut words = text.split(' ');
        match words.next().unwrap() {
            "" | "full" => Answer::Yes { bare: false },
            "bare" => Answer::Yes { bare: true },
            "free" => Answer::Free,
            "pending" => Answer::Pending,
            "factor" => Answer::Factor { enrol: false },
            "enrolment" => Answer::Factor { enrol: true },
            "fault" => Answer::Fault(words.next().unwrap().parse().unwrap()),
            "refused" => {
                Answer::Refused(Box::new(refusal(words.next().unwrap(), &words.collect::<Vec<_>>())))
            }
            other => {
                panic!("`{other}` is none of full, bare, free, pending, factor, enrolment, fault and refused")
            }
        }
    }
}

/// A refusal by its code. Flaws are written `input:rule` or `input:rule:limit`.
pub fn refusal(code: &str, words: &[&str]) -> Refusal {
    let text = || words.join(" ");
    let flaws = || words.iter().map(|word| flaw(word)).collect();
    match code {
        "not_found" => Refusal::NotFound,
        "method_not_allowed" => Refusal::MethodNotAllowed(words.iter().map(|w| (*w).to_owned()).collect()),
        "not_acceptable" => Refusal::NotAcceptable,
        "unsupported_media_type" => Refusal::UnsupportedMediaType(text()),
        "unsupported_charset" => Refusal::UnsupportedCharset(text()),
        "payload_too_large" => Refusal::PayloadTooLarge,
        "malformed_body" => Refusal::MalformedBody(text()),
        "not_an_object" => Refusal::NotAnObject("array"),
        "nothing_given" => Refusal::NothingGiven,
        "invalid_input" => Refusal::InvalidInput(flaws()),
        "taken" => Refusal::Taken(flaws()),
        "invalid_credentials" => Refusal::InvalidCredentials,
        "unknown_user" => Refusal::UnknownUser,
        "account_inactive" => Refusal::AccountInactive,
        "account_suspended" => Refusal::AccountSuspended,
        "email_unverified" => Refusal::EmailUnverified,
        "link_invalid" => Refusal::LinkInvalid,
        "mail_off" => Refusal::MailOff,
        "credentials_missing" => Refusal::CredentialsMissing,
        "credentials_malformed" => Refusal::CredentialsMalformed,
        other => token_refusal(other, words),
    }
}

fn token_refusal(code: &str, words: &[&str]) -> Refusal {
    let seconds = || words[0].parse().unwrap();
    match code {
        "factor_required" => Refusal::FactorRequired,
        "factor_wrong" => Refusal::FactorWrong,
        "factor_locked" => Refusal::FactorLocked,
        "token_invalid" => Refusal::TokenInvalid,
        "token_expired" => Refusal::TokenExpired,
        "token_wrong_kind" => Refusal::TokenWrongKind,
        "token_claim_missing" => Refusal::TokenClaimMissing(words.join(" ")),
        "token_user_missing" => Refusal::TokenUserMissing,
        "token_user_unknown" => Refusal::TokenUserUnknown,
        "token_user_inactive" => Refusal::TokenUserInactive,
        "token_revoked" => Refusal::TokenRevoked,
        "token_reused" => Refusal::TokenReused,
        "not_yours" => Refusal::NotYours,
        "reauth_required" => Refusal::ReauthRequired,
        "not_permitted" => Refusal::NotPermitted,
        "last_administrator" => Refusal::LastAdministrator,
        "bootstrap_closed" => Refusal::BootstrapClosed,
        "cross_site" => Refusal::CrossSite,
        "throttled" => {
            Refusal::Throttled(Throttle { policy: "account", quota: 5, window: 0, seconds: seconds() })
        }
        "overloaded" => Refusal::Overloaded(seconds()),
        other => panic!("`{other}` is not a refusal"),
    }
}

fn flaw(word: &str) -> Flaw {
    let words: Vec<&str> = word.split(':').collect();
    let (input, rule) = (Input::parse(words[0]).unwrap(), Rule::parse(words[1]).unwrap());
    Flaw { limit: words.get(2).map(|limit| limit.parse().unwrap()), ..Flaw::new(input, rule) }
}

/// What the engine says to a command: its flaws, or the yes of its verb.
pub fn outcome(command: &Command, contract: &Contract, bare: bool, exists: bool) -> Result<Outcome, Refusal> {
    let user = user(bare);
    let tokens = tokens(contract);
    if let Some(flaws) = flaws(command) {
        return Err(Refusal::InvalidInput(flaws.to_vec()));
    }
    Ok(match command {
        Command::SignUp(_) => {
            Outcome::SignedUp { user, tokens: contract.sign_up_gives_tokens.then_some(tokens) }
        }
        Command::SignIn { .. } => Outcome::SignedIn { user, tokens },
        Command::Refresh { .. } => Outcome::Refreshed { user, tokens },
        Command::SignOut { .. } => Outcome::SignedOut,
        Command::Reauthenticate { .. } => Outcome::Reauthenticated,
        Command::ListSessions => Outcome::SessionsListed { sessions: sessions() },
        Command::EndSession { .. } => Outcome::SessionEnded,
        Command::EndOtherSessions => Outcome::OtherSessionsEnded { ended: 2 },
        Command::SignOutEverywhere => Outcome::SignedOutEverywhere { ended: 3 },
        Command::WhoAmI => Outcome::Profile { user },
        Command::VerifyToken { .. } => {
            let claims =
                Map::from_iter([("sub".to_owned(), json!("ann")), ("exp".to_owned(), json!(1_710_081_000))]);
            Outcome::TokenVerified { user, claims, expires_at: NOW.plus_seconds(600) }
        }
        Command::UpdateProfile(_) => Outcome::ProfileUpdated { user },
        Command::SetAvatar { .. } => Outcome::AvatarSet { user },
        Command::ChangePassword { .. } => Outcome::PasswordChanged { user },
        Command::DeleteAccount { .. } => Outcome::AccountDeleted,
        Command::Admin(command) => administered(command, user),
        Command::AnswerFactor { .. } => Outcome::SignedIn { user, tokens },
        Command::EnrolFactor { .. } => Outcome::FactorEnrolling(Box::new(Enrolment {
            secret: Secret::new("SECRET"),
            uri: Secret::new("otpauth://totp/x?secret=SECRET"),
            qr: Secret::new("<svg/>"),
        })),
        Command::ConfirmFactor { .. } => {
            Outcome::FactorConfirmed { user, tokens, recovery_codes: recovery_codes() }
        }
        Command::ShowFactor => Outcome::FactorShown(FactorState {
            since: (!bare).then_some(NOW),
            is_pending: bare,
            recovery_left: if bare { 0 } else { 9 },
            is_locked: false,
        }),
        Command::MakeRecoveryCodes { .. } => Outcome::RecoveryCodes(recovery_codes()),
        Command::RemoveFactor { .. } => Outcome::FactorRemoved,
        Command::CheckEmail { email } => Outcome::EmailChecked { email: email.clone(), exists },
        Command::RequestVerification { .. } | Command::RequestReset { .. } | Command::ChangeEmail { .. } => {
            Outcome::LetterAsked
        }
        Command::VerifyEmail { .. } => Outcome::EmailVerified,
        Command::ResetPassword { .. } => Outcome::PasswordReset,
        Command::ConfirmEmail { .. } => Outcome::EmailConfirmed,
        Command::UndoEmail { .. } => Outcome::EmailRestored,
    })
}

/// The yes to an administrator.
fn administered(command: &AdminCommand, user: User) -> Outcome {
    let list = |items, total, next: Option<&str>| Listed { items, total, next: next.map(str::to_owned) };
    match command {
        AdminCommand::ListUsers(_) => {
            let next = Some("00112233445566778899aabbccddeeff");
            Outcome::Listed(list(Items::Users(vec![user.clone(), self::user(true)]), Some(7), next))
        }
        AdminCommand::ListKeys => {
            let used = AdminKey { last_used_at: Some(NOW), revoked_at: Some(NOW), ..key() };
            Outcome::Listed(list(Items::Keys(vec![key(), used]), Some(2), None))
        }
        AdminCommand::CreateKey { .. } => Outcome::KeyMade { key: key(), secret: Secret::new("csk_SECRET") },
        AdminCommand::ListEvents { .. } => {
            let next = Some("00112233445566778899aabbccddeeff");
            Outcome::Listed(list(Items::Events(vec![event(true), event(false)]), None, next))
        }
        AdminCommand::DeleteUser { .. }
        | AdminCommand::ClearLimits { .. }
        | AdminCommand::StartReset { .. }
        | AdminCommand::FactorsOff { .. }
        | AdminCommand::RevokeKey { .. } => Outcome::Done { ended: 0 },
        AdminCommand::ListSessions { .. } => Outcome::SessionsListed { sessions: sessions() },
        AdminCommand::EndSession { .. } => Outcome::Done { ended: 1 },
        AdminCommand::EndSessions { .. } => Outcome::Done { ended: 3 },
        AdminCommand::Bootstrap { .. }
        | AdminCommand::ShowUser { .. }
        | AdminCommand::CreateUser(_)
        | AdminCommand::EditUser { .. }
        | AdminCommand::SetRole { .. }
        | AdminCommand::SetStatus { .. } => Outcome::UserShown { user },
    }
}

/// Of an administrator's request, or of the console.
fn event(requested: bool) -> ShownEvent {
    let text = |text: &str| if requested { text.to_owned() } else { String::new() };
    ShownEvent {
        number: 7,
        at: NOW,
        kind: "user_edited".to_owned(),
        actor: if requested { "admin" } else { "operator" }.to_owned(),
        by: requested.then(|| "0190a3c4-5d6e-7f80-9a1b-2c3d4e5f6072".to_owned()),
        session: requested.then(|| "0190a3c4-5d6e-7f80-9a1b-2c3d4e5f6073".to_owned()),
        contract: text("admin"),
        verb: "admin_edit_user".to_owned(),
        address: text("192.0.2.1"),
        result: text("taken"),
        request: text("0190a3c4-5d6e-7f80-9a1b-2c3d4e5f6074"),
        details: Map::from_iter([("fields".to_owned(), json!("email"))]),
    }
}

fn key() -> AdminKey {
    AdminKey {
        id: KeyId(42),
        name: "nightly".to_owned(),
        scopes: Scopes::NONE.with(Scope::UsersRead).with(Scope::AuditRead),
        owner: None,
        created_at: NOW,
        expires_at: NOW.plus_seconds(86_400),
        last_used_at: None,
        revoked_at: None,
    }
}

fn flaws(command: &Command) -> Option<&[Flaw]> {
    let flaws = match command {
        Command::SignUp(sign_up) => &sign_up.flaws,
        Command::UpdateProfile(update) => &update.flaws,
        Command::SetAvatar { flaws, .. } => flaws,
        Command::SignIn { .. }
        | Command::Refresh { .. }
        | Command::SignOut { .. }
        | Command::SignOutEverywhere
        | Command::Reauthenticate { .. }
        | Command::ListSessions
        | Command::EndSession { .. }
        | Command::EndOtherSessions
        | Command::WhoAmI
        | Command::VerifyToken { .. }
        | Command::ChangePassword { .. }
        | Command::DeleteAccount { .. }
        | Command::CheckEmail { .. }
        | Command::RequestVerification { .. }
        | Command::VerifyEmail { .. }
        | Command::RequestReset { .. }
        | Command::ResetPassword { .. }
        | Command::ChangeEmail { .. }
        | Command::ConfirmEmail { .. }
        | Command::UndoEmail { .. }
        | Command::Admin(_)
        | Command::AnswerFactor { .. }
        | Command::EnrolFactor { .. }
        | Command::ConfirmFactor { .. }
        | Command::ShowFactor
        | Command::MakeRecoveryCodes { .. }
        | Command::RemoveFactor { .. } => return None,
    };
    (!flaws.is_empty()).then_some(flaws.as_slice())
}

fn sessions() -> Vec<ShownSession> {
    let session = |id: i64, is_current: bool| ShownSession {
        public_id: format!("0000000{id}-0000-4000-8000-000000000000"),
        is_current,
        listed: ListedSession {
            id: SessionId(id),
            contract: "word".to_owned(),
            address: "192.0.2.1".to_owned(),
            user_agent: "<b>\"browser\"</b>".to_owned(),
            created_at: NOW.plus_seconds(-60 * id),
            seen_at: NOW.plus_seconds(-id),
            expires_at: NOW.plus_seconds(600),
        },
    };
    vec![session(1, true), session(2, false)]
}

fn recovery_codes() -> Vec<Secret> {
    vec![Secret::new("CODE-A"), Secret::new("CODE-B")]
}

/// What a sign-in says when something is still to come.
pub fn factor_needed(enrol: bool) -> Outcome {
    let half_way =
        Minted { token: Secret::new("HALF-WAY"), issued_at: NOW, expires_at: NOW.plus_seconds(300) };
    Outcome::FactorNeeded { half_way, enrol }
}

fn user(bare: bool) -> User {
    let full = User {
        id: UserId(7),
        uuid: uuid::Uuid::parse_str("0190a3c4-5d6e-7f80-9a1b-2c3d4e5f6071").unwrap(),
        username: Some("ann".to_owned()),
        email: Some("Ann@Example.org".to_owned()),
        email_verified: true,
        first_name: "Ann".to_owned(),
        last_name: "Lee".to_owned(),
        phone_number: Some("+44 20 7946 0000".to_owned()),
        avatar: Some("/media/avatars/a1.webp".to_owned()),
        role: "editor".to_owned(),
        permissions: vec!["read".to_owned(), "write".to_owned()],
        status: Status::Active,
        second_factor: true,
        attributes: Map::from_iter([("age".to_owned(), json!(41)), ("stats".to_owned(), json!({"wins": 3}))]),
        last_login_at: Moment::parse_rfc3339("2024-03-09T08:00:00.042Z"),
        created_at: Moment::parse_rfc3339("2024-01-15T10:30:00Z").unwrap(),
    };
    if !bare {
        return full;
    }
    User {
        username: None,
        email: None,
        email_verified: false,
        first_name: String::new(),
        last_name: String::new(),
        phone_number: None,
        avatar: None,
        role: String::new(),
        permissions: Vec::new(),
        status: Status::Inactive,
        second_factor: false,
        attributes: Map::new(),
        last_login_at: None,
        ..full
    }
}

fn tokens(contract: &Contract) -> Tokens {
    let minted = |text: &str, seconds: i64| Minted {
        token: Secret::new(text),
        issued_at: NOW,
        expires_at: NOW.plus_seconds(seconds),
    };
    Tokens {
        access: minted("ACCESS", contract.access.lifetime_seconds),
        refresh: contract.refresh.as_ref().map(|plan| minted("REFRESH", plan.lifetime_seconds)),
        csrf: Some(Secret::new("CSRF")),
        device: None,
    }
}

/// A contract in words: what of the file is the engine's side.
pub fn contract(contract: &Contract) -> String {
    let access = &contract.access;
    let mut out = format!(
        "access: {}, {}s, header {:?}\n{}",
        access.algorithm.name(),
        access.lifetime_seconds,
        access.header,
        claims(&access.claims)
    );
    if let Some(plan) = &contract.refresh {
        out.push_str(&format!(
            "refresh: {}s, at most {}s, {:?}\n",
            plan.lifetime_seconds, plan.absolute_seconds, plan.rotation
        ));
        out.push_str(&match &plan.form {
            RefreshForm::Jwt { claims: plan } => claims(plan),
            RefreshForm::Opaque => "  opaque\n".to_owned(),
        });
    }
    let newcomer = &contract.newcomer;
    out.push_str(&format!("leeway: {}s\n{:?}\n", contract.leeway_seconds, contract.passwords));
    out.push_str(&format!(
        "newcomer: role {:?}, permissions {:?}, attributes {}\n",
        newcomer.role,
        newcomer.permissions,
        json!(newcomer.attributes)
    ));
    let weaker: Vec<&str> = contract.weakenings.iter().map(|weakening| weakening.name()).collect();
    out.push_str(&format!(
        "sign-up gives tokens: {}\nweaker: {}",
        contract.sign_up_gives_tokens,
        weaker.join(", ")
    ));
    out.trim_end().to_owned()
}

fn claims(plan: &ClaimsPlan) -> String {
    let user = user(false);
    let facts = ClaimFacts {
        issued: NOW,
        expires: NOW.plus_seconds(600),
        ticket: "00112233445566778899aabbccddeeff",
    };
    let facts = Facts {
        user: Some(&user),
        claims: Some(facts),
        issuer: Some("https://id.example.org"),
        ..Facts::default()
    };
    let path = |path: &Option<Vec<String>>| path.as_ref().map_or("none".to_owned(), |path| path.join("/"));
    let fixed: Vec<String> = plan.fixed.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!(
        "  claims {}\n  end {}, made {}, ticket {}{}, user {} by {:?}, issuer {}, fixed [{}]\n",
        String::from_utf8(plan.shape.to_bytes(&facts)).unwrap(),
        plan.expires.join("/"),
        path(&plan.issued),
        path(&plan.token_id),
        if plan.foreign_without_id { " (not in foreign tokens)" } else { "" },
        plan.user.0.join("/"),
        plan.user.1,
        path(&plan.issuer),
        fixed.join(", "),
    )
}
