from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from dashboard.core.access import password as module
from dashboard.core.access.password import FILE_NAME, Password, forget_password
from dashboard.core.errors import AccessError, DashboardError
from dashboard.core.files import NotAFileError, how_to_write_again
from tests.postgres import settings_of

RIGHT = "correct horse é"


def code_of(password: Password, tried: str, client: str = "1.2.3.4") -> str:
    try:
        password.verify(tried, client)
    except DashboardError as error:
        assert error.fix and tried not in str(error)
        return error.code
    return ""


def test_only_the_right_password_passes(tmp_path: Path) -> None:
    password = Password(settings_of(tmp_path))
    assert not password.is_set and code_of(password, RIGHT) == "settings"
    password.set(RIGHT)
    file = tmp_path / FILE_NAME
    assert RIGHT not in file.read_text() and file.stat().st_mode & 0o077 == 0
    assert password.is_set and code_of(password, RIGHT) == ""
    assert code_of(password, RIGHT + " ") == code_of(password, RIGHT.upper()) == "password_wrong"
    stated = settings_of(tmp_path / "other", password_hash=SecretStr(file.read_text().strip()))
    assert code_of(Password(stated), RIGHT) == ""
    forget_password(tmp_path)
    assert not password.is_set


def test_each_client_has_a_few_tries_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WITHIN_S", 1.5)
    password = Password(settings_of(tmp_path))
    password.set(RIGHT)
    monkeypatch.setattr("argon2.PasswordHasher.verify", _quick)
    assert [code_of(password, "a guess") for _ in range(6)] == ["password_wrong"] * 5 + ["too_many_tries"]
    assert code_of(password, RIGHT) == "too_many_tries"  # or the limit would tell when a guess is right
    assert code_of(password, RIGHT, "5.6.7.8") == ""
    module.time.sleep(1.6)
    assert code_of(password, RIGHT) == ""


def _quick(self: object, stored: str, tried: str) -> bool:
    from argon2.exceptions import VerifyMismatchError

    if tried != RIGHT:
        raise VerifyMismatchError
    return True


@pytest.mark.parametrize("new", ["", "short", "x" * 1001])
def test_a_password_of_another_length_is_refused(tmp_path: Path, new: str) -> None:
    with pytest.raises(AccessError):
        Password(settings_of(tmp_path)).set(new)


def test_a_data_folder_that_cannot_be_entered_is_told_instead_of_the_password_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    password = Password(settings_of(tmp_path / "file"))
    with pytest.raises(DashboardError, match="file cannot be entered: Not a directory") as caught:
        _ = password.is_set
    assert FILE_NAME not in str(caught.value) and password.may_be_set


def test_a_damaged_hash_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("no hash")
    password = Password(settings_of(tmp_path))
    assert password.is_set and code_of(password, "no hash") == "settings"


@pytest.mark.usefixtures("by_its_name")
def test_the_way_out_of_a_damaged_hash_names_an_installed_dashboard_as_it_was_started(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("no hash")
    with pytest.raises(DashboardError, match="`classifier-dashboard password`"):
        Password(settings_of(tmp_path)).verify(RIGHT, "1.2.3.4")


@pytest.mark.parametrize(
    "content, why",
    [(b"", "it is empty"), (b" \n", "it is empty"), (b"\xff", "can't decode"), (b"a\0", ""), ("é".encode(), "")],
)
def test_a_damaged_file_does_not_open_the_pages_and_is_replaced_by_a_new_password(
    tmp_path: Path, content: bytes, why: str
) -> None:
    password = Password(settings_of(tmp_path))
    password.set("a long password")
    assert password.check()
    (tmp_path / FILE_NAME).write_bytes(content)
    assert password.may_be_set
    with pytest.raises(DashboardError, match=f"{FILE_NAME}.*{why}") as refused:
        password.check()
    assert "set the password again with `python -m dashboard password`" in refused.value.fix
    assert code_of(password, "a guess") in ("permission", "settings")
    password.set("another password")
    assert password.check()


def test_a_folder_in_place_of_the_file_is_told_with_a_way_out_that_works(tmp_path: Path) -> None:
    file, password = tmp_path / FILE_NAME, Password(settings_of(tmp_path))
    assert not password.check()
    file.mkdir()
    with pytest.raises(DashboardError, match=f"{FILE_NAME} cannot be read: A folder, not a file") as told:
        password.check()
    assert told.value.fix.startswith("Remove this folder, then set the password again")
    for change in (lambda: password.set(RIGHT), lambda: forget_password(tmp_path)):
        with pytest.raises(NotAFileError) as refused:
            change()
        assert how_to_write_again(refused.value) == f"Remove {file}, which should be a file"
    assert list(tmp_path.iterdir()) == [file]
    file.rmdir()
    password.set(RIGHT)
    assert password.check()


def test_the_way_out_of_a_setting_that_is_no_hash_is_about_the_setting(tmp_path: Path) -> None:
    password = Password(settings_of(tmp_path, password_hash=SecretStr("$argon2id$cut off")))
    with pytest.raises(DashboardError, match="DASHBOARD_PASSWORD_HASH is not") as refused:
        password.check()
    assert refused.value.fix.startswith("Remove DASHBOARD_PASSWORD_HASH")
