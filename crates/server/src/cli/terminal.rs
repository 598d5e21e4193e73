//! How does the command line speak, ask and end?

use domain::secret::Secret;
use std::future::Future;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;
use zeroize::Zeroizing;

/// The longest password that is read, in bytes; the policy is stricter.
const MAX_PASSWORD: u64 = 4096;

/// Why a command did not go well.
#[derive(Debug)]
pub struct Ended {
    /// 1: it failed; 2: it was asked for in a wrong way, and nothing was done.
    pub code: u8,
    /// Sentences for the standard error stream.
    pub messages: Vec<String>,
}

impl Ended {
    /// It failed.
    pub fn failed(message: impl std::fmt::Display) -> Ended {
        Ended { code: 1, messages: vec![message.to_string()] }
    }

    /// Something about the question is wrong; nothing was done.
    pub fn wrong<I: IntoIterator<Item = S>, S: Into<String>>(messages: I) -> Ended {
        Ended { code: 2, messages: messages.into_iter().map(Into::into).collect() }
    }

    /// One reason.
    pub fn wrong_one(message: impl Into<String>) -> Ended {
        Ended::wrong([message.into()])
    }

    /// Says why and gives the exit code.
    pub fn tell(self) -> ExitCode {
        for message in &self.messages {
            err(message.trim_end());
        }
        ExitCode::from(self.code)
    }
}

/// Writes to the standard output. A reader that has gone away is no fault.
pub fn out(text: &str) {
    let mut stream = std::io::stdout().lock();
    drop(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()));
}

/// Writes a line to the standard output.
pub fn line(text: &str) {
    out(&format!("{text}\n"));
}

/// Writes a line to the standard error stream.
pub fn err(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Runs a future to its end on this thread.
pub fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Ended> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Ended::failed(format!("no runtime: {error}")))?;
    Ok(runtime.block_on(future))
}

/// A password: from the first line of the standard input, or asked for twice. Never from the command line (SEC-111).
pub fn password(from_stdin: bool) -> Result<Secret, Ended> {
    if from_stdin {
        let mut text = Zeroizing::new(String::new());
        let read = std::io::stdin().lock().take(MAX_PASSWORD + 2).read_line(&mut text);
        read.map_err(|error| Ended::failed(format!("the standard input can not be read: {error}")))?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        return some(line);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Ended::wrong_one(
            "there is no terminal to ask for the password; use --password-stdin, or --no-password",
        ));
    }
    let ask = |question: &str| {
        rpassword::prompt_password(question)
            .map(Zeroizing::new)
            .map_err(|error| Ended::failed(format!("the password can not be read: {error}")))
    };
    let (first, second) = (ask("Password: ")?, ask("Again: ")?);
    if *first != *second {
        return Err(Ended::failed("the two passwords differ; nothing was changed"));
    }
    some(&first)
}

fn some(text: &str) -> Result<Secret, Ended> {
    if text.is_empty() {
        Err(Ended::failed("the password is empty; nothing was changed"))
    } else {
        Ok(Secret::new(text))
    }
}

/// Asks for a yes, unless it was given already.
pub fn confirm(question: &str, yes: bool) -> Result<(), Ended> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Ended::wrong_one("there is no terminal to ask on; add --yes if you are sure"));
    }
    out(&format!("{question} [y/N] "));
    let mut answer = String::new();
    let read = std::io::stdin().lock().take(16).read_line(&mut answer);
    let yes = read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes");
    if yes { Ok(()) } else { Err(Ended::failed("nothing was changed")) }
}
