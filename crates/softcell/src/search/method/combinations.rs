//! Which choices go together.

use super::{
    AlphaOptimizer, ArchStep, EdgeNormalization, Method, Perturbation, Regularizer, Relaxation, Selection,
    StepOrder,
};
use crate::error::{Error, Result};

impl Method {
    /// Refuses choices that nobody has defined beside one another, or that would do nothing.
    pub(super) fn check_combinations(&self) -> Result<()> {
        self.check_alphas()?;
        self.check_arch_step()?;
        self.check_perturbation()?;
        self.check_regularizer()?;
        self.check_paths()?;
        self.check_share()?;
        self.check_alignment()
    }

    /// Cells agree by the gradient of a step of the weights alone.
    fn check_alignment(&self) -> Result<()> {
        if self.alignment == 0.0 || self.order != StepOrder::Joint {
            return Ok(());
        }
        refuse(
            "alignment",
            self.alignment,
            "0, because with order = joint one pass moves both: no code defines it",
        )
    }

    /// What passes by an edge counts as much as its candidates together.
    fn check_share(&self) -> Result<()> {
        if self.share == 1 || self.relaxation != Relaxation::Sigmoid {
            return Ok(());
        }
        let expected = "1, because with relaxation = sigmoid the weights of an edge have no sum that what passes by it \
                        could have: no code defines it";
        refuse("share", self.share, expected)
    }

    /// What needs more of the supernet than the one path that is drawn in a step.
    fn check_paths(&self) -> Result<()> {
        let relaxation = self.relaxation.name();
        if self.relaxation.runs_paths() && self.selection == Selection::Perturb {
            let expected = format!(
                "another, because it takes operations out of a mixture one by one, and with relaxation = {relaxation} one \
                 operation an edge has learnt to run alone: no code defines it"
            );
            return refuse("selection", "perturb", &expected);
        }
        let reason = match self.order {
            _ if !self.freeze.is_on() => return Ok(()),
            StepOrder::Joint => {
                "with order = joint there is one gradient, not one on each part of the images"
            }
            StepOrder::WeightsOnly => "with order = weights-only no gradient is taken on the alphas' images",
            _ if self.relaxation.runs_paths() => {
                "an operation that is not drawn has no gradient, and the two draws of a step differ"
            }
            _ => return Ok(()),
        };
        let expected = format!("-1, which freezes nothing, because {reason}");
        refuse("freeze.below", self.freeze.below, &expected)
    }

    /// Who moves the alphas, if anybody.
    fn check_alphas(&self) -> Result<()> {
        let relaxation = self.relaxation.name();
        let on_simplex = self.relaxation == Relaxation::Simplex;
        let multiplies = matches!(self.alphas, AlphaOptimizer::ExponentiatedGradient(_));
        if on_simplex && !multiplies {
            let expected = "exponentiated-gradient, because with relaxation = simplex the alphas are shares: other steps, \
                            and L2 penalties, lead out of the simplex";
            return refuse("alphas.kind", self.alphas.kind(), expected);
        }
        if multiplies && !on_simplex {
            let expected = "simplex, because exponentiated gradients multiply alphas that are shares (or alphas.kind = \
                            adam)";
            return refuse("relaxation", relaxation, expected);
        }
        if self.relaxation.has_alphas() {
            return Ok(());
        }
        if self.order != StepOrder::WeightsOnly {
            let expected =
                format!("weights-only, because with relaxation = {relaxation} there are no alphas to move");
            return refuse("order", self.order.name(), &expected);
        }
        if self.edge_weights != EdgeNormalization::None {
            let expected =
                format!("none, because with relaxation = {relaxation} nothing moves the edges' weights");
            return refuse("edge_weights", self.edge_weights.name(), &expected);
        }
        Ok(())
    }

    /// The virtual step.
    fn check_arch_step(&self) -> Result<()> {
        if self.arch_step != ArchStep::Unrolled {
            return Ok(());
        }
        let reason = match (self.order, self.relaxation) {
            (StepOrder::Joint, _) => {
                "order = joint moves the alphas on the weights' images: there is no second level"
            }
            (StepOrder::WeightsOnly, _) => "order = weights-only moves no alphas",
            (_, Relaxation::Gumbel | Relaxation::GumbelHard) => {
                "no method defines a virtual step whose weights see a sample, as with this relaxation"
            }
            _ => return Ok(()),
        };
        refuse("arch_step", self.arch_step.name(), &format!("first-order, because {reason}"))
    }

    /// What is disturbed.
    fn check_perturbation(&self) -> Result<()> {
        if self.perturbation == Perturbation::None {
            return Ok(());
        }
        let reason = if self.relaxation.runs_paths() {
            "one operation an edge runs: there are no shares to disturb"
        } else if self.relaxation == Relaxation::Sigmoid {
            "with relaxation = sigmoid the weights of an edge are no shares of one"
        } else if self.order == StepOrder::Joint {
            "with order = joint alphas and weights share one pass, and the alphas step undisturbed"
        } else {
            return Ok(());
        };
        refuse("perturbation", self.perturbation.name(), &format!("none, because {reason}"))
    }

    /// What is added to the loss.
    fn check_regularizer(&self) -> Result<()> {
        let (term, name) = (self.regularizer, self.regularizer.name());
        if term == Regularizer::None {
            return Ok(());
        }
        if self.order == StepOrder::WeightsOnly {
            return refuse("regularizer", name, "none, because order = weights-only moves no alphas");
        }
        if !term.relaxations().contains(&self.relaxation) {
            let made_for: Vec<&str> = term.relaxations().iter().map(|r| r.name()).collect();
            let expected = format!(
                "none: it is a term of other alphas than those of relaxation = {} (made for {})",
                self.relaxation.name(),
                made_for.join(", ")
            );
            return refuse("regularizer", name, &expected);
        }
        if self.regularizer_weight == 0.0 {
            let usual = match term {
                Regularizer::None | Regularizer::Beta => {
                    "50 with regularizer_ramp = linear, as the code of β-DARTS has it in NAS-Bench-201"
                }
                Regularizer::Binary | Regularizer::BinaryL1 => "10, as the code of FairDARTS has it",
                Regularizer::Kl => "0.001, as the code of DrNAS has it",
                Regularizer::Entropy => "0.01, as the code of GAEA has it beside GDAS",
            };
            let expected = format!("a number above 0, such as {usual} (or regularizer = none)");
            return refuse("regularizer_weight", 0, &expected);
        }
        Ok(())
    }
}

fn refuse(name: &str, found: impl ToString, expected: &str) -> Result<()> {
    Err(Error::setting(format!("search.method.{name}"), found, expected))
}
