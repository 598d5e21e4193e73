//! What may people change about their own account, and when do they mean another's?

use super::Scene;
use super::manage::deleted;
use super::sign_up::Identity;
use crate::change::Change;
use crate::command::{Target, UpdateProfile};
use crate::event::EventKind;
use crate::identifier::EmailKey;
use crate::input::{Flaw, Input, Rule};
use crate::judgement::Judgement;
use crate::refusal::Refusal;
use crate::shape::short_id;
use crate::time::Moment;
use crate::user::{Account, User, UserEdit};
use serde_json::{Map, Value};

/// Where pictures are served.
pub const AVATAR_PATH: &str = "/media/avatars/";

/// A picture made new, under a name nobody can guess.
#[derive(Clone)]
pub struct Picture {
    /// `<random>.<png|jpg|gif|webp>`.
    pub name: String,
    /// `image/png` and the like.
    pub media_type: &'static str,
    /// Re-encoded.
    pub bytes: Vec<u8>,
}

impl Picture {
    /// The path that the user's avatar field holds.
    pub fn path(&self) -> String {
        format!("{AVATAR_PATH}{}", self.name)
    }

    /// The change that stores it.
    pub fn stored(&self, at: Moment) -> Change {
        let Picture { name, media_type, bytes } = self.clone();
        Change::PutAvatar { name, media_type, bytes, at }
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}, {} bytes)", self.name, self.bytes.len())
    }
}

/// What becomes of the picture.
#[derive(Clone, Debug)]
pub enum PictureEdit {
    /// It stays.
    Keep,
    /// It goes.
    Clear,
    /// A new one takes its place.
    Replace(Picture),
}

/// The name of the user's picture if we store it; imported URLs are not ours.
pub fn own_avatar(user: &User) -> Option<&str> {
    user.avatar.as_deref()?.strip_prefix(AVATAR_PATH).filter(|name| !name.is_empty() && !name.contains('/'))
}

/// Whether the request means the caller. No target = the caller.
pub fn judge_target(target: Option<&Target>, user: &User) -> Result<(), Refusal> {
    let mine = match target {
        None => true,
        Some(Target::Id(id)) => *id == user.id.0,
        Some(Target::Uuid(uuid)) => *uuid == user.uuid,
        Some(Target::Short(text)) => u8::try_from(text.len())
            .is_ok_and(|length| (8..=22).contains(&length) && *text == short_id(user.uuid, length)),
    };
    if mine { Ok(()) } else { Err(Refusal::NotYours) }
}

/// Takes another address out of a request, where it has to be confirmed first: it is asked for instead (SEC-34).
///
/// Refused where the contract has a verb for it that asks for the password (SEC-45). Another spelling is no other address.
pub fn set_aside(
    identity: &mut Identity,
    user: &User,
    scene: &Scene<'_>,
) -> Result<Option<(String, EmailKey)>, Flaw> {
    let held = user.email.as_deref().and_then(EmailKey::parse);
    let is_other = |(_, key): &mut (String, EmailKey)| held.as_ref() != Some(key);
    let moved = if scene.house.recovery.mail { identity.email.take_if(is_other) } else { None };
    match moved {
        Some(_) if scene.contract.has_change_email => Err(Flaw::new(Input::Email, Rule::Unconfirmed)),
        moved => Ok(moved),
    }
}

/// The fields that would differ. Another address is an unverified one (SEC-34); another spelling of it is not another.
pub fn edit(request: &UpdateProfile, identity: &Identity, user: &User) -> UserEdit {
    let mut edit = UserEdit::default();
    if let Some((text, key)) = &identity.username
        && user.username.as_ref() != Some(text)
    {
        edit.username = Some(Some((text.clone(), key.clone())));
    }
    if let Some((text, key)) = &identity.email
        && user.email.as_ref() != Some(text)
    {
        let same_mailbox = user.email.as_deref().and_then(EmailKey::parse).is_some_and(|old| old == *key);
        edit.email_verified = (user.email_verified && !same_mailbox).then_some(false);
        edit.email = Some(Some((text.clone(), key.clone())));
    }
    edit.first_name = request.first_name.clone().filter(|name| *name != user.first_name);
    edit.last_name = request.last_name.clone().filter(|name| *name != user.last_name);
    edit.phone_number = request.phone_number.clone().filter(|number| *number != user.phone_number);
    edit.attributes =
        Some(merged(&user.attributes, &request.attributes)).filter(|new| *new != user.attributes);
    edit
}

/// Writes an edit of the user's own fields; one that changes nothing writes nothing.
pub fn judge_edit(
    account: &Account,
    mut edit: UserEdit,
    picture: &PictureEdit,
    scene: &Scene<'_>,
) -> Judgement<User> {
    let user = &account.user;
    let mut changes = Vec::new();
    let avatar = match picture {
        PictureEdit::Keep => user.avatar.clone(),
        PictureEdit::Clear => None,
        PictureEdit::Replace(picture) => {
            changes.push(picture.stored(scene.now));
            Some(picture.path())
        }
    };
    if avatar != user.avatar {
        changes.extend(own_avatar(user).map(|name| Change::DropAvatar { name: name.to_owned() }));
        edit.avatar = Some(avatar);
    }
    let edited = edit.applied_to(user);
    if !edit.is_empty() {
        changes.push(Change::EditUser {
            user: user.id,
            epoch: account.epoch,
            edit: Box::new(edit),
            at: scene.now,
        });
        changes.push(scene.note(EventKind::ProfileUpdated, Some(user.id), None));
    }
    Judgement::grant(edited, changes)
}

/// Deletes the account. `matches` is the verdict on a password that was asked for.
pub fn judge_deletion(account: &Account, matches: Option<bool>, scene: &Scene<'_>) -> Judgement<()> {
    let user = &account.user;
    if matches == Some(false) {
        let refusal = Refusal::InvalidCredentials;
        let note = scene.note_refused(EventKind::AccountDeleted, Some(user.id), &refusal);
        return Judgement::refuse(refusal, vec![note]);
    }
    let note = scene.event(EventKind::AccountDeleted, Some(user.id), None);
    Judgement::grant((), deleted(account, &scene.house.roles, note))
}

fn merged(old: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let mut merged = old.clone();
    for (name, value) in new {
        if value.is_null() {
            merged.shift_remove(name);
        } else {
            merged.insert(name.clone(), value.clone());
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::super::sample::{account, contract, scene};
    use super::*;
    use serde_json::json;

    fn edited(request: &UpdateProfile) -> UserEdit {
        let identity = Identity::read(request.username.as_deref(), request.email.as_deref(), Vec::new());
        edit(request, &identity, &account().user)
    }

    #[test]
    fn only_ones_own_id_is_meant_whatever_its_spelling() {
        let user = account().user;
        let mine = [
            None,
            Some(Target::Id(7)),
            Some(Target::Uuid(user.uuid)),
            Some(Target::Short(short_id(user.uuid, 8))),
            Some(Target::Short(short_id(user.uuid, 22))),
        ];
        for target in mine {
            assert_eq!(judge_target(target.as_ref(), &user), Ok(()), "{target:?}");
        }
        let short = short_id(user.uuid, 8);
        for target in [
            Target::Id(8),
            Target::Uuid(uuid::Uuid::nil()),
            Target::Short(short[..7].into()),
            Target::Short(String::new()),
            Target::Short("7".into()),
        ] {
            assert_eq!(judge_target(Some(&target), &user), Err(Refusal::NotYours), "{target:?}");
        }
    }

    #[test]
    fn a_new_address_is_unverified_and_another_spelling_is_not_new() {
        let other =
            edited(&UpdateProfile { email: Some("other@example.com".into()), ..UpdateProfile::default() });
        assert_eq!(other.email_verified, Some(false));
        let respelt =
            edited(&UpdateProfile { email: Some("jane@example.com".into()), ..UpdateProfile::default() });
        assert_eq!((respelt.email_verified, respelt.email.is_some()), (None, true));
    }

    #[test]
    fn what_stays_the_same_writes_nothing() {
        let same = UpdateProfile {
            username: Some("jane".into()),
            email: Some("Jane@example.com".into()),
            first_name: Some("Jane".into()),
            phone_number: Some(None),
            ..UpdateProfile::default()
        };
        let contract = contract();
        let judgement = judge_edit(&account(), edited(&same), &PictureEdit::Keep, &scene(&contract));
        assert!(judgement.changes.is_empty());
        assert_eq!(judgement.result.unwrap(), account().user);
    }

    #[test]
    fn null_takes_an_attribute_away() {
        let old = json!({"a": 1, "b": 2});
        let new = json!({"a": null, "c": 3});
        let merged = merged(old.as_object().unwrap(), new.as_object().unwrap());
        assert_eq!(json!(merged), json!({"b": 2, "c": 3}));
    }

    #[test]
    fn a_new_picture_drops_the_old_one_only_if_it_is_ours() {
        let contract = contract();
        let picture = Picture { name: "new.png".into(), media_type: "image/png", bytes: vec![1] };
        let table = [
            (Some("/media/avatars/old.png"), true),
            (Some("https://elsewhere.example/media/avatars/old.png"), false),
            (Some("/media/avatars/a/b.png"), false),
            (None, false),
        ];
        for (old, drops) in table {
            let mut account = account();
            account.user.avatar = old.map(str::to_owned);
            let edit = PictureEdit::Replace(picture.clone());
            let judgement = judge_edit(&account, UserEdit::default(), &edit, &scene(&contract));
            let dropped = judgement
                .changes
                .iter()
                .any(|c| matches!(c, Change::DropAvatar { name } if name == "old.png"));
            assert_eq!(dropped, drops, "{old:?}");
            assert_eq!(judgement.result.unwrap().avatar.as_deref(), Some("/media/avatars/new.png"));
        }
    }

    #[test]
    fn a_deletion_with_a_wrong_password_deletes_nothing() {
        let contract = contract();
        let deletes = |matches| {
            let judgement = judge_deletion(&account(), matches, &scene(&contract));
            judgement.changes.iter().any(|change| matches!(change, Change::DeleteUser { epoch: 3, .. }))
        };
        assert!(deletes(None) && deletes(Some(true)) && !deletes(Some(false)));
    }
}
