//! May this password be set?

use super::Scene;
use crate::change::Change;
use crate::contract::PasswordPolicy;
use crate::event::EventKind;
use crate::id::SessionId;
use crate::input::{Flaw, Input, Rule};
use crate::judgement::Judgement;
use crate::letter::Letter;
use crate::password::{MAX_CODE_POINTS, PasswordFault, prepare};
use crate::policy::OwnWords;
use crate::refusal::Refusal;
use crate::secret::Secret;
use crate::session::EndReason;
use crate::user::{Account, StoredHash};

/// Everything that is wrong with a new password: what can not be one at all, then the policy of the contract.
pub fn flaws(policy: &PasswordPolicy, input: Input, typed: &Secret, own: &OwnWords<'_>) -> Vec<Flaw> {
    match prepare(typed.expose()) {
        Ok(prepared) => policy.flaws(input, prepared.expose(), own),
        Err(PasswordFault::Empty) => vec![Flaw::new(input, Rule::Blank)],
        Err(PasswordFault::Control) => vec![Flaw::new(input, Rule::NulCharacter)],
        Err(PasswordFault::TooLong) => {
            let limit = i64::try_from(MAX_CODE_POINTS).unwrap_or(i64::MAX);
            vec![Flaw::with_limit(input, Rule::PasswordTooLong, limit)]
        }
    }
}

/// Refuses a change of password, because the one in force was not known.
pub fn refuse_change(account: &Account, scene: &Scene<'_>) -> Judgement<()> {
    let refusal = Refusal::InvalidCredentials;
    let note = scene.note_refused(EventKind::PasswordChangeRefused, Some(account.user.id), &refusal);
    Judgement::refuse(refusal, vec![note])
}

/// Sets the password; all sessions but the current one end with the old one, and so do links that were sent before
/// (SEC-43). The address is told (SEC-46).
pub fn judge_change(
    account: &Account,
    current: Option<SessionId>,
    hash: StoredHash,
    scene: &Scene<'_>,
) -> Judgement<()> {
    let user = account.user.id;
    let mut changes = vec![
        Change::SetPassword { user, epoch: account.epoch, hash: Some(hash), at: scene.now },
        Change::CutTokens { user, at: account.cut_line(scene.now) },
        Change::EndSessions { user, except: current, reason: EndReason::PasswordChange, at: scene.now },
        Change::EndLinks { user, undo: false },
        scene.note(EventKind::PasswordChanged, Some(user), current),
    ];
    changes.extend(scene.letter(Letter::PasswordChanged, &account.user, None));
    Judgement::grant((), changes)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{account, contract, scene};
    use super::*;

    #[test]
    fn what_can_not_be_a_password_is_refused_before_the_policy() {
        let policy = contract().passwords;
        let rules = |typed: &str| -> Vec<Rule> {
            let flaws = flaws(&policy, Input::NewPassword, &Secret::new(typed), &OwnWords::default());
            flaws.into_iter().map(|flaw| flaw.rule).collect()
        };
        assert_eq!(rules(""), [Rule::Blank]);
        assert_eq!(rules("with\u{0}nul-inside"), [Rule::NulCharacter]);
        assert_eq!(rules(&"x".repeat(5000)), [Rule::PasswordTooLong]);
        assert_eq!(rules("brief9x"), [Rule::PasswordTooShort]);
        assert_eq!(rules("horse battery staple"), []);
    }

    #[test]
    fn a_new_password_spares_only_the_current_session() {
        let contract = contract();
        let judgement =
            judge_change(&account(), Some(SessionId(1)), StoredHash("new".into()), &scene(&contract));
        let spares =
            |change: &Change| matches!(change, Change::EndSessions { except: Some(SessionId(1)), .. });
        assert!(judgement.changes.iter().any(spares));
        assert!(
            judgement.changes.iter().any(|change| matches!(change, Change::SetPassword { epoch: 3, .. }))
        );
    }
}
