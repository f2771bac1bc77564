//! The rules of the guard on recorded and made-up courses.

use super::*;
use crate::search::method::{AlphaSchedule, Method, Sgd, WeightOptimizer};
use crate::space::{Primitive, known_genotype};

use Primitive::{MaxPool3x3, None as Nothing, SepConv3x3, SkipConnect};

/// The recorded eigenvalues of a RobustDARTS run (S1, CIFAR-10, weight decay 3e-4, task 1) after epochs 0, 2, …, 48, 49.
const RECORDED: [f64; 26] = [
    0.179, 0.148, 0.170, 0.146, 0.121, 0.249, 0.231, 0.360, 0.225, 0.386, 0.208, 0.430, 0.508, 0.229, 0.410,
    0.502, 0.500, 0.250, 0.457, 0.517, 0.644, 0.459, 0.707, 1.319, 0.527, 0.521,
];

fn recorded() -> Vec<(usize, f64)> {
    RECORDED.iter().enumerate().map(|(i, &value)| ((2 * i).min(49), value)).collect()
}

fn method(guard: Guard, stop: StopRule) -> Method {
    Method { guard, stop, ..Method::default() }
}

fn rules(guard: Guard, stop: StopRule, epochs: usize) -> Rules {
    Rules::new(&method(guard, stop), epochs)
}

/// Epochs with so many skip connections of 8, at most 2 of them healthy, and eigenvalues where they were measured.
fn trail(skips: &[usize], eigenvalues: &[(usize, f64)]) -> Trail {
    let genotype = known_genotype("DARTS_V2").unwrap();
    let epoch = |(epoch, &skips): (usize, &usize)| Watched {
        skips,
        most_skips: Some(2),
        eigenvalue: eigenvalues.iter().find(|(at, _)| *at == epoch).map(|(_, value)| *value),
        same_ranking: 0,
        genotype: genotype.clone(),
    };
    Trail { epochs: skips.iter().enumerate().map(epoch).collect(), ..Trail::default() }
}

#[test]
fn the_recorded_trace_raises_the_alarm_at_epoch_22() {
    let rule = rules(Guard::Warn, StopRule::None, 50).eigenvalue();
    assert_eq!((rule.first, rule.fewest()), (10, 7));
    let alarm = rule.alarm(&recorded()).unwrap();
    assert_eq!((alarm.at, alarm.before), (22, 10));
    assert!((alarm.ratio - 1.453).abs() < 5e-4, "{}", alarm.ratio);
    // Nothing before it does, and a higher threshold is never reached here.
    assert_eq!(rule.alarm(&recorded()[..11]), None);
    assert_eq!(EigenvalueRule { ratio: 3.0, ..rule }.alarm(&recorded()), None);
    // Earlier rises lie before the first epoch that counts.
    let early = EigenvalueRule { first: 0, ..rule }.alarm(&recorded()).unwrap();
    assert!(early.before < 10 && early.at < 22, "{early:?}");
}

/// A mean of zero or below has no ratio.
#[test]
fn eigenvalues_below_zero_raise_no_alarm() {
    let rule = EigenvalueRule { ratio: 1.3, window: 1, distance: 1, first: 0 };
    for then in [0.0, -1.0] {
        assert_eq!(rule.alarm(&[(0, then), (1, -5.0), (2, -7.0)]), None);
    }
    assert_eq!(rule.alarm(&[(3, 1.0), (4, 2.0)]), Some(Alarm { at: 4, before: 3, ratio: 2.0 }));
}

#[test]
fn a_search_that_does_not_collapse_takes_its_last_epoch() {
    let rules = rules(Guard::Warn, StopRule::None, 20);
    let skips = [4, 3, 4, 3, 1, 1, 2, 2, 1, 0, 2];
    for n in 1..=skips.len() {
        let found = rules.judge(&trail(&skips[..n], &[]));
        let verdict = if n <= 5 { Verdict::Early } else { Verdict::Healthy };
        assert_eq!((found.verdict, found.taken, found.next), (verdict, n - 1, Course::GoOn), "{n}");
    }
}

#[test]
fn too_many_skips_are_a_collapse_from_the_sixth_epoch_on() {
    let judge = |guard, skips: &[usize]| rules(guard, StopRule::None, 50).judge(&trail(skips, &[]));
    let skips = [4, 1, 3, 1, 2, 2, 3, 4, 2, 5, 6];
    for (n, verdict, taken, end) in [
        (5, Verdict::Early, 4, false),
        (6, Verdict::Healthy, 5, false),
        (7, Verdict::Skips, 5, false),
        // The second in a row.
        (8, Verdict::Skips, 5, true),
        (9, Verdict::Healthy, 8, false),
        (10, Verdict::Skips, 8, false),
        (11, Verdict::Skips, 8, true),
    ] {
        let warned = judge(Guard::Warn, &skips[..n]);
        assert_eq!((warned.verdict, warned.taken, warned.next), (verdict, taken, Course::GoOn), "{n}");
        let stopped = judge(Guard::Stop, &skips[..n]);
        let next = if end { Course::End(End::Collapse) } else { Course::GoOn };
        assert_eq!((stopped.taken, stopped.next), (taken, next), "{n}");
        let off = judge(Guard::Off, &skips[..n]);
        assert_eq!((off.taken, off.next), (n - 1, Course::GoOn));
    }
    // Without a healthy epoch the last of those with fewest.
    assert_eq!(judge(Guard::Warn, &[8, 5, 4, 4, 5, 5, 6]).taken, 3);
}

#[test]
fn short_searches_and_late_alphas_are_judged_after_a_quarter() {
    let armed = |epochs, first_epoch| {
        let method = Method {
            schedule: AlphaSchedule { first_epoch, ..AlphaSchedule::default() },
            ..Method::default()
        };
        let rules = Rules::new(&method, epochs);
        (0..).find(|&n| rules.judge(&trail(&vec![8; n + 1], &[])).verdict == Verdict::Skips).unwrap()
    };
    assert_eq!((armed(50, 0), armed(20, 0), armed(12, 0), armed(3, 0)), (5, 5, 3, 1));
    assert_eq!((armed(50, 15), armed(25, 10)), (20, 14));
}

#[test]
fn the_alarm_counts_as_a_collapse() {
    let judge = |guard, stop, n: usize| {
        let measured: Vec<_> = recorded().into_iter().filter(|(epoch, _)| *epoch < n).collect();
        rules(guard, stop, 50).judge(&trail(&vec![1; n], &measured))
    };
    let before = judge(Guard::Warn, StopRule::None, 22);
    assert_eq!((before.verdict, before.taken, before.alarm), (Verdict::Healthy, 21, None));
    for n in [23, 40] {
        let after = judge(Guard::Warn, StopRule::None, n);
        assert_eq!((after.verdict, after.taken, after.next), (Verdict::Eigenvalue, 10, Course::GoOn));
    }
    assert_eq!(judge(Guard::Stop, StopRule::None, 23).next, Course::End(End::Collapse));
    for guard in [Guard::Off, Guard::Warn] {
        let found = judge(guard, StopRule::Eigenvalue, 23);
        assert_eq!((found.taken, found.next), (10, Course::End(End::Eigenvalue)), "{guard:?}");
    }
    let found = judge(Guard::Warn, StopRule::Adapt, 23);
    assert_eq!((found.verdict, found.taken), (Verdict::Healthy, 22));
    let back = Rollback { from: 22, to: 10, weight_decay: 3e-3 };
    assert!(
        matches!(found.next, Course::End(End::Back(found)) if (found.weight_decay - 3e-3).abs() < 1e-12
        && (found.from, found.to) == (back.from, back.to)),
        "{:?}",
        found.next
    );
    // The genotype before the rise may have collapsed itself: an earlier one is taken.
    let mut skips = vec![1; 23];
    skips[8..].fill(5);
    let measured: Vec<_> = recorded().into_iter().filter(|(epoch, _)| *epoch < 23).collect();
    let found = rules(Guard::Warn, StopRule::Eigenvalue, 50).judge(&trail(&skips, &measured));
    assert_eq!((found.verdict, found.taken), (Verdict::Skips, 7));
}

#[test]
fn the_search_goes_back_twice_at_most() {
    let rules = rules(Guard::Off, StopRule::Adapt, 50);
    let measured: Vec<_> = recorded().into_iter().take(12).collect();
    let mut trail = trail(&[1; 23], &measured);
    let mut decays = Vec::new();
    while let Course::End(End::Back(rollback)) = rules.judge(&trail).next {
        decays.push(rollback.weight_decay);
        trail.rollbacks.push(rollback);
    }
    assert!(decays.len() == 2 && (decays[0] - 3e-3).abs() < 1e-12 && (decays[1] - 3e-2).abs() < 1e-12);
    assert_eq!(rules.weight_decay_after(&trail), decays[1]);
}

/// An alarm goes back to a state that was still kept when it went off.
#[test]
fn states_are_kept_as_long_as_an_alarm_may_go_back_to_them() {
    for (window, distance, first_epoch) in [(5, 4, 0), (1, 1, 3), (4, 2, 0)] {
        let guards = Guards { window, distance, ratio: 1.0, ..Guards::default() };
        let schedule = AlphaSchedule { first_epoch, ..AlphaSchedule::default() };
        let rules = Rules::new(&Method { guards, schedule, ..method(Guard::Off, StopRule::Adapt) }, 50);
        let mut fewest = usize::MAX;
        for n in 1..50 {
            // Rises at the last measurement alone.
            let measured: Vec<_> = (0..n).map(|e| (e, if e + 1 == n { 9.0 } else { 1.0 })).collect();
            let flat: Vec<_> = measured.iter().map(|(e, _)| (*e, 1.0)).take(n - 1).collect();
            let mut done = trail(&vec![0; n - 1], &flat);
            let for_both = rules.earliest(&done);
            done.rollbacks.push(Rollback { from: 1, to: 0, weight_decay: 3e-3 });
            let kept = rules.earliest(&done);
            if let Some(alarm) = rules.eigenvalue().alarm(&measured) {
                assert!(kept <= alarm.before, "{n} {kept} {alarm:?}");
                fewest = fewest.min(alarm.before - kept);
                // From there the next alarm may come with the next measurement.
                let again: Vec<_> = (0..alarm.before + 2).map(|e| (e, 1.0 + e as f64)).collect();
                let second = EigenvalueRule { first: 0, ..rules.eigenvalue() };
                let second =
                    (first_epoch..alarm.before + 2).filter_map(|from| second.alarm(&again[from..])).filter(
                        |second| second.at == alarm.before + 1 && second.before >= rules.eigenvalue().first,
                    );
                second.for_each(|second| assert!(for_both <= second.before, "{n} {for_both} {second:?}"));
            }
        }
        assert_eq!(fewest, 0, "no more are kept than can be of use");
    }
}

#[test]
fn stop_rules_of_darts_plus() {
    let rule = rules(Guard::Off, StopRule::Skips, 50);
    let next = |skips: &[usize]| rule.judge(&trail(skips, &[])).next;
    assert_eq!(next(&[2, 2, 4, 3, 2]), Course::GoOn);
    assert_eq!(next(&[2, 2, 4, 3, 2, 1]), Course::GoOn);
    assert_eq!(next(&[2, 2, 4, 3, 2, 1, 2]), Course::End(End::Skips));
    let rule = rules(Guard::Off, StopRule::Ranking, 50);
    let mut ranked = trail(&[1; 20], &[]);
    ranked.epochs[19].same_ranking = 9;
    assert_eq!(rule.judge(&ranked).next, Course::GoOn);
    ranked.epochs[19].same_ranking = 10;
    assert_eq!(rule.judge(&ranked).next, Course::End(End::Ranking(10)));
    // After the last epoch nothing is left to be ended.
    assert_eq!(rules(Guard::Off, StopRule::Skips, 7).judge(&trail(&[2; 7], &[])).next, Course::GoOn);
}

#[test]
fn healthy_counts_go_by_the_space() {
    let rules = rules(Guard::Warn, StopRule::None, 50);
    let most =
        |operations, candidates: &[Primitive]| rules.most_skips(operations, &vec![candidates.to_vec(); 14]);
    assert_eq!(most(8, &Primitive::DARTS), Some(2));
    assert_eq!(most(6, &Primitive::NAS_BENCH_201), Some(2));
    assert_eq!(most(8, &[SkipConnect, SepConv3x3]), Some(4));
    assert_eq!(most(8, &[Nothing, SkipConnect, SepConv3x3]), Some(4));
    assert_eq!(most(8, &[MaxPool3x3, SepConv3x3]), None);
    assert_eq!((most(4, &Primitive::DARTS), most(2, &Primitive::DARTS)), (Some(2), Some(1)));
    // Nothing else can be chosen.
    assert_eq!((most(8, &[SkipConnect]), most(8, &[Nothing, SkipConnect])), (Some(8), Some(8)));
    assert_eq!(most(8, &[Primitive::Noise, SepConv3x3]), Some(4));
    let guards = Guards { skips: 5, ..Guards::default() };
    let set = Rules::new(&Method { guards, ..Method::default() }, 50);
    let of = |candidates: &[Primitive]| set.most_skips(8, &vec![candidates.to_vec(); 14]);
    assert_eq!((of(&Primitive::DARTS), of(&[SepConv3x3])), (Some(5), None));
}

#[test]
fn eigenvalues_are_measured_where_they_are_cheap() {
    let rule = |epochs, guard, stop, interval| {
        let guards = Guards { interval, ..Guards::default() };
        Rules::new(&Method { guards, ..method(guard, stop) }, epochs)
    };
    let warn = |epochs, steps| rule(epochs, Guard::Warn, StopRule::None, 0).interval(steps);
    // The official setting: every second of 50 epochs of 391 steps, and no more than 5 %.
    assert_eq!(warn(50, 391), Some(2));
    assert_eq!(warn(100, 391), Some(4));
    assert_eq!(warn(20, 391), Some(1));
    assert_eq!(warn(50, 70), Some(5));
    // A small search: too dear for as many as an alarm takes.
    assert_eq!((warn(12, 11), warn(50, 11), warn(6, 391), warn(50, 50)), (None, None, None, None));
    assert_eq!(rule(12, Guard::Warn, StopRule::None, 3).interval(11), Some(3));
    assert_eq!(rule(12, Guard::Off, StopRule::Eigenvalue, 0).interval(11), Some(1));
    assert_eq!(rule(50, Guard::Off, StopRule::None, 1).interval(391), None);
    let measured = |rules: Rules, steps| {
        let found: Vec<usize> = (0..50).filter(|&e| rules.measures(e, steps)).collect();
        assert_eq!(rules.measurements(steps), found.len());
        found
    };
    let all = measured(rule(50, Guard::Warn, StopRule::None, 0), 391);
    assert_eq!(all, recorded().iter().map(|(epoch, _)| *epoch).collect::<Vec<_>>());
    assert!(measured(rule(50, Guard::Off, StopRule::None, 0), 391).is_empty());
}

/// What a rule asks for may be more than the search has.
#[test]
fn rules_that_come_too_late_are_told() {
    let why = |stop, epochs, interval, weight_decay| {
        let mut method =
            Method { guards: Guards { interval, ..Guards::default() }, ..method(Guard::Warn, stop) };
        method.weights = WeightOptimizer::Sgd(Sgd { weight_decay, ..Sgd::default() });
        Rules::new(&method, epochs).why_never()
    };
    let too_seldom = why(StopRule::Eigenvalue, 12, 2, 3e-4).unwrap();
    assert!(too_seldom.contains("every 2 of the 12 epochs"), "{too_seldom}");
    assert!(why(StopRule::Adapt, 12, 2, 3e-4).is_some() && why(StopRule::Adapt, 50, 2, 0.03).is_some());
    assert!(why(StopRule::Ranking, 10, 0, 3e-4).is_some());
    for stop in StopRule::ALL {
        assert_eq!(why(stop, 50, 2, 3e-4), None);
    }
    // An alarm is possible exactly where nothing speaks against it: it goes off where the eigenvalue doubles every time.
    for epochs in 1..40 {
        let rules = rules(Guard::Warn, StopRule::Eigenvalue, epochs);
        let measured: Vec<(usize, f64)> =
            (0..epochs).filter(|&e| rules.measures(e, 400)).map(|e| (e, 2f64.powi(e as i32))).collect();
        let alarm = rules.eigenvalue().alarm(&measured);
        assert_eq!(alarm.is_none(), rules.why_never().is_some(), "{epochs}: {alarm:?}");
    }
}

/// Each stage is judged by itself, and the result is of the last one.
#[test]
fn stages_are_judged_one_by_one() {
    let schedule = AlphaSchedule { stage_operations: "8,3".parse().unwrap(), ..AlphaSchedule::default() };
    let rules = |guard| Rules::new(&Method { schedule: schedule.clone(), guard, ..Method::default() }, 40);
    let skips: Vec<usize> = [vec![0; 10], vec![8; 10], vec![5; 5], vec![1; 15]].concat();
    let rising: Vec<(usize, f64)> = (0..25).map(|epoch| (epoch, 2f64.powi(epoch as i32))).collect();
    let judge = |guard, done: usize| rules(guard).judge(&trail(&skips[..done], &rising[..done.min(25)]));
    let first = judge(Guard::Stop, 20);
    assert_eq!((first.verdict, first.next), (Verdict::Skips, Course::GoOn));
    assert!(first.alarm.is_some() && first.taken < 10);
    for done in 21..=25 {
        let early = judge(Guard::Stop, done);
        assert_eq!((early.verdict, early.alarm, early.taken), (Verdict::Early, None, done - 1));
    }
    let last = judge(Guard::Warn, 40);
    assert_eq!((last.verdict, last.taken, last.alarm), (Verdict::Healthy, 39, None));
    // A collapse of the last stage ends the search, with a cell of that stage.
    let collapsed: Vec<usize> = [vec![0; 20], vec![1; 8], vec![7; 4]].concat();
    let end = rules(Guard::Stop).judge(&trail(&collapsed, &[]));
    assert_eq!((end.taken, end.next), (27, Course::End(End::Collapse)));
}

/// Cells of alphas as they were drawn are none of the search's.
#[test]
fn epochs_in_which_alphas_rest_are_not_taken() {
    let schedule = AlphaSchedule { first_epoch: 15, ..AlphaSchedule::default() };
    let rules = Rules::new(&Method { schedule, ..Method::default() }, 50);
    let skips: Vec<usize> = [vec![0; 15], vec![6, 5, 4], vec![8; 12]].concat();
    assert_eq!(rules.judge(&trail(&skips, &[])).taken, 17);
}

#[test]
fn rules_that_could_never_hold_are_refused() {
    use crate::space::SearchSpace;
    let check = |stop, candidates: &[Primitive]| {
        rules(Guard::Warn, stop, 50).check(&SearchSpace::darts().with_candidates(candidates))
    };
    for stop in StopRule::ALL {
        check(stop, &Primitive::DARTS).unwrap();
    }
    check(StopRule::Skips, &[SepConv3x3, MaxPool3x3]).unwrap_err();
    check(StopRule::Ranking, &[SepConv3x3, SkipConnect]).unwrap_err();
    check(StopRule::Skips, &[SepConv3x3, SkipConnect]).unwrap();
}

#[test]
fn what_is_said() {
    let watch = Watch {
        margins: Default::default(),
        eigenvalue: None,
        cell: "normal".to_owned(),
        skips: 6,
        noise: 0,
        operations: 8,
        most_skips: Some(2),
        verdict: Verdict::Skips,
        alarm: None,
        taken: 13,
        end: None,
        rollbacks: Vec::new(),
    };
    let said = |watch: &Watch| watch.sentence(20).unwrap();
    assert_eq!(
        said(&watch),
        "the search has collapsed: 6 of the 8 operations of the normal cell are skip connections, more than the 2 of a \
         healthy one; the cell of epoch 14 is kept"
    );
    assert!(
        said(&Watch { skips: 0, noise: 6, ..watch.clone() }).contains("of the normal cell are noise, more")
    );
    let both = Watch { skips: 1, noise: 5, ..watch.clone() };
    assert!(said(&both).contains("6 of the 8 operations of the normal cell are skip connections or noise"));
    let alarm = Some(Alarm { at: 22, before: 10, ratio: 1.453 });
    let risen = Watch { verdict: Verdict::Eigenvalue, alarm, ..watch.clone() };
    assert!(
        said(&risen).contains("the curvature of the loss in the alphas is 1.45 times that of epoch 11"),
        "{}",
        said(&risen)
    );
    let back = End::Back(Rollback { from: 22, to: 10, weight_decay: 0.003 });
    let back = Watch { end: Some(back), ..risen };
    assert!(
        said(&back).starts_with("the search goes back to epoch 11, as its stop rule says, with a weight")
    );
    let healthy = Watch { verdict: Verdict::Healthy, taken: 20, ..watch };
    assert_eq!((healthy.sentence(20), healthy.verdict_in_words()), (None, "healthy".to_owned()));
    let ended = Watch { end: Some(End::Ranking(10)), ..healthy };
    assert!(said(&ended).ends_with("the same for 10 epochs; its cell is kept"), "{}", said(&ended));
}
