"""Attachments over HTTP: sealed letters, scans and annexes, kept whole under their SHA-256 and never unpacked.

A type is believed only if the bytes begin as it does; an Office or OFD container only if its central directory names
the parts that make it one. Whatever also begins like a page or a program is refused: readers guess, and guess wrong.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import dossiers, pep
from api.pep import Asked
from api.wire import gate
from audit import content, head
from audit.act import Recorded
from authz import refusal
from authz.decision import Scene
from authz.fact import Fact
from authz.refusal import BadAttachment
from authz.register import Reads
from authz.request import AttachmentStored

router = APIRouter()

LARGEST = 20 * 1024 * 1024
MOST_PARTS = 2_000
MOST_GROWTH = 200
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SUFFIXES = {
    "application/pdf": (".pdf",), "application/ofd": (".ofd",), "image/png": (".png",), "image/jpeg": (".jpg", ".jpeg"),
    _WORD: (".docx",), _SHEET: (".xlsx",),
}  # fmt: skip
MAGIC = {"application/pdf": b"%PDF-", "image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
PARTS = {
    "application/ofd": ("OFD.xml",),
    _WORD: ("[Content_Types].xml", "word/"),
    _SHEET: ("[Content_Types].xml", "xl/"),
}
UPLOAD: dict[str, Any] = {
    "parameters": [{
        "name": "Content-Disposition", "in": "header", "schema": {"type": "string"},
        "description": "文件名", "example": "attachment; filename*=UTF-8''%E8%AF%B7%E7%A4%BA.pdf",
    }],
    "requestBody": {"required": True, "content": {
        kind: {"schema": {"type": "string", "format": "binary"}, **({"example": "%PDF-1.4\n%%EOF\n"} if "pdf" in kind else {})}
        for kind in SUFFIXES
    }},
}  # fmt: skip
_ACTIVE = re.compile(rb"<(?:!doctype\s+html|html|script|svg|iframe|body|object|embed)[\s>/]", re.IGNORECASE)
_DEVICE = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAMED = re.compile(r"""filename\*=(?i:utf-8)''([^;\s]{1,600})|filename="([^"\\]{1,200})"|filename=([^;"\s]{1,200})""")
_SIDE = 180
_LINK = 0xA


def check(media_type: str, body: bytes, name: str | None) -> None:
    """Refuse bytes that are not plainly what they are said to be, and names that would mislead."""
    if media_type not in SUFFIXES:
        raise refusal.UnsupportedType("附件只接受 PDF、OFD、PNG、JPEG、DOCX、XLSX，请转换格式后重新上传")
    if not body:
        raise BadAttachment("附件是空文件，请重新选择文件上传")
    if len(body) > LARGEST:
        raise refusal.TooLarge("附件超过 20 MB，请压缩扫描分辨率或拆分后重新上传")
    if name is not None:
        _check_name(name, SUFFIXES[media_type])
    if media_type in MAGIC:
        if not body.startswith(MAGIC[media_type]):
            raise BadAttachment("文件内容与所报类型不一致，请用正确的文件重新上传")
    else:
        _check_container(body, PARTS[media_type])
    # Compressed streams may hold any bytes by chance; a page in disguise shows itself at either end.
    if _ACTIVE.search(body[:4096]) or _ACTIVE.search(body[-4096:]):
        raise BadAttachment("文件中夹带网页或脚本内容，请用扫描件或正式文件重新上传")


def _check_name(name: str, suffixes: tuple[str, ...]) -> None:
    bad = (
        not name.strip()
        or len(name) > _SIDE
        or gate.forbidden(name)
        or any(mark in name for mark in '\\/:*?"<>|\r\n\t')
    )
    if bad or name.startswith(".") or _DEVICE.fullmatch(name) or not name.lower().endswith(suffixes):
        raise BadAttachment("文件名不规范或与文件类型不符，请重新命名后上传")


def _check_container(body: bytes, parts: tuple[str, ...]) -> None:
    """The names of the central directory and the sizes it states; nothing is unpacked."""
    if not body.startswith(b"PK\x03\x04"):
        raise BadAttachment("文件内容与所报类型不一致，请用正确的文件重新上传")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            found = packed.infolist()
    except (zipfile.BadZipFile, ValueError, RuntimeError, OverflowError):
        raise BadAttachment("文件已损坏，请重新导出后上传") from None
    names = [each.filename for each in found]
    if len(found) > MOST_PARTS or sum(each.file_size for each in found) > MOST_GROWTH * len(body):
        raise BadAttachment("文件内部过大或层次过多，请另存为普通文档后上传")
    if any(name.startswith(("/", "\\")) or ".." in name.split("/") or "\\" in name for name in names):
        raise BadAttachment("文件内部含有不安全的路径，请另存为普通文档后上传")
    if any(each.external_attr >> 28 == _LINK for each in found):
        raise BadAttachment("文件内部含有链接，请另存为普通文档后上传")
    if any("vbaproject" in name.lower() for name in names):
        raise BadAttachment("文件含有宏，请另存为不含宏的文档后上传")
    if not all(any(name == part or (part.endswith("/") and name.startswith(part)) for name in names) for part in parts):
        raise BadAttachment("文件内容与所报类型不一致，请用正确的文件重新上传")


def file_name(disposition: str | None) -> str | None:
    """The name in a Content-Disposition (RFC 6266), or None; one that is no text is refused."""
    if disposition is None:
        return None
    found = _NAMED.search(disposition)
    if found is None:
        if "filename" in disposition.lower():
            raise BadAttachment("文件名不规范，请重新命名后上传")
        return None
    raw = unquote_to_bytes(found[1]) if found[1] else (found[2] or found[3]).encode("latin-1", "replace")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BadAttachment("文件名不是 UTF-8 编码，请重新命名后上传") from None


@dataclass(kw_only=True)
class StoreAttachment(Asked):
    """A filer hands in a file. `fault` is what is wrong with it, told only to those who may hand in files at all."""

    name: ClassVar[str] = "attachment.store"
    authority: ClassVar[bool] = False
    sha256: str
    size: int
    media_type: str
    title: str | None
    fault: refusal.Refusal | None

    @property
    def reads(self) -> Reads:
        return Reads()

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        scene.must(self.name, scene.post.division)
        if self.fault is not None:
            raise self.fault
        return (AttachmentStored(sha256=self.sha256, size=self.size, media_type=self.media_type, name=self.title),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 201, {"sha256": self.sha256, "size": self.size, "media_type": self.media_type}


@router.post("/v1/attachments", status_code=201, summary="上传附件（原始字节）", openapi_extra=UPLOAD)
async def store(request: Request) -> Response:
    who = pep.caller(request)
    body = await request.body()
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    title, fault = None, None
    try:
        title = file_name(request.headers.get("content-disposition"))
        await run_in_threadpool(check, media_type, body, title)
    except refusal.Refusal as found:
        fault = found
    sealed, commitments = pep.seal({"/name": title if fault is None else None})
    act = StoreAttachment(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), sha256=content.digest(body), size=len(body),
        media_type=media_type, title=commitments.get("/name"), fault=fault, sealed=sealed,
    )  # fmt: skip
    answer = await pep.perform(request, act)
    if answer.status_code == 201:  # noqa: PLR2004
        await run_in_threadpool(_keep, request, body, media_type, who.person)
    return answer


def _keep(request: Request, body: bytes, media_type: str, person: str) -> None:
    """Kept after it is on record: a crash in between leaves a record and no file, and the same upload mends it."""
    with head.reading(pep.deployment(request).database.engine) as connection:
        content.store(connection, body, media_type, person)
        connection.commit()


@router.get("/v1/attachments/{sha256}", summary="下载附件", response_class=Response)
def fetch(request: Request, sha256: str) -> Response:
    scene = pep.look(request, Reads())
    if not _SHA256.fullmatch(sha256):
        raise refusal.Unknown()
    engine = pep.deployment(request).database.engine
    with head.reading(engine) as connection:
        keeper = content.keeper(connection, sha256)
        cited, givers = content.citing(connection, sha256), content.givers(connection, sha256)
    if keeper is None or scene.person is None or scene.post is None:
        raise refusal.Unknown()
    if keeper != scene.person.id and scene.post.unit not in givers:
        rows = pep.look(request, Reads(requests=frozenset(cited))).rows.requests
        with head.reading(engine) as connection:
            read = [dossiers.seen(connection, row, scene) for row in rows.values()]
        if not any(row is not None and _cites(row, sha256) and givers & _parties(row) for row in read):
            raise refusal.Unknown()
    with head.reading(engine) as connection:
        kept = content.read(connection, sha256)
    if kept is None:
        raise refusal.Closed("附件内容与登记的摘要不符，暂不提供下载，请联系系统管理员")
    return Response(kept.content, 200, {
        "Content-Disposition": f'attachment; filename="{sha256}{SUFFIXES[kept.media_type][0]}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "no-store",
    }, kept.media_type)  # fmt: skip


def _cites(row: Mapping[str, Any], sha256: str) -> bool:
    """Whether the request as it may be read still names the file."""
    return sha256 in (*row["body"]["attachments"], *row["body"].get("scan", ()))


def _parties(row: Mapping[str, Any]) -> frozenset[str]:
    """Applicant and addressee: to cite the digest of somebody else's file does not make it one's own."""
    return frozenset((row["body"]["unit"], row["body"]["document"]["addressee"]))
