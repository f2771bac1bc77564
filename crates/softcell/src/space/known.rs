//! Published genotypes by name.

use super::dialect::read_any;
use super::genotype::Genotype;
use super::wording::{excerpt, nearest};
use crate::error::{Error, Result};

/// Name and text of every published genotype, as their authors print them.
const KNOWN: [(&str, &str); 10] = [
    (
        "DARTS_V1",
        "Genotype(normal=[
            ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), ('sep_conv_3x3', 1),
            ('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2),
        ], normal_concat=range(2, 6), reduce=[
            ('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0),
            ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0),
        ], reduce_concat=range(2, 6))",
    ),
    (
        "DARTS_V2",
        "Genotype(normal=[
            ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1),
            ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2),
        ], normal_concat=range(2, 6), reduce=[
            ('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1),
            ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1),
        ], reduce_concat=range(2, 6))",
    ),
    (
        "PDARTS",
        "Genotype(normal=[
            ('skip_connect', 0), ('dil_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1),
            ('sep_conv_3x3', 1), ('sep_conv_3x3', 3), ('sep_conv_3x3', 0), ('dil_conv_5x5', 4),
        ], normal_concat=range(2, 6), reduce=[
            ('avg_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('dil_conv_5x5', 2),
            ('max_pool_3x3', 0), ('dil_conv_3x3', 1), ('dil_conv_3x3', 1), ('dil_conv_5x5', 3),
        ], reduce_concat=range(2, 6))",
    ),
    (
        "PC_DARTS_cifar",
        "Genotype(normal=[
            ('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 0), ('dil_conv_3x3', 1),
            ('sep_conv_5x5', 0), ('sep_conv_3x3', 1), ('avg_pool_3x3', 0), ('dil_conv_3x3', 1),
        ], normal_concat=range(2, 6), reduce=[
            ('sep_conv_5x5', 1), ('max_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_5x5', 2),
            ('sep_conv_3x3', 0), ('sep_conv_3x3', 3), ('sep_conv_3x3', 1), ('sep_conv_3x3', 2),
        ], reduce_concat=range(2, 6))",
    ),
    (
        "PC_DARTS_image",
        "Genotype(normal=[
            ('skip_connect', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 0), ('skip_connect', 1),
            ('sep_conv_3x3', 1), ('sep_conv_3x3', 3), ('sep_conv_3x3', 1), ('dil_conv_5x5', 4),
        ], normal_concat=range(2, 6), reduce=[
            ('sep_conv_3x3', 0), ('skip_connect', 1), ('dil_conv_5x5', 2), ('max_pool_3x3', 1),
            ('sep_conv_3x3', 2), ('sep_conv_3x3', 1), ('sep_conv_5x5', 0), ('sep_conv_3x3', 3),
        ], reduce_concat=range(2, 6))",
    ),
    (
        "DrNAS_cifar10",
        "Genotype(normal=[
            ('sep_conv_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_3x3', 1), ('sep_conv_3x3', 2),
            ('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 2), ('dil_conv_5x5', 3),
        ], normal_concat=range(2, 6), reduce=[
            ('max_pool_3x3', 0), ('sep_conv_5x5', 1), ('dil_conv_5x5', 2), ('sep_conv_5x5', 1),
            ('sep_conv_5x5', 1), ('dil_conv_5x5', 3), ('skip_connect', 4), ('sep_conv_5x5', 1),
        ], reduce_concat=range(2, 6))",
    ),
    (
        "DrNAS_imagenet",
        "Genotype(normal=[
            ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1),
            ('sep_conv_3x3', 0), ('dil_conv_3x3', 3), ('skip_connect', 0), ('sep_conv_3x3', 1),
        ], normal_concat=range(2, 6), reduce=[
            ('max_pool_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2),
            ('sep_conv_3x3', 0), ('sep_conv_3x3', 2), ('sep_conv_3x3', 3), ('sep_conv_3x3', 1),
        ], reduce_concat=range(2, 6))",
    ),
    (
        "oles_cifar10",
        "Genotype(normal=[
            ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_5x5', 0), ('sep_conv_3x3', 1),
            ('sep_conv_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('dil_conv_3x3', 1),
        ], normal_concat=range(2, 6), reduce=[
            ('max_pool_3x3', 0), ('sep_conv_3x3', 1), ('avg_pool_3x3', 0), ('skip_connect', 2),
            ('skip_connect', 2), ('avg_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 3),
        ], reduce_concat=range(2, 6))",
    ),
    (
        "NASNet",
        "Genotype(normal=[
            ('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('sep_conv_5x5', 0), ('sep_conv_3x3', 0),
            ('avg_pool_3x3', 1), ('skip_connect', 0), ('avg_pool_3x3', 0), ('avg_pool_3x3', 0),
            ('sep_conv_3x3', 1), ('skip_connect', 1),
        ], normal_concat=[2, 3, 4, 5, 6], reduce=[
            ('sep_conv_5x5', 1), ('sep_conv_7x7', 0), ('max_pool_3x3', 1), ('sep_conv_7x7', 0),
            ('avg_pool_3x3', 1), ('sep_conv_5x5', 0), ('skip_connect', 3), ('avg_pool_3x3', 2),
            ('sep_conv_3x3', 2), ('max_pool_3x3', 1),
        ], reduce_concat=[4, 5, 6])",
    ),
    (
        "AmoebaNet",
        "Genotype(normal=[
            ('avg_pool_3x3', 0), ('max_pool_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_5x5', 2),
            ('sep_conv_3x3', 0), ('avg_pool_3x3', 3), ('sep_conv_3x3', 1), ('skip_connect', 1),
            ('skip_connect', 0), ('avg_pool_3x3', 1),
        ], normal_concat=[4, 5, 6], reduce=[
            ('avg_pool_3x3', 0), ('sep_conv_3x3', 1), ('max_pool_3x3', 0), ('sep_conv_7x7', 2),
            ('sep_conv_7x7', 0), ('avg_pool_3x3', 1), ('max_pool_3x3', 0), ('max_pool_3x3', 1),
            ('conv_7x1_1x7', 0), ('sep_conv_3x3', 5),
        ], reduce_concat=[3, 4, 6])",
    ),
];

/// A second name of a genotype, and its first.
const ALIAS: (&str, &str) = ("DARTS", "DARTS_V2");

/// Names that [`known_genotype`] knows.
pub fn known_names() -> Vec<&'static str> {
    KNOWN.iter().map(|&(name, _)| name).chain([ALIAS.0]).collect()
}

/// A published genotype by name; case does not matter, and `-` stands for `_`. `DARTS` is `DARTS_V2`.
pub fn known_genotype(name: &str) -> Option<Genotype> {
    let same = |known: &str| {
        let name = name.bytes().map(|byte| if byte == b'-' { b'_' } else { byte });
        name.map(|byte| byte.to_ascii_lowercase()).eq(known.bytes().map(|byte| byte.to_ascii_lowercase()))
    };
    if same(ALIAS.0) {
        return known_genotype(ALIAS.1);
    }
    let (_, text) = KNOWN.iter().find(|&&(known, _)| same(known))?;
    Some(text.parse().expect("published genotypes can be read"))
}

/// A genotype from the name of a published one, or from a text of any [`Dialect`](super::Dialect).
///
/// # Errors
///
/// [`Error::Invalid`]: for a single word, naming the nearest known name; else where the text goes wrong.
pub fn parse_genotype(text: &str) -> Result<Genotype> {
    let word = text.trim();
    if word.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
        return by_name(word);
    }
    read_any(text)
}

/// The published genotype of a name, or the name that was meant.
fn by_name(word: &str) -> Result<Genotype> {
    if let Some(genotype) = known_genotype(word) {
        return Ok(genotype);
    }
    let names = known_names();
    let expected = format!("{}, or a genotype as the tool that found it prints it", names.join(", "));
    let (found, remedy) = match nearest(word, names) {
        Some(near) if !word.is_empty() => (excerpt(word, 32), format!("did you mean `{near}`?")),
        None if !word.is_empty() => (excerpt(word, 32), "no known name is like it".into()),
        _ => ("nothing".into(), "give a name or a genotype".into()),
    };
    Err(Error::invalid("genotype", found, expected, remedy))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_can_be_read_and_built() {
        for name in known_names() {
            let genotype = known_genotype(name).unwrap();
            genotype.check().unwrap();
            let n_nodes = if name.ends_with("Net") { 5 } else { 4 };
            for cell in genotype.cells.cells() {
                assert_eq!(cell.nodes.len(), n_nodes, "{name}");
                assert!(cell.nodes.iter().all(|genes| genes.len() == 2), "{name}");
            }
        }
        assert_eq!(known_names().len(), 11);
    }

    #[test]
    fn names_are_read_loosely() {
        assert_eq!(known_genotype("DARTS"), known_genotype("DARTS_V2"));
        assert_ne!(known_genotype("DARTS"), known_genotype("DARTS_V1"));
        assert_eq!(known_genotype("pc-darts-CIFAR"), known_genotype("PC_DARTS_cifar"));
        assert_eq!(known_genotype("DARTS_V"), None);
        assert_eq!(known_genotype("DARTS_V22"), None);
        assert_eq!(known_genotype(""), None);
    }

    #[test]
    fn name_text_and_json_are_the_same() {
        let genotype = known_genotype("NASNet").unwrap();
        assert_eq!(parse_genotype(" nasnet\n").unwrap(), genotype);
        assert_eq!(parse_genotype(&genotype.to_text()).unwrap(), genotype);
        assert_eq!(parse_genotype(&serde_json::to_string(&genotype).unwrap()).unwrap(), genotype);
    }

    #[test]
    fn a_wrong_word_gets_the_nearest_name() {
        let message = |text| parse_genotype(text).unwrap_err().to_string();
        assert!(message("AmebaNet").contains("found `AmebaNet`"), "{}", message("AmebaNet"));
        assert!(message("AmebaNet").ends_with("did you mean `AmoebaNet`?"), "{}", message("AmebaNet"));
        assert!(
            message("drnas_cifar").ends_with("did you mean `DrNAS_cifar10`?"),
            "{}",
            message("drnas_cifar")
        );
        assert!(message("  ").contains("found nothing"), "{}", message("  "));
        assert!(message("\n Genotype(x").contains("line 2, column 11"), "{}", message("\n Genotype(x"));
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(text in any::<String>(), word in "[A-Za-z_]{0,80}") {
            prop_assert!(parse_genotype(&text).is_err());
            prop_assert_eq!(parse_genotype(&word).is_ok(), known_genotype(&word).is_some());
        }
    }
}
