//! What the preset `auto` derives from the epochs, where a flag, a file or a budget sets others.

use super::auto::{arch_learning_rate, drop_path};
use super::keys::Section;
use super::layers::own_rate;
use super::schedule::search_steps;
use super::types::{Config, DataShape};

/// Brings what `auto` chose for the epochs and batches of `base` to those of `config`, but for what was given: the drop
/// path, and the learning rate of the alphas. Says what it changed, a sentence each.
///
/// `data` may be unknown, that is 0 everywhere: then the alphas' learning rate stays.
pub fn follow_epochs(
    base: &Config,
    config: &mut Config,
    data: &DataShape,
    given: impl Fn(Section, &str) -> bool,
) -> Vec<String> {
    let mut notes = Vec::new();
    let epochs = config.train.epochs;
    if epochs != base.train.epochs && !given(Section::Train, "drop_path_prob") {
        let (before, after) = (config.train.drop_path_prob, drop_path(epochs));
        if before != after {
            config.train.drop_path_prob = after;
            let after = if after == 0.0 { "off".to_owned() } else { format!("up to {after}") };
            notes.push(format!(
                "drop path {after} for {epochs} epochs of training; it was {before} for {}",
                base.train.epochs
            ));
        }
    }
    let (search, of_base) = (&mut config.search, &base.search);
    let same = (search.epochs, search.batch_size) == (of_base.epochs, of_base.batch_size);
    if !same && data.train_images > 0 && !given(Section::Search, "arch_learning_rate") {
        let steps = search_steps(search, config.data.validation_fraction, data);
        let own = own_rate(&search.method);
        let (before, after) = (search.method.alphas.learning_rate(), arch_learning_rate(own, steps));
        if before != after {
            *search.method.alphas.learning_rate_mut() = after;
            notes.push(format!(
                "arch_learning_rate {after:e} for {steps} steps of the search; it was {before:e}"
            ));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::preset::Preset;
    use super::super::presets::preset;
    use super::*;

    const FEW: DataShape = DataShape {
        train_images: 100,
        classes: 10,
        channels: 1,
        height: 8,
        width: 8,
        largest_class: 0,
        smallest_class: 0,
        own_validation: false,
    };

    #[test]
    fn drop_path_follows_the_epochs_unless_it_was_given() {
        let base = preset(Preset::Auto, &FEW).0;
        assert_eq!((base.train.epochs, base.train.drop_path_prob), (225, 0.1));
        let mut short = base.clone();
        short.train.epochs = 25;
        let mut followed = short.clone();
        let notes = follow_epochs(&base, &mut followed, &FEW, |_, _| false);
        assert_eq!(followed.train.drop_path_prob, 0.0);
        assert_eq!(notes, ["drop path off for 25 epochs of training; it was 0.1 for 225"]);
        let given = |section, name: &str| section == Section::Train && name == "drop_path_prob";
        let mut kept = short.clone();
        assert!(follow_epochs(&base, &mut kept, &FEW, given).is_empty());
        assert_eq!(kept, short);
        let mut same = base.clone();
        assert!(follow_epochs(&base, &mut same, &FEW, |_, _| false).is_empty());
        assert_eq!(same, base);
    }

    #[test]
    fn the_alphas_learn_slower_in_a_longer_search() {
        let base = preset(Preset::Auto, &FEW).0;
        let mut long = base.clone();
        // 45 images: 2 batches of 32 an epoch.
        long.search.epochs = 1250;
        let notes = follow_epochs(&base, &mut long, &FEW, |_, _| false);
        assert_eq!(long.search.method.alphas.learning_rate(), 6e-4);
        assert!(notes[0].contains("6e-4 for 2500 steps"), "{notes:?}");
        let mut unknown = base.clone();
        unknown.search.epochs = 1250;
        assert!(follow_epochs(&base, &mut unknown, &DataShape::default(), |_, _| false).is_empty());
    }
}
