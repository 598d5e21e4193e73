//! What can a request bring along, and what can be wrong with one input?

/// The closed list of inputs that verbs understand. Dialects map their own field names onto these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Input {
    /// E-mail address.
    Email,
    /// User name.
    Username,
    /// One field that may hold an e-mail address or a user name.
    Login,
    /// The password of a sign-in, a new account or a confirmation.
    Password,
    /// The password now in force, where a new one is set.
    CurrentPassword,
    /// The password to be set.
    NewPassword,
    /// Must equal the password; checked and dropped.
    PasswordConfirmation,
    /// Given name.
    FirstName,
    /// Family name.
    LastName,
    /// Phone number.
    PhoneNumber,
    /// Picture file, or null to clear it.
    Avatar,
    /// A refresh token.
    Refresh,
    /// An access token given as a field.
    Access,
    /// A token of either kind, to be verified.
    Token,
    /// A code of the second factor, or a recovery code.
    Otp,
    /// What a sign-in gave to be sent along with the second factor.
    HalfWay,
    /// The user that is meant; only one's own is allowed.
    UserId,
    /// The session that is meant, by its public id.
    SessionId,
    /// First letters of an address or user name, in a search.
    Search,
    /// Where a page of a list begins.
    Cursor,
    /// How many items of a list.
    Limit,
    /// A role; only administrators give one.
    Role,
    /// Permissions; only administrators give them.
    Permissions,
    /// The status of an account; only administrators set it.
    Status,
    /// What people call an admin key.
    Name,
    /// What an admin key may do.
    Scopes,
    /// Days until an admin key ends.
    Days,
    /// The admin key that is meant.
    Key,
    /// A custom attribute; its name is the field's name in the dialect.
    Attribute,
    /// Checked by rules, then dropped.
    Ignored,
}

impl Input {
    /// Every input, in the order of the documentation.
    pub const ALL: [Input; 30] = [
        Input::Email,
        Input::Username,
        Input::Login,
        Input::Password,
        Input::CurrentPassword,
        Input::NewPassword,
        Input::PasswordConfirmation,
        Input::FirstName,
        Input::LastName,
        Input::PhoneNumber,
        Input::Avatar,
        Input::Refresh,
        Input::Access,
        Input::Token,
        Input::Otp,
        Input::HalfWay,
        Input::UserId,
        Input::SessionId,
        Input::Search,
        Input::Cursor,
        Input::Limit,
        Input::Role,
        Input::Permissions,
        Input::Status,
        Input::Name,
        Input::Scopes,
        Input::Days,
        Input::Key,
        Input::Attribute,
        Input::Ignored,
    ];

    /// The word used in dialect files, flaws and records.
    pub const fn name(self) -> &'static str {
        match self {
            Input::Email => "email",
            Input::Username => "username",
            Input::Login => "login",
            Input::Password => "password",
            Input::CurrentPassword => "current_password",
            Input::NewPassword => "new_password",
            Input::PasswordConfirmation => "password_confirmation",
            Input::FirstName => "first_name",
            Input::LastName => "last_name",
            Input::PhoneNumber => "phone_number",
            Input::Avatar => "avatar",
            Input::Refresh => "refresh",
            Input::Access => "access",
            Input::Token => "token",
            Input::Otp => "otp",
            Input::HalfWay => "half_way",
            Input::UserId => "user_id",
            Input::SessionId => "session_id",
            Input::Search => "search",
            Input::Cursor => "cursor",
            Input::Limit => "limit",
            Input::Role => "role",
            Input::Permissions => "permissions",
            Input::Status => "status",
            Input::Name => "name",
            Input::Scopes => "scopes",
            Input::Days => "days",
            Input::Key => "key",
            Input::Attribute => "attribute",
            Input::Ignored => "ignored",
        }
    }

    /// Reads a word of a dialect file. Refused: any other text.
    pub fn parse(name: &str) -> Option<Input> {
        Input::ALL.into_iter().find(|input| input.name() == name)
    }

    /// Whether the value may never be repeated in an answer or a log.
    pub const fn is_secret(self) -> bool {
        matches!(
            self,
            Input::Password
                | Input::CurrentPassword
                | Input::NewPassword
                | Input::PasswordConfirmation
                | Input::Refresh
                | Input::Access
                | Input::Token
                | Input::Otp
                | Input::HalfWay
        )
    }
}

/// A rule that an input can break. Closed: a dialect words them, nobody invents new ones at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// Absent although it must be there.
    Required,
    /// Null where null is not a value.
    Null,
    /// Empty or only white space.
    Blank,
    /// Of another JSON type.
    Type,
    /// Contains U+0000.
    NulCharacter,
    /// Fewer code points (or a smaller number) than the limit.
    TooShort,
    /// More code points (or a larger number) than the limit.
    TooLong,
    /// Below the smallest number allowed.
    TooSmall,
    /// Above the largest number allowed.
    TooLarge,
    /// Does not match the pattern of the contract.
    Pattern,
    /// Not an e-mail address.
    Email,
    /// Not one of the values allowed.
    OneOf,
    /// Differs from the field it must equal.
    Differs,
    /// None of several alternatives is there.
    NoneOf,
    /// A field the contract does not know.
    Unknown,
    /// Not an uploaded file.
    NotAFile,
    /// Not a picture of an allowed kind, damaged, or too large when decoded.
    NotAPicture,
    /// The file has too many bytes.
    FileTooLarge,
    /// Belongs to another account.
    Taken,
    /// A new address has to be asked for with the password, and confirmed.
    Unconfirmed,
    /// New password: too short.
    PasswordTooShort,
    /// New password: too long (never cut).
    PasswordTooLong,
    /// New password: on the list of common ones, or made of the account's own words.
    PasswordCommon,
    /// New password: digits only.
    PasswordNumeric,
}

impl Rule {
    /// Every rule, in the order of the documentation.
    pub const ALL: [Rule; 24] = [
        Rule::Required,
        Rule::Null,
        Rule::Blank,
        Rule::Type,
        Rule::NulCharacter,
        Rule::TooShort,
        Rule::TooLong,
        Rule::TooSmall,
        Rule::TooLarge,
        Rule::Pattern,
        Rule::Email,
        Rule::OneOf,
        Rule::Differs,
        Rule::NoneOf,
        Rule::Unknown,
        Rule::NotAFile,
        Rule::NotAPicture,
        Rule::FileTooLarge,
        Rule::Taken,
        Rule::Unconfirmed,
        Rule::PasswordTooShort,
        Rule::PasswordTooLong,
        Rule::PasswordCommon,
        Rule::PasswordNumeric,
    ];

    /// The word used in dialect files and as the `code` of a flaw.
    pub const fn code(self) -> &'static str {
        match self {
            Rule::Required => "required",
            Rule::Null => "null",
            Rule::Blank => "blank",
            Rule::Type => "type",
            Rule::NulCharacter => "nul_character",
            Rule::TooShort => "too_short",
            Rule::TooLong => "too_long",
            Rule::TooSmall => "too_small",
            Rule::TooLarge => "too_large",
            Rule::Pattern => "pattern",
            Rule::Email => "email",
            Rule::OneOf => "one_of",
            Rule::Differs => "differs",
            Rule::NoneOf => "none_of",
            Rule::Unknown => "unknown",
            Rule::NotAFile => "not_a_file",
            Rule::NotAPicture => "not_a_picture",
            Rule::FileTooLarge => "file_too_large",
            Rule::Taken => "taken",
            Rule::Unconfirmed => "unconfirmed",
            Rule::PasswordTooShort => "password_too_short",
            Rule::PasswordTooLong => "password_too_long",
            Rule::PasswordCommon => "password_common",
            Rule::PasswordNumeric => "password_numeric",
        }
    }

    /// Reads a word of a dialect file. Refused: any other text.
    pub fn parse(code: &str) -> Option<Rule> {
        Rule::ALL.into_iter().find(|rule| rule.code() == code)
    }
}

/// One thing that is wrong with one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Which input.
    pub input: Input,
    /// The wire name, where it is not the input's only one: attributes and unknown fields.
    pub field: Option<String>,
    /// Which rule.
    pub rule: Rule,
    /// The limit of the rule, if it has one.
    pub limit: Option<i64>,
    /// What was counted or got: a length, a JSON type. Never the value of a secret.
    pub got: Option<String>,
}

impl Flaw {
    /// A flaw without limit.
    pub fn new(input: Input, rule: Rule) -> Flaw {
        Flaw { input, field: None, rule, limit: None, got: None }
    }

    /// A flaw of a rule that has a limit.
    pub fn with_limit(input: Input, rule: Rule, limit: i64) -> Flaw {
        Flaw { limit: Some(limit), ..Flaw::new(input, rule) }
    }
}
