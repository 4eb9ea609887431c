//! Whose turn it is, and for how long.

use std::pin::pin;

use futures::FutureExt as _;

use super::super::window::LEAST;
use super::*;

/// For a registry's first request to its own server.
fn to(registry: &str, limit: usize) -> Wish<'_> {
    Wish { registry, limit, origin: registry, has_begun: false }
}

#[tokio::test]
async fn a_registry_holds_no_more_than_its_own_turns() {
    let turns = Turns::new(3);
    let (first, _second) = (turns.next(to("slow", 2)).await, turns.next(to("slow", 2)).await);
    assert!(turns.next(to("slow", 2)).now_or_never().is_none());
    let other = turns.next(to("other", 2)).now_or_never();
    assert!(other.is_some());
    assert!(turns.next(to("third", 2)).now_or_never().is_none(), "all three are taken");
    drop(first);
    assert!(turns.next(to("third", 2)).now_or_never().is_some());
}

#[tokio::test]
async fn what_becomes_free_goes_to_who_has_least() {
    let turns = Turns::new(4);
    let mut held: VecDeque<_> = (0..4).map(|_| turns.next(to("slow", 9)).now_or_never().unwrap()).collect();
    let mut waiting: Vec<_> = (0..20).map(|_| Box::pin(turns.next(to("slow", 9)))).collect();
    assert!(waiting.iter_mut().all(|next| next.now_or_never().is_none()));
    let mut late = Box::pin(turns.next(to("late", 9)));
    assert!((&mut late).now_or_never().is_none());
    held.pop_front();
    let turn = late.now_or_never().expect("who has none is next");
    // It keeps its place until it has as many as the other.
    let mut again = Box::pin(turns.next(to("late", 9)));
    assert!((&mut again).now_or_never().is_none());
    drop(turn);
    assert!(again.now_or_never().is_some());
}

#[tokio::test]
async fn equals_take_turns() {
    let turns = Turns::new(1);
    let mut turn = Some(turns.next(to("a", 1)).await);
    let mut waiting: Vec<_> = ["a", "a", "b", "b"].map(|name| (name, Box::pin(turns.next(to(name, 1))))).into();
    assert!(waiting.iter_mut().all(|(_, next)| next.now_or_never().is_none()));
    let mut order = Vec::new();
    while !waiting.is_empty() {
        drop(turn.take());
        let at = waiting.iter_mut().position(|(_, next)| match next.now_or_never() {
            Some(given) => {
                turn = Some(given);
                true
            }
            None => false,
        });
        order.push(waiting.remove(at.unwrap()).0);
    }
    assert_eq!(order, ["b", "a", "b", "a"]);
}

#[tokio::test]
async fn who_goes_away_leaves_nothing_behind() {
    let turns = Turns::new(1);
    let held = turns.next(to("a", 1)).await;
    let mut gone: Vec<_> = (0..10_000).map(|_| Box::pin(turns.next(to("a", 1)))).collect();
    assert!(gone.iter_mut().all(|next| next.now_or_never().is_none()));
    let mut given = gone.pop().unwrap();
    drop(gone);
    drop(held);
    assert!(given.as_mut().now_or_never().is_some());
    let unread = Box::pin(turns.next(to("a", 1)));
    drop(given);
    drop(unread);
    assert!(turns.next(to("a", 1)).now_or_never().is_some());
}

#[tokio::test]
async fn a_server_in_trouble_holds_up_nobody_but_itself() {
    let turns = Turns::new(64);
    let mirror = Wish { origin: "mirror", ..to("r.io", 64) };
    let mut troubled = turns.next(mirror).now_or_never().unwrap();
    troubled.note(Sign::Trouble);
    drop(troubled);
    let held: Vec<_> = (0..64).map_while(|_| turns.next(mirror).now_or_never()).collect();
    assert_eq!(held.len(), LEAST, "and by no more");
    assert!(turns.next(to("r.io", 64)).now_or_never().is_some());
    assert!(turns.next(Wish { registry: "other.io", ..mirror }).now_or_never().is_none(), "whoever it is");
}

#[tokio::test(start_paused = true)]
async fn a_server_is_asked_once_until_it_has_answered_or_taken_too_long() {
    let turns = Turns::new(64);
    let wish = Wish { origin: "https://r.io", ..to("r.io", 64) };
    let first = turns.next(wish).await;
    assert!(turns.next(wish).now_or_never().is_none());
    assert!(turns.next(to("r.io", 64)).now_or_never().is_some(), "another server");
    assert_eq!(first.answer(pin!(async { 1 })).await, 1);
    assert!(turns.next(wish).now_or_never().is_none(), "it is not over yet");
    drop(first);
    assert!(turns.next(wish).now_or_never().is_some());

    let wish = Wish { origin: "https://slow.io", ..wish };
    let first = turns.next(wish).await;
    let never = pin!(std::future::pending::<()>());
    let mut late = pin!(first.answer(never));
    assert!((&mut late).now_or_never().is_none() && turns.next(wish).now_or_never().is_none());
    tokio::time::advance(FIRST_ANSWER).await;
    assert!((&mut late).now_or_never().is_none() && turns.next(wish).now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_kept_while_its_server_answers_many_others() {
    // How many are in flight, whether it answers, and whether one of them is kept.
    for (count, after, kept) in [(9, 0, true), (8, 0, false), (9, 5, false)] {
        let turns = Turns::new(count);
        let mut held: Vec<_> = (0..count).filter_map(|_| turns.next(to("r.io", 64)).now_or_never()).collect();
        tokio::time::advance(Duration::from_secs(after)).await;
        let mut turn = held.pop().unwrap();
        turn.note(Sign::Trouble);
        turn.keep(Instant::now() + FIRST_ANSWER);
        assert_eq!(turns.next(to("r.io", 64)).now_or_never().is_none(), kept, "{count} after {after} s");
        tokio::time::sleep(FIRST_ANSWER * 2).await;
        assert!(turns.next(to("r.io", 64)).now_or_never().is_some());
    }
}

#[tokio::test]
async fn whose_time_runs_goes_before_those_who_have_not_begun() {
    let turns = Turns::new(1);
    let held = turns.next(to("a", 1)).await;
    let mut first = Box::pin(turns.next(to("a", 1)));
    let mut begun = Box::pin(turns.next(Wish { has_begun: true, ..to("a", 1) }));
    assert!((&mut first).now_or_never().is_none() && (&mut begun).now_or_never().is_none());
    drop(held);
    assert!((&mut first).now_or_never().is_none());
    drop(begun.now_or_never().expect("its turn"));
    assert!(first.now_or_never().is_some());
}
