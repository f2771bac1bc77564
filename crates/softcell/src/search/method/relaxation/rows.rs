//! Rows of weights with the way back to the alphas that they came from.

use super::softmax;

/// Rows of weights, and how their gradient becomes that of the alphas.
#[derive(Debug, Clone)]
pub struct Mixed {
    /// The weights.
    pub weights: Vec<Vec<f64>>,
    back: Back,
}

#[derive(Debug, Clone)]
enum Back {
    /// Through the softmax of these alphas, with the bits that it always had.
    Softmax(Vec<Vec<f32>>),
    /// `∂L/∂α_k = c_k · (g_k − Σ_j s_j g_j)`.
    Centred { factors: Vec<Vec<f64>>, shares: Vec<Vec<f64>> },
    /// `∂L/∂α_k = c_k · g_k`.
    Scaled(Vec<Vec<f64>>),
    /// Nothing moves the weights: `∂L/∂α_k = 0`.
    Constant,
}

impl Mixed {
    /// `w = softmax(α)`, row by row.
    pub fn softmax(alphas: &[Vec<f32>]) -> Self {
        Self { weights: softmax::softmax(alphas), back: Back::Softmax(alphas.to_vec()) }
    }

    /// Weights whose gradient is `c_k · (g_k − Σ_j s_j g_j)` in the alphas.
    pub fn centred(weights: Vec<Vec<f64>>, factors: Vec<Vec<f64>>, shares: Vec<Vec<f64>>) -> Self {
        Self { weights, back: Back::Centred { factors, shares } }
    }

    /// Weights each of which depends on its own alpha alone, with the slopes `c_k`.
    pub fn scaled(weights: Vec<Vec<f64>>, slopes: Vec<Vec<f64>>) -> Self {
        Self { weights, back: Back::Scaled(slopes) }
    }

    /// Weights that no alpha moves.
    pub fn constant(weights: Vec<Vec<f64>>) -> Self {
        Self { weights, back: Back::Constant }
    }

    /// ∂L/∂α, given ∂L/∂w in the same rows.
    pub fn pull_back(&self, gradient: &[Vec<f64>]) -> Vec<Vec<f64>> {
        match &self.back {
            Back::Softmax(alphas) => softmax::pull_back(alphas, gradient),
            Back::Centred { factors, shares } => (factors.iter().zip(shares).zip(gradient))
                .map(|((factors, shares), gradient)| {
                    let mean = dot(shares, gradient);
                    factors.iter().zip(gradient).map(|(c, g)| c * (g - mean)).collect()
                })
                .collect(),
            Back::Scaled(slopes) => (slopes.iter().zip(gradient))
                .map(|(slopes, gradient)| slopes.iter().zip(gradient).map(|(c, g)| c * g).collect())
                .collect(),
            Back::Constant => gradient.iter().map(|row| vec![0.0; row.len()]).collect(),
        }
    }
}

/// `Σ_k a_k b_k`.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The same function of each alpha.
pub fn each(alphas: &[Vec<f32>], value: impl Fn(f64) -> f64) -> Vec<Vec<f64>> {
    alphas.iter().map(|row| row.iter().map(|&alpha| value(f64::from(alpha))).collect()).collect()
}

/// `1/(1 + exp(−α))`.
pub fn sigmoid(alpha: f64) -> f64 {
    1.0 / (1.0 + (-alpha).exp())
}
