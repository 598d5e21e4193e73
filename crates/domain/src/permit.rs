//! Who may use which verb?
//!
//! Every verb has one permit. The engine's door checks it before the verb runs, so that no route can forget it.

use crate::admin::Scope;
use crate::command::Verb;

/// What the door asks for before a verb runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permit {
    /// Nothing: the verb is for everybody, and limits itself.
    Anyone,
    /// Nothing at the door: the request brings a token of its own kind, and the verb checks it.
    Token,
    /// A good access token.
    User,
    /// A good access token of somebody who proved just now who it is (ASVS 7.5.1).
    Fresh,
    /// An administrator's access token or an admin key, with this scope.
    Admin(Scope),
}

impl Permit {
    /// The word in lists of routes and in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Permit::Anyone => "anyone",
            Permit::Token => "token",
            Permit::User => "user",
            Permit::Fresh => "fresh",
            Permit::Admin(_) => "admin",
        }
    }

    /// The scope, where one is asked for.
    pub const fn scope(self) -> Option<Scope> {
        match self {
            Permit::Admin(scope) => Some(scope),
            Permit::Anyone | Permit::Token | Permit::User | Permit::Fresh => None,
        }
    }

    /// Whether the door reads a credential.
    pub const fn needs_access(self) -> bool {
        match self {
            Permit::Anyone | Permit::Token => false,
            Permit::User | Permit::Fresh | Permit::Admin(_) => true,
        }
    }
}

impl Verb {
    /// What the verb asks for. A verb without an answer here does not compile.
    pub const fn permit(self) -> Permit {
        match self {
            Verb::SignUp
            | Verb::SignIn
            | Verb::CheckEmail
            | Verb::RequestVerification
            | Verb::RequestReset => Permit::Anyone,
            Verb::Refresh
            | Verb::SignOut
            | Verb::VerifyToken
            | Verb::VerifyEmail
            | Verb::ResetPassword
            | Verb::ConfirmEmail
            | Verb::UndoEmail
            | Verb::AnswerFactor
            | Verb::EnrolFactor
            | Verb::ConfirmFactor => Permit::Token,
            Verb::SignOutEverywhere
            | Verb::WhoAmI
            | Verb::Reauthenticate
            | Verb::ListSessions
            | Verb::UpdateProfile
            | Verb::SetAvatar
            | Verb::ChangePassword
            | Verb::DeleteAccount
            | Verb::ChangeEmail
            | Verb::ShowFactor
            | Verb::MakeRecoveryCodes
            | Verb::RemoveFactor => Permit::User,
            Verb::EndSession | Verb::EndOtherSessions => Permit::Fresh,
            Verb::Admin(verb) => verb.permit(),
        }
    }
}
