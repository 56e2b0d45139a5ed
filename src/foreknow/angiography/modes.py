"""The ways to take a run apart, with one kind of result: solved, unrolled, by a network, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, cast

from torch import Tensor, nn

from foreknow.angiography.separate import Separation, separate_run
from foreknow.angiography.settings import EnhanceSettings
from foreknow.errors import DataError, ParameterError

if TYPE_CHECKING:
    from foreknow.angiography.network.vessel_network import VesselNetwork
    from foreknow.unroll import UnrolledNetwork

Tell = Callable[[float], None]


class Mode(StrEnum):
    """How vessels are separated.

    Attributes:
        AUTO: ``NETWORK``, and ``FRAME`` for runs that are too short to know their median.
        CLASSICAL: robust PCA to a certified gap.
        UNROLLED: the same in a few learned steps.
        NETWORK: a trained network that knows the median of the run.
        FRAME: the network, each frame as if it were the only one.
    """

    AUTO = "auto"
    CLASSICAL = "classical"
    UNROLLED = "unrolled"
    NETWORK = "network"
    FRAME = "frame"


@dataclass(frozen=True)
class Enhancer:
    """Separates runs in one mode; networks are loaded when they are first needed, and once.

    Attributes:
        mode: how.
        settings: numbers of it.
        model: folder of a saved model for the modes that need one; that which comes with foreknow if None.
        device: where networks compute.

    Raises:
        ParameterError: if a model is given to a mode that has none.
    """

    mode: Mode = Mode.AUTO
    settings: EnhanceSettings = field(default_factory=EnhanceSettings)
    model: Path | None = None
    device: str = "cpu"
    _loaded: dict[str, nn.Module] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.model is not None and self.mode is Mode.CLASSICAL:
            message = "--model has no meaning for the mode classical, which needs none; choose network, frame or unrolled"
            raise ParameterError(message)

    def require_model(self) -> None:
        """Load what the mode needs, so that a model that cannot be read is found before any work.

        Raises:
            InputFileError: if the saved model cannot be read.
        """
        if self.mode is Mode.UNROLLED:
            self._unrolled()
        elif self.mode is not Mode.CLASSICAL:
            self._network()

    def mode_for(self, frames: int) -> Mode:
        """The mode for a run of so many frames."""
        if self.mode is not Mode.AUTO:
            return self.mode
        return Mode.FRAME if frames < self.settings.least_frames else Mode.NETWORK

    def separate(
        self,
        attenuation: Tensor,
        opened: Tensor | None = None,
        darkest: float = math.inf,
        name: str = "the run",
        progress: Tell | None = None,
    ) -> Separation:
        """Take a run apart; arguments and errors as for `separate_run`.

        Raises:
            DataError: if there is nothing to separate, or too few frames for the mode.
            InputFileError: if a saved model cannot be read.
        """
        mode = self.mode_for(len(attenuation))
        if mode in {Mode.NETWORK, Mode.FRAME}:
            from foreknow.angiography.network.separate_network import separate_by_network  # noqa: PLC0415

            alone = mode is Mode.FRAME
            found = separate_by_network(self._network(), attenuation, opened, darkest, self.settings, name, progress, alone=alone)
            if self.mode is Mode.AUTO and alone:
                found = replace(found, notices=(*found.notices, _too_short(len(attenuation))))
            return found
        if mode is Mode.UNROLLED:
            from foreknow.angiography.unrolled import UnrolledSolver  # noqa: PLC0415

            still = replace(self.settings, pan_gain=0.0)
            return separate_run(attenuation, opened, darkest, still, name, progress, UnrolledSolver(self._unrolled()))
        try:
            return separate_run(attenuation, opened, darkest, self.settings, name, progress)
        except DataError as error:
            if len(attenuation) >= self.settings.least_frames:
                raise
            message = f"{error}, or look at single frames: --mode frame"
            raise DataError(message) from error

    def _network(self) -> VesselNetwork:
        from foreknow.angiography.network.saved import load_network  # noqa: PLC0415

        if "network" not in self._loaded:
            self._loaded["network"] = load_network(self.model)[0].to(self.device)
        return cast("VesselNetwork", self._loaded["network"])

    def _unrolled(self) -> UnrolledNetwork:
        from foreknow.angiography.unrolled_saved import load_unrolled  # noqa: PLC0415

        if "unrolled" not in self._loaded:
            self._loaded["unrolled"] = load_unrolled(self.model)[0].to(self.device)
        return cast("UnrolledNetwork", self._loaded["unrolled"])


def _too_short(frames: int) -> str:
    count = f"{frames} frames are" if frames > 1 else "one frame is"
    return f"{count} too few for separation by movement: a trained network looked at each alone"
