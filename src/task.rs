//! What became of a task.

use tokio::task::JoinError;

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
    #[should_panic(expected = "a bug")]
    async fn a_panic_goes_on() {
        outcome(tokio::spawn(async { panic!("a bug") }).await);
    }
}
