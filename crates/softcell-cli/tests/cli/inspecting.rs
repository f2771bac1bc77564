//! Genotypes, data and recordings looked at.

use std::path::Path;

use crate::support::{images, run, softcell, succeed};
use crate::transcript::Transcript;

#[test]
fn genotypes_are_shown_with_their_size() {
    let here = tempfile::tempdir().unwrap();
    let mut told = Transcript::new(here.path());
    told.succeed("genotype list");
    told.succeed("genotype show DARTS_V2");
    told.succeed("genotype show NASNet --init-channels 8 --layers 5 --classes 3 --channels 1");
    told.succeed("genotype show DARTS_V1 --image-size 224");
    told.succeed("genotype show DARTS_V2 --per-layer");
    told.succeed("genotype show DARTS_V2 --layers 3 --per-layer=operations");
    told.fail("genotype show DARTS_V2 --per-layer=all", 2);
    told.check("genotypes");
    let json = succeed(here.path(), "genotype show darts --json").json();
    assert_eq!(json["parameters"], 3_349_342);
    assert_eq!((&json["skips_normal"], &json["skips_reduction"]), (&2.into(), &3.into()));
    let large = succeed(here.path(), "genotype show DARTS_V2 --image-size 224 --json").json();
    assert_eq!(large["network"]["stem"], "imagenet");
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
}

#[test]
fn genotypes_are_converted_both_ways_and_read_from_anywhere() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let text = succeed(here, "genotype convert PDARTS --to text").out;
    let json = succeed(here, "genotype convert PDARTS --to json").out;
    std::fs::write(here.join("cell.txt"), &text).unwrap();
    std::fs::write(here.join("cell.json"), &json).unwrap();
    for file in ["cell.txt", "cell.json"] {
        assert_eq!(succeed(here, &format!("genotype convert {file} --to text")).out, text);
        assert_eq!(succeed(here, &format!("genotype convert {file} --to json")).out, json);
    }
    let pasted = softcell(here, "genotype convert --to json").arg(text.trim()).output().unwrap();
    assert_eq!(String::from_utf8(pasted.stdout).unwrap(), json);
}

#[test]
fn a_folder_of_images_is_described() {
    let here = tempfile::tempdir().unwrap();
    let root = images(here.path());
    std::fs::rename(root, here.path().join("photos")).unwrap();
    let mut told = Transcript::new(here.path());
    told.succeed("data inspect digits");
    told.succeed("data inspect photos");
    told.succeed("data inspect photos --image-size 4x6");
    told.fail("data inspect photos --data-format idx", 1);
    let json = told.succeed("data inspect photos --json").json();
    assert_eq!(json["class_counts"], serde_json::json!([12, 12]));
    assert_eq!((&json["channels"], &json["height"]), (&3.into(), &8.into()));
    for class in 0..33 {
        let folder = here.path().join(format!("many/{class:02}"));
        std::fs::create_dir_all(&folder).unwrap();
        image::GrayImage::new(4, 4).save(folder.join("a.png")).unwrap();
    }
    told.remark("33 classes of one image, all images the same: long lists are cut short");
    told.succeed("data inspect many");
    told.check("data");
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
