import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
import softcell
from conftest import SMALL, made_up, weights

TRAINED = dict(seed=3, epochs=2, layers=2, init_channels=4, progress=False)


def test_a_run_tells_what_it_came_to(run, lines):
    assert run.is_finished and len(run.classes) == 10
    assert run.test_accuracy == run.result["test_accuracy"] == json.loads((run.path / "result.json").read_text())["test_accuracy"]
    assert run.genotype.startswith("Genotype(") and run.genotype == run.result["genotype"]
    stages = [(line["stage"], line["epoch"]) for line in run.history]
    assert stages == [("search", 0), ("search", 1), ("train", 0), ("train", 1)]
    assert [(line["stage"], line["epoch"]) for line in lines] == stages
    assert lines[0]["train_loss"] == run.history[0]["train_loss"]
    assert softcell.Run.open(run.path).genotype == run.genotype
    assert softcell.__version__ in json.loads((run.path / "manifest.json").read_text())["version"]


def test_history_as_a_frame(run):
    pandas = pytest.importorskip("pandas")
    frame = run.history_frame()
    assert isinstance(frame, pandas.DataFrame) and len(frame) == 4


def test_the_program_comes_to_the_same_bits(run, tmp_path):
    program = os.environ.get("SOFTCELL_PROGRAM")
    if not program:
        pytest.skip("SOFTCELL_PROGRAM does not name the program")
    out = tmp_path / "program"
    flags = [f"--{key.replace('_', '-')}={value}" for key, value in SMALL.items()]
    subprocess.run([program, "fit", "--quiet", "--out", out, *flags], check=True, stdout=subprocess.DEVNULL)
    assert weights(softcell.Run.open(out)) == weights(run)


def test_arrays_are_as_a_file_of_them(tmp_path):
    x, y = made_up()
    np.savez(tmp_path / "own.npz", x_train=x, y_train=y)
    (tmp_path / "cell.txt").write_text(softcell.train("DARTS_V2", (x, y), out=tmp_path / "named", **TRAINED).genotype)
    of_file = softcell.train(tmp_path / "cell.txt", tmp_path / "own.npz", out=tmp_path / "file", **TRAINED)
    of_arrays = softcell.train("DARTS_V2", (x, y), out=tmp_path / "arrays", **TRAINED)
    assert weights(of_file) == weights(of_arrays)
    assert of_arrays.predict_proba(x).shape == (120, 3)
    assert len(list(tmp_path.glob("arrays-*.npz"))) == 1
    again = of_arrays.evaluate()
    assert again["test_accuracy"] == of_arrays.test_accuracy
    assert of_arrays.evaluate({"train": (x, y)}, part="all")["test_images"] == 120
    assert len(list(tmp_path.glob("arrays-*.npz"))) == 1


def test_labels_may_be_texts_and_data_sets_pairs(tmp_path):
    x, y = made_up()
    names = np.array(["left", "middle", "right"])[y]
    parts = {"train": (x[:90], names[:90]), "test": (x[90:], names[90:])}
    of_texts = softcell.train("DARTS_V2", parts, out=tmp_path / "texts", **TRAINED)
    assert of_texts.classes == ["left", "middle", "right"]
    assert of_texts.result["test_images"] == 30
    assert of_texts.predict(x[0]).label in of_texts.classes
    pairs = {"train": list(zip(x[:90], names[:90].tolist())), "test": list(zip(x[90:], names[90:].tolist()))}
    of_pairs = softcell.train("DARTS_V2", pairs, out=tmp_path / "pairs", **TRAINED)
    assert weights(of_pairs) == weights(of_texts)


def test_a_search_is_trained_in_its_folder(tmp_path):
    search = {key: value for key, value in SMALL.items() if key.startswith("search") or key in ("seed", "nodes", "images_per_class")}
    found = softcell.search(out=tmp_path / "run", progress=False, **search)
    assert not found.is_finished and found.genotype.startswith("Genotype(")
    with pytest.raises(softcell.Error, match=r"no result yet.*softcell.train\(run\)"):
        found.result
    trained = softcell.train(found, epochs=1, layers=2, init_channels=4, progress=False)
    assert trained.path == found.path and trained.is_finished
    with pytest.raises(softcell.Error, match="is trained already.*force=True"):
        softcell.train(trained)


def test_a_training_begins_from_the_weights_of_another(tmp_path):
    x, y = made_up()
    first = softcell.train("DARTS_V2", (x, y), out=tmp_path / "first", **{**TRAINED, "epochs": 8})
    further = softcell.train(None, (x, y), out=tmp_path / "further", start_from=first, seed=3, epochs=1, progress=False)
    assert further.result["init_channels"] == 4 and further.result["layers"] == 2 and further.genotype == first.genotype
    assert json.loads((further.path / "manifest.json").read_text())["started_from"] == str(first.path.resolve())
    fresh = softcell.train("DARTS_V2", (x, y), out=tmp_path / "fresh", **{**TRAINED, "epochs": 1})
    assert further.history[0]["train_loss"] < fresh.history[0]["train_loss"]
    with pytest.raises(softcell.Error, match="begin.* start_from= out"):
        softcell.train("DARTS_V2", (x, y), out=fresh.path, start_from=first, resume=True, **{**TRAINED, "epochs": 1})
    with pytest.raises(TypeError, match="needs a cell, such as 'DARTS_V2', or start_from="):
        softcell.train(data=(x, y))


def test_the_next_free_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = softcell.search(images_per_class=16, epochs=1, nodes=1, layers=2, init_channels=4, progress=False, threads=1)
    assert str(found.path) == os.path.join("runs", "digits-1")
    command = json.loads((found.path / "manifest.json").read_text())["command"]
    assert command[0] == "softcell.search" and "search.epochs=1" in command


def test_a_run_that_is_there_is_not_touched(run):
    with pytest.raises(softcell.Error, match="a run is there already; continue it with resume=True, replace it with force=True"):
        softcell.fit(out=run.path, **SMALL)
    again = softcell.fit(out=run.path, resume=True, progress=False, **SMALL)
    assert again.test_accuracy == run.test_accuracy
    with pytest.raises(softcell.Error, match="seed is 3 in the run, 4 was given"):
        softcell.fit(out=run.path, resume=True, progress=False, **{**SMALL, "seed": 4})


def test_stop_and_resume_come_to_the_same_bits(run, tmp_path):
    stopped = softcell.fit(out=tmp_path / "run", progress=False, **SMALL,
                           callback=lambda epoch: "stop" if epoch["stage"] == "train" else None)
    assert not stopped.is_finished
    assert weights(stopped.resume(progress=False)) == weights(run)


def test_a_selection_among_cells_is_stopped_and_gone_on_with(tmp_path):
    settings = dict(progress=False, seeds=2, random=2, **SMALL)
    whole = softcell.fit(out=tmp_path / "whole", **settings)
    assert whole.result["selection"]
    heard = []

    def callback(epoch):
        heard.append(epoch)
        # In the middle of the parts.
        return "stop" if len(heard) == 2 else None

    stopped = softcell.fit(out=tmp_path / "run", callback=callback, **settings)
    assert not stopped.is_finished and [line["stage"] for line in heard] == ["select"] * 2
    assert weights(stopped.resume(progress=False)) == weights(whole)


def test_an_exception_of_the_callback_ends_the_run(run, tmp_path):
    def callback(epoch):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        softcell.fit(out=tmp_path / "run", progress=False, callback=callback, **SMALL)
    assert weights(softcell.Run.open(tmp_path / "run").resume(progress=False)) == weights(run)


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
def test_ctrl_c_saves_and_the_run_goes_on_to_the_same_bits(tmp_path):
    # Long enough not to be done before the signal comes.
    settings = {**SMALL, "epochs": 60, "search_epochs": 1}
    script = textwrap.dedent(f"""
        import softcell
        try:
            softcell.fit(out="run", progress=False, callback=lambda e: print("epoch", flush=True), **{settings!r})
        except KeyboardInterrupt as error:
            print("interrupted:", error, flush=True)
    """)
    child = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "epoch\n"
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=60)[0]
    assert "interrupted: what was done is saved; go on with softcell.Run.open('run').resume()" in said, said
    assert child.returncode == 0
    stopped = softcell.Run.open(tmp_path / "run")
    assert not stopped.is_finished
    resumed = stopped.resume(progress=False)
    assert weights(resumed) == weights(softcell.fit(out=tmp_path / "whole", progress=False, **settings))


def test_threads_and_notes(run, tmp_path, caplog):
    caplog.set_level("INFO", "softcell")
    one = softcell.fit(out=tmp_path / "run", progress=False, threads=1, **SMALL)
    assert weights(one) == weights(run)
    assert json.loads((one.path / "manifest.json").read_text())["threads"] == 1
    assert any("found Genotype(" in record.message for record in caplog.records)
    # So few test images that no accuracy is sure.
    assert any(record.levelname == "WARNING" for record in caplog.records)


def test_other_threads_go_on_meanwhile(tmp_path):
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.005)

    thread = threading.Thread(target=tick)
    thread.start()
    begun = len(ticks)
    softcell.search(out=tmp_path / "run", images_per_class=60, epochs=4, nodes=2, layers=4, init_channels=8, progress=False)
    done.set()
    thread.join()
    assert len(ticks) > begun + 3


def test_a_bar_is_shown_where_it_can_be(tmp_path, capfd):
    pytest.importorskip("tqdm")
    softcell.search(out=tmp_path / "run", images_per_class=16, epochs=1, nodes=1, layers=2, init_channels=4)
    shown = capfd.readouterr().err
    assert "search: 100%" in shown, shown
