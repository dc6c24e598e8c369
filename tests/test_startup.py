"""What is settled before JAX starts: the folder of compiled programs, and what is wrong in it."""

import gc
import os
import subprocess
import sys
import warnings

import jax
import pytest

from effjax import startup
from effjax.startup import collect_garbage_seldom, compile_lightly

PROGRAM = """
import os, jax
from effjax.startup import use_compilation_cache
use_compilation_cache()
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
print(jax.jit(lambda x: x * 3 + 1)(2.0))
"""


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"EFFJAX_CACHE": "/a"}, "/a/xla"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/effjax/xla"),
        ({"HOME": "/c"}, "/c/.cache/effjax/xla"),
    ],
)
def test_where_programs_are_kept(environment, expected, monkeypatch):
    for name in ("EFFJAX_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(startup.cache_folder()) == expected


@pytest.fixture
def folder(tmp_path, monkeypatch):
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    for name in ("jit_step-12ab-cache", "jit_step-34cd-cache", "jit_steps-12ab-cache"):
        (tmp_path / name).write_bytes(b"cut")
    yield tmp_path
    jax.config.update("jax_compilation_cache_dir", before)


def test_an_unreadable_program_is_removed_and_other_warnings_are_shown(folder, monkeypatch):
    shown = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *where: shown.append(message))
    startup._replace_damaged_programs()
    unreadable = "Error reading persistent compilation cache entry for '{}': ValueError: cut"
    for text in (unreadable.format("jit_step"), unreadable.format("jit_other"), "another"):
        warnings.showwarning(UserWarning(text), UserWarning, "file", 1)
    assert [path.name for path in folder.iterdir()] == ["jit_steps-12ab-cache"]
    assert [str(message)[-9:] for message in shown] == ["eError: cut"[-9:], "another"]


@pytest.mark.slow
def test_damaged_programs_are_replaced(tmp_path):
    environment = os.environ | {"EFFJAX_CACHE": str(tmp_path)}
    del environment["JAX_COMPILATION_CACHE_DIR"]

    def run():
        words = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == "7.0\n"
        return done.stderr

    assert "Error reading" not in run()
    kept = list((tmp_path / "xla").glob("jit_*-cache"))
    assert kept
    sound = {path: path.read_bytes() for path in kept}
    for path in kept:
        path.write_bytes(sound[path][:50])
    assert "Error reading" not in run()  # removed without a word, compiled and kept again
    assert all(path.stat().st_size == len(sound[path]) for path in kept)


@pytest.mark.parametrize("count", [None, 3])
def test_every_core_is_a_device_unless_the_user_says_how_many(count):
    flags = f"--xla_force_host_platform_device_count={count}" if count else ""
    code = (
        "from effjax.startup import split_cpu; split_cpu(); import jax; print(jax.device_count())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=True,
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert int(found.stdout) == (count or cores)


def test_garbage_is_collected_seldom():
    usual = gc.get_threshold()
    try:
        collect_garbage_seldom()
        assert gc.get_threshold()[0] == 20_000
        # as often over whole generations as before
        assert gc.get_threshold()[1:] == usual[1:]
    finally:
        gc.set_threshold(*usual)


def test_what_runs_once_is_compiled_lightly_unless_the_user_says_how(monkeypatch):
    jax.devices()  # these flags are for XLA no more, which reads them once
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
    options = compile_lightly("cpu")
    assert options["xla_backend_optimization_level"] == 1
    # this version of XLA knows them all
    assert jax.jit(lambda x: 2 * x, compiler_options=options)(3.0) == 6
    assert compile_lightly("gpu") == {}
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
    assert "xla_backend_optimization_level" not in compile_lightly("cpu")


ANEW = """
import os, sys
os.execv = lambda *command: sys.exit(",".join(name for name in sys.modules if "effjax.cli" in name))
from effjax.__main__ import main
main()
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.path.exists("/dev/nvidia0"),
    reason="only where the CPU does the work, with glibc",
)
def test_a_command_is_started_anew_before_its_verbs_are_imported():
    left_out = ("EFFJAX_NO_REEXEC", "GLIBC_TUNABLES", "JAX_PLATFORMS")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    command = [sys.executable, "-c", ANEW]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (1, "")
