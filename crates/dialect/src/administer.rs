//! What does a request of an administrator's ask for?

use crate::gather::Inputs;
use domain::admin::{AdminCommand, AdminVerb, NewPerson, Person, UserQuery};
use domain::id::Uuid;
use domain::input::{Flaw, Input, Rule};
use domain::refusal::Refusal;
use domain::user::Status;

/// Public ids have one spelling: 36 characters (SEC-93).
const UUID_TEXT: usize = 36;

impl Inputs {
    /// The command. Refused: an id that can be nobody's as `not_yours`, values that no rule of the file looked at.
    pub fn into_admin(self, verb: AdminVerb) -> Result<AdminCommand, Refusal> {
        Ok(match verb {
            AdminVerb::Bootstrap => AdminCommand::Bootstrap {
                token: self.secret(Input::Token).unwrap_or_default(),
                email: self.owned(Input::Email).unwrap_or_default(),
                password: self.secret(Input::Password).unwrap_or_default(),
            },
            AdminVerb::ListUsers => AdminCommand::ListUsers(UserQuery {
                search: self.owned(Input::Search),
                role: self.owned(Input::Role),
                status: self.owned(Input::Status),
                limit: self.number(Input::Limit),
                cursor: self.owned(Input::Cursor),
            }),
            AdminVerb::ShowUser => AdminCommand::ShowUser { user: self.user()? },
            AdminVerb::CreateUser => AdminCommand::CreateUser(Box::new(NewPerson {
                person: self.person(),
                role: self.owned(Input::Role),
            })),
            AdminVerb::EditUser => {
                AdminCommand::EditUser { user: self.user()?, person: Box::new(self.person()) }
            }
            AdminVerb::SetRole => AdminCommand::SetRole {
                user: self.user()?,
                role: self.owned(Input::Role),
                permissions: self.names(Input::Permissions)?,
            },
            AdminVerb::SetStatus => AdminCommand::SetStatus { user: self.user()?, status: self.status()? },
            AdminVerb::DeleteUser => AdminCommand::DeleteUser { user: self.user()? },
            AdminVerb::ListSessions => AdminCommand::ListSessions { user: self.user()? },
            AdminVerb::EndSession => AdminCommand::EndSession {
                user: self.user()?,
                session: self.owned(Input::SessionId).unwrap_or_default(),
            },
            AdminVerb::EndSessions => AdminCommand::EndSessions { user: self.user()? },
            AdminVerb::ClearLimits => AdminCommand::ClearLimits { user: self.user()? },
            AdminVerb::StartReset => AdminCommand::StartReset { user: self.user()? },
            AdminVerb::FactorsOff => AdminCommand::FactorsOff { user: self.user()? },
            AdminVerb::ListEvents => AdminCommand::ListEvents {
                user: self.user()?,
                limit: self.number(Input::Limit),
                cursor: self.owned(Input::Cursor),
            },
            AdminVerb::ListKeys => AdminCommand::ListKeys,
            AdminVerb::CreateKey => AdminCommand::CreateKey {
                name: self.owned(Input::Name).unwrap_or_default(),
                scopes: self.names(Input::Scopes)?.unwrap_or_default(),
                days: self.number(Input::Days).unwrap_or(0),
            },
            AdminVerb::RevokeKey => {
                AdminCommand::RevokeKey { key: self.owned(Input::Key).unwrap_or_default() }
            }
        })
    }

    fn person(&self) -> Person {
        let name = |input| self.nullable(input).map(Option::unwrap_or_default);
        Person {
            username: self.nullable(Input::Username),
            email: self.nullable(Input::Email),
            first_name: name(Input::FirstName),
            last_name: name(Input::LastName),
            phone_number: self.nullable(Input::PhoneNumber),
        }
    }

    fn user(&self) -> Result<Uuid, Refusal> {
        let text = self.text(Input::UserId).filter(|text| text.len() == UUID_TEXT);
        text.and_then(|text| Uuid::try_parse(text).ok()).ok_or(Refusal::NotYours)
    }

    fn status(&self) -> Result<Status, Refusal> {
        let flaw = || Refusal::InvalidInput(vec![Flaw::new(Input::Status, Rule::OneOf)]);
        self.text(Input::Status).and_then(Status::parse).ok_or_else(flaw)
    }

    /// A list of texts. Refused: a list that holds anything else.
    fn names(&self, input: Input) -> Result<Option<Vec<String>>, Refusal> {
        let Some(items) = self.list(input) else { return Ok(None) };
        let names: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        let flaw = || Refusal::InvalidInput(vec![Flaw::new(input, Rule::Type)]);
        names.map(Some).ok_or_else(flaw)
    }
}
