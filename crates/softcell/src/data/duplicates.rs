//! Images that are there several times: the same bytes, or the same picture stored otherwise.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use image::{GrayImage, imageops};
use rayon::prelude::*;

use super::fault::{Problem, Problems};
use super::fingerprint::fingerprint;
use super::set::{FILTER, ImageSet};
use super::source::Source;

/// Pictures with a shorter side than this are alike too often to say more than that they are equal.
const NEAR_SIDE: usize = 24;
/// Bits in which the perceptual hashes of two near-identical pictures may differ, of 64. Two such hashes are equal in
/// one of [`BANDS`] parts. Of 400 photographs of 32x32 and the same enlarged to 96x96, stored as JPEG and shrunk again,
/// 99 % differ in at most 2 bits; no two others in fewer than 14.
const MAX_DISTANCE: u32 = 3;
const BANDS: usize = 4;
/// Side of the gray pictures that are compared where the hashes are alike, and the part of the deviation in which they
/// may differ: root mean square of the difference over the standard deviation. Of the same 400, 0.031 in the median and
/// 0.075 at most; two others, 0.57 at least.
const COMPARED: u32 = 16;
const MAX_DIFFERENCE: f64 = 0.1;
/// Pictures with a smaller standard deviation than this, in 255ths, show nothing that could be compared.
const MIN_DEVIATION: f64 = 4.0;
/// Pictures with one band in common that are compared with one another; of more, each only with so many that follow in
/// the order of the hashes.
const MOST_ALIKE: usize = 256;

/// Puts copies of training images into one group, leaves out training images with a copy in the test part or in the
/// given validation part, and validation images with one in the test part. All of it is told.
pub(super) fn separate(source: &mut Source) {
    let clusters = clusters(source);
    if clusters.is_empty() {
        return;
    }
    let n = source.train.len();
    let mut validation = vec![false; n];
    source.validation.iter().for_each(|&i| validation[i] = true);
    let mut problems = Problems::default();
    let mut left_out = vec![false; n];
    let mut group = source.groups.iter().copied().max().unwrap_or(0);
    let mut groups = if source.groups.is_empty() { vec![0; n] } else { source.groups.clone() };
    for cluster in &clusters {
        let told = match cluster.kind {
            Alike::Equal => "equal",
            Alike::Near => "nearly equal",
        };
        let (train, test): (Vec<usize>, Vec<usize>) = cluster.images.iter().partition(|&&i| i < n);
        let (given, own): (Vec<usize>, Vec<usize>) = train.iter().partition(|&&i| validation[i]);
        let name = |i: usize| place(source, i);
        let pair = |a: usize, b: usize| format!("{} and {}", name(a), name(b));
        for (part, images, from) in
            [("training", &own, &test), ("validation", &given, &test), ("training", &own, &given)]
        {
            let to = if std::ptr::eq(from, &test) { "test" } else { "validation" };
            if let Some(&other) = from.first() {
                for &i in images.iter().filter(|&&i| !left_out[i]) {
                    problems.add(
                        format!("{part} images left out because {told} ones are in the {to} part"),
                        pair(i, other),
                    );
                }
                images.iter().for_each(|&i| left_out[i] = true);
            }
        }
        let mut kept: Vec<usize> = train.into_iter().filter(|&i| !left_out[i]).collect();
        kept.sort_unstable();
        if kept.len() > 1 {
            let labels = kept.iter().any(|&i| source.train.labels[i] != source.train.labels[kept[0]]);
            let what = if labels {
                format!("{told} training images in different classes, kept together in one part")
            } else {
                format!("{told} training images, kept together in one part")
            };
            for &i in &kept[1..] {
                problems.add(what.clone(), pair(kept[0], i));
            }
            unite(&mut groups, &mut group, &kept);
        }
        if test.len() > 1 {
            for &i in &test[1..] {
                problems.add(format!("{told} test images"), pair(test[0], i));
            }
        }
    }
    let problems = problems.into_vec();
    source.notes.extend(problems.iter().map(Problem::in_words));
    source.problems.extend(problems);
    source.groups = if groups.iter().any(|&group| group > 0) { groups } else { Vec::new() };
    if left_out.contains(&true) {
        let kept: Vec<usize> = (0..n).filter(|&i| !left_out[i]).collect();
        source.keep_training(&kept);
    }
}

/// Gives the images one group: that of one of them, or a new one; groups that they had are joined.
fn unite(groups: &mut [u32], last: &mut u32, images: &[usize]) {
    let mut had: Vec<u32> = images.iter().map(|&i| groups[i]).filter(|&group| group > 0).collect();
    had.sort_unstable();
    had.dedup();
    let group = had.first().copied().unwrap_or_else(|| {
        *last += 1;
        *last
    });
    if had.len() > 1 {
        groups.iter_mut().filter(|g| had.contains(g)).for_each(|g| *g = group);
    }
    images.iter().for_each(|&i| groups[i] = group);
}

/// How an image is called: images that were made up by the number within their part.
fn place(source: &Source, i: usize) -> String {
    let n = source.train.len();
    let (set, part, i, names) = match (&source.test, i < n) {
        (Some(test), false) => (test, "test image", i - n, &source.test_names),
        _ => (&source.train, "training image", i, &source.train_names),
    };
    match names.get(i) {
        Some(name) => name.clone(),
        None => format!("{part} {} of class {}", i + 1, set.classes[set.labels[i] as usize]),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alike {
    Equal,
    Near,
}

/// Images that are alike: numbers of training images, then of test images, rising.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cluster {
    kind: Alike,
    images: Vec<usize>,
}

/// All images that are alike, in the order of the first of each.
fn clusters(source: &Source) -> Vec<Cluster> {
    let (train, test) = (&source.train, source.test.as_ref());
    let n = train.len();
    let total = n + test.map_or(0, ImageSet::len);
    let image = |i: usize| match test {
        Some(test) if i >= n => test.image(i - n),
        _ => train.image(i),
    };
    let mut union = Union::new(total);
    let hashes: Vec<u64> = (0..total)
        .into_par_iter()
        .map(|i| {
            let mut hasher = DefaultHasher::new();
            image(i).hash(&mut hasher);
            hasher.finish()
        })
        .collect();
    for alike in buckets(hashes.iter().copied().enumerate()) {
        for &i in &alike[1..] {
            if image(alike[0]) == image(i) {
                union.join(alike[0], i);
            }
        }
    }
    let mut near = vec![false; total];
    if source.format.is_files() && train.height.min(train.width) >= NEAR_SIDE {
        let looks: Vec<Option<Look>> =
            (0..total).into_par_iter().map(|i| Look::of(&image(i), train)).collect();
        for band in 0..BANDS {
            let of_band = |look: &Look| look.hash >> (16 * band) & 0xffff;
            let keys = looks.iter().enumerate().filter_map(|(i, look)| Some((i, of_band(look.as_ref()?))));
            for mut alike in buckets(keys) {
                alike.sort_by_key(|&i| (looks[i].as_ref().map(|look| look.hash), i));
                for (k, &i) in alike.iter().enumerate() {
                    for &j in alike[k + 1..].iter().take(MOST_ALIKE) {
                        if let (Some(a), Some(b)) = (&looks[i], &looks[j])
                            && a.is_near(b)
                            && union.root(i) != union.root(j)
                        {
                            (near[i], near[j]) = (true, true);
                            union.join(i, j);
                        }
                    }
                }
            }
        }
    }
    let mut members: HashMap<usize, Vec<usize>> = HashMap::new();
    for i in 0..total {
        members.entry(union.root(i)).or_default().push(i);
    }
    let mut clusters: Vec<Cluster> = members
        .into_values()
        .filter(|images| images.len() > 1)
        .map(|images| {
            let kind = if images.iter().any(|&i| near[i]) { Alike::Near } else { Alike::Equal };
            Cluster { kind, images }
        })
        .collect();
    clusters.sort_by_key(|cluster| cluster.images[0]);
    clusters
}

/// Numbers with one key, where there are several, in the order of the first of each.
fn buckets(keys: impl Iterator<Item = (usize, u64)>) -> Vec<Vec<usize>> {
    let mut buckets: HashMap<u64, Vec<usize>> = HashMap::new();
    keys.for_each(|(i, key)| buckets.entry(key).or_default().push(i));
    let mut buckets: Vec<Vec<usize>> = buckets.into_values().filter(|bucket| bucket.len() > 1).collect();
    buckets.sort_unstable();
    buckets
}

/// What a picture looks like, small and gray.
struct Look {
    hash: u64,
    gray: Vec<u8>,
    deviation: f64,
}

impl Look {
    /// None of a picture that shows nothing.
    fn of(bytes: &[u8], set: &ImageSet) -> Option<Look> {
        let plane = set.height * set.width;
        let channel = |p: usize, c: usize| u32::from(bytes[c * plane + p]);
        let gray = |p: usize| match set.channels {
            1 => bytes[p],
            _ => ((2126 * channel(p, 0) + 7152 * channel(p, 1) + 722 * channel(p, 2) + 5000) / 10_000) as u8,
        };
        let picture =
            GrayImage::from_raw(set.width as u32, set.height as u32, (0..plane).map(gray).collect())
                .expect("a plane has height x width bytes");
        let small = imageops::resize(&picture, COMPARED, COMPARED, FILTER).into_raw();
        let n = small.len() as f64;
        let mean = small.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let deviation = (small.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n).sqrt();
        if deviation < MIN_DEVIATION {
            return None;
        }
        let hash = fingerprint(&picture);
        Some(Look { hash, gray: small, deviation })
    }

    fn is_near(&self, other: &Look) -> bool {
        if (self.hash ^ other.hash).count_ones() > MAX_DISTANCE {
            return false;
        }
        let squares = self.gray.iter().zip(&other.gray).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
        let difference = (squares.sum::<f64>() / self.gray.len() as f64).sqrt();
        difference <= MAX_DIFFERENCE * self.deviation.min(other.deviation)
    }
}

/// Numbers joined to sets.
struct Union(Vec<usize>);

impl Union {
    fn new(n: usize) -> Union {
        Union((0..n).collect())
    }

    fn root(&mut self, mut i: usize) -> usize {
        while self.0[i] != i {
            self.0[i] = self.0[self.0[i]];
            i = self.0[i];
        }
        i
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}
