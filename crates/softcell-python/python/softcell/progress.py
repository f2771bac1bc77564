"""What is shown and called while work goes on."""

from __future__ import annotations

import json
import logging
from typing import Any, Callable

#: Notes of the library are told as INFO, what is to be said against a run as WARNING.
LOG = logging.getLogger("softcell")
Callback = Callable[[dict], Any]


class Teller:
    """Takes events of the library; ``callback`` gets those of epochs, and its "stop" ends the work at a step."""

    def __init__(self, callback: Callback | None, progress: bool | None) -> None:
        if callback is not None and not callable(callback):
            raise TypeError(f"callback: found {type(callback).__name__}, expected something that can be called")
        self._callback = callback
        self._tqdm = None
        self._bar = None
        self._steps = 1
        #: The folder of the run, once it has one.
        self.folder: str | None = None
        if progress is not False:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                if progress:
                    raise ImportError("progress=True needs tqdm: pip install tqdm") from None
            else:
                self._tqdm = tqdm

    def __call__(self, text: str) -> str | None:
        event = json.loads(text)
        kind = event.pop("event")
        if kind == "folder":
            self.folder = event["path"]
        if kind in ("note", "warning"):
            LOG.log(logging.INFO if kind == "note" else logging.WARNING, "%s", event["text"])
        if self._tqdm is not None:
            self._show(kind, event)
        if kind == "epoch" and self._callback is not None:
            answer = self._callback(event)
            if isinstance(answer, str):
                if answer != "stop":
                    raise ValueError(f"callback: found the answer {answer!r}, expected None or 'stop'")
                return answer
        return None

    def _show(self, kind: str, event: dict) -> None:
        if kind == "begin":
            self.close()
            self._steps = max(event["steps"], 1)
            self._bar = self._tqdm(total=event["total"], initial=event["done"], desc=event["stage"], unit="step")
        elif kind == "selecting":
            if self._bar is None or self._bar.desc != f"{event['what']}: ":
                self.close()
                self._bar = self._tqdm(total=event["total"], initial=event["done"], desc=event["what"], unit="step")
            self._to(event["done"])
        elif self._bar is not None and kind == "step":
            self._to(event["epoch"] * self._steps + event["step"] + 1)
            self._bar.set_postfix(epoch=event["epoch"] + 1, loss=f"{event['loss']:.3f}", refresh=False)
        elif self._bar is not None and kind == "epoch" and event["stage"] != "select":
            self._to((event["epoch"] + 1) * self._steps)
        elif kind == "end":
            self.close()

    def _to(self, done: int) -> None:
        self._bar.update(max(done - self._bar.n, 0))

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
