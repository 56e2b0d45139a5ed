"""Networks as files that run without foreknow, checked to say the same."""

import pytest
import torch
from torch import nn

from foreknow import L1, Component, Gaussian, Model
from foreknow.errors import DataError, ShapeError
from foreknow.inject import Separator
from foreknow.inject.networks import Emits, MedianDifference, PerFrame, Residual, UNet
from foreknow.learn import ExportError, export_onnx, export_torchscript
from foreknow.priors import PerEntryNuclearNorm

pytest.importorskip("monai")


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def separator() -> Separator:
    torch.manual_seed(0)
    network = Emits("low", Residual(PerFrame(UNet(2, 2, 1, (4, 4, 8), block=2), [MedianDifference()])))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    model = Model(
        low=Component(PerEntryNuclearNorm(0.01, event_dims=3)), sparse=Component(L1(0.3, event_dims=3)), noise=Gaussian(1.0)
    )
    return Separator(network, model.loss(eliminate="sparse"), steps=0)


EXAMPLES = [draw(2, 3, 40, 40), draw(1, 6, 33, 50, seed=1), draw(3, 1, 20, 64, seed=2)]


@pytest.mark.slow
def test_onnx_takes_films_of_any_size_and_keeps_exact_zeros(tmp_path):
    onnx = pytest.importorskip("onnxruntime")
    network = separator().train()
    assert export_onnx(tmp_path / "a" / "net.onnx", network, EXAMPLES) == ("low", "sparse")
    assert network.training
    session = onnx.InferenceSession(str(tmp_path / "a" / "net.onnx"), providers=["CPUExecutionProvider"])
    y = draw(2, 5, 21, 30, seed=9)
    low, sparse = (torch.from_numpy(part) for part in session.run(None, {"y": y.numpy()}))
    with torch.no_grad():
        wanted = network(y)
    torch.testing.assert_close(low, wanted["low"], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(sparse == 0, wanted["sparse"] == 0)
    assert 0 < float((sparse == 0).float().mean()) < 1


def test_a_simple_network_becomes_onnx(tmp_path):
    onnx = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    network = nn.Conv1d(1, 2, 3, padding=1)
    assert export_onnx(tmp_path / "net.onnx", network, [draw(2, 1, 9), draw(5, 1, 9)]) == ("signal",)
    session = onnx.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    y = draw(7, 1, 9, seed=3)
    torch.testing.assert_close(torch.from_numpy(session.run(None, {"y": y.numpy()})[0]), network(y).detach(), rtol=1e-4, atol=1e-5)


def test_torchscript_says_the_same(tmp_path):
    network = separator()
    assert export_torchscript(tmp_path / "net.pt", network, EXAMPLES) == ("low", "sparse")
    with pytest.warns(DeprecationWarning, match="jit"):
        loaded = torch.jit.load(str(tmp_path / "net.pt"))
    with torch.no_grad():
        for y in EXAMPLES:
            torch.testing.assert_close(loaded(y), tuple(network(y).components.values()), rtol=1e-5, atol=1e-5)


class Fickle(nn.Module):
    """Depends on a value of the data in a way that a trace cannot follow."""

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        return y + 1 if float(y.detach().mean()) > 0 else y - 1


def test_a_file_that_differs_is_not_written(tmp_path):
    path = tmp_path / "net.pt"
    with pytest.raises(ExportError, match="differs"):
        export_torchscript(path, Fickle(), [torch.ones(2, 3), -torch.ones(2, 3)])
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match="example"):
        export_torchscript(path, Fickle(), [])
    with pytest.raises(ShapeError, match="axes"):
        export_torchscript(path, Fickle(), [torch.ones(2, 3), torch.ones(2)])


def test_what_onnx_cannot_say_is_refused(tmp_path):
    pytest.importorskip("onnxscript")
    with pytest.raises(ExportError, match="ONNX"):
        export_onnx(tmp_path / "net.onnx", Fickle(), [torch.ones(2, 3)])
    assert not list(tmp_path.iterdir())
