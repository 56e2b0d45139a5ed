"""The methods under comparison with their tuned parameters: our own and the baselines."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from benchmarks.baselines.method import Extraction, Method
from benchmarks.baselines.teager import Teager
from benchmarks.baselines.two_dictionaries import TwoDictionaries
from benchmarks.baselines.wavelet_threshold import WaveletThreshold
from benchmarks.baselines.wtst_nst import WtstNst
from benchmarks.foreknow_lung import NAME, UNROLLED, ForeknowLung, why_unavailable

TUNED = Path(__file__).parent / "baselines" / "tuned.json"
BASELINES: dict[str, Method] = {
    "Teager-Kaiser": Teager(),
    "WTST-NST": WtstNst(),
    "db10 soft threshold": WaveletThreshold(),
    "DCT + db10 (FISTA)": TwoDictionaries(),
}


@dataclass(frozen=True, slots=True)
class Contender:
    """A method as it is compared.

    Attributes:
        name: in the table.
        method: with its parameters.
        offset: seconds by which its times are late on the training seeds, subtracted.
    """

    name: str
    method: Method
    offset: float

    def __call__(self, recording: Tensor, rate: float) -> Extraction:
        """The method's answer with the offset taken off its times."""
        found = self.method(recording, rate)
        return Extraction(found.crackles, found.times - self.offset)


def contenders() -> tuple[list[Contender], list[str]]:
    """Ours first, then the baselines, each as tuned; and notes on what is missing."""
    tuned = json.loads(TUNED.read_text()) if TUNED.is_file() else {}
    notes = [] if tuned else ["The baselines are not tuned (no baselines/tuned.json): run `python -m benchmarks.tune_lung`."]
    listed = []
    if reason := why_unavailable():
        notes.append(f"{NAME} is not available: {reason}.")
    else:
        listed.append(Contender(UNROLLED, ForeknowLung("unrolled"), 0.0))
        listed.append(Contender(NAME, ForeknowLung(), tuned.get(NAME, {}).get("offset", 0.0)))
    for name, method in BASELINES.items():
        entry = tuned.get(name, {})
        listed.append(Contender(name, replace(method, **entry.get("parameters", {})), entry.get("offset", 0.0)))
    if tuned and (untuned := [name for name in BASELINES if name not in tuned]):
        notes.append(f"Not tuned, run with the settings of their publication: {', '.join(untuned)}.")
    return listed, notes
