//! What does a letter that was asked for bring about, and what does the link in it change?
//!
//! The user comes from the link alone (SEC-42). Nothing here gives a token, and nothing touches a second factor (SEC-41).

use super::Scene;
use crate::change::{Change, FactorChange};
use crate::event::EventKind;
use crate::id::UserId;
use crate::identifier::EmailKey;
use crate::letter::{Letter, LinkId, NewLetter};
use crate::link::{Link, LinkKind, NewLink, Offer, Offered};
use crate::refusal::Refusal;
use crate::session::EndReason;
use crate::time::Moment;
use crate::user::{Account, Status, StoredHash, User, UserEdit};

/// An address in display form with its key.
pub type Address = (String, EmailKey);

/// The address of a user with its key; none for a user without a usable one.
pub fn address_of(user: &User) -> Option<Address> {
    let text = user.email.clone()?;
    EmailKey::parse(&text).map(|key| (text, key))
}

/// Whether a link can be used for one of these purposes.
///
/// Refused all alike: another purpose, used, over, or made before the password, the status or the address changed.
pub fn judge_link(
    link: &Link,
    account: &Account,
    kinds: &[LinkKind],
    scene: &Scene<'_>,
) -> Result<(), Refusal> {
    if kinds.contains(&link.kind) && is_live(link, account, scene.now) {
        Ok(())
    } else {
        Err(Refusal::LinkInvalid)
    }
}

/// Whether a link can still be used. The store asks the same once more when it is.
pub fn is_live(link: &Link, account: &Account, now: Moment) -> bool {
    let bound = address_of(&account.user).map(|(_, key)| key) == link.bound && account.epoch == link.epoch;
    link.used_at.is_none()
        && now < link.expires_at
        && account.is_active()
        && (bound || link.kind == LinkKind::UndoEmail)
}

/// What a request for a verification letter changes. Writes something whoever is meant, so that time tells nothing (SEC-13).
pub fn ask_verification(account: Option<&Account>, id: LinkId, scene: &Scene<'_>) -> Vec<Change> {
    let kind = EventKind::VerificationAsked;
    let unverified = |account: &&Account| !account.user.email_verified;
    match standing(account).map(|account| Some(account).filter(unverified)) {
        Ok(Some(account)) => asked(account, Letter::VerifyEmail, id, kind, scene),
        Ok(None) => vec![scene.note(kind, account.map(|account| account.user.id), None)],
        Err(refusal) => vec![scene.note_refused(kind, account.map(|account| account.user.id), &refusal)],
    }
}

/// What a request for a reset letter changes; as [`ask_verification`].
pub fn ask_reset(account: Option<&Account>, id: LinkId, scene: &Scene<'_>) -> Vec<Change> {
    let kind = EventKind::ResetAsked;
    match standing(account) {
        Ok(account) => asked(account, Letter::ResetPassword, id, kind, scene),
        Err(refusal) => vec![scene.note_refused(kind, account.map(|account| account.user.id), &refusal)],
    }
}

fn standing(account: Option<&Account>) -> Result<&Account, Refusal> {
    match account {
        None => Err(Refusal::UnknownUser),
        Some(account) => match account.user.status {
            Status::Active => Ok(account),
            Status::Inactive => Err(Refusal::AccountInactive),
            Status::Suspended => Err(Refusal::AccountSuspended),
        },
    }
}

fn asked(account: &Account, letter: Letter, id: LinkId, kind: EventKind, scene: &Scene<'_>) -> Vec<Change> {
    let note = scene.note(kind, Some(account.user.id), None);
    let Some(to) = address_of(&account.user) else { return vec![note] };
    let offered = offered(letter, &account.user, to, id, scene);
    vec![scene.offer(vec![offered]), note]
}

/// A letter to the user's own address with a link that relies on it.
fn offered(letter: Letter, user: &User, to: Address, id: LinkId, scene: &Scene<'_>) -> Offered {
    let link = LinkKind::of(letter).map(|kind| NewLink {
        id,
        kind,
        user: Some(user.id),
        bound: Some(to.1.clone()),
        address: None,
        expires_at: scene.now.plus_seconds(kind.lifetime_seconds()),
        at: scene.now,
    });
    written(letter, user, to, link, scene)
}

fn written(letter: Letter, user: &User, to: Address, link: Option<NewLink>, scene: &Scene<'_>) -> Offered {
    let (to, recipient) = to;
    let letter = NewLetter {
        letter,
        user: Some(user.id),
        to,
        name: user.first_name.clone(),
        language: scene.language.to_owned(),
        link: link.as_ref().map(|link| link.id),
        expires_at: link
            .as_ref()
            .map_or(scene.now.plus_seconds(super::NOTICE_SECONDS), |link| link.expires_at),
        at: scene.now,
    };
    Offered { letter, recipient, link }
}

/// The first letter to somebody who is added in the same list.
pub fn welcome(name: &str, to: Address, id: LinkId, scene: &Scene<'_>) -> Change {
    let kind = LinkKind::VerifyEmail;
    let link = NewLink {
        id,
        kind,
        user: None,
        bound: Some(to.1.clone()),
        address: None,
        expires_at: scene.now.plus_seconds(kind.lifetime_seconds()),
        at: scene.now,
    };
    let letter = NewLetter {
        letter: Letter::VerifyEmail,
        user: None,
        to: to.0,
        name: name.to_owned(),
        language: scene.language.to_owned(),
        link: Some(id),
        expires_at: link.expires_at,
        at: scene.now,
    };
    scene.offer(vec![Offered { letter, recipient: to.1, link: Some(link) }])
}

/// A letter with a link that somebody else sends to a user, in the language of the house; `user` is absent where the
/// user is added earlier in the same list. Nothing for a letter without a link.
pub fn sent(
    letter: Letter,
    (user, name): (Option<UserId>, &str),
    to: Address,
    id: LinkId,
    now: Moment,
) -> Vec<Change> {
    let Some(kind) = LinkKind::of(letter) else { return Vec::new() };
    let expires_at = now.plus_seconds(kind.lifetime_seconds());
    let (to, key) = to;
    let link = NewLink { id, kind, user, bound: Some(key), address: None, expires_at, at: now };
    let (name, language) = (name.to_owned(), String::new());
    let letter = NewLetter { letter, user, to, name, language, link: Some(id), expires_at, at: now };
    vec![Change::OpenLink(Box::new(link)), Change::Post(Box::new(letter))]
}

/// What a sign-up with an address that has an account changes: its owner is told, and nobody else (SEC-14).
/// Nobody is the owner of an address that is only kept for somebody.
pub fn repeated_sign_up(owner: Option<&User>, scene: &Scene<'_>) -> Vec<Change> {
    let refusal = Refusal::Taken(Vec::new());
    let note = scene.note_refused(EventKind::SignUpRepeated, owner.map(|owner| owner.id), &refusal);
    let told = owner.and_then(|owner| Some((owner, address_of(owner)?)));
    let letter = told.map(|(owner, to)| written(Letter::AlreadySignedUp, owner, to, None, scene));
    letter.map(|letter| scene.offer(vec![letter])).into_iter().chain([note]).collect()
}

/// Proves the mailbox of an account. Whoever asks has proved the account as well.
pub fn verify(account: &Account, link: &Link, scene: &Scene<'_>) -> Vec<Change> {
    let user = account.user.id;
    vec![
        Change::UseLink { link: link.id, at: scene.now },
        verified(account, None, scene),
        scene.note(EventKind::EmailVerified, Some(user), None),
    ]
}

fn verified(account: &Account, email: Option<Address>, scene: &Scene<'_>) -> Change {
    let edit = UserEdit { email: email.map(Some), email_verified: Some(true), ..UserEdit::default() };
    Change::EditUser { user: account.user.id, epoch: account.epoch, edit: Box::new(edit), at: scene.now }
}

/// Sets a new password by a link. Everything that relied on the old one ends with it: sessions, other links, pending
/// changes (SEC-43).
///
/// The first proof of the mailbox also ends what was prepared before it (SEC-36): ways back to a former address, and
/// second factors, whose version is `factors`. A later reset leaves the factor alone (SEC-41).
pub fn reset(
    account: &Account,
    link: &Link,
    hash: StoredHash,
    factors: Option<i64>,
    scene: &Scene<'_>,
) -> Vec<Change> {
    let first_proof = !account.user.email_verified;
    let user = account.user.id;
    let mut changes = vec![Change::UseLink { link: link.id, at: scene.now }];
    changes.extend(first_proof.then(|| verified(account, None, scene)));
    changes.extend(cut_off(account, Some(hash), scene));
    if let Some(from) = factors.filter(|_| first_proof) {
        changes.push(Change::Factor(FactorChange::Drop { user, from }));
        // The new password has moved the epoch on by one.
        let switch = FactorChange::Switch { user, epoch: account.epoch + 1, on: false };
        changes.extend(account.user.second_factor.then_some(Change::Factor(switch)));
        changes.push(scene.note(EventKind::FactorRemoved, Some(user), None));
    }
    changes.push(Change::EndLinks { user, undo: first_proof });
    changes.push(scene.note(EventKind::PasswordReset, Some(user), None));
    if link.kind == LinkKind::ResetPassword {
        changes.extend(scene.letter(Letter::PasswordChanged, &account.user, None));
    }
    changes
}

/// Replaces the password, and ends every session and every token without one.
fn cut_off(account: &Account, hash: Option<StoredHash>, scene: &Scene<'_>) -> [Change; 3] {
    let user = account.user.id;
    [
        Change::SetPassword { user, epoch: account.epoch, hash, at: scene.now },
        Change::CutTokens { user, at: account.cut_line(scene.now) },
        Change::EndSessions { user, except: None, reason: EndReason::PasswordReset, at: scene.now },
    ]
}

/// What asking for another address changes: a link to the new one, and a notice to the one held now, with a way back
/// if it was proved (SEC-45). `ids`: one for each. Nothing is sent where the new one belongs to somebody.
pub fn ask_change(
    account: &Account,
    new: &Address,
    ids: [LinkId; 2],
    taken: bool,
    scene: &Scene<'_>,
) -> Vec<Change> {
    let user = &account.user;
    let held = address_of(user);
    if taken || held.as_ref().is_some_and(|(_, key)| *key == new.1) {
        let refusal = Refusal::Taken(Vec::new());
        return vec![scene.note_refused(EventKind::EmailChangeAsked, Some(user.id), &refusal)];
    }
    let kind = LinkKind::ConfirmEmail;
    let confirm = NewLink {
        id: ids[0],
        kind,
        user: Some(user.id),
        bound: held.as_ref().map(|(_, key)| key.clone()),
        address: Some(new.clone()),
        expires_at: scene.now.plus_seconds(kind.lifetime_seconds()),
        at: scene.now,
    };
    let mut letters = vec![written(Letter::ConfirmEmail, user, new.clone(), Some(confirm), scene)];
    if let Some(held) = held {
        let back = user.email_verified.then(|| way_back(user, &held, &held.1, ids[1], scene));
        letters.push(written(Letter::EmailChangeAsked, user, held, back, scene));
    }
    vec![scene.offer(letters), scene.note(EventKind::EmailChangeAsked, Some(user.id), None)]
}

/// The link that gives `held` back, for an account that has the address `bound` from now on.
fn way_back(user: &User, held: &Address, bound: &EmailKey, id: LinkId, scene: &Scene<'_>) -> NewLink {
    let kind = LinkKind::UndoEmail;
    NewLink {
        id,
        kind,
        user: Some(user.id),
        bound: Some(bound.clone()),
        address: Some(held.clone()),
        expires_at: scene.now.plus_seconds(kind.lifetime_seconds()),
        at: scene.now,
    }
}

/// Makes the address of a link the account's own. Links to the former one end, and it is told how to come back.
pub fn confirm(account: &Account, link: &Link, new: &Address, id: LinkId, scene: &Scene<'_>) -> Vec<Change> {
    let user = &account.user;
    let mut changes = vec![
        Change::UseLink { link: link.id, at: scene.now },
        Change::EndLinks { user: user.id, undo: false },
        verified(account, Some(new.clone()), scene),
    ];
    if let Some(held) = address_of(user).filter(|_| scene.house.recovery.mail) {
        let back = user.email_verified.then(|| way_back(user, &held, &new.1, id, scene));
        changes.extend(posted(written(Letter::EmailChanged, user, held, back, scene)));
    }
    changes.push(scene.note(EventKind::EmailChanged, Some(user.id), None));
    changes
}

/// Gives an account its former address back. Whoever wanted another one knew the password and was not its owner: the
/// password, all sessions and all other links end, and a link to set a new one goes to the mailbox that proved itself.
pub fn undo(account: &Account, link: &Link, held: &Address, id: LinkId, scene: &Scene<'_>) -> Vec<Change> {
    let user = &account.user;
    let mut changes = vec![
        Change::UseLink { link: link.id, at: scene.now },
        Change::EndLinks { user: user.id, undo: true },
        verified(account, Some(held.clone()), scene),
    ];
    changes.extend(cut_off(account, None, scene));
    changes.extend(posted(offered(Letter::ResetPassword, user, held.clone(), id, scene)));
    changes.push(scene.note(EventKind::EmailChangeUndone, Some(user.id), None));
    changes
}

/// A letter that is not counted, because nobody asked for it.
fn posted(offered: Offered) -> impl Iterator<Item = Change> {
    let link = offered.link.map(|link| Change::OpenLink(Box::new(link)));
    link.into_iter().chain([Change::Post(Box::new(offered.letter))])
}

impl Scene<'_> {
    /// Letters that somebody asked for, within the bounds of the house.
    fn offer(&self, letters: Vec<Offered>) -> Change {
        let rules = &self.house.recovery;
        let (per_minute, per_hour) = (rules.letters_per_minute, rules.letters_per_hour);
        Change::Offer(Box::new(Offer { letters, per_minute, per_hour }))
    }

    /// Whether this user gets no token until the address is verified (SEC-37).
    pub fn awaits_proof(&self, user: &User) -> bool {
        self.house.recovery.require_verified && !user.email_verified
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW, account, contract, scene};
    use super::*;

    fn link(kind: LinkKind) -> Link {
        Link {
            id: LinkId([1; 16]),
            kind,
            user: account().user.id,
            bound: EmailKey::parse("jane@example.com"),
            epoch: 3,
            address: None,
            expires_at: NOW.plus_seconds(1),
            used_at: None,
        }
    }

    /// SEC-35, SEC-39, SEC-42, SEC-43: everything that makes a link void, one answer for all.
    #[test]
    fn a_link_is_good_once_for_its_purpose_its_user_and_its_time() {
        let contract = contract();
        let judge = |link: &Link, account: &Account| {
            judge_link(link, account, &[LinkKind::ResetPassword, LinkKind::UndoEmail], &scene(&contract))
                .is_ok()
        };
        let good = link(LinkKind::ResetPassword);
        assert!(judge(&good, &account()));
        assert!(!judge(&link(LinkKind::VerifyEmail), &account()), "another purpose");
        assert!(!judge(&Link { used_at: Some(NOW), ..good.clone() }, &account()), "used");
        assert!(!judge(&Link { expires_at: NOW, ..good.clone() }, &account()), "over");
        let newer = Account { epoch: 4, ..account() };
        assert!(!judge(&good, &newer), "password or status changed");
        let mut moved = account();
        moved.user.email = Some("other@example.com".into());
        assert!(!judge(&good, &moved), "address changed");
        assert!(
            judge(&link(LinkKind::UndoEmail), &Account { epoch: 9, ..moved.clone() }),
            "the way back stays"
        );
        moved.user.status = Status::Suspended;
        assert!(!judge(&link(LinkKind::UndoEmail), &moved), "switched off");
    }

    /// SEC-13: nobody, somebody and somebody who is switched off are written down alike.
    #[test]
    fn every_request_for_a_letter_writes_something_and_only_the_active_get_one() {
        let contract = contract();
        let mut off = account();
        off.user.status = Status::Inactive;
        let offers = |changes: &[Change]| changes.iter().filter(|c| matches!(c, Change::Offer(_))).count();
        for (account, letters) in [(None, 0), (Some(&off), 0), (Some(&account()), 1)] {
            let changes = ask_reset(account, LinkId([1; 16]), &scene(&contract));
            assert_eq!(offers(&changes), letters);
            assert!(matches!(changes.last(), Some(Change::Note(_))));
        }
        let verified = ask_verification(Some(&account()), LinkId([1; 16]), &scene(&contract));
        assert_eq!(offers(&verified), 0, "there is nothing to verify");
    }

    /// SEC-36: only the first proof of a mailbox ends the ways back that were prepared before it.
    #[test]
    fn the_first_proof_ends_what_was_prepared_before_it() {
        let contract = contract();
        for verified in [true, false] {
            let mut account = account();
            account.user.email_verified = verified;
            account.user.second_factor = true;
            let link = link(LinkKind::ResetPassword);
            let changes = reset(&account, &link, StoredHash("new".into()), Some(4), &scene(&contract));
            let drops =
                |change: &Change| matches!(change, Change::Factor(FactorChange::Drop { from: 4, .. }));
            assert_eq!(changes.iter().any(drops), !verified, "a proved mailbox does not take a factor off");
            let ends = |change: &Change| matches!(change, Change::EndLinks { undo, .. } if *undo != verified);
            assert!(changes.iter().any(ends), "verified: {verified}");
            assert!(!changes.iter().any(|change| matches!(change, Change::OpenSession { .. })), "SEC-41");
        }
    }
}
