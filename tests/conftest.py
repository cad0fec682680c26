"""One hypothesis profile: a busy machine is no failure, and a failure can be repeated."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "atlas",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("atlas")
