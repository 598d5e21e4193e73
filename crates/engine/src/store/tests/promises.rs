//! What does the store promise of each change and each look?

use super::*;
use crate::store::Taken;
use domain::event::{Actor, Event, EventKind};
use domain::session::EndReason;
use domain::user::UserEdit;
use serde_json::json;
use std::sync::Arc;

fn note() -> Change {
    Event::inside(EventKind::SignedUp, at(1000), Actor::User, "sign_up").noted()
}

pub async fn a_user_reads_back_as_it_was_added(store: Store) {
    let mut new = person(1);
    new.email_verified = true;
    new.phone_number = Some("+44 20".to_owned());
    new.avatar = Some("/media/avatars/x.png".to_owned());
    new.role = "editor".to_owned();
    new.permissions = vec!["read".to_owned(), "write \"all\"".to_owned()];
    new.status = Status::Suspended;
    new.attributes = json!({"stats": {"b": 1, "a": [null, "é"]}}).as_object().unwrap().clone();
    new.last_login_at = Some(at(900));
    let account = add(&store, new.clone()).await;
    assert_eq!(account.user, new.clone().into_user(account.user.id));
    assert_eq!(account.password_hash, new.password_hash);
    assert_eq!((account.epoch, account.valid_after), (0, at(0)));

    let (email, name) = (new.email.unwrap().1, new.username.unwrap().1);
    for found in [
        store.account_by_uuid(new.uuid).await.unwrap(),
        store.account_by_email(&email).await.unwrap(),
        store.account_by_username(&name).await.unwrap(),
    ] {
        assert_eq!(found.unwrap().user, account.user);
    }
    assert!(store.account_by_id(UserId(account.user.id.0 + 1)).await.unwrap().is_none());
    assert!(store.account_by_uuid(Uuid::nil()).await.unwrap().is_none());
    assert!(store.account_by_email(&EmailKey::parse("x@example.com").unwrap()).await.unwrap().is_none());
    assert!(store.account_by_username(&UsernameKey::parse("P1").unwrap()).await.unwrap().is_none());
}

pub async fn an_address_a_name_and_an_id_belong_to_one_account(store: Store) {
    let first = add(&store, person(1)).await;
    let (email, name) = (person(1).email, person(1).username);
    let cases = [
        (NewUser { email: email.clone(), ..person(2) }, Conflict::EmailTaken),
        (NewUser { username: name.clone(), ..person(2) }, Conflict::UsernameTaken),
        (NewUser { uuid: person(1).uuid, ..person(2) }, Conflict::IdTaken),
        (NewUser { id: Some(first.user.id), ..person(2) }, Conflict::IdTaken),
    ];
    for (user, conflict) in cases {
        assert_eq!(refused(&store, vec![Change::AddUser(Box::new(user))]).await, conflict);
    }
    assert_eq!(everybody(&store).await, 1);

    let (email, name) = (email.unwrap().1, name.unwrap().1);
    let taken =
        async |except| store.taken(Some(&email), Some(&name), except, Moment::from_millis(0)).await.unwrap();
    assert_eq!(taken(None).await, Taken { email: true, username: true });
    assert_eq!(taken(Some(first.user.id)).await, Taken::default());
    assert_eq!(taken(Some(UserId(99))).await, Taken { email: true, username: true });
    assert_eq!(store.taken(None, None, None, Moment::from_millis(0)).await.unwrap(), Taken::default());

    // Nobody's absent name is in the way of another absent name.
    add(&store, NewUser { username: None, email: None, ..person(3) }).await;
    add(&store, NewUser { username: None, email: None, ..person(4) }).await;
}

pub async fn a_list_is_applied_whole_or_not_at_all(store: Store) {
    let first = add(&store, person(1)).await;
    let list = vec![
        Change::NoteSignIn { user: first.user.id, at: at(1500) },
        Change::AddUser(Box::new(person(2))),
        Change::OpenSession { whose: Whose::Added, session: session(7) },
        Change::PutAvatar { name: "a.png".to_owned(), media_type: "image/png", bytes: vec![1], at: at(1) },
        note(),
        Change::AddUser(Box::new(NewUser { email: person(1).email, ..person(3) })),
    ];
    assert_eq!(refused(&store, list).await, Conflict::EmailTaken);
    assert_eq!(everybody(&store).await, 1);
    assert_eq!(account(&store, first.user.id).await.user.last_login_at, None);
    assert!(store.session(SessionId(7)).await.unwrap().is_none());
    assert!(store.avatar("a.png").await.unwrap().is_none());
    // The names of the list that failed are free.
    add(&store, person(2)).await;
}

pub async fn a_conflict_does_not_touch_the_lists_beside_it(store: Store) {
    add(&store, person(0)).await;
    let store = Arc::new(store);
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let store = Arc::clone(&store);
            // Every fourth list breaks its promise at the end.
            let uuid = if number % 4 == 0 { person(0).uuid } else { Uuid::from_u128(number.into()) };
            let broken = NewUser { uuid, username: None, email: None, ..person(0) };
            let list = vec![Change::AddUser(Box::new(person(number + 1))), Change::AddUser(Box::new(broken))];
            tokio::spawn(async move { store.record(list).await.unwrap() })
        })
        .collect();
    for (number, task) in tasks.into_iter().enumerate() {
        let expected = (number % 4 == 0).then_some(Conflict::IdTaken);
        assert_eq!(task.await.unwrap().err(), expected, "{number}");
    }
    assert_eq!(everybody(&store).await, 1 + 48 * 2);
}

pub async fn fifty_sign_ups_with_one_address_make_one_account(store: Store) {
    let store = Arc::new(store);
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let store = Arc::clone(&store);
            let email = Some((format!("spelling {number}"), EmailKey::parse("one@example.com").unwrap()));
            let list = vec![Change::AddUser(Box::new(NewUser { email, ..person(number) })), note()];
            tokio::spawn(async move { store.record(list).await.unwrap() })
        })
        .collect();
    let mut accounts = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => accounts += 1,
            Err(conflict) => assert_eq!(conflict, Conflict::EmailTaken),
        }
    }
    assert_eq!((accounts, everybody(&store).await), (1, 1));
}

pub async fn a_session_opens_only_for_the_user_that_was_looked_at(store: Store) {
    let user = add(&store, person(1)).await;
    let id = user.user.id;
    let other =
        |user, epoch| Change::OpenSession { whose: Whose::Known { user, epoch }, session: session(1) };
    assert_eq!(refused(&store, vec![other(id, 1)]).await, Conflict::Stale);
    assert_eq!(refused(&store, vec![other(UserId(99), 0)]).await, Conflict::Stale);
    let nobody = Change::OpenSession { whose: Whose::Added, session: session(1) };
    assert_eq!(refused(&store, vec![nobody]).await, Conflict::Stale);
    assert!(store.session(SessionId(1)).await.unwrap().is_none());

    done(&store, vec![other(id, 0)]).await;
    let (opened, account) = store.session(SessionId(1)).await.unwrap().unwrap();
    let new = session(1);
    assert_eq!(
        (opened.user, opened.contract, opened.counter, opened.digest),
        (id, new.contract, 0, new.digest)
    );
    assert_eq!((opened.rotated_at, opened.created_at, opened.ended), (at(1000), at(1000), None));
    assert_eq!((opened.refresh_expires_at, opened.expires_at), (at(2000), at(3000)));
    assert_eq!(account.user, user.user);

    let suspended = add(&store, NewUser { status: Status::Suspended, ..person(2) }).await;
    let open = Change::OpenSession { whose: known(&suspended), session: session(2) };
    assert_eq!(refused(&store, vec![open]).await, Conflict::Stale);
}

pub async fn a_user_and_a_first_session_come_in_one_list(store: Store) {
    let mut new = session(5);
    new.digest = None;
    let list = vec![
        Change::AddUser(Box::new(person(1))),
        Change::OpenSession { whose: Whose::Added, session: new },
        note(),
    ];
    let applied = done(&store, list).await;
    let (session, account) = store.session(SessionId(5)).await.unwrap().unwrap();
    assert_eq!(applied.user, Some(session.user));
    assert_eq!((account.user.id, session.digest), (session.user, None));
}

pub async fn a_session_number_is_given_once(store: Store) {
    let user = add(&store, person(1)).await;
    let open = || Change::OpenSession { whose: known(&user), session: session(1) };
    done(&store, vec![open()]).await;
    assert_eq!(refused(&store, vec![open()]).await, Conflict::Stale);
}

fn rotate(number: i64, from: &str, to: &str) -> Change {
    Change::RotateSession {
        session: SessionId(number),
        from: Digest::of(from),
        to: Digest::of(to),
        at: at(1500),
        refresh_expires_at: at(2500),
    }
}

pub async fn fifty_rotations_of_one_token_have_one_winner(store: Store) {
    let user = add(&store, person(1)).await;
    done(&store, vec![Change::OpenSession { whose: known(&user), session: session(1) }]).await;
    let store = Arc::new(store);
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let store = Arc::clone(&store);
            let list = vec![rotate(1, "token 1.0", &format!("successor {number}"))];
            tokio::spawn(async move { store.record(list).await.unwrap() })
        })
        .collect();
    let mut winner = None;
    for (number, task) in tasks.into_iter().enumerate() {
        match task.await.unwrap() {
            Ok(_) => assert_eq!(winner.replace(number), None),
            Err(conflict) => assert_eq!(conflict, Conflict::Stale),
        }
    }
    let (session, _) = store.session(SessionId(1)).await.unwrap().unwrap();
    assert_eq!(session.digest, Some(Digest::of(&format!("successor {}", winner.unwrap()))));
    assert_eq!((session.counter, session.rotated_at), (1, at(1500)));
    assert_eq!((session.refresh_expires_at, session.created_at), (at(2500), at(1000)));
}

fn end(number: i64, second: i64) -> Change {
    Change::EndSession { session: SessionId(number), reason: EndReason::SignOut, at: at(second) }
}

pub async fn an_ended_session_does_not_rotate_and_stays_ended(store: Store) {
    let user = add(&store, person(1)).await;
    done(&store, vec![Change::OpenSession { whose: known(&user), session: session(1) }]).await;
    assert_eq!(done(&store, vec![end(1, 1100)]).await.sessions_ended, 1);
    assert_eq!(done(&store, vec![end(1, 1200)]).await.sessions_ended, 0);
    assert_eq!(done(&store, vec![end(99, 1200)]).await.sessions_ended, 0);
    assert_eq!(refused(&store, vec![rotate(1, "token 1.0", "x")]).await, Conflict::Stale);
    let (session, _) = store.session(SessionId(1)).await.unwrap().unwrap();
    assert_eq!(session.ended, Some((at(1100), EndReason::SignOut)));
    assert_eq!(session.counter, 0);
}

async fn with_sessions(store: &Store, number: u32, sessions: std::ops::Range<i64>) -> Account {
    let user = add(store, person(number)).await;
    for number in sessions {
        done(store, vec![Change::OpenSession { whose: known(&user), session: session(number) }]).await;
    }
    user
}

async fn live(store: &Store, sessions: std::ops::Range<i64>) -> Vec<i64> {
    let mut living = Vec::new();
    for number in sessions {
        if store.session(SessionId(number)).await.unwrap().unwrap().0.ended.is_none() {
            living.push(number);
        }
    }
    living
}

pub async fn ending_all_sessions_spares_the_one_excepted_and_counts_the_live_ones(store: Store) {
    let user = with_sessions(&store, 1, 1..5).await;
    with_sessions(&store, 2, 5..7).await;
    done(&store, vec![end(1, 1100)]).await;
    let all = |except, second| Change::EndSessions {
        user: user.user.id,
        except,
        reason: EndReason::PasswordChange,
        at: at(second),
    };
    assert_eq!(done(&store, vec![all(Some(SessionId(3)), 1200)]).await.sessions_ended, 2);
    assert_eq!(live(&store, 1..7).await, [3, 5, 6]);
    let (first, _) = store.session(SessionId(1)).await.unwrap().unwrap();
    assert_eq!(first.ended, Some((at(1100), EndReason::SignOut)));
    // One whose time is over is ended, too, but was not live any more.
    assert_eq!(done(&store, vec![all(None, 3000)]).await.sessions_ended, 0);
    assert_eq!(live(&store, 1..7).await, [5, 6]);
}

pub async fn above_the_cap_the_oldest_live_sessions_end(store: Store) {
    let user = with_sessions(&store, 1, 10..14).await;
    with_sessions(&store, 2, 20..22).await;
    done(&store, vec![end(13, 1100)]).await;
    let cap = |keep| Change::CapSessions { user: user.user.id, keep, at: at(1200) };
    assert_eq!(done(&store, vec![cap(3)]).await.sessions_ended, 0);
    assert_eq!(done(&store, vec![cap(2)]).await.sessions_ended, 1);
    assert_eq!(live(&store, 10..14).await, [11, 12]);
    let (oldest, _) = store.session(SessionId(10)).await.unwrap().unwrap();
    assert_eq!(oldest.ended, Some((at(1200), EndReason::TooMany)));
    // The session that was just opened stays, even if chance gave it a lower number within its millisecond.
    let open = Change::OpenSession { whose: known(&user), session: session(1) };
    assert_eq!(done(&store, vec![open, cap(2)]).await.sessions_ended, 1);
    assert_eq!(live(&store, 10..14).await, [12]);
    assert_eq!(live(&store, 1..2).await, [1]);
    assert_eq!(live(&store, 20..22).await, [20, 21]);
}

pub async fn a_new_password_moves_epoch_and_line_and_refuses_an_older_look(store: Store) {
    let user = add(&store, person(1)).await;
    let id = user.user.id;
    let set = |epoch, hash: Option<&str>, second| Change::SetPassword {
        user: id,
        epoch,
        hash: hash.map(|hash| StoredHash(hash.to_owned())),
        at: at(second),
    };
    done(&store, vec![set(0, Some(DJANGO), 1500)]).await;
    let changed = account(&store, id).await;
    assert_eq!(changed.password_hash, Some(StoredHash(DJANGO.to_owned())));
    assert_eq!((changed.epoch, changed.valid_after), (1, at(1500)));
    assert_eq!(refused(&store, vec![set(0, None, 1600)]).await, Conflict::Stale);
    assert_eq!(refused(&store, vec![note(), set(0, None, 1600)]).await, Conflict::Stale);
    // A sign-in that was judged before the change is judged again.
    let open = Change::OpenSession { whose: known(&user), session: session(1) };
    assert_eq!(refused(&store, vec![open]).await, Conflict::Stale);
    done(&store, vec![set(1, None, 1400)]).await;
    let taken_away = account(&store, id).await;
    assert_eq!(taken_away.password_hash, None);
    assert_eq!((taken_away.epoch, taken_away.valid_after), (2, at(1500)));
}

pub async fn a_hash_is_upgraded_only_in_place_of_the_one_that_was_read(store: Store) {
    // SEC-08: an upgrade that a change of password overtook is nothing.
    let user = add(&store, person(1)).await.user.id;
    let upgrade = |from: &str, to: &str| Change::UpgradeHash {
        user,
        from: StoredHash(from.to_owned()),
        to: StoredHash(to.to_owned()),
    };
    done(&store, vec![upgrade("another", DJANGO)]).await;
    assert_eq!(account(&store, user).await.password_hash, Some(StoredHash(BCRYPT.to_owned())));
    done(&store, vec![upgrade(BCRYPT, DJANGO), Change::NoteSignIn { user, at: at(1700) }]).await;
    let upgraded = account(&store, user).await;
    assert_eq!(upgraded.password_hash, Some(StoredHash(DJANGO.to_owned())));
    assert_eq!((upgraded.epoch, upgraded.valid_after), (0, at(0)));
    assert_eq!(upgraded.user.last_login_at, Some(at(1700)));
}

pub async fn the_line_for_tokens_never_moves_back(store: Store) {
    let user = add(&store, person(1)).await.user.id;
    for (second, line) in [(1500, 1500), (1400, 1500), (1600, 1600)] {
        done(&store, vec![Change::CutTokens { user, at: at(second) }]).await;
        assert_eq!(account(&store, user).await.valid_after, at(line));
    }
}

fn edit(account: &Account, edit: UserEdit) -> Vec<Change> {
    vec![Change::EditUser { user: account.user.id, epoch: account.epoch, edit: Box::new(edit), at: at(1800) }]
}

pub async fn an_edit_changes_what_it_names_and_nothing_else(store: Store) {
    let full = NewUser { phone_number: Some("1".to_owned()), avatar: Some("/a".to_owned()), ..person(1) };
    let user = add(&store, full).await;
    let edits = [
        UserEdit::default(),
        UserEdit {
            username: Some(Some(("New".into(), UsernameKey::parse("New").unwrap()))),
            ..UserEdit::default()
        },
        UserEdit { username: Some(None), ..UserEdit::default() },
        UserEdit { email_verified: Some(true), ..UserEdit::default() },
        UserEdit { first_name: Some("F".into()), last_name: Some("L".into()), ..UserEdit::default() },
        UserEdit { phone_number: Some(None), ..UserEdit::default() },
        UserEdit { phone_number: Some(Some("+1".into())), avatar: Some(None), ..UserEdit::default() },
        UserEdit { avatar: Some(Some("/b".into())), role: Some("admin".into()), ..UserEdit::default() },
        UserEdit { permissions: Some(vec!["x".into()]), ..UserEdit::default() },
        UserEdit { attributes: json!({"k": [1]}).as_object().cloned(), ..UserEdit::default() },
    ];
    let mut expected = user.user.clone();
    for change in edits {
        expected = change.applied_to(&expected);
        done(&store, edit(&user, change)).await;
        let found = account(&store, user.user.id).await;
        assert_eq!(found.user, expected);
        assert_eq!((found.epoch, found.password_hash), (0, user.password_hash.clone()));
    }
    add(&store, person(2)).await;
    let email = UserEdit { email: Some(person(2).email), ..UserEdit::default() };
    assert_eq!(refused(&store, edit(&user, email)).await, Conflict::EmailTaken);
    let name = UserEdit { username: Some(person(2).username), ..UserEdit::default() };
    assert_eq!(refused(&store, edit(&user, name)).await, Conflict::UsernameTaken);
    let older = Account { epoch: -1, ..user.clone() };
    assert_eq!(refused(&store, edit(&older, UserEdit::default())).await, Conflict::Stale);
    assert_eq!(account(&store, user.user.id).await.user, expected);
}

pub async fn a_new_address_is_unverified(store: Store) {
    let user = add(&store, NewUser { email_verified: true, ..person(1) }).await;
    let to = |text: &str| Some(Some((text.to_owned(), EmailKey::parse(text).unwrap())));
    // Another spelling of the same mailbox has been proved already.
    done(&store, edit(&user, UserEdit { email: to("p1@EXAMPLE.com"), ..UserEdit::default() })).await;
    assert!(account(&store, user.user.id).await.user.email_verified);
    done(&store, edit(&user, UserEdit { email: to("new@example.com"), ..UserEdit::default() })).await;
    let moved = account(&store, user.user.id).await.user;
    assert_eq!((moved.email.as_deref(), moved.email_verified), (Some("new@example.com"), false));
    assert!(
        !store
            .taken(person(1).email.as_ref().map(|(_, key)| key), None, None, Moment::from_millis(0))
            .await
            .unwrap()
            .email
    );
}

pub async fn a_new_status_bumps_the_epoch(store: Store) {
    let user = add(&store, person(1)).await;
    let to = |status| UserEdit { status: Some(status), ..UserEdit::default() };
    done(&store, edit(&user, to(Status::Active))).await;
    assert_eq!(account(&store, user.user.id).await.epoch, 0);
    done(&store, edit(&user, to(Status::Suspended))).await;
    let banned = account(&store, user.user.id).await;
    assert_eq!((banned.epoch, banned.user.status), (1, Status::Suspended));
    assert_eq!(refused(&store, edit(&user, to(Status::Active))).await, Conflict::Stale);
}

pub async fn a_deleted_user_takes_sessions_along_and_the_id_is_never_given_again(store: Store) {
    let user = with_sessions(&store, 1, 1..3).await;
    let id = user.user.id;
    let delete = |epoch| vec![Change::DeleteUser { user: id, epoch }];
    assert_eq!(refused(&store, delete(7)).await, Conflict::Stale);
    done(&store, delete(0)).await;
    assert_eq!(refused(&store, delete(0)).await, Conflict::Stale);
    assert!(store.account_by_id(id).await.unwrap().is_none());
    assert!(store.session(SessionId(1)).await.unwrap().is_none());
    // Not by itself, and not because an import asks for it.
    let next = add(&store, NewUser { uuid: Uuid::from_u128(1), ..person(1) }).await;
    assert!(next.user.id > id);
    let again = NewUser { id: Some(id), ..person(2) };
    assert_eq!(refused(&store, vec![Change::AddUser(Box::new(again))]).await, Conflict::IdTaken);
    let same = NewUser { uuid: user.user.uuid, ..person(2) };
    assert_eq!(refused(&store, vec![Change::AddUser(Box::new(same))]).await, Conflict::IdTaken);
}

pub async fn pictures_come_and_go(store: Store) {
    let put =
        |bytes| Change::PutAvatar { name: "a.png".to_owned(), media_type: "image/png", bytes, at: at(1) };
    done(&store, vec![put(vec![0, 255])]).await;
    assert_eq!(store.avatar("a.png").await.unwrap(), Some(("image/png".to_owned(), vec![0, 255])));
    assert_eq!(refused(&store, vec![put(vec![1])]).await, Conflict::Stale);
    for _ in 0..2 {
        done(&store, vec![Change::DropAvatar { name: "a.png".to_owned() }]).await;
        assert_eq!(store.avatar("a.png").await.unwrap(), None);
    }
}

pub async fn accounts_are_paged_in_order_of_id(store: Store) {
    for number in 1..=5 {
        add(&store, person(number)).await;
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.users_after(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        after = Some(last.user.id);
        seen.extend(page.into_iter().map(|account| account.user.username.unwrap()));
    }
    assert_eq!(seen, ["p1", "p2", "p3", "p4", "p5"]);
}

pub async fn every_kind_of_hash_is_remembered(store: Store) {
    assert!(store.hash_schemes().await.unwrap().is_empty());
    let user = add(&store, person(1)).await;
    add(&store, person(2)).await;
    add(&store, NewUser { password_hash: Some(StoredHash("!".to_owned())), ..person(3) }).await;
    assert_eq!(store.hash_schemes().await.unwrap(), ["bcrypt:12"]);
    let hash = Some(StoredHash(DJANGO.to_owned()));
    done(&store, vec![Change::SetPassword { user: user.user.id, epoch: 0, hash, at: at(1) }]).await;
    assert_eq!(store.hash_schemes().await.unwrap(), ["bcrypt:12", "django_pbkdf2_sha256:1200000"]);
}

pub async fn an_empty_list_is_nothing(store: Store) {
    assert_eq!(done(&store, Vec::new()).await, Applied::default());
    assert!(store.is_writable());
    store.close();
}
