//! Change one's own fields and picture.

use super::{TRIES, Turn};
use crate::error::{Error, Fault};
use crate::picture::{NotDeveloped, PictureFlaw, PictureLimits, random_name};
use domain::command::{AvatarEdit, Target, UpdateProfile};
use domain::input::{Flaw, Input, Rule};
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::rule::profile::{Picture, PictureEdit, edit, judge_edit, judge_target, set_aside};
use domain::rule::recovery::Address;
use domain::rule::sign_up::{Identity, refusal, taken_flaws};
use domain::user::{User, UserEdit};

impl Turn<'_> {
    pub(super) async fn update_profile(&self, request: &UpdateProfile) -> Result<Outcome, Error> {
        let mut picture = None;
        for _ in 0..TRIES {
            let access = self.bearer().await?;
            let account = access.account;
            judge_target(request.target.as_ref(), &account.user)?;
            let mut identity =
                Identity::read(request.username.as_deref(), request.email.as_deref(), request.flaws.clone());
            let mut flaws = std::mem::take(&mut identity.flaws);
            let moved = set_aside(&mut identity, &account.user, &self.scene).unwrap_or_else(|flaw| {
                flaws.push(flaw);
                None
            });
            flaws.extend(self.taken_by_others(&identity, moved.as_ref(), &account.user).await?);
            if flaws.is_empty() && picture.is_none() {
                match self.picture_edit(request.avatar.as_ref()).await? {
                    Ok(edit) => picture = Some(edit),
                    Err(flaw) => flaws.push(flaw),
                }
            }
            if let Some(refusal) = refusal(flaws) {
                return Err(refusal.into());
            }
            let edit = edit(request, &identity, &account.user);
            let judgement =
                judge_edit(&account, edit, picture.as_ref().unwrap_or(&PictureEdit::Keep), &self.scene);
            let mut changes = judgement.changes;
            if let Some(moved) = &moved {
                changes.extend(self.change_asked(&account, moved).await?);
            }
            if self.record(changes).await?.is_ok() {
                return Ok(Outcome::ProfileUpdated { user: judgement.result? });
            }
        }
        Err(Fault::Contended("update_profile").into())
    }

    pub(super) async fn set_avatar(
        &self,
        target: Option<&Target>,
        avatar: Option<&AvatarEdit>,
        mut flaws: Vec<Flaw>,
    ) -> Result<Outcome, Error> {
        judge_target(target, &self.bearer().await?.account.user)?;
        if flaws.is_empty() && avatar.is_none() {
            flaws.push(Flaw::new(Input::Avatar, Rule::Required));
        }
        let picture = match (flaws.is_empty(), self.picture_edit(avatar.filter(|_| flaws.is_empty())).await?)
        {
            (true, Err(flaw)) => {
                flaws.push(flaw);
                PictureEdit::Keep
            }
            (_, picture) => picture.unwrap_or(PictureEdit::Keep),
        };
        if let Some(refusal) = refusal(flaws) {
            return Err(refusal.into());
        }
        for _ in 0..TRIES {
            let account = self.bearer().await?.account;
            let judgement = judge_edit(&account, UserEdit::default(), &picture, &self.scene);
            if self.record(judgement.changes).await?.is_ok() {
                return Ok(Outcome::AvatarSet { user: judgement.result? });
            }
        }
        Err(Fault::Contended("set_avatar").into())
    }

    async fn taken_by_others(
        &self,
        identity: &Identity,
        moved: Option<&Address>,
        user: &User,
    ) -> Result<Vec<Flaw>, Fault> {
        let (username, email) = (identity.username.as_ref(), identity.email.as_ref().or(moved));
        let taken = self
            .engine
            .store()
            .taken(email.map(|(_, key)| key), username.map(|(_, key)| key), Some(user.id), self.scene.now)
            .await?;
        Ok(taken_flaws(taken.username, taken.email))
    }

    async fn picture_edit(&self, avatar: Option<&AvatarEdit>) -> Result<Result<PictureEdit, Flaw>, Error> {
        Ok(match avatar {
            None => Ok(PictureEdit::Keep),
            Some(AvatarEdit::Clear) => Ok(PictureEdit::Clear),
            Some(AvatarEdit::Upload(file)) => self.develop(file).await?.map(PictureEdit::Replace),
        })
    }

    /// Decodes an uploaded file and makes a new picture of it, under a random name.
    pub(super) async fn develop(&self, file: &[u8]) -> Result<Result<Picture, Flaw>, Error> {
        let developed = match self.engine.darkroom().develop(file.to_vec()).await {
            Ok(developed) => developed,
            Err(NotDeveloped::Flaw(flaw)) => return Ok(Err(flaw_of(flaw))),
            Err(NotDeveloped::Busy) => return Err(Refusal::Overloaded(1).into()),
            Err(NotDeveloped::Gone) => return Err(Fault::Gone("the picture maker").into()),
        };
        let name = random_name(self.engine.chance().bytes()?, developed.extension);
        Ok(Ok(Picture { name, media_type: developed.media_type, bytes: developed.bytes }))
    }
}

fn flaw_of(flaw: PictureFlaw) -> Flaw {
    match flaw {
        PictureFlaw::TooManyBytes => {
            let limit = i64::try_from(PictureLimits::DEFAULT.bytes).unwrap_or(i64::MAX);
            Flaw::with_limit(Input::Avatar, Rule::FileTooLarge, limit)
        }
        PictureFlaw::NotAPicture | PictureFlaw::TooLarge => Flaw::new(Input::Avatar, Rule::NotAPicture),
    }
}
