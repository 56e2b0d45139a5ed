"""U-Nets and what is put around them: shapes of any size, one frame alone, units, the known starting point."""

import pytest
import torch
from torch import nn

from foreknow.errors import ParameterError, ShapeError
from foreknow.inject.networks import (
    Channels,
    Emits,
    Gate,
    MedianDifference,
    PerFrame,
    PreviousDifference,
    Residual,
    SlidingWindow,
    Standardised,
    UNet,
    Whole,
)
from foreknow.inject.networks.unet import _cut, _join

pytest.importorskip("monai")


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def awake(network: nn.Module, seed: int = 5) -> nn.Module:
    """With weights that say something, as after training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return network


@pytest.mark.parametrize("block", [1, 2])
@pytest.mark.parametrize(("dims", "size"), [(1, (37,)), (2, (17, 30)), (3, (9, 14, 11))])
def test_a_u_net_takes_any_size(dims, size, block):
    network = UNet(dims, 2, 3, (4, 8, 8), block)
    x = draw(2, 2, *size)
    assert network(x).shape == (2, 3, *size)
    assert not network(x).any()  # says nothing before it is trained
    assert awake(network)(x).std() > 0


@pytest.mark.parametrize("block", [(2,), (2, 3), (1, 4, 2)])
def test_blocks_of_samples_are_channels_and_come_back(block):
    x = draw(2, 3, *(4 * edge for edge in block))
    cut = _cut(x, block)
    assert cut.shape == (2, 3 * int(torch.tensor(block).prod()), *(4,) * len(block))
    torch.testing.assert_close(_join(cut, block), x, rtol=0, atol=0)
    if block == (2, 3):
        torch.testing.assert_close(cut[0, 7, 1, 2], x[0, 1, 2, 7])  # channel 1, place (0, 1) of block (1, 2)


def test_what_is_said_of_an_item_does_not_depend_on_its_batch():
    network = awake(UNet(2, 1, 1, (8, 8, 8)))
    x = draw(4, 1, 16, 16)
    for mode in (True, False):
        network.train(mode)
        torch.testing.assert_close(network(x)[2:3], network(x[2:3]), rtol=1e-4, atol=1e-5)


def test_a_frame_is_treated_alone():
    network = PerFrame(awake(UNet(2, 1, 1, (4, 4, 8))))
    film = draw(3, 5, 12, 20)
    out = network(film)
    assert out.shape == film.shape
    torch.testing.assert_close(network(film[1, 3:4])[0], out[1, 3], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network(film[2, 1:4]), out[2, 1:4], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("context", [MedianDifference(), PreviousDifference()], ids=["median", "previous"])
def test_context_is_zero_where_nothing_moves_and_for_one_frame(context):
    assert not context(draw(2, 1, 4, 4).expand(2, 6, 4, 4)).any()
    assert not context(draw(2, 1, 4, 4)).any()
    moving = draw(2, 1, 4, 4).repeat(1, 6, 1, 1)
    moving[:, 2, 1, 1] += 3
    difference = context(moving)
    torch.testing.assert_close(difference[:, 2, 1, 1], torch.full((2,), 3.0))
    assert not difference[:, 0].any()
    assert PerFrame(awake(UNet(2, 2, 1, (4, 4, 8))), [context])(moving).shape == moving.shape


def test_the_median_is_that_of_an_even_count():
    film = torch.tensor([0.0, 1.0, 3.0, 10.0]).reshape(1, 4, 1, 1)
    torch.testing.assert_close(MedianDifference()(film).flatten(), torch.tensor([-2.0, -1.0, 1.0, 8.0]))


def test_layouts_keep_the_shape_with_any_leading_axes():
    for network, item in (
        (Whole(awake(UNet(1, filters=(4, 4, 4))), 1), (33,)),
        (Whole(awake(UNet(2, filters=(4, 4, 4))), 2), (9, 12)),
        (Whole(awake(UNet(3, filters=(4, 4, 4))), 3), (5, 9, 8)),
        (Channels(awake(UNet(2, 3, 3, (4, 4, 4))), 3), (3, 9, 12)),
    ):
        y = draw(2, 3, *item)
        out = network(y)
        assert out.shape == y.shape
        torch.testing.assert_close(network(y[1, 2]), out[1, 2], rtol=1e-4, atol=1e-5)
    with pytest.raises(ShapeError, match="items of 3 axes"):
        network(draw(4, 4))


def test_no_unit_is_learned():
    network = Standardised(Residual(Whole(awake(UNet(2, filters=(4, 4, 4))), 2)), 2)
    y = draw(2, 12, 12)
    torch.testing.assert_close(network(250.0 * y + 1000.0), 250.0 * network(y) + 1000.0, rtol=1e-3, atol=1e-2)
    constant = torch.full((1, 12, 12), 7.0)
    assert torch.isfinite(network(constant)).all()


def test_a_residual_network_begins_with_the_data_and_names_what_it_emits():
    y = draw(2, 12, 12)
    out = Emits("low", Residual(Whole(UNet(2, filters=(4, 4, 4)), 2)))(y)
    assert list(out) == ["low"]
    torch.testing.assert_close(out["low"], y, rtol=0, atol=0)


def test_what_cannot_be_a_u_net_says_so():
    for make in (
        lambda: UNet(4),
        lambda: UNet(2, filters=(8, 8)),
        lambda: UNet(2, filters=(8, 8, 9)),
        lambda: UNet(2, block=(2, 2, 2)),
        lambda: UNet(2, block=0),
    ):
        with pytest.raises(ParameterError):
            make()
    with pytest.raises(ShapeError, match="takes"):
        UNet(2)(draw(2, 3, 8, 8))


def test_windows_cover_a_large_image():
    class Local(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * x + 1

    image = draw(1, 1, 70, 95)
    torch.testing.assert_close(SlidingWindow(Local(), 32)(image), 2 * image + 1, rtol=1e-5, atol=1e-5)
    network = awake(UNet(2, filters=(4, 4, 4)))
    assert SlidingWindow(network, (32, 48), overlap=0.5)(image).shape == image.shape
    torch.testing.assert_close(SlidingWindow(network, (80, 96))(image), network(image), rtol=0, atol=0)
    film = draw(2, 3, 70, 95)
    assert PerFrame(SlidingWindow(network, 64))(film).shape == film.shape
    with pytest.raises(ParameterError, match="overlap"):
        SlidingWindow(network, 32, overlap=1.0)


def test_a_gate_takes_away_only_where_it_is_open():
    class Fixed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            gate = torch.full_like(x[:, :1], -50.0)
            gate[..., 4:] = 50.0
            return torch.cat((gate, torch.full_like(gate, 0.25)), dim=1)

    x = draw(2, 2, 8, 8)
    taken = Gate(Fixed())(x)
    assert not taken[..., :4].abs().max() > 1e-12
    torch.testing.assert_close((x[:, :1] - taken)[..., 4:], torch.full((2, 1, 8, 4), 0.25))
    start = PerFrame(Gate(UNet(2, 1, 2, (4, 4, 4))))(draw(3, 9, 9))
    torch.testing.assert_close(start, torch.sigmoid(torch.tensor(-2.0)) * draw(3, 9, 9))
