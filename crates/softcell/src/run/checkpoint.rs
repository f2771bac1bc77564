//! Checkpoints as files of tensors.
//!
//! A checkpoint's tensors stand under prefixes (`net.`, `velocity.` ...); what is not a tensor stands as
//! JSON under one metadata key, so that the same state gives the same bytes.

use std::collections::BTreeMap;
use std::iter::once;
use std::path::Path;

use safetensors::tensor::SafeTensors;
use serde::{Deserialize, Serialize};

use super::seal::check;
use super::tensor_file::{check_values, damaged, encode_tensors, tensors_of};
use crate::error::Result;
use crate::loss::Meter;
use crate::network::{HostTensor, NamedTensors};
use crate::records::{Best, Freezing, Kept, Latency, Position, Score, SearchState, Tally, TrainState};
use crate::search::method::Trail;
use crate::space::{Alphas, ByCell};

const KEY: &str = "softcell";

/// What a checkpoint says beside its tensors.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Head {
    Search(Box<SearchHead>),
    Train {
        position: Position,
        meter: Meter,
        epoch_seconds: f64,
        seconds: f64,
        best_epoch: Option<usize>,
        best_accuracy: Option<f64>,
        #[serde(default)]
        best_balanced_accuracy: Option<f64>,
        #[serde(default)]
        best_loss: Option<f64>,
    },
}

/// What a search's says.
#[derive(Debug, Serialize, Deserialize)]
struct SearchHead {
    position: Position,
    meter: Meter,
    epoch_seconds: f64,
    seconds: f64,
    #[serde(rename = "adam_steps")]
    alpha_steps: u64,
    /// How long the rows of alphas are, where they differ.
    #[serde(default, skip_serializing_if = "ByCell::is_empty")]
    alpha_rows: ByCell<Vec<usize>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    trials: Vec<Tally>,
    #[serde(default, skip_serializing_if = "is_default")]
    trial: Tally,
    #[serde(default, skip_serializing_if = "ByCell::is_empty")]
    kept: Kept,
    /// How long operations take, where the search minds it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    latencies: Vec<Latency>,
    /// What the guard remembers.
    #[serde(default, skip_serializing_if = "is_default")]
    trail: Trail,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    freezing: Option<Freezing>,
    /// Earlier states; the tensors of the i-th stand under `earlier.i.`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<SearchHead>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A state that was read from a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded<T> {
    /// The state.
    pub state: T,
    /// What is wrong with the last checkpoint, where this is the previous one.
    pub damage: Option<String>,
}

/// A search state as a file.
///
/// # Errors
/// Values that would be refused when they are read; `path` is the name of the file.
pub(super) fn encode_search(path: &Path, state: &SearchState) -> Result<Vec<u8>> {
    let alphas: Vec<NamedTensors> = once(state).chain(&state.earlier).map(alphas_of).collect();
    let states = once((String::new(), state));
    let earlier = state.earlier.iter().enumerate().map(|(i, state)| (format!("earlier.{i}."), state));
    let mut parts = Vec::new();
    for ((prefix, state), alphas) in states.chain(earlier).zip(&alphas) {
        let SearchState { net, velocity, alpha_moments: adam, .. } = state;
        let of_state = [("net", net), ("velocity", velocity), ("alphas", alphas), ("adam", adam)];
        parts.extend(of_state.map(|(name, tensors)| (format!("{prefix}{name}"), tensors)));
    }
    let parts: Vec<(&str, &NamedTensors)> =
        parts.iter().map(|(name, tensors)| (name.as_str(), *tensors)).collect();
    check_values(path, &parts)?;
    Ok(encode(&Head::Search(Box::new(head_of(state))), &parts))
}

fn head_of(state: &SearchState) -> SearchHead {
    SearchHead {
        position: state.position,
        meter: state.meter,
        epoch_seconds: state.epoch_seconds,
        seconds: state.seconds,
        alpha_steps: state.alpha_steps,
        alpha_rows: ragged(&state.alphas),
        trials: state.trials.clone(),
        trial: state.trial,
        kept: state.kept.clone(),
        latencies: state.latencies.clone(),
        trail: state.trail.clone(),
        freezing: state.freezing.clone(),
        earlier: state.earlier.iter().map(head_of).collect(),
    }
}

fn alphas_of(state: &SearchState) -> NamedTensors {
    state.alphas.iter().map(|(name, rows)| (name.to_owned(), tensor_of(rows))).collect()
}

/// A search state from its file, whose name is `path`.
///
/// # Errors
/// A file that is damaged, or of another kind.
pub(super) fn decode_search(path: &Path, bytes: &[u8]) -> Result<SearchState> {
    let (head, mut tensors) = decode(path, bytes)?;
    let Head::Search(mut head) = head else {
        return Err(damaged(path, "it is a training checkpoint"));
    };
    let mut earlier = Vec::new();
    for (i, head) in std::mem::take(&mut head.earlier).into_iter().enumerate() {
        earlier.push(state_of(path, head, &mut tensors, &format!("earlier.{i}."))?);
    }
    let state = state_of(path, *head, &mut tensors, "")?;
    check_rest(path, &tensors)?;
    Ok(SearchState { earlier, ..state })
}

fn state_of(path: &Path, head: SearchHead, tensors: &mut NamedTensors, prefix: &str) -> Result<SearchState> {
    let SearchHead {
        position,
        meter,
        epoch_seconds,
        seconds,
        alpha_steps,
        alpha_rows,
        trials,
        trial,
        kept,
        latencies,
        trail,
        freezing,
        earlier,
    } = head;
    if latencies.iter().any(|latency| !(latency.seconds >= 0.0 && latency.seconds.is_finite())) {
        return Err(damaged(path, "a latency that is no time"));
    }
    if !earlier.is_empty() {
        return Err(damaged(path, format!("the earlier state {prefix} has earlier ones itself")));
    }
    let mut part = |name: &str| take(tensors, &format!("{prefix}{name}."));
    let alphas = part("alphas");
    if alphas.is_empty() {
        return Err(damaged(path, "no alphas"));
    }
    let rows = |(name, tensor): (String, HostTensor)| match rows_of(&tensor, alpha_rows.get(&name)) {
        Some(rows) => Ok((name, rows)),
        None => Err(damaged(path, format!("{prefix}alphas.{name} is of shape {:?}", tensor.shape))),
    };
    Ok(SearchState {
        position,
        meter,
        epoch_seconds,
        seconds,
        alphas: alphas.into_iter().map(rows).collect::<Result<Alphas>>()?,
        net: part("net"),
        velocity: part("velocity"),
        alpha_steps,
        alpha_moments: part("adam"),
        trials,
        trial,
        kept,
        latencies,
        trail,
        earlier: Vec::new(),
        freezing,
    })
}

/// The rows of the groups whose rows are not all of one length.
fn ragged(alphas: &Alphas) -> ByCell<Vec<usize>> {
    let lengths = alphas.lengths();
    let differ = |rows: &[usize]| rows.iter().any(|n| *n != rows[0]);
    lengths.iter().filter(|(_, rows)| differ(rows)).map(|(name, rows)| (name, rows.clone())).collect()
}

/// `[rows, columns]`, or all one after another where the rows are not of one length.
fn tensor_of(rows: &[Vec<f32>]) -> HostTensor {
    match rows.iter().all(|row| row.len() == rows[0].len()) {
        true => HostTensor::matrix(rows),
        false => {
            let values = rows.concat();
            HostTensor { shape: vec![values.len()], values }
        }
    }
}

/// The inverse of [`tensor_of`]; `lengths` are those of rows that are not of one length.
fn rows_of(tensor: &HostTensor, lengths: Option<&Vec<usize>>) -> Option<Vec<Vec<f32>>> {
    match (&tensor.shape[..], lengths) {
        ([_, columns], None) if *columns > 0 => {
            Some(tensor.values.chunks(*columns).map(<[f32]>::to_vec).collect())
        }
        ([n], Some(lengths)) if lengths.iter().try_fold(0usize, |sum, n| sum.checked_add(*n)) == Some(*n) => {
            let mut values = tensor.values.iter().copied();
            Some(lengths.iter().map(|&n| values.by_ref().take(n).collect()).collect())
        }
        _ => None,
    }
}

/// A training state as a file.
///
/// # Errors
/// Those of [`encode_search`].
pub(super) fn encode_train(path: &Path, state: &TrainState) -> Result<Vec<u8>> {
    let head = Head::Train {
        position: state.position,
        meter: state.meter,
        epoch_seconds: state.epoch_seconds,
        seconds: state.seconds,
        best_epoch: state.best.as_ref().map(|b| b.epoch),
        best_accuracy: state.best.as_ref().map(|b| b.score.accuracy),
        best_balanced_accuracy: state.best.as_ref().and_then(|b| b.score.balanced_accuracy),
        best_loss: state.best.as_ref().and_then(|b| b.score.loss),
    };
    let nothing = NamedTensors::new();
    let best = state.best.as_ref().map_or(&nothing, |b| &b.net);
    let parts =
        [("net", &state.net), ("velocity", &state.velocity), ("best", best), ("average", &state.average)];
    check_values(path, &parts)?;
    Ok(encode(&head, &parts))
}

/// A training state from its file, whose name is `path`.
///
/// # Errors
/// A file that is damaged, or of another kind.
pub(super) fn decode_train(path: &Path, bytes: &[u8]) -> Result<TrainState> {
    let (head, mut tensors) = decode(path, bytes)?;
    let Head::Train {
        position,
        meter,
        epoch_seconds,
        seconds,
        best_epoch,
        best_accuracy,
        best_balanced_accuracy: balanced_accuracy,
        best_loss: loss,
    } = head
    else {
        return Err(damaged(path, "it is a search checkpoint"));
    };
    let best_net = take(&mut tensors, "best.");
    let state = TrainState {
        position,
        meter,
        epoch_seconds,
        seconds,
        net: take(&mut tensors, "net."),
        velocity: take(&mut tensors, "velocity."),
        best: best_epoch.zip(best_accuracy).map(|(epoch, accuracy)| Best {
            epoch,
            score: Score { accuracy, balanced_accuracy, loss },
            net: best_net,
        }),
        average: take(&mut tensors, "average."),
    };
    check_rest(path, &tensors).map(|()| state)
}

fn take(tensors: &mut NamedTensors, prefix: &str) -> NamedTensors {
    let names: Vec<String> = tensors.keys().filter(|k| k.starts_with(prefix)).cloned().collect();
    names
        .into_iter()
        .map(|name| {
            (name[prefix.len()..].to_string(), tensors.remove(&name).expect("the name was just listed"))
        })
        .collect()
}

/// Refuses tensors that are no part of a state.
fn check_rest(path: &Path, rest: &NamedTensors) -> Result<()> {
    match rest.keys().next() {
        None => Ok(()),
        Some(name) => Err(damaged(path, format!("{name} is no part of such a state"))),
    }
}

fn encode(head: &Head, parts: &[(&str, &NamedTensors)]) -> Vec<u8> {
    let mut all = BTreeMap::new();
    for (prefix, tensors) in parts {
        for (name, tensor) in tensors.iter() {
            all.insert(format!("{prefix}.{name}"), tensor);
        }
    }
    let head = serde_json::to_string(head).expect("plain numbers serialise");
    let views = all.iter().map(|(name, tensor)| (name.as_str(), *tensor));
    encode_tensors(views, BTreeMap::from([(KEY, head)]))
}

fn decode(path: &Path, bytes: &[u8]) -> Result<(Head, NamedTensors)> {
    check(bytes).map_err(|problem| damaged(path, problem))?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(path, e.to_string()))?;
    let head = metadata
        .metadata()
        .as_ref()
        .and_then(|m| m.get(KEY))
        .ok_or_else(|| damaged(path, "the header says nothing of Softcell"))?;
    let head = serde_json::from_str(head).map_err(|e| damaged(path, e.to_string()))?;
    let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(path, e.to_string()))?;
    Ok((head, tensors_of(path, &file)?))
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::{Dtype, TensorView, serialize};

    use super::*;
    use crate::run::tensor_file::decode_weights;
    use crate::run::{Overwrite, RunFolder};
    use crate::search::method::{Rollback, Watched};
    use crate::space::{PlacedOperation, Primitive, known_genotype};

    fn tensor(values: &[f32]) -> HostTensor {
        HostTensor { shape: vec![values.len()], values: values.to_vec() }
    }

    fn search_state(step: usize) -> SearchState {
        SearchState {
            position: Position { epoch: 3, step },
            meter: Meter { images: 5, loss_sum: 0.1 + 0.2, top1: 2, top5: 4 },
            epoch_seconds: 1.5,
            seconds: 20.25,
            net: [("stem.0.weight".to_string(), tensor(&[1.0, f32::MIN_POSITIVE, -0.0]))].into(),
            velocity: [("stem.0.weight".to_string(), tensor(&[0.5]))].into(),
            alphas: [
                ("normal", vec![vec![0.1, 0.2], vec![0.3, 0.4]]),
                ("reduction", vec![vec![1.0, 2.0, 3.0], vec![4.0]]),
            ]
            .into_iter()
            .collect(),
            alpha_steps: 7,
            alpha_moments: [("first".to_string(), tensor(&[0.25])), ("second".to_string(), tensor(&[0.125]))]
                .into(),
            trials: vec![Tally { right: 3, images: 7 }],
            trial: Tally { right: 0, images: 4 },
            kept: [("normal", vec![vec![0, 2], vec![1]])].into_iter().collect(),
            latencies: vec![Latency {
                place: PlacedOperation {
                    operation: Primitive::SepConv3x3,
                    channels: 4,
                    stride: 2,
                    size: [8, 6],
                },
                seconds: 0.1 + 0.2,
            }],
            trail: Trail::default(),
            earlier: Vec::new(),
            freezing: None,
        }
    }

    fn train_state() -> TrainState {
        let search = search_state(0);
        TrainState {
            position: search.position,
            meter: search.meter,
            epoch_seconds: 0.5,
            seconds: 2.0,
            net: search.net.clone(),
            velocity: search.velocity.clone(),
            best: Some(Best {
                epoch: 2,
                score: Score { accuracy: 1.0 / 3.0, balanced_accuracy: Some(0.1 + 0.2), loss: Some(0.7) },
                net: search.net.clone(),
            }),
            average: search.velocity.clone(),
        }
    }

    fn folder() -> (tempfile::TempDir, RunFolder) {
        let base = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&base.path().join("run"), Overwrite::Refuse).unwrap();
        (base, folder)
    }

    #[test]
    fn search_states_come_back_bit_for_bit() {
        let (_base, folder) = folder();
        assert!(folder.load_search().unwrap().is_none());
        folder.save_search(&search_state(1)).unwrap();
        assert_eq!(folder.load_search().unwrap().unwrap(), Loaded { state: search_state(1), damage: None });
        assert_eq!(
            encode_search(Path::new("x"), &search_state(1)).unwrap(),
            encode_search(Path::new("x"), &search_state(1)).unwrap()
        );
    }

    #[test]
    fn what_the_guard_remembers_comes_back() {
        let (_base, folder) = folder();
        let watched = |eigenvalue| Watched {
            skips: 1,
            most_skips: Some(2),
            eigenvalue,
            same_ranking: 3,
            genotype: known_genotype("DARTS_V2").unwrap(),
        };
        let state = SearchState {
            trail: Trail {
                epochs: vec![watched(None), watched(Some(0.1 + 0.2))],
                rollbacks: vec![Rollback { from: 5, to: 3, weight_decay: 3e-3 }],
                ranking: vec![vec![2, 0], vec![]],
            },
            earlier: vec![search_state(0), SearchState { seconds: 3.5, ..search_state(1) }],
            freezing: Some(Freezing { cosines: vec![0.1 + 0.2, -1.0], steps: 3, frozen: vec![1] }),
            ..search_state(2)
        };
        folder.save_search(&state).unwrap();
        assert_eq!(folder.load_search().unwrap().unwrap().state, state);
    }

    /// Edges with weights of their own have groups beside those of the cells; exponentiated gradients keep nothing.
    #[test]
    fn groups_of_nodes_come_back_by_their_names() {
        let mut state = search_state(1);
        state.alpha_moments.clear();
        let more =
            ["normal.nodes", "reduction.nodes"].map(|name| (name, vec![vec![0.5f32; 2], vec![0.25; 3]]));
        state.alphas = (state.alphas.iter().map(|(name, rows)| (name, rows.clone()))).chain(more).collect();
        let path = Path::new("x");
        let found = decode_search(path, &encode_search(path, &state).unwrap()).unwrap();
        assert_eq!(found.alphas.len(), 4);
        assert!(state.alphas.iter().all(|(name, rows)| found.alphas.get(name) == Some(rows)));
        assert!(found.alpha_moments.is_empty() && found.alpha_steps == 7);
    }

    #[test]
    fn training_states_come_back_and_kinds_are_told_apart() {
        let (_base, folder) = folder();
        folder.save_train(&train_state()).unwrap();
        assert_eq!(folder.load_train().unwrap().unwrap().state, train_state());
        let error = decode_search(Path::new("x"), &encode_train(Path::new("x"), &train_state()).unwrap())
            .unwrap_err()
            .to_string();
        assert!(error.contains("training checkpoint"), "{error}");
    }

    #[test]
    fn a_damaged_checkpoint_falls_back_to_the_previous_and_never_takes_its_place() {
        let (_base, folder) = folder();
        let [last, previous] = ["search", "search.previous"]
            .map(|name| folder.path().join(format!("checkpoints/{name}.safetensors")));
        let loaded = || folder.load_search().unwrap().unwrap();
        for step in [1, 2] {
            folder.save_search(&search_state(step)).unwrap();
        }
        assert_eq!((loaded().state.position.step, loaded().damage), (2, None));
        let bytes = std::fs::read(&last).unwrap();
        std::fs::write(&last, &bytes[..bytes.len() - 3]).unwrap();
        assert_eq!(loaded().state.position.step, 1);
        let damage = loaded().damage.unwrap();
        assert!(damage.contains("search.safetensors"), "{damage}");
        folder.save_search(&search_state(3)).unwrap();
        assert_eq!(loaded().state.position.step, 3);
        std::fs::remove_file(&last).unwrap();
        assert_eq!((loaded().state.position.step, loaded().damage), (1, None));
        std::fs::write(&previous, b"junk").unwrap();
        assert!(folder.load_search().is_err());
    }

    #[test]
    fn files_of_earlier_versions_have_no_checksum() {
        let values = 1.5f32.to_le_bytes();
        let views = ["net.a", "velocity.a", "alphas.normal", "alphas.reduction"]
            .map(|name| (name, TensorView::new(Dtype::F32, vec![1, 1], &values).unwrap()));
        let head = r#"{"kind":"search","position":{"epoch":1,"step":2},"meter":{"images":0,"loss_sum":0.0,"top1":0,
            "top5":0},"epoch_seconds":0.0,"seconds":0.0,"adam_steps":3}"#;
        let bytes = serialize(views, Some([(KEY.to_string(), head.to_owned())].into())).unwrap();
        let path = Path::new("old");
        let state = decode_search(path, &bytes).unwrap();
        assert_eq!((&state.alphas.get("normal").unwrap()[..], state.alpha_steps), (&[vec![1.5]][..], 3));
        assert_eq!(decode_weights(path, &bytes).unwrap().len(), 4);
    }

    #[test]
    fn a_training_state_of_an_earlier_version_is_read() {
        let head = r#"{"kind":"train","position":{"epoch":3,"step":0},"meter":{"images":0,"loss_sum":0.0,"top1":0,
            "top5":0},"epoch_seconds":0.0,"seconds":1.0,"best_epoch":2,"best_accuracy":0.5}"#;
        let net: NamedTensors =
            [("net.a".to_string(), tensor(&[1.0])), ("best.a".to_string(), tensor(&[2.0]))].into();
        let views = net.iter().map(|(name, tensor)| (name.as_str(), tensor));
        let bytes = encode_tensors(views, BTreeMap::from([(KEY, head.to_string())]));
        let state = decode_train(Path::new("train.safetensors"), &bytes).unwrap();
        let best = state.best.unwrap();
        assert_eq!(best.score, Score { accuracy: 0.5, balanced_accuracy: None, loss: None });
        assert_eq!((best.epoch, best.net["a"].values[0], state.average.len()), (2, 2.0, 0));
    }
}
