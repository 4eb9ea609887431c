//! One flight for each key: what is asked for twice at once, or twice in a run, is done once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

/// Values by key, each made once.
#[derive(Debug)]
pub struct OnceMap<K, V>(Mutex<HashMap<K, Arc<OnceCell<V>>>>);

impl<K: Eq + Hash, V: Clone> OnceMap<K, V> {
    /// The value for `key`, made by `make` if there is none yet.
    ///
    /// While one asker makes it, the others wait. When it fails or gives up, the next of them tries with its own
    /// `make`, so that one asker's credential or deadline never decides for another.
    pub async fn get_or_try<E>(&self, key: K, make: impl Future<Output = Result<V, E>>) -> Result<V, E> {
        let cell = Arc::clone(self.lock().entry(key).or_default());
        cell.get_or_try_init(|| make).await.cloned()
    }

    /// The value for `key`, if it was made.
    pub fn get(&self, key: &K) -> Option<V> {
        self.lock().get(key)?.get().cloned()
    }

    /// Takes `value` for `key` unless there is one. Returns the one that is there then.
    pub fn offer(&self, key: K, value: V) -> V {
        let mut map = self.lock();
        let cell = map.entry(key).or_default();
        // That another value came first is as good.
        let _ = cell.set(value.clone());
        cell.get().cloned().unwrap_or(value)
    }

    /// Lets go of `key`; those who wait for its value get it still.
    pub fn forget(&self, key: &K) {
        self.lock().remove(key);
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Takes out every key whose value was made, with it, in no order.
    pub fn take_all(&self) -> impl Iterator<Item = (K, V)> {
        let all = std::mem::take(&mut *self.lock());
        let value = |cell: Arc<OnceCell<V>>| match Arc::try_unwrap(cell) {
            Ok(cell) => cell.into_inner(),
            // Somebody still waits for it.
            Err(cell) => cell.get().cloned(),
        };
        all.into_iter().filter_map(move |(key, cell)| Some((key, value(cell)?)))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<OnceCell<V>>>> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Default for OnceMap<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn five_hundred_askers_are_one_flight() {
        let (map, made) = (OnceMap::default(), AtomicUsize::new(0));
        let asker = || {
            map.get_or_try("key", async {
                tokio::task::yield_now().await;
                Ok::<_, ()>(made.fetch_add(1, Ordering::SeqCst))
            })
        };
        let answers = futures::future::join_all((0..500).map(|_| asker())).await;
        assert!(answers.iter().all(|answer| *answer == Ok(0)));
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_failure_is_its_askers_own() {
        let map = OnceMap::<_, u8>::default();
        let failing = map.get_or_try("key", async {
            tokio::task::yield_now().await;
            Err("refused")
        });
        let good = map.get_or_try("key", async { Ok::<_, &str>(7) });
        assert_eq!(futures::join!(failing, good), (Err("refused"), Ok(7)));
        assert_eq!(map.get_or_try("key", async { Err("not asked") }).await, Ok(7));
    }
}
