//! Enrol a second factor: after a fresh proof, in force only after its first code (SEC-85).

use super::TRIES;
use crate::error::{Error, Fault};
use crate::verb::{Claimed, Turn};
use domain::change::{Change, FactorChange};
use domain::event::EventKind;
use domain::factor::half_way::{HalfWay, HalfWayKind};
use domain::factor::totp::{SEED_BYTES, STEP_SECONDS};
use domain::factor::{Answer, Factor, Factors, TOTP_PURPOSE, base32};
use domain::input::{Flaw, Input, Rule};
use domain::outcome::{Enrolment, Outcome};
use domain::refusal::Refusal;
use domain::rule::factor::confirming;
use domain::secret::Secret;
use domain::user::{Account, User};
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use zeroize::Zeroizing;

/// Pixels of a QR code, at least.
const QR_PIXELS: u32 = 240;

impl Turn<'_> {
    /// Gives a new seed. A factor in force stays so until the new one has shown a code.
    pub(in crate::verb) async fn enrol_factor(
        &self,
        half_way: Option<&Secret>,
        password: Option<&Secret>,
        otp: Option<&Secret>,
    ) -> Result<Outcome, Error> {
        let mut checked = None;
        let mut counted = false;
        for _ in 0..TRIES {
            let account = match half_way {
                Some(token) => self.hold_half_way(token, HalfWayKind::Enrol).await?.1,
                None => self.bearer().await?.account,
            };
            let proof = match half_way {
                // The password was right when the token was given, and there was no factor.
                Some(_) => None,
                None => {
                    let password = password.ok_or_else(missing_password)?;
                    let verified = self.check(&mut checked, Claimed::Account(&account), password).await?;
                    if !verified.matches {
                        tokio::time::sleep(verified.remaining_to_floor).await;
                        return self.refuse_factor(&account, Refusal::InvalidCredentials).await;
                    }
                    if account.user.second_factor {
                        match self.prove_given(&mut counted, &account, otp).await? {
                            Ok(proof) => Some(proof),
                            Err(refusal) => return self.refuse_factor(&account, refusal).await,
                        }
                    } else {
                        None
                    }
                }
            };
            let (from, before, told) = match proof {
                Some(proof) => (Some(proof.from), proof.to, proof.told),
                None => match self.engine.store().factors(account.user.id).await? {
                    // It came into force just now: then it has to be shown.
                    Some((_, factors)) if factors.active().is_some() => continue,
                    Some((version, factors)) => (Some(version), factors, Vec::new()),
                    None => (None, Factors::default(), Vec::new()),
                },
            };
            let (factor, enrolment) = self.new_totp(&account.user)?;
            let (user, to) = (account.user.id, Box::new(before.enrolling(factor, self.scene.now)));
            let mut changes = vec![Change::Factor(FactorChange::Put { user, from, to })];
            changes.extend(told);
            changes.push(self.scene.note(EventKind::FactorEnrolling, Some(user), None));
            if self.record(changes).await?.is_ok() {
                return Ok(Outcome::FactorEnrolling(Box::new(enrolment)));
            }
        }
        Err(Fault::Contended("enrol_factor").into())
    }

    /// Puts the factor in force that waits, ends every session that never showed it, and opens a new one (SEC-68).
    pub(in crate::verb) async fn confirm_factor(
        &self,
        half_way: Option<&Secret>,
        otp: &Secret,
    ) -> Result<Outcome, Error> {
        let mut counted = false;
        for _ in 0..TRIES {
            let (mut account, held) = self.enrolling(half_way).await?;
            let user = account.user.id;
            let Some((from, after, codes)) = self.confirmed(&mut counted, &account, otp).await? else {
                return self.refuse_factor(&account, Refusal::FactorWrong).await;
            };
            let (mut session, place) = self.new_session()?;
            session.with_factor = true;
            let mut changes: Vec<Change> = held
                .map(|held| FactorChange::UseHalfWay { digest: held.digest, at: self.scene.now })
                .map(Change::Factor)
                .into_iter()
                .collect();
            changes.extend(confirming(&account, from, after, session.clone(), &self.scene));
            if self.record(changes).await?.is_err() {
                continue;
            }
            account.valid_after = account.valid_after.max(account.cut_line(self.scene.now));
            account.user.second_factor = true;
            account.epoch += 1;
            account.user.last_login_at = Some(self.scene.now);
            let tokens = self.first_tokens(&account, &session, place)?;
            tracing::debug!(user = user.0, "a second factor is in force");
            return Ok(Outcome::FactorConfirmed { user: account.user, tokens, recovery_codes: codes });
        }
        Err(Fault::Contended("confirm_factor").into())
    }

    async fn enrolling(&self, half_way: Option<&Secret>) -> Result<(Account, Option<HalfWay>), Error> {
        match half_way {
            Some(token) => {
                let (held, account) = self.hold_half_way(token, HalfWayKind::Enrol).await?;
                Ok((account, Some(held)))
            }
            None => Ok((self.bearer().await?.account, None)),
        }
    }

    /// The version that was read, the state with the new factor in force, and its recovery codes. None: a wrong code.
    async fn confirmed(
        &self,
        counted: &mut bool,
        account: &Account,
        otp: &Secret,
    ) -> Result<Option<(i64, Factors, Vec<Secret>)>, Error> {
        let user = account.user.id;
        let Some(answer @ Answer::Code(_)) = Answer::parse(otp.expose()) else { return Ok(None) };
        self.count_guess(counted, user, &answer).await??;
        let Some((from, factors)) = self.engine.store().factors(user).await? else { return Ok(None) };
        let Some(factor) = factors.pending(self.scene.now) else { return Ok(None) };
        let seed = self.unsealed(user, factor)?;
        let (codes, digests) = self.new_recovery_codes()?;
        let after = factors.confirmed(&answer, seed.expose(), self.scene.now, &digests);
        Ok(after.map(|after| (from, after, codes)))
    }

    fn new_totp(&self, user: &User) -> Result<(Factor, Enrolment), Fault> {
        let seed = Zeroizing::new(self.engine.chance().bytes::<SEED_BYTES>()?);
        let nonce = self.engine.chance().bytes()?;
        let sealed = self.engine.master().seal(TOTP_PURPOSE, user.id, &*seed, nonce);
        let sealed = sealed.map_err(|fault| Fault::Crypto(fault.to_string()))?;
        let secret = Secret::new(base32::encode(&*seed));
        let uri = self.uri(user, &secret);
        let code = QrCode::with_error_correction_level(uri.expose(), EcLevel::M)
            .map_err(|error| Fault::Crypto(format!("no QR code: {error}")))?;
        let qr = code.render::<svg::Color<'_>>().min_dimensions(QR_PIXELS, QR_PIXELS).build();
        Ok((Factor::totp(sealed), Enrolment { secret, uri, qr: Secret::new(qr) }))
    }

    /// `otpauth://totp/SERVER:USER?…`, as authenticator apps read it.
    fn uri(&self, user: &User, secret: &Secret) -> Secret {
        let house = self.scene.house.factors.name.as_str();
        let issuer = self.scene.contract.issuer.as_str();
        let host = issuer.split_once("://").map_or(issuer, |(_, host)| host);
        let server = escaped(if house.is_empty() { host } else { house });
        let who = user.email.as_deref().or(user.username.as_deref()).unwrap_or("user");
        Secret::new(format!(
            "otpauth://totp/{server}:{}?secret={}&issuer={server}&algorithm=SHA1&digits=6&period={STEP_SECONDS}",
            escaped(who),
            secret.expose()
        ))
    }
}

fn missing_password() -> Refusal {
    Refusal::InvalidInput(vec![Flaw::new(Input::Password, Rule::Required)])
}

/// Everything but unreserved characters (RFC 3986 section 2.3) in percent.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
