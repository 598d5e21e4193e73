//! What does the store promise of an import?

use super::*;
use crate::store::{Broken, ImportSum};
use domain::event::{Actor, Event, EventKind};
use domain::factor::{Factor, Factors, TOTP_PURPOSE};
use domain::user::UserEdit;

type Imported = Result<ImportSum, Vec<(usize, Conflict)>>;

fn event() -> Event {
    Event::inside(EventKind::Imported, at(1000), Actor::Operator, "user import")
}

async fn import(store: &Store, users: Vec<NewUser>, dry_run: bool) -> Imported {
    store.import(users.into_iter().map(Ok), (!dry_run).then(event)).await.unwrap()
}

fn people(numbers: std::ops::Range<u32>) -> Vec<NewUser> {
    numbers.map(|number| NewUser { id: Some(UserId(i64::from(number) * 10)), ..person(number) }).collect()
}

pub async fn an_import_keeps_ids_and_goes_on_after_them(store: Store) {
    let sum = import(&store, people(1..1001), false).await.unwrap();
    assert_eq!(sum, ImportSum { added: 1000, unchanged: 0 });
    assert_eq!(account(&store, UserId(500)).await.user.username.as_deref(), Some("p50"));
    assert_eq!(store.hash_schemes().await.unwrap(), ["bcrypt:12"]);
    assert_eq!(add(&store, person(2000)).await.user.id, UserId(10_001));
}

pub async fn an_import_brings_second_factors(store: Store) {
    let mut users = people(1..4);
    let key =
        domain::seal::MasterKey::new(&domain::secret::SecretBytes::new(*b"a master key of thirty-two bytes"))
            .unwrap();
    let sealed = key.seal(TOTP_PURPOSE, UserId(20), b"a seed of twenty byte", [1; 12]).unwrap();
    let factors = Factors::default().with_active(Factor::totp(sealed), at(1000));
    users[1].factors = Some(Box::new(factors.clone()));
    // A rehearsal leaves nothing.
    import(&store, users.clone(), true).await.unwrap();
    assert!(store.factors(UserId(20)).await.unwrap().is_none());
    import(&store, users.clone(), false).await.unwrap();
    assert_eq!(store.factors(UserId(20)).await.unwrap(), Some((1, factors.clone())));
    assert!(account(&store, UserId(20)).await.user.second_factor);
    assert!(!account(&store, UserId(10)).await.user.second_factor);
    // Users who are here are left as they are.
    import(&store, users, false).await.unwrap();
    assert_eq!(store.factors(UserId(20)).await.unwrap(), Some((1, factors)));
}

pub async fn one_conflict_and_nothing_is_imported(store: Store) {
    add(&store, person(2)).await;
    add(&store, NewUser { email: None, ..person(4) }).await;
    let mut users = people(1..600);
    users[4].created_at = at(1001);
    users[3].uuid = Uuid::nil();
    // The first user of the store has id 1, and another name and address.
    users[4].id = Some(UserId(1));
    let conflicts = import(&store, users, false).await.unwrap_err();
    assert_eq!(conflicts.len(), 3);
    // Where several things are taken, any of them may be named.
    assert_eq!(conflicts.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!((conflicts[1].1, conflicts[2].1), (Conflict::UsernameTaken, Conflict::IdTaken));
    assert_eq!(everybody(&store).await, 2);
}

pub async fn a_second_run_finds_everything_unchanged(store: Store) {
    let mut users = people(1..300);
    users.push(NewUser { username: None, ..person(999) });
    assert_eq!(import(&store, users.clone(), false).await, Ok(ImportSum { added: 300, unchanged: 0 }));
    assert_eq!(import(&store, users.clone(), false).await, Ok(ImportSum { added: 0, unchanged: 300 }));
    // The id is enough: a file without UUIDs gets new ones each time.
    for user in &mut users[..299] {
        user.uuid = Uuid::from_u128(user.uuid.as_u128() + 1_000_000);
    }
    users.extend(people(500..502));
    assert_eq!(import(&store, users.clone(), false).await, Ok(ImportSum { added: 2, unchanged: 300 }));
    // Without id and UUID, address and user name are enough, both of them.
    let nameless = |number| NewUser {
        id: None,
        uuid: Uuid::from_u128(u128::from(number) + 5_000_000),
        uuid_is_new: true,
        ..person(number)
    };
    assert_eq!(import(&store, vec![nameless(500)], false).await, Ok(ImportSum { added: 0, unchanged: 1 }));
    let half = NewUser { username: None, ..nameless(501) };
    assert_eq!(import(&store, vec![half], false).await.unwrap_err().len(), 1);
    // Another address under the same id is another person, unless it began at the same moment.
    users[0].email = None;
    assert_eq!(import(&store, users.clone(), false).await, Ok(ImportSum { added: 0, unchanged: 302 }));
    users[0].created_at = at(1001);
    assert_eq!(import(&store, users, false).await.unwrap_err().len(), 1);
    assert_eq!(everybody(&store).await, 302);
}

pub async fn whatever_a_user_has_done_here_stays_after_a_second_run(store: Store) {
    let mut users = people(1..4);
    users[2].id = None;
    assert_eq!(import(&store, users.clone(), false).await, Ok(ImportSum { added: 3, unchanged: 0 }));
    let account = account(&store, UserId(10)).await;
    let (user, epoch, to) = (account.user.id, account.epoch, StoredHash(DJANGO.to_owned()));
    let email = person(77).email;
    let edit = UserEdit { email: Some(email.clone()), ..UserEdit::default() };
    let edit = Change::EditUser { user, epoch, edit: Box::new(edit), at: at(2000) };
    store.record(vec![edit]).await.unwrap().unwrap();
    let from = StoredHash(BCRYPT.to_owned());
    store.record(vec![Change::UpgradeHash { user, from, to: to.clone() }]).await.unwrap().unwrap();
    // His old address is somebody else's now.
    let other = add(&store, NewUser { email: users[0].email.clone(), ..person(500) }).await.user.id;
    assert_eq!(import(&store, users, false).await, Ok(ImportSum { added: 0, unchanged: 3 }));
    let account = self::account(&store, UserId(10)).await;
    assert_eq!((account.password_hash, account.user.email), (Some(to), email.map(|(text, _)| text)));
    assert_eq!(everybody(&store).await, 4);
    // A user who was not imported has the id of one who is: nobody is taken for the other.
    let stranger = NewUser { id: Some(other), created_at: at(1001), ..person(600) };
    assert_eq!(import(&store, vec![stranger], false).await, Err(vec![(0, Conflict::IdTaken)]));
}

pub async fn a_dry_run_says_the_same_and_keeps_nothing(store: Store) {
    assert_eq!(import(&store, people(1..50), true).await, Ok(ImportSum { added: 49, unchanged: 0 }));
    assert_eq!(everybody(&store).await, 0);
    assert!(store.hash_schemes().await.unwrap().is_empty());
    // Ids of a rehearsal are not used up, and the store goes on.
    assert_eq!(add(&store, person(1)).await.user.id, UserId(1));
}

pub async fn an_import_that_breaks_off_keeps_nothing(store: Store) {
    let broken = (1..2000).map(|number| {
        assert!(number < 1500, "the file ends in the middle of a line");
        Ok(person(number))
    });
    let result = store.import(broken, Some(event())).await;
    assert!(matches!(result, Err(crate::Fault::Gone(_))), "{result:?}");
    assert_eq!(everybody(&store).await, 0);
    add(&store, person(1)).await;
}

pub async fn a_list_that_is_not_whole_is_not_kept(store: Store) {
    let users = (1..2000).map(|number| if number < 1500 { Ok(person(number)) } else { Err(Broken) });
    let result = store.import(users, Some(event())).await;
    assert!(matches!(result, Err(crate::Fault::Gone(_))), "{result:?}");
    assert_eq!(everybody(&store).await, 0);
    add(&store, person(1)).await;
}

pub async fn conflicts_within_one_file_are_found(store: Store) {
    let mut users = people(1..10);
    users.push(NewUser { email: users[0].email.clone(), ..person(100) });
    assert_eq!(import(&store, users, true).await, Err(vec![(9, Conflict::EmailTaken)]));
}

pub async fn no_more_than_a_thousand_conflicts_are_listed(store: Store) {
    add(&store, NewUser { email: person(1).email, ..person(0) }).await;
    let users: Vec<_> =
        (1..3000).map(|number| NewUser { email: person(1).email, ..person(number) }).collect();
    assert_eq!(import(&store, users, false).await.unwrap_err().len(), 1000);
    assert_eq!(everybody(&store).await, 1);
}
