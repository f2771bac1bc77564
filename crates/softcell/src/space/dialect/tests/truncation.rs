//! Texts that end too early: each is refused, or lacks nothing that counts. None reads as another architecture.

use proptest::prelude::*;

use super::super::Dialect;
use super::darts_v2;
use crate::space::testing::{genotypes, nb201_architectures, plain_genotypes};
use crate::space::{Genotype, known_genotype, known_names, parse_genotype};

/// No start of the text of any dialect that can, in any of its forms, reads as something else.
fn no_start_misleads(architecture: &Genotype) -> Result<(), TestCaseError> {
    for dialect in Dialect::ALL {
        let Ok(text) = dialect.write(architecture) else { continue };
        for text in forms(dialect, &text) {
            prop_assert_eq!(&parse_genotype(&text).unwrap(), architecture, "{}", text);
            for end in 0..text.len() {
                misleads_not(dialect, &text[..end], architecture)?;
            }
            // Entries lost, and then the bracket set that was missing.
            if text.starts_with('{') {
                for (end, _) in text.match_indices(',') {
                    misleads_not(dialect, &format!("{}}}", &text[..end]), architecture)?;
                }
            }
        }
    }
    Ok(())
}

/// `text` reads as the whole architecture, or not at all.
fn misleads_not(dialect: Dialect, text: &str, whole: &Genotype) -> Result<(), TestCaseError> {
    for architecture in [dialect.parse(text), parse_genotype(text)].into_iter().flatten() {
        prop_assert_eq!(&architecture, whole, "{}", text);
    }
    Ok(())
}

/// The forms in which a text of the dialect is met.
fn forms(dialect: Dialect, text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned(), format!("{text}\n").replace('\n', "\r\n")];
    match dialect {
        Dialect::MmRazor => forms.extend(mmrazor_forms(text)),
        Dialect::Nni => forms.push(text.replace('"', "'").replace(['\n', ' '], "")),
        Dialect::AwNas => {
            let parts = text.trim_start_matches("CNNGenotype(").trim_end_matches(')');
            let genes = parts.split(", normal_0_concat").next().unwrap_or_default();
            // Without those of `concat` the parts are whole as well, and all nodes are joined.
            if parse_genotype(genes).unwrap() == parse_genotype(text).unwrap() {
                forms.extend([parts.to_owned(), genes.to_owned()]);
            }
        }
        Dialect::AutoDl if text.starts_with("Genotype") => {
            let parts = text.trim_start_matches("Genotype(").split(", connectN").next().unwrap_or_default();
            let mut entries = parts.replace("normal=", "'normal': ").replace("reduce=", "'reduce': ");
            for name in ["normal_concat", "reduce_concat"] {
                entries = entries.replace(&format!("{name}="), &format!("'{name}': "));
            }
            forms.push(format!("{{{entries}}}"));
        }
        Dialect::Nb201 => forms.push(format!("Structure(4 nodes with {text})")),
        _ => {}
    }
    forms
}

/// MMRazor's file with its entries in other orders, one of which is that of its published DARTS_V2, with that of an
/// edge that no node keeps, and in a flow mapping.
fn mmrazor_forms(text: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for line in text.lines() {
        if !line.starts_with(' ') {
            entries.push(String::new());
        }
        let entry = entries.last_mut().expect("a key comes first");
        entry.push_str(line);
        entry.push('\n');
    }
    let is_edge = |entry: &String| entry.lines().next().is_some_and(|key| key.contains("_p"));
    let mut nodes_first = entries.clone();
    nodes_first.sort_by_key(is_edge);
    let mut backwards = entries.clone();
    backwards.reverse();
    let spare = "reduce_n2_p1:\n  chosen:\n  - zero\n";
    if !text.contains("reduce_n2_p1:") {
        entries.push(spare.into());
    }
    let flow = entries.iter().map(|entry| {
        let entry = entry.replacen("\n  chosen:\n  - ", " {chosen: [", 1).replace("\n  - ", ", ");
        format!("{}]}}", entry.trim_end())
    });
    let flow = format!("{{{}}}", flow.collect::<Vec<_>>().join(", "));
    vec![nodes_first.concat(), backwards.concat(), entries.concat(), flow]
}

#[test]
fn of_published_genotypes() {
    for name in known_names() {
        no_start_misleads(&known_genotype(name).unwrap()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn of_plain_genotypes(genotype in plain_genotypes()) {
        no_start_misleads(&genotype)?;
    }

    #[test]
    fn of_any_genotype(genotype in genotypes(1..=3)) {
        no_start_misleads(&genotype)?;
    }

    /// One edge into every node, or two, or three: all that MMRazor and NNI can express.
    #[test]
    fn of_equally_many_edges(genotype in (1..=3usize).prop_flat_map(|n_edges| genotypes(n_edges..=n_edges))) {
        no_start_misleads(&genotype)?;
    }

    #[test]
    fn of_architectures_of_nas_bench_201(architecture in nb201_architectures()) {
        no_start_misleads(&architecture)?;
    }
}

#[test]
fn what_is_lacking_is_named() {
    let say = |dialect: Dialect, text: &str| dialect.parse(text).expect_err(text).to_string();
    let mmrazor = Dialect::MmRazor.write(&darts_v2()).unwrap();
    let last_node = &mmrazor[..mmrazor.find("reduce_n5:").unwrap()];
    let nodes =
        "found 4 nodes in the normal and 3 in the reduction cell, expected equally many nodes in both cells";
    let message = say(Dialect::MmRazor, last_node);
    assert!(message.contains(nodes) && message.contains("was the text cut off?"), "{message}");
    let first_cell = &mmrazor[..mmrazor.find("reduce_n2:").unwrap()];
    assert!(say(Dialect::MmRazor, first_cell).contains("`reduce_n2` among them"));
    // Its operations stand before the last node.
    let backwards = &mmrazor_forms(&mmrazor)[1];
    let last_edge = &backwards[..backwards.rfind("  - ").unwrap()];
    let message = say(Dialect::MmRazor, last_edge);
    let edges = "found 2 edges into node 3 of the normal cell, expected 1, as into node 2 of the normal cell";
    assert!(message.contains(edges) && message.contains("was the text cut off?"), "{message}");

    let nni = Dialect::Nni.write(&darts_v2()).unwrap();
    let closed =
        |before: &str| format!("{}}}", nni[..nni.find(before).unwrap()].trim_end_matches([' ', '\n', '"']));
    assert!(say(Dialect::Nni, &closed("reduce/op_5_0")).contains(nodes));
    assert!(say(Dialect::Nni, &closed("reduce/op_2_0")).contains("`reduce/op_2_0` among them"));
    let message = say(Dialect::Nni, &closed("reduce/op_5_1"));
    let edges =
        "found 1 edge into node 5 of the reduction cell, expected 2, as into node 2 of the normal cell";
    assert!(message.contains(edges), "{message}");
}
