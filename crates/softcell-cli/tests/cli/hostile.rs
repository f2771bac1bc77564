//! Names that would act on a terminal or add lines of their own, wherever one may stand.
#![cfg(target_os = "linux")]

use std::path::Path;

use crate::support::{Said, TINY, images, read_json, softcell, succeed};

/// Clears the screen, sets the title, and says what is not true.
const EVIL: &str = "x\u{1b}[2J\u{1b}]0;t\u{7}\r\nerror: forged\u{9b}1m\u{202e}";
/// The same without line ends, where a file format allows none.
const EVIL_LINE: &str = "x\u{1b}[2J\u{9b}1m\u{202e}";

/// What the program says to words of a command, of which the last is not divided.
fn said(here: &Path, args: &str, last: &str) -> Said {
    softcell(here, args).arg(last).output().unwrap().into()
}

#[track_caller]
fn harmless(said: &Said) {
    for text in [&said.out, &said.err] {
        let acts = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!text.contains(acts), "{said:?}");
        assert!(!text.contains("\nerror: forged") && !text.starts_with("error: forged"), "{said:?}");
    }
}

#[test]
fn words_of_the_command_line() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    for (args, code) in [
        ("fit --dry-run --data", 1),
        ("fit --data-format", 2),
        ("fit --epochs", 2),
        ("fit --config", 1),
        ("fit --preset", 2),
        ("fit --class-weights", 1),
        ("fit --image-size", 1),
        ("fit --device", 1),
        ("fit --no-such-flag", 2),
        ("train --run", 1),
        ("train --genotype", 1),
        ("train --genotype DARTS_V2 --from", 1),
        ("evaluate --run", 1),
        ("predict x.png --run", 1),
        ("report --run", 1),
        ("report --compare a", 1),
        ("export --format onnx --run", 1),
        ("export --run r --format", 2),
        ("import --genotype DARTS_V2 --weights", 1),
        ("import --weights /dev/null --genotype", 1),
        ("genotype show", 1),
        ("genotype convert --to nni", 1),
        ("genotype draw DARTS_V2 --out", 1),
        ("genotype draw --out x.svg", 1),
        ("data inspect", 1),
        ("replay", 1),
        ("", 2),
    ] {
        for word in [EVIL, "\u{1b}[2J/x.toml"] {
            let said = said(here, args, word);
            harmless(&said);
            assert_eq!(said.code, Some(code), "{args}: {said:?}");
        }
    }
    let runs = said(here, "runs", EVIL);
    harmless(&runs);
    let lines = said(here, "fit --log-format json --data", EVIL);
    assert!(lines.err.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{lines:?}");
}

#[test]
fn values_and_keys_of_files() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let quoted = serde_json::to_string(EVIL).unwrap().replace('\u{9b}', "\\u009b");
    for text in [
        format!("[data]\npath = {quoted}\n"),
        format!("[data]\nformat = {quoted}\n"),
        format!("[data]\nimage_size = {quoted}\n"),
        format!("[search]\ncandidates = [{quoted}]\n"),
        format!("{quoted} = 1\n"),
        format!("[{quoted}]\n"),
        format!("[data]\n{quoted} = 1\n"),
        format!("preset = {quoted}\n"),
        format!("x = {EVIL_LINE}\n"),
        EVIL.to_owned(),
    ] {
        std::fs::write(here.join("my.toml"), text).unwrap();
        let said = said(here, "fit --config", "my.toml");
        harmless(&said);
        assert_eq!(said.code, Some(1), "{said:?}");
    }
    for text in [EVIL, &format!("Genotype(normal=[('{EVIL_LINE}', 0)])"), &format!("{{{quoted}: 1}}")] {
        std::fs::write(here.join("g.txt"), text).unwrap();
        for args in ["genotype show", "train --genotype"] {
            let said = said(here, args, "g.txt");
            harmless(&said);
            assert_eq!(said.code, Some(1), "{said:?}");
        }
    }
    std::fs::write(here.join("w.json"), format!("{{{quoted}: {quoted}}}")).unwrap();
    harmless(&said(here, "fit --class-weights", "w.json"));
    std::fs::write(here.join("t.csv"), format!("path,class\n\"{EVIL}\",a\nb.png,\"{EVIL}\"\n")).unwrap();
    harmless(&said(here, "data inspect", "t.csv"));
    std::fs::write(here.join("t.csv"), format!("\"{EVIL}\",class\na,b\n")).unwrap();
    harmless(&said(here, "fit --data", "t.csv"));
}

#[test]
fn runs_in_such_folders_and_with_such_classes() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let data = here.join(EVIL.replace('/', "-"));
    std::fs::rename(images(here), &data).unwrap();
    std::fs::rename(data.join("dark"), data.join(EVIL)).unwrap();
    std::fs::copy(data.join("light/00.png"), data.join("light").join(EVIL.to_owned() + ".png")).unwrap();
    let run = EVIL.to_owned() + "run";
    let with = |args: &str, more: &[&str]| {
        let said = Said::from(softcell(here, args).args(more).output().unwrap());
        harmless(&said);
        assert_eq!(said.code, Some(0), "{args}: {said:?}");
        said
    };
    let place = data.to_str().unwrap();
    let fit = with(&format!("fit {TINY}"), &["--data", place, "--out", &run]);
    assert!(fit.out.contains("softcell predict --run $'x\\x1b[2J"), "{fit:?}");
    with(&format!("fit --dry-run {TINY}"), &["--data", place]);
    with("fit --resume", &["--out", &run]);
    with("evaluate", &["--run", &run]);
    with("evaluate", &["--run", &run, "--data", place]);
    with("report", &["--run", &run]);
    with("report", &["--compare", &run, &run]);
    with("export --format safetensors --force", &["--run", &run]);
    with("genotype show", &[&run]);
    with("genotype draw --out x.svg", &[&run]);
    with("runs", &["."]);
    with("data inspect", &[place]);
    for page in ["compare.html", &format!("{run}/report.html")] {
        let page = std::fs::read_to_string(here.join(page)).unwrap();
        assert!(!page.contains(['\u{1b}', '\u{7}', '\r', '\u{9b}', '\u{202e}']), "a page has them raw");
    }
    let page = std::fs::read_to_string(here.join(&run).join("report.html")).unwrap();
    assert!(page.contains("\\x1b[2J"), "the command to copy has them for a shell");
    let table = with("predict --top 2", &["--run", &run, data.join("light").to_str().unwrap()]);
    assert_eq!(table.out.lines().count(), 1 + 13, "{table:?}");
    // Classes of another's making.
    let manifest = here.join(&run).join("manifest.json");
    let mut value = read_json(&manifest);
    value["classes"][0] = EVIL.into();
    value["device"] = EVIL.into();
    value["notes"] = vec![EVIL].into();
    std::fs::write(&manifest, serde_json::to_string(&value).unwrap()).unwrap();
    for args in ["predict", "evaluate", "report"] {
        let image = data.join("light/00.png");
        let more: &[&str] = if args == "predict" { &[image.to_str().unwrap()] } else { &[] };
        harmless(&Said::from(softcell(here, args).arg("--run").arg(&run).args(more).output().unwrap()));
    }
}

#[test]
fn imported_classes() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --out r"));
    let classes: Vec<String> = (0..10).map(|i| format!("{i}{EVIL}")).collect();
    let args = "import --weights r/weights/last.safetensors --genotype r/genotype.txt --out s --image-size 8 --mean 0.5 --std 0.5 --classes";
    let imported = said(here, args, &classes.join(","));
    harmless(&imported);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    image::GrayImage::new(8, 8).save(here.join("x.png")).unwrap();
    let table = said(here, "predict --run s", "x.png");
    harmless(&table);
    assert_eq!(table.out.lines().count(), 2, "{table:?}");
    harmless(&said(here, "evaluate --run s --data", "digits"));
    let wrong =
        said(here, "import --weights r/weights/last.safetensors --genotype r/genotype.txt --classes", EVIL);
    harmless(&wrong);
}

#[test]
fn spreadsheets_get_no_formula() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let data = images(here);
    std::fs::rename(data.join("dark"), data.join("=cmd|' C'!A0")).unwrap();
    std::fs::rename(data.join("light"), data.join("-1")).unwrap();
    std::fs::remove_file(data.join("=cmd|' C'!A0/broken.png")).unwrap();
    let fit = said(here, &format!("fit {TINY} --out r --data"), data.to_str().unwrap());
    assert_eq!(fit.code, Some(0), "{fit:?}");
    for name in ["=1+1.png", "@SUM.png", "-1+1.png", "+a.png", "\t=a.png", "\r=a.png", "plain.png"] {
        std::fs::copy(data.join("-1/00.png"), here.join(name)).unwrap();
    }
    let args =
        ["predict", "--run", "r", "--format", "csv", "--top", "2", "--", "=1+1.png", "@SUM.png", "-1+1.png"];
    let more = ["+a.png", "\t=a.png", "\r=a.png", "plain.png", "=gone.png"];
    let said = Said::from(softcell(here, "").args(args).args(more).output().unwrap());
    let mut reader = csv::Reader::from_reader(said.out.as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 8, "{said:?}");
    for record in &records {
        for cell in record.iter().filter(|cell| cell.parse::<f64>().is_err()) {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{record:?}");
        }
        // The path still leads to the file.
        assert_eq!(here.join(&record[0]).exists(), !record[0].contains("gone"), "{record:?}");
    }
    assert!(said.out.contains("'=cmd|' C'!A0") && said.out.contains("\nplain.png,"), "{said:?}");
    let json =
        Said::from(softcell(here, "predict --run r --json --top 2 --").arg("=1+1.png").output().unwrap());
    let json = json.json();
    assert_eq!(json[0]["path"], "=1+1.png");
    assert!(json[0]["top"].to_string().contains("\"=cmd|' C'!A0\""), "{json}");
}
