//! Texts that cannot be read, and what is said of them.

use proptest::prelude::*;

use super::super::{Dialect, LONGEST_GENOTYPE_TEXT};
use super::darts_v2;
use crate::space::{Genotype, Nb201Architecture, Primitive, known_genotype, known_names, parse_genotype};

/// DARTS_V2 in a dialect.
fn written(dialect: Dialect) -> String {
    let all_skip = Nb201Architecture { operations: [Primitive::SkipConnect; 6] };
    dialect.write(&darts_v2()).unwrap_or_else(|_| dialect.write(&Genotype::from(&all_skip)).unwrap())
}

/// What is said of the written text with a piece replaced, once.
#[track_caller]
fn spoil(dialect: Dialect, from: &str, to: &str) -> String {
    let text = written(dialect);
    assert!(text.contains(from), "{from} is not in {text}");
    let text = text.replacen(from, to, 1);
    dialect.parse(&text).expect_err(&text).to_string()
}

#[track_caller]
fn assert_says(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "no {word:?} in {message}");
    }
}

#[test]
fn of_no_dialect() {
    let say = |text: &str| Dialect::detect(text).unwrap_err().to_string();
    assert_says(
        &say("hello"),
        &["genotype text, column 1: found `hello`", "`CNNGenotype(`", "`|` of NAS-Bench"],
    );
    assert_says(&say("\n  two words ("), &["line 2, column 3: found `two words (`"]);
    assert_says(&say(""), &["found the end of the text"]);
    let long = "x".repeat(LONGEST_GENOTYPE_TEXT + 1);
    for dialect in Dialect::ALL {
        assert_says(&dialect.parse(&long).unwrap_err().to_string(), &["1048577 bytes", "at most 1048576"]);
    }
    assert_says(&say(&long), &["1048577 bytes"]);
}

#[test]
fn of_another_dialect_than_said() {
    for dialect in Dialect::ALL {
        for other in Dialect::ALL {
            // The original's text and pt.darts' are read alike, and AutoDL's is theirs with tuples.
            let alike = [Dialect::Darts, Dialect::PtDarts, Dialect::AutoDl];
            if dialect == other || (alike.contains(&dialect) && alike.contains(&other)) {
                continue;
            }
            let text = written(other);
            let message = dialect.parse(&text).expect_err(&text).to_string();
            assert_says(&message, &["found ", "expected "]);
        }
    }
}

#[test]
fn of_nni() {
    let spoil = |from: &str, to: &str| spoil(Dialect::Nni, from, to);
    let place = "NNI dictionary, line 2, column ";
    assert_says(
        &spoil("sep_conv_3x3", "sepconv_3x3"),
        &[place, "20: found `sepconv_3x3`", "mean `sep_conv_3x3`?"],
    );
    assert_says(&spoil("sep_conv_3x3", "conv_1x1"), &[place, "known elsewhere"]);
    assert_says(
        &spoil("normal/op_2_0", "normal/ob_2_0"),
        &[place, "3: found `normal/ob_2_0`", "`normal/op_2_0`?"],
    );
    assert_says(&spoil("\"normal/op_2_0", "normal/op_2_0"), &[place, "a key in quotes"]);
    assert_says(&spoil("normal/op_2_1", "normal/op_2_0"), &["line 4, column 3", "a second `normal/op_2_0`"]);
    assert_says(&spoil("normal/op_2_1", "normal/op_2_2"), &["line 34", "`normal/op_2_1` among them"]);
    assert_says(&spoil("normal/op_2_1", "normal/op_7_0"), &["`normal/op_2_1` among them"]);
    assert_says(&spoil("normal/input_2_1", "width"), &["`normal/input_2_1` among them"]);
    assert_says(&spoil("[0]", "[0, 1]"), &["line 3, column ", "`]`: an edge reads one node"]);
    assert_says(&spoil("[0]", "[2]"), &["genotype, normal cell, node 2: found an edge from node 2"]);
    assert_says(&spoil("[0]", "-1"), &["found `-1,", "a node's number"]);
    assert_says(&spoil("op_2_0", "op_1001_0"), &["`normal/op_1001_0`", "a key such as"]);
    assert_says(&spoil("{", "{\"normal_n2_p0\": 3, "), &["beside", "one version of NNI"]);
    assert_says(&Dialect::Nni.parse("{}").unwrap_err().to_string(), &["`normal/op_2_0` among them"]);
    assert_says(&Dialect::Nni.parse("{'width': 3}x").unwrap_err().to_string(), &["found `x`", "after `}`"]);
}

#[test]
fn of_nni_before_the_hub() {
    let text = "{\"normal_n2_p0\": 6, \"normal_n2_switch\": [0], \"reduce_n2_p1\": \"maxpool\", \
        \"reduce_n2_switch\": [\"reduce_n2_p1\"]}";
    Dialect::Nni.parse(text).unwrap();
    let spoil = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Dialect::Nni.parse(&text.replace(from, to)).expect_err(to).to_string()
    };
    assert_says(&spoil("6", "7"), &["found candidate 7", "0 to 6"]);
    assert_says(&spoil("6", "[]"), &["`normal_n2_p0` among them"]);
    assert_says(&spoil("6", "[true, true]"), &["found 2 operations"]);
    assert_says(&spoil("6", "[yes]"), &["found `yes]", "`true` or `false`"]);
    assert_says(&spoil("maxpool", "max_pool_3x3"), &["did you mean `maxpool`?"]);
    assert_says(&spoil("\"normal_n2_switch\": [0], ", ""), &["`normal_n2_switch` among them"]);
    assert_says(
        &spoil("[\"reduce_n2_p1\"]", "[\"normal_n2_p1\"]"),
        &["found `normal_n2_p1`", "`reduce_n2_p0`"],
    );
    assert_says(&spoil("[0]", "[1]"), &["`normal_n2_p1` among them"]);
    assert_says(&spoil("[0]", "[]"), &["normal cell, node 2: found no edges"]);
    assert_says(&spoil("normal_n2", "normal_n3"), &["`normal_n2_switch` among them"]);
}

#[test]
fn of_autodl() {
    let spoil = |from: &str, to: &str| spoil(Dialect::AutoDl, from, to);
    assert_says(
        &spoil("sep_conv_3x3", "conv_3x1_1x3"),
        &["column 20: found `conv_3x1_1x3`", "known elsewhere"],
    );
    assert_says(
        &spoil("connects=None", "connects=[1]"),
        &["found `[1])`", "`None`: no network with connections"],
    );
    assert_says(&spoil("connects", "connectN"), &["a second `connectN`"]);
    assert_says(&spoil("0)", "0, 0.5)"), &["expected `)`"]);
    let say = |text: &str| Dialect::AutoDl.parse(text).unwrap_err().to_string();
    assert_says(
        &say("{'normal': [(('skip_connect', 0, much),)]}"),
        &["found `much),)]}`", "the weight of the edge"],
    );
    assert_says(&say("{'normal': []}"), &["`'normal_concat':` before it"]);
    assert_says(&say("Structure(5 nodes with |none~0|)"), &["found `5 nodes`", "4 nodes"]);
    assert_says(&say("Structure(4 nodes"), &["expected `with`"]);
    assert_says(&say("Structure([(('nor_conv_3x3', 1),)])"), &["an edge from node 1 into node 1"]);
    assert_says(&say("Structure([(('none', 0),)])"), &["no node after node 1", "nodes 1 to 3"]);
    assert_says(&say("Structure([(), (), (), ()])"), &["found a node 4"]);
}

#[test]
fn of_nas_bench_201() {
    let spoil = |from: &str, to: &str| spoil(Dialect::Nb201, from, to);
    let place = "NAS-Bench-201 string, column ";
    assert_says(&spoil("skip_connect", "skip_conect"), &[place, "2: found `skip_conect`", "`skip_connect`?"]);
    assert_says(&spoil("skip_connect", "sep_conv_3x3"), &["one of none, skip_connect, nor_conv_1x1"]);
    assert_says(&spoil("~0", "~1"), &["15: found an edge from node 1 into node 1", "0 to 0"]);
    assert_says(&spoil("~0|s", "|s"), &["found `|s", "`~`"]);
    assert_says(&spoil("skip_connect~2|", ""), &["no edge from node 2 into node 3", "`none` where nothing"]);
    assert_says(&spoil("~2", "~1"), &["a second edge from node 1 into node 3"]);
    assert_says(
        &spoil("+|skip_connect~0|skip_connect~1|+", "+"),
        &["found an edge from node 2 into node 2", "0 to 1"],
    );
    let text = written(Dialect::Nb201);
    let say = |text: String| Dialect::Nb201.parse(&text).unwrap_err().to_string();
    assert_says(&say(format!("{text}+|none~0|")), &["found a node 4", "nodes 1 to 3"]);
    assert_says(&say(format!("{text} x")), &["expected `~`"]);
    assert_says(&say("|none~0|".into()), &["no node after node 1"]);
    assert_says(&say("|none~99999999999999999999|".into()), &["at most 1000"]);
}

#[test]
fn of_aw_nas() {
    let spoil = |from: &str, to: &str| spoil(Dialect::AwNas, from, to);
    assert_says(&spoil("sep_conv_3x3", "sep_conv"), &["aw_nas genotype, column 24", "`sep_conv_3x3`?"]);
    assert_says(&spoil("0, 2)", "0)"), &["found `),", "`,`"]);
    assert_says(&spoil("0, 2)", "0, 1)"), &["found an edge into node 1", "from 2"]);
    assert_says(&spoil("0, 2)", "0, 1001)"), &["found `1001`", "at most 1000"]);
    assert_says(&spoil("0, 2)", "0, 1000)"), &["genotype, normal cell, node 6: found no edges"]);
    assert_says(&spoil("normal_0", "normal"), &["column 13: found `normal=[", "`normal_0`, `reduce_1`"]);
    assert_says(&spoil("reduce_1", "normal_0"), &["a second `normal_0`"]);
    assert_says(&spoil("reduce_1", "normal_1"), &["a second group of normal cells, `normal_1`", "one group"]);
    let say = |text: &str| Dialect::AwNas.parse(text).unwrap_err().to_string();
    assert_says(&say("CNNGenotype(normal_0=[])"), &["`reduce_1=[…]` among them"]);
    assert_says(&say("normal_0=[] reduce_1=[]"), &["found `reduce_1=[]`", "the end of the text after `]`"]);
    assert_says(&say("normal_0=[],"), &["found the end of the text"]);
    // Nothing else says that parts alone are whole.
    let parts = "normal_0=[('skip_connect', 0, 2)], reduce_1=[('skip_connect', 1, 2)]";
    Dialect::AwNas.parse(parts).unwrap();
    let parts = format!("{parts}, normal_0_concat=[2]");
    assert_says(
        &say(&format!("{parts}\n")),
        &["line 2", "`reduce_1_concat=[…]` beside", "was the text cut off?"],
    );
    Dialect::AwNas.parse(&format!("{parts}, reduce_1_concat=[2]")).unwrap();
    let parts = parts.replace("normal_0_concat", "reduce_1_concat");
    assert_says(&say(&parts), &["`normal_0_concat=[…]` beside"]);
    Dialect::AwNas.parse(&format!("CNNGenotype({parts})")).unwrap();
}

#[test]
fn of_mmrazor() {
    let spoil = |from: &str, to: &str| spoil(Dialect::MmRazor, from, to);
    let place = "MMRazor YAML, line ";
    assert_says(&spoil("sep_conv_3x3", "sep_conv_7x7"), &[place, "7, column 5: found `sep_conv_7x7`"]);
    assert_says(&spoil("sep_conv_3x3", "none"), &["one of zero, max_pool_3x3"]);
    assert_says(&spoil("- sep_conv_3x3", "- zero\n  - zero"), &["2 operations chosen for `normal_n2_p0`"]);
    assert_says(&spoil("- sep_conv_3x3", "-"), &["7, column 4: found nothing, expected a name"]);
    assert_says(&spoil("- sep_conv_3x3", "- sep conv"), &["7, column 5: found `sep conv`, expected a name"]);
    assert_says(&spoil("- sep_conv_3x3", "- &a sep_conv_3x3"), &["a name without anchor"]);
    assert_says(&spoil("- sep_conv_3x3", "- !a sep_conv_3x3"), &["a name without anchor"]);
    assert_says(&spoil("- sep_conv_3x3", "- [sep_conv_3x3]"), &["found a list, expected a name"]);
    assert_says(
        &spoil("normal_n2_p0\n", "normal_n3_p0\n"),
        &["found `normal_n3_p0`", "such as `normal_n2_p0`"],
    );
    assert_says(&spoil("normal_n2_p0:", "normal_m2_p0:"), &["5, column 1: found `normal_m2_p0`"]);
    assert_says(&spoil("normal_n2_p0:", "normal_n2_p1:"), &["a second `normal_n2_p1`"]);
    assert_says(&spoil("normal_n2_p0:", "normal_n2_p0"), &["expected YAML"]);
    assert_says(&spoil("  chosen", "  choosen"), &["an entry without it", "`chosen:` below `normal_n2`"]);
    assert_says(&spoil("  chosen:", "  chosen: a\n  chosen:"), &["a second `chosen`"]);
    assert_says(&spoil("  chosen", "\tchosen"), &["expected YAML"]);
    assert_says(&spoil("\nnormal_n2_p0:", "\n normal_n2_p0:"), &["expected YAML"]);
    assert_says(&spoil("normal_n3:\n  chosen:\n", "normal_n3_p7:\n  chosen:\n"), &["2 operations chosen"]);
    let text = written(Dialect::MmRazor);
    let cut = &text[text.find("normal_n3").unwrap()..];
    let message = Dialect::MmRazor.parse(cut).unwrap_err().to_string();
    assert_says(&message, &["the end of the entries", "`normal_n2` among them"]);
    let say = |text: &str| Dialect::MmRazor.parse(text).unwrap_err().to_string();
    assert_says(&say("{normal_n2: {chosen: a, chosen: b}}"), &["found a second `chosen`"]);
    assert_says(&say("{normal_n2: {}}"), &["`chosen:` below `normal_n2`"]);
    assert_says(&say("{normal_n2: chosen}"), &["found `chosen`, expected a mapping with `chosen`"]);
    assert_says(&say("{normal_n2: {chosen: [a}}"), &["expected YAML"]);
    let deep = format!("{{normal_n2: {{meta: {}", "[".repeat(10_000));
    assert_says(&say(&deep), &["MMRazor YAML, "]);
}

#[test]
fn of_yaml_that_is_no_yaml() {
    let spoil = |from: &str, to: &str| spoil(Dialect::MmRazor, from, to);
    let second = "  - normal_n2_p1\n";
    for (to, says) in [
        ("    - normal_n2_p1\n", "3, column 5: found `normal_n2_p0 - normal_n2_p1`, expected a name"),
        (" - normal_n2_p1\n", "4, column 2: found no YAML ("),
        ("    normal_n2_p1\n", "3, column 5: found `normal_n2_p0 normal_n2_p1`, expected a name"),
        ("  -normal_n2_p1\n", "5, column 1: found no YAML ("),
        ("  - normal_n2_p1\n---\n", "5, column 1: found another document"),
        ("  - normal_n2_p1\n  meta:\n    a:\n   - b\n", "7, column 4: found no YAML ("),
    ] {
        assert_says(&spoil(second, to), &["MMRazor YAML, line ", says]);
    }
    // Each list may have its own indentation, and a stepped-over block any that goes up and down again.
    let even = written(Dialect::MmRazor).replace("  - normal_n2_p", "      - normal_n2_p").replacen(
        "  chosen:\n",
        "  meta:\n    a:\n        - b\n        - c:\n            d\n    e: f\n  chosen:\n",
        1,
    );
    assert_eq!(Dialect::MmRazor.parse(&even).unwrap(), darts_v2());
}

/// Pieces of all dialects that lead deep into the readers when joined at random.
fn nearly_genotypes() -> impl Strategy<Value = String> {
    let pieces = [
        "Genotype(",
        "CNNGenotype(",
        "Structure(",
        "normal=",
        "reduce=",
        "normal_0=",
        "reduce_1_concat=",
        "range(2, 6)",
        "connectN=None",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "|",
        "~",
        "+",
        ":",
        ", ",
        "\n",
        "\n  ",
        "- ",
        "#",
        "'",
        "\"",
        "'sep_conv_3x3'",
        "'none'",
        "skip_connect",
        "zero",
        "nor_conv_3x3",
        "0",
        "2",
        "1001",
        "0.5",
        "4 nodes with",
        "'normal': ",
        "'normal/op_2_0': ",
        "'normal/input_2_0': ",
        "'normal_n2_p0': ",
        "'normal_n2_switch': ",
        "normal_n2:",
        "normal_n2_p0:",
        "chosen:",
        "True",
        "\"nodes\"",
        "ß",
        "\u{a0}",
        "\t",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..24).prop_map(|pieces| pieces.concat())
}

/// Every reader reads it or refuses it, and what is read can be written.
fn survives(text: &str) -> Result<(), TestCaseError> {
    let read = Dialect::ALL.into_iter().map(|dialect| dialect.parse(text)).chain([parse_genotype(text)]);
    for architecture in read.filter_map(Result::ok) {
        let able = Dialect::ALL.into_iter().filter(|dialect| dialect.write(&architecture).is_ok()).count();
        prop_assert!(able >= 2);
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        survives(&text)?;
    }

    #[test]
    fn nearly_right_text_is_read_or_refused(text in nearly_genotypes()) {
        survives(&text)?;
    }

    #[test]
    fn spoiled_text_is_read_or_refused(
        name in prop::sample::select(known_names()),
        dialect in prop::sample::select(Dialect::ALL.to_vec()),
        at in any::<prop::sample::Index>(),
        length in 0..4usize,
        put in prop_oneof![any::<char>().prop_map(String::from), nearly_genotypes()],
    ) {
        let written = dialect.write(&known_genotype(name).unwrap());
        let mut text: Vec<char> = written.unwrap_or_else(|_| self::written(dialect)).chars().collect();
        let at = at.index(text.len());
        let end = text.len().min(at + length);
        text.splice(at..end, put.chars());
        survives(&text.into_iter().collect::<String>())?;
    }
}
