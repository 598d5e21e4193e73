//! What does a hashing thread do all day?

use super::pace::Pace;
use super::queue::{Done, Job, Next, Queue};
use domain::password::{Backend, Params, Workspace};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// What every hashing thread shares.
pub struct Bench {
    pub backend: Backend,
    pub params: Params,
    pub pace: Pace,
    pub queue: Arc<Queue>,
}

impl Bench {
    fn workspace(&self) -> Workspace {
        Workspace::keeping(self.backend, &self.params)
    }
}

/// Runs jobs until the queue is closed.
pub fn run(bench: &Bench) {
    if let Err(error) = lower_priority() {
        tracing::warn!(%error, "the hashing threads keep the normal priority");
    }
    let mut workspace = bench.workspace();
    let mut rested = true;
    loop {
        match bench.queue.next(rested) {
            Next::Run(job, permit) => {
                let answer = run_job(bench, job, &mut workspace);
                drop(permit);
                if let Some((to, done)) = answer {
                    // The asker may have gone meanwhile.
                    let _ = to.send(done);
                }
                rested = false;
            }
            Next::Rest => {
                workspace.release();
                rested = true;
            }
            Next::End => return,
        }
    }
}

type Answered = Option<(tokio::sync::oneshot::Sender<Done>, Done)>;

/// One job. A panic ends only this job: its asker is told, and the thread goes on with a new workspace.
fn run_job(bench: &Bench, job: Job, workspace: &mut Workspace) -> Answered {
    let Job { label, stretch, work, answer: to, timing: _timing, .. } = job;
    let started = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| work(workspace)));
    let spent = started.elapsed();
    let Ok((answer, hashes)) = result else {
        tracing::error!("a hashing thread panicked and starts anew");
        *workspace = bench.workspace();
        bench.queue.count_panic();
        return None;
    };
    bench.pace.observe(&label, spent / hashes.max(1) / stretch.max(1));
    bench.queue.count_done(hashes);
    Some((to?, Done { answer, spent }))
}

/// Gives way to the threads that answer requests (REL-08). Linux counts niceness by thread.
#[cfg(target_os = "linux")]
fn lower_priority() -> std::io::Result<()> {
    const NICE: i32 = 10;
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE)?;
    Ok(())
}

/// Elsewhere niceness belongs to the whole process and stays as it is.
#[cfg(not(target_os = "linux"))]
fn lower_priority() -> std::io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_the_hashing_thread_gives_way() {
        let priority = || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
        let before = priority();
        let inside = std::thread::spawn(move || {
            lower_priority().unwrap();
            priority()
        });
        assert_eq!(inside.join().unwrap(), 10.max(before));
        assert_eq!(priority(), before);
    }
}
