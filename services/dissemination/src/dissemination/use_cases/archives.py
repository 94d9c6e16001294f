"""A released file in a zip: with its manifest, what its columns mean, and how good they are."""

import csv
import io
from uuid import UUID

from catalogue import Catalogue, UnknownDataSet
from common.security.jws import unverified
from dissemination.domain.errors import HavenUnavailable, PreparationRefused
from dissemination.domain.landed import QualitySummary
from dissemination.domain.release import Release, file_name
from dissemination.domain.zips.archive import Archive, Member
from dissemination.domain.zips.explaining import data_dictionary, read_me
from dissemination.use_cases.context import Context
from statements.manifest import Manifest

QUALITY = ("edition", "provider", "period", "landed_on", "records", "field", "submitted",
           "completeness", "validity")  # fmt: skip


def archive(file_id: UUID, *, catalogue: Catalogue, ctx: Context) -> Archive:
    """Return the zip of a released file: the same bytes at every call. Nothing leaves by this.

    The file is read once for its checksum, without which a zip has no beginning.

    Raises:
        FileNotFound: it is not released, or another organisation's.
        HavenUnavailable: nobody tells how good the data are.
        ObjectMissing, ObjectStoreUnavailable: its object cannot be had.

    """
    with ctx.uow.reading() as tx:
        release = tx.releases.get(file_id, own=ctx.own)
        extract = tx.extracts.get(release.extract_id)
    try:
        quality = ctx.preparations.quality(extract.permit.id)
    except PreparationRefused as refused:
        raise HavenUnavailable("The safe haven does not have the preparation.") from refused
    manifest = Manifest.read(unverified(release.manifest))
    return of(
        release, manifest, quality, crc=ctx.store.crc32(release.file.object_key), known=catalogue
    )


def of(
    release: Release,
    manifest: Manifest,
    quality: QualitySummary,
    *,
    crc: int,
    known: Catalogue,
) -> Archive:
    try:
        data_set = known.by_digest(manifest.line.catalogue_digest)
    except UnknownDataSet:
        data_set = None  # of a version that another release of this service knows
    name = file_name(release)
    return Archive(
        members=(
            Member.of("README.txt", read_me(manifest, data_set, name)),
            Member.of("data-dictionary.csv", data_dictionary(manifest, data_set)),
            Member.of("data-quality.csv", _quality(quality)),
            Member.of("manifest.jws", release.manifest),
            Member(name=name, size=release.file.bytes, crc=crc),
        ),
        file_digest=release.file.digest,
    )


def _quality(summary: QualitySummary) -> str:
    """Write how good each field is in each edition, as CSV; why nothing is said, where it is so."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if summary.note is not None:
        writer.writerow(["note"])
        writer.writerow([summary.note])
        return text.getvalue()
    writer.writerow(QUALITY)
    for edition in summary.editions:
        about = (edition.edition_id, edition.provider, edition.period, edition.landed_on)
        for field in edition.fields:
            said = (field.field, "yes" if field.is_submitted else "no")
            figures = (field.completeness, field.validity)
            writer.writerow([*about, edition.records, *said, *figures])
    return text.getvalue()
