import pytest

from atlas_actors.gateway.shares import share_of


@pytest.mark.parametrize(
    ("successes", "n", "enough"), [(0, 0, False), (9, 9, False), (5, 10, True)]
)
def test_a_share_of_nothing_is_no_rate(successes, n, enough):
    shown = share_of(successes, n)
    assert shown["enough"] is enough
    assert (shown["rate"] is None) == (n == 0)
    assert 0 <= shown["low"] <= shown["high"] <= 1
