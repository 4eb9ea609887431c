//! What became of a task, and work that has a thread of its own.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::{JoinError, spawn_blocking};

/// What a task made; `None` when it was let go, as the runtime shuts down.
///
/// # Panics
/// When the task did: a bug of ours, which ends whoever waited as if there were no task between.
pub fn outcome<T>(ended: Result<T, JoinError>) -> Option<T> {
    match ended.map_err(JoinError::try_into_panic) {
        Ok(made) => Some(made),
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => None,
    }
}

/// Does `work` on a thread of its own, as it takes long or may never end. It goes on when nobody waits for it any more.
///
/// # Panics
/// When `work` did.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let done = Arc::new(Mutex::new(None));
    let place = Arc::clone(&done);
    // To the runtime all such work is of one type: it has a good deal of code for each.
    let work: Box<dyn FnOnce() + Send> = Box::new(move || {
        let made = work();
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
    });
    outcome(spawn_blocking(work).await)?;
    done.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_ends_as_its_work_did() {
        assert_eq!(outcome(tokio::spawn(async { 7 }).await), Some(7));
        let task = tokio::spawn(std::future::pending::<()>());
        task.abort();
        assert_eq!(outcome(task.await), None);
    }

    #[tokio::test]
    async fn what_is_made_aside_comes_back() {
        assert_eq!(aside(|| 7).await, Some(7));
    }

    #[tokio::test]
    #[should_panic(expected = "a bug")]
    async fn a_panic_goes_on() {
        outcome(tokio::spawn(async { panic!("a bug") }).await);
    }
}
