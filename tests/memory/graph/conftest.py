"""A graph for each test."""

import pytest

from tests.support.graphs import GraphOn


@pytest.fixture
def graph(tmp_path):
    built = GraphOn(tmp_path)
    yield built
    built.close()
