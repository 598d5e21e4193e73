//! Is everything that was acknowledged still true, and is nothing half done?

use crate::client::{Client, Step};
use crate::native::{Native, Tokens, insist};
use std::time::{Duration, Instant};

/// The predecessor's grace is ten seconds from the exchange; a question after nine proves nothing.
const GRACE: Duration = Duration::from_secs(9);

type Answer = Result<(), String>;

impl Client {
    /// Asks the restarted server about everything this client knows. Refused: the first thing that is not so.
    pub fn question(&mut self, native: Native) -> Answer {
        if let Some((step, sent)) = self.pending.take() {
            self.settle(native, step, sent)?;
        }
        for account in 0..self.accounts.len() {
            for session in 0..self.accounts[account].sessions.len() {
                if self.accounts[account].sessions[session].ended {
                    self.expect_dead(native, account, session)?;
                } else {
                    self.expect_live(native, account, session)?;
                }
            }
            self.expect_password(native, account)?;
        }
        self.expect_exchanged_tokens_dead(native)
    }

    /// Every account of earlier rounds signs in with its password.
    pub fn question_archive(&self, native: Native) -> Answer {
        for (email, password) in &self.archive {
            let status = self.status(|| native.sign_in(email, password))?;
            self.expect(status == 200, &format!("{email} of an earlier round: sign-in gave {status}"))?;
        }
        Ok(())
    }

    /// Finds out whether the operation in flight happened; it must have happened wholly or not at all.
    fn settle(&mut self, native: Native, step: Step, sent: Instant) -> Answer {
        match step {
            Step::SignUp { email, password } => self.settle_sign_up(native, email, password),
            // A session whose tokens never arrived is nobody's.
            Step::SignIn { .. } => Ok(()),
            Step::Refresh { account, session } => self.settle_refresh(native, account, session, sent),
            Step::SignOut { account, session } => {
                let tokens = self.accounts[account].sessions[session].tokens.clone();
                let status = self.status(|| native.me(&tokens.access))?;
                self.accounts[account].sessions[session].ended = status != 200;
                Ok(())
            }
            Step::ChangePassword { account, session, new } => {
                let (email, old) =
                    (self.accounts[account].email.clone(), self.accounts[account].password.clone());
                let with_old = self.status(|| native.sign_in(&email, &old))?;
                let with_new = self.status(|| native.sign_in(&email, &new))?;
                let one = (with_old == 200) != (with_new == 200);
                self.expect(
                    one,
                    &format!("{email}: the old password gave {with_old}, the new one {with_new}"),
                )?;
                if with_new == 200 {
                    self.accounts[account].set_password(new, session);
                }
                Ok(())
            }
        }
    }

    /// Either the account is there with its password, or its address is free.
    fn settle_sign_up(&mut self, native: Native, email: String, password: String) -> Answer {
        let mut reply = self.reply(|| native.sign_in(&email, &password))?;
        if reply.status != 200 {
            let refused = reply.status;
            reply = self.reply(|| native.sign_up(&email, &password))?;
            let free = reply.status == 201;
            self.expect(free, &format!("{email} can not sign in ({refused}) and not sign up: {reply:?}"))?;
        }
        self.add_account(email, password, Tokens::of(&reply));
        Ok(())
    }

    /// Exchanged or not, the token whose answer was lost gives a successor: its holder has nothing else.
    fn settle_refresh(&mut self, native: Native, account: usize, session: usize, sent: Instant) -> Answer {
        let token = self.accounts[account].sessions[session].tokens.refresh.clone();
        let reply = self.reply(|| native.refresh(&token))?;
        if reply.status != 200 && sent.elapsed() > GRACE {
            println!("a lost exchange was asked about after its grace: {:?}", sent.elapsed());
            self.accounts[account].sessions.remove(session);
            return Ok(());
        }
        self.expect(reply.status == 200, &format!("{token} got no answer, and now {reply:?}"))?;
        self.accounts[account].sessions[session].renew(Tokens::of(&reply));
        Ok(())
    }

    fn expect_live(&mut self, native: Native, account: usize, session: usize) -> Answer {
        let email = self.accounts[account].email.clone();
        let tokens = self.accounts[account].sessions[session].tokens.clone();
        let status = self.status(|| native.me(&tokens.access))?;
        self.expect(status == 200, &format!("{email} session {session}: the access token gave {status}"))?;
        let reply = self.reply(|| native.refresh(&tokens.refresh))?;
        self.expect(
            reply.status == 200,
            &format!("{email} session {session}: the refresh token gave {reply:?}"),
        )?;
        self.accounts[account].sessions[session].renew(Tokens::of(&reply));
        Ok(())
    }

    fn expect_dead(&self, native: Native, account: usize, session: usize) -> Answer {
        let email = &self.accounts[account].email;
        let tokens = &self.accounts[account].sessions[session].tokens;
        let access = self.status(|| native.me(&tokens.access))?;
        let refresh = self.status(|| native.refresh(&tokens.refresh))?;
        let dead = (access, refresh) == (401, 401);
        self.expect(dead, &format!("{email} session {session} has ended, but gave {access} and {refresh}"))
    }

    fn expect_password(&self, native: Native, account: usize) -> Answer {
        let account = &self.accounts[account];
        let status = self.status(|| native.sign_in(&account.email, &account.password))?;
        self.expect(status == 200, &format!("{}: the password gave {status}", account.email))?;
        if let Some(old) = &account.retired {
            let status = self.status(|| native.sign_in(&account.email, old))?;
            self.expect(status == 401, &format!("{}: the password before gave {status}", account.email))?;
        }
        Ok(())
    }

    /// A token two exchanges back is dead, and showing it ends its family (SEC-62).
    fn expect_exchanged_tokens_dead(&mut self, native: Native) -> Answer {
        let live =
            self.accounts.iter().flat_map(|account| &account.sessions).filter(|session| !session.ended);
        let Some((old, now)) =
            live.filter_map(|session| Some((session.exchanged.clone()?, session.tokens.clone()))).next()
        else {
            return Ok(());
        };
        let newer = self.reply(|| native.refresh(&now.refresh))?;
        self.expect(newer.status == 200, &format!("{newer:?} to the token in force"))?;
        let reused = self.status(|| native.refresh(&old))?;
        let family = self.status(|| native.refresh(&Tokens::of(&newer).refresh))?;
        let dead = (reused, family) == (401, 401);
        self.expect(dead, &format!("a token two exchanges old gave {reused}, its family then {family}"))
    }

    fn reply(
        &self,
        question: impl Fn() -> std::io::Result<crate::http::Reply>,
    ) -> Result<crate::http::Reply, String> {
        insist(question).map_err(|error| self.complaint(&format!("no answer to a question: {error}")))
    }

    fn status(&self, question: impl Fn() -> std::io::Result<crate::http::Reply>) -> Result<u16, String> {
        self.reply(question).map(|reply| reply.status)
    }

    fn expect(&self, kept: bool, what: &str) -> Answer {
        if kept { Ok(()) } else { Err(self.complaint(what)) }
    }
}
