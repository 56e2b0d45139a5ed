"""What learning from new data did to a network: its scores before and after, and how far every layer moved."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foreknow.errors import ShapeError
from foreknow.learn.validation import Score


@dataclass(frozen=True)
class LayerDrift:
    """How far the parameters of a layer moved.

    Attributes:
        layer: its name in the network.
        size: number of values.
        before: their Euclidean norm before.
        moved: Euclidean norm of the difference.
    """

    layer: str
    size: int
    before: float
    moved: float

    @property
    def change(self) -> float:
        """Relative to the norm before; infinite where that was 0."""
        return self.moved / self.before if self.before else float("inf") if self.moved else 0.0


@dataclass(frozen=True)
class Scores:
    """A score before and after, higher being better."""

    before: float
    after: float

    @property
    def kept(self) -> float:
        """After as a fraction of before; of meaning for positive scores."""
        return self.after / self.before if self.before else float("nan")


@dataclass(frozen=True)
class DriftReport:
    """What was kept and what moved; `print` shows a table.

    Attributes:
        source: scores on what the network knew.
        target: scores on what it was to learn; None where they were not asked for.
        layers: one entry each, in the order of the network.
    """

    source: Scores
    target: Scores | None
    layers: tuple[LayerDrift, ...]

    def __str__(self) -> str:
        lines = [_scores("source", self.source)]
        if self.target is not None:
            lines.append(_scores("target", self.target))
        width = max([len("layer"), *(len(layer.layer) for layer in self.layers)])
        lines.append(f"{'layer'.ljust(width)}  {'values':>8}  {'norm':>10}  {'moved':>10}  change")
        for layer in self.layers:
            change = f"{layer.change:.2%}" if layer.moved else "none, to the last bit"
            lines.append(f"{layer.layer.ljust(width)}  {layer.size:>8}  {layer.before:>10.4g}  {layer.moved:>10.4g}  {change}")
        return "\n".join(lines)


def measure_drift(before: nn.Module, after: nn.Module, source: Score, target: Score | None = None) -> DriftReport:
    """Compare a network with what it was.

    Args:
        before: a copy of the network from before (`copy.deepcopy`), on the same device.
        after: the network.
        source: how well a network does on what it knew, higher being better; such as minus an `evaluate`, or a ratio of signal to
            error.
        target: how well it does on what was new.

    Raises:
        ShapeError: if the two are not the same network.
    """
    old, new = dict(before.named_parameters()), dict(after.named_parameters())
    if {name: tensor.shape for name, tensor in old.items()} != {name: tensor.shape for name, tensor in new.items()}:
        message = "the two networks have different parameters; compare a network with a copy of itself from before"
        raise ShapeError(message)
    groups: dict[str, list[str]] = {}
    for name in old:
        groups.setdefault(layer_of(name), []).append(name)
    layers = tuple(_layer(layer, [old[name] for name in names], [new[name] for name in names]) for layer, names in groups.items())
    return DriftReport(
        Scores(source(before), source(after)), None if target is None else Scores(target(before), target(after)), layers
    )


def layer_of(name: str) -> str:
    """The layer that a parameter belongs to: its path up to the first number in it, or its module.

    ``layers.3.problem.weight`` is of ``layers.3``, ``decoder.conv.weight`` of ``decoder.conv``.
    """
    parts = name.split(".")
    for index, part in enumerate(parts):
        if part.isdigit():
            return ".".join(parts[: index + 1])
    return ".".join(parts[:-1]) or name


def _layer(name: str, before: list[nn.Parameter], after: list[nn.Parameter]) -> LayerDrift:
    moved = [now.detach().double() - was.detach().double() for was, now in zip(before, after, strict=True)]
    return LayerDrift(name, sum(was.numel() for was in before), _norm([was.detach().double() for was in before]), _norm(moved))


def _norm(tensors: list[Tensor]) -> float:
    return float(torch.stack([torch.linalg.vector_norm(tensor) for tensor in tensors]).norm())


def _scores(name: str, scores: Scores) -> str:
    kept = f", {scores.kept:.1%} of it kept" if name == "source" and scores.before > 0 else ""
    return f"{name}: {scores.before:.4g} before, {scores.after:.4g} after{kept}"
