//! Runs jobs in parallel, and reports their results in the order of the jobs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;

/// Carries out all jobs, at most `at_once` at the same time. Reports the results in the order of the jobs.
pub(super) fn side_by_side<J: Send, R: Send>(
    jobs: Vec<J>,
    at_once: usize,
    carry_out: impl Fn(J) -> R + Sync,
    mut report: impl FnMut(R),
) {
    let number = jobs.len();
    let waiting: Mutex<VecDeque<(usize, J)>> = Mutex::new(jobs.into_iter().enumerate().collect());
    let next_job = || waiting.lock().ok()?.pop_front();
    let (sender, done) = channel();
    thread::scope(|scope| {
        for _ in 0..number.min(at_once) {
            let sender = sender.clone();
            scope.spawn(|| {
                // The sender is dropped with this thread, also if the thread panics.
                let sender = sender;
                while let Some((place, job)) = next_job() {
                    if sender.send((place, carry_out(job))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut next = 0;
        for (place, result) in done {
            early.insert(place, result);
            while let Some(result) = early.remove(&next) {
                report(result);
                next += 1;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Condvar;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// The results, where each job waits until the one after it has ended.
    #[test]
    fn results_are_in_the_order_of_the_jobs() {
        let ended = (Mutex::new(4), Condvar::new());
        let carry_out = |job: usize| {
            let (last, changed) = &ended;
            let mut last = last.lock().unwrap();
            while *last != job + 1 {
                last = changed.wait(last).unwrap();
            }
            *last = job;
            changed.notify_all();
            job * 10
        };
        let mut results = Vec::new();
        side_by_side(vec![0, 1, 2, 3], 4, carry_out, |result| results.push(result));
        assert_eq!(results, [0, 10, 20, 30]);
    }

    #[test]
    fn at_most_three_run_at_once_and_all_run() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let carry_out = |job: usize| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
            job
        };
        let mut results = Vec::new();
        side_by_side((0..100).collect(), 3, carry_out, |result| results.push(result));
        assert_eq!(results, (0..100).collect::<Vec<_>>());
        assert!(most.load(Ordering::SeqCst) <= 3);
    }

    #[test]
    fn without_a_job_nothing_is_reported() {
        side_by_side(Vec::new(), 3, |job: u8| job, |_| panic!("a result"));
    }
}
