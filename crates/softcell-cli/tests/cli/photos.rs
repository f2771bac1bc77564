//! Photos of many sizes, with no word on how they are to be treated.

use std::path::Path;

use crate::support::{assert_same, succeed};

const SMALL: &str = "--nodes 1 --layers 2 --init-channels 2 --epochs 2";

/// Photos of two classes, of 40 to 150 pixels.
fn photos(folder: &Path) {
    for (class, shade) in [("dark", 40_u8), ("light", 200)] {
        let folder = folder.join("photos").join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for i in 0..12_u32 {
            let (width, height) = (40 + 10 * i, 150 - 7 * i);
            let pixel = |x: u32, y: u32| image::Rgb([shade, (x * i % 50) as u8, (y * 3 % 60) as u8]);
            image::RgbImage::from_fn(width, height, pixel).save(folder.join(format!("{i:02}.png"))).unwrap();
        }
    }
}

fn has(run: &Path, lines: &[&str]) {
    let config = std::fs::read_to_string(run.join("config.toml")).unwrap();
    for line in lines {
        assert!(config.lines().any(|found| found == *line), "no {line:?} in {config}");
    }
}

#[test]
fn photos_are_fitted_to_the_machine_and_that_is_kept() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    photos(here);
    let said = succeed(here, &format!("fit --data photos {SMALL} --out r"));
    for words in [
        "images brought to squares of 64 pixels, from 73x40 to 150x150",
        "scaled down to 48 pixels for the search, which keeps a small stem",
        "random crops of 35 percent",
        "time: about ",
    ] {
        assert!(said.err.contains(words), "no {words:?} in {}", said.err);
    }
    let chosen = ["image_size = \"64\"", "max_side = 48", "crop_scale = 0.35", "color_jitter = 0.2"];
    has(&here.join("r"), &chosen);
    // It is finished, and its settings are those of `auto`.
    let again = succeed(here, "fit --data photos --preset auto --out r --resume");
    assert_eq!(again.out, said.out);
    succeed(here, "evaluate --run r");
    succeed(here, "predict --run r photos/dark/00.png");
    // What was chosen gives the same run again, in stages as well.
    succeed(here, "search --config r/config.toml --out s");
    succeed(here, "train --run s");
    assert_same(&here.join("r"), &here.join("s"));
}

#[test]
fn a_search_of_small_images_goes_on_where_it_was() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    photos(here);
    let args = format!("search --data photos {SMALL} --image-size 40 --max-side 16 --batch-size 4");
    succeed(here, &format!("{args} --out whole"));
    has(&here.join("whole"), &["image_size = \"40\"", "max_side = 16"]);
    let other = succeed(here, &format!("{args} --out other --max-side 0"));
    assert!(!other.err.contains("brought to squares of"), "a size that is given stays: {}", other.err);
    let genotypes = |run: &str| std::fs::read_to_string(here.join(run).join("history.jsonl")).unwrap();
    assert_ne!(genotypes("whole"), genotypes("other"), "the images are others");
    let all = format!("{args} --out augmented --crop-scale 0.5 --color-jitter 0.4 --auto-augment rand");
    succeed(here, &all);
    has(&here.join("augmented"), &["crop_scale = 0.5", "color_jitter = 0.4", "auto_augment = \"rand\""]);
}
