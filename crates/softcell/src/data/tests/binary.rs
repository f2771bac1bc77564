//! CIFAR, IDX and the embedded digits.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{assert_says, bytes, config, read, refused, temp, write};
use crate::config::{DataConfig, DataFormat};
use crate::data::open;

/// CIFAR records: the label bytes, then 3072 bytes of the value.
fn records(records: &[(&[u8], u8)]) -> Vec<u8> {
    records.iter().flat_map(|&(labels, value)| [labels, &[value; 3072]].concat()).collect()
}

/// One image of each of the ten classes.
fn ten() -> Vec<u8> {
    (0..10).flat_map(|label| records(&[(&[label], label * 3)])).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn idx_images(count: u32, rows: u32, columns: u32, bytes: &[u8]) -> Vec<u8> {
    let head = [0x803, count, rows, columns].map(u32::to_be_bytes).concat();
    [head, bytes.to_vec()].concat()
}

fn idx_labels(labels: &[u8]) -> Vec<u8> {
    let head = [0x801, labels.len() as u32].map(u32::to_be_bytes).concat();
    [head, labels.to_vec()].concat()
}

/// Three training images of 2x3 with labels 4, 1, 4 and one test image with label 1.
fn idx_set(folder: &Path, prefix: &str) {
    let bytes: Vec<u8> = (0..18).collect();
    write(&folder.join(format!("{prefix}train-images-idx3-ubyte")), idx_images(3, 2, 3, &bytes));
    write(&folder.join(format!("{prefix}train-labels-idx1-ubyte")), idx_labels(&[4, 1, 4]));
    write(
        &folder.join(format!("{prefix}test-images-idx3-ubyte.gz")),
        gzip(&idx_images(1, 2, 3, &[9, 8, 7, 6, 5, 4])),
    );
    write(&folder.join(format!("{prefix}test-labels-idx1-ubyte.gz")), gzip(&idx_labels(&[1])));
}

#[test]
fn cifar_10() {
    let dir = temp();
    let root = dir.path();
    let inner = root.join("cifar-10-batches-bin");
    write(&inner.join("data_batch_1.bin"), ten());
    let mut first = vec![1, 2, 3, 4];
    first.resize(3072, 0);
    write(&inner.join("data_batch_2.bin"), [vec![7], first].concat());
    write(&inner.join("test_batch.bin"), records(&[(&[9], 5)]));
    let source = read(root).unwrap();
    assert_eq!(source.format, DataFormat::Cifar10);
    let set = &source.train;
    assert_eq!((set.len(), set.channels, set.height, set.width), (11, 3, 32, 32));
    assert_eq!((set.labels[10], &set.image(10)[..5], set.image(4)[3071]), (7, &[1, 2, 3, 4, 0][..], 12));
    assert_eq!(set.classes[9], "truck");
    let names = [&source.train_names[0], &source.train_names[10], &source.test_names[0]];
    assert_eq!(names, ["data_batch_1.bin[0]", "data_batch_2.bin[0]", "test_batch.bin[0]"]);
    // Left out by the number of images of a class, not renamed.
    let few = open(&DataConfig { images_per_class: 1, ..config(root) }, &mut |_, _| {}).unwrap();
    assert_eq!((few.train.len(), few.train_names.len()), (10, 10));
    assert_eq!(source.test.unwrap().labels, [9]);
    assert_says(&source.notes.join("\n"), &["2 of the 5 training files"]);

    write(&inner.join("batches.meta.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
    assert_eq!(read(&inner).unwrap().train.classes[9], "j");
    write(&inner.join("batches.meta.txt"), "a\nb\n");
    assert_says(&refused(root), &["found 2 class names, expected 10"]);
}

#[test]
fn damaged_cifar_is_refused() {
    let dir = temp();
    let file = dir.path().join("data_batch_1.bin");
    let whole = ten();
    write(&file, &whole[..whole.len() - 1]);
    assert_says(&refused(dir.path()), &["found 30729 bytes", "multiple of 3073", "cut short"]);
    write(&file, []);
    assert_says(&refused(dir.path()), &["found 0 bytes"]);
    write(&file, records(&[(&[3], 0), (&[10], 0)]));
    assert_says(&refused(dir.path()), &["image 1 has label 10, expected less than 10"]);
    write(&file, records(&[(&[3], 0), (&[4], 0)]));
    assert_says(&refused(dir.path()), &["no training image of class airplane", "3 more"]);
}

#[test]
fn cifar_100_takes_fine_labels() {
    let dir = temp();
    let all: Vec<u8> = (0..100).flat_map(|fine| records(&[(&[0, fine], fine)])).collect();
    write(&dir.path().join("train.bin"), &all);
    write(&dir.path().join("test.bin"), records(&[(&[5, 99], 1)]));
    let source = read(dir.path()).unwrap();
    assert_eq!(source.format, DataFormat::Cifar100);
    assert_eq!((source.train.labels[42], source.train.image(42)[0]), (42, 42));
    assert_eq!(source.test.unwrap().labels, [99]);
    assert_says(&source.notes.join("\n"), &["named by their numbers"]);
    let names: String = (0..100).map(|i| format!("name{i}\n")).collect();
    write(&dir.path().join("fine_label_names.txt"), names);
    assert_eq!(read(dir.path()).unwrap().train.classes[41], "name41");
}

#[test]
fn idx_plain_and_compressed_with_labels_that_leave_numbers_out() {
    let dir = temp();
    idx_set(dir.path(), "");
    let source = read(dir.path()).unwrap();
    assert_eq!(source.format, DataFormat::Idx);
    let set = &source.train;
    assert_eq!((set.channels, set.height, set.width), (1, 2, 3));
    assert_eq!(*set.classes, ["1", "4"]);
    assert_eq!(set.labels, [1, 0, 1]);
    assert_eq!(*set.image(1), [6, 7, 8, 9, 10, 11]);
    assert_eq!(source.train_names[2], "train-images-idx3-ubyte[2]");
    assert_eq!(source.test_names, ["test-images-idx3-ubyte.gz[0]"]);
    let test = source.test.unwrap();
    assert_eq!((&test.labels, bytes(&test)), (&vec![0], vec![9, 8, 7, 6, 5, 4]));
    let few = open(&DataConfig { images_per_class: 1, ..config(dir.path()) }, &mut |_, _| {}).unwrap();
    assert_eq!(few.train_names, ["train-images-idx3-ubyte[0]", "train-images-idx3-ubyte[1]"]);
    let by_file = read(&dir.path().join("train-images-idx3-ubyte")).unwrap();
    assert_eq!(by_file.train, source.train);
}

#[test]
fn idx_names_with_a_dot_and_without_test_part() {
    let dir = temp();
    write(&dir.path().join("train-images.idx3-ubyte"), idx_images(2, 1, 1, &[3, 4]));
    write(&dir.path().join("train-labels.idx1-ubyte"), idx_labels(&[0, 1]));
    let source = read(dir.path()).unwrap();
    assert_eq!((bytes(&source.train), source.test), (vec![3, 4], None));
}

#[test]
fn emnist_is_turned_and_named_and_chosen_by_file() {
    let dir = temp();
    idx_set(dir.path(), "emnist-letters-");
    write(&dir.path().join("emnist-letters-mapping.txt"), "1 65 97\n4 68 100\n");
    let source = read(dir.path()).unwrap();
    let set = &source.train;
    assert_eq!((set.height, set.width), (3, 2));
    assert_eq!(*set.image(0), [0, 3, 1, 4, 2, 5]);
    let test = source.test.as_ref().unwrap();
    assert_eq!((test.height, test.width, &*test.image(0)), (3, 2, &[9, 6, 8, 5, 7, 4][..]));
    assert_eq!(*set.classes, ["A", "D"]);
    assert_says(&source.notes.join("\n"), &["EMNIST", "exchanged"]);

    idx_set(dir.path(), "emnist-digits-");
    assert_says(&refused(dir.path()), &["several data sets", "emnist-digits-, emnist-letters-"]);
    let one = read(&dir.path().join("emnist-digits-test-images-idx3-ubyte.gz")).unwrap();
    assert_eq!((one.train.len(), one.train.classes[0].as_str()), (3, "1"));
}

#[test]
fn damaged_idx_is_refused() {
    let dir = temp();
    idx_set(dir.path(), "");
    let images = dir.path().join("train-images-idx3-ubyte");
    let labels = dir.path().join("train-labels-idx1-ubyte");
    let whole = fs::read(&images).unwrap();

    write(&images, &whole[..whole.len() - 4]);
    assert_says(&refused(dir.path()), &["found 14 bytes of values, expected 18", "[3, 2, 3]"]);
    write(&images, [whole.as_slice(), &[0]].concat());
    assert_says(&refused(dir.path()), &["found more bytes of values, expected 18"]);
    write(&images, &whole[..10]);
    assert_says(&refused(dir.path()), &["cut short or damaged"]);
    write(&images, idx_labels(&[4, 1, 4]));
    assert_says(&refused(dir.path()), &["begins with 0x00000801, expected 0x00000803"]);
    write(&images, idx_images(u32::MAX, u32::MAX, u32::MAX, &[]));
    assert_says(&refused(dir.path()), &["its sizes are"]);
    let packed = gzip(&whole);
    write(&images, &packed[..packed.len() - 12]);
    assert_says(&refused(dir.path()), &["cut short or damaged"]);

    write(&images, &whole);
    write(&labels, idx_labels(&[4, 1]));
    assert_says(&refused(dir.path()), &["found 2 labels, expected 3"]);
    write(&labels, idx_labels(&[4, 2, 4]));
    assert_says(&refused(dir.path()), &["label 1 occurs in the test part but not"]);
    write(&labels, idx_labels(&[4, 4, 4]));
    fs::remove_file(dir.path().join("test-images-idx3-ubyte.gz")).unwrap();
    assert_says(&refused(dir.path()), &["only one class, 4"]);
    fs::remove_file(&labels).unwrap();
    assert_says(&refused(dir.path()), &["no labels file"]);
}

#[test]
fn the_embedded_digits() {
    let source = read(Path::new("digits")).unwrap();
    let set = &source.train;
    assert_eq!((set.len(), set.channels, set.height, set.width), (1797, 1, 8, 8));
    assert_eq!(bytes(set).len(), 1797 * 64);
    assert_eq!(set.class_counts(), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    // 0, 0, 5, 13, 9, 1, 0, 0 of 16.
    assert_eq!(set.image(0)[..8], [0, 0, 80, 207, 143, 16, 0, 0]);
    assert_eq!(bytes(set).iter().max(), Some(&255));
}

#[test]
fn the_format_that_is_asked_for() {
    let dir = temp();
    idx_set(dir.path(), "");
    let mut config = config(dir.path());
    config.format = DataFormat::Cifar10;
    let error = open(&config, &mut |_, _| {}).unwrap_err().to_string();
    assert_says(&error, &["no data_batch_1.bin"]);
    config.format = DataFormat::Folder;
    let error = open(&config, &mut |_, _| {}).unwrap_err().to_string();
    assert_says(&error, &["one folder per class"]);
    config.format = DataFormat::Digits;
    let error = open(&config, &mut |_, _| {}).unwrap_err().to_string();
    assert_says(&error, &["data.path", "digits"]);
}

#[test]
fn size_and_images_per_class_hold_for_every_format() {
    let dir = temp();
    idx_set(dir.path(), "");
    let mut config = config(dir.path());
    config.images_per_class = 1;
    config.image_size = "4x9".into();
    let mut last = (0, 0);
    let source = open(&config, &mut |done, total| last = (done, total)).unwrap();
    assert_eq!(source.train.labels, [1, 0]);
    for set in [&source.train, source.test.as_ref().unwrap()] {
        assert_eq!((set.height, set.width, bytes(set).len()), (4, 9, set.len() * 36));
    }
    // Rows 0, 1, 2 and 3, 4, 5: the corners keep their values.
    assert_eq!((source.train.image(0)[0], source.train.image(0)[35]), (0, 5));
    assert_eq!(last, (3, 3));
    assert_says(&source.notes.join("\n"), &["images of 2x3 were resized to 4x9"]);
}
