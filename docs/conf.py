"""Settings of the documentation; ``make docs`` builds it with warnings as errors."""

from importlib.metadata import version as _version

project = "Alsatian"
copyright = "2026, the Alsatian developers"  # the name that Sphinx reads
release = _version("alsatian")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "ALS that fetches, and says only what is so"}
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
suppress_warnings = ["myst.header", "ref.python"]
