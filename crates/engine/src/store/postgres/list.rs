//! How does PostgreSQL run the statements of a list, all or none, in one round trip?
//!
//! Everything is sent at once: the beginning, the statements, the end. A statement that must touch a row fails where it
//! touches none, and with it the whole list; the end then undoes it.

use super::fault::Trouble;
use super::fold;
use super::session::{Session, bound};
use super::strand::Strand;
use super::writers::Writer;
use crate::error::Fault;
use crate::store::apply::{Answer, List, Question, looks_round, moment, tells, writes_late};
use crate::store::events::{self, Head, Trail};
use crate::store::links;
use crate::store::row::Row;
use crate::store::sql::Sql;
use crate::store::step::{Expect, Step, Unfit};
use crate::store::trail::{BOUNDARY, Boundary};
use crate::store::users;
use crate::store::value::values;
use domain::change::{Applied, Change, Conflict};
use domain::event::Event;
use domain::id::{SessionId, UserId};
use domain::token::Digest;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use tokio_postgres::{Client, Error, Row as Found, Statement};

const NEXT_USER: &str = "SELECT nextval('user_ids')";
/// A number that was given from outside is not given again.
static SKIP_TO: Sql = Sql::same("SELECT setval('user_ids', $1) FROM user_ids WHERE last_value < $1");

/// What became of a list.
#[derive(Debug)]
pub(super) enum Run {
    /// It is applied and durable.
    Done(Applied),
    /// It meets what is stored; nothing is written.
    Conflict(Conflict),
    /// Nothing is written, and another try may succeed.
    Again,
    /// Another writes the same strand; nothing is written.
    Moved,
    /// The connection is gone and nothing is written.
    Lost(String),
    /// The connection is gone and the list is perhaps applied; the proof tells, if there can be one.
    Perhaps(Option<Proof>, String),
    /// It can not be applied.
    Failed(Fault),
}

/// How one finds out whether a list was applied whose answers were lost, and what it gave.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    /// What stands in the database if it was.
    pub mark: Mark,
    /// What it gave, as far as it was told.
    pub applied: Applied,
    /// Whether it was not told how many sessions have ended.
    pub uncounted: bool,
}

/// What only this list, or one that does the same, can have written.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    /// The last row of its events, in its place of the strand.
    Row(Head),
    /// The digest of the refresh token that is in force.
    Successor(SessionId, Digest),
}

/// A list on its way.
struct Plan<'a> {
    steps: Vec<Step<'a>>,
    statements: Vec<Statement>,
    list: List,
    /// Where the strand will end.
    head: Option<Head>,
}

/// Applies a list.
pub(super) async fn run(writer: &mut Writer, changes: &[Change]) -> Run {
    let run = match attempt(writer, changes).await {
        Ok(run) => return run,
        Err(Stop::Conflict(conflict)) => Run::Conflict(conflict),
        Err(Stop::Fault(fault)) => Run::Failed(fault),
        Err(Stop::Client(error)) => before_the_end(&error),
    };
    // What was begun is undone; if that fails, the connection is dropped and with it the transaction.
    let gone = matches!(run, Run::Lost(_));
    if !gone && writer.session.client().batch_execute("ROLLBACK").await.is_err() {
        writer.session.abandon();
    }
    run
}

/// Why a list did not get as far as its end.
enum Stop {
    Client(Error),
    Conflict(Conflict),
    Fault(Fault),
}

impl From<Unfit> for Stop {
    fn from(unfit: Unfit) -> Stop {
        match unfit {
            Unfit::Conflict(conflict) => Stop::Conflict(conflict),
            Unfit::Fault(fault) => Stop::Fault(fault),
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Client(error)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Fault(fault)
    }
}

async fn attempt(writer: &mut Writer, changes: &[Change]) -> Result<Run, Stop> {
    let Writer { session, strand, key, .. } = writer;
    if tells(changes) && strand.is_none() {
        *strand = Some(Strand::take(session, key).await?);
    }
    let nobodys = Strand::none(key);
    let strand_now = strand.as_ref().unwrap_or(&nobodys);
    let added = new_users(session, changes).await?;
    let asks = changes.iter().any(|change| Question::of(change).is_some());
    let alone = looks_round(changes);
    let begin = if alone { session.begin_alone() } else { session.begin() };
    if asks {
        session.client().batch_execute(begin).await?;
    }
    let mut answers = Vec::with_capacity(changes.len());
    for change in changes {
        answers.push(answer(session, change).await?);
    }
    let (mut trail, first) = strand_now.trail(moment(changes));
    let first = first.filter(|_| tells(changes));
    let mut plan = plan(changes, &answers, added, (&mut trail, first.as_ref()))?;
    let single = if asks || alone { None } else { at_once(session, &plan, changes).await? };
    let run = match single {
        Some(run) => run,
        None => step_by_step(session, (!asks).then_some(begin), &mut plan, changes).await?,
    };
    if let (Run::Done(_), Some(head), Some(strand)) = (&run, plan.head, strand) {
        strand.moved(head);
    }
    Ok(run)
}

/// Applies a list with each statement for itself.
async fn step_by_step(
    session: &Session,
    begin: Option<&str>,
    plan: &mut Plan<'_>,
    changes: &[Change],
) -> Result<Run, Error> {
    for step in &plan.steps {
        let guarded = matches!(step.expect, Expect::Row(_) | Expect::User);
        plan.statements.push(session.known(step.sql, guarded, || text(step)).await?);
    }
    let sent = send(session.client(), begin, plan).await;
    Ok(judge(plan, sent, changes))
}

/// The ids of the users that a list adds; taken beforehand, because later statements and the trail name them.
async fn new_users(session: &Session, changes: &[Change]) -> Result<VecDeque<UserId>, Stop> {
    let unnumbered = |change: &&Change| matches!(change, Change::AddUser(user) if user.id.is_none());
    let mut numbers = VecDeque::new();
    for _ in changes.iter().filter(unnumbered) {
        let rows = session.query(NEXT_USER, &[]).await?;
        let row = rows.first().ok_or(Stop::Fault(Fault::Gone("the numbers of users")))?;
        numbers.push_back(UserId(row.try_get(0)?));
    }
    Ok(numbers)
}

async fn answer(session: &Session, change: &Change) -> Result<Answer, Stop> {
    match Question::of(change) {
        None => Ok(Answer::Nothing),
        Some(Question::Boundary { before, at }) => {
            let rows = session.query(BOUNDARY.postgres, &values![before.millis()]).await?;
            let bounds: Result<_, Fault> =
                rows.iter().map(|row| Boundary::read(&Row::Postgres(row))).collect();
            Ok(Answer::bounds(bounds?, at))
        }
        Some(Question::Counts(offer)) => {
            for turn in links::turns(offer) {
                session.query(links::TURN, &values![turn]).await?;
            }
            let mut counts = Vec::with_capacity(offer.letters.len());
            for offered in &offer.letters {
                let values = links::counted(offered, offered.letter.at);
                for row in session.query(links::COUNT.postgres, &values).await? {
                    counts.push((row.try_get(0)?, row.try_get(1)?));
                }
            }
            Ok(Answer::counts(offer, counts))
        }
    }
}

fn plan<'a>(
    changes: &'a [Change],
    answers: &'a [Answer],
    numbers: VecDeque<UserId>,
    (trail, first): (&mut Trail<'_>, Option<&'a Event>),
) -> Result<Plan<'a>, Unfit> {
    let mut list = List::with_numbers(numbers);
    let mut steps: Vec<Step<'a>> = Vec::with_capacity(changes.len() + 2);
    steps.extend(writes_late(changes).map(users::hold));
    steps.extend(first.map(|event| trail.add(event, None)));
    for (change, answer) in changes.iter().zip(answers) {
        steps.extend(list.steps(change, answer, trail)?);
    }
    if !changes.iter().any(|change| matches!(change, Change::PruneTrail { .. })) {
        // A number that was given is gone, whatever becomes of the list: events come after all that can refuse it.
        steps.sort_by_key(|step| std::ptr::eq(step.sql, &events::ADD));
    }
    let given = |change: &Change| if let Change::AddUser(user) = change { user.id } else { None };
    steps.extend(changes.iter().filter_map(given).map(|id| Step::any(&SKIP_TO, values![id.0])));
    let moved = trail.move_head();
    let head = moved.is_some().then(|| trail.head());
    steps.extend(moved);
    Ok(Plan { statements: Vec::with_capacity(steps.len()), steps, list, head })
}

/// A statement that must touch a row is made to fail where it touches none: it divides by their number.
fn text(step: &Step<'_>) -> String {
    let sql = step.sql.postgres;
    let returning = if gives_rows(sql) { "" } else { " RETURNING 1" };
    match step.expect {
        Expect::Anything | Expect::Ended | Expect::Removed => sql.to_owned(),
        Expect::Row(_) | Expect::User => {
            format!("WITH touched AS ({sql}{returning}) SELECT 1 / count(*) FROM touched")
        }
    }
}

/// Whether rows come back as the statement is.
pub(super) fn gives_rows(sql: &str) -> bool {
    sql.starts_with("SELECT") || sql.contains(" RETURNING ")
}

/// What one statement gave.
enum Gave {
    Nothing,
    Rows(Vec<Found>),
    Count(u64),
}

/// Something on its way, and what came of it.
type Sent<F> = (Pin<Box<F>>, Option<<F as Future>::Output>);

/// Awaits all, each begun before the next one: what they send is sent in order.
pub(super) async fn in_order<F: Future>(sent: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut sent: Vec<Sent<F>> = sent.map(|one| (Box::pin(one), None)).collect();
    poll_fn(|cx| {
        let mut pending = false;
        for (one, answer) in &mut sent {
            if answer.is_none() {
                match one.as_mut().poll(cx) {
                    Poll::Ready(result) => *answer = Some(result),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    sent.into_iter().filter_map(|(_, answer)| answer).collect()
}

/// What is sent.
#[derive(Clone, Copy)]
enum Part<'p> {
    Nothing,
    Words(&'p str),
    Step(&'p Step<'p>, &'p Statement),
}

/// Sends all of it before the first answer; gives what came of each, the beginning and the end included.
async fn send(client: &Client, begin: Option<&str>, plan: &Plan<'_>) -> Vec<Result<Gave, Error>> {
    let steps = plan.steps.iter().zip(&plan.statements).map(|(step, statement)| Part::Step(step, statement));
    let parts =
        [begin.map_or(Part::Nothing, Part::Words)].into_iter().chain(steps).chain([Part::Words("COMMIT")]);
    in_order(parts.map(|part| send_one(client, part))).await
}

async fn send_one(client: &Client, part: Part<'_>) -> Result<Gave, Error> {
    let (step, statement) = match part {
        Part::Nothing => return Ok(Gave::Nothing),
        Part::Words(words) => return client.batch_execute(words).await.map(|()| Gave::Nothing),
        Part::Step(step, statement) => (step, statement),
    };
    let values = bound(&step.values);
    match step.expect {
        Expect::Removed => client.execute(statement, &values).await.map(Gave::Count),
        Expect::Anything | Expect::Row(_) | Expect::User | Expect::Ended => {
            client.query(statement, &values).await.map(Gave::Rows)
        }
    }
}

/// Applies a list that is one statement. None: it is none, or something is in its way; then each step tells which.
async fn at_once(session: &Session, plan: &Plan<'_>, changes: &[Change]) -> Result<Option<Run>, Stop> {
    let Some(shape) = fold::shape(&plan.steps) else { return Ok(None) };
    let statement = session.folded(&shape, || fold::text(&plan.steps)).await?;
    let values = bound(fold::values(&plan.steps));
    let Err(error) = session.client().query(&statement, &values).await else {
        return Ok(Some(Run::Done(plan.list.applied())));
    };
    Ok(match Trouble::of(&error) {
        Trouble::Again => Some(Run::Again),
        Trouble::Moved => Some(Run::Moved),
        Trouble::Conflict(_) | Trouble::Untouched | Trouble::Skipped => None,
        Trouble::Failed(why) => Some(Run::Failed(Fault::Database(why))),
        Trouble::Lost(why) if error.as_db_error().is_some() => Some(Run::Lost(why)),
        Trouble::Lost(why) => Some(Run::Perhaps(proof(plan, &[], changes), why)),
    })
}

fn judge(plan: &mut Plan<'_>, sent: Vec<Result<Gave, Error>>, changes: &[Change]) -> Run {
    let last = sent.len().saturating_sub(1);
    let mut perhaps = None;
    let mut untold = Vec::new();
    for (at, result) in sent.into_iter().enumerate() {
        let step = at.checked_sub(1).and_then(|at| plan.steps.get(at));
        match result {
            Ok(gave) => {
                if let Some(step) = step
                    && let Err(fault) = take(step.expect, gave, &mut plan.list)
                {
                    // It is committed all the same; what it gave can not be read.
                    return Run::Failed(fault);
                }
            }
            Err(error) => match Trouble::of(&error) {
                Trouble::Again => return Run::Again,
                Trouble::Moved => return Run::Moved,
                Trouble::Conflict(conflict) => return Run::Conflict(conflict),
                Trouble::Untouched => {
                    return match step {
                        Some(step) if moves(plan, step) => Run::Moved,
                        Some(Step { expect: Expect::Row(conflict), .. }) => Run::Conflict(*conflict),
                        _ => Run::Conflict(Conflict::IdTaken),
                    };
                }
                Trouble::Failed(why) => return Run::Failed(Fault::Database(why)),
                Trouble::Skipped => {}
                Trouble::Lost(why) if error.as_db_error().is_some() && at < last => return Run::Lost(why),
                Trouble::Lost(why) => {
                    perhaps.get_or_insert(why);
                    untold.extend(step.map(|step| step.expect));
                }
            },
        }
    }
    match perhaps {
        None => Run::Done(plan.list.applied()),
        Some(why) => Run::Perhaps(proof(plan, &untold, changes), why),
    }
}

/// How one finds out about a list some of whose answers are missing. None: nothing would show it, or what it gave.
fn proof(plan: &Plan<'_>, untold: &[Expect], changes: &[Change]) -> Option<Proof> {
    let mark = match (plan.head, changes) {
        (Some(head), _) => Mark::Row(head),
        (None, [Change::RotateSession { session, to, .. }]) => Mark::Successor(*session, *to),
        (None, _) => return None,
    };
    if untold.contains(&Expect::Removed) {
        return None;
    }
    Some(Proof { mark, applied: plan.list.applied(), uncounted: untold.contains(&Expect::Ended) })
}

/// Whether a step is the one that moves the head of the strand.
fn moves(plan: &Plan<'_>, step: &Step<'_>) -> bool {
    plan.head.is_some() && plan.steps.last().is_some_and(|last| std::ptr::eq(last, step))
}

fn take(expect: Expect, gave: Gave, list: &mut List) -> Result<(), Fault> {
    match (expect, gave) {
        (Expect::Ended, Gave::Rows(rows)) => {
            for row in &rows {
                list.sum.ended += u64::from(Row::Postgres(row).bool(0)?);
            }
        }
        (Expect::Removed, Gave::Count(count)) => list.sum.removed += count,
        (_, Gave::Nothing | Gave::Rows(_) | Gave::Count(_)) => {}
    }
    Ok(())
}

/// What an error means that came before the end was sent: nothing is written.
fn before_the_end(error: &Error) -> Run {
    match Trouble::of(error) {
        Trouble::Again => Run::Again,
        Trouble::Conflict(conflict) => Run::Conflict(conflict),
        Trouble::Lost(why) => Run::Lost(why),
        Trouble::Moved => Run::Moved,
        trouble @ (Trouble::Untouched | Trouble::Skipped | Trouble::Failed(_)) => {
            Run::Failed(trouble.into_fault())
        }
    }
}
