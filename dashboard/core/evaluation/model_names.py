"""What people read as the model of a run or a prediction.

The same name gives other answers if pictures are made to fit in another way, or if the files of the model were replaced.
"""

from __future__ import annotations

from dashboard.core.images.preprocessing import FIT_NAMES, Fit
from dashboard.core.models.registry import Registry
from dashboard.core.runs.manifest import RunManifest


class ModelNames:
    """Names the models of runs and predictions. It knows the versions that the registry had when it was made."""

    def __init__(self, registry: Registry) -> None:
        versions = registry.versions()
        self._own_fits = {version.ref: version.preprocessing.fit for version in versions}
        self._checksums = {version.ref: version.sha256 for version in versions}

    def of(self, manifest: RunManifest) -> str:
        """The name of the model of a run, see `fitted`. It says so if the version of this name has other weights now."""
        name, sha256 = self.fitted(manifest.model, manifest.fit), manifest.model_sha256
        if not sha256 or sha256 == self._checksums.get(manifest.model, sha256):
            return name
        return f"{name} (other weights, SHA-256 {sha256[:8]})"

    def fitted(self, model: str, fit: Fit | None) -> str:
        """NAME@VERSION, and how pictures were made to fit if that is another way than the version's own.

        If the version is gone or damaged, its own way is not known, so nothing is named.

        Args:
            model: NAME@VERSION.
            fit: None if not known.
        """
        return model if fit is None or fit == self._own_fits.get(model, fit) else f"{model} ({FIT_NAMES[fit]})"
