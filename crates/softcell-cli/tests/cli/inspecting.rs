//! Genotypes, data and recordings looked at.

use std::path::Path;

use crate::support::{fail, images, run, softcell, succeed};

#[test]
fn genotypes_are_shown_with_their_size() {
    let here = tempfile::tempdir().unwrap();
    let shown = succeed(here.path(), "genotype show DARTS_V2").out;
    assert!(shown.contains("node 5 <- skip_connect(c_{k-2}) + dil_conv_3x3(node 2)"), "{shown}");
    assert!(shown.contains("3,349,342 parameters"), "{shown}");
    let json = succeed(here.path(), "genotype show darts --json").json();
    assert_eq!(json["parameters"], 3_349_342);
    assert_eq!((&json["skips_normal"], &json["skips_reduction"]), (&2.into(), &3.into()));
    let small =
        succeed(here.path(), "genotype show DARTS_V2 --init-channels 8 --layers 5 --classes 3 --channels 1")
            .out;
    assert!(small.contains("5 cells from 8 channels, cifar stem, 3 classes, images of 1x32x32"), "{small}");
    let large = succeed(here.path(), "genotype show DARTS_V2 --image-size 224 --json").json();
    assert_eq!(large["network"]["stem"], "imagenet");
    let table = succeed(here.path(), "genotype show DARTS_V2 --per-layer").out;
    let rows: Vec<&str> = table.lines().skip_while(|line| !line.starts_with("layer ")).collect();
    assert_eq!(rows.len(), 1 + 1 + 20 + 2 + 1, "head, stem, cells, pooling, classifier, sum: {table}");
    assert!(rows[8].starts_with("cells.6 (reduction)") && rows[8].contains("288x16x16"), "{table}");
    assert!(rows[24].starts_with("all ") && rows[24].contains("3,349,342"), "{table}");
    assert!(table.contains("1.77 MB of maps at most"), "{table}");
    let full = succeed(here.path(), "genotype show DARTS_V2 --per-layer=operations").out;
    assert!(full.contains("  cells.0._ops.7: dil_conv_3x3 2 to 5"), "{full}");
    assert_eq!(full.lines().count(), table.lines().count() + 20 * 10);
    fail(here.path(), "genotype show DARTS_V2 --per-layer=all", 2, &["cells, operations"]);
    let blocks = json["blocks"].as_array().unwrap();
    let sum = |list: &[serde_json::Value], key: &str| {
        list.iter().map(|one| one[key].as_u64().unwrap()).sum::<u64>()
    };
    for key in ["parameters", "macs"] {
        assert_eq!(sum(blocks, key), json[key].as_u64().unwrap(), "{key}");
        let layers: Vec<_> = blocks.iter().flat_map(|b| b["layers"].as_array().unwrap().clone()).collect();
        assert_eq!(sum(&layers, key), json[key].as_u64().unwrap(), "{key}");
    }
    assert_eq!((&json["peak_activation_bytes"], &json["peak_block"]), (&1_769_472.into(), &"cells.1".into()));
    assert_eq!(blocks[7]["layers"][2]["edge"], serde_json::json!({"source": 0, "target": 2}));
    let list = succeed(here.path(), "genotype list").out;
    assert!(list.lines().any(|line| line.starts_with("PDARTS") && line.contains("3,433,798")), "{list}");
}

#[test]
fn genotypes_are_converted_both_ways_and_read_from_anywhere() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let text = succeed(here, "genotype convert PDARTS --to text").out;
    assert!(text.starts_with("Genotype(normal=[('skip_connect', 0), ('dil_conv_3x3', 1),"), "{text}");
    let json = succeed(here, "genotype convert PDARTS --to json").out;
    std::fs::write(here.join("cell.txt"), &text).unwrap();
    std::fs::write(here.join("cell.json"), &json).unwrap();
    for file in ["cell.txt", "cell.json"] {
        assert_eq!(succeed(here, &format!("genotype convert {file} --to text")).out, text);
        assert_eq!(succeed(here, &format!("genotype convert {file} --to json")).out, json);
    }
    let pasted = softcell(here, "genotype convert --to json").arg(text.trim()).output().unwrap();
    assert_eq!(String::from_utf8(pasted.stdout).unwrap(), json);
    fail(here, "genotype convert PDART --to json", 1, &["`PDARTS`"]);
    std::fs::write(here.join("bad.txt"), "Genotype(normal=[('sep_conv_9x9', 0)])").unwrap();
    fail(here, "genotype show bad.txt", 1, &["bad.txt", "because: ", "sep_conv_9x9"]);
}

#[test]
fn a_folder_of_images_is_described() {
    let here = tempfile::tempdir().unwrap();
    let root = images(here.path());
    let inspect =
        |more: &str| softcell(here.path(), "data inspect").arg(&root).args(more.split_whitespace()).output();
    let text = String::from_utf8(inspect("").unwrap().stdout).unwrap();
    for words in
        ["format   folder", "24 to train on", "size     8x8, colour", "dark                12", "broken.png"]
    {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    let json: serde_json::Value = serde_json::from_slice(&inspect("--json").unwrap().stdout).unwrap();
    assert_eq!(json["class_counts"], serde_json::json!([12, 12]));
    assert_eq!((&json["channels"], &json["height"]), (&3.into(), &8.into()));
    assert!(json["skipped"][0][0].as_str().unwrap().ends_with("broken.png"), "{json}");
    let resized = String::from_utf8(inspect("--image-size 4x6").unwrap().stdout).unwrap();
    assert!(resized.contains("size     4x6"), "{resized}");
    let wrong = inspect("--data-format idx").unwrap();
    assert!(!wrong.status.success());
}

#[test]
fn many_classes_are_cut_short() {
    let here = tempfile::tempdir().unwrap();
    for class in 0..33 {
        let folder = here.path().join(format!("many/{class:02}"));
        std::fs::create_dir_all(&folder).unwrap();
        image::GrayImage::new(4, 4).save(folder.join("a.png")).unwrap();
    }
    let text = succeed(here.path(), "data inspect many").out;
    // Every problem is told once, with its count and three examples.
    let short = "classes with too few training images: a run needs 4 of each, one for each part (weights, alphas, \
                 validation, test) (33)\n    00 (1)\n    01 (1)\n    02 (1)\n    and 30 more\n";
    assert!(text.contains(short) && text.matches("equal training images").count() == 1, "{text}");
    assert!(text.contains("... and 3 more") && text.contains("\n29 ") && !text.contains("\n30 "), "{text}");
}

#[test]
fn recordings_of_the_original_are_replayed() {
    let here = tempfile::tempdir().unwrap();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../softcell/tests/fixtures/derived-nasnet.safetensors");
    let json = succeed(here.path(), &format!("replay --json {file}")).json();
    assert_eq!((&json["kind"], &json["ok"]), (&"derived".into(), &true.into()));
    assert!(json["max_relative_error"]["logits"].as_f64().unwrap() < 1e-4, "{json}");
    assert_eq!(json["failures"], serde_json::json!([]));
    let wrong = here.path().join("wrong.safetensors");
    let moved = moved(Path::new(file));
    std::fs::write(&wrong, moved).unwrap();
    let said = run(here.path(), "replay wrong.safetensors");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.ends_with("FAIL\n"), "{}", said.out);
}

/// The recording with one wrong number among its logits.
fn moved(file: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(file).unwrap();
    let head = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + head]).unwrap();
    let mut tensors = header.as_object().unwrap().iter();
    let (_, logits) = tensors.find(|(name, _)| name.ends_with("logits")).unwrap();
    let start = 8 + head + logits["data_offsets"][0].as_u64().unwrap() as usize;
    bytes[start..start + 4].copy_from_slice(&1e3f32.to_le_bytes());
    bytes
}
