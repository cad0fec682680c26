"""L1 on a Redis-protocol server (Dragonfly, Valkey, Redis), which may be away, slow or anything."""

import hashlib
import hmac
import queue
import threading
from collections.abc import Callable
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from loguru import logger

from atlas_actors.clock import Clock
from atlas_actors.memory.cache import Trouble

ENTRY_S: Final = 86_400  # the server forgets what nobody clears
VALUE_BYTES_MAX: Final = 65_536
ORDERS_MAX: Final = 64  # puts that wait for the server; more are dropped
CLEAR_WAIT_S: Final = 0.5
PAGE: Final = 1_000  # keys that are looked at in one step of clearing
BACKOFF_FIRST_S: Final = 0.5
BACKOFF_MAX_S: Final = 60.0
CALM_S: Final = 30.0  # a server that was well for so long starts with a clean sheet
SEAL_BYTES: Final = 16
ERROR_CHARACTERS: Final = 200

State = Literal[
    "starting", "ready", "clearing", "away", "slow", "login", "refuses", "garbage", "unusable"
]
_SAID: Final[dict[State, Trouble]] = {
    "away": ("does not answer", "start it, or set [memory] cache_url to ''"),
    "slow": ("is too slow to be of use", "raise [memory] cache_timeout_s, or look at its load"),
    "login": ("refuses our login", "correct user and password in [memory] cache_url"),
    "refuses": ("refuses our commands", "see its own log; atlas memory stats has its last words"),
    "garbage": ("holds what is not ours", "see what else writes there; the cache goes on"),
    "unusable": ("cannot be used", "pip install 'atlas-actors[l1]', or correct its url"),
}
# What a library may raise that is fed by anybody.
_FAULTS: Final = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    RecursionError,
    ImportError,
)


class ServerCache:
    """Asks the server on a thread of its own, so that nobody ever waits longer than `timeout_s`.

    After a failure it is left alone for a while that doubles; it is looked for on that thread.
    Values are sealed with a key that only memory.db has: what another program, another store or
    chance has put there is no answer.
    """

    def __init__(
        self,
        url: str,
        store_id: bytes,
        *,
        timeout_s: float,
        clock: Clock,
        connect: Callable[[], Any] | None = None,
    ) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._clock = clock
        self._connect = connect or (lambda: _client(url, timeout_s))
        self._prefix = f"atlas:l1:{_derived(store_id, b'name')[:8].hex()}:"
        self._seal_key = _derived(store_id, b"seal")
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._client: Any = None
        self._state: State = "starting"
        self._probing = True
        self._failures = 0
        self._again_s = 0.0
        self._ready_s = 0.0
        self._clear_owed = False
        self._foreign = False  # what was found last is not ours
        self._last_error: str | None = None
        self._count = {"hits": 0, "misses": 0, "refused": 0, "dropped": 0, "failures": 0}
        self._thread = threading.Thread(target=self._serve, name="memory.cache", daemon=True)
        self._thread.start()
        self._orders.put(self._probe)

    # On the caller's thread.

    def get(self, key: bytes) -> bytes | None:
        """What was put there by this store; nothing when the server does not say so in time."""
        value: list[bytes | None] = []
        over = threading.Event()
        if self._usable():

            def fetch() -> None:
                value.append(self._fetch(key))
                over.set()

            self._orders.put(fetch)
            if not over.wait(self._timeout_s):
                self._fail("slow", f"no answer within {self._timeout_s:g} s")
        found = value[0] if value else None
        self._count["misses" if found is None else "hits"] += 1
        return found

    def put(self, key: bytes, value: bytes) -> None:
        """Keep it, soon; nobody waits for that."""
        if not self._usable():
            return
        if len(value) > VALUE_BYTES_MAX or self._orders.qsize() >= ORDERS_MAX:
            self._count["dropped"] += 1
            return
        self._orders.put(lambda: self._keep(key, value))

    def clear(self) -> bool:
        """Delete all that this store has put; what is not done now is done before any answer."""
        over = threading.Event()
        with self._lock:
            self._clear_owed = True
            ready = self._state == "ready"
            if ready:
                self._state = "clearing"
        if not ready:
            self._usable()
            return False
        self._orders.put(lambda: self._clear(0, over))
        return over.wait(CLEAR_WAIT_S) and not self._clear_owed

    def state(self) -> dict[str, object]:
        """For people; without the password."""
        shown = "garbage" if self._state == "ready" and self._foreign else self._state
        return {
            "kind": "server",
            "url": shown_url(self._url),
            "state": shown,
            **self._count,
            "clear_owed": self._clear_owed,
            "last_error": self._last_error,
        }

    def trouble(self) -> Trouble | None:
        """What a user should know."""
        state: State = "garbage" if self._foreign and self._state == "ready" else self._state
        said = _SAID.get(state)
        if said is None:
            return None
        why, cure = said
        return f"the cache server {shown_url(self._url)} {why}; recall goes on without it", cure

    def close(self) -> None:
        """Let the thread end after what it has in hand."""
        self._orders.put(None)

    def _usable(self) -> bool:
        """Whether the server may be asked; one that is left alone is looked for when it is time."""
        with self._lock:
            if self._state == "ready":
                return True
            if self._probing or self._state == "clearing":
                return False
            if self._clock.monotonic_s() < self._again_s:
                return False
            self._probing = True
        self._orders.put(self._probe)
        return False

    # On the thread.

    def _serve(self) -> None:
        try:
            while (order := self._orders.get()) is not None:
                order()
            if self._client is not None:
                self._try(self._client.close)
        finally:  # also when a fault of ours ends it: nobody is waited for any more
            self._state, self._probing = "unusable", True

    def _probe(self) -> None:
        """Is it there, and does it let us read?"""
        if self._client is None:
            self._try(self._begin)
        answer = None if self._client is None else self._try(self._read, b"")
        with self._lock:
            self._probing = False
            if not isinstance(answer, bytes):
                return
            self._state = "clearing" if self._clear_owed else "ready"
            self._ready_s = self._clock.monotonic_s()
            self._last_error = None
        logger.info("memory.cache_ready", url=shown_url(self._url))
        if self._clear_owed:
            self._clear(0, threading.Event())

    def _begin(self) -> None:
        self._client = self._connect()

    def _fetch(self, key: bytes) -> bytes | None:
        if self._state != "ready":
            return None
        sealed = self._try(self._read, key)
        if not sealed:
            return None
        value = unsealed(self._seal_key, key, sealed)
        self._foreign = value is None
        self._count["refused"] += self._foreign
        return value

    def _read(self, key: bytes) -> bytes:
        """At most what is ours can be, whatever lies there."""
        answer = self._client.getrange(self._name(key), 0, SEAL_BYTES + VALUE_BYTES_MAX)
        if not isinstance(answer, bytes):
            raise TypeError(f"it answered with a {type(answer).__name__}")
        return answer

    def _keep(self, key: bytes, value: bytes) -> None:
        if self._state == "ready":
            sealed = seal(self._seal_key, key, value) + value
            self._try(lambda: self._client.set(self._name(key), sealed, ex=ENTRY_S))

    def _clear(self, cursor: int, over: threading.Event) -> None:
        """One step; others may have a turn in between. SCAN, since KEYS would stop the server."""
        answer = self._try(self._clear_page, cursor)
        if not isinstance(answer, int):
            over.set()  # it is owed still
        elif answer:
            self._orders.put(lambda: self._clear(answer, over))
        else:
            with self._lock:
                self._clear_owed = False
                self._state = "ready"
            over.set()

    def _clear_page(self, cursor: int) -> int:
        following, names = self._client.scan(cursor=cursor, match=f"{self._prefix}*", count=PAGE)
        if names:
            self._client.unlink(*names)
        return int(following)

    def _try(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """The answer, or None after a failure that has been noted."""
        try:
            return work(*arguments)
        except _FAULTS as error:
            state: State = "away" if isinstance(error, OSError | EOFError) else "garbage"
            if self._client is None:
                state = "unusable"
            self._fail(state, _words(error))
        except self._library_faults() as error:
            if "WRONGTYPE" in str(error):
                self._foreign = True
                self._count["refused"] += 1
                return b""
            self._fail(_state_of(error), _words(error))
        self._hang_up()
        return None

    def _library_faults(self) -> type[Exception]:
        import redis  # noqa: PLC0415 (an extra, and 100 ms)

        return redis.RedisError

    def _hang_up(self) -> None:
        """Whatever was half read must not be taken for the next answer."""
        if self._client is not None:
            self._client.connection_pool.disconnect()

    def _fail(self, state: State, error: str) -> None:
        error = _without_password(error, self._url)
        now_s = self._clock.monotonic_s()
        with self._lock:
            if self._state == "ready" and now_s - self._ready_s >= CALM_S:
                self._failures = 0
            self._state = state
            wait_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(self._failures, 10))
            self._failures += 1
            self._again_s = now_s + wait_s
            self._count["failures"] += 1
            self._last_error = error
        logger.warning("memory.cache_away", url=shown_url(self._url), state=state, error=error)

    def _name(self, key: bytes) -> str:
        return self._prefix + key.hex()


def _client(url: str, timeout_s: float) -> Any:
    """A client that gives up at once, and says nothing that an old server would not know."""
    import redis  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=None,
    )


def seal(seal_key: bytes, key: bytes, value: bytes) -> bytes:
    """What only who has the key can have put there, for this question."""
    return hashlib.blake2b(
        len(key).to_bytes(4) + key + value, key=seal_key, digest_size=SEAL_BYTES
    ).digest()


def unsealed(seal_key: bytes, key: bytes, sealed: bytes) -> bytes | None:
    """The value, if we have put it there for this question."""
    if not SEAL_BYTES <= len(sealed) <= SEAL_BYTES + VALUE_BYTES_MAX:
        return None
    value = sealed[SEAL_BYTES:]
    ours = hmac.compare_digest(sealed[:SEAL_BYTES], seal(seal_key, key, value))
    return value if ours else None


def shown_url(url: str) -> str:
    """Without user, password and options."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(not a url)"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def _without_password(text: str, url: str) -> str:
    try:
        password = urlsplit(url).password
    except ValueError:
        return "the url cannot be read"
    return text.replace(password, "…") if password else text


def _derived(store_id: bytes, what: bytes) -> bytes:
    """The id itself never leaves memory.db."""
    return hashlib.blake2b(what, key=store_id).digest()


def _state_of(error: Exception) -> State:
    """What an error of the library says about the server."""
    from redis import exceptions  # noqa: PLC0415

    match error:
        case exceptions.AuthenticationError() | exceptions.AuthorizationError():
            return "login"
        case exceptions.TimeoutError():
            return "slow"
        case exceptions.InvalidResponse():
            return "garbage"
        case exceptions.BusyLoadingError():
            return "away"
        case exceptions.ConnectionError():
            return "away"
        case exceptions.ResponseError():
            return "refuses"
    return "garbage"


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:ERROR_CHARACTERS]
