//! Images in, batches out.
//!
//! [`open`] reads a folder of images, CIFAR or IDX files, or the embedded digits, into memory as bytes
//! ([`Source`]). [`Dataset::new`] divides them into weights', alphas', validation and test parts, which
//! share no image, and measures mean and deviation. [`Batches`] prepares batches ahead on a thread of its
//! own; a batch depends on nothing but the seed, the name of the stream, the epoch and the step.

mod arrays;
mod augment;
mod balance;
mod batch;
mod cifar;
mod class_weights;
mod dataset;
mod decode;
mod detect;
mod digits;
mod duplicates;
mod fault;
mod files;
mod find;
mod fingerprint;
mod folder;
mod idx;
mod kinds;
mod loader;
mod normalize;
mod npy;
mod npz;
mod open;
mod pixels;
mod positioned;
mod room;
mod set;
mod shape;
mod single;
mod source;
mod split;
#[cfg(test)]
mod tests;
mod thumbnail;
mod weight;

pub use augment::Augment;
pub use batch::{Batch, BatchPlan, Order, first_batch};
pub use class_weights::class_weights;
pub use dataset::{Dataset, Summary, describe};
pub use detect::DIGITS;
pub use fault::{Fault, Problem};
pub use find::{Found, NotFound, find_images};
pub use kinds::{FileKind, file_kind, is_image};
pub use loader::Batches;
pub use normalize::{Normalization, Normalizer};
pub use open::{inspect, open, open_for_test, survey};
pub use pixels::Pixels;
pub use set::ImageSet;
pub use shape::{Extent, Survey};
pub use single::{bring_pixels, read_image, read_image_bytes, read_image_stream};
pub use source::{Source, TestImages, Wanted};
pub use split::Split;
