//! Which genotype a word of the command line means.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use softcell::config::{DataShape, known_space};
use softcell::experiment::Settings;
use softcell::run::RunFolder;
use softcell::search::random_genotype;
use softcell::space::{Genotype, LONGEST_GENOTYPE_TEXT, SearchSpace, known_genotype, parse_genotype};

use crate::args::FromDialect;

/// The genotype that a text means: a published name, a file or run folder, `biggest` or `random:SEED`, or the genotype
/// itself in any dialect.
///
/// # Errors
/// When it means none.
pub fn resolve(text: &str) -> Result<Genotype> {
    resolve_in(text, &SearchSpace::darts())
}

/// The same; `biggest` and `random:SEED` are of this space, unless the text names another: `biggest:s2`,
/// `random:7:nas-bench-201`.
///
/// # Errors
/// When it means none.
pub fn resolve_in(text: &str, space: &SearchSpace) -> Result<Genotype> {
    let words: Vec<&str> = text.trim().split(':').collect();
    let space = |name: Option<&&str>| match name {
        None => Ok(space.clone()),
        Some(name) => space_named(name),
    };
    match &words[..] {
        ["biggest", name @ ..] if name.len() < 2 => Ok(space(name.first())?.biggest()),
        ["random", seed, name @ ..] if name.len() < 2 => {
            let Ok(seed) = seed.parse() else {
                bail!("random:{seed}: expected a whole number as seed, such as random:7");
            };
            Ok(random_genotype(&space(name.first())?, seed)?)
        }
        _ => read(text, FromDialect::Detected),
    }
}

/// A known space.
fn space_named(name: &str) -> Result<SearchSpace> {
    let settings = Settings::new().with_table(&known_space(name)?.settings())?;
    Ok(settings.build(&DataShape::default())?.0.search.space([1, 1]))
}

/// What a text means, of the dialect that is told.
///
/// # Errors
/// When it means none.
pub fn read(text: &str, from: FromDialect) -> Result<Genotype> {
    if let Some(genotype) = known_genotype(text.trim()) {
        return Ok(genotype);
    }
    let parse = |text: &str| match from {
        FromDialect::Detected => parse_genotype(text),
        FromDialect::Given(dialect) => dialect.parse(text),
    };
    let path = Path::new(text);
    if path.is_dir() {
        let folder = RunFolder::view(path)?;
        let genotype = folder.read_genotype()?.with_context(|| {
            format!("run {text} has no genotype yet: finish its search with `softcell search --out {text} --resume`")
        })?;
        return Ok(genotype);
    }
    if path.exists() {
        let unreadable = || format!("cannot read the genotype in {text}");
        return parse(&content(path).with_context(unreadable)?).with_context(unreadable);
    }
    let like_a_path =
        !text.contains(['(', '{', '|']) && (text.contains(['/', '\\']) || path.extension().is_some());
    if like_a_path {
        bail!("there is no genotype file or run folder {text}");
    }
    Ok(parse(text)?)
}

/// The text of a file, as far as a genotype may be long.
fn content(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST_GENOTYPE_TEXT as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > LONGEST_GENOTYPE_TEXT {
        bail!(
            "the file has more than {LONGEST_GENOTYPE_TEXT} bytes: give the genotype alone, without the log around it"
        );
    }
    let text = String::from_utf8(bytes).context("the file is no text in UTF-8")?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
