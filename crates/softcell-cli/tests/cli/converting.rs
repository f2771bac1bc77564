//! Genotypes from one tool's form to another's.

use std::fs;
use std::path::Path;

use crate::support::{Said, fail, softcell, succeed};

/// Dialects of cells.
const CELLS: [&str; 7] = ["darts", "pt-darts", "nni", "autodl", "aw-nas", "mmrazor", "json"];

const RESNET: &str = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|";

/// Converts a genotype that is given on the command line.
fn convert(here: &Path, genotype: &str, to: &str) -> Said {
    softcell(here, "genotype convert --to").arg(to).arg(genotype).output().unwrap().into()
}

#[test]
fn every_dialect_becomes_every_other() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let file = |dialect: &str| format!("{dialect}.cell");
    for dialect in CELLS {
        let text = succeed(here, &format!("genotype convert darts_v1 --to {dialect}")).out;
        fs::write(here.join(file(dialect)), text).unwrap();
    }
    for from in CELLS {
        let written = fs::read_to_string(here.join(file(from))).unwrap();
        for to in CELLS {
            let expected = fs::read_to_string(here.join(file(to))).unwrap();
            for given in ["", "--from auto", &format!("--from {from}")] {
                let said = succeed(here, &format!("genotype convert {} {given} --to {to}", file(from)));
                assert_eq!(said.out, expected, "{from} to {to}");
            }
            let pasted = convert(here, written.trim_end(), to);
            assert_eq!((pasted.code, pasted.out), (Some(0), expected), "{from} to {to}, {}", pasted.err);
        }
        let json = succeed(here, &format!("genotype show {} --json", file(from))).json();
        assert_eq!(json["parameters"], 3_169_414, "{from}");
    }
}

#[test]
fn dialects_have_other_names_too() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    for (name, other) in
        [("darts", "text"), ("darts", "original"), ("pt-darts", "katib"), ("aw-nas", "aw_nas")]
    {
        let convert = |to: &str| succeed(here, &format!("genotype convert DARTS --to {to}")).out;
        assert_eq!(convert(name), convert(other));
    }
    let help = succeed(here, "genotype convert --help").out;
    for words in CELLS.into_iter().chain(["nb201", "auto", "CNNGenotype(normal_0="]) {
        assert!(help.contains(words), "no {words} in {help}");
    }
    fail(here, "genotype convert DARTS --to mrazor", 2, &["'mrazor'", "mmrazor"]);
    fail(here, "genotype convert DARTS", 2, &["--to"]);
}

#[test]
fn architectures_of_nas_bench_201_are_converted_but_not_built() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let structure = convert(here, RESNET, "autodl");
    assert!(structure.out.starts_with("Structure([(('nor_conv_3x3', 0),), "), "{structure:?}");
    assert_eq!(convert(here, structure.out.trim(), "nb201").out.trim(), RESNET);
    fs::write(here.join("resnet.txt"), RESNET).unwrap();
    let words = ["dialect mmrazor", "the NAS-Bench-201 architecture", "it can be written as autodl, nb201"];
    fail(here, "genotype convert resnet.txt --to mmrazor", 1, &words);
    fail(here, "genotype convert DARTS --to nb201", 1, &["dialect nb201", "one input, six edges"]);
    for command in ["genotype show resnet.txt", "train --genotype resnet.txt --out r"] {
        fail(here, command, 1, &["NAS-Bench-201 is another space", "genotype convert"]);
    }
    assert!(!here.join("r").exists());
}

#[test]
fn what_cannot_be_said_or_read_is_named() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    fail(
        here,
        "genotype convert NASNet --to nni",
        1,
        &["dialect nni", "joins the nodes [4, 5, 6]", "darts, "],
    );
    fail(here, "genotype convert AmoebaNet --to mmrazor", 1, &["dialect mmrazor", "joins the nodes"]);
    let file = |text: &[u8]| fs::write(here.join("cell"), text).unwrap();
    file(b"{'normal/op_2_0': 'sep_conv_3x9'}");
    let words =
        ["cannot read the genotype in cell", "NNI dictionary, column 19", "did you mean `sep_conv_3x3`?"];
    fail(here, "genotype convert cell --to darts", 1, &words);
    file(b"normal_n2:\n  chosen:\n  - normal_n3_p0\n");
    fail(here, "genotype convert cell --to darts", 1, &["MMRazor YAML, line 3, column 5", "`normal_n2_p0`"]);
    fail(here, "genotype convert cell --from aw-nas --to darts", 1, &["aw_nas genotype, column 1"]);
    file(&[0xff, 0xfe, b'G']);
    fail(here, "genotype convert cell --to darts", 1, &["no text in UTF-8"]);
    file(&vec![b' '; (1 << 20) + 1]);
    fail(here, "genotype convert cell --to darts", 1, &["more than 1048576 bytes"]);
    fail(here, "genotype convert hello(world --to darts", 1, &["found `hello(world`", "`CNNGenotype(`"]);
    fail(
        here,
        "genotype convert nowhere/cell.yaml --to darts",
        1,
        &["no genotype file", "nowhere/cell.yaml"],
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let text = succeed(here, "genotype convert DARTS --to darts").out;
    fs::write(here.join("cell"), format!("\u{feff}{text}")).unwrap();
    assert_eq!(succeed(here, "genotype convert cell --to darts").out, text);
}

#[test]
fn the_genotype_of_another_tool_is_trained() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let yaml = succeed(here, "genotype convert DARTS_V1 --to mmrazor").out;
    fs::write(here.join("cell.yaml"), yaml).unwrap();
    let sizes = "--images-per-class 20 --init-channels 2 --layers 2 --epochs 1 --batch-size 16";
    succeed(here, &format!("train --genotype cell.yaml {sizes} --out r"));
    let original = succeed(here, "genotype convert r --to darts").out;
    assert_eq!(original, fs::read_to_string(here.join("r/genotype.txt")).unwrap());
    let nodes = succeed(here, "genotype convert r --to mmrazor").out;
    assert_eq!(nodes, fs::read_to_string(here.join("cell.yaml")).unwrap());
}
