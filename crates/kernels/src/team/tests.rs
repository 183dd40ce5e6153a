use super::*;

#[test]
fn every_task_runs_exactly_once() {
    for n_threads in [0, 1, 2, 3, 8] {
        let team = ThreadTeam::new(n_threads);
        for n_tasks in [0, 1, 2, 7, 100] {
            let counts: Vec<AtomicUsize> = (0..n_tasks).map(|_| AtomicUsize::new(0)).collect();
            team.run(n_tasks, |task_idx| {
                counts[task_idx].fetch_add(1, Ordering::Relaxed);
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        }
    }
}

#[test]
fn many_short_steps_one_after_another() {
    let team = ThreadTeam::new(4);
    let n_steps = if cfg!(miri) { 20 } else { 5_000 };
    let total = AtomicUsize::new(0);
    for _ in 0..n_steps {
        team.run(5, |task_idx| {
            total.fetch_add(task_idx, Ordering::Relaxed);
        });
    }
    assert_eq!(total.into_inner(), 10 * n_steps);
}

#[test]
fn a_parked_team_wakes() {
    let team = ThreadTeam::new(2);
    for _ in 0..3 {
        // On a busy machine the helper may get no time to spin for a while.
        let idle_since = Instant::now();
        while !team.shared.parked[0].load(Ordering::SeqCst) {
            assert!(idle_since.elapsed() < Duration::from_secs(20), "idle helpers park");
            thread::sleep(SPIN_TIME);
        }
        // Both tasks must be under way at once, so the helper has to come.
        let barrier = std::sync::Barrier::new(2);
        team.run(2, |_| {
            barrier.wait();
        });
    }
}

#[test]
fn a_panic_reaches_the_caller_and_the_team_lives_on() {
    let team = ThreadTeam::new(3);
    for bad_task in [0, 5, 49] {
        let result = catch_unwind(AssertUnwindSafe(|| {
            team.run(50, |task_idx| assert_ne!(task_idx, bad_task, "task {bad_task} fails"));
        }));
        let payload = result.unwrap_err();
        let text = payload.downcast_ref::<String>().unwrap();
        assert!(text.contains(&format!("task {bad_task} fails")), "{text}");
    }
    let n_run = AtomicUsize::new(0);
    team.run(50, |_| {
        n_run.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(n_run.into_inner(), 50);
}

#[test]
fn steps_from_many_threads_and_from_inside_a_step() {
    let team = ThreadTeam::new(3);
    let n_run = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    team.run(4, |_| {
                        team.run(3, |_| {
                            n_run.fetch_add(1, Ordering::Relaxed);
                        });
                    });
                }
            });
        }
    });
    assert_eq!(n_run.into_inner(), 4 * 20 * 4 * 3);
}

#[test]
fn parts_are_handed_out_once_each() {
    let team = ThreadTeam::new(2);
    let mut data = vec![0u32; 1000];
    team.run_each(data.chunks_mut(7).enumerate().collect(), |(part_idx, part)| {
        part.iter_mut().for_each(|item| *item += part_idx as u32);
    });
    assert!(data.iter().enumerate().all(|(idx, &item)| item == (idx / 7) as u32));
}
