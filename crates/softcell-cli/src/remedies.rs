//! What helps, in the words of the command line.

use std::path::Path;

use softcell::Remedy;
use softcell::config::{Key, Section};

use crate::flags;

use crate::output::quoted;

/// The flag or command that a remedy is.
pub fn words(remedy: &Remedy) -> String {
    let said = match remedy {
        Remedy::Setting(key) => return setting(key),
        Remedy::Resume => "--resume",
        Remedy::Replace | Remedy::ReplaceFile => "--force",
        Remedy::OtherFolder | Remedy::OtherFile => "--out",
        Remedy::IgnoreMemory => "--ignore-memory",
        Remedy::OtherTime => "--budget TIME sets another time, --budget none any",
        Remedy::Origin => "--from",
        Remedy::Train(run) => return format!("softcell train --run {}", place(run)),
        Remedy::TrainAnew => "softcell train --run RUN --force",
        Remedy::TrainGenotype(file) => {
            return format!("softcell train --genotype {} --data PATH", place(file));
        }
        Remedy::Known("normalization") => "--mean and --std",
        Remedy::Known(field) => return flag(field),
        Remedy::Images => "--data",
        Remedy::OwnImages => "--data PATH takes your own images",
        Remedy::ListOfSettings => "`softcell fit --help`",
        Remedy::MeasureOperations => "`softcell bench ops --out FILE`",
        other => return other.to_string(),
    };
    said.to_owned()
}

/// The flag of a setting, or how it is set without one.
fn setting(key: &str) -> String {
    let known = Section::of_dotted(key).and_then(|(section, name)| Key::find(section, name));
    match known.map(|known| (known, flags::of_key(known))) {
        Some((_, Some(name))) => flag(&name),
        Some((known, None)) => format!("--set {}=VALUE", known.dotted()),
        None => flag(key.rsplit('.').next().unwrap_or(key)),
    }
}

fn flag(name: &str) -> String {
    format!("--{}", name.replace('_', "-"))
}

fn place(path: &Path) -> String {
    quoted(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    /// Whether a command has such a flag.
    fn is_flag(command: &str, flag: &str) -> bool {
        let cli = Cli::command();
        let found = cli.find_subcommand(command).unwrap();
        found
            .get_arguments()
            .any(|argument| argument.get_long().is_some_and(|long| format!("--{long}") == flag))
    }

    #[test]
    fn flags_that_are_named_are_there() {
        let settings = [
            "train.init_channels",
            "data.max_image_pixels",
            "data.images_per_class",
            "data.image_size",
            "data.class_weights",
            "learning_rate",
            "search.arch_learning_rate",
            "seed",
        ];
        for remedy in settings.map(Remedy::Setting).into_iter().chain([
            Remedy::Resume,
            Remedy::Replace,
            Remedy::OtherFolder,
            Remedy::IgnoreMemory,
            Remedy::Images,
        ]) {
            assert!(is_flag("fit", &words(&remedy)), "{remedy:?}");
        }
        for field in ["genotype", "init_channels", "layers"] {
            assert!(is_flag("import", &words(&Remedy::Known(field))), "{field}");
        }
        assert!(is_flag("train", &words(&Remedy::Origin)) && is_flag("fit", "--budget"));
        assert!(is_flag("import", "--mean") && is_flag("import", "--std"));
    }

    #[test]
    fn settings_without_a_flag_are_set_by_their_key() {
        let words = |key| words(&Remedy::Setting(key));
        assert_eq!(words("search.method.alphas.beta1"), "--set search.method.alphas.beta1=VALUE");
        assert_eq!(words("search.method.relaxation"), "--relaxation");
        assert_eq!(words("data.path"), "--data");
    }

    #[test]
    fn commands_can_be_given_to_a_shell() {
        assert_eq!(words(&Remedy::Train("my run".into())), "softcell train --run 'my run'");
        let train = words(&Remedy::TrainGenotype("r/genotype.txt".into()));
        assert_eq!(train, "softcell train --genotype r/genotype.txt --data PATH");
    }
}
