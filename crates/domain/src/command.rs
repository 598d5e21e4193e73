//! What can be asked?

use crate::admin::{AdminCommand, AdminVerb};
use crate::input::Flaw;
use crate::secret::Secret;
use serde_json::{Map, Value};
use uuid::Uuid;

/// The closed list of verbs, without their inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Create an account.
    SignUp,
    /// Prove who you are.
    SignIn,
    /// Exchange a refresh token.
    Refresh,
    /// End this session.
    SignOut,
    /// End all sessions of the user.
    SignOutEverywhere,
    /// Show the user of the token.
    WhoAmI,
    /// Say whether a token is good.
    VerifyToken,
    /// Change one's own fields.
    UpdateProfile,
    /// Upload one's own picture.
    SetAvatar,
    /// Prove again who you are, in the same session.
    Reauthenticate,
    /// Show the live sessions of the user.
    ListSessions,
    /// End one session of the user.
    EndSession,
    /// End all sessions of the user but this one.
    EndOtherSessions,
    /// Set a new password.
    ChangePassword,
    /// Delete one's own account.
    DeleteAccount,
    /// Say whether an address has an account.
    CheckEmail,
    /// Ask for a letter that verifies an address.
    RequestVerification,
    /// Verify an address by the link of a letter.
    VerifyEmail,
    /// Ask for a letter that lets one set a new password.
    RequestReset,
    /// Set a new password by the link of a letter.
    ResetPassword,
    /// Ask for another address.
    ChangeEmail,
    /// Make another address one's own by the link of a letter.
    ConfirmEmail,
    /// Take the former address back by the link of a letter.
    UndoEmail,
    /// One of the verbs for administrators.
    Admin(AdminVerb),
    /// Answer with the second factor, after the password.
    AnswerFactor,
    /// Begin to enrol a second factor.
    EnrolFactor,
    /// Show the first code of a second factor, and so put it in force.
    ConfirmFactor,
    /// Say whether a second factor is in force.
    ShowFactor,
    /// Make new recovery codes; the old ones are void.
    MakeRecoveryCodes,
    /// Switch the second factor off.
    RemoveFactor,
}

impl Verb {
    /// Every verb, in the order of the documentation.
    pub const ALL: [Verb; 47] = [
        Verb::SignUp,
        Verb::SignIn,
        Verb::Refresh,
        Verb::SignOut,
        Verb::SignOutEverywhere,
        Verb::WhoAmI,
        Verb::VerifyToken,
        Verb::UpdateProfile,
        Verb::SetAvatar,
        Verb::Reauthenticate,
        Verb::ListSessions,
        Verb::EndSession,
        Verb::EndOtherSessions,
        Verb::ChangePassword,
        Verb::DeleteAccount,
        Verb::CheckEmail,
        Verb::RequestVerification,
        Verb::VerifyEmail,
        Verb::RequestReset,
        Verb::ResetPassword,
        Verb::ChangeEmail,
        Verb::ConfirmEmail,
        Verb::UndoEmail,
        Verb::Admin(AdminVerb::Bootstrap),
        Verb::Admin(AdminVerb::ListUsers),
        Verb::Admin(AdminVerb::ShowUser),
        Verb::Admin(AdminVerb::CreateUser),
        Verb::Admin(AdminVerb::EditUser),
        Verb::Admin(AdminVerb::SetRole),
        Verb::Admin(AdminVerb::SetStatus),
        Verb::Admin(AdminVerb::DeleteUser),
        Verb::Admin(AdminVerb::ListSessions),
        Verb::Admin(AdminVerb::EndSession),
        Verb::Admin(AdminVerb::EndSessions),
        Verb::Admin(AdminVerb::ClearLimits),
        Verb::Admin(AdminVerb::StartReset),
        Verb::Admin(AdminVerb::FactorsOff),
        Verb::Admin(AdminVerb::ListEvents),
        Verb::Admin(AdminVerb::ListKeys),
        Verb::Admin(AdminVerb::CreateKey),
        Verb::Admin(AdminVerb::RevokeKey),
        Verb::AnswerFactor,
        Verb::EnrolFactor,
        Verb::ConfirmFactor,
        Verb::ShowFactor,
        Verb::MakeRecoveryCodes,
        Verb::RemoveFactor,
    ];

    /// The word used everywhere: files, events, metrics, transcripts.
    pub const fn name(self) -> &'static str {
        match self {
            Verb::SignUp => "sign_up",
            Verb::SignIn => "sign_in",
            Verb::Refresh => "refresh",
            Verb::SignOut => "sign_out",
            Verb::SignOutEverywhere => "sign_out_everywhere",
            Verb::WhoAmI => "who_am_i",
            Verb::VerifyToken => "verify_token",
            Verb::UpdateProfile => "update_profile",
            Verb::SetAvatar => "set_avatar",
            Verb::Reauthenticate => "reauthenticate",
            Verb::ListSessions => "list_sessions",
            Verb::EndSession => "end_session",
            Verb::EndOtherSessions => "end_other_sessions",
            Verb::ChangePassword => "change_password",
            Verb::DeleteAccount => "delete_account",
            Verb::CheckEmail => "check_email",
            Verb::RequestVerification => "request_verification",
            Verb::VerifyEmail => "verify_email",
            Verb::RequestReset => "request_reset",
            Verb::ResetPassword => "reset_password",
            Verb::ChangeEmail => "change_email",
            Verb::ConfirmEmail => "confirm_email",
            Verb::UndoEmail => "undo_email",
            Verb::Admin(verb) => verb.name(),
            Verb::AnswerFactor => "answer_factor",
            Verb::EnrolFactor => "enrol_factor",
            Verb::ConfirmFactor => "confirm_factor",
            Verb::ShowFactor => "show_factor",
            Verb::MakeRecoveryCodes => "make_recovery_codes",
            Verb::RemoveFactor => "remove_factor",
        }
    }

    /// Whether it only looks. Nothing else may be asked by GET, because any link is followed with the user's cookies (SEC-77).
    pub const fn only_looks(self) -> bool {
        matches!(
            self,
            Verb::WhoAmI
                | Verb::VerifyToken
                | Verb::CheckEmail
                | Verb::ListSessions
                | Verb::ShowFactor
                | Verb::Admin(
                    AdminVerb::ListUsers
                        | AdminVerb::ShowUser
                        | AdminVerb::ListSessions
                        | AdminVerb::ListEvents
                        | AdminVerb::ListKeys
                )
        )
    }

    /// Reads a word of a dialect file. Refused: any other text.
    pub fn parse(name: &str) -> Option<Verb> {
        Verb::ALL.into_iter().find(|verb| verb.name() == name)
    }
}

/// Who is meant by a sign-in.
#[derive(Clone, Debug)]
pub enum Login {
    /// An e-mail address.
    Email(String),
    /// A user name.
    Username(String),
    /// One or the other; what looks like an address is looked up as an address first.
    Either(String),
}

/// The user that a request names; only the caller's own is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// By integer id.
    Id(i64),
    /// By UUID.
    Uuid(Uuid),
    /// By any other text, compared with the user's public short id.
    Short(String),
}

/// What happens to the picture.
#[derive(Clone)]
pub enum AvatarEdit {
    /// Take it away.
    Clear,
    /// Replace it by this file.
    Upload(Vec<u8>),
}

impl std::fmt::Debug for AvatarEdit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AvatarEdit::Clear => f.write_str("Clear"),
            AvatarEdit::Upload(bytes) => write!(f, "Upload({} bytes)", bytes.len()),
        }
    }
}

/// A new account as the request describes it. `flaws` were found while hearing; the verb adds its own.
#[derive(Clone, Debug, Default)]
pub struct SignUp {
    /// As typed.
    pub username: Option<String>,
    /// Whether the user name was made from other fields; a taken one then gets a number.
    pub username_made: bool,
    /// As typed.
    pub email: Option<String>,
    /// As typed.
    pub password: Option<Secret>,
    /// Empty when absent.
    pub first_name: String,
    /// Empty when absent.
    pub last_name: String,
    /// As typed.
    pub phone_number: Option<String>,
    /// A picture sent along.
    pub avatar: Option<AvatarEdit>,
    /// Custom attributes that the dialect lets the caller set.
    pub attributes: Map<String, Value>,
    /// What is wrong with the inputs so far.
    pub flaws: Vec<Flaw>,
}

/// New values for one's own fields. `None` leaves a field as it is; `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct UpdateProfile {
    /// The user meant, where the contract names one.
    pub target: Option<Target>,
    /// As typed.
    pub username: Option<String>,
    /// As typed.
    pub email: Option<String>,
    /// As typed.
    pub first_name: Option<String>,
    /// As typed.
    pub last_name: Option<String>,
    /// As typed.
    pub phone_number: Option<Option<String>>,
    /// A new picture, or none.
    pub avatar: Option<AvatarEdit>,
    /// Custom attributes to be set; null takes one away.
    pub attributes: Map<String, Value>,
    /// What is wrong with the inputs so far.
    pub flaws: Vec<Flaw>,
}

/// A request, understood.
#[derive(Clone, Debug)]
pub enum Command {
    /// Create an account.
    SignUp(Box<SignUp>),
    /// Prove who you are.
    SignIn {
        /// Who.
        login: Login,
        /// The proof, as typed.
        password: Secret,
        /// Whether the spelling must equal the stored one.
        exact: bool,
        /// A code of the second factor or a recovery code sent along.
        otp: Option<Secret>,
    },
    /// Exchange a refresh token.
    Refresh {
        /// The token.
        token: Secret,
    },
    /// End the session of the refresh token, or else of the access token.
    SignOut {
        /// Refresh token, if the contract sends it.
        refresh: Option<Secret>,
        /// Access token given as a field.
        access: Option<Secret>,
        /// Whether a good access token must be there.
        needs_access: bool,
    },
    /// End all sessions of the user.
    SignOutEverywhere,
    /// Show the user of the token.
    WhoAmI,
    /// Say whether a token is good.
    VerifyToken {
        /// The token; absent = the one in the header.
        token: Option<Secret>,
    },
    /// Change one's own fields.
    UpdateProfile(Box<UpdateProfile>),
    /// Upload one's own picture.
    SetAvatar {
        /// The user meant, where the contract names one.
        target: Option<Target>,
        /// The new picture; absent when it has a flaw.
        avatar: Option<AvatarEdit>,
        /// What is wrong with the inputs so far.
        flaws: Vec<Flaw>,
    },
    /// Prove again who you are, in the same session.
    Reauthenticate {
        /// The password in force.
        password: Secret,
        /// A code of the second factor or a recovery code, where one is in force.
        otp: Option<Secret>,
    },
    /// Show the live sessions of the user.
    ListSessions,
    /// End one session of the user.
    EndSession {
        /// Its public id, as typed.
        id: String,
    },
    /// End all sessions of the user but this one.
    EndOtherSessions,
    /// Set a new password.
    ChangePassword {
        /// The one in force.
        current: Secret,
        /// The one to be set.
        new: Secret,
    },
    /// Delete one's own account.
    DeleteAccount {
        /// The user meant, where the contract names one.
        target: Option<Target>,
        /// The password again, where the contract asks for it.
        password: Option<Secret>,
    },
    /// Say whether an address has an account.
    CheckEmail {
        /// As typed.
        email: String,
    },
    /// Ask for a letter that verifies an address.
    RequestVerification {
        /// As typed.
        email: String,
    },
    /// Verify an address by the link of a letter. Beside the link the account itself has to be proved: by an access
    /// token of its own in the header, or by the password (SEC-36).
    VerifyEmail {
        /// The link's token.
        token: Secret,
        /// The account's password.
        password: Option<Secret>,
    },
    /// Ask for a letter that lets one set a new password.
    RequestReset {
        /// Who.
        login: Login,
    },
    /// Set a new password by the link of a letter. The user comes from the link alone (SEC-42).
    ResetPassword {
        /// The link's token.
        token: Secret,
        /// The one to be set.
        new: Secret,
    },
    /// Ask for another address. The one in force stays until the new one is confirmed.
    ChangeEmail {
        /// As typed.
        email: String,
        /// The password in force.
        password: Secret,
    },
    /// Make another address one's own by the link of a letter; the account is proved as for [`Command::VerifyEmail`].
    ConfirmEmail {
        /// The link's token.
        token: Secret,
        /// The account's password.
        password: Option<Secret>,
    },
    /// Take the former address back by the link of a letter.
    UndoEmail {
        /// The link's token.
        token: Secret,
    },
    /// What an administrator asks for.
    Admin(AdminCommand),
    /// Answer with the second factor, after the password.
    AnswerFactor {
        /// What the sign-in gave.
        half_way: Secret,
        /// A code or a recovery code.
        otp: Secret,
    },
    /// Begin to enrol a second factor.
    EnrolFactor {
        /// What the sign-in gave, where the role needs a factor and there is none; otherwise the access token counts.
        half_way: Option<Secret>,
        /// The password again, beside an access token.
        password: Option<Secret>,
        /// The factor in force, where it is to be replaced.
        otp: Option<Secret>,
    },
    /// Show the first code of a second factor.
    ConfirmFactor {
        /// As for the enrolment.
        half_way: Option<Secret>,
        /// The first code.
        otp: Secret,
    },
    /// Say whether a second factor is in force.
    ShowFactor,
    /// Make new recovery codes.
    MakeRecoveryCodes {
        /// The password again.
        password: Secret,
        /// A code or a recovery code.
        otp: Secret,
    },
    /// Switch the second factor off.
    RemoveFactor {
        /// The password again.
        password: Secret,
        /// A code or a recovery code.
        otp: Secret,
    },
}

impl Command {
    /// Which verb it is.
    pub const fn verb(&self) -> Verb {
        match self {
            Command::SignUp(_) => Verb::SignUp,
            Command::SignIn { .. } => Verb::SignIn,
            Command::Refresh { .. } => Verb::Refresh,
            Command::SignOut { .. } => Verb::SignOut,
            Command::SignOutEverywhere => Verb::SignOutEverywhere,
            Command::WhoAmI => Verb::WhoAmI,
            Command::VerifyToken { .. } => Verb::VerifyToken,
            Command::UpdateProfile(_) => Verb::UpdateProfile,
            Command::SetAvatar { .. } => Verb::SetAvatar,
            Command::Reauthenticate { .. } => Verb::Reauthenticate,
            Command::ListSessions => Verb::ListSessions,
            Command::EndSession { .. } => Verb::EndSession,
            Command::EndOtherSessions => Verb::EndOtherSessions,
            Command::ChangePassword { .. } => Verb::ChangePassword,
            Command::DeleteAccount { .. } => Verb::DeleteAccount,
            Command::CheckEmail { .. } => Verb::CheckEmail,
            Command::RequestVerification { .. } => Verb::RequestVerification,
            Command::VerifyEmail { .. } => Verb::VerifyEmail,
            Command::RequestReset { .. } => Verb::RequestReset,
            Command::ResetPassword { .. } => Verb::ResetPassword,
            Command::ChangeEmail { .. } => Verb::ChangeEmail,
            Command::ConfirmEmail { .. } => Verb::ConfirmEmail,
            Command::UndoEmail { .. } => Verb::UndoEmail,
            Command::Admin(command) => Verb::Admin(command.verb()),
            Command::AnswerFactor { .. } => Verb::AnswerFactor,
            Command::EnrolFactor { .. } => Verb::EnrolFactor,
            Command::ConfirmFactor { .. } => Verb::ConfirmFactor,
            Command::ShowFactor => Verb::ShowFactor,
            Command::MakeRecoveryCodes { .. } => Verb::MakeRecoveryCodes,
            Command::RemoveFactor { .. } => Verb::RemoveFactor,
        }
    }
}
