//! The original's text and what it shares with others.

use proptest::prelude::*;

use crate::space::testing::genotypes;
use crate::space::{EdgeGene, Genotype, LONGEST_GENOTYPE_TEXT, Primitive, known_genotype, known_names};

const DARTS_V2: &str = "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), \
    ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], \
    normal_concat=range(2, 6), reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), \
    ('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], \
    reduce_concat=range(2, 6))";

fn read(text: &str) -> Genotype {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refuse(text: &str) -> String {
    text.parse::<Genotype>().expect_err(text).to_string()
}

#[test]
fn writes_what_the_original_prints() {
    let genotype = read(DARTS_V2);
    assert_eq!(genotype.to_text(), DARTS_V2);
    assert_eq!(genotype["normal"].nodes.len(), 4);
    assert_eq!(
        genotype["normal"].nodes[3],
        [
            EdgeGene { primitive: Primitive::SkipConnect, source: 0 },
            EdgeGene { primitive: Primitive::DilConv3x3, source: 2 }
        ]
    );
    assert_eq!(genotype["reduction"].concat, [2, 3, 4, 5]);
}

#[test]
fn concat_with_a_gap_is_a_list() {
    let text = known_genotype("AmoebaNet").unwrap().to_text();
    assert!(
        text.contains("normal_concat=range(4, 7)") && text.ends_with("reduce_concat=[3, 4, 6])"),
        "{text}"
    );
}

#[test]
fn reads_every_spelling() {
    let genotype = read(DARTS_V2);
    let reduce = DARTS_V2.find("reduce=").unwrap();
    let swapped = format!(
        "Genotype({}, {})",
        &DARTS_V2[reduce..DARTS_V2.len() - 1],
        &DARTS_V2["Genotype(".len()..reduce - 2]
    );
    for text in [
        DARTS_V2.replace("range(2, 6)", "[2, 3, 4, 5]"),
        DARTS_V2.replace("range(2, 6)", "range( 2,6 )"),
        DARTS_V2.replace('\'', "\""),
        DARTS_V2.replace(' ', ""),
        DARTS_V2.replace(' ', "\r\n\t"),
        DARTS_V2.replace('=', " = ").replace(')', " )").replace(']', ",\n ]"),
        DARTS_V2.replace("), (", ",), ("),
        format!("DARTS_V2 = {DARTS_V2}"),
        format!("DARTS={DARTS_V2}\n"),
        format!("06/12 03:14:15 PM genotype = {DARTS_V2}"),
        swapped,
        serde_json::to_string(&genotype).unwrap(),
        format!("\n  {}\n", serde_json::to_string_pretty(&genotype).unwrap()),
    ] {
        assert_eq!(read(&text), genotype, "{text}");
    }
}

#[test]
fn reads_one_list_per_node() {
    let nested = "Genotype(normal=[[('skip_connect', 1)], [('sep_conv_5x5', 0), ('skip_connect', 1), \
        ('avg_pool_3x3', 2)]], normal_concat=[3, 2], reduce=[[('dil_conv_5x5', 0), ('skip_connect', 0)]], \
        reduce_concat=[2])";
    let genotype = read(nested);
    assert_eq!(genotype["normal"].nodes.iter().map(Vec::len).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(genotype["reduction"].nodes.len(), 1);
    // Two genes per node need no nesting.
    let written = nested
        .replace("=[[('dil", "=[('dil")
        .replace("0)]], reduce_concat=[2]", "0)], reduce_concat=range(2, 3)");
    assert_eq!(genotype.to_text(), written);
}

#[test]
fn faults_name_column_found_and_expected() {
    let column = |needle: &str| DARTS_V2.find(needle).unwrap() + 1;
    let spoil = |from: &str, to: &str| refuse(&DARTS_V2.replacen(from, to, 1));
    for (message, parts) in [
        (refuse(""), ["column 1:".into(), "the end of the text".into(), "`Genotype(`".into()]),
        (refuse("DARTS(x)"), ["column 1:".into(), "`DARTS(x)`".into(), "`Genotype(`".into()]),
        (refuse("MyGenotype()"), ["column 1:".into(), "`MyGenotype()`".into(), "`Genotype(`".into()]),
        (refuse("\n x Genotype()"), ["line 2, column 2:".into(), "`x Geno".into(), "`NAME".into()]),
        (refuse("Genotype()"), ["column 10:".into(), "found `)`".into(), "`normal=` before".into()]),
        (
            refuse("Genotype(recurrent=[])"),
            ["column 10:".into(), "found `recurrent`".into(), "convolutional".into()],
        ),
        (
            spoil("normal=[", "norm=["),
            ["column 10:".into(), "`norm=[(".into(), "`normal`, `normal_concat`".into()],
        ),
        (
            spoil("reduce=[", "normal=["),
            [format!("column {}:", column("reduce=[")), "a second `normal`".into(), "each part once".into()],
        ),
        (
            spoil("sep_conv_3x3", "sep_conv_3x4"),
            ["column 19:".into(), "found `sep_conv_3x4`".into(), "did you mean `sep_conv_3x3`".into()],
        ),
        (spoil("'sep_conv_3x3'", "sep"), ["column 19:".into(), "`sep, 0".into(), "in quotes".into()]),
        (spoil("3x3',", "3x3\","), ["column 32:".into(), "`\", 0)".into(), "expected '".into()]),
        (spoil(" 0)", " -1)"), ["column 35:".into(), "`-1)".into(), "a node's number".into()]),
        (spoil(" 0)", " 1001)"), ["column 35:".into(), "`1001`".into(), "at most 1000".into()]),
        (
            spoil(" 0)", " 99999999999999999999999)"),
            ["column 35:".into(), "`999999999999…`".into(), "at most 1000".into()],
        ),
        (
            spoil("('sep_conv_3x3', 0), ", ""),
            ["column 17:".into(), "a list of 7 genes".into(), "two genes for every node".into()],
        ),
        (
            spoil("range", "list"),
            [format!("column {}:", column("range")), "`list(2, 6)".into(), "`range(…, …)`".into()],
        ),
        (
            spoil("[('sep_conv_3x3', 0),", "[('sep_conv_3x3', 0)"),
            ["column 38:".into(), "`('sep".into(), "`,` or `]`".into()],
        ),
        (
            refuse(&format!("{DARTS_V2} x")),
            [format!("column {}:", DARTS_V2.len() + 2), "found `x`".into(), "the end of the text".into()],
        ),
        (
            refuse(&DARTS_V2[..DARTS_V2.len() - 1]),
            [format!("column {}:", DARTS_V2.len()), "the end of the text".into(), "`,` or `)`".into()],
        ),
        (
            spoil(", reduce_concat=range(2, 6)", ""),
            ["genotype text, column ".into(), "found `)`".into(), "`reduce_concat=` before it".into()],
        ),
        (spoil("range(2, 6)", "range(6, 2)"), ["normal cell, concat".into(), "no nodes".into(), "".into()]),
        (spoil("sep_conv_3x3", "none"), ["normal cell, node 2".into(), "`none`".into(), "".into()]),
        (spoil(" 0)", " 2)"), ["normal cell, node 2".into(), "an edge from node 2".into(), "".into()]),
    ] {
        for part in parts {
            assert!(message.contains(&part), "{message} / {part}");
        }
    }
}

#[test]
fn json_faults_have_a_place() {
    let json = serde_json::to_string(&read(DARTS_V2)).unwrap();
    let message = refuse(&json.replacen("sep_conv_3x3", "sep_conv", 1));
    let expected = "genotype JSON, line 1, column 44: found an unknown operation `sep_conv`, \
        did you mean `sep_conv_3x3`?";
    assert!(message.starts_with(expected), "{message}");
    assert!(!message.contains("at line"), "{message}");
    let message = refuse("{\n\"normal\": 3}");
    assert!(
        message.contains("genotype JSON, line 2, column 11: found invalid type: integer `3`,"),
        "{message}"
    );
    let message = refuse(&json.replace("\"source\":1", "\"source\":1000000"));
    assert!(
        message.starts_with("genotype, normal cell, node 2: found an edge from node 1000000"),
        "{message}"
    );
    assert!(refuse(&"{\"normal\":".repeat(10_000)).contains("genotype JSON"), "deep nesting");
}

#[test]
fn long_texts_are_refused_unread() {
    let padding = |bytes: usize| format!("{}{DARTS_V2}", " ".repeat(bytes - DARTS_V2.len()));
    read(&padding(LONGEST_GENOTYPE_TEXT));
    assert!(refuse(&padding(LONGEST_GENOTYPE_TEXT + 1)).contains("1048577 bytes"));
}

/// Pieces that lead deep into the reader when joined at random.
fn nearly_genotypes() -> impl Strategy<Value = String> {
    let pieces = [
        "Genotype(",
        "genotype = ",
        "normal=",
        "reduce=",
        "normal_concat=",
        "reduce_concat=",
        "range(",
        "[",
        "]",
        "(",
        ")",
        ", ",
        "'sep_conv_3x3'",
        "\"none\"",
        "'",
        "0",
        "7",
        "1001",
        "ß",
        "\n",
        "{",
        "}",
        ":",
        "\"normal\"",
        "\"nodes\"",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn text_round_trip(genotype in genotypes(2..=2)) {
        let text = genotype.to_text();
        prop_assert!(!text.contains("[["));
        prop_assert_eq!(text.parse::<Genotype>().unwrap(), genotype);
    }

    #[test]
    fn text_round_trip_of_any_number_of_edges(genotype in genotypes(1..=3)) {
        prop_assert_eq!(genotype.to_text().parse::<Genotype>().unwrap(), genotype);
    }

    #[test]
    fn concat_list_reads_as_its_range(genotype in genotypes(2..=2)) {
        let list = |concat: &[usize]| format!("{concat:?}");
        let text = genotype.to_text();
        let (head, reduce_concat) = text.split_at(text.find("reduce_concat=").unwrap());
        let text = format!("{head}reduce_concat={})", list(&genotype["reduction"].concat));
        prop_assert!(reduce_concat.contains("range") || text.ends_with(reduce_concat));
        prop_assert_eq!(text.parse::<Genotype>().unwrap(), genotype);
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        prop_assert!(text.parse::<Genotype>().is_err());
    }

    #[test]
    fn nearly_right_text_is_read_or_refused(text in nearly_genotypes()) {
        if let Ok(genotype) = text.parse::<Genotype>() {
            prop_assert!(genotype.check().is_ok());
        }
    }

    #[test]
    fn spoiled_text_is_read_or_refused(
        name in prop::sample::select(known_names()),
        at in any::<prop::sample::Index>(),
        put in any::<char>(),
    ) {
        let mut text: Vec<char> = known_genotype(name).unwrap().to_text().chars().collect();
        let at = at.index(text.len());
        text[at] = put;
        let text: String = text.into_iter().collect();
        if let Ok(genotype) = text.parse::<Genotype>() {
            prop_assert!(genotype.check().is_ok());
        }
    }
}
