//! What TensorBoard shows of a run: the values of each epoch, and the settings.

use std::collections::BTreeMap;

use prost::Message;
use toml::Table;

use super::pictures;
use super::proto::{
    FLOAT, Histogram, HparamsData, Kind, Metadata, PluginData, STRING, SessionStart, Setting, SettingKind,
    Shape, TENSOR_CLASS, Tensor, Value,
};
use crate::config::{Config, KEYS};
use crate::records::SearchEpoch;
use crate::records::TrainEpoch;
use crate::run::{HistoryLine, RunResult};
#[cfg(feature = "raster")]
use crate::space::cell_title;
use crate::space::{Genotype, parse_genotype};

/// Buckets of a histogram.
const BUCKETS: usize = 30;

/// The values of an epoch, named as in the history behind the stage: `search/train_loss`. Cells are drawn
/// where the genotype is another than the one `drawn` last.
pub fn of_epoch(line: &HistoryLine, drawn: &mut Option<Genotype>) -> Vec<Value> {
    match line {
        HistoryLine::Search(epoch) => {
            let mut values = of_search(epoch);
            if drawn.as_ref() != Some(&epoch.genotype) {
                values.extend(cells("search/", &epoch.genotype));
                *drawn = Some(epoch.genotype.clone());
            }
            values
        }
        HistoryLine::Train(epoch) => of_training(epoch),
    }
}

fn of_search(e: &SearchEpoch) -> Vec<Value> {
    let mut values = scalars(
        "search",
        &[
            ("train_loss", Some(e.train_loss)),
            ("train_accuracy", Some(e.train_accuracy)),
            ("train_top5_accuracy", Some(e.train_top5_accuracy)),
            ("valid_loss", e.valid_loss),
            ("valid_accuracy", Some(e.valid_accuracy)),
            ("learning_rate", Some(e.learning_rate)),
        ],
    );
    let scalar = |name: String, number: f64| value(format!("search/{name}"), Kind::Scalar(number as f32));
    for (name, cell) in e.cells.iter() {
        values.push(scalar(format!("entropy_{name}"), cell.entropy.into()));
        values.push(scalar(format!("skips_{name}"), cell.skips as f64));
    }
    if let Some(guard) = &e.guard {
        for (name, margin) in guard.margins.iter() {
            values.push(scalar(format!("margin_{name}"), *margin));
        }
        values.extend(guard.eigenvalue.map(|found| scalar("eigenvalue".to_owned(), found)));
        values.push(scalar("collapsed".to_owned(), f64::from(u8::from(guard.verdict.is_collapse()))));
    }
    values.extend(e.frozen.map(|frozen| scalar("frozen_operations".to_owned(), frozen.operations as f64)));
    values.push(scalar("seconds".to_owned(), e.seconds));
    for (name, alphas) in e.alphas.iter() {
        values.push(value(format!("search/alphas_{name}"), Kind::Histogram(histogram(&alphas.concat()))));
    }
    for (name, weights) in e.edge_weights.iter() {
        values.push(value(format!("search/edge_weights_{name}"), Kind::Image(pictures::matrix(weights))));
    }
    values.push(text("search/genotype", &e.genotype.to_text()));
    values
}

fn of_training(e: &TrainEpoch) -> Vec<Value> {
    scalars(
        "train",
        &[
            ("train_loss", Some(e.train_loss)),
            ("train_accuracy", Some(e.train_accuracy)),
            ("train_top5_accuracy", Some(e.train_top5_accuracy)),
            ("valid_loss", e.valid_loss),
            ("valid_accuracy", e.valid_accuracy),
            ("valid_balanced_accuracy", e.valid_balanced_accuracy),
            ("learning_rate", Some(e.learning_rate)),
            ("drop_path_prob", Some(e.drop_path_prob)),
            ("seconds", Some(e.seconds)),
        ],
    )
}

/// What the run came to.
pub fn of_result(result: &RunResult) -> Vec<Value> {
    let accuracies =
        [("accuracy", Some(result.test_accuracy)), ("top5_accuracy", Some(result.test_top5_accuracy))];
    let mut values = scalars("test", &accuracies);
    values.push(text("genotype", &result.genotype));
    if let Ok(genotype) = parse_genotype(&result.genotype) {
        values.extend(cells("", &genotype));
    }
    values
}

/// Drawings of the cells, where this build has pixels.
#[cfg(feature = "raster")]
fn cells(stage: &str, genotype: &Genotype) -> Vec<Value> {
    let drawn = |name: &str| {
        let tag = cell_title(name).replace(' ', "_");
        Some(value(format!("{stage}{tag}"), Kind::Image(pictures::cell(genotype, name)?)))
    };
    genotype.cells.names().filter_map(drawn).collect()
}

#[cfg(not(feature = "raster"))]
fn cells(_: &str, _: &Genotype) -> Vec<Value> {
    Vec::new()
}

/// The settings, as a table and for the hparams plugin.
pub fn of_settings(config: &Config, begun: f64) -> Vec<Value> {
    let table = Table::try_from(config).expect("settings are a table");
    let mut rows = String::from("| setting | value |\n|---|---|\n");
    let mut hparams = BTreeMap::new();
    for key in KEYS.iter().filter(|key| key.of.is_none()) {
        let Some(value) = key.value(&table) else { continue };
        rows.push_str(&format!("| {} | `{}` |\n", key.dotted(), value.to_string().replace('|', "\\|")));
        hparams.insert(key.dotted(), setting(value));
    }
    let start = SessionStart { hparams, start_time_secs: begun };
    let data = HparamsData { session_start_info: Some(start) };
    let tensor =
        Tensor { dtype: FLOAT, tensor_shape: Some(Shape {}), float_val: vec![0.0], string_val: vec![] };
    vec![
        text("settings", &rows),
        Value {
            tag: "_hparams_/session_start_info".into(),
            metadata: Some(metadata("hparams", data.encode_to_vec())),
            kind: Some(Kind::Tensor(tensor)),
        },
    ]
}

fn setting(value: &toml::Value) -> Setting {
    let kind = match value {
        toml::Value::Integer(number) => SettingKind::Number(*number as f64),
        toml::Value::Float(number) => SettingKind::Number(*number),
        toml::Value::Boolean(switch) => SettingKind::Switch(*switch),
        toml::Value::String(text) => SettingKind::Text(text.clone()),
        other => SettingKind::Text(other.to_string()),
    };
    Setting { kind: Some(kind) }
}

fn scalars(stage: &str, named: &[(&str, Option<f64>)]) -> Vec<Value> {
    let scalar = |&(name, number): &(&str, Option<f64>)| {
        Some(value(format!("{stage}/{name}"), Kind::Scalar(number? as f32)))
    };
    named.iter().filter_map(scalar).collect()
}

fn value(tag: String, kind: Kind) -> Value {
    Value { tag, metadata: None, kind: Some(kind) }
}

fn text(tag: &str, text: &str) -> Value {
    let tensor = Tensor {
        dtype: STRING,
        tensor_shape: Some(Shape {}),
        float_val: vec![],
        string_val: vec![text.as_bytes().to_vec()],
    };
    Value {
        tag: tag.to_owned(),
        metadata: Some(metadata("text", Vec::new())),
        kind: Some(Kind::Tensor(tensor)),
    }
}

fn metadata(plugin: &str, content: Vec<u8>) -> Metadata {
    let plugin_data = Some(PluginData { plugin_name: plugin.to_owned(), content });
    Metadata { plugin_data, data_class: TENSOR_CLASS }
}

/// Counts in buckets of equal width.
fn histogram(numbers: &[f32]) -> Histogram {
    let numbers = || numbers.iter().map(|&number| f64::from(number));
    let min = numbers().fold(f64::INFINITY, f64::min);
    let max = numbers().fold(f64::NEG_INFINITY, f64::max);
    // Numbers that are all the same get a bucket around them.
    let width = if max > min { (max - min) / BUCKETS as f64 } else { 1e-6 };
    let mut bucket = vec![0.0; BUCKETS];
    for number in numbers() {
        bucket[(((number - min) / width) as usize).min(BUCKETS - 1)] += 1.0;
    }
    Histogram {
        min,
        max,
        num: numbers().count() as f64,
        sum: numbers().sum(),
        sum_squares: numbers().map(|number| number * number).sum(),
        bucket_limit: (1..=BUCKETS).map(|n| min + width * n as f64).collect(),
        bucket,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_count_every_number() {
        let histogram = histogram(&[-1.0, 0.0, 0.5, 2.0]);
        assert_eq!((histogram.min, histogram.max, histogram.num, histogram.sum), (-1.0, 2.0, 4.0, 1.5));
        assert_eq!(histogram.bucket.iter().sum::<f64>(), 4.0);
        assert_eq!((histogram.bucket[0], histogram.bucket[10], histogram.bucket[29]), (1.0, 1.0, 1.0));
        assert!((histogram.bucket_limit[29] - 2.0).abs() < 1e-12);
        assert_eq!(super::histogram(&[3.0; 5]).bucket[0], 5.0);
    }
}
