//! What is too large, or no file at all.

use image::{ImageBuffer, Luma, LumaA, Rgb, Rgba};
use rayon::ThreadPoolBuilder;

use super::*;
use crate::data::{inspect, read_image};

/// Classes of small images, and one image beside them.
fn with(dir: &Path, save: impl FnOnce(&Path)) {
    for i in 0..4 {
        gray(&dir.join(format!("a/{i}.png")), 20, 20, 40 * i);
        gray(&dir.join(format!("b/{i}.png")), 20, 20, 40 * i + 9);
    }
    save(&dir.join("a/large.png"));
}

#[test]
fn an_image_of_too_many_pixels_is_refused_by_its_head() {
    let dir = temp();
    let path = dir.path().join("a/large.png");
    with(dir.path(), |path| gray(path, 1001, 1000, 7));
    let error = refused(dir.path());
    let found = "it has 1001x1000 pixels, 1001000 in all, and at most 1000000 are decoded (max_image_pixels)";
    assert_says(&error, &["large.png", found]);
    let error = read_image(&path, [1, 8, 8], Resize::Crop, 1_000_000).unwrap_err().to_string();
    assert_says(&error, &[found, "raise data.max_image_pixels"]);
    let source = inspect(&config(dir.path()), &mut |_, _| {}).unwrap();
    let what = "images that cannot be read: it has more than 1000000 pixels (max_image_pixels allows more)";
    assert!(source.problems.iter().any(|problem| problem.what == what), "{:?}", source.problems);
    // The setting lifts it.
    let config = DataConfig { max_image_pixels: 1_001_000, ..config(dir.path()) };
    assert_eq!(open(&config, &mut |_, _| {}).unwrap().train.len(), 9);
    read_image(&path, [1, 8, 8], Resize::Crop, 1_001_000).unwrap();
}

#[test]
fn sixteen_bits_and_scaling_count() {
    let dir = temp();
    let path = dir.path().join("x.png");
    ImageBuffer::from_pixel(600, 1000, Rgba([1u16; 4])).save(&path).unwrap();
    let read = |side: usize, most| {
        read_image(&path, [3, side, side], Resize::Squash, most).map_err(|error| error.to_string())
    };
    assert_says(&read(8, 1_000_000).unwrap_err(), &["8 bytes each and count as 1200000"]);
    read(8, 1_200_000).unwrap();
    // 600 columns of 2000 rows in f32 lie between.
    assert_says(
        &read(2000, 1_200_000).unwrap_err(),
        &["count as 4800000 while they are scaled to 2000 rows"],
    );
    read(2000, 4_800_000).unwrap();
}

#[test]
fn every_kind_of_pixels_is_read_the_same_on_any_number_of_threads() {
    let dir = temp();
    for (i, class) in ["a", "b", "a", "b", "a", "b"].into_iter().enumerate() {
        let path = dir.path().join(class).join(format!("{i}.png"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let at = |x: u32, y: u32| (x * 7 + y * 3 + i as u32) as u16;
        match i {
            0 => ImageBuffer::from_fn(90, 70, |x, y| Rgb([at(x, y) as u8; 3])).save(path),
            1 => ImageBuffer::from_fn(70, 90, |x, y| Rgba([at(x, y); 4])).save(path),
            2 => ImageBuffer::from_fn(64, 64, |x, y| Luma([at(x, y)])).save(path),
            3 => ImageBuffer::from_fn(64, 65, |x, y| LumaA([at(x, y) as u8, 99])).save(path),
            4 => ImageBuffer::from_fn(300, 20, |x, y| Rgb([at(x, y), 1, 2])).save(path),
            _ => ImageBuffer::from_fn(20, 300, |x, y| Luma([at(x, y) as u8])).save(path),
        }
        .unwrap();
    }
    let on = |threads: usize| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        bytes(&pool.install(|| read(dir.path())).unwrap().train)
    };
    let one = on(1);
    assert!((2..=8).all(|threads| on(threads) == one));
}

#[cfg(unix)]
#[test]
fn pipes_are_not_waited_for() {
    let dir = temp();
    with(dir.path(), |path| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    });
    let source = read(dir.path()).unwrap();
    assert_eq!(source.train.len(), 8);
    let problem = &source.problems[0];
    assert!(problem.what.contains("is no file (a pipe, socket or device)"), "{problem:?}");
    assert_eq!((problem.count, problem.examples.as_slice()), (1, ["a/large.png".to_owned()].as_slice()));
    // In a table they are unreadable images.
    write(&dir.path().join("t.csv"), "path,class\na/0.png,a\nb/0.png,b\na/large.png,a\n/dev/zero,b\n");
    let error = refused(&dir.path().join("t.csv"));
    assert_says(&error, &["large.png (it is a pipe, not a file)", "/dev/zero (it is a device, not a file)"]);
    let error = read_image(&dir.path().join("a/large.png"), [1, 8, 8], Resize::Crop, 99).unwrap_err();
    assert_says(&error.to_string(), &["it is a pipe, not a file"]);
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf_8_stay_different() {
    use std::os::unix::ffi::OsStrExt;
    let dir = temp();
    let root = dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    for (class, value) in [(b"\xe8", 10), (b"\xe9", 200)] {
        for i in 0..4 {
            gray(&root.join(std::ffi::OsStr::from_bytes(class)).join(format!("{i}.png")), 8, 8, value + i);
        }
    }
    let text = crate::config::path_to_text(&root);
    assert!(text.starts_with("bytes:/") && text.ends_with("/caf%E9"), "{text}");
    let source = open(&DataConfig { path: text, ..config(dir.path()) }, &mut |_, _| {}).unwrap();
    assert_eq!((source.train.class_counts(), source.train.classes[1].as_str()), (vec![4, 4], "\\xE9"));
}

#[test]
fn arrays_larger_than_the_memory_are_refused_before_they_are_unpacked() {
    let dir = temp();
    // 2^20 images of 65,536 x 65,536.
    let head = [0, 0, 8, 3, 0, 16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0];
    write(&dir.path().join("train-images-idx3-ubyte"), head);
    write(&dir.path().join("train-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 1, 0]);
    assert_says(&refused(dir.path()), &["take 4503599627370496 bytes of memory"]);
    let path = dir.path().join("a.npz");
    heads_of_arrays(&path, &[("x_train", "|u1", "65536, 65536, 65536"), ("y_train", "|u1", "65536,")]);
    assert_says(&refused(&path), &["take 562949953421312 bytes of memory"]);
    let names = ("class_names", "<U1000", "4294967296,");
    heads_of_arrays(&path, &[("x_train", "|u1", "0, 4, 4"), ("y_train", "|u1", "0,"), names]);
    assert_says(&refused(&path), &["take 34462817583104 bytes of memory"]);
}

#[test]
fn arrays_of_images_without_a_pixel_are_refused() {
    let dir = temp();
    let path = dir.path().join("a.npz");
    for shape in ["2, 0, 4, 3", "2, 4, 0, 3", "2, 0, 4", "0, 0, 4, 3"] {
        heads_of_arrays(&path, &[("x_train", "|u1", shape), ("y_train", "|u1", "0,")]);
        assert_says(&refused(&path), &["x_train has the shape [", "images without a pixel"]);
    }
}

/// A file of arrays of these types and shapes, without the values.
fn heads_of_arrays(path: &Path, arrays: &[(&str, &str, &str)]) {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for (name, kind, shape) in arrays {
        let head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}\n");
        zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
        let start =
            [b"\x93NUMPY\x01\0", (head.len() as u16).to_le_bytes().as_slice(), head.as_bytes()].concat();
        std::io::Write::write_all(&mut zip, &start).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn texts_without_an_end_are_not_read() {
    let dir = temp();
    let sparse = |name: &str| {
        let path = dir.path().join(name);
        fs::File::create(&path).unwrap().set_len(6 << 30).unwrap();
        path
    };
    assert_says(&refused(&sparse("t.csv")), &["found 6442450944 bytes, expected at most"]);
    let weights = sparse("weights.csv").display().to_string();
    let error = crate::data::class_weights(&weights, &synthetic(&[2, 2], 1, 2, 2), &[0]).unwrap_err();
    assert_says(&error.to_string(), &["6442450944 bytes", "at most 16777216"]);
    fs::create_dir(dir.path().join("cifar-10-batches-bin")).unwrap();
    sparse("cifar-10-batches-bin/data_batch_1.bin");
    assert_says(&refused(dir.path()), &["6442450944 bytes"]);
    let file = sparse("x.png");
    let error = read_image(&file, [1, 8, 8], Resize::Crop, 1_000_000).unwrap_err().to_string();
    assert_says(&error, &["it is a file of 6442450944 bytes"]);
}
