//! What is spoken: contracts as data, wire to vocabulary and back. Pure; knows no database, runtime or web framework.

pub mod act;
pub mod administer;
mod answer;
pub mod body;
mod check;
mod claims;
mod compiled;
mod cookie;
mod extends;
mod factors;
pub mod file;
mod gather;
mod hear;
mod input;
pub mod openapi;
pub mod place;
mod route;
mod said;
mod say;
pub mod schema;
mod slot;
mod switchboard;
mod take;
mod template;
pub mod transcript;
mod wording;

pub use answer::{Answer, Came, Told};
pub use compiled::{Dialect, LANGUAGE};
pub use cookie::{CookieMode, CookiePlan, CookieRules, Pages};
pub use extends::{Library, MOST_BASES, is_name};
pub use file::FileFault;
pub use hear::{Ask, Heard};
pub use route::{BODY_LIMIT, PathPattern, Route};
pub use say::{Asked, default_status};
pub use slot::slot_names;
pub use switchboard::{Found, Place, Switchboard};
