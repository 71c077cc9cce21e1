"""Attachments: only plain letters, scans and sheets are kept, whole, and only those who see a request may fetch them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import zipfile
from collections.abc import Iterator

import pytest
from conftest import World
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine
from worlds import APPROVER, AUDITOR, CLERK, COLLECTOR, HANDLER, OBSERVER, PAPER, SIGNATORY, TOWN_ADMIN, Town

from api import attachments
from api.attachments import LARGEST, SUFFIXES, check, file_name
from authz import refusal
from authz.refusal import Refusal

DOCX, XLSX = (kind for kind in SUFFIXES if "openxml" in kind)
PDF, OFD, PNG, JPEG = "application/pdf", "application/ofd", "image/png", "image/jpeg"


def packed(*names: str, content: bytes = b"<a/>", links: bool = False) -> bytes:
    """A ZIP archive of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            member = zipfile.ZipInfo(name)
            member.compress_type = zipfile.ZIP_DEFLATED
            if links:
                member.external_attr = 0o120777 << 16
            archive.writestr(member, content)
    return out.getvalue()


WORD = packed("[Content_Types].xml", "word/document.xml")
GOOD = [
    (PDF, PAPER, "请示.pdf"), (PDF, PAPER, None), (PNG, b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "章.PNG"),
    (JPEG, b"\xff\xd8\xff\xe0" + b"\0" * 40, "扫描 1.jpg"), (DOCX, WORD, "a.docx"),
    (XLSX, packed("[Content_Types].xml", "xl/workbook.xml"), "名单.xlsx"), (OFD, packed("OFD.xml", "Doc_0/Document.xml"), "a.ofd"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "name"), GOOD)
def test_what_is_plainly_what_it_says_is_taken(kind: str, body: bytes, name: str | None) -> None:
    check(kind, body, name)


@pytest.mark.parametrize(("kind", "body", "name"), GOOD)
@given(wrong=st.sampled_from(GOOD))
def test_no_type_passes_for_another(
    kind: str, body: bytes, name: str | None, wrong: tuple[str, bytes, str | None]
) -> None:
    if wrong[0] != kind:
        with pytest.raises(refusal.BadAttachment):
            check(kind, wrong[1], None)


BAD: list[tuple[str, bytes, str | None, type[Refusal]]] = [
    (PDF, b"", None, refusal.BadAttachment),
    (PDF, PAPER + b"\0" * LARGEST, None, refusal.TooLarge),
    (PDF, b"MZ\x90\0" + PAPER, "a.pdf", refusal.BadAttachment),
    (PDF, b" " + PAPER, None, refusal.BadAttachment),
    (PDF, b"%PDF-1.4\n<html><script>alert(1)</script>", None, refusal.BadAttachment),
    (PDF, PAPER + b"<!DOCTYPE  html><p>", None, refusal.BadAttachment),
    (PNG, b"\x89PNG\r\n\x1a\n<svg onload=alert(1)>", None, refusal.BadAttachment),
    ("image/svg+xml", b"<svg/>", None, refusal.UnsupportedType),
    ("text/html", b"<html>", None, refusal.UnsupportedType),
    ("application/zip", WORD, None, refusal.UnsupportedType),
    ("application/x-msdownload", b"MZ", None, refusal.UnsupportedType),
    ("", PAPER, None, refusal.UnsupportedType),
    (DOCX, WORD[:60], None, refusal.BadAttachment),
    (DOCX, b"PK\x03\x04" + b"\0" * 60, None, refusal.BadAttachment),
    (DOCX, packed("[Content_Types].xml", "word/document.xml", "../../etc/passwd"), None, refusal.BadAttachment),
    (DOCX, packed("[Content_Types].xml", "word/document.xml", "/etc/passwd"), None, refusal.BadAttachment),
    (DOCX, packed("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), None, refusal.BadAttachment),
    (DOCX, packed("[Content_Types].xml", "word/document.xml", links=True), None, refusal.BadAttachment),
    (DOCX, packed("[Content_Types].xml", "word/document.xml", content=b"\0" * 2_000_000), None, refusal.BadAttachment),
    (DOCX, packed("[Content_Types].xml", *(f"word/{n}" for n in range(2_001))), None, refusal.BadAttachment),
]
NAMES = ["a\r\n.pdf", 'a".pdf', "a/b.pdf", "a\\b.pdf", "..\\a.pdf", "con.pdf", "NUL.pdf", ".pdf", "", " ", "a.exe", "a.pdf.exe",
         "a\u202efdp.exe.pdf", "a\u200b.pdf", "a\0.pdf", "a" * 190 + ".pdf", "a.html"]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "body", "name", "refused"), [*BAD, *((PDF, PAPER, n, refusal.BadAttachment) for n in NAMES)]
)
def test_what_only_pretends_is_refused(kind: str, body: bytes, name: str | None, refused: type[Refusal]) -> None:
    with pytest.raises(refused):
        check(kind, body, name)


@pytest.mark.parametrize(("header", "name"), [
    (None, None), ("attachment", None), ('attachment; filename="a.pdf"', "a.pdf"), ("attachment; filename=a.pdf", "a.pdf"),
    ("attachment; filename*=UTF-8''%E8%AF%B7%E7%A4%BA.pdf", "请示.pdf"),
])  # fmt: skip
def test_names_are_read_as_rfc_6266_writes_them(header: str | None, name: str | None) -> None:
    assert file_name(header) == name


@pytest.mark.parametrize("header", ['attachment; filename="a\\"b.pdf"', "attachment; filename*=UTF-8''%ff.pdf"])
def test_names_that_are_no_text(header: str) -> None:
    with pytest.raises(refusal.BadAttachment):
        file_name(header)


@given(st.binary(max_size=300), st.sampled_from(list(SUFFIXES)))
def test_any_bytes_are_taken_or_refused_and_nothing_else(body: bytes, kind: str) -> None:
    with contextlib.suppress(refusal.BadAttachment):
        check(kind, attachments.MAGIC.get(kind, b"PK\x03\x04") + body, None)


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as found:
        yield found


def test_the_same_bytes_come_back_to_whoever_sees_the_request(town: Town) -> None:
    paper = PAPER + b"\x80\xff"
    sha256 = town.paper(CLERK, paper)
    assert sha256 == hashlib.sha256(paper).hexdigest() == town.paper(SIGNATORY, paper)
    assert town.get(f"/v1/attachments/{sha256}", CLERK).content == paper
    assert town.get(f"/v1/attachments/{sha256}", HANDLER).status_code == 404
    body = town.draft()
    number = town.post("/v1/requests", CLERK, body | {"attachments": [sha256]}).json()["id"]
    for person, status in ((CLERK, 200), (AUDITOR, 200), (HANDLER, 404), (APPROVER, 404), (OBSERVER, 404)):
        assert town.get(f"/v1/attachments/{sha256}", person).status_code == status, "what is not signed is the county's"
    assert town.change(f"/v1/requests/{number}/signature", SIGNATORY).status_code == 200
    for person in (CLERK, SIGNATORY, HANDLER, APPROVER, OBSERVER, AUDITOR):
        answer = town.get(f"/v1/attachments/{sha256}", person)
        assert (answer.status_code, answer.content) == (200, paper), person
        assert answer.headers["content-type"] == PDF
        assert answer.headers["content-disposition"] == f'attachment; filename="{sha256}.pdf"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
    for person in (TOWN_ADMIN, COLLECTOR):
        assert town.get(f"/v1/attachments/{sha256}", person).status_code == 404


def test_bytes_that_changed_in_the_store_are_not_given_out(town: Town, database: World) -> None:
    sha256 = town.paper()
    owner = create_engine(database.owner_url)
    with owner.begin() as connection:
        connection.exec_driver_sql("UPDATE content SET bytes = set_byte(bytes, 0, 0)")
    owner.dispose()
    answer = town.get(f"/v1/attachments/{sha256}", CLERK)
    assert (answer.status_code, answer.json()["code"]) == (503, "closed")
    database.intact = False


def test_who_may_hand_in_and_what_is_recorded(town: Town) -> None:
    before = town.size()
    headers = {"content_type": PDF, "content_disposition": "attachment; filename*=UTF-8''%E8%AF%B7%E7%A4%BA.pdf"}
    answer = town.post("/v1/attachments", CLERK, PAPER, **headers)
    told = {"sha256": hashlib.sha256(PAPER).hexdigest(), "size": len(PAPER), "media_type": PDF}
    assert (answer.status_code, answer.json()) == (201, told | {"entry": before})
    assert town.post("/v1/attachments", COLLECTOR, PAPER, content_type=PDF).status_code == 403
    assert town.post("/v1/attachments", CLERK, PAPER, content_type="image/png").json()["code"] == "bad_attachment"
    assert town.post("/v1/attachments", CLERK, b"<svg/>", content_type="image/svg+xml").status_code == 415
    assert town.post("/v1/attachments", CLERK, b"%PDF-" + b"0" * LARGEST, content_type=PDF).status_code == 413
    assert town.post("/v1/attachments", None, PAPER, content_type=PDF).status_code == 401
    for path in ("0" * 64, "x", "0" * 63, told["sha256"].upper() if isinstance(told["sha256"], str) else ""):
        assert town.get(f"/v1/attachments/{path}", CLERK).status_code == 404
    with town.deployment.database.engine.connect() as connection:
        log = b"".join(bytes(row.bytes) for row in connection.exec_driver_sql("SELECT bytes FROM entry"))
    assert "请示".encode() not in log


def test_without_a_letter_nothing_is_signed(town: Town) -> None:
    for cited in ([], ["0" * 64], [town.paper(), "0" * 64]):
        number = town.post("/v1/requests", CLERK, town.draft() | {"attachments": cited}).json()["id"]
        answer = town.change(f"/v1/requests/{number}/signature", SIGNATORY)
        assert (answer.status_code, answer.json()["code"]) == (422, "not_in_writing")
