"""Damages inputs of every parser at random, and tells what comes of it: `python -m tests.fuzz --inputs 10000 --json`."""
