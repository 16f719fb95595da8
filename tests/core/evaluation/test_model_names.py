from __future__ import annotations

from dashboard.core.evaluation.model_names import ModelNames
from dashboard.core.models.registry import Registry
from tests.run_rows import manifest


def test_the_fit_is_named_where_it_is_not_the_models_own(tiny_registry: Registry) -> None:
    names = ModelNames(tiny_registry)
    own = tiny_registry.get("tiny@1").preprocessing.fit
    assert [names.of(manifest(model="tiny@1", fit=fit)) for fit in (None, own)] == ["tiny@1", "tiny@1"]
    assert names.of(manifest(model="tiny@1", fit="center-crop")) == "tiny@1 (Crop the centre)"
    assert names.of(manifest(model="gone@1", fit="stretch")) == "gone@1"
