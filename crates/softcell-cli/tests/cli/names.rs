//! Names that are no ordinary text, and files that were damaged.
#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::support::{Said, run, softcell, succeed};

const RED: &str = "\u{1b}[31mred";
const LINES: &str = "two\nlines";

/// A run on classes with such names.
fn trained(here: &Path) -> Said {
    for (class, light) in [(RED, 20u8), (LINES, 110), ("\u{732b}\u{732b}", 200)] {
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
         --train-layers 2 --train-epochs 2 --batch-size 4 --no-all-images --out r --data data",
    )
}

#[test]
fn names_do_not_act_on_terminals() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let fit = trained(here);
    let odd = here.join("data").join(RED).join("\u{1b}]0;title\u{7}\n.png");
    std::fs::copy(here.join("data").join(RED).join("00.png"), &odd).unwrap();
    std::fs::write(here.join("data").join(LINES).join("\u{1b}[2J.png"), "no picture").unwrap();
    let said = [
        fit,
        run(here, "evaluate --run r"),
        run(here, "predict --run r data --top 3"),
        run(here, "data inspect data"),
        run(here, "runs ."),
        run(here, "fit --data data/nothing\u{1b}[2J"),
    ];
    for said in said {
        let all = format!("{}{}", said.out, said.err);
        assert!(!all.contains(['\u{1b}', '\u{7}', '\r']), "{all}");
        assert!(!all.contains(LINES) && !all.contains("\nlines"), "{all}");
    }
    let table = run(here, "predict --run r data").out;
    assert!(table.contains("\\u{1b}[31mred") && table.contains("two\\nlines"), "{table}");
    assert_eq!(table.lines().count(), 1 + 37, "a line for each image: {table}");
    let page = std::fs::read_to_string(here.join("r/report.html")).unwrap();
    assert!(!page.contains('\u{1b}') && page.contains("\\u{1b}[31mred"));
    // Programs get the names as they are.
    let csv = run(here, "predict --run r data --format csv").out;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 38);
    assert!(records.iter().any(|record| record[0].contains("\u{7}\n.png")), "{csv}");
    let json = run(here, "predict --run r data --json").json();
    assert!(json.as_array().unwrap().iter().any(|answer| answer["path"].as_str().unwrap().contains(RED)));
}

#[test]
fn names_that_are_not_utf_8_are_answered_and_other_kinds_told() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    trained(here);
    let odd = here.join("data").join(RED).join(OsStr::from_bytes(b"caf\xe9.png"));
    std::fs::copy(here.join("data").join(RED).join("00.png"), odd).unwrap();
    for name in ["a.avif", "b.AVIF", "c.ico", "note.txt"] {
        std::fs::write(here.join("data").join(name), "").unwrap();
    }
    for named in ["data/**/*.png", "data"] {
        let said = run(here, &format!("predict --run r {named}"));
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.out.contains("caf\u{fffd}.png"), "{said:?}");
        let told = said.err.contains("left out 3 images of kinds that cannot be read: 2 AVIF, 1 ICO");
        assert_eq!(told, named == "data", "{said:?}");
    }
    let named = here.join("data").join(RED).join(OsStr::from_bytes(b"caf\xe9.*"));
    let said = Said::from(softcell(here, "predict --run r --json").arg(named).output().unwrap());
    assert_eq!(said.json().as_array().unwrap().len(), 1, "{said:?}");
}

#[test]
fn a_flipped_bit_is_noticed_ten_of_ten_times() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    trained(here);
    for (name, commands) in [
        ("weights/best.safetensors", ["predict --run r data", "evaluate --run r"]),
        (
            "weights/last.safetensors",
            ["import --weights r/weights/last.safetensors --genotype r/genotype.txt"; 2],
        ),
    ] {
        let path = here.join("r").join(name);
        let bytes = std::fs::read(&path).unwrap();
        for i in 1..=10 {
            let mut other = bytes.clone();
            other[i * (bytes.len() - 1) / 10] ^= 1 << (i % 8);
            std::fs::write(&path, &other).unwrap();
            let said = run(here, commands[i % 2]);
            assert!(said.code == Some(1) && said.err.contains("error: "), "{name}, {i}: {said:?}");
            if name.contains("best") {
                assert!(said.err.contains("best.safetensors") && said.err.contains("--force"), "{said:?}");
            }
        }
        std::fs::write(&path, bytes).unwrap();
    }
    succeed(here, "predict --run r data");
}
