//! What dialects cannot express is named.

use super::super::Dialect;
use super::darts_v2;
use crate::space::{Genotype, Nb201Architecture, Primitive, known_genotype};

#[track_caller]
fn refuse(dialect: Dialect, genotype: Genotype, words: &[&str]) {
    let message = dialect.write(&genotype).unwrap_err().to_string();
    assert!(message.starts_with(&format!("genotype in the dialect {dialect}: found ")), "{message}");
    for word in words {
        assert!(message.contains(word), "no {word:?} in {message}");
    }
}

fn changed(change: fn(&mut Genotype)) -> Genotype {
    let mut genotype = darts_v2();
    change(&mut genotype);
    genotype
}

#[test]
fn nodes_of_other_than_two_edges() {
    let genotype = changed(|genotype| genotype["reduction"].nodes[1].truncate(1));
    let words = ["1 edge into node 3 of the reduction cell", "two edges into every node"];
    for dialect in [Dialect::Darts, Dialect::Nni] {
        refuse(dialect, genotype.clone(), &words);
    }
    refuse(Dialect::Darts, genotype.clone(), &["it can be written as pt-darts, autodl, aw-nas, json"]);
    let words = ["1 edge into node 3 of the reduction cell", "2, as into node 2 of the normal cell"];
    refuse(Dialect::MmRazor, genotype, &words);
}

#[test]
fn outputs_that_do_not_join_all_nodes() {
    for dialect in [Dialect::Nni, Dialect::MmRazor] {
        let words = ["a reduction cell whose output joins the nodes [4, 5, 6]", "all nodes in order, 2 to 6"];
        refuse(dialect, known_genotype("NASNet").unwrap(), &words);
        refuse(
            dialect,
            changed(|genotype| genotype["normal"].concat.reverse()),
            &["a normal cell", "[5, 4, 3, 2]"],
        );
        let fewer = changed(|genotype| {
            genotype["normal"].nodes.pop();
            genotype["normal"].concat.pop();
        });
        refuse(dialect, fewer, &["3 nodes in the normal and 4 in the reduction cell"]);
    }
}

#[test]
fn operations_and_edges_that_mmrazor_has_not() {
    let genotype = changed(|genotype| genotype["normal"].nodes[2][0].primitive = Primitive::SepConv7x7);
    refuse(
        Dialect::MmRazor,
        genotype,
        &["`sep_conv_7x7` into node 4 of the normal cell", "written as darts, "],
    );
    let genotype = changed(|genotype| genotype["normal"].nodes[2][0].source = 0);
    let words = ["two edges from node 0 into node 4 of the normal cell", "at most one edge"];
    refuse(Dialect::MmRazor, genotype, &words);
}

#[test]
fn one_space_in_the_dialect_of_another() {
    let architecture = Genotype::from(&Nb201Architecture { operations: [Primitive::SkipConnect; 6] });
    for dialect in Dialect::ALL {
        if ![Dialect::Nb201, Dialect::AutoDl, Dialect::Json].contains(&dialect) {
            let words = [
                "the NAS-Bench-201 architecture `|skip_connect~0|+",
                "it can be written as autodl, nb201, json",
            ];
            refuse(dialect, architecture.clone(), &words);
        }
    }
    let mut joined = architecture;
    joined["cell"].concat = vec![1, 2, 3];
    refuse(Dialect::Nb201, joined.clone(), &["another cell", "it can be written as json"]);
    refuse(Dialect::Darts, joined, &["cells of another shape"]);
    refuse(Dialect::Nb201, darts_v2(), &["a normal and a reduction cell", "one input, six edges"]);
}

#[test]
fn what_cannot_be_built_is_not_written() {
    let genotype = changed(|genotype| genotype["normal"].nodes.fill(Vec::new()));
    for dialect in Dialect::ALL {
        let message = dialect.write(&genotype).unwrap_err().to_string();
        assert!(message.starts_with("genotype, normal cell: found no edges that lead"), "{message}");
    }
}

#[test]
fn nodes_without_edges() {
    let genotype = changed(|genotype| genotype["normal"].nodes[0].clear());
    let words = ["no edges into node 2 of the normal cell", "it can be written as pt-darts, json"];
    for dialect in [Dialect::Nni, Dialect::AutoDl, Dialect::AwNas, Dialect::MmRazor] {
        refuse(dialect, genotype.clone(), &words);
    }
    for dialect in [Dialect::PtDarts, Dialect::Json] {
        assert_eq!(dialect.parse(&dialect.write(&genotype).unwrap()).unwrap(), genotype);
    }
    assert_eq!(genotype.to_text().parse::<Genotype>().unwrap(), genotype);
}
