//! Tests of the pages.

use super::testing::{HOSTILE, finished};
use super::*;
use crate::run::Activity;
use crate::search::CellLeaning;
use crate::space::{CellGene, EdgeGene, Genotype, Primitive};

/// The page without its own styles and scripts, which are the same in all.
fn body(page: &str) -> &str {
    let start = page.find("<body>").expect("there is a body");
    &page[start..page.find("<script type").or(page.find("<script>")).expect("there are scripts")]
}

/// The numbers of the charts.
fn charts(page: &str) -> serde_json::Value {
    let mark = "<script type=\"application/json\" id=\"charts\">";
    let Some(start) = page.find(mark) else { return serde_json::Value::Array(Vec::new()) };
    let text = &page[start + mark.len()..];
    serde_json::from_str(&text[..text.find("</script>").unwrap()]).unwrap()
}

fn assert_self_contained(page: &str) {
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
    let body = body(page);
    // The policy allows no style but the page's own.
    for word in ["http:", "https:", "src=\"//", "@import", "url(", " style="] {
        assert!(!body.contains(word), "{word}");
    }
    // Every chart has its place, once.
    let charts = charts(page);
    for chart in charts.as_array().unwrap() {
        let id = chart["id"].as_str().unwrap();
        assert_eq!(body.matches(&format!("data-chart=\"{id}\"")).count(), 1, "{id}");
        for series in chart["series"].as_array().unwrap() {
            assert_eq!(series["values"].as_array().unwrap().len(), chart["x"].as_array().unwrap().len());
        }
    }
    assert_eq!(body.matches("data-chart=").count(), charts.as_array().unwrap().len());
    // As the policy allows only these scripts.
    assert_eq!(page.matches("<script").count(), 2 + usize::from(charts != serde_json::json!([])));
}

/// What the last epoch of the search says of the normal cell.
fn normal(run: &mut RunRecord) -> &mut CellLeaning {
    run.search.last_mut().unwrap().cells.0.cells_mut().next().unwrap()
}

fn assert_has(page: &str, words: &[&str]) {
    for word in words {
        assert!(page.contains(word), "no {word:?} in {}", body(page));
    }
}

#[test]
fn a_finished_run_is_told_in_full() {
    let page = report(&finished(&["ant", "bee", "cat"], 12, 12));
    assert_self_contained(&page);
    assert_has(
        &page,
        &[
            "<strong>90.00 %</strong> of 300 test images",
            "between 86.1 % and 92.9 % (95 % confidence)",
            "123,456 parameters",
            "the search took 12.5 s and the training 1m10s",
            "The weights of epoch 11 are kept, the best ones",
            "30 test images got a wrong answer",
            "softcell fit --config runs/a/config.toml --out AGAIN",
            "[search]",
            "321 MB",
            "taken at their word, as far as 300 images tell: on average it gives its answers 90.0 %",
            "<div class=\"main rough\"><b>\u{2248} 90.00 %",
            "<noscript><svg viewBox",
            "ant/1.png",
            "softcell evaluate --run runs/a --mistakes mistakes.csv",
            "What the network sees",
        ],
    );
    let charts = charts(&page);
    assert_eq!(charts.as_array().unwrap().len(), 3 + 4 + 28);
    // The second epoch had no loss that is a number.
    let loss = charts.as_array().unwrap().iter().find(|c| c["id"] == "search-loss").unwrap().clone();
    assert!(loss["series"][1]["values"][1].is_null());
}

#[test]
fn names_are_harmless() {
    for page in [
        report(&finished(&[HOSTILE, "\"><img src=x onerror=alert(1)>", "a&b"], 6, 6)),
        comparison(&[finished(&[HOSTILE, "b"], 2, 2), {
            let mut other = finished(&["a", "b"], 2, 2);
            other.place = HOSTILE.to_owned();
            other
        }]),
    ] {
        assert_self_contained(&page);
        assert!(!page.contains(HOSTILE) && !page.contains("<img src=x"));
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(!page.contains("javascript:"), "only pictures are shown");
    }
    let page = report(&finished(&[HOSTILE, "b"], 6, 6));
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_run_has_a_report_at_any_moment() {
    let whole = finished(&["ant", "bee"], 12, 12);
    let mut trained = whole.clone();
    (trained.result, trained.mistakes) = (None, None);
    trained.train.truncate(5);
    let page = report(&trained);
    assert_has(
        &page,
        &["The training was stopped after 5 of 12 epochs", "validation images so far is 49.17 %"],
    );
    assert_self_contained(&page);
    trained.activity = Activity::Busy;
    assert_has(&report(&trained), &["The training is going on after 5 of 12 epochs"]);

    let mut found = trained.clone();
    found.train.clear();
    found.activity = Activity::Idle;
    assert_has(&report(&found), &["its network is not trained", "parameters"]);

    let mut searching = found.clone();
    searching.genotype = None;
    searching.search.truncate(3);
    let page = report(&searching);
    assert_has(
        &page,
        &["The search was stopped after 3 of 12 epochs", "The cells so far", "does not predict"],
    );
    assert_self_contained(&page);

    let mut empty = searching.clone();
    empty.search.clear();
    (empty.manifest, empty.samples) = (None, None);
    let page = report(&empty);
    assert_has(&page, &["after 0 of 12 epochs", "no cell before the first epoch", "before it wrote down"]);
    assert_self_contained(&page);

    let mut given = whole.clone();
    given.search.clear();
    given.result.as_mut().unwrap().search_seconds = None;
    let page = report(&given);
    assert_has(&page, &["The genotype was given", "softcell train --genotype 'Genotype("]);
    assert!(!page.contains("the search took"));
    assert_self_contained(&page);
}

#[test]
fn long_and_large_runs_stay_small() {
    let names: Vec<String> =
        (0..200).map(|i| format!("a class with quite a long name, number {i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut run = finished(&names, 600, 600);
    // Every epoch another cell.
    let [a, b]: [Genotype; 2] = ["NASNet", "AmoebaNet"].map(|n| crate::space::known_genotype(n).unwrap());
    for (i, epoch) in run.search.iter_mut().enumerate() {
        epoch.genotype = if i % 2 == 0 { a.clone() } else { b.clone() };
    }
    let picture = format!("data:image/jpeg;base64,{}", "A".repeat(6000));
    for class in &mut run.samples.as_mut().unwrap().classes[..20] {
        class.pictures = vec![picture.clone(); 6];
    }
    run.mistakes.as_mut().unwrap().examples =
        vec![
            crate::run::Mistake { truth: 1, answer: 2, probability: 0.5, file: "x".repeat(300), picture };
            18
        ];
    let page = report(&run);
    assert_self_contained(&page);
    assert_has(&page, &["And 160 more classes", "The most frequent wrong answers", "of which 40 are shown"]);
    let charts = charts(&page);
    let alphas = charts.as_array().unwrap().iter().find(|c| c["id"] == "alphas-normal-0").unwrap().clone();
    let x = alphas["x"].as_array().unwrap();
    assert!(x.len() <= 240 && x[0] == 1 && x[x.len() - 1] == 600);
}

#[test]
fn large_cells_have_fewer_pictures() {
    // Nodes of two operations, other ones every epoch.
    let cell = |nodes: usize, epoch: usize| CellGene {
        inputs: 2,
        nodes: (0..nodes)
            .map(|i| {
                let gene = |source| EdgeGene { primitive: Primitive::ALL[1 + (i + epoch) % 7], source };
                vec![gene(i), gene(i + 1)]
            })
            .collect(),
        concat: (2..2 + nodes).collect(),
    };
    let page = |nodes: usize| {
        let mut run = finished(&["ant", "bee"], 50, 600);
        let genotype = |epoch| Genotype::darts(cell(nodes, epoch), cell(nodes, epoch + 1));
        for (epoch, line) in run.search.iter_mut().enumerate() {
            line.genotype = genotype(epoch);
        }
        run.genotype = Some(genotype(49));
        let page = report(&run);
        assert_self_contained(&page);
        page
    };
    assert_has(&page(4), &["50 different cells one after another, of which 40 are shown"]);
    let twenty = page(20);
    assert!(twenty.contains("of which ") && !twenty.contains("of which 40 are shown"));
    assert_has(&page(100), &["This cell is too large to be drawn"]);
}

#[test]
fn runs_are_put_side_by_side() {
    let one = finished(&["ant", "bee"], 6, 6);
    let mut other = finished(&["ant", "bee"], 9, 6);
    other.place = "runs/b".to_owned();
    let page = comparison(&[one.clone(), other.clone()]);
    assert_self_contained(&page);
    assert_has(
        &page,
        &[
            "runs/a",
            "runs/b",
            "search.epochs",
            "85.1 % to 93.4 %",
            "The 95 % intervals of runs/a and runs/b overlap: the difference may be chance.",
            "Test accuracy over parameters",
        ],
    );
    assert!(!page.contains("of different images") && !page.contains("balanced accuracy"));
    let mut uneven = other.clone();
    uneven.result.as_mut().unwrap().confusion = vec![vec![90, 10], vec![5, 15]];
    assert_has(&comparison(&[one.clone(), uneven]), &["balanced accuracy", "macro-F1"]);
    other.manifest.as_mut().unwrap().data_fingerprint = "other".to_owned();
    assert_has(&comparison(&[one.clone(), other.clone()]), &["The runs are of different images"]);
    let mut unfinished = other;
    (unfinished.result, unfinished.genotype) = (None, None);
    unfinished.search.clear();
    unfinished.train.clear();
    assert_self_contained(&comparison(&[one, unfinished]));
}

#[test]
fn warnings_are_given_where_they_are_due() {
    let said = |run: &RunRecord| {
        warnings(run).iter().map(|w| format!("{} {}", w.what, w.advice)).collect::<Vec<_>>().join("\n")
    };
    let mut run = finished(&["ant", "bee", "cat"], 12, 12);
    // Enough test images, a cell that settled, alphas that decided.
    for row in &mut run.result.as_mut().unwrap().confusion {
        row.iter_mut().for_each(|n| *n *= 100);
    }
    run.result.as_mut().unwrap().test_images *= 100;
    assert_eq!(said(&run), "");
    let due = |change: fn(&mut RunRecord), words: &str| {
        let mut run = run.clone();
        change(&mut run);
        let said = said(&run);
        assert!(said.contains(words) && said.lines().count() == 1, "{words}: {said}");
    };
    due(
        |run| {
            let result = run.result.as_mut().unwrap();
            result.confusion.iter_mut().flatten().for_each(|n| *n /= 100);
            result.test_images /= 100;
        },
        "300 images leave the accuracy anywhere from 86.1 % to 92.9 %",
    );
    due(
        |run| run.train.last_mut().unwrap().valid_accuracy = Some(0.6),
        "learns the training images by heart",
    );
    due(
        |run| normal(run).entropy = 2.05,
        "have not converged: their entropy is 98.6 % of that of no preference",
    );
    due(
        |run| run.search.last_mut().unwrap().genotype = run.search[0].genotype.clone(),
        "still changing at the end of the search: 1 change in the last 2 epochs",
    );
    due(|run| normal(run).skips = 5, "Skip connections rose from 2 to 5 of the 8 operations");
    due(|run| run.result.as_mut().unwrap().epoch = 11, "still getting better in its last epoch");
    due(
        |run| {
            for row in &mut run.result.as_mut().unwrap().confusion {
                row.swap(0, 1);
                row.swap(1, 2);
            }
        },
        "no better than one that always answers the most frequent class",
    );
    // Of uneven classes it is asked whether all of them are told apart.
    let uneven = |confusion: [[u64; 2]; 2]| {
        let mut run = finished(&["many", "rare"], 12, 12);
        let result = run.result.as_mut().unwrap();
        result.confusion = confusion.map(Vec::from).to_vec();
        result.test_images = confusion.iter().flatten().sum();
        said(&run)
    };
    assert!(!uneven([[400, 100], [2, 18]]).contains("no better than one"));
    for confusion in [[[500, 0], [20, 0]], [[400, 100], [0, 1]], [[400, 100], [15, 5]]] {
        assert!(uneven(confusion).contains("no better than one that always answers"), "{confusion:?}");
    }
    due(|run| run.result.as_mut().unwrap().confusion[1] = vec![0, 4, 0], "Fewer than 10 test images of bee");
    due(|run| run.result = None, "The training was stopped before its end: 12 of 12 epochs");
}

#[test]
fn a_search_of_two_epochs_is_warned_of() {
    for epochs in [1, 2, 3] {
        let mut run = finished(&["ant", "bee"], epochs, 12);
        normal(&mut run).entropy = 2.05;
        let said: Vec<String> = super::findings(&run).into_iter().map(|warning| warning.what).collect();
        assert!(said.iter().any(|what| what.contains("have not converged")), "{epochs}: {said:?}");
    }
}

#[test]
fn accuracies_say_how_sure_they_are() {
    let tiles = |run| {
        let page = report(&run);
        let tiles = page[page.find("class=\"facts\"").unwrap()..].to_owned();
        tiles[..tiles.find("<main>").unwrap()].to_owned()
    };
    let mut run = finished(&["ant", "bee"], 6, 6);
    run.result.as_mut().unwrap().test_images = 10_000;
    let page = tiles(run.clone());
    // Wilson: 9,000 of 10,000 and 36 of 40.
    assert!(page.contains("<small>10,000 images, 89.4 to 90.6 % (95 %)</small>"), "{page}");
    assert!(
        page.contains("<div class=\"rough\"><b>\u{2248} 91.00 %</b><span>validation accuracy</span>"),
        "{page}"
    );
    assert!(page.contains("<small>rough: 40 images, 76.9 to 96.0 %"), "{page}");
    assert_eq!(page.matches("rough").count(), 2, "{page}");
    run.result.as_mut().unwrap().validation_images = None;
    assert!(!tiles(run).contains("rough"), "runs of earlier versions do not know");
}

#[test]
fn control_characters_are_shown() {
    let page = report(&finished(&["\u{1b}[31mred", "two\nlines\u{202e}"], 2, 2));
    assert!(!body(&page).contains(['\u{1b}', '\u{202e}']) && page.contains("\\u{1b}[31mred"));
}

/// A search of which the guard saw a collapse in epoch 7, and measured the eigenvalue every second epoch.
#[test]
fn the_guards_view() {
    use crate::search::method::{End, Verdict, Watch};
    let mut record = finished(&["cats", "dogs"], 10, 3);
    assert!(!report(&record).contains("The guard against collapse"));
    for epoch in &mut record.search {
        let verdict = match epoch.epoch {
            0..3 => Verdict::Early,
            3..7 => Verdict::Healthy,
            _ => Verdict::Skips,
        };
        let skips = if verdict.is_collapse() { 6 } else { 1 };
        epoch.guard = Some(Watch {
            margins: [("normal", 0.125), ("reduction", 0.25)].into_iter().collect(),
            eigenvalue: (epoch.epoch % 2 == 0).then_some(0.375),
            cell: "normal".to_owned(),
            skips,
            operations: 8,
            noise: 0,
            most_skips: Some(2),
            verdict,
            alarm: None,
            taken: epoch.epoch.min(6),
            end: None,
            rollbacks: Vec::new(),
        });
    }
    let page = report(&record);
    assert_self_contained(&page);
    let text = body(&page);
    for said in [
        "The search has collapsed: 6 of the 8 operations of the normal cell are skip connections, more than the 2 of a \
         healthy one; the cell of epoch 7 is kept.",
        "too early to tell",
        "0.375",
        "its cell is kept",
    ] {
        assert!(text.contains(said), "{said}");
    }
    // One row has the mark: the epoch whose cell it is.
    assert_eq!(text.matches("<strong>its cell is kept").count(), 1);
    assert!(findings(&record).iter().any(|finding| finding.what.starts_with("The search has collapsed")));
    let ended = &mut record.search[9].guard.as_mut().unwrap();
    (ended.verdict, ended.skips, ended.end) = (Verdict::Healthy, 2, Some(End::Skips));
    let said = "The search ends, as its stop rule says: 2 of the 8 operations";
    assert!(body(&report(&record)).contains(said));
}
