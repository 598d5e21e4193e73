//! Does every database keep the same promises?
//!
//! `promises`, `imports` and `phases` are the suite: each takes an empty store, whatever it is kept in. What only one of them promises
//! stands beside it.

mod imports;
mod phases;
mod promises;

use super::{Place, PostgresAddress, PostgresSettings, Store};
use crate::error::OpenError;
use domain::change::{Applied, Change, Conflict, Whose};
use domain::id::{SessionId, UserId};
use domain::identifier::{EmailKey, UsernameKey};
use domain::seal::MasterKeyId;
use domain::secret::SecretBytes;
use domain::session::NewSession;
use domain::time::Moment;
use domain::token::Digest;
use domain::trail::TrailKey;
use domain::user::{Account, NewUser, Status, StoredHash};
use serde_json::Map;
use std::sync::Arc;
use uuid::Uuid;

impl Store {
    /// With a key that is as good as any.
    pub(in crate::store) async fn open(place: &Place) -> Result<Store, OpenError> {
        Store::open_with(place, Arc::new(trail_key(7)), MasterKeyId([1; 16])).await
    }
}

/// The key of a trail.
pub(in crate::store) fn trail_key(seed: u8) -> TrailKey {
    TrailKey::new(&SecretBytes::new([seed; 32])).unwrap()
}

macro_rules! suite {
    ($open:expr; $($place:ident: $($promise:ident)*;)*) => { $($(
        #[test]
        fn $promise() {
            wait(async {
                let (store, _kept) = $open;
                super::$place::$promise(store).await;
            });
        }
    )*)* };
}

/// The whole suite for one database.
macro_rules! whole_suite {
    ($open:expr) => {
        suite! { $open;
            promises:
                a_user_reads_back_as_it_was_added
                an_address_a_name_and_an_id_belong_to_one_account
                a_list_is_applied_whole_or_not_at_all
                a_conflict_does_not_touch_the_lists_beside_it
                fifty_sign_ups_with_one_address_make_one_account
                a_session_opens_only_for_the_user_that_was_looked_at
                a_user_and_a_first_session_come_in_one_list
                a_session_number_is_given_once
                fifty_rotations_of_one_token_have_one_winner
                an_ended_session_does_not_rotate_and_stays_ended
                ending_all_sessions_spares_the_one_excepted_and_counts_the_live_ones
                above_the_cap_the_oldest_live_sessions_end
                a_new_password_moves_epoch_and_line_and_refuses_an_older_look
                a_hash_is_upgraded_only_in_place_of_the_one_that_was_read
                the_line_for_tokens_never_moves_back
                an_edit_changes_what_it_names_and_nothing_else
                a_new_address_is_unverified
                a_new_status_bumps_the_epoch
                a_deleted_user_takes_sessions_along_and_the_id_is_never_given_again
                pictures_come_and_go
                accounts_are_paged_in_order_of_id
                every_kind_of_hash_is_remembered
                an_empty_list_is_nothing;
            imports:
                an_import_keeps_ids_and_goes_on_after_them
                one_conflict_and_nothing_is_imported
                a_second_run_finds_everything_unchanged
                an_import_brings_second_factors
                a_dry_run_says_the_same_and_keeps_nothing
                an_import_that_breaks_off_keeps_nothing
                a_list_that_is_not_whole_is_not_kept
                whatever_a_user_has_done_here_stays_after_a_second_run
                conflicts_within_one_file_are_found
                no_more_than_a_thousand_conflicts_are_listed;
            phases:
                a_phase_is_set_in_place_of_the_one_that_was_read
                counts_add_up_and_the_last_moment_stays
                a_mount_has_a_bounded_number_of_counts;
        }
    };
}

mod sqlite {
    use super::*;

    whole_suite! { (Store::open(&Place::Memory).await.unwrap(), ()) }
}

mod postgres {
    use super::*;

    whole_suite! { on_postgres().await }
}

/// A store in a database of its own, which goes with it.
async fn on_postgres() -> (Store, testbed::Database) {
    let database = testbed::Cluster::shared().database();
    let address = PostgresAddress::parse(&database.url()).unwrap();
    let place = Place::Postgres(Box::new(address), PostgresSettings::default());
    (Store::open(&place).await.unwrap(), database)
}

pub(in crate::store) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

pub(in crate::store) fn at(second: i64) -> Moment {
    Moment::from_seconds(second)
}

/// A user with an address, a user name and a UUID made of one number.
pub(in crate::store) fn person(number: u32) -> NewUser {
    let name = format!("p{number}");
    let email = format!("P{number}@example.com");
    NewUser {
        id: None,
        uuid: Uuid::from_u128(0x1000 + u128::from(number)),
        uuid_is_new: false,
        username: Some((name.clone(), UsernameKey::parse(&name).unwrap())),
        email: Some((email.clone(), EmailKey::parse(&email).unwrap())),
        email_verified: false,
        first_name: "Ada".to_owned(),
        last_name: String::new(),
        phone_number: None,
        avatar: None,
        role: String::new(),
        permissions: Vec::new(),
        status: Status::Active,
        attributes: Map::new(),
        password_hash: Some(StoredHash(BCRYPT.to_owned())),
        last_login_at: None,
        factors: None,
        created_at: at(1000),
    }
}

pub(in crate::store) const BCRYPT: &str = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW";
pub(in crate::store) const DJANGO: &str =
    "pbkdf2_sha256$1200000$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

pub(in crate::store) fn session(number: i64) -> Box<NewSession> {
    Box::new(NewSession {
        id: SessionId(number),
        contract: "native".to_owned(),
        digest: Some(Digest::of(&format!("token {number}.0"))),
        refresh_expires_at: at(2000),
        expires_at: at(3000),
        created_at: at(1000),
        with_factor: false,
        authenticated_at: at(1000),
        address: "192.0.2.1".to_owned(),
        user_agent: "test".to_owned(),
    })
}

/// What a list gave, where nothing may be in its way.
pub(in crate::store) async fn done(store: &Store, changes: Vec<Change>) -> Applied {
    store.record(changes).await.unwrap().unwrap()
}

/// Why a list was not applied.
pub(in crate::store) async fn refused(store: &Store, changes: Vec<Change>) -> Conflict {
    store.record(changes).await.unwrap().unwrap_err()
}

pub(in crate::store) async fn add(store: &Store, user: NewUser) -> Account {
    let id = done(store, vec![Change::AddUser(Box::new(user))]).await.user.unwrap();
    account(store, id).await
}

pub(in crate::store) async fn account(store: &Store, id: UserId) -> Account {
    store.account_by_id(id).await.unwrap().unwrap()
}

pub(in crate::store) fn known(account: &Account) -> Whose {
    Whose::Known { user: account.user.id, epoch: account.epoch }
}

pub(in crate::store) async fn everybody(store: &Store) -> usize {
    store.users_after(None, 100_000).await.unwrap().len()
}
