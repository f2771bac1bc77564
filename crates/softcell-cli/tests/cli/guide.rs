//! Every command of the pages in `docs/guide` is run, as it stands there, in the order of the page, in a folder with
//! photos. A program `softcell` that stands first in the path adds sizes with which a run takes a second, where the
//! page does not set them.

use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Sizes by verb: what begins with `fit`, `search`, `train`, `select`, `methods`.
const SIZES: &str = r#"
words=("$@")
sizes=()
size() {
    for word in "${words[@]}"; do [ "$word" = "$1" ] && return; done
    sizes+=("$@")
}
trained() { size --train-init-channels 2; size --train-layers 2; size --train-epochs 1; size --batch-size 4; }
compared() { size --select-epochs 1; size --longer-epochs 1; size --finalists 1; size --trainings 1; }
case "$1 $*" in
    *--resume*) ;;
    fit*) size --search-init-channels 2; size --search-layers 2; size --search-epochs 1; trained
        case "$*" in *--seeds*) compared ;; esac ;;
    select*) compared; trained ;;
    search*) size --init-channels 4; size --layers 3; size --epochs 1; size --batch-size 4 ;;
    train*) size --init-channels 2; size --layers 2; size --epochs 1; size --batch-size 4 ;;
    methods*--measure*) size --init-channels 2; size --layers 2; size --batch-size 2; size --image-size 8 ;;
esac
exec "$SOFTCELL_UNDER_TEST" "${words[@]}" "${sizes[@]}"
"#;

/// The folder of the pages.
fn guide() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide")
}

/// The blocks of a page in a language, one after another.
fn blocks(page: &str, language: &str) -> String {
    let mut found = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.trim_end() == format!("```{language}") {
            for line in lines.by_ref().take_while(|line| line.trim_end() != "```") {
                writeln!(found, "{line}").unwrap();
            }
        }
    }
    found
}

/// Two classes of photos that can be told apart.
fn photos(folder: &Path) {
    for (class, light) in [("cat", 20), ("dog", 150)] {
        let class_folder = folder.join("photos").join(class);
        std::fs::create_dir_all(&class_folder).unwrap();
        for i in 0..30u8 {
            let pixel = |x: u32, y: u32| {
                let spot = u32::from(i) % 5 * 3;
                let bright = if x.abs_diff(spot) + y.abs_diff(spot) < 4 { 60 } else { 0 };
                image::Rgb([
                    light + i,
                    light + 3 * x as u8 + bright / 2,
                    light + y as u8 * (i % 4) + bright / 3,
                ])
            };
            image::RgbImage::from_fn(16, 16, pixel).save(class_folder.join(format!("{i:02}.png"))).unwrap();
        }
    }
}

/// Runs the commands of a page.
fn follow(page: &str) {
    let text = std::fs::read_to_string(guide().join(page)).unwrap_or_else(|e| panic!("{page}: {e}"));
    let commands = blocks(&text, "sh");
    assert!(commands.contains("softcell "), "{page} has no command");
    let folder = tempfile::tempdir().unwrap();
    photos(folder.path());
    let programs = folder.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    let program = programs.join("softcell");
    std::fs::write(&program, format!("#!/usr/bin/env bash\n{SIZES}")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let done = Command::new("bash")
        .args(["-euxo", "pipefail", "-c", &commands])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("SOFTCELL_UNDER_TEST", env!("CARGO_BIN_EXE_softcell"))
        .output()
        .expect("bash starts");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{page}, after the last line that begins with +:\n{said}");
}

#[test]
fn images() {
    follow("images.md");
}

#[test]
fn report() {
    follow("report.md");
}

#[test]
fn methods() {
    follow("methods.md");
}

#[test]
fn cluster() {
    follow("cluster.md");
}

#[test]
fn formats() {
    follow("formats.md");
}

/// A page that is added is followed or, if it is in another language, run elsewhere; and the index leads to it.
#[test]
fn no_page_is_left_out() {
    let index = std::fs::read_to_string(guide().join("README.md")).unwrap();
    let here = include_str!("guide.rs");
    for entry in std::fs::read_dir(guide()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "README.md" {
            continue;
        }
        assert!(index.contains(&format!("({name})")), "docs/guide/README.md does not name {name}");
        // The Python package's own tests run that page.
        assert!(
            name == "python.md" || here.contains(&format!("follow(\"{name}\")")),
            "{name} is not followed"
        );
    }
}
