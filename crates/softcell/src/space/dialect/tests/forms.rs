//! The forms that tools write, each read as the architecture that it denotes.

use super::super::Dialect;
use super::{darts_v2, read, read_cells, sorted};
use crate::space::{EdgeGene, Genotype, Nb201Architecture, Primitive};

/// DARTS_V2 in NNI's model hub, as Python prints it.
fn nni_python() -> String {
    let json = Dialect::Nni.write(&darts_v2()).unwrap();
    json.replace('"', "'").replace("\n  ", "").replace('\n', "")
}

#[test]
fn nni_is_read_as_json_and_python_with_or_without_lists() {
    let json = Dialect::Nni.write(&darts_v2()).unwrap();
    let lines: Vec<&str> = json.lines().collect();
    assert_eq!(lines[1], "  \"normal/op_2_0\": \"sep_conv_3x3\",");
    assert_eq!(lines[2], "  \"normal/input_2_0\": [0],");
    assert_eq!(lines[32], "  \"reduce/input_5_1\": [1]");
    let python = nni_python();
    assert!(python.starts_with("{'normal/op_2_0': 'sep_conv_3x3','normal/input_2_0': [0],"), "{python}");
    for text in [
        json.clone(),
        json.replace(['[', ']'], ""),
        python.clone(),
        python.replace('{', "exported_arch = {"),
        python.replace('}', ",}"),
        python.replace("'sep_conv_3x3'", "'sepconv3x3'").replace("'skip_connect'", "'skipconnect'"),
        python.replace('{', "{'width': 36, 'depth': [20], 'num_cells': 'x-1.5', "),
    ] {
        assert_eq!(read_cells(Dialect::Nni, &text), darts_v2(), "{text}");
    }
    let width_first = json.replace('{', "{\"width\": 16,");
    assert_eq!(read_cells(Dialect::Nni, &width_first), darts_v2());
}

#[test]
fn edges_of_none_are_left_out_where_others_are() {
    let text = nni_python().replacen("'skip_connect'", "'none'", 1);
    let genotype = read_cells(Dialect::Nni, &text);
    assert_eq!(genotype["normal"].nodes[2], [EdgeGene { primitive: Primitive::SepConv3x3, source: 1 }]);
    let aw_nas = "CNNGenotype(normal_0=[('skip_connect', 0, 2), ('none', 1, 2)], reduce_1=[('none', 0, 2), \
        ('max_pool_3x3', 0, 2)])";
    let genotype = read_cells(Dialect::AwNas, aw_nas);
    assert_eq!((genotype["normal"].nodes[0].len(), genotype["reduction"].nodes[0].len()), (1, 1));
    let message = Dialect::AwNas.parse(&aw_nas.replace("max_pool_3x3", "none")).unwrap_err().to_string();
    assert!(message.contains("reduction cell, node 2: found `none`"), "{message}");
}

/// DARTS_V2 in NNI's example before the hub, an operation given by `operation` and the kept edges by `kept`.
fn nni_example(
    operation: impl Fn(usize) -> String,
    kept: impl Fn(&str, usize, &[usize]) -> String,
) -> String {
    let genotype = darts_v2();
    let mut entries = Vec::new();
    for (word, cell) in [("normal", &genotype["normal"]), ("reduce", &genotype["reduction"])] {
        for (i, genes) in cell.nodes.iter().enumerate() {
            let node = i + 2;
            for source in 0..node {
                let gene = genes.iter().find(|gene| gene.source == source);
                let place = |gene: &EdgeGene| {
                    Primitive::DARTS[1..].iter().position(|&primitive| primitive == gene.primitive).unwrap()
                };
                let value = gene.map_or("[]".into(), |gene| operation(place(gene)));
                entries.push(format!("\"{word}_n{node}_p{source}\": {value}"));
            }
            let sources: Vec<usize> = genes.iter().map(|gene| gene.source).collect();
            entries.push(format!("\"{word}_n{node}_switch\": {}", kept(word, node, &sources)));
        }
    }
    format!("{{{}}}", entries.join(", "))
}

#[test]
fn nni_of_before_the_hub_is_read_by_names_numbers_and_booleans() {
    let names = ["maxpool", "avgpool", "skipconnect", "sepconv3x3", "sepconv5x5", "dilconv3x3", "dilconv5x5"];
    let keys = |word: &str, node: usize, sources: &[usize]| {
        let keys: Vec<String> =
            sources.iter().map(|source| format!("\"{word}_n{node}_p{source}\"")).collect();
        format!("[{}]", keys.join(", "))
    };
    let by_name = nni_example(|place| format!("\"{}\"", names[place]), keys);
    assert_eq!(read_cells(Dialect::Nni, &by_name), darts_v2());
    let by_number = nni_example(|place| place.to_string(), |_, _, sources: &[usize]| format!("{sources:?}"));
    assert_eq!(read_cells(Dialect::Nni, &by_number), darts_v2());
    // Booleans do not know the order of the edges.
    let by_flags = nni_example(
        |place| format!("{:?}", std::array::from_fn::<_, 7, _>(|i| i == place)),
        |_, node, sources| {
            format!("{:?}", (0..node).map(|source| sources.contains(&source)).collect::<Vec<_>>())
        },
    );
    assert_eq!(read_cells(Dialect::Nni, &by_flags), sorted(darts_v2()));
    let python = by_flags.replace("true", "True").replace("false", "False").replace('"', "'");
    assert_eq!(read_cells(Dialect::Nni, &python), sorted(darts_v2()));
}

#[test]
fn autodl_is_read_from_its_list_of_networks_and_from_its_search() {
    let text = Dialect::AutoDl.write(&darts_v2()).unwrap();
    let start = "Genotype(normal=[(('sep_conv_3x3', 0), ('sep_conv_3x3', 1)), (('sep_conv_3x3', 0),";
    let end = "reduce_concat=[2, 3, 4, 5], connectN=None, connects=None)";
    assert!(text.starts_with(start) && text.ends_with(end), "{text}");
    assert_eq!(read_cells(Dialect::AutoDl, &text), darts_v2());
    let spread = text.replace("Genotype(", "DARTS_V2 = Genotype(\n  ").replace(", ((", ",\n    ((");
    assert_eq!(read_cells(Dialect::AutoDl, &spread), darts_v2());
    // By its tuples alone.
    let bare = text.replace(", connectN=None, connects=None", "");
    assert_eq!(read_cells(Dialect::AutoDl, &bare), darts_v2());
    let mut search = bare.replace("Genotype(", "{").replace("])", "]}");
    for part in ["normal_concat", "reduce_concat", "normal", "reduce"] {
        search = search.replace(&format!("{part}="), &format!("'{part}': "));
    }
    assert_eq!(read_cells(Dialect::AutoDl, &search), darts_v2(), "{search}");
    for weight in ["0.1448", "1e-05", "np.float32(0.13)", "0.2,"] {
        let search = search.replace("0)", &format!("0, {weight})")).replace("1)", &format!("1, {weight})"));
        assert_eq!(read_cells(Dialect::AutoDl, &search), darts_v2(), "{search}");
    }
}

#[test]
fn comments_are_stepped_over_in_python() {
    for dialect in Dialect::ALL {
        let Ok(text) = dialect.write(&darts_v2()) else { continue };
        if [Dialect::Json, Dialect::MmRazor].contains(&dialect) {
            continue;
        }
        let text = text.replace('{', "{ # it's the best: {'normal': 1}\n").replace("), (", "), # (\n  (");
        let text = format!("# DARTS, second order\n\n{text}  # 97.2 % (± 0.1)\n# Genotype(\n");
        assert_eq!(read_cells(dialect, &text), darts_v2(), "{text}");
    }
    let autodl = "DARTS = Genotype( # connectN=2, it's old\n  normal=[ # node 2\n    (('skip_connect', 0),# a\n\
        ('skip_connect', 1))], normal_concat=[2],\n#\n  reduce=[(('max_pool_3x3', 0), ('max_pool_3x3', 1))], # )\n\
        reduce_concat=[ # all\n 2], connectN=None, # none\n connects=None # none\n)";
    let genotype = read_cells(Dialect::AutoDl, autodl);
    let bare = autodl.lines().map(|line| line.split('#').next().unwrap()).collect::<String>();
    assert_eq!(genotype, read_cells(Dialect::AutoDl, &bare));
    // A `#` in a string begins no comment, and one before the genotype's line is no fault.
    let message = Dialect::AutoDl.parse(&bare.replacen("skip_", "#skip_", 1)).unwrap_err().to_string();
    assert!(message.contains("column 37: found `#skip_connect', …`"), "{message}");
    assert_eq!(read_cells(Dialect::AutoDl, &format!("step #3: {bare}")), genotype);
    assert_eq!(read_cells(Dialect::AutoDl, &format!("# {bare}")), genotype);
}

#[test]
fn nas_bench_201_is_read_as_string_and_structure() {
    use Primitive::{None, NorConv3x3, SkipConnect};
    let text = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|";
    let resnet =
        Nb201Architecture { operations: [NorConv3x3, None, NorConv3x3, SkipConnect, None, SkipConnect] };
    for (dialect, text) in [
        (Dialect::Nb201, text.to_owned()),
        (Dialect::Nb201, format!("arch = {text}\n")),
        (Dialect::Nb201, text.replace('|', " | ")),
        (Dialect::Nb201, text.replace("none~0|nor_conv_3x3~1", "nor_conv_3x3~1|none~0")),
        (Dialect::AutoDl, format!("Structure(4 nodes with {text})")),
        (Dialect::AutoDl, format!("genotype: Structure(4 nodes with {})", text.replace("none~0|", ""))),
        (
            Dialect::AutoDl,
            "ResNet_CODE = Structure([((\"nor_conv_3x3\", 0),), ((\"nor_conv_3x3\", 1),),\n  \
             ((\"skip_connect\", 0), (\"skip_connect\", 2))])"
                .to_owned(),
        ),
    ] {
        assert_eq!(read(dialect, &text), Genotype::from(&resnet), "{text}");
    }
    let written = Dialect::AutoDl.write(&Genotype::from(&resnet)).unwrap();
    assert!(written.starts_with("Structure([(('nor_conv_3x3', 0),), (('none', 0), ("), "{written}");
    assert_eq!(text.parse::<Genotype>().unwrap().nas_bench_201(), Some(resnet));
}

#[test]
fn aw_nas_is_read_as_call_and_as_parts_alone() {
    let text = Dialect::AwNas.write(&darts_v2()).unwrap();
    let start =
        "CNNGenotype(normal_0=[('sep_conv_3x3', 0, 2), ('sep_conv_3x3', 1, 2), ('sep_conv_3x3', 0, 3),";
    let end = "], normal_0_concat=[2, 3, 4, 5], reduce_1_concat=[2, 3, 4, 5])";
    assert!(text.starts_with(start) && text.ends_with(end), "{text}");
    let parts = text["CNNGenotype(".len()..text.len() - 1].to_owned();
    let genes = parts[..parts.find(", normal_0_concat").unwrap()].to_owned();
    for text in [
        text.clone(),
        format!("genotypes:\n  {text}\n"),
        text.replace(", ", ",\n      "),
        format!("CNNGenotype({genes})"),
        format!("CNNGenotype({genes},)"),
        parts,
        genes,
        text.replace("reduce_1", "reduce_0").replace("normal_0", "normal_3"),
        text.replace("[2, 3, 4, 5]", "range(2, 6)"),
    ] {
        assert_eq!(read_cells(Dialect::AwNas, &text), darts_v2(), "{text}");
    }
    // Edges of a node need not stand together.
    let apart = "CNNGenotype(normal_0=[('skip_connect', 0, 3), ('skip_connect', 0, 2)], \
        reduce_1=[('skip_connect', 1, 2), ('skip_connect', 1, 3)])";
    let genotype = read_cells(Dialect::AwNas, apart);
    assert_eq!((genotype["normal"].nodes.len(), genotype["normal"].concat.clone()), (2, vec![2, 3]));
}

#[test]
fn mmrazor_is_read_in_blocks_and_flow() {
    let text = Dialect::MmRazor.write(&darts_v2()).unwrap();
    let start = "normal_n2:\n  chosen:\n  - normal_n2_p0\n  - normal_n2_p1\nnormal_n2_p0:\n  chosen:\n  \
        - sep_conv_3x3\n";
    assert!(
        text.starts_with(start) && text.ends_with("reduce_n5_p2:\n  chosen:\n  - skip_connect"),
        "{text}"
    );
    let unused = "normal_n3_p2:\n  chosen:\n  - zero\n";
    for text in [
        text.clone(),
        format!("# a subnet\n---\n\n{unused}{text}\n"),
        text.replace("\n  - ", "\n     -   "),
        text.replace("chosen:", "meta: {all: [a, b]}\n  chosen:  # kept"),
        text.replace("  chosen:", "  meta:\n    all:\n    - zero\n    - a: b\n  chosen:"),
        text.replace("chosen:\n  - sep_conv_3x3", "chosen: sep_conv_3x3"),
        text.replace("chosen:\n  - sep_conv_3x3", "chosen: ['sep_conv_3x3', ]"),
        text.replace(
            "normal_n2:\n  chosen:\n  - normal_n2_p0\n  - normal_n2_p1\n",
            "normal_n2: {chosen: [normal_n2_p0, \"normal_n2_p1\"]}\n",
        ),
        text.replace("reduce_n2:", "'reduce_n2' :"),
    ] {
        assert_eq!(read_cells(Dialect::MmRazor, &text), darts_v2(), "{text}");
    }
    let flow = "normal_n2: {chosen: [normal_n2_p1]}\nnormal_n2_p1: {chosen: [sep_conv_3x3]}\n\
        reduce_n2: {chosen: [reduce_n2_p0]}\nreduce_n2_p0: {chosen: skip_connect}";
    let genotype = read_cells(Dialect::MmRazor, flow);
    let whole = format!("{{{}}}", flow.replace('\n', ", "));
    assert_eq!(read_cells(Dialect::MmRazor, &whole), genotype);
    let words = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let mut json = String::new();
    for piece in whole.split_inclusive(words) {
        let word = piece.trim_end_matches(words);
        let quoted = if word.is_empty() { String::new() } else { format!("\"{word}\"") };
        json.push_str(&quoted);
        json.push_str(&piece[word.len()..]);
    }
    assert_eq!(read_cells(Dialect::MmRazor, &json), genotype, "{json}");
}

#[test]
fn pt_darts_and_katib_are_read_nested() {
    let text = Dialect::PtDarts.write(&darts_v2()).unwrap();
    let start = "Genotype(normal=[[('sep_conv_3x3', 0), ('sep_conv_3x3', 1)], [('sep_conv_3x3', 0), ";
    assert!(text.starts_with(start) && text.ends_with("]], reduce_concat=range(2, 6))"), "{text}");
    for text in [text.clone(), text.replace(' ', ""), format!("Best-Genotype={}", text.replace(' ', ""))] {
        assert_eq!(read_cells(Dialect::PtDarts, &text), darts_v2(), "{text}");
    }
}

#[test]
fn names_of_dialects_are_read_loosely() {
    for dialect in Dialect::ALL {
        for name in dialect.other_names().iter().copied().chain([dialect.name()]) {
            assert_eq!(name.parse::<Dialect>().unwrap(), dialect);
            assert_eq!(name.to_uppercase().replace('-', "_").parse::<Dialect>().unwrap(), dialect);
        }
    }
    let message = "mrazor".parse::<Dialect>().unwrap_err().to_string();
    assert!(message.contains("found `mrazor`") && message.ends_with("did you mean `mmrazor`?"), "{message}");
}
