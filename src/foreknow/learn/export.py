"""A trained network as a file that runs without foreknow: ONNX, TorchScript; checked to say the same."""

import logging
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from foreknow.errors import DataError, ForeknowError, ShapeError
from foreknow.inject import Separator
from foreknow.learn.durable import durable_path
from foreknow.learn.emission import read_emission


class ExportError(ForeknowError, RuntimeError):
    """The network cannot be written as a file, or the file says something else than the network; nothing was written."""


def export_onnx(path: str | Path, network: nn.Module, examples: Sequence[Tensor], *, tolerance: float = 1e-4) -> tuple[str, ...]:
    """Write a network as ONNX, for inputs of any size that it takes, and check it with ONNX Runtime.

    Args:
        path: of the file; its folder is made if it is not there.
        network: from data to an `Estimate`, a dictionary of components or a tensor; written as in evaluation.
        examples: inputs for which the file must say the same as the network, of different sizes where sizes shall vary. An axis
            that has the same length in all examples may be fixed in the file.
        tolerance: largest difference, relative to the largest value of the output.

    Returns:
        The names of the components, in the order of the outputs.

    Raises:
        ExportError: if the network cannot be written, or a result differs.
        DataError: if there is no example.
        ForeknowError: if the libraries for ONNX are not installed.
        OSError: if the file cannot be written.
    """
    try:
        import onnxruntime  # noqa: PLC0415  (optional)
        import onnxscript  # noqa: F401, PLC0415
    except ImportError as error:
        message = (
            "ONNX files need the libraries onnx, onnxscript and onnxruntime; install them with: pip install 'foreknow[networks]'"
        )
        raise ForeknowError(message) from error
    graph, names = _prepare(network, examples)
    varying = {
        axis: torch.export.Dim.DYNAMIC for axis in range(examples[0].ndim) if len({example.shape[axis] for example in examples}) > 1
    }
    with durable_path(Path(path)) as temporary, _Evaluating(network):
        try:
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")  # of the exporter about its own internals
                logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # and about libraries that it does not need
                program = torch.onnx.export(
                    graph,
                    (examples[0],),
                    dynamo=True,
                    dynamic_shapes=(varying,),
                    input_names=["y"],
                    output_names=list(names),
                    verbose=False,
                )
            assert program is not None  # noqa: S101  (with dynamo=True)
            program.save(str(temporary), external_data=False)
        except Exception as error:
            message = f"{path}: the network cannot be written as ONNX: {_first_line(error)}"
            raise ExportError(message) from error
        session = onnxruntime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])

        def run(y: Tensor) -> tuple[Tensor, ...]:
            return tuple(torch.from_numpy(out) for out in session.run(None, {"y": y.cpu().numpy()}))

        _compare(path, graph, run, examples, names, tolerance)
    return names


def export_torchscript(
    path: str | Path, network: nn.Module, examples: Sequence[Tensor], *, tolerance: float = 1e-5
) -> tuple[str, ...]:
    """Write a network as TorchScript, which `torch.jit.load` and libtorch run, and check it.

    The file is a trace of the first example; that it serves for the sizes of the others is checked. It returns a tuple.

    Args:
        path: of the file; its folder is made if it is not there.
        network: as for `export_onnx`.
        examples: as for `export_onnx`.
        tolerance: largest difference, relative to the largest value of the output.

    Returns:
        The names of the components, in the order of the outputs.

    Raises:
        ExportError: if the network cannot be written, or a result differs.
        DataError: if there is no example.
        OSError: if the file cannot be written.
    """
    graph, names = _prepare(network, examples)
    with durable_path(Path(path)) as temporary, _Evaluating(network):
        try:
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")  # TorchScript is deprecated, and tracing warns of every look at a shape
                torch.jit.trace(graph, (examples[0],), check_trace=False).save(str(temporary))
                traced = torch.jit.load(str(temporary))
        except Exception as error:
            message = f"{path}: the network cannot be written as TorchScript: {_first_line(error)}"
            raise ExportError(message) from error
        _compare(path, graph, traced, examples, names, tolerance)
    return names


class _Graph(nn.Module):
    """The components as a tuple. Of a `Separator` only the network is a part: TorchScript cannot look into operators of a model."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.network if isinstance(network, Separator) else network
        self.after = (network.complete if isinstance(network, Separator) else _unchanged,)  # in a tuple: not a part

    def forward(self, y: Tensor) -> tuple[Tensor, ...]:
        return tuple(read_emission(self.after[0](self.network(y), y)).components.values())


def _unchanged(output: Any, y: Tensor) -> Any:  # noqa: ANN401, ARG001
    return output


class _Evaluating:
    """Evaluation mode, and back."""

    def __init__(self, network: nn.Module) -> None:
        self.modes = [(module, module.training) for module in network.modules()]
        self.network = network

    def __enter__(self) -> None:
        self.network.eval()

    def __exit__(self, *error: object) -> None:
        for module, mode in self.modes:
            module.training = mode


def _prepare(network: nn.Module, examples: Sequence[Tensor]) -> tuple[_Graph, tuple[str, ...]]:
    if not examples:
        message = "an export needs at least one example to be checked with"
        raise DataError(message)
    if len({example.ndim for example in examples}) > 1:
        message = f"the examples must have the same axes, not the shapes {[tuple(example.shape) for example in examples]}"
        raise ShapeError(message)
    with torch.no_grad(), _Evaluating(network):
        names = tuple(read_emission(network(examples[0])).components)
    graph = _Graph(network)
    graph.training = False
    return graph, names


def _compare(
    path: str | Path,
    graph: _Graph,
    exported: Callable[[Tensor], tuple[Tensor, ...]],
    examples: Sequence[Tensor],
    names: tuple[str, ...],
    tolerance: float,
) -> None:
    for example in examples:
        with torch.no_grad():
            wanted = graph(example)
        try:
            with torch.no_grad():
                found = exported(example)
        except Exception as error:
            message = f"{path}: the exported network fails for data of shape {tuple(example.shape)}: {_first_line(error)}"
            raise ExportError(message) from error
        for name, have, want in zip(names, found, wanted, strict=True):
            if have.shape != want.shape:
                message = f"{path}: the exported network gives {name!r} of shape {tuple(have.shape)}, not {tuple(want.shape)}"
                raise ExportError(message)
            difference = float((have.cpu() - want.cpu()).abs().max())
            largest = float(want.abs().max())
            if not difference <= tolerance * max(largest, torch.finfo(want.dtype).tiny):
                message = (
                    f"{path}: for data of shape {tuple(example.shape)} the exported network differs in {name!r} by "
                    f"{difference:.1e} from values up to {largest:.1e}; it was not written"
                )
                raise ExportError(message)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"
