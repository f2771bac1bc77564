import copy
import subprocess
import sys

import numpy as np
import pytest
import softcell
from conftest import made_up
from softcell import _softcell

try:
    import torch
except ImportError:
    torch = None

needs_torch = pytest.mark.skipif(torch is None, reason="PyTorch is not installed: no network of softcell.torch was run")
#: Convolutions, a skip connection, a pool and an edge with nothing on it.
NB201 = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|"
TRAINED = dict(seed=3, epochs=2, layers=3, init_channels=4, progress=False)


def logits_of(run, pixels):
    """What the library answers for bytes ``[N, C, H, W]``."""
    answers = np.frombuffer(run._open().logits(np.ascontiguousarray(pixels).tobytes()), np.float32)
    return answers.reshape(len(pixels), -1)


def test_the_import_says_what_is_missing():
    script = "import sys; sys.modules['torch'] = None; import softcell; softcell.torch"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert said.returncode == 1 and "pip install 'softcell[torch]'" in said.stderr, said.stderr
    with pytest.raises(AttributeError, match="has no attribute 'torsch'"):
        softcell.torsch


def test_sources_are_python(run):
    source, weights = _softcell.torch_of_run(run.path, False)
    compile(source, "network.py", "exec")
    assert "class Network(nn.Module):" in source and len(weights) > 1000
    with pytest.raises(softcell.Error, match="was trained without an auxiliary head"):
        _softcell.torch_of_run(run.path, True)


@needs_torch
def test_the_digits_are_answered_as_by_the_library(run):
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    x = (digits.images * 255 / 16).round().astype("uint8")[:, None]
    network = softcell.torch.load(run)
    assert not network.training and network.classes == run.classes
    with torch.inference_mode():
        logits = network(torch.from_numpy(x)).numpy()
        floats = network(network.normalized(torch.from_numpy(x[:64]))).numpy()
    assert logits.shape == (1797, 10) and np.abs(logits[:64] - floats).max() < 1e-5
    assert np.abs(logits - logits_of(run, x)).max() < 1e-5
    assert np.abs(torch.from_numpy(logits).softmax(1).numpy() - run.predict_proba(x[:, 0])).max() < 1e-5
    again = softcell.torch.load(run.path).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in network.state_dict().items())


@needs_torch
@pytest.mark.parametrize("cell", ["DARTS_V2", "AmoebaNet", NB201])
def test_colour_images_gradients_and_a_step(cell, tmp_path):
    x, y = made_up()
    run = softcell.train(cell, (x, y), out=tmp_path / "run", **TRAINED)
    pixels = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    network = softcell.torch.load(run)
    with torch.inference_mode():
        assert np.abs(network(pixels).numpy() - logits_of(run, pixels.numpy())).max() < 1e-5
    copied = copy.deepcopy(network).train()
    optimiser = torch.optim.SGD(copied.parameters(), lr=0.01)
    losses = []
    for _ in range(2):
        loss = torch.nn.functional.cross_entropy(copied(pixels), torch.from_numpy(y))
        optimiser.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in copied.parameters())
        assert sum(p.grad.abs().sum() > 0 for p in copied.parameters()) > 0.9 * len(list(copied.parameters()))
        optimiser.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]
    # The original of the copy has not moved.
    with torch.inference_mode():
        assert np.abs(network(pixels).numpy() - logits_of(run, pixels.numpy())).max() < 1e-5


@needs_torch
def test_a_genotype_in_all_its_forms_takes_exported_weights(run, tmp_path):
    sizes = dict(classes=10, channels=1, layers=2, init_channels=4, image_size=8)
    (tmp_path / "cell.txt").write_text(run.genotype)
    forms = [run, run.genotype, (run.path / "genotype.json").read_text(), tmp_path / "cell.txt", str(tmp_path / "cell.txt")]
    weights = _tensors(run.export("safetensors", tmp_path / "weights.safetensors"))
    x = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
    trained = softcell.torch.load(run)
    for form in forms:
        network = softcell.torch.genotype_network(form, **sizes)
        assert network.training and network.classes == [str(i) for i in range(10)]
        network.load_state_dict(weights, strict=True)
        assert torch.equal(network.eval()(trained.normalized(x)), trained(x))
    a, b = (softcell.torch.genotype_network("DARTS_V2", **sizes).classifier.weight for _ in range(2))
    assert not torch.equal(a, b)


def _tensors(path):
    safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    return safetensors.load_file(path)


@needs_torch
def test_the_auxiliary_head_and_drop_path(tmp_path):
    x, y = made_up(side=16)
    run = softcell.train("DARTS_V2", (x, y), out=tmp_path / "run", auxiliary=True, **TRAINED)
    pixels = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    network = softcell.torch.load(run, auxiliary=True)
    plain = softcell.torch.load(run)
    assert torch.equal(network(pixels), plain(pixels))
    network.train()
    logits, auxiliary = network(pixels)
    assert logits.shape == auxiliary.shape == (120, 3) and not torch.equal(logits, auxiliary)
    auxiliary.sum().backward()
    assert network.auxiliary_head.classifier.weight.grad is not None and network.stem[0].weight.grad.abs().sum() > 0
    # The head of the weights that are exported as well.
    fresh = softcell.torch.genotype_network("DARTS_V2", classes=3, layers=3, init_channels=4, image_size=16, auxiliary=True)
    fresh.load_state_dict(_tensors(run.export("safetensors", tmp_path / "weights.safetensors")), strict=True)
    # Nothing is dropped until it is said, and never in evaluation.
    fresh.load_state_dict(network.state_dict())
    assert torch.equal(fresh(network.normalized(pixels))[0], logits)
    fresh.drop_path_prob = 0.5
    assert not torch.equal(fresh(network.normalized(pixels))[0], fresh(network.normalized(pixels))[0])
    fresh.eval()
    assert torch.equal(fresh(network.normalized(pixels)), fresh(network.normalized(pixels)))


@needs_torch
def test_drop_path_keeps_the_mean():
    network = softcell.torch.genotype_network("DARTS_V2", classes=2, layers=1, init_channels=4)
    drop_path = type(network).forward.__globals__["drop_path"]
    x = torch.ones(20_000, 3, 2, 2)
    dropped = drop_path(x, 0.3)
    each = dropped.amax((1, 2, 3))
    assert torch.equal(each, dropped.amin((1, 2, 3))) and set(each.unique().tolist()) == {0.0, torch.tensor(1 / 0.7).item()}
    # Four standard deviations of the number of dropped ones.
    assert abs((each == 0).sum().item() - 6000) < 4 * (20_000 * 0.3 * 0.7) ** 0.5


@needs_torch
def test_sizes_and_statistics():
    network = softcell.torch.genotype_network("DARTS_V2", classes=["a", "b"], channels=2, layers=2, init_channels=4,
                                              mean=[0.5, 0.25], std=[0.25, 0.5])
    assert network.classes == ["a", "b"] and network(torch.zeros(2, 2, 20, 13)).shape == (2, 2)
    assert network.normalized(torch.full((1, 2, 1, 1), 255, dtype=torch.uint8)).flatten().tolist() == [2.0, 1.5]
    large = softcell.torch.genotype_network("DARTS_V2", classes=2, layers=2, init_channels=4, image_size=(96, 128))
    assert hasattr(large, "stem0") and "class Network(nn.Module)" in large.source
    paper = softcell.torch.genotype_network("DARTS_V2", classes=10)
    # What the paper says of this network: 3.3 million.
    assert round(sum(p.numel() for p in paper.parameters()) / 1e6, 1) == 3.3


@needs_torch
@pytest.mark.parametrize("genotype, given, text", [
    ("DARTS_V3", {}, "genotype"),
    ("DARTS_V2", dict(classes=0), "classes 0: expected 1 or more"),
    ("DARTS_V2", dict(layers=-1), "layers -1: expected 1 or more"),
    ("DARTS_V2", dict(layers=100_000), "layers"),
    ("DARTS_V2", dict(stem="wide"), "one of auto, cifar, imagenet"),
    ("DARTS_V2", dict(mean=[0.5]), "3 numbers each, one for each channel"),
    ("DARTS_V2", dict(std=[0.5, 0.0, 1.0]), "deviations above 0"),
    ("DARTS_V2", dict(image_size=4, auxiliary=True), "a feature map of at least 2x2"),
    (NB201, dict(auxiliary=True), "has no place for an auxiliary head"),
])
def test_what_cannot_be_built_is_refused(genotype, given, text):
    with pytest.raises(ValueError, match=text):
        softcell.torch.genotype_network(genotype, **{"classes": 10, **given})
