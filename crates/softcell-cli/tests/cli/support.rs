//! What the tests share: running the program, tiny runs, tiny images, comparing runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use softcell::export::{Destination, Existing};

/// Settings of a run of about a second.
pub const TINY: &str = "--images-per-class 20 --search-init-channels 2 --search-layers 2 --nodes 1 --search-epochs 2 \
                        --train-init-channels 2 --train-layers 2 --train-epochs 2 --batch-size 16 \
                        --no-all-images";

/// The program, in a folder.
pub fn softcell(folder: &Path, args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_softcell"));
    command.current_dir(folder).args(args.split_whitespace());
    command
}

/// What a program said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Said {
    /// The JSON on standard output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// Runs the program to its end.
pub fn run(folder: &Path, args: &str) -> Said {
    softcell(folder, args).output().expect("the program starts").into()
}

/// Runs the program, which has to succeed.
#[track_caller]
pub fn succeed(folder: &Path, args: &str) -> Said {
    let said = run(folder, args);
    assert_eq!(said.code, Some(0), "{args}: {said:?}");
    said
}

/// Runs the program, which has to fail with this code and say these words.
#[track_caller]
pub fn fail(folder: &Path, args: &str, code: i32, words: &[&str]) {
    let said = run(folder, args);
    assert_eq!(said.code, Some(code), "{args}: {said:?}");
    assert!(said.err.starts_with("error: ") || said.err.contains("\nerror: "), "{args}: {}", said.err);
    for word in words {
        assert!(said.err.contains(word), "{args}: no {word:?} in {}", said.err);
    }
}

/// A folder with two classes of colour images, dark and light, and one file that is no image.
pub fn images(folder: &Path) -> PathBuf {
    let root = folder.join("my images");
    for (class, light) in [("dark", 20), ("light", 200)] {
        let class_folder = root.join(class);
        std::fs::create_dir_all(&class_folder).unwrap();
        for i in 0..12u8 {
            let pixel = |x: u32, y: u32| image::Rgb([light + i, light + x as u8, light + y as u8]);
            image::RgbImage::from_fn(8, 8, pixel).save(class_folder.join(format!("{i:02}.png"))).unwrap();
        }
    }
    std::fs::write(root.join("dark/broken.png"), "this is no picture").unwrap();
    root
}

/// A file that may be replaced.
pub fn destination(path: &Path) -> Destination {
    Destination::new(path, Existing::Replace).unwrap()
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A JSON file.
pub fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The lines of a run's history, without the seconds.
pub fn history(run: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join("history.jsonl")).unwrap();
    let line = |line: &str| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        value.as_object_mut().unwrap().remove("seconds").expect("every epoch says its seconds");
        value
    };
    text.lines().map(line).collect()
}

/// Whether two runs came to the same bits.
#[track_caller]
pub fn assert_same(one: &Path, other: &Path) {
    let bytes = |run: &Path, name: &str| {
        std::fs::read(run.join(name)).unwrap_or_else(|e| panic!("{}/{name}: {e}", run.display()))
    };
    // Where all images are trained on there is no best epoch.
    let best = "weights/best.safetensors";
    let names = ["genotype.json", "genotype.txt", "weights/last.safetensors", best];
    for name in names
        .into_iter()
        .filter(|&name| name != best || [one, other].iter().any(|run| run.join(name).exists()))
    {
        assert!(bytes(one, name) == bytes(other, name), "{name} of {} differs", other.display());
    }
    let (first, second) = (history(one), history(other));
    assert_eq!(first.len(), second.len());
    for (first, second) in first.iter().zip(&second) {
        assert_eq!(first, second);
    }
    let result = |run: &Path| {
        let mut result = read_json(&run.join("result.json"));
        let fields = result.as_object_mut().unwrap();
        for varying in ["search_seconds", "train_seconds", "peak_rss_mb"] {
            fields.remove(varying).expect("it is in every result");
        }
        if let Some(selection) = fields.get_mut("selection").and_then(Value::as_object_mut) {
            let of_time =
                ["search_seconds", "selection_seconds", "random_for_the_cost", "random_for_the_cost_score"];
            of_time.iter().for_each(|field| drop(selection.remove(*field)));
        }
        result
    };
    assert_eq!(result(one), result(other));
}

/// Whether the tests run under nohup, where the program leaves signals alone.
#[cfg(unix)]
pub fn ignores_signals() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        let odd = ['1', '3', '5', '7', '9', 'b', 'd', 'f'];
        status.lines().any(|line| line.starts_with("SigIgn:") && line.ends_with(odd))
    })
}
