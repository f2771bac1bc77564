//! Genotypes from one tool's form to another's.

use std::fs;
use std::path::Path;

use crate::support::{Said, softcell, succeed};
use crate::transcript::Transcript;

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
}

#[test]
fn architectures_of_nas_bench_201_are_converted_and_shown() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    fs::write(here.join("resnet.txt"), RESNET).unwrap();
    let mut told = Transcript::new(here);
    let structure = told.succeed("genotype convert resnet.txt --to autodl");
    assert_eq!(convert(here, structure.out.trim(), "nb201").out.trim(), RESNET);
    told.fail("genotype convert resnet.txt --to mmrazor", 1);
    told.fail("genotype convert DARTS --to nb201", 1);
    told.succeed("genotype show resnet.txt");
    told.check("nas-bench-201");
}

#[test]
fn what_can_be_said_and_what_cannot_be_said_or_read() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let mut told = Transcript::new(here);
    for dialect in CELLS {
        told.succeed(&format!("genotype convert PDARTS --to {dialect}"));
    }
    told.fail("genotype convert DARTS --to mrazor", 2);
    told.fail("genotype convert DARTS", 2);
    told.fail("genotype convert PDART --to json", 1);
    told.fail("genotype convert NASNet --to nni", 1);
    told.fail("genotype convert AmoebaNet --to mmrazor", 1);
    told.fail("genotype convert hello(world --to darts", 1);
    for text in [
        "Genotype(normal=[('sep_conv_9x9', 0)])",
        "{'normal/op_2_0': 'sep_conv_3x9'}",
        "normal_n2:\n  chosen:\n  - normal_n3_p0\n",
    ] {
        told.remark(&format!("cell: {text:?}"));
        fs::write(here.join("cell"), text).unwrap();
        told.fail("genotype convert cell --to darts", 1);
    }
    told.fail("genotype convert cell --from aw-nas --to darts", 1);
    for (what, bytes) in
        [("no UTF-8", vec![0xff, 0xfe, b'G']), ("a blank more than a mebibyte", vec![b' '; (1 << 20) + 1])]
    {
        told.remark(&format!("cell: {what}"));
        fs::write(here.join("cell"), bytes).unwrap();
        told.fail("genotype convert cell --to darts", 1);
    }
    told.check("dialects");
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
