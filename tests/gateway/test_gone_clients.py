"""What a client has sent before it was gone is not worked off afterwards."""

import anyio
from anyio.abc import ByteStream

from atlas_actors.gateway.connection import Connection
from atlas_actors.settings import SocketSettings

CALL = b'{"jsonrpc": "2.0", "id": 1, "method": "system.ping", "params": {}}\n'
SETTINGS = SocketSettings(
    connections_max=1, line_bytes_max=65_536, in_flight_max=2, idle_s=20, line_s=20, answer_s=20
)


class Gone(ByteStream):
    """A client that has sent a lot, and hangs up before the first answer."""

    def __init__(self, data):
        self.data = data
        self.tried = 0

    async def receive(self, max_bytes=65_536):
        await anyio.lowlevel.checkpoint()
        data, self.data = self.data[:max_bytes], self.data[max_bytes:]
        if not data:
            raise anyio.EndOfStream
        return data

    async def send(self, item):
        self.tried += 1
        raise anyio.BrokenResourceError

    async def send_eof(self):
        pass

    async def aclose(self):
        pass


def test_a_client_that_is_gone_costs_no_more_than_what_was_in_flight():
    stream = Gone(CALL * 900)
    began = []

    async def answer(call, _):
        began.append(call)
        await anyio.sleep_forever()

    async def serve():
        await Connection(stream, SETTINGS, answer).serve()

    anyio.run(serve)
    assert stream.tried == 1  # "busy", of the third
    assert len(began) <= 2
