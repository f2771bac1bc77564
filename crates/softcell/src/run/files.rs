//! The files of a run: their names, and which of them belong together.

use std::path::Path;

use crate::records::Stage;

/// Says that the folder is a run's, whatever else is in it.
pub const MARKER: &str = "softcell.json";
/// Held by the process that works on the run.
pub const LOCK: &str = ".lock";
/// The settings.
pub const CONFIG: &str = "config.toml";
/// What the run was started with.
pub const MANIFEST: &str = "manifest.json";
/// A line for each epoch.
pub const HISTORY: &str = "history.jsonl";
/// The genotype.
pub const GENOTYPE_JSON: &str = "genotype.json";
/// The genotype in the original's text.
pub const GENOTYPE_TEXT: &str = "genotype.txt";
/// Width and depth that were chosen under limits.
pub const NETWORK: &str = "network.json";
/// The times of operations that a limit on latency is counted with.
pub const LATENCIES: &str = "ops.json";
/// What the run came to.
pub const RESULT: &str = "result.json";
/// A few images of the data.
pub const SAMPLES: &str = "samples.json";
/// A few images of the first batch of the training, varied.
pub const AUGMENTED: &str = "augmented.json";
/// A few wrong answers.
pub const MISTAKES: &str = "mistakes.json";
/// The page.
pub const REPORT: &str = "report.html";
/// The time that the run was given.
pub const BUDGET: &str = "budget.json";
/// A selection among cells.
pub const SELECTION: &str = "selection.json";
/// What the training of a part of a selection came to.
pub const SCORE: &str = "score.json";
/// The parts of a selection, a folder for each.
pub const PARTS: &str = "parts";
/// The genotypes after each epoch of the search.
pub const GENOTYPES: &str = "genotypes";
/// The checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";
/// The weights.
pub const WEIGHTS: &str = "weights";
/// The event file for TensorBoard.
pub const TENSORBOARD: &str = "tensorboard";
/// How TensorBoard knows its files.
pub const EVENTS: &str = "events.out.tfevents.";
/// What temporary files begin with.
pub const WRITING: &str = ".writing-";
/// An earlier run, until the one that replaces it has a checkpoint.
pub const REPLACED: &str = ".softcell-replaced";
/// An earlier run that has been replaced, on its way out.
pub const DISCARDED: &str = ".softcell-discarded";

/// Files at the top of the folder.
const TOP: [&str; 17] = [
    MARKER,
    LOCK,
    CONFIG,
    MANIFEST,
    HISTORY,
    GENOTYPE_JSON,
    GENOTYPE_TEXT,
    NETWORK,
    LATENCIES,
    RESULT,
    SAMPLES,
    AUGMENTED,
    MISTAKES,
    REPORT,
    BUDGET,
    SELECTION,
    SCORE,
];
/// Folders of the run.
pub const FOLDERS: [&str; 4] = [GENOTYPES, CHECKPOINTS, WEIGHTS, TENSORBOARD];
/// The network as ONNX.
pub const ONNX: &str = "model.onnx";
/// The network as ONNX, in whole numbers of eight bits.
pub const ONNX_INT8: &str = "model-int8.onnx";
/// The network as PyTorch source.
pub const PYTORCH: &str = "model.py";
/// The network's weights for PyTorch.
pub const STATE_DICT: &str = "state_dict.safetensors";
/// Exports of the run's network, where no other place was named: beside other weights they would be taken for
/// theirs.
pub const EXPORTS: [&str; 5] = [ONNX, ONNX_INT8, PYTORCH, "model.safetensors", STATE_DICT];
/// Files by which a folder is taken for a run in a list of runs.
pub const TELLING: [&str; 7] = [CONFIG, MANIFEST, HISTORY, GENOTYPE_JSON, RESULT, GENOTYPES, CHECKPOINTS];

/// Which weights of the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// After the last epoch.
    Last,
    /// The best by validation.
    Best,
}

impl Weights {
    /// Both.
    pub const ALL: [Weights; 2] = [Weights::Last, Weights::Best];

    /// Where they lie in the run.
    pub fn file(self) -> &'static str {
        match self {
            Weights::Last => "weights/last.safetensors",
            Weights::Best => "weights/best.safetensors",
        }
    }
}

/// The last checkpoint of a stage.
pub fn checkpoint(stage: Stage) -> String {
    format!("{CHECKPOINTS}/{}.safetensors", stage.name())
}

/// The checkpoint of a stage before the last one.
pub fn previous_checkpoint(stage: Stage) -> String {
    format!("{CHECKPOINTS}/{}.previous.safetensors", stage.name())
}

/// The genotype after an epoch of the search.
pub fn epoch_genotype(epoch: usize) -> String {
    format!("{GENOTYPES}/epoch-{epoch:03}.txt")
}

/// Whether a run needs what lies, or would lie, at this path below its folder: one of its files, or anything in one of
/// its own folders.
pub fn is_needed(inside: &Path) -> bool {
    let first = inside.iter().next().unwrap_or_default();
    TOP.iter().chain(&FOLDERS).chain(&[PARTS, REPLACED, DISCARDED]).any(|own| first == *own)
}

/// Whether the program made a file of this name in the folder of this name (empty for the run's own).
pub fn is_made(folder: &str, name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let path = |file: &str| file.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) == Some(name);
    match folder {
        "" => TOP.contains(&name) || EXPORTS.contains(&name),
        GENOTYPES => {
            name.strip_prefix("epoch-").and_then(|rest| rest.strip_suffix(".txt")).is_some_and(digits)
        }
        CHECKPOINTS => {
            Stage::ALL.into_iter().any(|stage| path(&checkpoint(stage)) || path(&previous_checkpoint(stage)))
        }
        WEIGHTS => Weights::ALL.into_iter().any(|weights| path(weights.file())),
        TENSORBOARD => name.starts_with(EVENTS) && name.contains(".softcell."),
        _ => false,
    }
}

/// Whether a file is a temporary one of ours, which a process that was killed left: that of a file we make, with the
/// number of the process.
pub fn is_leftover(folder: &str, name: &str) -> bool {
    let made = name.strip_prefix(WRITING).and_then(|rest| rest.rsplit_once('.'));
    made.is_some_and(|(made, process)| {
        is_made(folder, made) && !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether a file is the training's, which a training that begins anew replaces.
pub fn is_of_training(file: &str) -> bool {
    [RESULT, AUGMENTED, MISTAKES, REPORT, NETWORK].contains(&file)
        || EXPORTS.contains(&file)
        || Weights::ALL.into_iter().any(|weights| file == weights.file())
        || file == checkpoint(Stage::Train)
        || file == previous_checkpoint(Stage::Train)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_program_makes_is_its_own() {
        for (folder, name) in [
            ("", "config.toml"),
            ("", "model.onnx"),
            ("genotypes", "epoch-012.txt"),
            ("checkpoints", "train.previous.safetensors"),
            ("weights", "best.safetensors"),
            ("tensorboard", "events.out.tfevents.0000000001.softcell.0"),
        ] {
            assert!(is_made(folder, name), "{folder}/{name}");
            assert!(is_leftover(folder, &format!(".writing-{name}.4711")), "{folder}/{name}");
        }
        for (folder, name) in [
            ("", "mine.pt"),
            ("weights", "mine.pt"),
            ("weights", "config.toml"),
            ("genotypes", "epoch-x.txt"),
            ("genotypes", "epoch-.txt"),
            ("checkpoints", "best.safetensors"),
            ("tensorboard", "events.out.tfevents.1.host"),
            ("elsewhere", "best.safetensors"),
        ] {
            assert!(!is_made(folder, name), "{folder}/{name}");
            assert!(!is_leftover(folder, &format!(".writing-{name}.4711")), "{folder}/{name}");
        }
        for name in [".writing-x", ".writing-config.toml", ".writing-config.toml.", ".writing-config.toml.4a"]
        {
            assert!(!is_leftover("", name), "{name}");
        }
    }
}
