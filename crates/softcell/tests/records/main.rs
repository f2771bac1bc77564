//! Run folders whose files are damaged, contradict themselves or one another: an error or an answer, never a panic
//! and never another outcome without a word.

mod contradictions;
mod damage;
mod fixture;
mod fuzz;
mod mutate;
mod not_finite;
mod reading;
