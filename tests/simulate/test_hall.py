"""A simulated hall: films whose parts are known."""

import pytest
import torch

from foreknow.errors import ParameterError
from foreknow.simulate.hall import Hall, View


def test_a_film_is_the_sum_of_its_parts():
    hall = Hall(40, 56, seed=3, noise=0.02)
    film = hall.film(25, seed=1)
    assert film.y.shape == film.background.shape == film.moving.shape == film.people.shape == (25, 40, 56)
    noise = film.y - film.background - film.moving
    assert float(noise.std()) == pytest.approx(0.02, rel=0.05)
    assert film.people.any()
    assert float(film.moving[film.people].abs().mean()) > 5 * float(film.moving[~film.people].abs().mean())
    assert -0.2 < float(film.y.min()) < float(film.y.max()) < 1.3


def test_the_background_has_low_rank_and_people_do_not():
    film = Hall(40, 56).film(30, seed=2)
    values = torch.linalg.svdvals(film.background.flatten(1))
    assert float(values[3:].sum() / values.sum()) < 1e-3
    assert int((torch.linalg.svdvals(film.moving.flatten(1)) > 0.05).sum()) > 5


def test_films_are_drawn_from_their_seeds():
    hall = Hall(24, 24, seed=1)
    film = hall.film(6, seed=5)
    torch.testing.assert_close(Hall(24, 24, seed=1).film(6, seed=5).y, film.y, rtol=0, atol=0)
    assert not torch.equal(hall.film(6, seed=6).y, film.y)
    assert not torch.equal(Hall(24, 24, seed=2).film(6, seed=5).background, film.background)
    empty = hall.film(4, seed=5, people=0.0, change=False)
    assert not empty.people.any()
    torch.testing.assert_close(empty.background[0], empty.background[3])


def test_a_view_is_another_part_of_the_same_scene():
    hall = Hall(48, 48, seed=1, light=0.0)
    straight = hall.film(1, seed=1, people=0.0, change=False).background[0]
    moved = hall.film(1, seed=1, view=View(right=0.25), people=0.0, change=False).background[0]
    torch.testing.assert_close(moved[:, :36], straight[:, 12:], rtol=1e-3, atol=1e-3)
    near = hall.film(1, seed=1, view=View(zoom=2.0), people=0.0, change=False).background[0]
    assert float((near - straight).abs().mean()) > 0.01
    for wrong in ({"zoom": 0.5}, {"right": 0.3}, {"down": -0.4}):
        with pytest.raises(ParameterError, match="view"):
            View(**wrong)
    with pytest.raises(ParameterError, match="at least one frame"):
        hall.film(0, seed=1)
