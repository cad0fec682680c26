"""Every captured payload is known to its last field, where the captures are at hand."""

import json
from pathlib import Path

import pytest

from atlas_actors.clients.adapter import event_of

FOLDER = Path(__file__).parents[3] / "shared/tools/realclients/samples"
SAMPLES = sorted(FOLDER.glob("c*/*.json"))


@pytest.mark.skipif(not SAMPLES, reason="the captured payloads are not here")
def test_nothing_of_a_captured_payload_is_unknown():
    for sample in SAMPLES:
        client = sample.parent.name.partition("-")[0]
        heard = event_of(client, "", json.loads(sample.read_text("utf-8")))
        assert heard.unknown == {}, sample
        assert heard.session, sample
        assert heard.cwd.startswith("/home/user/project"), sample
        assert heard.event == sample.name.partition(".")[0], sample
