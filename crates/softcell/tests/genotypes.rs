//! Files of genotypes: as tools write them, and damaged or hostile ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use softcell::space::{Dialect, LONGEST_GENOTYPE_TEXT, known_genotype, parse_genotype};

/// Name and content of the files of a folder.
fn files(folder: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/genotypes").join(folder);
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// DARTS_V2 as each dialect's tool writes it, and ResNet's cell of NAS-Bench-201.
const READABLE: [(&str, Dialect); 17] = [
    ("autodl-comments.txt", Dialect::AutoDl),
    ("autodl-search.txt", Dialect::AutoDl),
    ("autodl-structure-code.txt", Dialect::AutoDl),
    ("autodl-structure.txt", Dialect::AutoDl),
    ("autodl.txt", Dialect::AutoDl),
    ("aw-nas-parts.txt", Dialect::AwNas),
    ("aw-nas.txt", Dialect::AwNas),
    ("darts-concat-list.txt", Dialect::Darts),
    ("darts.txt", Dialect::Darts),
    ("katib.txt", Dialect::PtDarts),
    ("mmrazor.yaml", Dialect::MmRazor),
    ("nb201.txt", Dialect::Nb201),
    ("nni-example.json", Dialect::Nni),
    ("nni-python.txt", Dialect::Nni),
    ("nni.json", Dialect::Nni),
    ("pt-darts.txt", Dialect::PtDarts),
    ("softcell.json", Dialect::Json),
];

#[test]
fn files_of_every_tool_are_recognised_and_mean_the_same() {
    let files = files("readable");
    assert!(files.keys().eq(READABLE.iter().map(|(name, _)| name)), "{:?}", files.keys());
    let darts_v2 = known_genotype("DARTS_V2").unwrap();
    for (name, dialect) in READABLE {
        let text = &files[name];
        assert_eq!(Dialect::detect(text).unwrap(), dialect, "{name}");
        let genotype = parse_genotype(text).unwrap();
        match genotype.nas_bench_201() {
            None => assert_eq!(genotype, darts_v2, "{name}"),
            Some(resnet) => {
                let expected =
                    "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|";
                assert_eq!(resnet.to_string(), expected, "{name}");
            }
        }
    }
}

/// Each damaged or hostile file, and what is said of it.
const MALFORMED: [(&str, &str); 71] = [
    ("autodl-connections.txt", "column 77: found `[[0]], connects=…`, expected `None`"),
    ("autodl-many-nodes.txt", "column 11: found `1000000`, expected a node's number, at most 1000"),
    ("autodl-structure-cut.txt", "column 33: found the end of the text, expected `|`"),
    ("autodl-weight.txt", "column 34: found `nan_),)], 'norma…`, expected the weight of the edge"),
    ("aw-nas-far-node.txt", "normal cell, node 2: found no edges"),
    ("aw-nas-groups.txt", "column 48: found a second group of normal cells, `normal_1`"),
    ("aw-nas-huge-group.txt", "column 36: found `reduce_184467440…`"),
    ("aw-nas-no-last-concat.txt", "expected `reduce_1_concat=[…]` beside that of the normal cell"),
    ("blank.txt", "genotype: found nothing"),
    ("byte-order-mark.txt", "column 1: found `\\u{feff}Genotype(`"),
    ("concat-none.txt", "column 201: found `None, reduce=[('…`, expected `range(…, …)` or `[…]`"),
    ("concat-of-inputs.txt", "normal cell, concat: found node 0, expected intermediate nodes"),
    ("concat-repeated.txt", "normal cell, concat: found node 2 twice"),
    ("control-characters.txt", "column 1: found `   `"),
    ("cut-in-a-name.txt", "column 101: found the end of the text"),
    ("deep-json-lists.json", "genotype JSON, line 1, column 24"),
    ("deep-json.json", "genotype JSON, line 1, column 19: found unknown field `normal`"),
    ("deep-lists.txt", "column 19: found `[[[[[[[[[[[[[[[[…`, expected `(`"),
    ("edge-from-later.txt", "normal cell, node 2: found an edge from node 5"),
    ("empty-dictionary.json", "expected the cells normal and reduction, or one called cell"),
    ("empty.txt", "genotype: found nothing"),
    ("escape.txt", "column 23: found `\\x5fconv_3x3', 0…`"),
    ("expression.txt", "column 205: found `+ [3, 4, 5], red…`"),
    ("fraction.txt", "column 36: found `.5), ('sep_conv_…`"),
    ("huge-number.txt", "column 36: found `999999999999…`, expected a node's number, at most 1000"),
    ("huge-range.txt", "column 65: found `4294967295`, expected a node's number, at most 1000"),
    ("json-huge-number.json", "column 16: found number out of range"),
    ("json-largest-numbers.json", "found an edge from node 18446744073709551615"),
    ("json-negative.json", "column 65: found invalid value: integer `-1`"),
    ("json-wrong-types.json", "column 12: found invalid type: integer `3`"),
    ("mixed-quotes.txt", "column 32: found `\", 0), ('sep_con…`, expected '"),
    ("mmrazor-cut.yaml", "found 4 nodes in the normal and 3 in the reduction cell, expected equally many"),
    ("mmrazor-twice.yaml", "line 8, column 1: found a second `normal_n2_p0`"),
    ("nb201-endless.txt", "column 14: found a second edge from node 0 into node 1"),
    ("nb201-many-nodes.txt", "column 28: found a node 4"),
    ("nb201-missing-edge.txt", "found no edge from node 1 into node 2"),
    ("nb201-no-edges.txt", "column 2: found no node after node 1"),
    ("nb201-twice.txt", "column 23: found a second edge from node 0 into node 2"),
    ("nni-example-cut.json", "line 25, column 31: found the end of the text"),
    ("nni-far-candidate.json", "column 19: found candidate 99, expected one of the 7"),
    ("nni-far-node.json", "`normal/op_1000_0` among them"),
    ("nni-far-switch.json", "`normal_n2_switch` among them"),
    ("nni-many-flags.json", "column 18: found 3 operations"),
    ("nni-nested.json", "column 19: found `{\"normal/op_2_0\"…`"),
    ("nni-no-input.json", "`normal/input_2_0` among them"),
    (
        "nni-no-last-edge.json",
        "found 1 edge into node 2 of the reduction cell, expected 2, as into node 2 of the normal",
    ),
    (
        "nni-no-last-node.json",
        "found 2 nodes in the normal and 1 in the reduction cell, expected equally many",
    ),
    ("nni-twice.json", "line 4, column 3: found a second `normal/op_2_0`"),
    ("null-character.txt", "column 33: found `  0), ('sep_conv…`, expected `,`"),
    ("odd-genes.txt", "column 17: found a list of 1 genes"),
    ("python-code-inside.txt", "column 17: found `__import__('os')…`, expected `[`"),
    ("python-code.txt", "column 1: found `__import__('os')…`"),
    ("recurrent.txt", "recurrent cells cannot be built here"),
    ("right-to-left.txt", "column 1: found `\\u{202e}|nor_conv_`"),
    ("unicode.txt", "column 19: found `ä"),
    ("unknown-name.txt", "found `DARTS_V3`"),
    ("unknown-operation.txt", "did you mean `sep_conv_3x3`?"),
    ("words.txt", "column 1: found `not a genotype a…`"),
    ("yaml-anchor.yaml", "column 12: found `&a"),
    ("yaml-bomb.yaml", "column 1: found `a: &a [x,x,x,x,x…`"),
    ("yaml-carriage-return.yaml", "column 10: found nothing, expected a mapping"),
    ("yaml-colon.yaml", "column 12: found `chosen`, expected a mapping"),
    ("yaml-dash.yaml", "line 2, column 2: found a list, expected a mapping"),
    ("yaml-deep.yaml", "column 21: found a mapping, expected a name"),
    ("yaml-document.yaml", "line 81, column 1: found another document"),
    ("yaml-indent.yaml", "line 4, column 2: found no YAML ("),
    ("yaml-no-operation.yaml", "`normal_n2_p0` among them"),
    ("yaml-tabs.yaml", "line 2, column 2: found no YAML (tabs"),
    ("yaml-tag.yaml", "column 12: found `!!python/object/…`"),
    ("yaml-text-block.yaml", "line 3, column 5: found `normal_n2_p0 `, expected a name"),
    ("yaml-uneven-list.yaml", "line 3, column 5: found `normal_n2_p0 - normal_n2_p1`"),
];

#[test]
fn damaged_and_hostile_files_are_refused_with_their_place() {
    let files = files("malformed");
    assert!(files.keys().eq(MALFORMED.iter().map(|(name, _)| name)), "{:?}", files.keys());
    for (name, words) in MALFORMED {
        let text = &files[name];
        let message = parse_genotype(text).expect_err(name).to_string();
        assert!(message.contains(words), "{name}: {message}");
        // No reader falls for it, whichever was asked.
        for dialect in Dialect::ALL {
            assert!(dialect.parse(text).is_err(), "{name} as {dialect}");
        }
    }
}

/// Files that were cut off, at any byte: what is left is refused, or it lacks nothing that counts.
#[test]
fn no_start_of_a_file_means_something_else() {
    for (name, text) in files("readable") {
        let whole = parse_genotype(&text).unwrap();
        for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
            if let Ok(architecture) = parse_genotype(&text[..end]) {
                assert_eq!(architecture, whole, "{name}, {end} bytes of it");
            }
        }
    }
}

/// The longest texts that are read: nothing but the text decides how much memory they take.
#[test]
fn longest_texts_are_answered() {
    for (start, piece) in [
        ("", "["),
        ("Genotype(normal=", "["),
        ("Genotype(normal=[", "('skip_connect', 0), "),
        ("Genotype(normal=[", "[],"),
        ("{", "\"normal\": {"),
        ("{\"normal\": {\"nodes\": [", "[],"),
        ("{", "'normal/op_2_0': 'none', "),
        ("{", "'width': [1, 2, 3], "),
        ("{'normal_n2_switch': [", "0, "),
        ("{'normal_n2_switch': [", "true, "),
        ("CNNGenotype(normal_0=[", "('skip_connect', 0, 1000), "),
        ("|", "none~0|"),
        ("", "|none~0|+"),
        ("Structure([", "(), "),
        ("normal_n2:\n  chosen:\n", "  - normal_n2_p0\n"),
        ("normal_n2:\n", "  meta:\n"),
        ("normal_n2: {chosen: [", "normal_n2_p0, "),
        ("normal_n2: ", "{chosen: "),
        ("normal_n2:\n", "#\n"),
    ] {
        let room = (LONGEST_GENOTYPE_TEXT - start.len()) / piece.len();
        let text = format!("{start}{}", piece.repeat(room));
        assert!(parse_genotype(&text).is_err(), "{start}{piece}…");
        for dialect in Dialect::ALL {
            assert!(dialect.parse(&text).is_err(), "{start}{piece}… as {dialect}");
        }
    }
}
