"""What people read as the model of a run. The same model gives other answers if pictures are made to fit in another way."""

from __future__ import annotations

from dashboard.core.images.preprocessing import FIT_NAMES
from dashboard.core.models.registry import Registry
from dashboard.core.runs.manifest import RunManifest


class ModelNames:
    """Names the models of runs. It knows the versions that the registry had when it was made."""

    def __init__(self, registry: Registry) -> None:
        self._own_fits = {version.ref: version.preprocessing.fit for version in registry.versions()}

    def of(self, manifest: RunManifest) -> str:
        """NAME@VERSION, and how pictures were made to fit unless that is the version's own way.

        If the version is gone, its own way is not known. Then the way of the run is named.
        """
        if manifest.fit is None or manifest.fit == self._own_fits.get(manifest.model):
            return manifest.model
        return f"{manifest.model} ({FIT_NAMES[manifest.fit]})"
