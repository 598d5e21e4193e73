//! How does a test run the application that is taken over: a Django or a NestJS one, with users of its own?

use crate::binary::{Home, finish};
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Which application it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Django, Django REST framework and simplejwt.
    Django,
    /// NestJS with passport-local and passport-jwt.
    Nest,
}

/// How many users an application has.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Users.
    pub users: u64,
    /// Different passwords, and as many hashes.
    pub passwords: u64,
    /// Rounds of Django's PBKDF2.
    pub rounds: u64,
}

impl Size {
    /// Whether user `number` is switched off or can have no password, as both applications fill their tables.
    pub fn is_shut(self, number: u64) -> bool {
        number.is_multiple_of(50) || number.is_multiple_of(51)
    }

    /// The password of user `number`.
    pub fn password(self, number: u64) -> String {
        format!("kept since 2019, {}", number % self.passwords)
    }
}

impl Kind {
    /// The dialect that says the same.
    pub fn dialect(self) -> &'static str {
        match self {
            Kind::Django => "password-generator",
            Kind::Nest => "nest-passport",
        }
    }

    /// The paths that Countersign takes over.
    pub fn space(self) -> &'static [&'static str] {
        match self {
            Kind::Django => &["/api/sign-in/", "/api/sign-up/", "/api/profile/", "/api/token/"],
            Kind::Nest => &["/auth/", "/users/"],
        }
    }

    /// The file with the application's tables.
    pub fn database(self, home: &Home) -> PathBuf {
        home.path(match self {
            Kind::Django => "db.sqlite3",
            Kind::Nest => "app.sqlite",
        })
    }

    /// The address of user `number`.
    pub fn email(self, number: u64) -> String {
        let host = match self {
            Kind::Django => "example.com",
            Kind::Nest => "nest.example",
        };
        format!("user{number:06}@{host}")
    }

    /// The application's program in this folder. Panics if its packages are not installed.
    fn program(self, home: &Home, size: Size, words: &[String]) -> Command {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/takeover");
        let mut command = match self {
            Kind::Django => {
                let mut command = Command::new(installed("venv/bin/python"));
                command.arg(here.join("django_app/run.py"));
                command
            }
            Kind::Nest => {
                let mut command = Command::new("node");
                command.arg(here.join("nest_app/run.js")).env("NODE_PATH", installed("node/node_modules"));
                command
            }
        };
        command.args(words).env("APP_HOME", home.path("")).env("APP_ROUNDS", size.rounds.to_string());
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Makes its tables and users.
    pub fn fill(self, home: &Home, size: Size) {
        let words = ["fill".to_owned(), size.users.to_string(), size.passwords.to_string()];
        finish(&mut self.program(home, size, &words), "");
    }

    /// Starts it.
    pub fn serve(self, home: &Home, size: Size) -> Application {
        let log = std::fs::File::create(home.path("application.log")).unwrap();
        let mut command = self.program(home, size, &["serve".to_owned()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("listening ").and_then(|port| port.parse().ok());
        let port: u16 = port.unwrap_or_else(|| panic!("the application did not start, it said {line:?}"));
        Application { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) }
    }
}

/// A running application. It ends when the value goes, and also when the test process does.
pub struct Application {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Drop for Application {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn installed(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/interop").join(name);
    assert!(
        path.exists(),
        "{} is missing: run scripts/setup-tests.sh, which installs what this test runs on",
        path.display()
    );
    path
}
