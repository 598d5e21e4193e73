//! How does a test run the application whose sign-in moves: a real Django or NestJS one?

use crate::binary::{Home, finish};
use crate::http::{self, Reply, Request};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Which framework the application is built on.
#[derive(Clone, Copy)]
pub enum Framework {
    /// Django REST framework with simplejwt.
    Django,
    /// NestJS with a passport-jwt guard.
    Nest,
}

impl Framework {
    /// The application's program, with its folder and what it shall do. Panics if its packages are not installed.
    fn program(self, home: &Home, verb: &str) -> Command {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
        let mut command = match self {
            Framework::Django => {
                let mut command = Command::new(installed("venv/bin/python"));
                command.arg(here.join("django_app.py"));
                command
            }
            Framework::Nest => {
                let mut command = Command::new("node");
                command.arg(here.join("nest_app.js")).env("NODE_PATH", installed("node/node_modules"));
                command
            }
        };
        command.arg(home.path("")).arg(verb).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Makes these users in the application, as its own code makes them.
    pub fn create(self, home: &Home, users: &Value) {
        finish(&mut self.program(home, "create"), &users.to_string());
    }

    /// The application's users, a line of JSON each, as an import takes them.
    pub fn export(self, home: &Home) -> String {
        finish(&mut self.program(home, "export"), "")
    }

    /// A token signed by the JWT library that the application uses.
    pub fn sign(self, home: &Home, claims: &Value, secret: &str) -> String {
        let order = json!({ "claims": claims, "secret": secret, "algorithm": "HS256" });
        finish(&mut self.program(home, "sign"), &order.to_string()).trim().to_owned()
    }

    /// Starts the application as a server.
    pub fn serve(self, home: &Home) -> Application {
        let mut child = self
            .program(home, "serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
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
    address: SocketAddr,
}

impl Application {
    /// The whole answer to one request.
    pub fn ask(&self, request: &Request) -> Reply {
        http::send(self.address, request).unwrap()
    }
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
