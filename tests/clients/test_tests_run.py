"""Which commands run tests, and what their output says."""

import pytest

from atlas_actors.clients.tests_run import runs_tests, verdict


@pytest.mark.parametrize(
    "command",
    [
        "pytest",
        ".venv/bin/pytest -q",
        "python -m pytest tests",
        "python3.11 -m unittest -v",
        "python -m coverage run -m pytest",
        "python manage.py test app",
        "npm test",
        "npm t",
        "npm run test:unit",
        "npm --prefix web test",
        "yarn test",
        "pnpm --filter web test",
        "bun test",
        "cargo test --all",
        "cargo +nightly nextest run",
        "go test ./...",
        "make test",
        "make -j4 check",
        "just test",
        "tox -e py311",
        "jest src",
        "vitest run",
        "ctest",
        "mvn test",
        "./gradlew :app:test",
        "gradle check",
        "scripts/test",
        "./test.sh",
        "bash scripts/run-tests.sh",
        "python tests/run_tests.py",
        "node --test",
        "dotnet test",
        "mix test",
        "rspec",
        "rails test",
    ],
)
def test_a_command_that_runs_tests_is_known(command):
    assert runs_tests(command.split())


@pytest.mark.parametrize(
    "command",
    [
        "test -f x",
        "cat tests/test_a.py",
        "python test",
        "npm install",
        "npm run build",
        "cargo build",
        "go vet ./...",
        "make",
        "make install",
        "make -n test",
        "git commit -m test",
        "pytest --version",
        "pytest --collect-only",
        "cargo test --no-run",
        "python -c pytest",
        "ls test",
        "echo pytest",
        "gradle build",
        "bash",
        "python",
        "npm",
        "make TEST=test",
        "",
    ],
)
def test_a_command_that_does_not_is_not_taken_for_one(command):
    assert not runs_tests(command.split())


@pytest.mark.parametrize(
    "output",
    [
        "=== 1 failed, 3 passed in 0.12s ===",
        "2 errors in 1.05s",
        "Ran 3 tests in 0.1s\n\nFAILED (failures=1)",
        "Tests:       1 failed, 2 passed, 3 total",
        " Test Files  1 failed (1)",
        "test result: FAILED. 1 passed",
        "ok  \ta\t0.1s\n--- FAIL: TestX (0.00s)\nFAIL",
        "  1 failing",
        "50% tests passed, 1 tests failed out of 2",
        "[ERROR] Tests run: 5, Failures: 1, Errors: 0",
        "Tests run: 5, Failures: 0, Errors: 2",
        "BUILD FAILED in 3s",
        "5 examples, 1 failure",
        "FAILURES!",
        "# fail 2",
        "not ok 3 - x",
        "make: *** [Makefile:3: test] Error 1",
    ],
)
def test_the_last_lines_say_that_tests_failed(output):
    assert verdict(f"collected\n{output}\n") is True


@pytest.mark.parametrize(
    "output",
    [
        "=== 3 passed, 1 skipped in 0.12s ===",
        "5 passed in 61.2s (0:01:01)",
        "Ran 3 tests in 0.001s\n\nOK",
        "Tests:       2 passed, 2 total",
        "      Tests  4 passed (4)",
        "test result: ok. 3 passed; 0 failed",
        "ok  \texample.com/a\t0.1s",
        "  3 passing (12ms)",
        "100% tests passed, 0 tests failed out of 3",
        "Tests run: 5, Failures: 0, Errors: 0, Skipped: 0",
        "5 examples, 0 failures",
        "OK (5 tests, 9 assertions)",
        "# pass 3\n# fail 0",
        "BUILD SUCCESSFUL in 3s",
    ],
)
def test_the_last_lines_say_that_tests_passed(output):
    assert verdict(f"collected\n{output}\n") is False


@pytest.mark.parametrize(
    "output", ["", "hello", "no tests ran in 0.01s", "0 failed", "1 failed login"]
)
def test_other_output_says_nothing(output):
    assert verdict(output) is None
