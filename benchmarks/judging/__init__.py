"""Parts of :mod:`benchmarks.judge`, which knows no line of the engine that it judges."""
