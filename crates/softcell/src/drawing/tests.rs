//! Tests of the drawings: nothing overlaps, whatever the cell.

use proptest::prelude::*;

use super::columns::{Columns, Content};
use super::layout::{Area, Layout, PlacedLine};
use super::*;
use crate::space::plan::CellType;
use crate::space::testing::genotypes;
use crate::space::{CellKind, EdgeGene, Genotype, Nb201Architecture, Primitive, known_genotype, known_names};

const STYLES: [Columns; 2] = [Columns::ByDepth, Columns::ByNode];

fn overlap(a: &Area, b: &Area) -> bool {
    a.left < b.right() && b.left < a.right() && a.top < b.bottom() && b.top < a.bottom()
}

fn within(point: [f64; 2], area: &Area) -> bool {
    // The very border belongs to nobody.
    let slack = 0.01;
    point[0] > area.left + slack
        && point[0] < area.right() - slack
        && point[1] > area.top + slack
        && point[1] < area.bottom() - slack
}

/// Points along a line, as it is drawn.
fn points(line: &PlacedLine) -> Vec<[f64; 2]> {
    let mut corners = vec![line.start];
    for [from, to] in &line.curves {
        let middle = (from[0] + to[0]) / 2.0;
        let bezier = |t: f64, p: [f64; 4]| {
            let s = 1.0 - t;
            s * s * s * p[0] + 3.0 * s * s * t * p[1] + 3.0 * s * t * t * p[2] + t * t * t * p[3]
        };
        corners.extend((0..=20).map(|i| {
            let t = f64::from(i) / 20.0;
            [bezier(t, [from[0], middle, middle, to[0]]), bezier(t, [from[1], from[1], to[1], to[1]])]
        }));
    }
    corners.push(line.end);
    // Straight between the corners.
    let between = |pair: &[[f64; 2]]| {
        let [a, b] = [pair[0], pair[1]];
        (0..10)
            .map(move |i| f64::from(i) / 10.0)
            .map(move |t| [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])])
            .collect::<Vec<_>>()
    };
    corners.windows(2).flat_map(between).collect()
}

fn check_layout(cell: &CellGene, columns: Columns) {
    let layout = Layout::new(&CellType::derived("normal", cell), columns);
    let page = Area { left: 0.0, top: 0.0, width: layout.width, height: layout.height };
    for (i, one) in layout.boxes.iter().enumerate() {
        assert!(
            one.area.left >= 0.0
                && one.area.top >= 0.0
                && one.area.right() <= page.width
                && one.area.bottom() <= page.height,
            "{one:?} leaves the page of {page:?}"
        );
        for other in &layout.boxes[i + 1..] {
            assert!(!overlap(&one.area, &other.area), "{one:?} and {other:?} overlap in {cell:?}");
        }
    }
    for line in &layout.lines {
        for point in points(line) {
            for placed in &layout.boxes {
                assert!(!within(point, &placed.area), "a line crosses {placed:?} in {cell:?}");
            }
        }
    }
    let operations = layout.boxes.iter().filter(|b| matches!(b.content, Content::Operation { .. })).count();
    assert_eq!(operations, cell.nodes.iter().map(Vec::len).sum::<usize>());
    assert_eq!(layout.lines.len(), 2 * operations + cell.concat.len());
    // From left to right.
    for line in &layout.lines {
        assert!(line.start[0] < line.end[0]);
    }
}

#[test]
fn published_cells_are_drawn_without_overlap() {
    for name in known_names() {
        let genotype = known_genotype(name).unwrap();
        for kind in CellKind::ALL {
            STYLES.iter().for_each(|&columns| check_layout(&genotype[kind.name()], columns));
        }
    }
}

#[test]
fn a_long_chain_and_a_wide_cell_are_drawn() {
    let gene = |primitive, source| EdgeGene { primitive, source };
    let chain = CellGene {
        inputs: 2,
        nodes: (0..40)
            .map(|i| vec![gene(Primitive::SepConv3x3, i + 1), gene(Primitive::SkipConnect, i)])
            .collect(),
        concat: (2..42).collect(),
    };
    let wide =
        CellGene { inputs: 2, nodes: vec![vec![gene(Primitive::DilConv5x5, 0); 60]; 3], concat: vec![3] };
    for cell in [&chain, &wide] {
        STYLES.iter().for_each(|&columns| check_layout(cell, columns));
    }
}

#[test]
fn too_large_a_cell_is_refused_with_words() {
    let gene = EdgeGene { primitive: Primitive::SkipConnect, source: 0 };
    let cell = CellGene { inputs: 2, nodes: vec![vec![gene; 2]; 101], concat: vec![2] };
    let genotype = Genotype::darts(cell.clone(), cell);
    let error = draw_cells(&genotype, CellChoice::Both).unwrap_err().to_string();
    assert!(error.contains("202 operations") && error.contains("at most 200"), "{error}");
    assert!(inline(&genotype, "normal").is_none());
    let error = animate_cells([], CellChoice::Both).unwrap_err().to_string();
    assert!(error.contains("no epoch"), "{error}");
}

/// Parses the file as XML and answers the texts of its text elements.
fn texts(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap_or_else(|e| panic!("{e}: {svg}"));
    assert_eq!(document.root_element().tag_name().name(), "svg");
    document
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")))
        .map(|node| node.descendants().filter(|n| n.is_text()).filter_map(|n| n.text()).collect())
        .collect()
}

#[test]
fn the_file_says_what_the_genotype_says() {
    let genotype = known_genotype("DARTS_V2").unwrap();
    let both = texts(&draw_cells(&genotype, CellChoice::Both).unwrap());
    let normal = texts(&draw_cells(&genotype, CellChoice::Normal).unwrap());
    let count = |texts: &[String], text: &str| texts.iter().filter(|t| *t == text).count();
    assert_eq!(count(&normal, "sep_conv_3x3"), 5);
    assert_eq!(count(&normal, "skip_connect"), 2);
    assert_eq!(count(&normal, "dil_conv_3x3"), 1);
    for text in ["ck\u{2013}2", "ck\u{2013}1", "2", "3", "4", "5", "ck", "normal cell"] {
        assert_eq!(count(&normal, text), 1, "{text}");
        assert_eq!(count(&both, text), if text == "normal cell" { 1 } else { 2 }, "{text}");
    }
    assert_eq!(count(&both, "reduction cell"), 1);
    assert_eq!(count(&normal, "reduction cell"), 0);
}

#[test]
fn an_animation_shows_each_cell_once_and_rests_on_the_last() {
    let [a, b] = ["DARTS_V1", "DARTS_V2"].map(|name| known_genotype(name).unwrap());
    let epochs = || [a.clone(), a.clone(), b.clone(), a.clone()].into_iter().enumerate();
    let svg = animate_cells(epochs(), CellChoice::Both).unwrap();
    let texts = texts(&svg);
    let captions: Vec<&String> = texts.iter().filter(|text| text.starts_with("epoch")).collect();
    assert_eq!(captions, ["epochs 1 to 2", "epoch 3", "epoch 4"]);
    assert_eq!(svg.matches("@keyframes").count(), 3);
    assert_eq!(svg.matches("sc-frame sc-f2 sc-last").count(), 1);
    let still = animate_cells(epochs().take(1), CellChoice::Normal).unwrap();
    assert!(!still.contains("@keyframes"));
}

#[cfg(feature = "raster")]
#[test]
fn pixels_show_text_and_colours_without_fonts_of_the_system() {
    let genotype = known_genotype("DARTS_V2").unwrap();
    let png = to_png(&draw_cells(&genotype, CellChoice::Normal).unwrap(), 2.0).unwrap();
    let picture = image::load_from_memory(&png).unwrap().to_rgba8();
    let layout = Layout::new(&CellType::derived("normal", &genotype["normal"]), Columns::ByDepth);
    assert_eq!(picture.width(), 2 * layout.width.ceil() as u32);
    assert_eq!(picture.get_pixel(0, 0).0, [255; 4]);
    let dark = picture.pixels().filter(|p| p.0[..3].iter().all(|&v| v < 70)).count();
    assert!(dark > 2000, "{dark} pixels of text");
    let blue = [0x22, 0x8b, 0xe6, 255];
    assert!(picture.pixels().any(|p| p.0 == blue), "no line of sep_conv_3x3");
    let error = to_png(&draw_cells(&genotype, CellChoice::Both).unwrap(), 1e4).unwrap_err().to_string();
    assert!(error.contains("pixels"), "{error}");

    let gif = to_gif(
        [genotype.clone(), known_genotype("DARTS_V1").unwrap()].into_iter().enumerate(),
        CellChoice::Both,
        1.0,
    )
    .unwrap();
    use image::AnimationDecoder;
    let decoder = image::codecs::gif::GifDecoder::new(std::io::Cursor::new(gif)).unwrap();
    assert_eq!(decoder.into_frames().collect_frames().unwrap().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_overlaps(genotype in genotypes(1..=4)) {
        for kind in CellKind::ALL {
            STYLES.iter().for_each(|&columns| check_layout(&genotype[kind.name()], columns));
        }
        texts(&draw_cells(&genotype, CellChoice::Both).unwrap());
    }
}

/// One input, which is called by its place before the cell; edges without an operation are not drawn.
#[test]
fn a_cell_of_another_space_is_drawn() {
    use Primitive::{AvgPool3x3, None, NorConv3x3, SkipConnect};
    let operations = [NorConv3x3, None, SkipConnect, AvgPool3x3, None, NorConv3x3];
    let genotype = Genotype::from(&Nb201Architecture { operations });
    let drawn = texts(&draw_cells(&genotype, CellChoice::Both).unwrap());
    assert_eq!(drawn, texts(&draw_cells(&genotype, CellChoice::Normal).unwrap()), "the only cell");
    let error = draw_cells(&genotype, CellChoice::Reduction).unwrap_err().to_string();
    assert!(error.contains("no reduction cell"), "{error}");
    let count = |text: &str| drawn.iter().filter(|found| *found == text).count();
    assert_eq!((count("ck\u{2013}1"), count("ck\u{2013}2"), count("ck")), (1, 0, 1), "{drawn:?}");
    assert_eq!((count("nor_conv_3x3"), count("none"), count("3")), (2, 0, 1), "{drawn:?}");
}
