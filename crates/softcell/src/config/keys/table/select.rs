//! Settings of the selection.

use super::super::Key;
use super::super::Kind::{Integer, List, Text};
use super::super::Section::Select;
use super::key;

/// `[select]`.
pub(super) const KEYS: &[Key] = &[
    key(Select, "seeds", Integer, "Searches with draws of their own, among whose cells is selected"),
    key(Select, "random", Integer, "Random cells that are compared with those that were searched"),
    key(
        Select,
        "also",
        List,
        "Further cells to compare: names of published genotypes, or biggest for the biggest cell",
    ),
    key(
        Select,
        "incumbent",
        Text,
        "The one of these that is taken unless another is ahead by two standard errors; or none",
    ),
    key(Select, "finalists", Integer, "How many of the best cells are trained longer before one is taken"),
    key(Select, "trainings", Integer, "Trainings of each cell that is compared, with draws of their own"),
    key(Select, "epochs", Integer, "Epochs of the first trainings, each a schedule of its own"),
    key(Select, "longer_epochs", Integer, "Epochs of the finalists' trainings; 0 leaves those out"),
    key(Select, "layers", Integer, "Cells of the networks compared; 0: as many as are trained in the end"),
    key(Select, "init_channels", Integer, "Channels of their first cell; 0: as in the training in the end"),
];
