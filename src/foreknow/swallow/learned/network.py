"""The network that tells swallows from all else: spatial patterns, smooth nuisance out, unrolled sparse coding, a small head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError
from foreknow.model import Model
from foreknow.noise import Gaussian
from foreknow.operators import Convolution
from foreknow.parameters import Positive
from foreknow.priors import L1, NonNegative, Smoothness
from foreknow.problem import Component
from foreknow.simulate.blur import gaussian_blur
from foreknow.solve import FISTA
from foreknow.solve.step_rule import NormStep
from foreknow.swallow.movement.chart import CELL_MM, CELLS, COLUMNS, LEFT_MM, ROWS
from foreknow.swallow.simulate import Kind
from foreknow.unroll import Estimate, Operators, StepSizes, UnrolledNetwork, Weights

KINDS = tuple(Kind)
"""The classes of what happens, in the order of the network's output ``kinds``."""
POSE = 6
PROFILES = 2 * ROWS
INPUTS = CELLS + POSE + PROFILES
"""Rows of the network's input: cells, pose, and the neck's shape at rest."""

_MIDDLE_MM, _BESIDE_MM = 8.0, (14.0, 26.0)
_POSE_UNITS = (0.02, 0.02, 0.02, 2.0, 2.0, 2.0)  # radians and millimetres that count as 1
_SHAPE_UNIT = 10.0  # millimetres
_STILL = 1e-5  # millimetres
_HOLES = 0.8  # cells over which holes are filled


@dataclass(frozen=True)
class NetworkSettings:
    """The size of the network.

    Attributes:
        patterns: spatial patterns onto which the neck's deformation is projected.
        swallow_atoms: courses in time that swallows are made of.
        other_atoms: the same of all else that is short.
        taps: frames of an atom, odd.
        steps: of the unrolled FISTA.
        hidden: channels of the head.
        window: frames that the network sees at once.

    Raises:
        ParameterError: if a number is too small, or ``taps`` even or longer than the window.
    """

    patterns: int = 10
    swallow_atoms: int = 6
    other_atoms: int = 8
    taps: int = 41
    steps: int = 4
    hidden: int = 32
    window: int = 120

    def __post_init__(self) -> None:
        if min(asdict(self).values()) < 1 or self.taps % 2 == 0 or self.taps >= self.window:
            message = f"a network needs positive sizes, and an odd number of taps below its window, not {self}"
            raise ParameterError(message)


def network_input(change: Tensor, weight: Tensor, pose: Tensor, shape: Tensor) -> Tensor:
    """Features as the network takes them, (INPUTS, time).

    Args:
        change: (time, CELLS) millimetres.
        weight: (time, CELLS), 0 to 1; holes are filled from the cells around.
        pose: (time, 6).
        shape: (CELLS,) of the neck at rest.
    """
    grid = torch.stack((change * weight, weight)).reshape(2, -1, ROWS, COLUMNS)
    total, seen = gaussian_blur(grid, _HOLES)
    cells = (total / (seen + 0.02)).flatten(1)
    scaled = pose / pose.new_tensor(_POSE_UNITS)
    profiles = shape_profiles(shape).expand(len(change), -1)
    return torch.cat((cells, scaled, profiles), dim=1).T


def before_recording(column: Tensor) -> Tensor:
    """What stands for the time before a recording: the first column (INPUTS,) with the neck at rest."""
    return torch.cat((torch.zeros(CELLS), column[CELLS:]))


def shape_profiles(shape: Tensor) -> Tensor:
    """How the middle of the neck runs from above to below, and by how much it stands out from beside it, (PROFILES,)."""
    across = (LEFT_MM + CELL_MM * (torch.arange(COLUMNS) + 0.5)).abs()
    table = shape.reshape(ROWS, COLUMNS)
    middle = table[:, across < _MIDDLE_MM].mean(1)
    beside = table[:, (across > _BESIDE_MM[0]) & (across < _BESIDE_MM[1])].mean(1)
    return torch.cat((middle, beside - middle)) / _SHAPE_UNIT


def swallow_model(swallows: Tensor, others: Tensor) -> Model:
    """The declared model of the projected deformation y, (patterns, time), without its smooth part.

    y = D * x + E * z + noise, x >= 0 sparse in time (swallows), z sparse (speech, cough, chewing, what the head does).

    Args:
        swallows: D, (patterns, swallow_atoms, taps).
        others: E, (patterns, other_atoms, taps).
    """
    return Model(
        noise=Gaussian(1.0),
        swallow=Component(L1(0.5, event_dims=2) & NonNegative(event_dims=2), Convolution(swallows)),
        other=Component(L1(0.5, event_dims=2), Convolution(others)),
    )


class SwallowNetwork(nn.Module):
    """From a window of features to what happens at each of its frames.

    The deformation is projected onto learned spatial patterns. Its smooth part (breathing, drift, slow posture), which a quadratic
    prior describes, is eliminated exactly by that prior's proximal map. What is left is explained by a few unrolled steps of FISTA
    on `swallow_model`. A small convolutional head reads the activations together with the pose and the shape of the neck.

    Args:
        settings: sizes.
        seed: of the first weights.
    """

    def __init__(self, settings: NetworkSettings | None = None, seed: int = 0) -> None:
        super().__init__()
        self.settings = settings = settings or NetworkSettings()
        generator = torch.Generator().manual_seed(seed)

        def drawn(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator)

        patterns = gaussian_blur(drawn(settings.patterns, ROWS, COLUMNS), 2.0).flatten(1)
        self.patterns = nn.Parameter(patterns / patterns.norm(dim=1, keepdim=True))
        self.trend = Smoothness(Positive(250.0), event_dims=1)
        self.least_noise = Positive(1.0)
        swallows = drawn(settings.patterns, settings.swallow_atoms, settings.taps)
        others = drawn(settings.patterns, settings.other_atoms, settings.taps)
        model = swallow_model(_shortened(swallows), _shortened(others))
        learn = [Weights(), Operators(), StepSizes()]
        self.coding = UnrolledNetwork(model.problem, FISTA(step=NormStep()), settings.steps, learn, shared=True)
        atoms = settings.swallow_atoms + settings.other_atoms
        inputs = atoms + 2 * settings.patterns + 2 * POSE + 1 + PROFILES
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = nn.Sequential(
                nn.Conv1d(inputs, settings.hidden, 5, padding=2),
                nn.GELU(),
                nn.Conv1d(settings.hidden, settings.hidden, 9, padding=8, dilation=2),
                nn.GELU(),
                nn.Conv1d(settings.hidden, settings.hidden, 9, padding=16, dilation=4),
                nn.GELU(),
                nn.Conv1d(settings.hidden, 2 + len(KINDS), 1),
            )
            last = self.head[-1]
            assert isinstance(last, nn.Conv1d)  # noqa: S101
            nn.init.constant_(last.bias, -3.0) if last.bias is not None else None

    def forward(self, y: Tensor) -> dict[str, Tensor]:
        """What happens at each frame of windows.

        Args:
            y: (batch, INPUTS, time), see `network_input`.

        Returns:
            ``peak`` (batch, 1, time): logit that a swallow has its peak here; ``kinds`` (batch, KINDS, time): logits of what
            happens; ``lift`` (batch, 1, time): how far the larynx is up, in units of 10 mm.
        """
        _, pose, profiles = y.split((CELLS, POSE, PROFILES), dim=1)
        short, scale = self._projected(y)
        scaled = short / scale
        estimate = self.coding(scaled)
        activations = torch.cat((estimate.coefficients["swallow"], estimate.coefficients["other"]), dim=1)
        moved = pose - self.trend.prox(pose, torch.ones((), dtype=y.dtype))
        moving = torch.nn.functional.pad(pose.diff(dim=2), (1, 0))
        context = torch.cat((scale.log().expand(-1, 1, y.shape[2]), profiles), dim=1)
        out = self.head(torch.cat((activations, 0.3 * scaled, 0.3 * short, moved, 5 * moving, context), dim=1))
        peak, lift, kinds = out.split((1, 1, len(KINDS)), dim=1)
        return {"peak": peak, "kinds": kinds, "lift": lift + 3.0}

    def code(self, y: Tensor) -> tuple[Tensor, Estimate]:
        """What the unrolled algorithm is given, (batch, patterns, time), and how it explains that."""
        short, scale = self._projected(y)
        scaled = short / scale
        return scaled, self.coding(scaled)

    def _projected(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The deformation on the patterns without its smooth part, millimetres, and the scale of its noise (batch, 1, 1)."""
        projected = self.patterns @ y[:, :CELLS]
        short = projected - self.trend.prox(projected, torch.ones((), dtype=y.dtype))
        jumps = projected.diff(n=2, dim=2).abs()
        jumps = torch.where(jumps > _STILL, jumps, torch.nan)  # before a recording nothing moves, which is no lack of noise
        noise = (jumps.nanmedian(dim=2, keepdim=True).values.nan_to_num(0.0) / 1.65).mean(dim=1, keepdim=True)
        return short, (self.least_noise().to(y.dtype).square() + noise.square()).sqrt()

    def start_patterns(self, patterns: Tensor) -> None:
        """Begin with these patterns, (patterns, CELLS), and not with random ones."""
        with torch.no_grad():
            self.patterns.copy_(patterns)

    def as_settings(self) -> dict[str, int]:
        """What `from_settings` builds the same network from."""
        return asdict(self.settings)

    @classmethod
    def from_settings(cls, settings: Mapping[str, int]) -> SwallowNetwork:
        """A network of these sizes.

        Raises:
            TypeError, ParameterError: if they are none.
        """
        return cls(NetworkSettings(**settings))


def _shortened(atoms: Tensor) -> Tensor:
    """Random atoms made smooth in time, of unit norm for each place in the code."""
    smooth = gaussian_blur(atoms, 2.5) * torch.hann_window(atoms.shape[2], periodic=False)
    return smooth / smooth.square().sum(dim=(0, 2), keepdim=True).sqrt()
