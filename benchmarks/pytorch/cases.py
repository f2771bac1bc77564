"""Runs the cases of recordings: from what is given to all that comes out, under the names of the recordings.

| kind | given | comes out |
|---|---|---|
| operations | `NAME.param.*`, `NAME.input`, `NAME.grad_output` | `NAME.output`, `NAME.grad_input`, `NAME.grad.*` |
| search | `init.*`, `step.T.train.*`, `step.T.valid.*` (`input`, `target`), `eval.input` | see `run_search` |
| derived | `init.*`, `train.input`, `train.target` | see `run_derived` |
"""

import re

import torch

import genotypes
from bench import MODES, prepared
from network import OPERATIONS, DerivedNetwork, Supernet
from recording import under
from step import SearchSettings, SearchStep, TrainStep, evaluate

ALPHAS = ("alphas_normal", "alphas_reduce")
GIVEN = {
    "operations": r".*\.(param\..*|input|grad_output)",
    "search": r"init\..*|step\.\d+\.(train|valid)\.(input|target)|eval\.input",
    "derived": r"init\..*|train\.(input|target)",
}


def given(tensors, kind):
    """What a case begins with, of all that its recording holds."""
    return {name: tensor for name, tensor in tensors.items() if re.fullmatch(GIVEN[kind], name)}


def run(case, tensors, dtype=torch.float32, mode="eager"):
    """Runs a case in a precision and a mode (see bench.py), the original's being "eager".

    Returns the tensors that come out, and the facts that a recording has in its case.
    """
    tensors = {
        name: tensor.detach().to(dtype) if tensor.is_floating_point() else tensor
        for name, tensor in given(tensors, case["kind"]).items()
    }
    runs = {"operations": run_operations, "search": run_search, "derived": run_derived}
    out, facts = runs[case["kind"]](tensors, case, MODES[mode], dtype)
    return {name: tensor.detach().clone() for name, tensor in out.items()}, facts


def run_operations(tensors, case, mode, dtype):
    """Every operation alone: output, gradient of the input, gradients of the parameters."""
    out = {}
    for name in case["cases"]:
        operation, stride, affine = name.rsplit(".", 2)
        own = under(tensors, name + ".")
        module = OPERATIONS[operation](case["channels"], int(stride[1:]), affine == "affine")
        module = loaded(module, under(own, "param."), dtype, mode)
        # A copy: an identity gives out what it was given, and the gradient is kept with it.
        x = in_format(own["input"], mode).clone().requires_grad_()
        output = module(x)
        output.backward(own["grad_output"])
        out |= {f"{name}.output": output, f"{name}.grad_input": x.grad}
        out |= {f"{name}.grad.{key}": weight.grad for key, weight in module.named_parameters()}
    return out, {}


def run_search(tensors, case, mode, dtype):
    """Some steps of a search, then one evaluation.

    Per step T `step.T.grad.alphas_*` as Adam sees them, `step.T.alphas_*` after it, then `step.T.train.logits`,
    `.loss` and `.grad_norm` (before clipping); `step.0.grad.*` of all weights, before clipping; `final.*`, the state
    after the last step; `eval.logits`. The fact is the genotype of the last alphas.
    """
    out = {}
    settings = SearchSettings(**{key: case[key] for key in SearchSettings.__dataclass_fields__})
    initial = under(tensors, "init.")
    alphas = tuple(initial.pop(name).clone().requires_grad_() for name in ALPHAS)
    supernet = Supernet(case["init_channels"], case["layers"], case["nodes"], case["classes"], mode.lean)
    supernet = loaded(supernet, initial, dtype, mode)
    step = SearchStep(supernet, alphas, "second" if case["unrolled"] else "first", settings, mode.lean)

    def record(prefix, **values):
        out.update({f"{prefix}.{name}": value.detach().clone() for name, value in values.items()})

    for t in range(case["steps"]):
        here = f"step.{t}"
        train, valid = (
            (in_format(tensors[f"{here}.{part}.input"], mode), tensors[f"{here}.{part}.target"])
            for part in ("train", "valid")
        )
        step.architecture_gradients(train, valid)
        record(f"{here}.grad", **{name: alpha.grad for name, alpha in zip(ALPHAS, alphas)})
        step.arch_optimizer.step()
        record(here, **dict(zip(ALPHAS, alphas)))

        logits, loss = step.weight_gradients(train)
        if t == 0:
            record(f"{here}.grad", **{name: weight.grad for name, weight in supernet.named_parameters()})
        record(f"{here}.train", logits=logits, loss=loss, grad_norm=step.weight_update())

    record("final", **supernet.state_dict())
    supernet.eval()
    with torch.inference_mode():
        record("eval", logits=supernet(in_format(tensors["eval.input"], mode), *alphas))
    return out, {"genotype": genotypes.derive(*alphas)}


def run_derived(tensors, case, mode, dtype):
    """A derived network: one training pass, then an evaluation of the same images.

    `train.logits`, `train.logits_aux` with an auxiliary head, `train.loss` (of both heads), `grad.*`, `final.*`
    (the normalisations have moved), `eval.logits`. The fact is the number of parameters without auxiliary head.
    """
    genotype = genotypes.parse(case["genotype"])
    network = DerivedNetwork(genotype, case["init_channels"], case["layers"], case["classes"], case["auxiliary"])
    network = loaded(network, under(tensors, "init."), dtype, mode)
    counted = (weight.numel() for name, weight in network.named_parameters() if "auxiliary" not in name)
    facts = {"parameters": sum(counted)}

    images = in_format(tensors["train.input"], mode)
    step = TrainStep(network, auxiliary_weight=case["auxiliary_weight"])
    logits, logits_auxiliary, loss = step.gradients((images, tensors["train.target"]))
    out = {"train.logits": logits, "train.loss": loss}
    if logits_auxiliary is not None:
        out["train.logits_aux"] = logits_auxiliary
    out |= {f"grad.{name}": weight.grad for name, weight in network.named_parameters()}
    out |= {f"final.{name}": tensor for name, tensor in network.state_dict().items()}
    return out | {"eval.logits": evaluate(network.eval(), images)}, facts


def in_format(images, mode):
    return images.contiguous(memory_format=torch.channels_last) if mode.channels_last else images


def loaded(network, state, dtype, mode):
    """The network with a recorded state. A weight that the recording lacks or does not fit is an error."""
    missing, unexpected = network.to(dtype).load_state_dict(state, strict=False)
    odd = [name for name in [*missing, *unexpected] if not name.endswith("num_batches_tracked")]
    if odd:
        raise ValueError(f"the recording and the network differ in {odd[:5]}")
    return prepared(network, mode)
