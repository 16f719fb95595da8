"""The table of tabs of the Explain page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dashboard.services import Services
from dashboard.ui.explain.layers_view import show_layers
from dashboard.ui.explain.methods_view import show_methods
from dashboard.ui.explain.one_map_view import show_one_map
from dashboard.ui.explain.similar_images_view import show_similar_images
from dashboard.ui.explain.two_classes_view import show_two_classes
from dashboard.ui.question import Look, Question


@dataclass(frozen=True)
class Tab:
    """One tab. All tabs show the same picture with the same class and layer."""

    title: str
    show: Callable[[Services, Question, Look], None]  # called only while the tab is open
    all_layers: bool = False  # it shows every layer, so no layer can be chosen
    one_method: bool = True  # a method is chosen in it


TABS = (
    Tab("Methods", show_methods, one_method=False),
    Tab("One map", show_one_map),
    Tab("Layers", show_layers, all_layers=True),
    Tab("Two classes", show_two_classes),
    Tab("Most similar images", show_similar_images, one_method=False),
)
