//! The table against the types that it describes.

use serde_json::Value;

use super::*;
use crate::config::{DataFormat, DataShape, Duplicates, Preset, Resize, Sampling, Schedule, Stem, preset};
use crate::search::method::{
    AlphaOptimizer, AlphaSgd, ArchStep, CutoutRamp, EdgeNormalization, Guard, Perturbation, Ramp,
    Regularizer, Relaxation, ResourcePenalty, Selection, StageStart, StepOrder, StopRule, TemperatureCurve,
};
use crate::space::{CellOutput, Layout, Primitive, Shrink};

fn serialised() -> Value {
    serde_json::to_value(preset(Preset::PaperCifar10, &DataShape::default()).0).unwrap()
}

#[test]
fn the_table_has_exactly_the_fields_of_the_config() {
    fn leaves(value: &Value, name: &str, fields: &mut Vec<String>) {
        let Value::Object(table) = value else { return fields.push(name.to_owned()) };
        let dot = if name.is_empty() { "" } else { "." };
        table.iter().for_each(|(key, value)| leaves(value, &format!("{name}{dot}{key}"), fields));
    }
    let mut fields = Vec::new();
    for kind in AlphaOptimizer::all() {
        let mut config = preset(Preset::PaperCifar10, &DataShape::default()).0;
        config.search.method.alphas = kind;
        leaves(&serde_json::to_value(&config).unwrap(), "", &mut fields);
        let table = config.to_table().unwrap();
        for key in KEYS.iter().filter(|key| key.section == Section::Method) {
            assert_eq!(key.value(&table).is_some(), key.is_in(&table), "{} / {kind:?}", key.dotted());
        }
    }
    let mut keys: Vec<String> = KEYS.iter().filter(|key| key.of.is_none()).map(Key::dotted).collect();
    fields.sort();
    fields.dedup();
    keys.sort();
    assert_eq!(keys, fields);
}

#[test]
fn the_kinds_are_those_of_the_fields() {
    let config = toml::Table::try_from(serialised()).unwrap();
    let mut with_sgd = preset(Preset::PaperCifar10, &DataShape::default()).0;
    with_sgd.search.method.alphas = AlphaOptimizer::Sgd(AlphaSgd::default());
    let with_sgd = with_sgd.to_table().unwrap();
    // Another spelling of a text.
    for key in KEYS.iter().filter(|key| key.name != "unrolled") {
        let kind = match key.value(&config).or(key.value(&with_sgd)).unwrap() {
            toml::Value::Boolean(_) => Kind::Bool,
            toml::Value::Integer(_) => Kind::Integer,
            toml::Value::Float(_) => Kind::Float,
            toml::Value::String(_) => Kind::Text,
            toml::Value::Array(_) => Kind::List,
            other => panic!("{} is {other}", key.dotted()),
        };
        let plain = match key.kind {
            Kind::Count => Kind::Integer,
            Kind::Seconds => Kind::Float,
            kind => kind,
        };
        assert_eq!(plain, kind, "{}", key.dotted());
    }
}

#[test]
fn the_choices_are_those_of_the_types() {
    let written = |values: Value| -> Vec<String> { serde_json::from_value(values).unwrap() };
    let formats = [
        DataFormat::Auto,
        DataFormat::Digits,
        DataFormat::Folder,
        DataFormat::Cifar10,
        DataFormat::Cifar100,
        DataFormat::Idx,
        DataFormat::Zip,
        DataFormat::Tar,
        DataFormat::Csv,
        DataFormat::Parquet,
        DataFormat::Npz,
    ];
    let resizes = [Resize::Crop, Resize::Squash, Resize::Letterbox];
    let duplicates = [Duplicates::Separate, Duplicates::Ignore];
    let stems = [Stem::Auto, Stem::Cifar, Stem::Imagenet];
    let schedules = [Schedule::Cosine, Schedule::Exponential];
    let choices = |section, name| Key::find(section, name).unwrap().choices;
    assert_eq!(choices(Section::Data, "format"), written(serde_json::json!(formats)));
    assert_eq!(choices(Section::Data, "resize"), written(serde_json::json!(resizes)));
    assert_eq!(choices(Section::Data, "duplicates"), written(serde_json::json!(duplicates)));
    let samplings = [Sampling::Shuffled, Sampling::Balanced];
    assert_eq!(choices(Section::Data, "sampling"), written(serde_json::json!(samplings)));
    assert_eq!(choices(Section::Train, "stem"), written(serde_json::json!(stems)));
    assert_eq!(choices(Section::Train, "schedule"), written(serde_json::json!(schedules)));
    assert_eq!(choices(Section::Train, "shrink"), written(serde_json::json!(Shrink::ALL)));
    let method = |name| choices(Section::Method, name).to_vec();
    assert_eq!(method("relaxation"), written(serde_json::json!(Relaxation::ALL)));
    assert_eq!(method("relaxation"), Relaxation::ALL.map(Relaxation::name));
    assert_eq!(method("temperature_curve"), written(serde_json::json!(TemperatureCurve::ALL)));
    assert_eq!(method("edge_weights"), written(serde_json::json!(EdgeNormalization::ALL)));
    assert_eq!(method("edge_weights"), EdgeNormalization::ALL.map(EdgeNormalization::name));
    assert_eq!(method("order"), written(serde_json::json!(StepOrder::ALL)));
    assert_eq!(method("order"), StepOrder::ALL.map(StepOrder::name));
    assert_eq!(method("arch_step"), written(serde_json::json!(ArchStep::ALL)));
    assert_eq!(method("arch_step"), ArchStep::ALL.map(ArchStep::name));
    assert_eq!(method("perturbation"), written(serde_json::json!(Perturbation::ALL)));
    assert_eq!(method("perturbation"), Perturbation::ALL.map(Perturbation::name));
    assert_eq!(method("regularizer"), written(serde_json::json!(Regularizer::ALL)));
    assert_eq!(method("regularizer"), Regularizer::ALL.map(Regularizer::name));
    assert_eq!(method("regularizer_ramp"), written(serde_json::json!(Ramp::ALL)));
    assert_eq!(method("alphas.kind"), AlphaOptimizer::all().map(|optimizer| optimizer.kind()));
    assert_eq!(method("resource_penalty"), written(serde_json::json!(ResourcePenalty::ALL)));
    assert_eq!(method("cutout"), written(serde_json::json!(CutoutRamp::ALL)));
    assert_eq!(method("guard"), written(serde_json::json!(Guard::ALL)));
    assert_eq!(method("stop"), written(serde_json::json!(StopRule::ALL)));
    assert_eq!(method("selection"), written(serde_json::json!(Selection::ALL)));
    assert_eq!(method("selection"), Selection::ALL.map(Selection::name));
    let starts = [StageStart::Continued, StageStart::Fresh];
    assert_eq!(method("schedule.stage_start"), written(serde_json::json!(starts)));
    assert_eq!(choices(Section::Search, "candidates"), written(serde_json::json!(Primitive::ALL)));
    let outputs = [CellOutput::All, CellOutput::Last];
    assert_eq!(choices(Section::Search, "output"), written(serde_json::json!(outputs)));
    let layouts = [Layout::Stacked, Layout::Residual];
    assert_eq!(choices(Section::Search, "layout"), written(serde_json::json!(layouts)));
}

#[test]
fn search_and_train_share_these_names() {
    let common = |section| -> Vec<&str> {
        KEYS.iter().filter(|key| key.section == section && key.is_common()).map(|key| key.name).collect()
    };
    let shared = [
        "init_channels",
        "layers",
        "reductions",
        "stem",
        "epochs",
        "batch_size",
        "learning_rate",
        "learning_rate_min",
        "momentum",
        "weight_decay",
        "grad_clip",
        "cutout",
        "cutout_length",
        "recompute",
    ];
    assert_eq!(common(Section::Search), shared);
    assert_eq!(common(Section::Train), shared);
    assert!(common(Section::Root).is_empty() && common(Section::Data).is_empty());
}

#[test]
fn flags_do_not_clash_outside_the_common_ones() {
    for (index, key) in KEYS.iter().enumerate() {
        // The others have their section before them where they would clash.
        let flags = |key: &&Key| ![Section::Method, Section::Select].contains(&key.section);
        for other in KEYS[..index].iter().filter(flags).filter(|_| flags(&key)) {
            assert!(key.flag() != other.flag() || key.is_common(), "{} twice", key.flag());
        }
    }
}

#[test]
fn help_is_one_line_of_its_own() {
    for key in KEYS {
        assert!((10..=100).contains(&key.help.len()), "{}: {:?}", key.dotted(), key.help);
        assert!(!key.help.ends_with('.') && !key.help.contains('\n'), "{}", key.dotted());
    }
}
