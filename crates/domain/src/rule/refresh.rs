//! What does a refresh token that comes back deserve: a successor, the same successor again, or the end of its family?

use super::Scene;
use crate::change::Change;
use crate::contract::{RefreshPlan, Rotation};
use crate::event::EventKind;
use crate::judgement::Judgement;
use crate::refusal::Refusal;
use crate::session::{EndReason, Session};
use crate::time::Moment;
use crate::token::Digest;
use crate::user::Account;

/// A refresh token as presented, held against its session.
#[derive(Clone, Copy, Debug)]
pub struct Presented {
    /// Its place in the family.
    pub counter: u32,
    /// Whether it belongs to this family: the token in force, made again with what this one says, has the digest
    /// in the row. It fails for a token of another life of the same session number (a restored backup).
    pub genuine: bool,
    /// Exchanges from this moment on may have gone unanswered, because the database was away: their predecessors are
    /// still good.
    pub unanswered_since: Option<Moment>,
}

/// The digests on both sides of an exchange.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// Of the token in force.
    pub from: Digest,
    /// Of its successor.
    pub to: Digest,
}

/// What the client gets beside a new access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// A successor that ends then.
    Rotated {
        /// Place in the family.
        counter: u32,
        /// When it ends.
        expires_at: Moment,
    },
    /// The token now in force: the predecessor's holder did not get it, or several asked at once.
    Again,
    /// The token it came with.
    Kept,
}

/// Judges one exchange (SEC-62, 63, 65, 66).
pub fn judge(
    session: &Session,
    account: &Account,
    presented: Presented,
    exchange: Exchange,
    plan: &RefreshPlan,
    scene: &Scene<'_>,
) -> Judgement<Renewal> {
    if let Some(refusal) = standing(session, account, presented, scene) {
        return Judgement::refuse(refusal, Vec::new());
    }
    if presented.counter == session.counter {
        return current(session, exchange, plan, scene);
    }
    let grace = match plan.rotation {
        Rotation::Rotate { grace_seconds } => grace_seconds,
        Rotation::Keep => 0,
    };
    let predecessor = presented.counter.checked_add(1) == Some(session.counter);
    let unanswered = presented.unanswered_since.is_some_and(|since| session.rotated_at >= since);
    let in_time = unanswered || scene.now <= session.rotated_at.plus_seconds(grace);
    if predecessor && grace > 0 && in_time {
        return Judgement::grant(Renewal::Again, Vec::new());
    }
    let end = Change::EndSession { session: session.id, reason: EndReason::RefreshReuse, at: scene.now };
    let note = scene.note(EventKind::RefreshReuse, Some(session.user), Some(session.id));
    Judgement::refuse(Refusal::TokenReused, vec![end, note])
}

/// Why the session gives nothing to anybody, or not to this token.
fn standing(
    session: &Session,
    account: &Account,
    presented: Presented,
    scene: &Scene<'_>,
) -> Option<Refusal> {
    if session.contract != scene.contract.name || !presented.genuine || presented.counter > session.counter {
        return Some(Refusal::TokenInvalid);
    }
    if !account.is_active() || scene.awaits_proof(&account.user) {
        return Some(Refusal::TokenUserInactive);
    }
    match session.ended {
        Some((_, EndReason::RefreshReuse)) => return Some(Refusal::TokenReused),
        Some(_) => return Some(Refusal::TokenRevoked),
        None => {}
    }
    // A session from before the factor, or before the role needed one, is not as good as the sign-in of today (SEC-84).
    if scene.needs_factor(&account.user) && !session.with_factor {
        return Some(Refusal::TokenRevoked);
    }
    let is_over = session.expires_at <= scene.now || session.rests_too_long(scene.contract, scene.now);
    is_over.then_some(Refusal::TokenExpired)
}

fn current(
    session: &Session,
    exchange: Exchange,
    plan: &RefreshPlan,
    scene: &Scene<'_>,
) -> Judgement<Renewal> {
    if session.refresh_expires_at <= scene.now {
        return Judgement::refuse(Refusal::TokenExpired, Vec::new());
    }
    if plan.rotation == Rotation::Keep {
        let seen = session
            .is_due(scene.contract, scene.now)
            .then_some(Change::NoteSeen { session: session.id, at: scene.now });
        return Judgement::grant(Renewal::Kept, seen.into_iter().collect());
    }
    let Some(counter) = session.counter.checked_add(1) else {
        return Judgement::refuse(Refusal::TokenExpired, Vec::new());
    };
    let expires_at = scene.now.plus_seconds(plan.lifetime_seconds).min(session.expires_at);
    let rotation = Change::RotateSession {
        session: session.id,
        from: exchange.from,
        to: exchange.to,
        at: scene.now,
        refresh_expires_at: expires_at,
    };
    Judgement::grant(Renewal::Rotated { counter, expires_at }, vec![rotation])
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW, account, contract, scene, session};
    use super::*;
    use crate::user::Status;

    fn ruling(session: &Session, account: &Account, presented: Presented) -> Judgement<Renewal> {
        let contract = contract();
        let exchange = Exchange { from: Digest::of("five"), to: Digest::of("six") };
        let plan = contract.refresh.clone().unwrap();
        judge(session, account, presented, exchange, &plan, &scene(&contract))
    }

    fn genuine(counter: u32) -> Presented {
        Presented { counter, genuine: true, unanswered_since: None }
    }

    #[test]
    fn the_token_in_force_is_rotated_and_its_successor_never_outlives_the_session() {
        let judgement = ruling(&session(), &account(), genuine(5));
        assert_eq!(
            judgement.result,
            Ok(Renewal::Rotated { counter: 6, expires_at: NOW.plus_seconds(86_400) })
        );
        assert!(matches!(judgement.changes.as_slice(), [Change::RotateSession { .. }]));
        let old = Session { expires_at: NOW.plus_seconds(60), ..session() };
        let judgement = ruling(&old, &account(), genuine(5));
        assert_eq!(judgement.result, Ok(Renewal::Rotated { counter: 6, expires_at: NOW.plus_seconds(60) }));
    }

    #[test]
    fn the_predecessor_gets_the_same_successor_inside_the_grace_and_ends_the_family_after_it() {
        for (ago, expected) in
            [(0, Ok(Renewal::Again)), (10, Ok(Renewal::Again)), (11, Err(Refusal::TokenReused))]
        {
            let rotated = Session { rotated_at: NOW.plus_seconds(-ago), ..session() };
            let judgement = ruling(&rotated, &account(), genuine(4));
            assert_eq!(judgement.changes.is_empty(), expected.is_ok());
            assert_eq!(judgement.result, expected, "{ago}");
        }
        let judgement = ruling(&session(), &account(), genuine(3));
        assert_eq!(judgement.result, Err(Refusal::TokenReused));
        let ends =
            |change: &Change| matches!(change, Change::EndSession { reason: EndReason::RefreshReuse, .. });
        assert!(judgement.changes.iter().any(ends));
    }

    #[test]
    fn a_predecessor_whose_exchange_may_have_gone_unanswered_is_good_for_longer() {
        let rotated = Session { rotated_at: NOW.plus_seconds(-40), ..session() };
        for (since, expected) in
            [(-40, Ok(Renewal::Again)), (-41, Ok(Renewal::Again)), (-39, Err(Refusal::TokenReused))]
        {
            let unanswered_since = Some(NOW.plus_seconds(since));
            let judgement = ruling(&rotated, &account(), Presented { unanswered_since, ..genuine(4) });
            assert_eq!(judgement.result, expected, "{since}");
            // It is no way back for older ones.
            let judgement = ruling(&rotated, &account(), Presented { unanswered_since, ..genuine(3) });
            assert_eq!(judgement.result, Err(Refusal::TokenReused));
        }
    }

    #[test]
    fn a_token_of_no_such_family_harms_nobody() {
        for presented in [Presented { genuine: false, ..genuine(3) }, genuine(6)] {
            let judgement = ruling(&session(), &account(), presented);
            assert_eq!(judgement.result, Err(Refusal::TokenInvalid));
            assert!(judgement.changes.is_empty());
        }
    }

    #[test]
    fn status_end_and_both_clocks_are_checked_on_every_exchange() {
        let mut inactive = account();
        inactive.user.status = Status::Inactive;
        let ended = |reason| Session { ended: Some((NOW, reason)), ..session() };
        let table = [
            (session(), &inactive, Refusal::TokenUserInactive),
            (ended(EndReason::SignOut), &account(), Refusal::TokenRevoked),
            (ended(EndReason::RefreshReuse), &account(), Refusal::TokenReused),
            (Session { refresh_expires_at: NOW, ..session() }, &account(), Refusal::TokenExpired),
            (Session { expires_at: NOW, ..session() }, &account(), Refusal::TokenExpired),
            (Session { contract: "other".into(), ..session() }, &account(), Refusal::TokenInvalid),
        ];
        for (session, account, expected) in table {
            let judgement = ruling(&session, account, genuine(5));
            assert_eq!(judgement.result, Err(expected));
            assert!(judgement.changes.is_empty());
        }
    }

    #[test]
    fn a_contract_that_keeps_its_token_writes_nothing() {
        let contract = contract();
        let plan = RefreshPlan { rotation: Rotation::Keep, ..contract.refresh.clone().unwrap() };
        let exchange = Exchange { from: Digest::of("five"), to: Digest::of("six") };
        let judgement = judge(&session(), &account(), genuine(5), exchange, &plan, &scene(&contract));
        assert_eq!(judgement.result, Ok(Renewal::Kept));
        assert!(judgement.changes.is_empty());
    }
}
