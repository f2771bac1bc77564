//! Folders of images.

use std::fs;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{GrayAlphaImage, GrayImage, ImageEncoder, ImageFormat, Luma, LumaA, Rgba, RgbaImage};

use super::{assert_says, bytes, color, config, gray, read, refused, temp, write};
use crate::config::{DataConfig, DataFormat, Resize};
use crate::data::{Dataset, Source, describe, open, read_image, survey};

/// Two classes of two colour images.
fn two_classes(root: &Path) {
    for (class, value) in [("cat", 10), ("dog", 200)] {
        for name in ["0.png", "1.png"] {
            color(&root.join(class).join(name), 6, 4, [value, value + 1, value + 2]);
        }
    }
}

#[test]
fn classes_by_name_and_pixels_by_channel() {
    let dir = temp();
    two_classes(dir.path());
    let source = read(dir.path()).unwrap();
    let set = &source.train;
    assert_eq!(source.format, DataFormat::Folder);
    assert!(source.test.is_none() && source.skipped.is_empty() && source.notes.is_empty(), "{source:?}");
    assert_eq!(*set.classes, ["cat", "dog"]);
    assert_eq!((set.channels, set.height, set.width), (3, 4, 6));
    assert_eq!(set.labels, [0, 0, 1, 1]);
    assert_eq!(set.class_counts(), [2, 2]);
    let planes = [[200u8; 24], [201; 24], [202; 24]].concat();
    assert_eq!(set.image(2), planes);
}

#[test]
fn every_kind_of_file_in_any_case_and_depth_and_nothing_else() {
    let dir = temp();
    let root = dir.path();
    let names = ["a.png", "b.jpg", "c.JPEG", "d.bmp", "e.GIF", "f.webp", "g.tif", "h.TIFF", "i.ppm"];
    for (i, name) in names.iter().enumerate() {
        color(&root.join("one").join(name), 5, 5, [i as u8 * 20; 3]);
    }
    gray(&root.join("one/j.pgm"), 5, 5, 222);
    color(&root.join("two/deep/deeper/k.png"), 5, 5, [1, 2, 3]);
    color(&root.join("two/.hidden.png"), 5, 5, [1, 2, 3]);
    write(&root.join("two/notes.txt"), "no image");
    write(&root.join(".git/config"), "no class");
    color(&root.join("loose.png"), 5, 5, [1, 2, 3]);
    let source = read(root).unwrap();
    assert_eq!(source.train.class_counts(), [10, 1]);
    // Lossless files in order of name.
    for (image, value) in [(0, 0), (3, 60), (5, 100), (8, 160), (9, 222)] {
        assert_eq!(source.train.image(image)[0], value, "image {image}");
    }
    let notes = source.notes.join("\n");
    assert_says(&notes, &["3 files that are hidden or no images", "1 image that lies in no class folder"]);
    assert_says(&notes, &["1 gray image was given three equal channels"]);
}

#[test]
fn train_and_test_folders() {
    let dir = temp();
    two_classes(&dir.path().join("Train"));
    gray(&dir.path().join("test/dog/0.png"), 6, 4, 77);
    color(&dir.path().join("extra/dog/0.png"), 6, 4, [0; 3]);
    let source = read(dir.path()).unwrap();
    assert_eq!(source.train.len(), 4);
    let test = source.test.unwrap();
    assert_eq!((test.len(), test.labels[0], test.image(0)[0]), (1, 1, 77));
    assert_says(&source.notes.join("\n"), &["left out: extra", "no test images of class cat"]);
}

#[test]
fn given_parts_are_kept() {
    let dir = temp();
    let root = dir.path();
    two_classes(&root.join("train"));
    for part in ["valid", "test"] {
        gray(&root.join(part).join("cat/9.png"), 6, 4, 90);
        gray(&root.join(part).join("dog/9.png"), 6, 4, 91);
    }
    let source = read(root).unwrap();
    assert_eq!(source.train.labels, [0, 0, 0, 1, 1, 1]);
    assert_eq!((source.train.image(2)[0], &source.validation), (90, &vec![2, 5]));
    assert_eq!(source.test.as_ref().unwrap().len(), 2);
    let data = Dataset::new(source, &config(root), 0.5, 2).unwrap();
    assert_eq!((&data.split.validation, data.summary.validation_images), (&vec![2, 5], Some(2)));
    assert_eq!((data.split.weights.len(), data.split.alphas.len()), (2, 2));

    fs::rename(root.join("valid"), root.join("validation")).unwrap();
    assert_eq!(read(root).unwrap().validation, [2, 5]);
    fs::remove_dir_all(root.join("test")).unwrap();
    let source = read(root).unwrap();
    assert_eq!((source.train.len(), source.test.unwrap().len()), (4, 2));
    assert_says(&source.notes.join("\n"), &["the validation part is the test part"]);
}

#[test]
fn a_class_may_be_called_train() {
    let dir = temp();
    for class in ["bus", "test", "train"] {
        gray(&dir.path().join(class).join("0.png"), 3, 3, 5);
    }
    gray(&dir.path().join("train/fast/0.png"), 3, 3, 5);
    assert_eq!(*read(dir.path()).unwrap().train.classes, ["bus", "test", "train"]);
}

#[test]
fn a_stray_image_makes_no_class_of_a_part() {
    let dir = temp();
    for part in ["train", "test"] {
        two_classes(&dir.path().join(part));
        color(&dir.path().join(part).join("stray.png"), 6, 4, [0; 3]);
    }
    let source = read(dir.path()).unwrap();
    assert_eq!((source.train.len(), source.test.unwrap().len()), (4, 4));
    assert_says(&source.notes.join("\n"), &["2 images that lie in no class folder"]);
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let dir = temp();
    two_classes(&dir.path().join("test"));
    assert_says(&refused(dir.path()), &["no train folder"]);
    two_classes(&dir.path().join("train"));
    color(&dir.path().join("test/bird/0.png"), 6, 4, [0; 3]);
    assert_says(&refused(dir.path()), &["found class bird", "cat, dog"]);
}

#[test]
fn what_cannot_be_a_data_set_is_refused() {
    let dir = temp();
    let root = dir.path();
    assert_says(&refused(&root.join("no/such")), &["no such file", root.to_str().unwrap()]);
    assert_says(&refused(root), &["found 0 images and no folder", "one folder per class"]);
    color(&root.join("cat/0.png"), 6, 4, [0; 3]);
    assert_says(&refused(root), &["only one class, cat", "give images of at least two classes"]);
    color(&root.join("wrapped/in/a/0.png"), 6, 4, [0; 3]);
    color(&root.join("wrapped/in/b/0.png"), 6, 4, [0; 3]);
    let inner = root.join("wrapped/in").display().to_string();
    assert_says(&refused(&root.join("wrapped")), &["only one class, in", &format!("name {inner} if the")]);
    fs::remove_dir_all(root.join("wrapped")).unwrap();
    assert_says(&refused(&root.join("cat")), &["found 1 image and no folder"]);
    assert_says(&refused(&root.join("cat/0.png")), &["found a file that is no data set"]);
    write(&root.join("data.tar.gz"), "");
    assert_says(&refused(&root.join("data.tar.gz")), &["the tar archive is empty", "pack it again"]);
    write(&root.join("data.7z"), "");
    assert_says(&refused(&root.join("data.7z")), &["archive of a kind that is not read", "pack it as ZIP"]);
    fs::create_dir(root.join("dog")).unwrap();
    assert_says(&refused(root), &["only one class, cat"]);
    fs::create_dir(root.join("cifar-10-batches-py")).unwrap();
    assert_says(&refused(root), &["pickled", "binary version"]);
}

#[test]
fn unreadable_images_are_skipped_up_to_the_limit() {
    let dir = temp();
    two_classes(dir.path());
    let bad = dir.path().join("cat/00.png");
    let whole = fs::read(dir.path().join("cat/0.png")).unwrap();
    write(&bad, &whole[..whole.len() / 2]);
    write(&dir.path().join("dog/text.jpg"), "no image at all");
    let mut config = config(dir.path());
    config.max_bad_images = 1;
    let error = open(&config, &mut |_, _| {}).unwrap_err().to_string();
    assert_says(
        &error,
        &[
            "found 2 images that cannot be read, 1 of 6 are allowed",
            "00.png",
            "cut off",
            "text.jpg",
            "no picture",
        ],
    );
    config.max_bad_images = 2;
    let source = open(&config, &mut |_, _| {}).unwrap();
    assert_eq!(source.train.labels, [0, 0, 1, 1]);
    assert_eq!(source.skipped.len(), 2);
    assert_eq!(source.skipped[0].0, Path::new("cat/00.png"));
    let what = |i: usize| (source.problems[i].what.as_str(), source.problems[i].examples.join(" "));
    assert_says(what(0).0, &["cannot be read: the file is cut off"]);
    assert_eq!(what(1).1, "dog/text.jpg");
    // A share of many.
    (config.max_bad_images, config.max_bad_share) = (0, 0.34);
    assert_eq!(of(&config).skipped.len(), 2);
    config.max_bad_images = 2;
    // Nothing readable is left of a class.
    for name in ["0.png", "1.png"] {
        fs::remove_file(dir.path().join("dog").join(name)).unwrap();
    }
    let error = open(&config, &mut |_, _| {}).unwrap_err().to_string();
    assert_says(&error, &["no training image of class dog is left"]);
}

#[test]
fn a_picture_that_claims_to_be_huge_is_not_decoded() {
    let dir = temp();
    two_classes(dir.path());
    // A valid head of a bitmap of 30,000 x 30,000 pixels, without any.
    let mut head = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    for size in [30_000u32, 30_000] {
        head.extend(size.to_le_bytes());
    }
    head.extend([1, 0, 24, 0]);
    head.extend([0; 24]);
    write(&dir.path().join("cat/bomb.bmp"), head);
    assert_says(&refused(dir.path()), &["bomb.bmp", "30000x30000 pixels, 900000000 in all"]);
}

fn of(config: &DataConfig) -> Source {
    open(config, &mut |_, _| {}).unwrap()
}

#[test]
fn differing_sizes_become_a_square_of_the_median_short_side_unless_a_size_is_given() {
    let dir = temp();
    for (class, width, height) in [("a", 4, 9), ("b", 6, 3), ("c", 10, 5)] {
        gray(&dir.path().join(class).join("0.png"), width, height, 128);
    }
    let mut config = config(dir.path());
    let source = of(&config);
    assert_eq!((source.train.channels, source.train.height, source.train.width), (1, 4, 4));
    assert!(bytes(&source.train).iter().all(|&byte| byte == 128));
    let notes = source.notes.join("\n");
    assert_says(&notes, &["3x4 to 9x10 (in a sample of 3)", "brought to 4x4", "3 images were resized"]);
    for (text, height, width) in [("7", 7, 7), ("2x8", 2, 8)] {
        config.image_size = text.into();
        let set = of(&config).train;
        assert_eq!((set.height, set.width, bytes(&set).len()), (height, width, 3 * height * width));
    }
    config.image_size = "big".into();
    assert!(open(&config, &mut |_, _| {}).is_err());
}

#[test]
fn large_images_become_squares_and_small_ones_stay() {
    let dir = temp();
    for (width, height, becomes) in [
        (448, 100, [96, 96]),
        (300, 200, [128, 128]),
        (65, 20, [20, 20]),
        (64, 20, [20, 64]),
        (96, 96, [96, 96]),
    ] {
        for class in ["a", "b"] {
            gray(&dir.path().join(class).join("0.png"), width, height, 3);
        }
        let source = read(dir.path()).unwrap();
        assert_eq!([source.train.height, source.train.width], becomes, "{width} x {height}");
        if [height as usize, width as usize] != becomes {
            let said = format!("{height}x{width} were brought to {}x{}", becomes[0], becomes[1]);
            assert_says(&source.notes.join("\n"), &[&said]);
        }
        let found = survey(&config(dir.path())).unwrap();
        assert_eq!((found.auto_size(), found.train_images, found.classes), (becomes, 2, 2));
    }
}

#[test]
fn ways_to_bring_to_a_size() {
    let dir = temp();
    let file = dir.path().join("x.png");
    // Three columns, 10, 20 and 30, of four rows each; then the same lying down.
    let read = |resize, height, width| read_image(&file, [1, height, width], resize, 1_000_000).unwrap();
    let picture = GrayImage::from_fn(12, 4, |x, _| Luma([(x / 4 * 10 + 10) as u8]));
    picture.save(&file).unwrap();
    assert_eq!(read(Resize::Crop, 4, 4), [20; 16]);
    assert_eq!(read(Resize::Letterbox, 12, 12)[..48], [0; 48]);
    assert_eq!(read(Resize::Letterbox, 12, 12)[48..60], [10, 10, 10, 10, 20, 20, 20, 20, 30, 30, 30, 30]);
    assert_eq!(read(Resize::Letterbox, 12, 12)[96..], [0; 48]);
    assert_eq!(read(Resize::Squash, 1, 12), [10, 10, 10, 10, 20, 20, 20, 20, 30, 30, 30, 30]);
    image::imageops::rotate90(&picture).save(&file).unwrap();
    assert_eq!(read(Resize::Crop, 4, 4), [20; 16]);
    let boxed = read(Resize::Letterbox, 12, 12);
    assert!(boxed.chunks(12).zip(0..12).all(|(row, y)| {
        row[..4] == [0; 4] && row[4..8] == [(y / 4 * 10 + 10) as u8; 4] && row[8..] == [0; 4]
    }));
    // Of any sizes, the answer has the size that is asked for.
    for (width, height) in [(1, 1), (1, 400), (400, 1), (3, 2), (224, 223)] {
        gray(&file, width, height, 7);
        for resize in [Resize::Crop, Resize::Squash, Resize::Letterbox] {
            assert_eq!(read(resize, 5, 9).len(), 45, "{width}x{height} {resize:?}");
        }
    }
}

#[test]
fn a_jpeg_that_is_cut_off_is_no_image() {
    let dir = temp();
    let file = dir.path().join("x.jpg");
    let picture = GrayImage::from_fn(64, 64, |x, y| Luma([(x * 3 + y * 5 % 17) as u8]));
    let mut whole = Vec::new();
    let mut encoder = JpegEncoder::new(&mut whole);
    // A thumbnail in the head has an end of its own.
    encoder.set_exif_metadata(b"II*\0\x08\0\0\0\0\0\xff\xd8\xff\xd9".to_vec()).unwrap();
    encoder.encode_image(&picture).unwrap();
    let read = |bytes: &[u8]| {
        write(&file, bytes);
        read_image(&file, [1, 8, 8], Resize::Crop, 1_000_000).map_err(|error| error.to_string())
    };
    assert!(read(&whole).is_ok());
    assert!(read(&[whole.as_slice(), b"trailing bytes"].concat()).is_ok());
    for part in [whole.len() / 2, whole.len() - 2, whole.len() - 1] {
        assert_says(&read(&whole[..part]).unwrap_err(), &["the file is cut off"]);
    }
    assert_says(&read(&[]).unwrap_err(), &["the file is empty"]);
    assert_says(&read(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf").unwrap_err(), &["an AVIF picture"]);
}

#[test]
fn transparency_becomes_white_and_color_becomes_gray() {
    let dir = temp();
    let file = dir.path().join("x.png");
    RgbaImage::from_fn(2, 1, |x, _| if x == 0 { Rgba([0, 0, 0, 0]) } else { Rgba([100, 0, 200, 128]) })
        .save(&file)
        .unwrap();
    // (100 * 128 + 255 * 127) / 255 and so on.
    assert_eq!(
        read_image(&file, [3, 1, 2], Resize::Squash, 1_000_000).unwrap(),
        [255, 177, 255, 127, 255, 227]
    );
    color(&file, 1, 1, [255, 0, 0]);
    assert_eq!(read_image(&file, [1, 1, 1], Resize::Squash, 1_000_000).unwrap(), [54], "0.2126 of 255");
    GrayAlphaImage::from_pixel(1, 1, LumaA([9, 255])).save(&file).unwrap();
    assert_eq!(read_image(&file, [1, 1, 1], Resize::Squash, 1_000_000).unwrap(), [9]);
    assert_eq!(read_image(&file, [3, 2, 1], Resize::Squash, 1_000_000).unwrap(), [9; 6]);
    let error = read_image(&dir.path().join("none.png"), [3, 2, 1], Resize::Squash, 1_000_000)
        .unwrap_err()
        .to_string();
    assert_says(&error, &["none.png", "cannot be read as an image"]);
}

#[test]
fn a_photograph_is_turned_upright() {
    let dir = temp();
    for class in ["a", "b"] {
        let file = dir.path().join(class).join("0.jpg");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let picture = GrayImage::from_fn(32, 16, |x, _| Luma([if x < 16 { 20 } else { 220 }]));
        let mut encoder = JpegEncoder::new(fs::File::create(file).unwrap());
        // One entry: tag 0x0112 (orientation), a short, 6: turn clockwise by a quarter.
        let tag = [0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0];
        let exif = [b"II*\0\x08\0\0\0\x01\0".as_slice(), &tag, &[0; 4]].concat();
        encoder.set_exif_metadata(exif).unwrap();
        encoder.encode_image(&picture).unwrap();
    }
    let set = read(dir.path()).unwrap().train;
    assert_eq!((set.channels, set.height, set.width), (1, 32, 16));
    // Left has become top.
    assert!(set.image(0)[..16].iter().all(|&byte| byte < 60), "{:?}", &set.image(0)[..16]);
    assert!(set.image(0)[31 * 16..].iter().all(|&byte| byte > 180));
}

#[test]
fn the_content_tells_the_format() {
    let dir = temp();
    let file = dir.path().join("wrong.jpg");
    GrayImage::from_pixel(2, 2, Luma([31])).save_with_format(&file, ImageFormat::Png).unwrap();
    assert_eq!(read_image(&file, [1, 2, 2], Resize::Squash, 1_000_000).unwrap(), [31; 4]);
}

#[test]
fn images_per_class_and_progress() {
    let dir = temp();
    two_classes(&dir.path().join("train"));
    two_classes(&dir.path().join("test"));
    // The second image of the class would not be readable: it must not be touched.
    write(&dir.path().join("train/dog/1.png"), "");
    let mut config = config(dir.path());
    config.images_per_class = 1;
    let mut last = (0, 0);
    let source = open(&config, &mut |done, total| last = (done, total)).unwrap();
    assert_eq!(source.train.labels, [0, 1]);
    assert_eq!(source.test.unwrap().len(), 4);
    assert_eq!(last, (6, 6));
}

#[test]
fn the_summary_tells_data_apart() {
    let dir = temp();
    two_classes(dir.path());
    let first = describe(&config(dir.path())).unwrap();
    assert_eq!((first.train_images, first.test_images, first.channels), (4, None, 3));
    assert_eq!(first.mean.len(), 3);
    assert!((first.mean[0] - 105.0 / 255.0).abs() < 1e-6, "{:?}", first.mean);
    assert!((first.std[0] - 95.0 / 255.0).abs() < 1e-6, "{:?}", first.std);
    assert_eq!(first.fingerprint.len(), 64);
    assert_eq!(describe(&config(dir.path())).unwrap(), first);
    color(&dir.path().join("dog/1.png"), 6, 4, [200, 201, 203]);
    assert_ne!(describe(&config(dir.path())).unwrap().fingerprint, first.fingerprint);
    fs::rename(dir.path().join("dog"), dir.path().join("eel")).unwrap();
    color(&dir.path().join("eel/1.png"), 6, 4, [200, 201, 202]);
    assert_ne!(describe(&config(dir.path())).unwrap().fingerprint, first.fingerprint);
}
