//! How long each operation takes on this machine, alone in its place.

use std::collections::BTreeMap;

use burn::tensor::Device;

use super::method::{CandidateCosts, Latency, Resources};
use crate::error::Result;
use crate::latency::seconds_of;
use crate::space::{LatencyTable, NetworkPlan, PlacedCandidate, PlacedLayer, PlacedOperation};

/// Measures each operation of a supernet's edges once in each of its different places that is not `known`, and adds it:
/// the median time of its answer for one image, by itself, as in evaluation. `device` is the plain one. What does nothing
/// takes no time.
///
/// No two measurements are equal, so a search keeps its own: it is in its checkpoint.
pub(crate) fn measure(plan: &NetworkPlan, device: &Device, known: &mut Vec<Latency>) {
    let candidates = plan.candidates();
    let mut different: BTreeMap<PlacedOperation, &PlacedCandidate> = BTreeMap::new();
    for candidate in candidates.cells().flatten().flatten().flatten() {
        different.entry(candidate.place).or_insert(candidate);
    }
    for latency in &*known {
        different.remove(&latency.place);
    }
    let measured = |(place, candidate): (PlacedOperation, &PlacedCandidate)| Latency {
        place,
        seconds: time(candidate, device),
    };
    known.extend(different.into_iter().map(measured));
}

fn time(candidate: &PlacedCandidate, device: &Device) -> f64 {
    if candidate.steps.is_empty() { 0.0 } else { seconds_of(&[&candidate.steps], candidate.input(), device) }
}

/// The same from a table, such as that of another machine, in the place of measuring.
///
/// # Errors
/// When the table has nothing like one of them.
pub(crate) fn look_up(plan: &NetworkPlan, times: &LatencyTable, known: &mut Vec<Latency>) -> Result<()> {
    for candidate in plan.candidates().cells().flatten().flatten().flatten() {
        let place = candidate.place;
        if known.iter().any(|latency| latency.place == place) {
            continue;
        }
        let seconds = match candidate.steps.is_empty() {
            true => 0.0,
            false => times.of_layer(&PlacedLayer::from(&place))?,
        };
        known.push(Latency { place, seconds });
    }
    known.sort_by_key(|latency| latency.place);
    Ok(())
}

/// What each candidate costs, all cells of its kind together. Times are those of `latencies`; a place that is not among
/// them has none.
pub(crate) fn candidate_costs(plan: &NetworkPlan, latencies: &[Latency]) -> Resources<CandidateCosts> {
    let candidates = plan.candidates();
    let seconds = |place: &PlacedOperation| {
        latencies.iter().find(|latency| latency.place == *place).map_or(0.0, |latency| latency.seconds)
    };
    let of = |cost: &dyn Fn(&PlacedCandidate) -> f64| -> CandidateCosts {
        let row = |row: &Vec<Vec<PlacedCandidate>>| {
            row.iter().map(|places| places.iter().map(cost).sum()).collect()
        };
        candidates.map(|edges| edges.iter().map(row).collect())
    };
    Resources {
        params: of(&|candidate| candidate.cost().parameters as f64),
        macs: of(&|candidate| candidate.cost().macs as f64),
        latency: of(&|candidate| seconds(&candidate.place)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::open_device;
    use crate::space::{Primitive, SearchSpace};

    #[test]
    fn each_place_is_measured_once_and_counts_in_each_cell() {
        let candidates = [Primitive::None, Primitive::SkipConnect, Primitive::SepConv3x3];
        let space = SearchSpace { n_nodes: 1, n_cells: 3, init_channels: 4, ..SearchSpace::darts() };
        let space = space.with_candidates(&candidates);
        let plan = NetworkPlan::supernet(&space, [3, 8, 8], 10);
        let mut latencies = Vec::new();
        let device = open_device("cpu").unwrap();
        measure(&plan, &device, &mut latencies);
        let before = latencies.clone();
        measure(&plan, &device, &mut latencies);
        assert_eq!(latencies, before, "each is measured once");
        let places: Vec<PlacedOperation> = latencies.iter().map(|latency| latency.place).collect();
        assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{places:?}");
        let identity =
            latencies.iter().filter(|l| l.place.operation == Primitive::SkipConnect && l.place.stride == 1);
        assert!(identity.clone().count() > 0 && identity.into_iter().all(|latency| latency.seconds == 0.0));
        let convolutions = latencies.iter().filter(|l| l.place.operation == Primitive::SepConv3x3);
        assert!(convolutions.into_iter().all(|latency| latency.seconds > 0.0));
        let costs = candidate_costs(&plan, &latencies);
        let row = |costs: &CandidateCosts| costs.get("normal").unwrap()[0].clone();
        let placed = plan.candidates();
        let expected: f64 = placed.get("normal").unwrap()[0][2]
            .iter()
            .map(|one| latencies.iter().find(|latency| latency.place == one.place).unwrap().seconds)
            .sum();
        assert_eq!(row(&costs.latency), [0.0, 0.0, expected]);
        assert_eq!(row(&costs.params)[..2], [0.0, 0.0]);
        assert!(row(&costs.params)[2] > 0.0 && row(&costs.macs)[2] > 0.0);
    }
}
