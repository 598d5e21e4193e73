//! Which column holds what?
//!
//! Columns are found by the names that applications give them; `--map FIELD=COLUMN` decides where that is not enough.

use super::roles::STAFF;
use super::row::Reader;
use domain::record::{Record, StoredHashText};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What a column can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Id,
    Uuid,
    Username,
    Email,
    EmailVerified,
    FirstName,
    LastName,
    Name,
    PhoneNumber,
    Avatar,
    Role,
    Permissions,
    Status,
    Active,
    Disabled,
    DeletedAt,
    PasswordHash,
    CreatedAt,
    LastLoginAt,
}

/// A field, its name, and the names under which columns are known to hold it: in lower case, without underscores.
struct Known(Field, &'static str, &'static [&'static str]);

static KNOWN: [Known; 19] = [
    Known(Field::Id, "id", &["userid", "pk"]),
    Known(Field::Uuid, "uuid", &["guid", "publicid", "useruuid"]),
    Known(Field::Username, "username", &["login", "loginname"]),
    Known(Field::Email, "email", &["mail", "emailaddress"]),
    Known(
        Field::EmailVerified,
        "email_verified",
        &["isemailverified", "emailconfirmed", "isemailconfirmed", "emailverifiedat", "emailconfirmedat"],
    ),
    Known(Field::FirstName, "first_name", &["givenname"]),
    Known(Field::LastName, "last_name", &["surname", "familyname"]),
    Known(Field::Name, "name", &["fullname", "displayname"]),
    Known(Field::PhoneNumber, "phone_number", &["phone", "mobile", "numberphone", "telephone"]),
    Known(Field::Avatar, "avatar", &["avatarurl", "picture", "profilepicture", "photourl", "image"]),
    Known(Field::Role, "role", &[]),
    Known(Field::Permissions, "permissions", &[]),
    Known(Field::Status, "status", &[]),
    Known(Field::Active, "active", &["isactive", "enabled", "isenabled"]),
    Known(Field::Disabled, "disabled", &["isdisabled", "blocked", "isblocked", "banned", "isbanned"]),
    Known(Field::DeletedAt, "deleted_at", &[]),
    Known(
        Field::PasswordHash,
        "password_hash",
        &["password", "encryptedpassword", "hashedpassword", "passworddigest", "passhash", "pwhash"],
    ),
    Known(
        Field::CreatedAt,
        "created_at",
        &["datejoined", "created", "joinedat", "registeredat", "createdon"],
    ),
    Known(
        Field::LastLoginAt,
        "last_login_at",
        &["lastlogin", "lastsigninat", "lastsignedinat", "currentsigninat"],
    ),
];

/// What `--map` can name, for messages and help.
pub fn field_names() -> String {
    let names: Vec<&str> = KNOWN.iter().map(|Known(_, name, _)| *name).collect();
    format!("{}, attributes.NAME", names.join(", "))
}

/// `FIELD=COLUMN` of the command line. An empty column says that the field is not to be filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    field: Target,
    column: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Field(Field),
    Attribute(String),
}

impl std::str::FromStr for Mapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Mapping, String> {
        let (field, column) = text
            .split_once('=')
            .ok_or("write FIELD=COLUMN, such as email=mail; FIELD= leaves the field empty")?;
        let known = KNOWN.iter().find(|Known(_, name, _)| *name == field);
        let field = match (known, field.strip_prefix("attributes.")) {
            (Some(Known(field, ..)), _) => Target::Field(*field),
            (None, Some(name)) if !name.is_empty() => Target::Attribute(name.to_owned()),
            (None, _) => return Err(format!("there is no field \"{field}\"; there are {}", field_names())),
        };
        Ok(Mapping { field, column: column.to_owned() })
    }
}

/// Which column fills which field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    fields: Vec<(Field, String)>,
    /// Attribute and column.
    attributes: Vec<(String, String)>,
    left: Vec<String>,
    /// Fields that are to stay empty.
    empty: Vec<Field>,
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '_' && *c != '-' && *c != ' ').flat_map(char::to_lowercase).collect()
}

impl Columns {
    /// Finds the columns. Refused, with everything at once: a mapped column that is not there, a field that several
    /// columns could hold, and a table in which nobody has a name.
    pub fn find(there: &[String], maps: &[Mapping]) -> Result<Columns, Vec<String>> {
        let mut found = Columns::default();
        let mut faults = Vec::new();
        let mut mapped = BTreeSet::new();
        for Mapping { field, column } in maps {
            if let Target::Field(field) = field
                && !mapped.insert(*field)
            {
                faults.push(format!("--map names the field `{}` twice", name_of(*field)));
            }
            if column.is_empty() {
                found.empty.extend(match field {
                    Target::Field(field) => Some(*field),
                    Target::Attribute(_) => None,
                });
                continue;
            }
            match (there.contains(column), field) {
                (false, _) => {
                    faults.push(format!("there is no column \"{column}\"; there are {}", there.join(", ")));
                }
                (true, Target::Field(field)) => found.fields.push((*field, column.clone())),
                (true, Target::Attribute(name)) => found.attributes.push((name.clone(), column.clone())),
            }
        }
        found.guess(there, &mapped, &mut faults);
        let named = found.fields.iter().any(|(field, _)| matches!(field, Field::Email | Field::Username));
        if !named && faults.is_empty() {
            faults.push(format!(
                "no column holds an e-mail address or a user name; there are {}; add --map email=COLUMN or --map \
                 username=COLUMN",
                there.join(", ")
            ));
        }
        if faults.is_empty() { Ok(found) } else { Err(faults) }
    }

    fn guess(&mut self, there: &[String], mapped: &BTreeSet<Field>, faults: &mut Vec<String>) {
        let used: Vec<String> = self.used().map(str::to_owned).collect();
        let free: Vec<(&String, String)> =
            there.iter().filter(|name| !used.contains(name)).map(|name| (name, plain(name))).collect();
        for Known(field, name, others) in KNOWN.iter().filter(|Known(field, ..)| !mapped.contains(field)) {
            let exact: Vec<&String> =
                free.iter().filter(|(_, column)| *column == plain(name)).map(|(name, _)| *name).collect();
            let like =
                || free.iter().filter(|(_, column)| others.contains(&column.as_str())).map(|(name, _)| *name);
            let candidates: Vec<&String> = if exact.is_empty() { like().collect() } else { exact };
            match candidates.as_slice() {
                [] => {}
                [column] => self.fields.push((*field, (*column).clone())),
                several => {
                    let names: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
                    faults.push(format!(
                        "several columns look like {name}: {}; choose one with --map {name}=COLUMN, or none with --map {name}=",
                        names.join(", ")
                    ));
                }
            }
        }
        for (column, plainly) in &free {
            if let Some(mark) = STAFF.iter().find(|mark| plain(mark) == *plainly) {
                self.attributes.push(((*mark).to_owned(), (*column).clone()));
            }
        }
        let used: Vec<String> = self.used().map(str::to_owned).collect();
        self.left = there.iter().filter(|name| !used.contains(name)).cloned().collect();
    }

    /// The columns that are read.
    pub fn used(&self) -> impl Iterator<Item = &str> {
        let attributes = self.attributes.iter().map(|(_, column)| column.as_str());
        self.fields.iter().map(|(_, column)| column.as_str()).chain(attributes)
    }

    /// The columns that are not.
    pub fn left(&self) -> &[String] {
        &self.left
    }

    /// Field and column, for people.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let fields = self.fields.iter().map(|(field, column)| (name_of(*field).to_owned(), column.clone()));
        let attributes =
            self.attributes.iter().map(|(name, column)| (format!("attributes.{name}"), column.clone()));
        fields.chain(attributes).collect()
    }

    /// Whether `--map FIELD=` says that this field is to stay empty.
    pub fn stays_empty(&self, name: &str) -> bool {
        self.empty.iter().any(|field| name_of(*field) == name)
    }

    /// The column that fills this field.
    pub fn column(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| name_of(*field) == name).map(|(_, column)| column.as_str())
    }

    /// The user of a row.
    pub fn record(&self, row: &Map<String, Value>) -> Result<Record, Vec<String>> {
        let mut reader = Reader::new(row);
        let mut record = Record::default();
        for (field, column) in &self.fields {
            fill(*field, column, &mut reader, &mut record);
        }
        for (name, column) in &self.attributes {
            let value = if STAFF.contains(&name.as_str()) {
                reader.flag(column).map(Value::from)
            } else {
                reader.value(column).cloned()
            };
            if let Some(value) = value {
                record.attributes.get_or_insert_default().insert(name.clone(), value);
            }
        }
        reader.finish(record)
    }
}

fn name_of(field: Field) -> &'static str {
    KNOWN.iter().find(|Known(known, ..)| *known == field).map_or("", |Known(_, name, _)| name)
}

fn fill(field: Field, column: &str, reader: &mut Reader<'_>, record: &mut Record) {
    match field {
        Field::Id => reader.identify(column, record),
        Field::Uuid => {
            if let Some(text) = reader.text(column) {
                record.uuid = super::row::parse_uuid(&text);
                if record.uuid.is_none() {
                    reader.fault(format!("{column} is no UUID"));
                }
            }
        }
        Field::Username => record.username = reader.text(column),
        Field::Email => record.email = reader.text(column),
        Field::EmailVerified => record.email_verified = reader.given(column),
        Field::FirstName => record.first_name = reader.text(column).or(record.first_name.take()),
        Field::LastName => record.last_name = reader.text(column),
        Field::Name => {
            if record.first_name.is_none() && record.last_name.is_none() {
                record.first_name = reader.text(column);
            }
        }
        Field::PhoneNumber => record.phone_number = reader.text(column),
        Field::Avatar => record.avatar = reader.text(column),
        Field::Role => record.role = reader.text(column),
        Field::Permissions => record.permissions = permissions(column, reader),
        Field::Status => record.status = reader.text(column).map(|text| text.to_lowercase()),
        Field::Active => {
            if reader.flag(column) == Some(false) {
                record.status = Some("inactive".to_owned());
            }
        }
        Field::Disabled | Field::DeletedAt => {
            if reader.given(column) {
                record.status = Some("inactive".to_owned());
            }
        }
        Field::PasswordHash => record.password_hash = reader.hash(column).map(StoredHashText::new),
        Field::CreatedAt => record.created_at = reader.moment(column),
        Field::LastLoginAt => record.last_login_at = reader.moment(column),
    }
}

/// A list, or words between spaces and commas.
fn permissions(column: &str, reader: &mut Reader<'_>) -> Option<Vec<String>> {
    if let Some(Value::Array(items)) = reader.value(column) {
        let words: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        if words.is_none() {
            reader.fault(format!("{column} is no list of texts"));
        }
        return words;
    }
    let text = reader.text(column)?;
    let words = text.split([' ', ',', ';']).filter(|word| !word.is_empty());
    Some(words.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(there: &[&str], maps: &[&str]) -> Result<Columns, Vec<String>> {
        let there: Vec<String> = there.iter().map(|name| (*name).to_owned()).collect();
        let maps: Vec<Mapping> = maps.iter().map(|map| map.parse().unwrap()).collect();
        Columns::find(&there, &maps)
    }

    #[test]
    fn columns_are_found_by_the_names_that_applications_give_them() {
        for (there, pairs, left) in [
            // Prisma, TypeORM, Sequelize, Rails, Django.
            (
                &["id", "email", "name", "hashedPassword", "createdAt", "updatedAt"][..],
                "id=id email=email name=name password_hash=hashedPassword created_at=createdAt",
                "updatedAt",
            ),
            (
                &["id", "firstName", "lastName", "email", "password", "isActive", "deletedAt"],
                "id=id email=email first_name=firstName last_name=lastName active=isActive deleted_at=deletedAt password_hash=password",
                "",
            ),
            (
                &["ID", "User_Name", "EncryptedPassword", "phone", "emailVerified"],
                "id=ID username=User_Name email_verified=emailVerified phone_number=phone password_hash=EncryptedPassword",
                "",
            ),
            (
                &[
                    "id",
                    "password",
                    "last_login",
                    "is_superuser",
                    "username",
                    "first_name",
                    "last_name",
                    "email",
                    "is_staff",
                    "is_active",
                    "date_joined",
                ],
                "id=id username=username email=email first_name=first_name last_name=last_name active=is_active password_hash=password created_at=date_joined last_login_at=last_login attributes.is_superuser=is_superuser attributes.is_staff=is_staff",
                "",
            ),
        ] {
            let found = find(there, &[]).unwrap();
            let said: Vec<String> =
                found.pairs().iter().map(|(field, column)| format!("{field}={column}")).collect();
            assert_eq!((said.join(" "), found.left().join(" ")), (pairs.to_owned(), left.to_owned()));
        }
    }

    #[test]
    fn what_is_in_doubt_is_asked() {
        for (there, maps, told) in [
            (&["id", "password"][..], &[][..], "no column holds"),
            (&["email", "phone", "mobile"], &[], "several columns look like phone_number: phone, mobile"),
            (&["email"], &["username=nick"], "no column \"nick\"; there are email"),
            (&["email", "a", "b"], &["username=a", "username=b"], "twice"),
        ] {
            let faults = find(there, maps).unwrap_err();
            assert!(faults.iter().any(|fault| fault.contains(told)), "{faults:?}");
        }
        assert!(find(&["email", "phone", "mobile"], &["phone_number=mobile"]).is_ok());
        assert!(find(&["email", "phone", "mobile"], &["phone_number="]).is_ok());
        assert!(find(&["email", "password", "password_hash"], &[]).is_ok(), "the field's own name wins");
        for text in ["email", "colour=red", "attributes.=x", "=x"] {
            assert!(text.parse::<Mapping>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_row_is_read_through_its_columns() {
        let columns = find(
            &["id", "email", "password", "is_active", "is_staff", "created", "bio", "verified", "roles"],
            &["attributes.bio=bio", "email_verified=verified", "permissions=roles"],
        )
        .unwrap();
        let read = |json: &str| columns.record(&serde_json::from_str(json).unwrap());
        let record = read(
            r#"{"id":7,"email":"a@example.com","password":"x","is_active":0,"is_staff":"1","created":1706702400,
                "bio":{"a":1},"verified":"2024-01-31 12:00:00","roles":"read, write"}"#,
        )
        .unwrap();
        assert_eq!(
            (record.id, record.status.as_deref(), record.email_verified),
            (Some(7), Some("inactive"), true)
        );
        assert_eq!(record.created_at.as_deref(), Some("2024-01-31T12:00:00Z"));
        assert_eq!(record.permissions.unwrap(), ["read", "write"]);
        assert_eq!(
            Value::Object(record.attributes.unwrap()),
            serde_json::json!({"bio": {"a": 1}, "is_staff": true})
        );
        let faults = read(r#"{"id":[1],"is_active":"perhaps","created":"soon","is_staff":9,"verified":[]}"#)
            .unwrap_err();
        assert_eq!(faults.len(), 5, "{faults:?}");
    }
}
