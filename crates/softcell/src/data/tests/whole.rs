//! Data sets as people have them: archives, tables, arrays, copies, groups, more than memory holds.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use image::{GrayImage, Luma, Rgb, RgbImage, imageops};
use rand::RngExt;

use super::{assert_says, bytes, color, config, gray, read, refused, temp, write};
use crate::config::{DataFormat, Duplicates};
use crate::data::{Dataset, Wanted, inspect, open, open_for_test, survey};
use crate::random::stream;

/// A picture that is like no other: random colours, a pixel in four, and what is between them.
fn photo(seed: u32) -> RgbImage {
    let mut random = stream(u64::from(seed), "photo", &[]);
    let coarse = RgbImage::from_fn(12, 12, |_, _| Rgb(std::array::from_fn(|_| random.random())));
    imageops::resize(&coarse, 48, 48, imageops::FilterType::CatmullRom)
}

/// `train` and `test` with two classes of `n` pictures each.
fn folder(root: &Path, n: u32) {
    for (part, first) in [("train", 0), ("test", 100)] {
        for (class, offset) in [("cat", 0), ("dog", 50)] {
            let place = root.join(part).join(class);
            fs::create_dir_all(&place).unwrap();
            (0..n).for_each(|i| photo(first + offset + i).save(place.join(format!("{i}.png"))).unwrap());
        }
    }
}

/// All files below a folder, as names with slashes and bytes.
fn files(root: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = walkdir::WalkDir::new(root).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files
        .map(|entry| {
            let name = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn an_archive_is_read_as_its_folder() {
    let dir = temp();
    let root = dir.path().join("set");
    folder(&root, 3);
    write(&root.join("train/cat/.DS_Store"), "hidden");
    let plain = read(&root).unwrap();
    let mut zip = zip::ZipWriter::new(File::create(dir.path().join("a.zip")).unwrap());
    let mut tar = tar::Builder::new(Vec::new());
    for (k, (name, bytes)) in files(&root).into_iter().enumerate() {
        // One folder around all, stored and deflated members.
        let method =
            if k % 2 == 0 { zip::CompressionMethod::Stored } else { zip::CompressionMethod::Deflated };
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        zip.start_file(format!("wrapped/set/{name}"), options).unwrap();
        zip.write_all(&bytes).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, format!("./{name}"), bytes.as_slice()).unwrap();
    }
    zip.finish().unwrap();
    let tar = tar.into_inner().unwrap();
    write(&dir.path().join("a.tar"), &tar);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&tar).unwrap();
    let packed = packed.finish().unwrap();
    write(&dir.path().join("a.tgz"), &packed);
    for (name, format) in [("a.zip", DataFormat::Zip), ("a.tar", DataFormat::Tar), ("a.tgz", DataFormat::Tar)]
    {
        let source = read(&dir.path().join(name)).unwrap();
        assert_eq!(source.format, format);
        assert_eq!((&source.train, &source.test), (&plain.train, &plain.test), "{name}");
        assert_eq!(survey(&config(&dir.path().join(name))).unwrap().test_images, Some(6));
    }
    write(&dir.path().join("cut.tgz"), &packed[..packed.len() / 2]);
    assert_says(&refused(&dir.path().join("cut.tgz")), &["gzip archive is cut off, damaged"]);
    write(&dir.path().join("cut.zip"), "PK and no more");
    assert_says(&refused(&dir.path().join("cut.zip")), &["ZIP archive", "unpack it"]);
}

#[test]
fn a_table_names_paths_classes_parts_and_groups() {
    let dir = temp();
    let root = dir.path();
    for i in 0..24 {
        fs::create_dir_all(root.join("im")).unwrap();
        photo(i).save(root.join(format!("im/{i}.png"))).unwrap();
    }
    let table = |lines: &str| {
        let path = root.join("t.csv");
        write(&path, lines);
        path
    };
    let line = |i: u32| format!("im/{i}.png;{};{}\n", ["a", "b"][(i % 2) as usize], i / 4);
    let lines: String = (0..24).map(line).collect();
    let path = table(&format!("File;Label;Patient\n{lines}"));
    let source = read(&path).unwrap();
    assert_eq!((source.format, source.train.class_counts()), (DataFormat::Csv, vec![12, 12]));
    let data = Dataset::new(source.clone(), &config(&path), 0.5, 2).unwrap();
    // No patient is in two parts; six patients with two images of either class.
    let split = &data.split;
    let mut parts = vec![vec![]; 4];
    let place = |image: &[u8]| (0..24).find(|&i| source.train.image(i) == image).unwrap();
    for (part, indices) in [&split.weights, &split.alphas, &split.validation].into_iter().enumerate() {
        parts[part] = indices.iter().map(|&i| source.groups[place(&data.train.image(i))]).collect();
    }
    parts[3] = (0..data.test.len()).map(|i| source.groups[place(&data.test.image(i))]).collect();
    let sets: Vec<BTreeSet<u32>> = parts.iter().map(|part| part.iter().copied().collect()).collect();
    assert_eq!(sets.iter().map(BTreeSet::len).sum::<usize>(), 6, "{sets:?}");
    assert!(sets.iter().all(|set| !set.is_empty()) && !sets.iter().any(|set| set.contains(&0)), "{sets:?}");
    assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), 24);
    assert_eq!(data.summary.grouped_images, data.train.len());

    let two: String =
        (0..24).map(|i| format!("im/{i}.png,{},{}\n", ["a", "b"][(i % 2) as usize], i / 12)).collect();
    let path = table(&format!("path,class,group\n{two}"));
    let error =
        Dataset::new(read(&path).unwrap(), &config(&path), 0.5, 2).map(|_| ()).unwrap_err().to_string();
    assert_says(&error, &["groups of images, and copies, stay together", "more and smaller groups"]);

    let given = table("path,class,split\nim/0.png,a,train\nim/1.png,b,\nim/2.png,a,VAL\nim/3.png,b,test\n");
    let source = read(&given).unwrap();
    assert_eq!((source.train.labels.clone(), source.validation.clone()), (vec![0, 0, 1], vec![1]));
    assert_eq!(source.test.unwrap().labels, [1]);

    assert_says(&refused(&table("name,class\nx,y\n")), &["the columns name, class, and none for the path"]);
    assert_says(&refused(&table("path,class\nim/0.png,\n")), &["line 2 has no class"]);
    assert_says(
        &refused(&table("path,class,split\nim/0.png,a,holdout\n")),
        &["line 2 has the part `holdout`"],
    );
    assert_says(&refused(&table("")), &["the table is empty", "write path,class in its first line"]);
    let latin = root.join("latin.csv");
    write(&latin, b"path,class\nim/0.png,caf\xe9\n");
    assert_says(&refused(&latin), &["cannot be read as a table", "save it as UTF-8"]);
    let torn = "path,class,split,group\nim/0.png,a,train,p\nim/1.png,b,test,p\n";
    assert_says(&refused(&table(torn)), &["group p are in the training and in the test part"]);
    assert_says(
        &refused(&table("path,class\nim/0.png,a\ngone.png,b\n")),
        &["gone.png (there is no such file)"],
    );
}

#[test]
fn arrays_of_numpy() {
    let dir = temp();
    let path = dir.path().join("a.npz");
    let npy = |shape: &[u64], bytes: &[u8], kind: &str| {
        let shape: String = shape.iter().map(|size| format!("{size}, ")).collect();
        let mut head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
        head.push_str(&" ".repeat((64 - (head.len() + 11) % 64) % 64));
        head.push('\n');
        [b"\x93NUMPY\x01\0", (head.len() as u16).to_le_bytes().as_slice(), head.as_bytes(), bytes].concat()
    };
    let save = |arrays: &[(&str, Vec<u8>)]| {
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, bytes) in arrays {
            zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
    };
    let colours: Vec<u8> = (0..4 * 2 * 3 * 3).collect();
    let labels = |values: &[i64]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    save(&[
        ("train_images", npy(&[4, 2, 3, 3], &colours, "|u1")),
        ("train_labels", npy(&[4, 1], &labels(&[7, 2, 7, 2]), "<i8")),
        ("val_images", npy(&[1, 2, 3, 3], &colours[..18], "|u1")),
        ("val_labels", npy(&[1, 1], &labels(&[2]), "<i8")),
        ("test_images", npy(&[1, 2, 3, 3], &colours[18..36], "|u1")),
        ("test_labels", npy(&[1, 1], &labels(&[7]), "<i8")),
    ]);
    let source = read(&path).unwrap();
    assert_eq!(
        (source.format, source.train.classes.as_slice()),
        (DataFormat::Npz, ["2", "7"].map(String::from).as_slice())
    );
    assert_eq!((source.train.channels, source.train.height, source.train.width), (3, 2, 3));
    assert_eq!((&source.train.labels, &source.validation), (&vec![1, 0, 1, 0, 0], &vec![4]));
    // Channel after channel.
    assert_eq!(source.train.image(0)[..6], [0, 3, 6, 9, 12, 15]);
    assert_eq!(source.train_names[3..], ["train_images[3]", "val_images[0]"]);
    assert_eq!(source.test_names, ["test_images[0]"]);
    assert_eq!(source.test.unwrap().labels, [1]);

    let floats: Vec<u8> = [0.0f32, 0.5, 1.0, 0.25].iter().flat_map(|v| v.to_le_bytes()).collect();
    save(&[("x", npy(&[4, 1, 1], &floats, "<f4")), ("y", npy(&[4], &[0, 1, 0, 1], "|u1"))]);
    assert_eq!(bytes(&read(&path).unwrap().train), [0, 128, 255, 64]);
    save(&[("x", npy(&[4, 1, 1], &floats, "<f4")), ("y", npy(&[3], &[0, 1, 0], "|u1"))]);
    assert_says(&refused(&path), &["labels of shape [3] for 4 images"]);
    let halves: Vec<u8> = [0.0f32, 1.0, 0.5, 1.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    save(&[("x", npy(&[4, 1, 1], &floats, "<f4")), ("y", npy(&[4], &halves, "<f4"))]);
    assert_says(&refused(&path), &["found the label 0.5", "give whole numbers"]);
    let none: Vec<u8> = [f32::NAN; 4].iter().flat_map(|v| v.to_le_bytes()).collect();
    save(&[("x", npy(&[4, 1, 1], &none, "<f4")), ("y", npy(&[4], &[0, 1, 0, 1], "|u1"))]);
    assert_says(&refused(&path), &["x has values that are no numbers, or infinite"]);
    let named = |names: &[char]| {
        let codes: Vec<u8> = names.iter().flat_map(|&name| u32::from(name).to_le_bytes()).collect();
        let (images, labels) = (npy(&[4, 1, 1], &floats, "<f4"), npy(&[4], &[0, 2, 0, 2], "|u1"));
        let names = npy(&[names.len() as u64], &codes, "<U1");
        save(&[("x", images), ("y", labels), ("class_names", names)]);
    };
    named(&['é', 'b', 'c']);
    assert_eq!(read(&path).unwrap().train.classes.as_slice(), ["é", "c"].map(String::from).as_slice());
    named(&['a', 'b']);
    assert_says(&refused(&path), &["found the label 2 and 2 names in class_names"]);
    named(&['a', 'a', 'b']);
    assert_says(&refused(&path), &["has the name a twice"]);
    save(&[("pictures", npy(&[1], &[0], "|u1"))]);
    assert_says(&refused(&path), &["found the arrays pictures", "x_train and y_train"]);
}

/// Written by pyarrow with the metadata of Hugging Face's `datasets`: one-colour PNGs of 4x4.
#[test]
fn parquet_as_hugging_face_exports_it() {
    let dir = temp();
    let place = dir.path().join("data");
    for (name, bytes) in [
        ("train-00000-of-00001", include_bytes!("fixtures/train-00000-of-00001.parquet").as_slice()),
        ("test-00000-of-00001", include_bytes!("fixtures/test-00000-of-00001.parquet")),
    ] {
        write(&place.join(format!("{name}.parquet")), bytes);
    }
    let source = read(dir.path()).unwrap();
    assert_eq!(
        (source.format, source.train.classes.as_slice()),
        (DataFormat::Parquet, ["cat", "dog"].map(String::from).as_slice())
    );
    let first = |set: &crate::data::ImageSet| (0..set.len()).map(|i| set.image(i)[0]).collect::<Vec<u8>>();
    assert_eq!((&source.train.labels, first(&source.train)), (&vec![0, 0, 1, 1], vec![20, 40, 10, 30]));
    let test = source.test.unwrap();
    assert_eq!((&test.labels, first(&test)), (&vec![0, 1], vec![50, 60]));
    let one = place.join("train-00000-of-00001.parquet");
    assert_eq!(read(&one).unwrap().train.len(), 4);
    let bytes = fs::read(&one).unwrap();
    write(&one, &bytes[..bytes.len() / 2]);
    assert_says(&refused(&one), &["cannot be read as Parquet"]);
}

#[test]
fn copies_of_test_images_are_left_out_of_training() {
    let dir = temp();
    let root = dir.path();
    folder(root, 4);
    // A copy, and the same picture as a JPEG of another size.
    fs::copy(root.join("test/cat/0.png"), root.join("train/cat/copy.png")).unwrap();
    let larger = imageops::resize(&photo(151), 96, 96, imageops::FilterType::CatmullRom);
    larger.save(root.join("train/dog/again.jpg")).unwrap();
    // Two equal training images.
    fs::copy(root.join("train/cat/2.png"), root.join("train/cat/twin.png")).unwrap();
    let mut config = config(root);
    config.image_size = "48".into();
    let as_is = open(&config, &mut |_, _| {}).unwrap();
    assert_eq!((as_is.train.len(), as_is.problems.len()), (11, 0));
    config.duplicates = Duplicates::Separate;
    let source = open(&config, &mut |_, _| {}).unwrap();
    assert_eq!(source.train.class_counts(), [5, 4]);
    assert_eq!(source.test.as_ref().unwrap().len(), 8);
    let told = source.notes.join("\n");
    assert_says(&told, &["training images left out because equal ones are in the test part (1: "]);
    assert_says(&told, &["train/cat/copy.png and test/cat/0.png", "nearly equal ones are in the test part"]);
    assert_says(&told, &["train/dog/again.jpg", "equal training images, kept together in one part (1: "]);
    let twins: Vec<usize> = (0..9).filter(|&i| source.groups[i] > 0).collect();
    assert_eq!(twins.len(), 2);
    let split = Dataset::new(source, &config, 0.5, 2).unwrap().split;
    let part =
        |i: usize| [&split.weights, &split.alphas, &split.validation].iter().position(|p| p.contains(&i));
    assert_eq!(part(twins[0]), part(twins[1]));
    // When every training image of a class is in the test part, that is an error.
    for name in files(&root.join("train/dog")) {
        fs::remove_file(root.join("train/dog").join(name.0)).unwrap();
    }
    fs::copy(root.join("test/dog/0.png"), root.join("train/dog/0.png")).unwrap();
    let error = open(&config, &mut |_, _| {}).unwrap_err().to_string();
    assert_says(&error, &["no training image of class dog is left"]);
}

#[test]
fn data_that_cannot_run_are_looked_at_all_the_same() {
    let dir = temp();
    let root = dir.path();
    folder(root, 3);
    color(&root.join("test/bird/0.png"), 48, 48, [1, 2, 3]);
    fs::create_dir_all(root.join("train/eel")).unwrap();
    write(&root.join("train/cat/half.png"), &fs::read(root.join("train/cat/0.png")).unwrap()[..90]);
    write(&root.join("train/cat/x.heic"), "x");
    write(&root.join("train/cat/y.avif"), "y");
    photo(77).save(root.join("train/cat/z.jpeg")).unwrap();
    fs::rename(root.join("train/cat/z.jpeg"), root.join("train/cat/z.jfif")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(root, root.join("train/dog/circle")).unwrap();
    assert_says(&refused(root), &["found class bird in the test part", "it has cat, dog"]);
    let source = inspect(&config(root), &mut |_, _| {}).unwrap();
    assert_eq!(source.train.class_counts(), [4, 3], "a .jfif file is a JPEG");
    let all: Vec<String> =
        source.problems.iter().map(|p| format!("{} {} {}", p.count, p.what, p.examples.join(" "))).collect();
    let told = format!("{}\n{}", all.join("\n"), source.notes.join("\n"));
    assert_says(&told, &["1 found class bird in the test part", "test/bird/0.png"]);
    assert_says(&told, &[".heic files are not read", ".avif files are not read"]);
    assert_says(
        &told,
        &["no image in the folder of class eel: left out", "cannot be read: the file is cut off"],
    );
    #[cfg(unix)]
    assert_says(&told, &["a link leads in a circle", "train/dog/circle"]);
}

#[test]
fn a_run_and_a_test_are_told_what_was_left_out() {
    let dir = temp();
    let root = dir.path();
    folder(root, 3);
    for name in ["train/cat/a.heic", "train/cat/b.heic", "test/dog/c.avif"] {
        write(&root.join(name), "x");
    }
    let [heic, avif] = [".heic files are not read: convert them (2, such as", ".avif files are not read"];
    let source = open(&config(root), &mut |_, _| {}).unwrap();
    assert_says(&source.notes.join("\n"), &[heic, "train/cat/a.heic)", avif, "(1: "]);
    let test = open_for_test(&config(root), [3, 8, 8], Wanted::All, &mut |_, _| {}).unwrap();
    assert_says(&test.notes.join("\n"), &[heic, avif]);
}

#[test]
fn classes_that_a_run_cannot_divide_are_told_beforehand() {
    let dir = temp();
    let root = dir.path();
    folder(root, 3);
    fs::remove_dir_all(root.join("test")).unwrap();
    fs::remove_file(root.join("train/cat/0.png")).unwrap();
    let source = inspect(&config(root), &mut |_, _| {}).unwrap();
    let said: Vec<String> = source.problems.iter().map(|problem| problem.in_words()).collect();
    assert_says(
        &said.join("\n"),
        &["too few training images: a run needs 4 of each", "alphas, validation, test", "such as cat (2))"],
    );
    let error = Dataset::new(source, &config(root), 0.5, 2).map(|_| ()).unwrap_err().to_string();
    assert_says(&error, &["too few training images in cat (2), dog (3)"]);
}

#[test]
fn all_images_or_the_test_part_are_read_for_a_test() {
    let dir = temp();
    folder(dir.path(), 3);
    let config = config(dir.path());
    let read = |wanted| open_for_test(&config, [1, 6, 6], wanted, &mut |_, _| {}).unwrap();
    let test = read(Wanted::TestOrAll);
    assert_eq!(test.names[..2], ["test/cat/0.png", "test/cat/1.png"]);
    assert_eq!(read(Wanted::All).names.len(), 12);
    assert_eq!((test.set.len(), test.in_all, test.set.channels, test.set.height), (6, 12, 1, 6));
    assert_eq!((read(Wanted::All).set.len(), read(Wanted::All).in_all), (12, 12));
    let one_class = super::config(&dir.path().join("one"));
    gray(&dir.path().join("one/cat/0.png"), 5, 5, 1);
    assert_eq!(open_for_test(&one_class, [1, 6, 6], Wanted::TestOrAll, &mut |_, _| {}).unwrap().set.len(), 1);
}

#[test]
fn images_beyond_the_memory_are_streamed_and_are_the_same() {
    let dir = temp();
    folder(dir.path(), 3);
    let mut config = config(dir.path());
    let memory = open(&config, &mut |_, _| {}).unwrap();
    config.memory = 1;
    let file = open(&config, &mut |_, _| {}).unwrap();
    assert_eq!(
        (file.train.pixels.resident_bytes(), memory.train.pixels.resident_bytes()),
        (0, 6 * 48 * 48 * 3)
    );
    assert_eq!((&file.train, &file.test), (&memory.train, &memory.test));
    assert_says(&file.notes.join("\n"), &["streamed from a temporary file"]);
    let [a, b] = [file, memory].map(|source| Dataset::new(source, &config, 0.5, 2).unwrap());
    assert_eq!(
        (a.split, a.normalization, &a.summary.fingerprint),
        (b.split, b.normalization, &b.summary.fingerprint)
    );
}

#[test]
fn sixteen_bit_pictures_of_gray() {
    let dir = temp();
    for class in ["a", "b"] {
        fs::create_dir_all(dir.path().join(class)).unwrap();
        let picture = image::ImageBuffer::from_pixel(40, 40, Luma([0x8080u16]));
        picture.save(dir.path().join(class).join("0.png")).unwrap();
    }
    let set = read(dir.path()).unwrap().train;
    assert_eq!((set.channels, set.height, set.image(0)[0]), (1, 40, 0x80));
    GrayImage::from_pixel(2, 2, Luma([9])).save(dir.path().join("a/1.png")).unwrap();
}
