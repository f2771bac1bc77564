//! What a benchmark's table says of an architecture.

use serde::{Deserialize, Serialize};

/// What a table of NAS-Bench-201 says of the architecture that a search leans to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tabulated {
    /// The architecture, as the benchmark writes it.
    pub architecture: String,
    /// The one that the table has in its place: the same network written in another way. None where it has the one
    /// itself, or neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_as: Option<String>,
    /// What each column of accuracies says; none where the table does not have the architecture.
    pub scores: Vec<TabulatedScore>,
    /// Architectures that the table has.
    pub of: usize,
}

/// An accuracy of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TabulatedScore {
    /// The column, such as `cifar10_test`.
    pub column: String,
    /// In percent, as the table has it.
    pub accuracy: f64,
    /// 1 for the highest of the column; equal ones have the same.
    pub rank: usize,
}

impl Tabulated {
    /// `table cifar10_test 93.76 (167 of 15625), cifar100_test 71.11 (…)`, or that the table does not have it.
    pub fn text(&self) -> String {
        if self.scores.is_empty() {
            return format!("table: not among its {} architectures", self.of);
        }
        let score = |score: &TabulatedScore| {
            format!("{} {:.2} (rank {} of {})", score.column, score.accuracy, score.rank, self.of)
        };
        let scores: Vec<String> = self.scores.iter().map(score).collect();
        let found = self.found_as.as_ref().map_or(String::new(), |found| format!(", as {found}"));
        format!("table: {}{found}", scores.join(", "))
    }
}
