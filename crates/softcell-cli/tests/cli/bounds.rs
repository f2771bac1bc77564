//! Files without an end, pipes that nobody writes to, images that are traps: an error at once, with its remedy.
#![cfg(target_os = "linux")]

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::{Said, TINY, images, softcell, succeed};

/// Runs the program with a gigabyte of addresses for at most a minute.
fn within(folder: &Path, args: &str) -> Said {
    let program = env!("CARGO_BIN_EXE_softcell");
    let script = format!("ulimit -v 1000000 && exec {program} {args}");
    let mut child = Command::new("sh")
        .current_dir(folder)
        .args(["-c", &script])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Read at the same time, so that it never waits for room.
    fn all(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).unwrap();
            bytes
        })
    }
    let (out, err) = (all(child.stdout.take().unwrap()), all(child.stderr.take().unwrap()));
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("{args}: still there after a minute");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let status = child.wait().unwrap();
    Output { status, stdout: out.join().unwrap(), stderr: err.join().unwrap() }.into()
}

#[track_caller]
fn refused(folder: &Path, args: &str, words: &[&str]) {
    let said = within(folder, args);
    assert_eq!(said.code, Some(1), "{args}: {said:?}");
    for word in words {
        assert!(said.err.contains(word), "{args}: no {word:?} in {}", said.err);
    }
    assert!(said.err.len() < 4000, "{args}: {}", said.err.len());
}

#[test]
fn what_has_no_end_is_not_read() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let sparse = |name: &str| std::fs::File::create(here.join(name)).unwrap().set_len(6 << 30).unwrap();
    ["sparse.safetensors", "sparse.toml", "sparse.csv"].into_iter().for_each(sparse);
    refused(here, "replay sparse.safetensors", &["expected a whole safetensors file"]);
    refused(
        here,
        "fit --threads 2 --config /dev/zero",
        &["more than 16777216 bytes", "cannot read the settings"],
    );
    refused(here, "fit --threads 2 --config sparse.toml", &["6442450944 bytes"]);
    refused(here, "fit --threads 2 --class-weights sparse.csv", &["6442450944 bytes"]);
    refused(here, "fit --threads 2 --data sparse.csv", &["6442450944 bytes"]);
    for weights in ["/dev/zero", "sparse.safetensors"] {
        let args = format!("import --weights {weights} --genotype DARTS_V2");
        refused(here, &args, &["a file of another kind"]);
    }
    let import = "import --weights /dev/null --genotype DARTS_V2 --classes sparse.csv";
    assert_eq!(within(here, import).code, Some(1));
}

#[test]
fn image_traps_and_pipes_are_stepped_over_and_told() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let root = images(here);
    std::fs::rename(&root, here.join("data")).unwrap();
    let dark = here.join("data/dark");
    // 110 million pixels in a hundred kilobytes.
    image::GrayImage::new(11_000, 10_000).save(dark.join("trap.png")).unwrap();
    assert!(Command::new("mkfifo").arg(dark.join("pipe.png")).status().unwrap().success());
    let told = [
        "more than 100000000 pixels (max_image_pixels allows more)",
        "is no file (a pipe, socket or device)",
    ];
    let said = within(here, "data inspect data");
    assert!(said.code == Some(0) && told.iter().all(|words| said.out.contains(words)), "{said:?}");
    assert!(said.out.contains("dark/trap.png") && said.out.contains("dark/pipe.png"), "{said:?}");
    let said = within(here, "data inspect data --max-image-pixels 110M");
    assert!(said.code == Some(0) && !said.out.contains(told[0]), "{said:?}");
    let said = within(here, &format!("fit --threads 2 {TINY} --data data --out r"));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("11000x10000 pixels, 110000000 in all, and at most 100000000"), "{said:?}");

    let said = within(here, "predict --threads 2 --run r data");
    assert_eq!((said.code, said.out.lines().count()), (Some(1), 1 + 24), "{said:?}");
    for words in ["at most 100000000 are decoded", "raise --max-image-pixels", "pipe.png: is a pipe"] {
        assert!(said.err.contains(words), "{words:?}: {said:?}");
    }
    let lifted = within(here, "predict --threads 2 --run r data/dark/trap.png --max-image-pixels 110M");
    assert_eq!(lifted.code, Some(0), "{lifted:?}");
    let few = within(here, "evaluate --threads 2 --run r --data data --max-image-pixels 63");
    assert!(few.code == Some(1) && few.err.contains("at most 63 are decoded"), "{few:?}");
}

#[test]
fn long_faulty_texts_are_not_repeated() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let long = "a".repeat(200_000);
    std::fs::write(here.join("long.toml"), format!("[data]\npath = \"{long}\" x {long}\n")).unwrap();
    refused(here, "fit --config long.toml", &["line 2, column 200011", "…aaa", "aaa\" x aaa", "^"]);
    std::fs::write(here.join("key.toml"), format!("{long} = 1\n")).unwrap();
    refused(here, "fit --config key.toml", &["unknown key `aaa"]);
    std::fs::write(here.join("path.toml"), format!("[data]\npath = \"{long}\"\n")).unwrap();
    refused(here, "fit --config path.toml", &["aaa"]);
    for (name, text) in [
        ("g.json", format!("{{\"normal\": \"{long}\"}}")),
        (
            "g.txt",
            format!("Genotype(normal=[('{long}', 0)], normal_concat=[2], reduce=[], reduce_concat=[])"),
        ),
        ("h.txt", format!("Genotype({long}=1)")),
        ("i.txt", long[..60_000].to_owned()),
        ("w.json", format!("{{\"{long}\": \"{long}\"}}")),
    ] {
        std::fs::write(here.join(name), text).unwrap();
        match name {
            "w.json" => refused(here, "fit --class-weights w.json", &["w.json"]),
            _ => refused(here, &format!("genotype show {name}"), &[name]),
        }
    }
    refused(here, &format!("genotype show {}", &long[..100_000]), &["aaa"]);
    refused(here, &format!("fit --data {}", &long[..100_000]), &["aaa"]);
}

#[test]
fn folders_whose_name_is_not_utf_8_are_data() {
    use std::os::unix::ffi::OsStrExt;
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9 50%");
    std::fs::rename(images(here), here.join(odd)).unwrap();
    let with = |args: &str| Said::from(softcell(here, args).arg("--data").arg(odd).output().unwrap());
    let fit = with(&format!("fit {TINY} --out r"));
    assert_eq!(fit.code, Some(0), "{fit:?}");
    let config = std::fs::read_to_string(here.join("r/config.toml")).unwrap();
    assert!(config.contains("path = \"bytes:caf%E9 50%25\"\n"), "{config}");
    assert_eq!(with(&format!("fit {TINY} --out r --resume")).code, Some(0));
    succeed(here, "fit --out r --resume");
    succeed(here, "report --run r");
    let page = std::fs::read_to_string(here.join("r/report.html")).unwrap();
    assert!(page.contains("bytes:caf%E9 50%25"), "the command can be copied");
    succeed(here, "evaluate --run r");
    assert_eq!(with("evaluate --run r").code, Some(0));
    let again = softcell(here, "data inspect").arg("bytes:caf%E9 50%25").output().unwrap();
    assert!(again.status.success());
    let said = Said::from(softcell(here, "data inspect").arg(odd).output().unwrap());
    assert!(said.code == Some(0) && said.out.contains("dark"), "{said:?}");
}
