use std::{future::ready, time::Duration};

use camelid_api_types::ErrorKind;
use tokio::time::timeout;

use super::*;

const MINUTES: KeepAlive = KeepAlive::For(Duration::from_secs(300));

fn scheduler(max_loaded: usize, max_waiting: usize) -> Arc<Scheduler<u32>> {
    // A thousand bytes of memory.
    let available_memory = || Some(1000);
    Scheduler::new(Limits { max_loaded, max_waiting, keep_alive: MINUTES, available_memory })
}

/// Asks for the model `key`; a load gives `model`, and one of at least that number is fit.
async fn acquire(
    scheduler: &Arc<Scheduler<u32>>,
    key: &str,
    model: u32,
    keep_alive: Option<KeepAlive>,
) -> Result<Lease<u32>, ApiError> {
    let is_fit = |found: &u32| *found >= model;
    let load = ready(Ok(model));
    scheduler.acquire(Plan { key, n_bytes: 400, keep_alive, is_fit: &is_fit, load }).await
}

async fn get(scheduler: &Arc<Scheduler<u32>>, key: &str) -> Lease<u32> {
    acquire(scheduler, key, 1, None).await.unwrap()
}

fn is_resident(scheduler: &Scheduler<u32>, key: &str) -> bool {
    scheduler.residents().model(key).is_some()
}

/// True while the future does not get on.
async fn is_stuck<T>(future: impl Future<Output = T> + Unpin) -> bool {
    timeout(Duration::from_millis(1), future).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn a_model_is_loaded_once_and_rests_for_its_keep_alive_time() {
    let models = scheduler(3, 10);
    let first = get(&models, "m").await;
    let second = get(&models, "m").await;
    assert!(Arc::ptr_eq(&first.model, &second.model));
    drop(first);
    tokio::time::sleep(Duration::from_secs(1000)).await;
    assert!(is_resident(&models, "m"), "it is in use");
    drop(second);
    tokio::time::sleep(Duration::from_secs(299)).await;
    assert!(is_resident(&models, "m"));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!is_resident(&models, "m"));
}

#[tokio::test(start_paused = true)]
async fn a_request_in_between_begins_the_rest_anew() {
    let models = scheduler(3, 10);
    drop(get(&models, "m").await);
    tokio::time::sleep(Duration::from_secs(200)).await;
    drop(get(&models, "m").await);
    tokio::time::sleep(Duration::from_secs(200)).await;
    assert!(is_resident(&models, "m"));
    tokio::time::sleep(Duration::from_secs(101)).await;
    assert!(!is_resident(&models, "m"));
}

#[tokio::test(start_paused = true)]
async fn a_keep_alive_stays_until_another_is_said() {
    let models = scheduler(3, 10);
    drop(acquire(&models, "m", 1, Some(KeepAlive::Forever)).await.unwrap());
    drop(get(&models, "m").await);
    tokio::time::sleep(Duration::from_secs(100_000)).await;
    assert!(is_resident(&models, "m"));
    drop(acquire(&models, "m", 1, Some(KeepAlive::UNLOAD)).await.unwrap());
    assert!(!is_resident(&models, "m"));
}

#[tokio::test]
async fn unloading_waits_for_those_who_use_the_model() {
    let models = scheduler(3, 10);
    let lease = get(&models, "m").await;
    models.unload("m");
    assert!(is_resident(&models, "m"));
    drop(lease);
    assert!(!is_resident(&models, "m"));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_not_fit_is_replaced_when_nobody_uses_it_any_more() {
    let models = scheduler(3, 10);
    let old = get(&models, "m").await;
    let mut new = Box::pin(acquire(&models, "m", 2, None));
    assert!(is_stuck(&mut new).await);
    drop(old);
    assert_eq!(*new.await.unwrap(), 2);
    assert_eq!(*acquire(&models, "m", 1, None).await.unwrap(), 2, "more than asked for is fit");
}

#[tokio::test]
async fn the_one_idle_for_longest_makes_room() {
    let models = scheduler(2, 10);
    drop(get(&models, "a").await);
    drop(get(&models, "b").await);
    drop(get(&models, "a").await);
    drop(get(&models, "c").await);
    assert!(is_resident(&models, "a") && is_resident(&models, "c"));
    assert!(!is_resident(&models, "b"));
}

#[tokio::test]
async fn memory_makes_room_before_the_number_does() {
    let models = scheduler(10, 10);
    for key in ["a", "b", "c"] {
        drop(get(&models, key).await);
    }
    assert!(!is_resident(&models, "a") && is_resident(&models, "b"), "three of 400 are over 1000");
}

#[tokio::test]
async fn a_model_larger_than_the_memory_is_refused_with_the_figures() {
    let models = scheduler(10, 10);
    drop(get(&models, "a").await);
    let load = ready(Ok(1));
    let plan = Plan { key: "b", n_bytes: 5000, keep_alive: None, is_fit: &|_| true, load };
    let error = models.acquire(plan).await.unwrap_err();
    let want = "model requires more system memory (4.9 KiB) than is available (1000 B)";
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Internal, want));
}

#[tokio::test(start_paused = true)]
async fn where_all_are_busy_one_is_waited_for() {
    let models = scheduler(1, 10);
    let busy = get(&models, "a").await;
    let mut waiting = Box::pin(acquire(&models, "b", 1, None));
    assert!(is_stuck(&mut waiting).await);
    let also = get(&models, "a").await;
    drop(busy);
    assert!(is_stuck(&mut waiting).await, "the model in memory goes on answering");
    drop(also);
    waiting.await.unwrap();
    assert!(!is_resident(&models, "a"));
}

#[tokio::test(start_paused = true)]
async fn beyond_the_queue_is_busy_and_who_gives_up_leaves_it() {
    let models = scheduler(1, 1);
    let _busy = get(&models, "a").await;
    let mut first = Box::pin(acquire(&models, "b", 1, None));
    assert!(is_stuck(&mut first).await);
    let error = acquire(&models, "c", 1, None).await.unwrap_err();
    assert_eq!(error, ApiError::busy());
    assert!(acquire(&models, "a", 1, None).await.is_ok(), "what is in memory needs no queue");
    drop(first);
    assert!(is_stuck(Box::pin(acquire(&models, "c", 1, None))).await, "there is a place again");
}

#[tokio::test]
async fn a_failed_load_leaves_nothing_behind() {
    let models = scheduler(1, 1);
    let load = ready(Err(ApiError::internal("no")));
    let plan = Plan { key: "m", n_bytes: 1, keep_alive: None, is_fit: &|_| true, load };
    assert_eq!(models.acquire(plan).await.unwrap_err().message, "no");
    assert!(!is_resident(&models, "m"));
    assert!(acquire(&models, "m", 1, None).await.is_ok());
}
