//! The flags that stand for settings, made from the library's table of settings.

use std::ffi::OsStr;
use std::marker::PhantomData;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use softcell::Error;
use softcell::config::{Key, Kind, Name, Reach, Section, names, set, set_by_key, word_to_text};
use toml::Table;

use crate::defaults;

/// Which sections a command takes flags of.
pub trait Scope: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The sections.
    const SECTIONS: &'static [Section];
}

/// The flags of `softcell fit`: everything.
#[derive(Debug, Clone)]
pub struct Fit;

/// The flags of `softcell search`.
#[derive(Debug, Clone)]
pub struct Search;

/// The flags of `softcell train`.
#[derive(Debug, Clone)]
pub struct Train;

impl Scope for Fit {
    const SECTIONS: &'static [Section] = Section::OF_FIT;
}

impl Scope for Search {
    const SECTIONS: &'static [Section] = Section::OF_SEARCH;
}

impl Scope for Train {
    const SECTIONS: &'static [Section] = Section::OF_TRAIN;
}

/// The settings given as flags, as a layer for [`softcell::config::build`].
#[derive(Debug, Clone)]
pub struct SettingFlags<S> {
    /// The settings.
    pub table: Table,
    scope: PhantomData<S>,
}

impl<S: Scope> Args for SettingFlags<S> {
    fn augment_args(command: Command) -> Command {
        let command = flags(S::SECTIONS).into_iter().fold(command, |command, flag| flag.add_to(command));
        let path = Arg::new(DATA)
            .value_name("DATA")
            .help("Folder or file with the images, as --data")
            .conflicts_with("data")
            .value_parser(OsStringValueParser::new().try_map(|raw| check(data_path(), &raw)));
        // What other commands name without a flag is theirs.
        let is_free = command.get_positionals().next().is_none();
        let command = if is_free { command.arg(path) } else { command };
        command.arg(
            Arg::new(SET)
                .long(SET)
                .value_name("KEY=VALUE")
                .help("Any setting by its key, such as search.method.alphas.beta1=0.9; may be there several times")
                .help_heading("Run")
                .action(ArgAction::Append)
                .value_parser(|word: &str| assigned(&mut Table::new(), S::SECTIONS, word).map(|()| word.to_owned())),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: Scope> FromArgMatches for SettingFlags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut table = Table::new();
        for flag in flags(S::SECTIONS) {
            flag.read_into(&mut table, matches)?;
        }
        if let Ok(Some(path)) = matches.try_get_one::<String>(DATA) {
            let Key { section, name, .. } = data_path();
            set(&mut table, *section, name, path)
                .map_err(|error| clap::Error::raw(clap::error::ErrorKind::ValueValidation, error))?;
        }
        for word in matches.get_many::<String>(SET).into_iter().flatten() {
            assigned(&mut table, S::SECTIONS, word)
                .map_err(|error| clap::Error::raw(clap::error::ErrorKind::ValueValidation, error))?;
        }
        Ok(Self { table, scope: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The flag that sets any setting.
const SET: &str = "set";
/// The path of the data without its flag.
const DATA: &str = "DATA";

fn data_path() -> &'static Key {
    Key::find(Section::Data, "path").expect("the data have a path")
}

/// Sets what `KEY=VALUE` says. It lies over the other flags.
fn assigned(table: &mut Table, sections: &[Section], word: &str) -> Result<(), String> {
    let (key, value) = word.split_once('=').ok_or("expected KEY=VALUE, such as search.epochs=20")?;
    let key = key.trim();
    if let Some((section, _)) = Section::of_dotted(key).filter(|(section, _)| !sections.contains(section)) {
        return Err(format!("this command has no settings of {}", section.name()));
    }
    set_by_key(table, key, value.trim()).map_err(|error| match error {
        Error::Setting { expected, .. } => format!("expected {expected}"),
        error => error.to_string(),
    })
}

/// The flag by which a setting was typed on a command line; `place` is what errors call it.
pub fn typed(place: &str, words: impl Iterator<Item = String>) -> Option<String> {
    let flags: Vec<Flag> = flags(Fit::SECTIONS)
        .into_iter()
        .filter(|flag| flag.keys.iter().any(|key| key.place() == place || key.dotted() == place))
        .collect();
    let is = |word: &str| {
        let name = word.strip_prefix("--")?.split('=').next()?;
        let names = |flag: &Flag| flag.name == name || flag.aliases.iter().any(|alias| alias == name);
        flags.iter().any(names).then(|| format!("--{name}"))
    };
    words.filter_map(|word| is(&word)).last()
}

/// The flag that sets a key, without the dashes; none where only [`SET`] does.
pub fn of_key(key: &Key) -> Option<String> {
    key.outer_name().map(kebab)
}

fn kebab(name: impl AsRef<str>) -> String {
    name.as_ref().replace('_', "-")
}

/// One flag.
#[derive(Debug, Clone)]
struct Flag {
    /// Without the dashes.
    name: String,
    /// Other names that are understood.
    aliases: Vec<String>,
    /// What it sets.
    keys: Vec<&'static Key>,
    heading: &'static str,
    hidden: bool,
}

const BOTH: &str = "Search and training (--search-NAME or --train-NAME sets one of the two)";

/// The flags of some sections; where two set the same key, the later one wins.
fn flags(sections: &[Section]) -> Vec<Flag> {
    let flag = |Name { name, aliases, keys, reach }: Name| Flag {
        name: kebab(name),
        aliases: aliases.into_iter().map(kebab).collect(),
        heading: match reach {
            Reach::Only => heading(keys[0].section),
            Reach::Both | Reach::OneOfTwo => BOTH,
        },
        hidden: reach == Reach::OneOfTwo,
        keys,
    };
    names(sections).into_iter().map(flag).collect()
}

fn heading(section: Section) -> &'static str {
    match section {
        Section::Root => "Run",
        Section::Data => "Data",
        Section::Search => "Search",
        Section::Method => "Method of the search",
        Section::Select => "Selection among cells",
        Section::Train => "Training",
    }
}

fn is_data_path(key: &Key) -> bool {
    (key.section, key.name) == (Section::Data, "path")
}

impl Flag {
    fn key(&self) -> &'static Key {
        self.keys[0]
    }

    fn negation(&self) -> String {
        format!("no-{}", self.name)
    }

    fn help(&self) -> String {
        let key = self.key();
        let help = if self.keys.len() > 1 {
            key.help.replace(" of the trained network", "")
        } else {
            key.help.into()
        };
        let help =
            help.replace("init_channels", "--init-channels").replace("latency_table", "--latency-table");
        let help = match key.kind {
            Kind::Bool => format!("{help} (off: --{})", self.negation()),
            _ if key.choices.is_empty() || help.contains("--candidates") => help,
            Kind::List => format!("{help}: {}", key.choices.join(", ")),
            _ => format!("{help} [{}]", key.choices.join(", ")),
        };
        help + &defaults::words(&self.keys)
    }

    fn add_to(self, command: Command) -> Command {
        let key = self.key();
        let value_name = match key.kind {
            Kind::Bool => "true|false",
            Kind::Integer | Kind::Count => "N",
            Kind::Float => "X",
            Kind::Seconds => "TIME",
            Kind::List => "NAMES",
            Kind::Text if key.name == "path" => "PATH",
            Kind::Text if key.name == "image_size" => "SIZE",
            Kind::Text if key.name == "latency_table" => "FILE",
            Kind::Text => "NAME",
        };
        let mut arg = Arg::new(self.name.clone())
            .long(self.name.clone())
            .value_name(value_name)
            .help(self.help())
            .help_heading(self.heading)
            .hide(self.hidden)
            .action(ArgAction::Set)
            .allow_negative_numbers(true)
            // clap does not take -3e-4 for a number.
            .allow_hyphen_values(key.kind == Kind::Float)
            .overrides_with(self.name.clone())
            .value_parser(OsStringValueParser::new().try_map(move |raw| check(key, &raw)));
        let (prefixed, short): (Vec<String>, Vec<String>) =
            self.aliases.iter().cloned().partition(|alias| alias.starts_with(key.section.name()));
        arg = arg.aliases(prefixed).visible_aliases(short);
        if key.kind != Kind::Bool {
            return command.arg(arg);
        }
        let negation = Arg::new(self.negation())
            .long(self.negation())
            .hide(true)
            .action(ArgAction::SetTrue)
            .overrides_with(self.name.clone());
        let negation = negation.aliases(self.aliases.iter().map(|alias| format!("no-{alias}")));
        let arg = arg.num_args(0..=1).default_missing_value("true").overrides_with(self.negation());
        command.arg(arg).arg(negation)
    }

    fn read_into(&self, table: &mut Table, matches: &ArgMatches) -> Result<(), clap::Error> {
        let off = self.key().kind == Kind::Bool && matches.get_flag(&self.negation());
        let given = matches.get_one::<String>(&self.name).map(String::as_str);
        let Some(raw) = given.or(off.then_some("false")) else { return Ok(()) };
        for key in &self.keys {
            set(table, key.section, key.name, raw)
                .map_err(|error| clap::Error::raw(clap::error::ErrorKind::ValueValidation, error))?;
        }
        Ok(())
    }
}

/// The text, if it is a value of the key. Paths may be none in UTF-8, and become one.
fn check(key: &Key, raw: &OsStr) -> Result<String, String> {
    let raw = match raw.to_str() {
        Some(raw) => raw,
        None if is_data_path(key) => return Ok(word_to_text(raw)),
        None => return Err("expected text in UTF-8".to_owned()),
    };
    match set(&mut Table::new(), key.section, key.name, raw) {
        Ok(()) => Ok(raw.to_owned()),
        Err(Error::Setting { expected, .. }) => Err(format!("expected {expected}")),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use softcell::config::KEYS;

    use super::*;

    fn parse<S: Scope>(args: &[&str]) -> Result<Table, clap::Error> {
        let command = SettingFlags::<S>::augment_args(Command::new("test").no_binary_name(true));
        Ok(SettingFlags::<S>::from_arg_matches(&command.try_get_matches_from(args)?)?.table)
    }

    fn table(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn the_data_need_no_flag() {
        let expected = table("[data]\npath = \"photos\"");
        assert_eq!(parse::<Fit>(&["photos"]).unwrap(), expected);
        assert_eq!(parse::<Fit>(&["--data", "photos"]).unwrap(), expected);
        assert!(parse::<Fit>(&["photos", "--data", "other"]).is_err());
        assert!(parse::<Train>(&["photos", "other"]).is_err());
    }

    #[test]
    fn the_flags_of_each_command_are_well_formed() {
        for sections in [Fit::SECTIONS, Search::SECTIONS, Train::SECTIONS] {
            flags(sections).into_iter().fold(Command::new("test"), |c, flag| flag.add_to(c)).debug_assert();
        }
    }

    #[test]
    fn in_fit_the_plain_name_means_both_and_the_longer_one_wins() {
        let both = parse::<Fit>(&["--epochs", "5"]).unwrap();
        assert_eq!(both, table("[search]\nepochs = 5\n[train]\nepochs = 5"));
        for args in [["--search-epochs", "2", "--epochs", "5"], ["--epochs", "5", "--search-epochs", "2"]] {
            assert_eq!(parse::<Fit>(&args).unwrap(), table("[search]\nepochs = 2\n[train]\nepochs = 5"));
        }
        assert_eq!(parse::<Fit>(&["--search-nodes=2"]).unwrap(), table("[search]\nnodes = 2"));
    }

    #[test]
    fn a_stage_takes_its_own_settings_by_either_name() {
        assert_eq!(parse::<Search>(&["--epochs", "5"]).unwrap(), table("[search]\nepochs = 5"));
        assert_eq!(parse::<Train>(&["--train-epochs", "5"]).unwrap(), table("[train]\nepochs = 5"));
        assert!(parse::<Search>(&["--auxiliary"]).is_err());
        assert!(parse::<Train>(&["--nodes", "3"]).is_err());
    }

    #[test]
    fn switches_take_a_value_or_none_and_can_be_turned_off() {
        let is = |args: &[&str], value: bool| {
            let found = parse::<Search>(args).unwrap();
            assert_eq!(found, table(&format!("[search]\ncutout = {value}")), "{args:?}");
        };
        is(&["--cutout"], true);
        is(&["--cutout=false"], false);
        is(&["--cutout", "false"], false);
        is(&["--no-cutout"], false);
        is(&["--cutout", "--no-cutout"], false);
        is(&["--no-cutout", "--cutout"], true);
        let one = parse::<Fit>(&["--cutout", "--no-search-cutout"]).unwrap();
        assert_eq!(one, table("[search]\ncutout = false\n[train]\ncutout = true"));
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let found = parse::<Search>(&["--arch-learning-rate", "3e-4", "--seed", "1_000"]).unwrap();
        assert_eq!(found, table("seed = 1000\n[search.method.alphas]\nlearning_rate = 3e-4"));
        for (args, expected) in [
            (["--epochs", "-3"], "expected a whole number"),
            (["--learning-rate", "-1e-3x"], "expected a finite number"),
            (["--learning-rate", "fast"], "expected a finite number"),
            (["--candidates", "none,sep_conv_3"], "nearest: sep_conv_3x3"),
        ] {
            let error = parse::<Search>(&args).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn methods_have_flags_and_every_setting_can_be_set() {
        let found = parse::<Search>(&["--method", "darts-2nd", "--relaxation", "softmax"]).unwrap();
        assert_eq!(found, table("[search.method]\nname = \"darts-2nd\"\nrelaxation = \"softmax\""));
        let args = ["--set", "search.method.alphas.beta1 = 0.9", "--momentum=0.5", "--set", "seed=7"];
        let found = parse::<Search>(&args).unwrap();
        let method = "seed = 7\n[search.method]\nweights = { momentum = 0.5 }\nalphas = { beta1 = 0.9 }";
        assert_eq!(found, table(method));
        for key in KEYS {
            let own = of_key(key).is_some_and(|flag| flags(Fit::SECTIONS).iter().any(|f| f.name == flag));
            assert!(own || key.section == Section::Method, "{}", key.dotted());
        }
        for (args, expected) in [
            (["--set", "search.epoch=3"], "nearest is `search.epochs`"),
            (["--set", "serach.method.relaxtion=softmax"], "nearest is `search.method.relaxation`"),
            (["--set", "search.epochs=many"], "expected a whole number"),
            (["--set", "search.epochs"], "expected KEY=VALUE"),
            (["--set", "train.epochs=3"], "this command has no settings of train"),
            (["--method", "darts-2n"], "(nearest: darts-2nd)"),
        ] {
            let error = parse::<Search>(&args).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_was_typed_is_known() {
        let typed = |place: &str, line: &str| typed(place, line.split(' ').map(str::to_owned));
        let place = "search.method.weights.momentum";
        assert_eq!(typed(place, "softcell search --momentum 2").as_deref(), Some("--momentum"));
        assert_eq!(typed(place, "fit --search-momentum=2 --seed 3").as_deref(), Some("--search-momentum"));
        assert_eq!(typed(place, "search --config a.toml"), None);
        assert_eq!(typed("search.method.relaxation", "fit --relaxation x").as_deref(), Some("--relaxation"));
    }

    #[test]
    fn data_has_its_own_names() {
        let found = parse::<Fit>(&["--data", "my images", "--data-format", "folder"]).unwrap();
        assert_eq!(found, table("[data]\npath = \"my images\"\nformat = \"folder\""));
    }
}
