//! `softcell report` and `softcell genotype draw`.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use softcell::export::safetensors;
use softcell::model::TrainedModel;
use softcell::run::RunFolder;

use crate::support::{Said, TINY, destination, fail, images, read_json, run, softcell, succeed};
use crate::transcript::Transcript;

/// A run of many seconds.
const LONGER: &str = "fit --images-per-class 20 --search-init-channels 2 --search-layers 2 --nodes 1 \
                      --search-epochs 60 --train-init-channels 2 --train-layers 2 --train-epochs 200 \
                      --batch-size 16 --no-all-images --checkpoint-seconds 0 --out r --resume";

fn page(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

#[track_caller]
fn assert_has(page: &str, words: &[&str]) {
    for word in words {
        assert!(page.contains(word), "no {word:?} in a page of {} bytes", page.len());
    }
}

/// Starts a run and waits until it has finished an epoch of this stage.
#[cfg(unix)]
fn started(here: &Path, stage: &str) -> Child {
    let mut child = softcell(here, LONGER)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let (clock, line) = (Instant::now(), format!("\"stage\":\"{stage}\""));
    while !std::fs::read_to_string(here.join("r/history.jsonl")).is_ok_and(|text| text.contains(&line)) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before an epoch of {stage}");
        assert!(clock.elapsed() < Duration::from_secs(300), "no epoch of {stage}");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

#[test]
fn a_finished_run_ends_with_its_page() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let said = succeed(here, &format!("fit {TINY} --out r"));
    assert!(said.out.contains("report.html"), "{}", said.out);
    let at_the_end = page(&here.join("r/report.html"));
    let result = read_json(&here.join("r/result.json"));
    let accuracy = format!("{:.2} %", 100.0 * result["test_accuracy"].as_f64().unwrap());
    assert_has(
        &at_the_end,
        &[
            &accuracy,
            "95 % confidence",
            "normal cell",
            "data:image/png;base64,",
            "All settings (config.toml)",
        ],
    );
    assert!(!at_the_end.contains("was stopped") && at_the_end.len() < 3_000_000);
    // Made again it is the same, wherever it is written to.
    std::fs::remove_file(here.join("r/report.html")).unwrap();
    assert_eq!(succeed(here, "report --run r").out, "r/report.html\n");
    assert_eq!(page(&here.join("r/report.html")), at_the_end);
    assert_eq!(succeed(here, "report --run r --out elsewhere.html").out, "elsewhere.html\n");
    assert_eq!(page(&here.join("elsewhere.html")), at_the_end);

    // Never over another file.
    let config = page(&here.join("r/config.toml"));
    fail(here, "report --run r --out r/config.toml", 1, &["a file that a run needs"]);
    fail(here, "report --run r --out r", 1, &["found a folder"]);
    assert_eq!(page(&here.join("r/config.toml")), config);
    fail(here, "report --run nowhere", 1, &["nowhere"]);
    std::fs::create_dir(here.join("empty")).unwrap();
    fail(here, "report --run empty", 1, &["empty"]);
    fail(here, "report", 2, &["--run"]);
    fail(here, "report --compare r", 2, &["--compare"]);

    succeed(here, &format!("fit {TINY} --seed 3 --out s"));
    assert_eq!(succeed(here, "report --compare r s").out, "compare.html\n");
    let both = page(&here.join("compare.html"));
    assert_has(&both, &["<code>r</code>", "<code>s</code>", "<th>seed</th><td>2</td><td>3</td>", &accuracy]);
    fail(here, "report --compare r nowhere --out other.html", 1, &["nowhere"]);
    assert!(!here.join("other.html").exists());
}

/// The lines of a CSV file, the head among them.
fn lines(file: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(file).unwrap();
    reader.records().map(|line| line.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn wrong_answers_say_which_image_they_are_of() {
    let here = tempfile::tempdir().unwrap();
    let root = images(here.path());
    let here = here.path();
    let with_data = |args: &str| -> Said {
        let mut command = softcell(here, args);
        command.arg("--data").arg(&root);
        command.output().unwrap().into()
    };
    let train = "train --genotype DARTS_V1 --init-channels 2 --layers 2 --epochs 1 --batch-size 4 --out r";
    assert_eq!(with_data(train).code, Some(0));
    // All classes exchanged: what is right becomes wrong.
    let model = TrainedModel::load(&RunFolder::view(&here.join("r")).unwrap()).unwrap();
    safetensors::write(&model, &destination(&here.join("w.safetensors"))).unwrap();
    succeed(here, "import --weights w.safetensors --classes light,dark --out exchanged");
    let mut wrong = Vec::new();
    for run in ["r", "exchanged"] {
        let said = with_data(&format!("evaluate --run {run} --part all --mistakes {run}.csv --json"));
        assert!(said.code == Some(0) && said.err.contains(&format!("wrong answers: {run}.csv")), "{said:?}");
        let of_run = lines(&here.join(format!("{run}.csv")));
        assert_eq!(of_run[0], ["path", "class", "answer", "probability"]);
        let accuracy = said.json()["test_accuracy"].as_f64().unwrap();
        assert_eq!(of_run.len() - 1, (24.0 * (1.0 - accuracy)).round() as usize);
        let sure: Vec<f32> = of_run[1..].iter().map(|line| line[3].parse().unwrap()).collect();
        assert!(sure.is_sorted_by(|a, b| a >= b), "{sure:?}");
        wrong.extend_from_slice(&of_run[1..]);
    }
    // Each image is wrong in one of them, and is where its path says.
    assert_eq!(wrong.len(), 24);
    wrong.sort();
    wrong.dedup_by(|a, b| a[0] == b[0]);
    assert_eq!(wrong.len(), 24);
    for line in &wrong {
        assert!(root.join(&line[0]).is_file() && line[0].starts_with(&line[1]), "{line:?}");
    }
    // What predict says of such an image is the same answer with the same probability.
    let of_r = lines(&here.join("r.csv"));
    if let Some(line) = of_r.get(1) {
        let said =
            Said::from(softcell(here, "predict --run r --json").arg(root.join(&line[0])).output().unwrap());
        assert_eq!(said.json()[0]["class"], line[2].as_str());
        let probability = said.json()[0]["probability"].as_f64().unwrap();
        assert!((probability - line[3].parse::<f64>().unwrap()).abs() < 1e-5, "{said:?}");
    }
    assert_eq!(with_data("evaluate --run r --mistakes r.csv").code, Some(1), "never over another file");
    assert_eq!(with_data("evaluate --run r --mistakes r.csv --force").code, Some(0));
    fail(here, "evaluate --run r --force", 2, &["--mistakes"]);
    // Of a run: the report and its record.
    succeed(here, &format!("fit {TINY} --out digits"));
    let mistakes = read_json(&here.join("digits/mistakes.json"));
    assert!(mistakes["listed"][0]["file"].as_str().unwrap().starts_with("digits["), "{mistakes}");
    let result = read_json(&here.join("digits/result.json"));
    assert_eq!(result["calibration"]["bins"].as_array().unwrap().len(), 15);
    let evaluated = succeed(here, "evaluate --run digits --json --mistakes all.csv").json();
    assert_eq!(evaluated["calibration"], result["calibration"]);
    assert_eq!(lines(&here.join("all.csv")).len() as u64 - 1, mistakes["count"].as_u64().unwrap());
    let page = page(&here.join("digits/report.html"));
    assert_has(
        &page,
        &["How sure the network is", "Reliability curve", "digits[", "--mistakes mistakes.csv"],
    );
    // As earlier versions left a run.
    for (name, keys) in [("result.json", &["calibration"][..]), ("mistakes.json", &["listed"])] {
        let mut record = read_json(&here.join("digits").join(name));
        keys.iter().for_each(|key| drop(record.as_object_mut().unwrap().remove(*key).unwrap()));
        std::fs::write(here.join("digits").join(name), record.to_string()).unwrap();
    }
    succeed(here, "report --run digits --out old.html");
    assert!(!std::fs::read_to_string(here.join("old.html")).unwrap().contains("How sure the network is"));
}

/// A folder with a program of this name that does what the script says.
#[cfg(unix)]
fn program(folder: &Path, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_page_is_opened_where_something_opens_it() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(
        here,
        "search --images-per-class 20 --init-channels 2 --layers 2 --nodes 1 --epochs 1 --batch-size 16 --out r",
    );
    let programs = here.join("programs");
    std::fs::create_dir(&programs).unwrap();
    let open = || -> Said {
        softcell(here, "report --run r --open").env("PATH", &programs).output().unwrap().into()
    };
    let said = open();
    assert!(said.code == Some(1) && said.out == "r/report.html\n", "{said:?}");
    assert!(said.err.contains("no program here opens it (tried xdg-open"), "{said:?}");
    // One that fails is passed over; the path is a whole one.
    program(&programs, "xdg-open", "exit 3");
    program(&programs, "gio", &format!("echo \"$2\" > {}", here.join("opened").display()));
    let said = open();
    assert!(said.code == Some(0) && said.out == "r/report.html\n" && said.err.is_empty(), "{said:?}");
    let opened = std::fs::read_to_string(here.join("opened")).unwrap();
    assert_eq!(Path::new(opened.trim()), here.join("r/report.html"));
}

#[cfg(unix)]
#[test]
fn a_run_has_a_page_while_it_goes_on_and_after_it_was_killed() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let report = || {
        succeed(here, "report --run r");
        page(&here.join("r/report.html"))
    };
    let mut child = started(here, "search");
    assert_has(&report(), &["The search is going on", "there is no network yet", "The cells so far"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let stopped = report();
    assert_has(&stopped, &["The search was stopped", "It goes on with", "of 60 epochs"]);
    assert!(!stopped.contains("The training was"), "there was none");
    fail(here, "genotype draw r --out r.svg", 1, &["no genotype yet"]);

    let mut child = started(here, "train");
    assert_has(&report(), &["The training is going on", "of 200 epochs"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let stopped = report();
    assert_has(&stopped, &["The training was stopped", "validation images so far", "of 200 epochs"]);
    assert!(!stopped.contains("of the test images correctly") && !stopped.contains("test accuracy"));
}

#[test]
fn a_search_alone_ends_with_a_page_as_well() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let said = succeed(
        here,
        "search --images-per-class 20 --init-channels 2 --layers 2 --nodes 1 --epochs 1 --out r",
    );
    assert!(said.out.contains("report.html"), "{}", said.out);
    assert_has(
        &page(&here.join("r/report.html")),
        &["its network is not trained", "normal cell", "data:image/png"],
    );
}

#[test]
fn an_imported_network_has_a_page_without_a_history() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(
        here,
        "train --genotype DARTS_V1 --init-channels 2 --layers 2 --epochs 1 --batch-size 64 --out r",
    );
    let model = TrainedModel::load(&RunFolder::view(&here.join("r")).unwrap()).unwrap();
    safetensors::write(&model, &destination(&here.join("w.safetensors"))).unwrap();
    for (out, more) in [("without", ""), ("with", " --data digits")] {
        succeed(here, &format!("import --weights w.safetensors --out {out}{more}"));
        succeed(here, &format!("report --run {out}"));
        let page = page(&here.join(out).join("report.html"));
        assert_has(&page, &["was imported", "w.safetensors", "normal cell", "softcell evaluate"]);
        for wrong in
            ["not trained", "was stopped", "<h2>The training", "comes to the same bits", " epochs of batches"]
        {
            assert!(!page.contains(wrong), "{out}: {wrong}");
        }
    }
}

#[test]
fn a_page_that_cannot_be_written_costs_no_result() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let search =
        "search --images-per-class 20 --init-channels 2 --layers 2 --nodes 1 --epochs 2 --batch-size 16";
    succeed(here, &format!("{search} --out r"));
    // A folder is in the way.
    std::fs::remove_file(here.join("r/report.html")).ok();
    std::fs::create_dir_all(here.join("r/report.html/mine")).unwrap();
    let said = succeed(here, "fit --out r --resume");
    assert!(said.err.contains("the report could not be written"), "{}", said.err);
    assert!(said.out.contains("test accuracy") && here.join("r/result.json").exists(), "{}", said.out);
    assert!(!said.out.contains("report.html"), "{}", said.out);
    assert!(here.join("r/report.html/mine").is_dir());
    assert!(run(here, "report --run r").code == Some(1));
    succeed(here, "report --run r --out page.html");
}

#[cfg(unix)]
#[test]
fn names_of_classes_are_text_and_nothing_else() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let root = images(here);
    // A name of a folder cannot have a true slash.
    let hostile = "<script>alert(1)<\u{2215}script>";
    std::fs::rename(root.join("dark"), root.join(hostile)).unwrap();
    std::fs::rename(&root, here.join("<img src=x onerror=alert(1)>")).unwrap();
    let args = "fit --search-init-channels 2 --search-layers 2 --nodes 1 --search-epochs 1 --train-init-channels 2 \
                --train-layers 2 --train-epochs 1 --batch-size 4 --out r --data";
    let output = softcell(here, args).arg("<img src=x onerror=alert(1)>").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let page = page(&here.join("r/report.html"));
    assert!(!page.contains(hostile) && !page.contains("<img src=x") && !page.contains("<script>alert"));
    assert_has(&page, &["&lt;script&gt;alert(1)&lt;", "&lt;img src=x onerror=alert(1)&gt;"]);
}

#[test]
fn cells_are_drawn_as_files() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --out r"));
    let bytes = |name: &str| std::fs::read(here.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let text = |name: &str| String::from_utf8(bytes(name)).unwrap();
    assert_eq!(succeed(here, "genotype draw DARTS_V2 --out v2.svg").out, "v2.svg\n");
    let svg = text("v2.svg");
    assert!(svg.starts_with("<svg ") && svg.contains("normal cell") && svg.contains("reduction cell"));
    succeed(here, "genotype draw DARTS_V2 --cell normal --out normal.svg");
    assert!(!text("normal.svg").contains("reduction cell"));
    succeed(here, "genotype draw DARTS_V2 --out V2.PNG --scale 1");
    let small = image::load_from_memory(&bytes("V2.PNG")).unwrap();
    succeed(here, "genotype draw DARTS_V2 --out large.png");
    let large = image::load_from_memory(&bytes("large.png")).unwrap();
    assert_eq!((large.width(), large.height()), (2 * small.width(), 2 * small.height()));

    // A run folder, its file, and its text are the same cell.
    succeed(here, "genotype draw r --out run.svg");
    succeed(here, "genotype draw r/genotype.json --out file.svg");
    let genotype = std::fs::read_to_string(here.join("r/genotype.txt")).unwrap();
    let output = softcell(here, "genotype draw --out text.svg").arg(genotype.trim()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(bytes("run.svg") == bytes("file.svg") && bytes("run.svg") == bytes("text.svg"));

    // The search, epoch by epoch.
    succeed(here, "genotype draw --run r --out r.svg");
    assert!(text("r.svg").contains("epoch"));
    succeed(here, "genotype draw --run r --out r.gif");
    assert!(bytes("r.gif").starts_with(b"GIF89a"));

    let mut told = Transcript::new(here);
    told.fail("genotype draw DARTS_V2 --out v2.svg", 1);
    succeed(here, "genotype draw DARTS_V1 --out v2.svg --force");
    assert_ne!(text("v2.svg"), svg);
    told.fail("genotype draw DARTS_V2 --out a.gif", 1);
    told.fail("genotype draw DARTS_V2 --out a", 1);
    told.fail("genotype draw --run r --out a.png", 1);
    told.fail("genotype draw DARTS_V2", 2);
    told.fail("genotype draw DARTS_V2 --out a.png --scale 1000", 2);
    told.check("genotype-draw-wrong");
    assert!(!here.join("a.svg").exists() && !here.join("a.png").exists());
}
