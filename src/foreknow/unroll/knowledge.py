"""What an unrolled network has learned, in the terms of the model: what each parameter was, is, and means."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foreknow.noise import Noise
from foreknow.operators import FilterBank
from foreknow.operators.base import LinearOperator
from foreknow.parameters import Parameter
from foreknow.priors import PlugIn, Prior
from foreknow.problem import Problem
from foreknow.solve import Algorithm
from foreknow.unroll.layer import Layer


@dataclass(frozen=True)
class Learned:
    """One learned quantity.

    Attributes:
        step: the step it belongs to, counted from 1; None where all steps share it.
        owner: the component, "noise" or the algorithm.
        name: of the quantity, such as "weight".
        meaning: one phrase.
        was: before training, detached.
        now: its present value, detached.
    """

    step: int | None
    owner: str
    name: str
    meaning: str
    was: Tensor
    now: Tensor

    @property
    def change(self) -> float:
        """|now - was| / |was|, Euclidean."""
        size = float(torch.linalg.vector_norm(self.was.double()))
        moved = float(torch.linalg.vector_norm(self.now.double() - self.was.double()))
        return moved / size if size else float("inf") if moved else 0.0


@dataclass(frozen=True)
class Knowledge:
    """All that a network has learned, a row a quantity and step; `print` shows it as a table."""

    rows: tuple[Learned, ...]

    def __str__(self) -> str:
        if not self.rows:
            return "nothing is learned"
        head = ("step", "of", "quantity", "was", "is", "change", "meaning")
        lines = [head] + [
            (
                "all" if row.step is None else str(row.step),
                row.owner,
                row.name,
                _text(row.was),
                _text(row.now),
                f"{row.change:.1%}",
                row.meaning,
            )
            for row in self.rows
        ]
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)

    def of(self, owner: str, name: str) -> tuple[Learned, ...]:
        """The rows of one quantity, a row a step."""
        return tuple(row for row in self.rows if row.owner == owner and row.name == name)


def read_knowledge(declared: Problem, algorithm: Algorithm[Any], layers: Sequence[Layer]) -> Knowledge:
    """Compare layers with what they started from.

    Args:
        declared: the problem as declared.
        algorithm: as it was given.
        layers: one, if all steps share it; else one a step.
    """
    rows: list[Learned] = []
    started = Layer(declared, algorithm)
    for index, layer in enumerate(layers):
        if any(parameter.requires_grad for parameter in layer.parts_of_algorithm.parameters()):
            started.learn_steps()
        step = None if len(layers) == 1 else index + 1
        before = {quantity.key: quantity.value for quantity in _quantities(started)}
        for quantity in _quantities(layer, learned=True):
            was = before.get(quantity.key, quantity.value)
            rows.append(Learned(step, quantity.owner, quantity.name, quantity.meaning, was, quantity.value))
    return Knowledge(tuple(rows))


@dataclass(frozen=True)
class _Quantity:
    """What could be learned: a key that says where it stands in a layer, and the fields of `Learned`."""

    key: str
    owner: str
    name: str
    meaning: str
    value: Tensor


def _quantities(layer: Layer, *, learned: bool = False) -> Iterator[_Quantity]:
    """All that could be learned, or only what is."""
    problem = layer.problem
    for component, operator, prior in zip(problem.names, problem.linear_operators(), problem.declared_priors(), strict=True):
        yield from _of_module(f"{component}.prior", component, prior, learned=learned)
        yield from _of_module(f"{component}.operator", component, operator, learned=learned)
    yield from _of_module("noise", "noise", problem.noise, learned=learned)
    for name, part in layer.parts_of_algorithm.items():
        yield from _of_module(f"algorithm.{name}", layer.algorithm.name, part, learned=learned)


def _of_module(key: str, owner: str, module: nn.Module, *, learned: bool) -> Iterator[_Quantity]:
    within: nn.Module | None = None  # the last quantity, whose own parts are not listed again
    parents = {id(child): parent for parent in module.modules() for child in parent.children()}
    for path, part in module.named_modules(prefix=key):
        if within is not None and any(part is inner for inner in within.modules()):
            continue
        if learned and not any(parameter.requires_grad for parameter in part.parameters()):
            continue
        if isinstance(part, Parameter):
            within = part
            name = path.rpartition(".")[2].removesuffix("_parameter").replace("_", " ")
            yield _Quantity(path, owner, name, _meaning(parents.get(id(part)), name), part().detach())
        elif isinstance(part, FilterBank):
            meaning = "low-pass filter of the wavelet, orthonormal whatever is learned"
            yield _Quantity(path, owner, "scaling filter", meaning, part.scaling_filter.detach())
        elif isinstance(part, PlugIn):
            denoiser = part.denoiser.parameters() if isinstance(part.denoiser, nn.Module) else ()
            flat = [parameter.detach().flatten() for parameter in denoiser if parameter.requires_grad or not learned]
            if flat:
                yield _Quantity(path, owner, "network", "the plugged-in denoiser", torch.cat(flat))
        elif isinstance(part, LinearOperator):
            for name in part.kept:
                value = getattr(part, name)
                if value.requires_grad or not learned:
                    yield _Quantity(f"{path}.{name}", owner, name, f"what {type(part).__name__} is made of", value.detach())


def _meaning(parent: nn.Module | None, name: str) -> str:
    if isinstance(parent, Prior):
        return f"{name} of {parent.formula.format(x='x')}"
    if isinstance(parent, Noise):
        return "standard deviation of the noise"
    return "inside its bound of convergence whatever is learned"


def _text(value: Tensor) -> str:
    if value.numel() == 1:
        return f"{float(value):.4g}"
    flat = value.double().flatten()
    return f"{tuple(value.shape)} in [{float(flat.min()):.3g}, {float(flat.max()):.3g}]"
