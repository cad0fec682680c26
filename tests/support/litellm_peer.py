"""The peer of the cascade benchmark: LiteLLM's Router in a process of its own.

usage: python litellm_peer.py PORT CALLS SLOW     prints one JSON object
"""

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no download


def measure(times: list[float], cpu_s: float) -> dict[str, float]:
    times.sort()
    return {
        "p50_ms": times[len(times) // 2] * 1e3,
        "p99_ms": times[int(len(times) * 0.99)] * 1e3,
        "cpu_ms": cpu_s / len(times) * 1e3,
    }


async def timed(calls: int, act: Callable[[int], Awaitable[object]]) -> dict[str, float]:
    """One call after the other, the first ten of them to warm up."""
    times, began = [], 0.0
    for number in range(calls + 10):
        if number == 10:
            began = time.process_time()
            times.clear()
        at = time.perf_counter()
        await act(number)
        times.append(time.perf_counter() - at)
    return measure(times, time.process_time() - began)


async def bare(url: str, calls: int) -> dict[str, float]:
    import httpx

    async with httpx.AsyncClient(trust_env=False) as client:
        return await timed(
            calls, lambda _: client.post(f"{url}/v1/chat/completions", json={"model": "m"})
        )


async def main(port: int, calls: int, slow: int) -> dict[str, object]:
    import litellm

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    url = f"http://127.0.0.1:{port}"

    def deployment(name: str, **more: object) -> dict[str, object]:
        return {
            "model_name": name,
            "litellm_params": {"model": "openai/m", "api_key": "none", **more},
        }

    def router(bad: dict[str, object], good: dict[str, object]) -> litellm.Router:
        return litellm.Router(
            model_list=[
                deployment("good", **good),
                deployment("bad1", **bad),
                deployment("bad2", **bad),
            ],
            num_retries=0,
            fallbacks=[{"bad1": ["bad2", "good"]}, {"bad2": ["good"]}],
            disable_cooldowns=True,
        )

    async def series(route: litellm.Router, model: str) -> dict[str, float]:
        def ask(number: int) -> Awaitable[object]:
            messages = [{"role": "user", "content": f"say {number}"}]
            return route.acompletion(model=model, messages=messages)

        return await timed(calls, ask)

    http = router({"api_base": f"{url}/bad/v1"}, {"api_base": f"{url}/v1"})
    error = "litellm.InternalServerError"
    mocked = router({"mock_response": error}, {"mock_response": "ok"})
    found: dict[str, object] = {"version": getattr(litellm, "__version__", "?")}
    found["bare"] = await bare(url, calls)
    found["http"] = {
        "no fault": await series(http, "good"),
        "first fails": await series(http, "bad2"),
        "first two fail": await series(http, "bad1"),
    }
    found["mock"] = {
        "no fault": await series(mocked, "good"),
        "first fails": await series(mocked, "bad2"),
        "first two fail": await series(mocked, "bad1"),
    }
    if slow:
        slow_router = router({"api_base": f"{url}/bad/v1"}, {"api_base": f"{url}/slow/v1"})
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        at, began = time.perf_counter(), time.process_time()
        done = await asyncio.gather(
            *(
                slow_router.acompletion(
                    model="good", messages=[{"role": "user", "content": f"slow {number}"}]
                )
                for number in range(slow)
            ),
            return_exceptions=True,
        )
        found["slow"] = {
            "completed": sum(not isinstance(one, BaseException) for one in done),
            "wall_s": time.perf_counter() - at,
            "cpu_ms": (time.process_time() - began) / slow * 1e3,
            "more_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
        }
    return found


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:4]]
    print(json.dumps(asyncio.run(main(*numbers))))
