"""A dashboard around Keras image classifiers: predict and explain, evaluate, diagnose."""
