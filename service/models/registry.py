"""The bundles that are served: which one answers a request, and how one takes another's place.

What is served is one immutable tuple that requests read and `scan` replaces: a request keeps the
version that it was given until it is answered, and a version that nobody holds any more is freed.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from labels.errors import LabelsError
from modelfile.errors import ModelFileError
from service.errors import (
    ModelRefusedError,
    NoPreviousVersionError,
    ServiceError,
    UnknownModelError,
)
from service.models.backends import BackendError, make_solver
from service.models.bundle import DEFAULT, MANIFEST, Bundle, BundleError
from service.models.folders import SeenFolder, bundle_folders, stamps_of
from service.models.routing import RouteRequest, by_site, by_size, is_compatible, specificity
from service.models.selftest import check_solver
from service.models.version import Refusal, Version, sort_key
from service.settings import Settings
from service.solving.calibration import CalibrationError
from service.solving.gallery import GalleryError
from service.solving.solver import Solver
from siamese.errors import SiameseError

_SENTENCES = (
    BackendError,
    BundleError,
    CalibrationError,
    GalleryError,
    LabelsError,
    ModelFileError,
    ServiceError,
    SiameseError,
)
_MOST_NAMES = 10

log: structlog.stdlib.BoundLogger = structlog.get_logger("service")


class Registry:
    """The bundles of a folder, and the default models; safe to share between threads.

    Args:
        default: Models that answer what no bundle serves.
        settings: `models_dir` is the folder, where there is one.
        open_solver: Makes a checked solver of a bundle; by default its files are opened.
    """

    def __init__(
        self,
        default: Solver,
        settings: Settings,
        open_solver: Callable[[Bundle], Solver] | None = None,
    ) -> None:
        self._settings = settings
        self._fallback = Version(DEFAULT, "", default)
        self._open_solver = open_solver or self._opened
        self._served: tuple[Version, ...] = ()
        self._previous: dict[str, Version] = {}
        self._held_back: set[str] = set()
        self._seen: dict[Path, SeenFolder] = {}
        self._others: set[str] = set()
        self._lock = threading.Lock()
        self.refusals_total: dict[str, int] = {}
        """Folder to how often it was refused since the start."""

    @property
    def served(self) -> tuple[Version, ...]:
        """Every version that answers requests, the default models last."""
        return (*self._served, self._fallback)

    @property
    def fallback(self) -> Version:
        """The default models, with which the service was started."""
        return self._fallback

    @property
    def refused(self) -> tuple[Refusal, ...]:
        """Folders that are not served as they are now."""
        seen = list(self._seen.values())
        return tuple(s.refusal for s in seen if s.refusal is not None)

    @property
    def held_back(self) -> tuple[Refusal, ...]:
        """Folders whose version was rolled back, and is not served until a reload or a change."""
        found = [seen.bundle for seen in list(self._seen.values()) if seen.bundle is not None]
        return tuple(
            Refusal(
                bundle.folder.name,
                bundle.manifest.name,
                bundle.manifest.version,
                "This version was rolled back; reload the bundle to serve it again.",
            )
            for bundle in found
            if bundle.digest in self._held_back
        )

    @property
    def default(self) -> Version:
        """What answers where nothing else does."""
        return next((v for v in self._served if v.default), self._fallback)

    def choose(self, request: RouteRequest) -> Version:
        """The version that answers a request: named, by site and type, by size, or the default.

        Raises:
            UnknownModelError: the bundle that the caller names is not served, or not for this.
        """
        served = self._served  # one look: a swap meanwhile changes nothing here
        if request.model is not None:
            return self._named(request, served)
        fit = [v for v in served if is_compatible(v.serves, request)]
        for suits in (by_site, by_size):
            matching = [v for v in fit if suits(v.serves, request)]
            if matching:
                return max(matching, key=lambda v: specificity(v.serves, request))
        return next((v for v in fit if v.default), self._fallback)

    def scan(self) -> bool:
        """Compare the folder with what is served, and load what is new.

        Returns:
            Whether another set of versions is served now.
        """
        folder = self._settings.models_dir
        if folder is None:
            return False
        with self._lock:
            return self._scan(folder)

    def reload(self, name: str) -> Version:
        """Read a bundle from its folder again, whether or not it seems to have changed.

        Raises:
            UnknownModelError: there is no bundle of this name.
            ModelRefusedError: its folder cannot be served; the old version stays.
        """
        with self._lock:
            folder = self._folder_of_bundles(name)
            active = next((v for v in self._served if v.name == name), None)
            mine = {place for place, seen in self._seen.items() if seen.is_of(place, name)}
            if active is not None and active.folder is not None:
                mine.add(active.folder)
            for place, seen in list(self._seen.items()):
                if place in mine:
                    if seen.bundle is not None:
                        self._held_back.discard(seen.bundle.digest)
                    del self._seen[place]
            self._scan(folder, afresh=name)
            folders = {place.name for place in mine}
            refusals = [r for r in self.refused if r.name == name or r.folder in folders]
            version = next((v for v in self._served if v.name == name), None)
            if refusals:
                raise ModelRefusedError(refusals[0].reason)
            if version is None:
                raise UnknownModelError(self._no_such(name))
            return version

    def rollback(self, name: str) -> Version:
        """Go back to the version before; it stays until the bundle's files change or a reload.

        Raises:
            UnknownModelError: there is no bundle of this name.
            NoPreviousVersionError: no other version is known.
        """
        with self._lock:
            self._folder_of_bundles(name)
            current = next((v for v in self._served if v.name == name), None)
            if current is None:
                raise UnknownModelError(self._no_such(name))
            target = self._previous.pop(name, None) or self._other(current)
            if target is None:
                raise NoPreviousVersionError(
                    f"There is no version of bundle {name!r} to go back to from "
                    f"{current.version}: none was served before it, and no other one that was not "
                    "rolled back lies in the models folder."
                )
            self._held_back.add(current.digest)
            self._swap([target if v.name == name else v for v in self._served])
            log.warning(
                "bundle rolled back", bundle=name, version=target.version, was=current.version
            )
            return target

    # Everything below runs under the lock.

    def _scan(self, folder: Path, afresh: str | None = None) -> bool:
        try:
            places = bundle_folders(folder)
        except OSError as error:
            # A folder that cannot be read is not an empty one: everything stays as it is.
            log.warning("models folder cannot be read", folder=str(folder), reason=error.strerror)
            return False
        for gone in self._seen.keys() - set(places):
            del self._seen[gone]
        for place in places:
            self._look(place)
        self._warn_of_others(folder)
        # What is taken out and put in again begins afresh.
        self._held_back &= {seen.bundle.digest for seen in self._seen.values() if seen.bundle}
        by_name: dict[str, list[Bundle]] = {}
        for seen in self._seen.values():
            if seen.bundle is not None:
                by_name.setdefault(seen.bundle.manifest.name, []).append(seen.bundle)
        active = {v.name: v for v in self._served}
        for version in active.values():
            if version.folder in self._seen:
                by_name.setdefault(version.name, [])
        chosen = {
            name: self._pick(found, active.get(name), afresh == name)
            for name, found in sorted(by_name.items())
        }
        served = [version for version in chosen.values() if version is not None]
        if [id(v) for v in served] == [id(v) for v in self._served]:
            return False
        for version in served:
            old = active.get(version.name)
            if old is not version:
                log.info("bundle served", bundle=version.name, version=version.version)
                if old is not None and old.digest != version.digest:
                    self._previous[version.name] = old
        for name in active.keys() - {v.name for v in served}:
            log.info("bundle taken out", bundle=name)
            self._previous.pop(name, None)
        self._swap(served)
        return True

    def _warn_of_others(self, folder: Path) -> None:
        """Say once of each folder with models in it that it is no bundle."""
        others = {
            p.name
            for p in folder.iterdir()
            if p.name[0] not in "._" and p.is_dir() and not (p / MANIFEST).is_file()
            if any(p.glob("*.onnx"))
        }
        for name in sorted(others - self._others):
            log.warning(
                "folder is no bundle and is not served: it has no bundle.json; write it with "
                "`clickorder models pack`",
                folder=name,
            )
        self._others = others

    def _look(self, place: Path) -> None:
        """Read a folder's manifest, unless nothing in it changed."""
        known = self._seen.get(place)
        if known is not None:
            files = known.bundle.files if known.bundle else [place / MANIFEST]
            if stamps_of(files) == known.stamps:
                return
        # Before anything is read: what changes while it is read is seen by the next scan.
        manifest = stamps_of([place / MANIFEST])
        try:
            bundle = Bundle.read(place)
        except BundleError as error:
            self._seen[place] = SeenFolder(manifest, None, None)
            self._refuse(place, None, str(error))
        else:
            self._seen[place] = SeenFolder(manifest + stamps_of(bundle.files[1:]), bundle, None)

    def _pick(
        self, found: Sequence[Bundle], active: Version | None, afresh: bool
    ) -> Version | None:
        """The version of one name that is to be served; None where there is none."""
        latest_first = sorted(
            found, key=lambda b: (sort_key(b.manifest.version), b.folder.name), reverse=True
        )
        for bundle in latest_first:
            if bundle.digest in self._held_back:
                continue
            if active is not None and bundle.digest == active.digest and not afresh:
                return active
            seen = self._seen[bundle.folder]
            if seen.refusal is None:
                version = self._load(bundle)
                if version is not None:
                    return version
            if active is not None and active.folder in self._seen:
                return active  # A later version that is broken leaves the old one where it is.
        return active if active is not None and active.folder in self._seen else None

    def _load(self, bundle: Bundle) -> Version | None:
        """Open and check a bundle; None where it is refused."""
        manifest = bundle.manifest
        try:
            solver = self._open_solver(bundle)
        except Exception as error:
            reason = str(error)
            if not isinstance(error, _SENTENCES):
                log.exception("bundle failed", bundle=manifest.name)
                reason = (
                    f"The models failed with {type(error).__name__}; the log has the traceback."
                )
            self._refuse(bundle.folder, bundle, reason)
            return None
        return Version(
            manifest.name,
            manifest.version,
            solver,
            manifest.serves,
            manifest.default,
            bundle.digest,
            bundle.folder,
        )

    def _opened(self, bundle: Bundle) -> Solver:
        parts = bundle.open(self._settings, self._fallback.solver.parts)
        given = self._fallback.solver.origins
        own = dict.fromkeys(bundle.roles, "bundle")
        origins = {role: own.get(role, f"default ({origin})") for role, origin in given.items()}
        solver = make_solver(parts, self._settings, origins=origins | own)
        log.info("bundle opened", bundle=bundle.title, **solver.origins)
        check_solver(solver, bundle.selftest, self._settings.limits)
        return solver

    def _refuse(self, place: Path, bundle: Bundle | None, reason: str) -> None:
        name = bundle.manifest.name if bundle else None
        version = bundle.manifest.version if bundle else None
        refusal = Refusal(place.name, name, version, reason)
        self._seen[place] = SeenFolder(self._seen[place].stamps, bundle, refusal)
        self.refusals_total[place.name] = self.refusals_total.get(place.name, 0) + 1
        log.error("bundle refused", folder=place.name, bundle=name, version=version, reason=reason)

    def _other(self, current: Version) -> Version | None:
        """The latest version on disk but the current one."""
        found = [
            seen.bundle
            for seen in self._seen.values()
            if seen.bundle is not None
            and seen.refusal is None
            and seen.bundle.manifest.name == current.name
            and seen.bundle.digest not in (current.digest, *self._held_back)
        ]
        for bundle in sorted(found, key=lambda b: sort_key(b.manifest.version), reverse=True):
            version = self._load(bundle)
            if version is not None:
                return version
        return None

    def _swap(self, served: Sequence[Version]) -> None:
        self._served = tuple(served)

    def _folder_of_bundles(self, name: str) -> Path:
        folder = self._settings.models_dir
        if folder is None:
            raise UnknownModelError(self._no_such(name))
        return folder

    def _named(self, request: RouteRequest, served: Sequence[Version]) -> Version:
        everyone = {v.name: v for v in (*served, self._fallback)}
        assert request.model is not None  # noqa: S101 - asked by `choose`
        version = everyone.get(request.model)
        if version is None:
            raise UnknownModelError(self._no_such(request.model))
        prompts = version.serves.prompts
        if prompts and request.prompt is not None and request.prompt not in prompts:
            raise UnknownModelError(
                f"The bundle {request.model!r} serves prompts of {', '.join(prompts)}, not of "
                f"{request.prompt}; leave `model` out, or name another."
            )
        return version

    def _no_such(self, name: str) -> str:
        names = [v.name for v in self.served]
        more = ", ..." if len(names) > _MOST_NAMES else ""
        return (
            f"There is no bundle {name!r}; those served are {', '.join(names[:_MOST_NAMES])}{more}."
        )
