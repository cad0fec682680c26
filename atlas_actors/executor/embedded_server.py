"""The embedded model's server process: llama.cpp on a Unix socket, for one daemon.

usage: embedded_server.py '{"socket": …, "model": …, …}', the key as the first line of stdin.
It prints LISTEN when it answers, and ends when stdin closes, when its parent dies, or on SIGTERM:
it never outlives the daemon. Settings follow measurements on a busy two-core machine: no
spinning, one request at a time, one core left for others.
"""

import ctypes
import json
import os
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Load the model and serve until told or left to end."""
    settings = json.loads(sys.argv[1])
    key = sys.stdin.buffer.readline().decode().strip()
    _die_with_parent(settings["parent"])
    threading.Thread(target=_die_with_stdin, daemon=True).start()
    os.nice(5)  # the developer's own programs come first

    import xllamacpp  # noqa: PLC0415 - after the guards: loading it takes a while

    cores = os.cpu_count() or 2
    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.model_alias = [settings["name"]]
    params.offline = True
    params.ui = False
    params.hostnames = [settings["socket"]]
    params.port = 0
    params.api_keys = [key]
    params.cors_origins = "http://127.0.0.1"
    params.endpoint_slots = False
    params.n_ctx = settings["context_tokens"]
    params.n_parallel = 1
    params.cache_ram_mib = 256
    params.sleep_idle_seconds = settings["idle_unload_s"]
    params.warmup = False
    params.cpuparams.n_threads = max(1, cores - 1)
    params.cpuparams_batch.n_threads = cores
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    server = xllamacpp.Server(params)
    print("LISTEN", server.listening_address, flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    os._exit(0)


def _die_with_parent(parent: int) -> None:
    """Linux sends SIGKILL when the thread that started us ends, also after kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)


def _die_with_stdin() -> None:
    """Everywhere: the pipe from the daemon closes with it."""
    while os.read(0, 1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
