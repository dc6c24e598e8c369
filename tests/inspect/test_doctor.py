"""Every package has a row, and what is missing has its remedy."""

from effjax.inspect import doctor


def test_a_package_is_there_or_missing():
    assert doctor.version_of("numpy")[0].isdigit()
    assert doctor.version_of("no-such-package-of-ours") == "missing"


def test_what_is_missing_or_cannot_be_written_is_a_problem(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "CORE", ("numpy", "no-such-package-of-ours"))
    monkeypatch.setattr(doctor, "OPTIONAL", {"no_such_module": ("extra", "a use")})
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    rows, problems = doctor.diagnose()
    found = dict(rows)
    assert found["no-such-package-of-ours"] == "missing"
    assert found["no_such_module"] == "absent: a use (effjax[extra])"
    assert found["devices"].startswith("8 x cpu:")
    assert problems[0].startswith("no-such-package-of-ours is missing: pip install")
    assert problems[-1].endswith("cannot be written: set EFFJAX_CACHE to another folder")
