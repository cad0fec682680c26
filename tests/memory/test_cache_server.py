"""L1 on a real server that dies, hangs, fills with garbage: at worst there is no cache."""

import os
import threading
import time

import pytest

from atlas_actors.memory.cache_server import (
    BACKOFF_MAX_S,
    VALUE_BYTES_MAX,
    ServerCache,
    seal,
    shown_url,
    unsealed,
)
from tests.support.clocks import FakeClock
from tests.support.valkey import answering, valkey

STORE, OTHER = b"a" * 16, b"b" * 16
KEY = b"k" * 32


@pytest.fixture
def opened():
    """Makes caches, which are closed in the end."""
    made: list[ServerCache] = []

    def build(url, store=STORE, timeout_s=5.0, **arguments):
        cache = ServerCache(
            url, store, timeout_s=timeout_s, clock=arguments.pop("clock", FakeClock()), **arguments
        )
        made.append(cache)
        settle(cache)
        return cache

    yield build
    for cache in made:
        cache.close()


def settle(cache):
    """Everything that was ordered has been done."""
    for _ in range(1_000):
        over = threading.Event()
        cache._orders.put(over.set)
        assert over.wait(5)
        if cache.state()["state"] != "clearing":
            return
    raise AssertionError("it clears for ever")


def put(cache, key=KEY, value=b"answer"):
    cache.put(key, value)
    settle(cache)


def probe_again(cache, clock):
    clock.advance(BACKOFF_MAX_S + 1)
    assert cache.get(KEY) is None  # it is looked for, and nobody waits
    settle(cache)


@pytest.mark.slow
def test_a_value_is_found_by_all_who_share_the_store(opened, tmp_path):
    with valkey(tmp_path) as server:
        one, other = opened(server.url), opened(server.url)
        assert one.get(KEY) is None
        put(one)
        assert (one.get(KEY), other.get(KEY)) == (b"answer", b"answer")
        state = one.state()
        assert (state["state"], state["hits"], state["misses"]) == ("ready", 1, 1)
        assert one.trouble() is None
        assert all(0 < server.client().ttl(name) <= 86_400 for name in server.client().scan_iter())


@pytest.mark.slow
def test_two_stores_on_one_server_never_see_each_others_answers(opened, tmp_path):
    with valkey(tmp_path) as server:
        one, other = opened(server.url), opened(server.url, OTHER)
        put(one)
        assert other.get(KEY) is None
        names = list(server.client().scan_iter())
        # Even put under the other's name it is no answer there.
        (sealed,) = [server.client().get(name) for name in names]
        server.client().set(other._name(KEY), sealed)
        assert other.get(KEY) is None
        assert other.state()["refused"] == 1
        assert not any(STORE in name or STORE.hex().encode() in name for name in names)
        assert other.clear()
        assert one.get(KEY) == b"answer"


@pytest.mark.slow
def test_a_value_under_another_question_is_refused(opened, tmp_path):
    with valkey(tmp_path) as server:
        cache = opened(server.url)
        put(cache)
        server.client().copy(cache._name(KEY), cache._name(b"x" * 32))
        assert cache.get(b"x" * 32) is None
        assert cache.get(KEY) == b"answer"


@pytest.mark.slow
def test_a_killed_server_is_no_error_and_is_found_again(opened, tmp_path):
    clock = FakeClock()
    with valkey(tmp_path) as server:
        cache = opened(server.url, clock=clock)
        put(cache)
        server.kill()
        assert cache.get(KEY) is None
        reason, cure = cache.trouble()
        assert "does not answer" in reason
        assert "cache_url" in cure
        failures = cache.state()["failures"]
        for _ in range(100):
            assert cache.get(KEY) is None
            cache.put(KEY, b"answer")
        assert cache.state()["failures"] == failures  # it was left alone
        probe_again(cache, clock)
        assert cache.state()["failures"] == failures + 1
        server.start()
        assert cache.get(KEY) is None
        probe_again(cache, clock)
        assert cache.state()["state"] == "ready"
        assert cache.trouble() is None
        put(cache)
        assert cache.get(KEY) == b"answer"


@pytest.mark.slow
def test_a_server_that_is_not_there_costs_less_than_a_millisecond(opened, tmp_path):
    cache = opened(f"unix://{tmp_path}/none.sock")
    assert cache.state()["state"] == "away"
    took = []
    for _ in range(200):
        begun = time.perf_counter()
        cache.get(KEY)
        cache.put(KEY, b"x")
        took.append(time.perf_counter() - begun)
    assert sorted(took)[100] < 0.001


@pytest.mark.slow
def test_garbage_under_every_key_is_never_an_answer(opened, tmp_path):
    with valkey(tmp_path) as server:
        cache, client = opened(server.url), server.client()
        keys = [bytes([number]) * 32 for number in range(60)]
        for number, key in enumerate(keys):
            name = cache._name(key)
            match number % 6:
                case 0:
                    client.set(name, os.urandom(100))
                case 1:
                    client.rpush(name, "a", "b")
                case 2:
                    client.hset(name, "a", "b")
                case 3:
                    client.set(name, b"x" * (VALUE_BYTES_MAX + 1_000_000))
                case 4:
                    client.set(name, b'[[1,1.0,"l2",[]]]')
                case 5:
                    client.set(name, b"x")
        assert [cache.get(key) for key in keys] == [None] * 60
        state = cache.state()
        assert (state["state"], state["refused"]) == ("garbage", 60)
        assert "is not ours" in cache.trouble()[0]
        for key in keys:  # what is learned anew takes its place
            put(cache, key, key)
        assert [cache.get(key) for key in keys] == keys
        assert cache.trouble() is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("says", "state"),
    [
        (None, "slow"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "garbage"),
        (b"\x00\xff" * 50 + b"\r\n", "garbage"),
        (b":5\r\n", "garbage"),
        (b"*2\r\n$1\r\na\r\n$1\r\nb\r\n", "garbage"),
        (b"$-5\r\n", None),
        (b"$abc\r\n", "garbage"),
        (b"-LOADING the data\r\n", "away"),
        (b"-NOAUTH Authentication required.\r\n", "login"),
        (b"-OOM no memory\r\n", "refuses"),
        (b"-\xff\xfe\r\n", None),
        (b"$10\r\nabc", "slow"),
    ],
    ids=range(12),
)
def test_what_is_no_cache_server_is_left_alone(opened, tmp_path, says, state):
    with answering(tmp_path, says) as url:
        cache = opened(url, timeout_s=0.05)
        seen = cache.state()["state"]
        assert seen == state if state else seen != "ready"
        assert cache.get(KEY) is None
        cache.put(KEY, b"x")
        assert cache.trouble() is not None
        assert not cache.clear()


@pytest.mark.slow
def test_a_server_that_stops_answering_is_waited_for_once(opened, tmp_path):
    clock = FakeClock()
    with valkey(tmp_path) as server:
        cache = opened(server.url, timeout_s=0.05, clock=clock)
        put(cache)
        server._process.send_signal(19)
        begun = time.perf_counter()
        for _ in range(100):
            assert cache.get(KEY) is None
        assert time.perf_counter() - begun < 2.0  # not a hundred times 0.05 s
        assert cache.state()["state"] == "slow"
        server._process.send_signal(18)
        settle(cache)
        probe_again(cache, clock)
        put(cache)
        assert cache.get(KEY) == b"answer"


@pytest.mark.slow
def test_a_login_that_fails_is_said_without_the_password(opened, tmp_path):
    with valkey(tmp_path, "--requirepass", "s3cret-right") as server:
        wrong = opened(f"unix://:s3cret-wrong@{server.socket}")
        assert wrong.get(KEY) is None
        assert wrong.state()["state"] == "login"
        assert "s3cret" not in str(wrong.state()) + str(wrong.trouble())
        assert opened(server.url).state()["state"] == "login"
        right = opened(f"unix://:s3cret-right@{server.socket}?db=3")
        put(right)
        assert right.get(KEY) == b"answer"


@pytest.mark.slow
def test_a_full_server_is_said_and_left_alone(opened, tmp_path):
    with valkey(tmp_path, "--maxmemory", "1", "--maxmemory-policy", "noeviction") as server:
        cache = opened(server.url)
        put(cache)
        assert cache.get(KEY) is None
        assert "OutOfMemory" in cache.state()["last_error"]
        assert "refuses" in cache.trouble()[0]


@pytest.mark.slow
def test_huge_values_are_not_sent(opened, tmp_path):
    with valkey(tmp_path) as server:
        cache = opened(server.url)
        put(cache, value=b"x" * (VALUE_BYTES_MAX + 1))
        assert server.client().dbsize() == 0
        assert cache.state()["dropped"] == 1
        put(cache, value=b"x" * VALUE_BYTES_MAX)
        assert cache.get(KEY) == b"x" * VALUE_BYTES_MAX


@pytest.mark.slow
def test_clearing_deletes_what_is_ours_and_nothing_else(opened, tmp_path):
    with valkey(tmp_path) as server:
        cache, client = opened(server.url), server.client()
        pipe = client.pipeline()
        for number in range(2_500):
            pipe.set(cache._name(number.to_bytes(32)), b"x")
            pipe.set(f"theirs:{number}", b"x")
        pipe.execute()
        cache.clear()
        settle(cache)
        assert client.dbsize() == 2_500
        assert not list(client.scan_iter(match="atlas:*", count=1_000))
        assert cache.state()["clear_owed"] is False


@pytest.mark.slow
def test_a_clearing_that_the_server_missed_comes_before_any_answer(opened, tmp_path):
    clock = FakeClock()
    with valkey(tmp_path, "--appendonly", "yes", "--appendfsync", "always") as server:
        cache = opened(server.url, clock=clock)
        put(cache)
        server.kill()
        assert cache.get(KEY) is None
        assert not cache.clear()
        assert cache.state()["clear_owed"] is True
        server.start()
        assert server.client().dbsize() == 1  # it has come back with its data
        probe_again(cache, clock)
        assert cache.state()["clear_owed"] is False
        assert cache.get(KEY) is None
        assert server.client().dbsize() == 0


def test_a_url_that_is_none_is_said(opened):
    cache = opened("http://localhost/")
    assert cache.get(KEY) is None
    assert cache.state()["state"] == "unusable"
    assert "correct its url" in cache.trouble()[1]


def test_a_missing_client_library_is_said_with_its_cure(opened):
    def connect():
        raise ModuleNotFoundError("No module named 'redis'")

    cache = opened("redis://localhost/", connect=connect)
    assert cache.get(KEY) is None
    reason, cure = cache.trouble()
    assert "recall goes on without it" in reason
    assert "pip install 'atlas-actors[l1]'" in cure


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:pass@host:1/3?x=y", "redis://host:1/3"),
        ("rediss://:p@host", "rediss://host"),
        ("unix://u:p@/run/v.sock?db=2", "unix:///run/v.sock"),
        ("redis://host:notaport/", "(not a url)"),
    ],
)
def test_what_is_shown_of_a_url_has_no_password(url, shown):
    assert shown_url(url) == shown


def test_a_seal_is_of_one_key_and_one_value():
    sealed = seal(b"s" * 64, b"ab", b"c") + b"c"
    assert unsealed(b"s" * 64, b"ab", sealed) == b"c"
    assert unsealed(b"s" * 64, b"a", sealed) is None
    assert unsealed(b"t" * 64, b"ab", sealed) is None
    assert unsealed(b"s" * 64, b"ab", sealed[:-1]) is None
    assert unsealed(b"s" * 64, b"ab", b"") is None
