//! Work that takes long, and those who watch it.
//!
//! A [`Job`] runs by itself and notes its steps; any number of streams tell them, each from the
//! first. When nobody watches any more the work is given up. What a slow watcher misses is only how
//! far a blob was: of a row of steps that are about the same blob the last is kept.

use std::{collections::VecDeque, sync::Arc};

use camelid_api_types::{ApiError, ResponseStream, ollama::ProgressResponse};
use futures_util::{StreamExt, stream};
use tokio::{sync::watch, task::AbortHandle};

/// The steps so far, and how it ended.
#[derive(Debug, Default)]
struct Log {
    steps: Vec<ProgressResponse>,
    end: Option<Result<(), ApiError>>,
}

/// Where work notes its steps.
#[derive(Debug, Clone)]
pub(super) struct Reporter(Arc<watch::Sender<Log>>);

impl Reporter {
    /// Notes a step that is about no blob.
    pub(super) fn status(&self, status: impl Into<String>) {
        self.step(ProgressResponse::status(status));
    }

    /// Notes a step.
    pub(super) fn step(&self, step: ProgressResponse) {
        self.0.send_modify(|log| match log.steps.last_mut() {
            Some(last) if is_same_blob(last, &step) => *last = step,
            _ => log.steps.push(step),
        });
    }

    /// The error to give up with when nobody watches: work on a thread of its own is not stopped
    /// from outside.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        if self.0.is_closed() { Err(ApiError::cancelled()) } else { Ok(()) }
    }

    /// The last step's text.
    #[cfg(feature = "transfer")]
    pub(super) fn last_status(&self) -> Option<String> {
        self.0.borrow().steps.last().map(|step| step.status.clone())
    }
}

fn is_same_blob(a: &ProgressResponse, b: &ProgressResponse) -> bool {
    !a.digest.is_empty() && (&a.digest, &a.status) == (&b.digest, &b.status)
}

/// Work under way. Dropping it gives up.
#[derive(Debug)]
pub(super) struct Job {
    log: watch::Receiver<Log>,
    task: AbortHandle,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Job {
    /// Starts work.
    pub(super) fn start<F>(work: impl FnOnce(Reporter) -> F) -> Arc<Self>
    where
        F: Future<Output = Result<(), ApiError>> + Send + 'static,
    {
        let (sender, log) = watch::channel(Log::default());
        let reporter = Reporter(Arc::new(sender));
        let end = Reporter(Arc::clone(&reporter.0));
        let work = work(reporter);
        let task = tokio::spawn(async move {
            let result = work.await;
            end.0.send_modify(|log| log.end = Some(result));
        });
        Arc::new(Self { log, task: task.abort_handle() })
    }

    /// Whether there is still something to wait for.
    #[cfg(any(test, feature = "transfer"))]
    pub(super) fn is_running(&self) -> bool {
        self.log.borrow().end.is_none()
    }

    /// Everything from the first step to the end.
    pub(super) fn watch(self: Arc<Self>) -> ResponseStream<ProgressResponse> {
        let log = self.log.clone();
        let watcher = Watcher {
            _job: self,
            log,
            n_told: 0,
            last: None,
            ready: VecDeque::new(),
            ended: false,
        };
        stream::unfold(watcher, Watcher::next).boxed()
    }
}

/// One who watches.
struct Watcher {
    _job: Arc<Job>,
    log: watch::Receiver<Log>,
    n_told: usize,
    /// The step told last, which may have changed since.
    last: Option<ProgressResponse>,
    ready: VecDeque<Result<ProgressResponse, ApiError>>,
    ended: bool,
}

impl Watcher {
    async fn next(mut self) -> Option<(Result<ProgressResponse, ApiError>, Self)> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some((item, self));
            }
            if self.ended {
                return None;
            }
            self.read();
            if self.ready.is_empty() && !self.ended && self.log.changed().await.is_err() {
                // The work's task is gone without an end: a bug ended it.
                self.read();
                if !self.ended {
                    self.ended = true;
                    let error = ApiError::internal("the work broke off because of a bug");
                    self.ready.push_back(Err(error));
                }
            }
        }
    }

    /// Takes what is new.
    fn read(&mut self) {
        let log = self.log.borrow_and_update();
        // The step told last may be further now.
        let from = match self.n_told.checked_sub(1) {
            Some(last) if log.steps.get(last) != self.last.as_ref() => last,
            _ => self.n_told,
        };
        self.ready.extend(log.steps[from..].iter().cloned().map(Ok));
        self.n_told = log.steps.len();
        self.last = log.steps.last().cloned();
        if let Some(end) = &log.end {
            self.ended = true;
            self.ready.extend(end.clone().err().map(Err));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn blob(completed: u64) -> ProgressResponse {
        let status = "pulling x".to_owned();
        ProgressResponse { status, digest: "x".to_owned(), total: 9, completed }
    }

    #[tokio::test]
    async fn everyone_is_told_everything_however_late_they_come() {
        let (go_on, wait) = oneshot::channel::<()>();
        let job = Job::start(|report| async move {
            report.status("a");
            report.step(blob(1));
            wait.await.unwrap();
            report.step(blob(2));
            report.status("b");
            Err(ApiError::not_found("c"))
        });
        let mut early = Arc::clone(&job).watch();
        assert_eq!(early.next().await, Some(Ok(ProgressResponse::status("a"))));
        assert_eq!(early.next().await, Some(Ok(blob(1))));
        assert!(job.is_running());
        go_on.send(()).unwrap();
        let rest: Vec<_> = early.collect().await;
        let end = [Ok(blob(2)), Ok(ProgressResponse::status("b")), Err(ApiError::not_found("c"))];
        assert_eq!(rest, end);
        assert!(!job.is_running());
        let late: Vec<_> = job.watch().collect().await;
        assert_eq!(late[1..], end);
    }

    #[tokio::test]
    async fn work_that_nobody_watches_is_given_up() {
        let (dropped, notice) = oneshot::channel::<()>();
        let job = Job::start(|_| async move {
            let _dropped = dropped;
            std::future::pending().await
        });
        drop(job.watch());
        assert!(notice.await.is_err(), "the sender is dropped with the work");
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_not_silence() {
        let job = Job::start(|_| async { panic!("as the test wants") });
        let steps: Vec<_> = job.watch().collect().await;
        assert!(matches!(&steps[..], [Err(error)] if error.message.contains("bug")), "{steps:?}");
    }
}
