"""CIFAR-10's ten class names, and other names that datasets use for them."""

from __future__ import annotations

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

ALIASES = {  # other name -> class of CIFAR-10
    "plane": "airplane", "aeroplane": "airplane", "aircraft": "airplane", "jet": "airplane",
    "car": "automobile", "auto": "automobile",
    "kitty": "cat", "puppy": "dog", "boat": "ship", "lorry": "truck", "toad": "frog",
}  # fmt: skip
