"""Sphinx configuration. Everything that the build needs is on this machine: no page is fetched while it runs."""

import sparsesci

project = "sparsesci"
author = "The sparsesci developers"
copyright = "2026, The sparsesci developers"
version = release = sparsesci.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_design",
    "myst_nb",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "**/.ipynb_checkpoints"]
default_role = "autolink"
nitpick_ignore = [("py:obj", "ConvergenceWarning")]  # its page is sparsesci.ConvergenceWarning, whoever names it
root_doc = "index"

# API pages: one a public name, made from `__all__`; the docstring is the page.
autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# Guide and notebooks: MyST Markdown. Code is executed while the site is built, and an error in it stops the build.
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_render_markdown_format = "myst"

html_theme = "pydata_sphinx_theme"
html_title = "sparsesci"
html_static_path = ["_static"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
}
html_sidebars = {"index": []}
