//! Image files decoded to sets, all in parallel.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::decode::{Shape, decode};
use super::fault::{Fault, Problem, Problems};
use super::files::{Catalogue, Entry, Part, Store};
use super::pixels::PixelSink;
use super::set::ImageSet;
use super::shape::survey_of;
use super::source::{Source, Strictness, TestImages, Wanted};
use crate::config::{DataConfig, DataFormat, Resize};
use crate::error::{Error, Result};
use crate::memory::available_bytes;
use crate::shown::listed;

/// Images decoded between two reports of progress.
const CHUNK: usize = 512;

/// At most `most` training images of each class; all where it is 0.
pub(super) fn limited(mut entries: Vec<Entry>, most: usize) -> Vec<Entry> {
    if most > 0 {
        let mut taken = std::collections::HashMap::new();
        entries.retain(|entry| {
            let count = taken.entry((entry.part, entry.label)).or_insert(0);
            *count += 1;
            entry.part != Part::Train || *count <= most
        });
    }
    entries
}

/// Decodes the images of a catalogue.
pub(super) fn read(
    format: DataFormat,
    root: &Path,
    catalogue: Catalogue,
    config: &DataConfig,
    strictness: Strictness,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Source> {
    let Catalogue { classes, entries, store, mut notes, mut problems, obstacles } = catalogue;
    problems.extend(obstacles.into_iter().map(|obstacle| obstacle.problem));
    let entries = limited(entries, config.images_per_class);
    let survey = survey_of(format, root, &classes, &entries, &store, config.max_image_pixels as u64)?;
    let (shape, note) = survey.shape(config.image_size.parse()?);
    notes.extend(note);
    let classes = Arc::new(classes);
    let place = place(config, entries.len(), shape, &mut notes);
    let mut reader = Reader {
        shape,
        allowed: match strictness {
            Strictness::Run => Some(allowed(config, entries.len())),
            Strictness::Look => None,
        },
        total: entries.len(),
        ..Reader::new(root, &store, classes, config, place, progress)
    };
    // The training part is sorted by class, and the images that the data give to validation are among it.
    let (mut training, test): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| entry.part.is_training());
    training.sort_by_key(|entry| (entry.label, entry.part));
    let (train, kept) = reader.read(&training)?;
    let test = if test.is_empty() { None } else { Some(reader.read(&test)?) };
    let names = |entries: &[&Entry]| entries.iter().map(|entry| entry.name.clone()).collect();
    let (test, test_names) = test.map_or((None, Vec::new()), |(set, kept)| (Some(set), names(&kept)));
    let train_names = names(&kept);
    let validation = (0..kept.len()).filter(|&i| kept[i].part == Part::Validation).collect();
    let grouped = kept.iter().any(|entry| entry.group > 0);
    let groups = if grouped { kept.iter().map(|entry| entry.group).collect() } else { Vec::new() };
    if grouped {
        let mut numbers: Vec<u32> =
            entries.iter().map(|entry| entry.group).filter(|&group| group > 0).collect();
        let images = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        let groups = if numbers.len() == 1 { "group" } else { "groups" };
        notes.push(format!(
            "{images} images are in {} {groups}, whose images stay in one part",
            numbers.len()
        ));
    }
    notes.extend(reader.tally.notes(shape, config.resize));
    if strictness == Strictness::Run {
        notes.extend(problems.iter().map(Problem::in_words));
    }
    let skipped = reader.skipped;
    problems.extend(
        reader.faults.into_vec().into_iter().map(|problem| Problem {
            what: format!("images that cannot be read: {}", problem.what),
            ..problem
        }),
    );
    Ok(Source {
        validation,
        groups,
        train_names,
        test_names,
        skipped,
        problems,
        ..Source::new(format, train, test, notes)
    })
}

/// Decodes the images to test a network on that takes images of `shape`.
pub(super) fn read_test(
    format: DataFormat,
    root: &Path,
    catalogue: Catalogue,
    config: &DataConfig,
    [channels, height, width]: [usize; 3],
    wanted: Wanted,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<TestImages> {
    let Catalogue { classes, entries, store, mut notes, problems, .. } = catalogue;
    let in_all = entries.len();
    let has_test = entries.iter().any(|entry| entry.part == Part::Test);
    let taken = |entry: &&Entry| wanted == Wanted::All || !has_test || entry.part == Part::Test;
    let entries: Vec<&Entry> = entries.iter().filter(taken).collect();
    let shape = Shape { channels, height, width };
    let place = place(config, entries.len(), shape, &mut notes);
    let mut reader = Reader {
        shape,
        allowed: Some(allowed(config, entries.len())),
        total: entries.len(),
        ..Reader::new(root, &store, Arc::new(classes), config, place, progress)
    };
    let (set, kept) = reader.read(&entries)?;
    let names = kept.iter().map(|entry| entry.name.clone()).collect();
    notes.extend(reader.tally.notes(shape, config.resize));
    notes.extend(problems.iter().map(Problem::in_words));
    Ok(TestImages { set, in_all, names, format, skipped: reader.skipped, notes })
}

/// Unreadable images that are skipped of so many.
fn allowed(config: &DataConfig, images: usize) -> usize {
    config.max_bad_images.max((config.max_bad_share * images as f64) as usize)
}

/// Where the decoded images go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Memory,
    File,
}

fn place(config: &DataConfig, images: usize, shape: Shape, notes: &mut Vec<String>) -> Where {
    let bytes = (images * shape.channels * shape.height * shape.width) as u64;
    let most = match config.memory {
        0 => available_bytes().map_or(u64::MAX, |available| available / 2),
        most => most as u64,
    };
    if bytes <= most {
        return Where::Memory;
    }
    notes.push(format!(
        "the decoded images take {:.2} GB, more than the {:.2} GB that they may have in memory: they are streamed from a \
         temporary file in {} (data.memory allows more, image_size makes them smaller)",
        bytes as f64 / 1e9,
        most as f64 / 1e9,
        std::env::temp_dir().display(),
    ));
    Where::File
}

/// Counts of what was done to images.
#[derive(Debug, Default)]
struct Tally {
    resized: usize,
    grayed: usize,
    colored: usize,
    transparent: usize,
}

impl Tally {
    fn notes(&self, shape: Shape, resize: Resize) -> Vec<String> {
        let Shape { height, width, .. } = shape;
        let how = match resize {
            Resize::Crop => "the middle that has this ratio of sides",
            Resize::Squash => "whatever the ratio of their sides",
            Resize::Letterbox => "with black borders where the ratio of their sides is another",
        };
        let resized = format!("resized to {height}x{width}, {how} (resize)");
        [
            (self.resized, "", "", resized.as_str()),
            (self.grayed, "", " with colours", "turned gray, as the sampled images are"),
            (self.colored, "gray ", "", "given three equal channels, as others have colours"),
            (self.transparent, "", " with transparent pixels", "laid on white"),
        ]
        .into_iter()
        .filter(|&(count, ..)| count > 0)
        .map(|(count, before, after, what)| match count {
            1 => format!("1 {before}image{after} was {what}"),
            _ => format!("{count} {before}images{after} were {what}"),
        })
        .collect()
    }
}

/// Decodes parts one after the other.
struct Reader<'a> {
    root: &'a Path,
    store: &'a Store,
    shape: Shape,
    resize: Resize,
    most_pixels: u64,
    classes: Arc<Vec<String>>,
    /// Unreadable images that are skipped; any number where it is none.
    allowed: Option<usize>,
    place: Where,
    total: usize,
    done: usize,
    tally: Tally,
    faults: Problems,
    skipped: Vec<(PathBuf, String)>,
    progress: &'a mut dyn FnMut(usize, usize),
}

impl<'a> Reader<'a> {
    fn new(
        root: &'a Path,
        store: &'a Store,
        classes: Arc<Vec<String>>,
        config: &DataConfig,
        place: Where,
        progress: &'a mut dyn FnMut(usize, usize),
    ) -> Self {
        Self {
            root,
            store,
            shape: Shape { channels: 1, height: 1, width: 1 },
            resize: config.resize,
            most_pixels: config.max_image_pixels as u64,
            classes,
            allowed: None,
            place,
            total: 0,
            done: 0,
            tally: Tally::default(),
            faults: Problems::default(),
            skipped: Vec::new(),
            progress,
        }
    }

    /// Decodes `files` in parallel, in order; unreadable ones are left out. Answers what was kept, too.
    fn read<'e>(&mut self, files: &[&'e Entry]) -> Result<(ImageSet, Vec<&'e Entry>)> {
        let Shape { channels, height, width } = self.shape;
        let image_len = channels * height * width;
        let mut sink = self.sink(files.len())?;
        let mut kept = Vec::with_capacity(files.len());
        for chunk in files.chunks(CHUNK) {
            let (store, shape, resize, most) = (self.store, self.shape, self.resize, self.most_pixels);
            let read = |entry: &&Entry| {
                store.bytes(&entry.place, most).and_then(|bytes| decode(&bytes, shape, resize, most))
            };
            let decoded: Vec<_> = chunk.par_iter().map(read).collect();
            for (entry, result) in chunk.iter().zip(decoded) {
                match result {
                    Ok(image) => {
                        sink.push(&image.pixels)?;
                        kept.push(*entry);
                        self.tally.resized += usize::from(image.resized);
                        self.tally.grayed += usize::from(image.color && channels == 1);
                        self.tally.colored += usize::from(!image.color && channels == 3);
                        self.tally.transparent += usize::from(image.transparent);
                    }
                    Err(fault) => self.skip(entry, &fault),
                }
            }
            self.done += chunk.len();
            (self.progress)(self.done, self.total);
        }
        // After all of a part, so that all of them are told at once.
        self.check_skipped()?;
        let labels = kept.iter().map(|entry| entry.label).collect();
        let (classes, pixels) = (Arc::clone(&self.classes), sink.finish(image_len)?);
        Ok((ImageSet { classes, channels, height, width, pixels, labels }, kept))
    }

    fn skip(&mut self, entry: &Entry, fault: &Fault) {
        self.faults.add(fault.what(), &entry.name);
        self.skipped.push((PathBuf::from(&entry.name), fault.to_string()));
    }

    /// Room for `images` images.
    fn sink(&self, images: usize) -> Result<PixelSink> {
        let Shape { channels, height, width } = self.shape;
        let bytes = images * channels * height * width;
        match self.place {
            Where::File => PixelSink::in_file(),
            Where::Memory => PixelSink::in_memory(bytes).ok_or_else(|| {
                Error::data(
                    self.root,
                    format!("{images} images of {channels}x{height}x{width} need {} MiB of memory", bytes >> 20),
                    "set a smaller image_size, images_per_class, or data.memory for a file in place of memory",
                )
            }),
        }
    }

    /// Refuses more unreadable images than allowed.
    fn check_skipped(&self) -> Result<()> {
        let Some(allowed) = self.allowed.filter(|&allowed| self.skipped.len() > allowed) else {
            return Ok(());
        };
        let bad: Vec<String> =
            self.skipped.iter().map(|(file, reason)| format!("{} ({reason})", file.display())).collect();
        Err(Error::data(
            self.root,
            format!(
                "found {} images that cannot be read, {allowed} of {} are allowed: {}",
                bad.len(),
                self.total,
                listed(&bad)
            ),
            "mend or remove them, or raise max_bad_images or max_bad_share",
        ))
    }
}
