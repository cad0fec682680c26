"""Secrets that are none: of the right form, made at run time, so that none stands in a file."""

import base64
import json
import random
import string
from collections.abc import Callable

LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
MIXED = string.ascii_letters + string.digits
URL_SAFE = MIXED + "-_"
HEX = "0123456789abcdef"


def _of(random_: random.Random, alphabet: str, size: int) -> str:
    """At least one digit, and never a sign at the end: no sentence would swallow it."""
    middle = "".join(random_.choices(alphabet, k=size - 2))
    return f"{random_.choice('abcdef')}{middle}{random_.choice('23456789')}"


def _base64(random_: random.Random, size: int) -> str:
    return base64.b64encode(random_.randbytes(size)).decode()


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _jwt(r: random.Random) -> str:
    claims = {"sub": _of(r, LOWER, 8), "iat": r.randrange(10**9)}
    return ".".join(
        (_segment({"alg": "HS256", "typ": "JWT"}), _segment(claims), _of(r, URL_SAFE, 43))
    )


def _pem(r: random.Random, label: str) -> str:
    text = _base64(r, 600)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    dashes = "-" * 5
    return "\n".join((f"{dashes}BEGIN {label}{dashes}", *lines, f"{dashes}END {label}{dashes}"))


Make = Callable[[random.Random], str]
# Known by their own form: found wherever they stand.
TOKENS: dict[str, Make] = {
    "aws-id": lambda r: "AK" + "IA" + "".join(r.choices(UPPER, k=16)),
    "aws-temporary-id": lambda r: "AS" + "IA" + "".join(r.choices(UPPER, k=16)),
    "github-classic": lambda r: "gh" + "p_" + _of(r, MIXED, 36),
    "github-oauth": lambda r: "gh" + "o_" + _of(r, MIXED, 36),
    "github-fine": lambda r: "github" + "_pat_" + _of(r, MIXED, 22) + "_" + _of(r, MIXED, 59),
    "gitlab": lambda r: "gl" + "pat-" + _of(r, URL_SAFE, 20),
    "slack-bot": lambda r: "xo" + f"xb-{r.randrange(10**11, 10**12)}-{_of(r, MIXED, 24)}",
    "slack-webhook": lambda r: (
        "https://hooks.sl"
        + "ack.com/services/T"
        + "/".join((_of(r, UPPER, 8), "B" + _of(r, UPPER, 8), _of(r, MIXED, 24)))
    ),
    "stripe-live": lambda r: "sk" + "_live_" + _of(r, MIXED, 24),
    "stripe-restricted": lambda r: "rk" + "_live_" + _of(r, MIXED, 24),
    "stripe-webhook": lambda r: "wh" + "sec_" + _of(r, MIXED, 32),
    "openai": lambda r: "s" + "k-" + _of(r, MIXED, 48),
    "openai-project": lambda r: "s" + "k-proj-" + _of(r, URL_SAFE, 120),
    "anthropic": lambda r: "s" + "k-ant-api03-" + _of(r, URL_SAFE, 93) + "AA",
    "google": lambda r: "AI" + "za" + _of(r, URL_SAFE, 35),
    "google-oauth": lambda r: "GOC" + "SPX-" + _of(r, URL_SAFE, 28),
    "npm": lambda r: "np" + "m_" + _of(r, MIXED, 36),
    "pypi": lambda r: "py" + "pi-AgEIcHlwaS5vcmc" + _of(r, URL_SAFE, 100),
    "huggingface": lambda r: "h" + "f_" + _of(r, MIXED, 34),
    "twilio": lambda r: "S" + "K" + "".join(r.choices(HEX, k=32)),
    "sendgrid": lambda r: "S" + "G." + _of(r, URL_SAFE, 22) + "." + _of(r, URL_SAFE, 43),
    "digitalocean": lambda r: "do" + "p_v1_" + "".join(r.choices(HEX, k=64)),
    "jwt": _jwt,
    "azure-client": lambda r: _of(r, MIXED, 3) + "8" + "Q~" + _of(r, MIXED, 33),
    "azure-sas": lambda r: (
        "https://a.blob.core.windows.net/c?sv=2024-11-04&sp=r&s" + f"ig={_of(r, MIXED, 42)}%3D"
    ),
    "discord-webhook": lambda r: (
        "https://disc"
        + f"ord.com/api/webhooks/{r.randrange(10**17, 10**18)}/"
        + _of(r, URL_SAFE, 68)
    ),
    "telegram": lambda r: f"{r.randrange(10**9, 10**10)}:A" + "A" + _of(r, URL_SAFE, 33),
    "databricks": lambda r: "da" + "pi" + "".join(r.choices(HEX, k=32)),
    "grafana": lambda r: "gl" + "sa_" + _of(r, MIXED, 32) + "_1a2b3c4d",
    "docker": lambda r: "dckr" + "_pat_" + _of(r, URL_SAFE, 27),
    "groq": lambda r: "gs" + "k_" + _of(r, MIXED, 52),
    "pem-rsa": lambda r: _pem(r, "RSA PRI" + "VATE KEY"),
    "pem-pkcs8": lambda r: _pem(r, "PRI" + "VATE KEY"),
    "ssh": lambda r: _pem(r, "OPENSSH PRI" + "VATE KEY"),
}

_SIGNS = "!@#$%^*-_+"


def password(r: random.Random) -> str:
    """As people choose them, and as programs do."""
    return r.choice(
        (
            lambda: _of(r, MIXED, 16),
            lambda: r.choice(("hunter", "dragon", "Sommer", "kitten")) + str(r.randrange(10, 9999)),
            lambda: (
                "".join(r.choices(string.ascii_letters, k=6))
                + r.choice(_SIGNS)
                + str(r.randrange(10, 99))
            ),
            lambda: "-".join(r.choices(("correct", "horse", "battery", "staple"), k=3)) + "-42",
        )
    )()


def generic(r: random.Random) -> str:
    """Known by its place alone."""
    return r.choice(
        (
            lambda: _of(r, MIXED, r.randrange(20, 48)),
            lambda: "".join(r.choices(HEX, k=r.choice((32, 40, 64)))),
            lambda: _base64(r, 30),
        )
    )()


_VALUE_KINDS: dict[str, Make] = {"password": password, "generic": generic}
# (kind of value, a line with the value as {})
PLACES: tuple[tuple[str, str], ...] = (
    ("password", "DB_PASSWORD={}"),
    ("password", "export PGPASSWORD={}"),
    ("password", "export MYSQL_ROOT_PASSWORD='{}'"),
    ("password", 'SMTP_PASS="{}"'),
    ("password", "  password: {}"),
    ("password", '  password: "{}"'),
    ("password", '{{"user": "bob", "password": "{}"}}'),
    ("password", '{{\\"user\\": \\"bob\\", \\"password\\": \\"{}\\"}}'),
    ("password", "password = '{}'"),
    ("password", "conn = connect(user='bob', password='{}', host='db')"),
    ("password", 'adminPassword := "{}"'),
    ("password", "postgres://bob:{}@db.internal:5432/app"),
    ("password", "DATABASE_URL=mysql://root:{}@127.0.0.1/app"),
    ("password", "redis://:{}@cache:6379/0"),
    ("password", "Server=db;Database=app;User Id=sa;Password={};Encrypt=true"),
    ("password", "mysqldump -u root -p{} app"),
    ("password", "psql --password {} -h db"),
    ("password", "curl -u admin:{} https://ci.example.org/job"),
    ("password", "the password is {}"),
    ("password", "I set the admin password to {} for now, change it later."),
    ("password", "machine ci.example.org login bob password {}"),
    ("password", "<password>{}</password>"),
    ("password", "ALTER USER app PASSWORD '{}';"),
    ("generic", "API_KEY={}"),
    ("generic", "export SECRET_KEY={}"),
    ("generic", "STRIPE_API_KEY: {}"),
    ("generic", 'api_key = "{}"'),
    ("generic", '"client_secret": "{}",'),
    ("generic", 'const accessToken = "{}";'),
    ("generic", "aws_secret_access_key = {}"),
    ("generic", "AWS_SESSION_TOKEN={}"),
    ("generic", "Authorization: Bearer {}"),
    ("generic", "curl -H 'Authorization: Bearer {}' https://api.example.org/v1"),
    ("generic", 'headers = {{"Authorization": "token {}"}}'),
    ("generic", "Authorization: Basic {}"),
    ("generic", "X-Api-Key: {}"),
    ("generic", "Cookie: sessionid={}; theme=dark"),
    ("generic", "Set-Cookie: sid={}; Path=/; HttpOnly"),
    ("generic", "deploy --token {} --env production"),
    ("generic", "deploy --api-key={}"),
    ("generic", "//registry.npmjs.org/:_authToken={}"),
    ("generic", "https://api.example.org/v1/items?access_token={}&page=2"),
    ("generic", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={};EndpointSuffix=x"),
    ("generic", "- name: SESSION_SECRET\n  value: {}"),
    ("generic", "2026-11-02 12:00:01 DEBUG http: token={} status=200"),
    ("generic", "My API key is {}, please use it."),
    ("generic", "TWILIO_AUTH_TOKEN={}"),
    ("generic", '{{"env": {{"OPENAI_API_KEY": "{}"}}}}'),
    ("generic", "-e JWT_SECRET={} \\"),
)
# Where a token of its own form stands.
AROUND: tuple[str, ...] = (
    "{}",
    "KEY={}",
    "use {} for the staging account",
    '{{"value": "{}"}}',
    '{{\\"value\\": \\"{}\\"}}',
    "x = '{}'  # todo: move it",
    "> {}",
    "| name | `{}` |",
    "I found this in the log: {}.",
    "\\n{}\\n",
    "git clone https://bob:{}@example.org/a.git",
)


def token_lines(r: random.Random, each: int) -> list[tuple[str, str, str]]:
    """(kind, the secret, the line that it is in)."""
    found = []
    for kind, make in TOKENS.items():
        for _ in range(each):
            secret = make(r)
            line = r.choice(AROUND).format(secret)
            if "\n" in secret and '\\"' in line:
                secret, line = (text.replace("\n", "\\n") for text in (secret, line))
            found.append((kind, secret, line))
    return found


def placed_lines(r: random.Random, each: int) -> list[tuple[str, str, str]]:
    """(place, the secret, the line that it is in)."""
    found = []
    for kind, place in PLACES:
        for _ in range(each):
            secret = _VALUE_KINDS[kind](r)
            if "://" in place:
                secret = (
                    secret.replace("@", "a").replace("#", "b").replace("%", "c").replace("/", "d")
                )
            if "{}" in place and "'" not in place and '"' not in place:
                secret = secret.replace("&", "e")
            found.append((place, secret, place.format(secret)))
    return found
