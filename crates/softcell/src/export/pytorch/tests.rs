use super::*;
use crate::destination::Existing;
use crate::export::testing::model;

fn source(model: &TrainedModel) -> String {
    to_files(model, Path::new("nets/model.py")).unwrap().source
}

#[test]
fn cells_are_spelt_out() {
    let python = source(&model("DARTS_V2", StemKind::Cifar, true));
    for line in [
        "                SepConv(channels, kernel=3),",
        "                DilConv(channels, kernel=3),",
        "                max_pool_3x3(stride=2),",
        "class FactorizedReduce(nn.Module):",
        "        self.preprocess0 = (FactorizedReduce if halve else ReluConvBn)(before_last, channels)",
        "        n2 = op[0](s0) + op[1](s1)",
        "        n5 = op[6](s0) + op[7](n2)",
        "        return torch.cat([n2, n3, n4, n5], dim=1)",
        "                NormalCell(12, 12, 4),",
        "                ReductionCell(12, 16, 8),",
        "                ReductionCell(16, 32, 16, halve=True),",
        "        self.classifier = nn.Linear(64, 5)",
    ] {
        assert!(python.lines().any(|found| found == line), "no {line:?} in\n{python}");
    }
    // What this network does not use is not there, and nothing that only training does.
    for word in ["avg_pool", "conv_7x1", "stem0", "auxiliary", "drop_path", "drop_prob", "@"] {
        assert!(!python.contains(word), "{word} in\n{python}");
    }
    assert!(python.lines().all(|line| line.len() <= 120), "{python}");
}

#[test]
fn operations_of_other_genotypes() {
    let python = source(&model("AmoebaNet", StemKind::Imagenet, false));
    for word in [
        "conv_7x1_1x7(channels, stride=2),",
        "SepConv(channels, kernel=7, stride=2),",
        "def avg_pool_3x3(",
        "def separable(",
        "torch.cat([n4, n5, n6], dim=1)",
        "torch.cat([n3, n4, n6], dim=1)",
        "s1 = self.stem1(s0)",
        "NormalCell(4, 4, 4, halve=True),",
    ] {
        assert!(python.contains(word), "no {word:?} in\n{python}");
    }
    assert!(!python.contains("DilConv"));
    // Helpers stand before what uses them.
    assert!(python.find("def separable(") < python.find("class SepConv("));
    assert!(python.find("class ReluConvBn(") < python.find("class NormalCell("));
}

#[test]
fn what_is_trained_has_drop_path_and_the_auxiliary_head() {
    let training = |model: &TrainedModel| {
        to_source(&model.network, &model.manifest, Purpose::Training, "model.py").unwrap()
    };
    let python = training(&model("DARTS_V2", StemKind::Cifar, true));
    for line in [
        "        n2 = drop_path(op[0](s0), drop_prob) + drop_path(op[1](s1), drop_prob)",
        // A skip connection of stride 1 is not dropped.
        "        n4 = drop_path(op[4](s1), drop_prob) + op[5](s0)",
        "            nn.AvgPool2d(5, stride=3),",
        "            nn.Conv2d(128, 768, 2, bias=False),",
        "            if self.training and i == 2:",
        "        return (logits, auxiliary) if self.training else logits",
    ] {
        assert!(python.lines().any(|found| found == line), "no {line:?} in\n{python}");
    }
    assert!(!python.contains("@") && !python.contains("import sys") && !python.contains("read_image"));
    assert!(python.lines().all(|line| line.len() <= 120), "{python}");
    let python = training(&model("DARTS_V2", StemKind::Imagenet, false));
    assert!(python.contains("drop_prob") && !python.contains("uxiliary"), "{python}");
}

#[test]
fn names_cannot_break_out() {
    let mut model = model("DARTS_V1", StemKind::Cifar, false);
    model.manifest.classes[0] = "\"]\nimport os\n[\"".into();
    model.manifest.classes[1] = "@SHAPE@ \\".into();
    let python = source(&model);
    assert!(python.contains(r#"    "\"]\x0aimport os\x0a[\"","#), "{python}");
    assert!(python.contains(r#"    "@SHAPE@ \\","#), "{python}");
    let odd = to_files(&model, Path::new("a\"\"\"b.py")).unwrap().source;
    assert!(odd.contains("python model.py image.png"), "{odd}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut model = model("DARTS_V1", StemKind::Cifar, false);
    assert!(to_files(&model, Path::new("model")).unwrap_err().to_string().contains(".py"));
    model.manifest.classes.pop();
    assert!(to_files(&model, Path::new("m.py")).unwrap_err().to_string().contains("5 classes"));
}

#[test]
fn both_files_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.net.py");
    let model = model("NASNet", StemKind::Cifar, true);
    let place = |path: &Path| Destination::new(path, Existing::Keep).unwrap();
    let [source, weights] = write(&model, &place(&path), &place(&weights_path(&path))).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), source);
    assert_eq!(std::fs::metadata(folder.path().join("my.net.safetensors")).unwrap().len(), weights);
}
