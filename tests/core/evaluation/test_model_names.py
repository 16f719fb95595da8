from __future__ import annotations

from dashboard.core.evaluation.model_names import ModelNames
from dashboard.core.models.registry import Registry
from tests.run_rows import manifest


def test_the_fit_is_named_where_it_is_not_the_models_own(tiny_registry: Registry) -> None:
    names = ModelNames(tiny_registry)
    version = tiny_registry.get("tiny@1")
    own, sha256 = version.preprocessing.fit, version.sha256
    for fit in (None, own):
        assert names.of(manifest(model="tiny@1", fit=fit, model_sha256=sha256)) == "tiny@1"
    assert names.of(manifest(model="tiny@1", fit="center-crop", model_sha256=sha256)) == "tiny@1 (Crop the centre)"
    assert names.of(manifest(model="gone@1", fit="stretch")) == "gone@1"


def test_replaced_weights_are_told_apart(tiny_registry: Registry) -> None:
    replaced = manifest(model="tiny@1", fit=None, model_sha256="12ab" * 16)
    assert ModelNames(tiny_registry).of(replaced) == "tiny@1 (other weights, SHA-256 12ab12ab)"
    imported = manifest(model="tiny@1", fit=None, model_sha256="")
    assert ModelNames(tiny_registry).of(imported) == "tiny@1"
