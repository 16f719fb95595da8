"""What people read as the model of a run or a prediction. The same model gives other answers if pictures are made to fit in another way."""

from __future__ import annotations

from dashboard.core.images.preprocessing import FIT_NAMES, Fit
from dashboard.core.models.registry import Registry
from dashboard.core.runs.manifest import RunManifest


class ModelNames:
    """Names the models of runs and predictions. It knows the versions that the registry had when it was made."""

    def __init__(self, registry: Registry) -> None:
        self._own_fits = {version.ref: version.preprocessing.fit for version in registry.versions()}

    def of(self, manifest: RunManifest) -> str:
        """The name of the model of a run, see `fitted`."""
        return self.fitted(manifest.model, manifest.fit)

    def fitted(self, model: str, fit: Fit | None) -> str:
        """NAME@VERSION, and how pictures were made to fit if that is another way than the version's own.

        If the version is gone or damaged, its own way is not known, so nothing is named.

        Args:
            model: NAME@VERSION.
            fit: None if not known.
        """
        return model if fit is None or fit == self._own_fits.get(model, fit) else f"{model} ({FIT_NAMES[fit]})"
