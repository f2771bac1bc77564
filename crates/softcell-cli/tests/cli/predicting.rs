//! `predict`: what is answered, and how it is written.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::support::{Said, fail, read_json, softcell, succeed};
use crate::transcript::Transcript;

/// Two classes with names that CSV has to quote, and a network trained on them.
fn trained(here: &Path) {
    for (class, light) in [("dark, \"very\"", 20u8), ("light", 200)] {
        let folder = here.join("data").join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for i in 0..12u8 {
            let pixel = |x: u32, y: u32| image::Rgb([light + i, light + x as u8, light + y as u8]);
            image::RgbImage::from_fn(8, 8, pixel).save(folder.join(format!("{i:02}.png"))).unwrap();
        }
    }
    succeed(
        here,
        "fit --search-init-channels 2 --search-layers 2 --nodes 1 --search-epochs 1 --train-init-channels 4 \
         --train-layers 2 --train-epochs 8 --batch-size 4 --out r --data data",
    );
}

/// The same with these bytes on standard input.
fn piped(here: &Path, args: &[&str], bytes: &[u8]) -> Said {
    let mut command = softcell(here, "predict --run r");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    // It may end before it has read all.
    let _ = child.stdin.take().expect("it is piped").write_all(bytes);
    child.wait_with_output().unwrap().into()
}

fn predict(here: &Path, args: &[&str]) -> Said {
    softcell(here, "predict --run r").args(args).output().expect("the program starts").into()
}

#[test]
fn answers_are_written_as_asked() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    trained(here);
    let dark = "data/dark, \"very\"/00.png";

    // A table with a head; CSV that reads back; JSON by either name.
    let table = predict(here, &[dark, "data/light/03.png"]);
    let lines: Vec<&str> = table.out.lines().collect();
    assert!(lines.len() == 3 && lines[0].starts_with("image ") && lines[2].contains("light"), "{table:?}");
    let csv = predict(here, &[dark, "data/light/03.png", "--format", "csv", "--top", "2"]);
    let lines: Vec<&str> = csv.out.lines().collect();
    assert_eq!(lines[0], "path,class,probability,class_2,probability_2,error");
    assert!(lines[1].starts_with(r#""data/dark, ""very""/00.png","dark, ""very""",0."#), "{csv:?}");
    assert!(lines[2].starts_with("data/light/03.png,light,0."), "{csv:?}");
    let json = predict(here, &[dark, "--json"]);
    assert_eq!(json.out, predict(here, &[dark, "--format", "json"]).out);
    assert_eq!(json.json()[0]["class"], "dark, \"very\"");

    // To a file, which is there only when it is whole.
    let said = predict(here, &["data", "--format", "json", "--out", "answers.json"]);
    assert!(said.code == Some(0) && said.out.is_empty(), "{said:?}");
    let answers = read_json(&here.join("answers.json"));
    assert_eq!(answers.as_array().unwrap().len(), 24);
    assert_eq!(answers[12]["path"], "data/light/00.png");
    fail(here, "predict --run r data --out data", 1, &["found a folder"]);

    // More classes than there are, and more than one batch: the answers do not depend on the company.
    let more = predict(here, &["data", "data", "data", "--top", "9", "--format", "json"]).json();
    assert_eq!(more.as_array().unwrap().len(), 72);
    for i in 0..24 {
        assert_eq!(more[i]["top"].as_array().unwrap().len(), 2);
        assert_eq!(more[i]["class"], answers[i]["class"]);
        let probability = |answer: &serde_json::Value| answer["probability"].as_f64().unwrap();
        assert!((probability(&more[i]) - probability(&answers[i])).abs() < 1e-6);
        assert_eq!(more[i], more[i + 48]);
    }
}

#[test]
fn patterns_that_no_shell_expanded() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    trained(here);
    let paths = |args: &[&str]| -> Vec<String> {
        let answers = predict(here, &[args, &["--json"]].concat()).json();
        answers.as_array().unwrap().iter().map(|answer| answer["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(paths(&["data/light/0*.png"]).len(), 10);
    assert_eq!(paths(&["data/*/00.png"]), ["data/dark, \"very\"/00.png", "data/light/00.png"]);
    assert_eq!(paths(&["**/1?.png"]).len(), 4);
    assert_eq!(paths(&["data/l*"]).len(), 12, "a folder that matches stands for its images");

    let said = predict(here, &["data/*.jpg", "data/light/00.png", "--format", "csv"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("data/*.jpg: no image matches the pattern"), "{}", said.err);
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines[1].starts_with("data/*.jpg,,,") && lines[2].contains(",light,"), "{}", said.out);
    let nothing = predict(here, &["[", "--json"]);
    assert_eq!(nothing.code, Some(1));
    assert!(nothing.json()[0]["error"].as_str().unwrap().contains("neither a file nor a pattern"));
}

#[test]
fn images_and_lists_come_from_standard_input() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    trained(here);
    let image = std::fs::read(here.join("data/light/03.png")).unwrap();
    let of_file = predict(here, &["data/light/03.png", "--json"]).json();
    let answer = piped(here, &["-", "--json"], &image).json();
    assert_eq!((&answer[0]["path"], answer.as_array().unwrap().len()), (&"-".into(), 1));
    assert_eq!(answer[0]["top"], of_file[0]["top"], "the same image, the same answer");
    // Beside others, in the order in which they are named.
    let both = piped(here, &["data/light/00.png", "-", "--json"], &image).json();
    assert_eq!((&both[0]["path"], &both[1]["path"]), (&"data/light/00.png".into(), &"-".into()));

    for (bytes, words) in [
        (&b""[..], &["standard input", "ends without a byte"][..]),
        (b"this is no picture", &["standard input", "no picture of a kind that is known"]),
        (&image[..40], &["standard input", "cut off"]),
    ] {
        let said = piped(here, &["-"], bytes);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(words.iter().all(|word| said.err.contains(word)), "{words:?}: {}", said.err);
    }
    let said = piped(here, &["-", "--max-image-pixels", "10"], &vec![1; 2_000_000]);
    assert!(said.code == Some(1) && said.err.contains("standard input"), "{said:?}");

    let list = "data/light/03.png\ndata/dark, \"very\"/00.png\n";
    let listed = piped(here, &["--files-from", "-", "--json"], list.as_bytes()).json();
    assert_eq!(listed[0]["top"], of_file[0]["top"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    std::fs::write(here.join("list"), list.replace('\n', "\0")).unwrap();
    assert_eq!(predict(here, &["--files-from", "list", "--json"]).json(), listed);
    let more = predict(here, &["data/light", "--files-from", "list", "--json"]).json();
    assert_eq!(more.as_array().unwrap().len(), 14);

    let said = piped(here, &["--files-from", "-", "-"], b"");
    assert!(said.code == Some(1) && said.err.contains("image and the list"), "{said:?}");
    let said = piped(here, &["--files-from", "-"], b"\n");
    assert!(said.code == Some(1) && said.err.contains("standard input names no image"), "{said:?}");
    let said = predict(here, &["--files-from", "gone"]);
    assert!(said.code == Some(1) && said.err.contains("cannot read the list of images in gone"), "{said:?}");
}

#[test]
#[cfg(unix)]
fn a_terminal_is_no_image() {
    let Ok(pty) = nix::pty::openpty(None, None) else { return };
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    trained(here);
    for (args, what) in [("-", "an image"), ("--files-from -", "paths")] {
        let mut command = softcell(here, &format!("predict --run r {args}"));
        let said: Said = command.stdin(pty.slave.try_clone().unwrap()).output().unwrap().into();
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.contains(&format!("standard input is a terminal: pipe {what} into it")), "{said:?}");
    }
}

#[test]
fn wrong_ways_to_ask() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let mut told = Transcript::new(here);
    told.fail("predict --run r x.png --format xml", 2);
    told.fail("predict --run r x.png --format csv --json", 2);
    told.fail("predict --run r", 2);
    told.fail("predict --run r x.png --top 0", 2);
    told.fail("predict --run r x.png --max-image-pixels 0", 2);
    told.check("predict-wrong");
}
