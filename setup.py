"""Packaging of percipio_openedx: an Open edX plugin found through the ``lms.djangoapp`` entry point."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
HOME = "https://github.com/openedx/percipio_openedx"


def version() -> str:
    """Return the version, read as text: importing the package would need its dependencies."""
    source = (ROOT / "percipio_openedx" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if found is None:
        raise RuntimeError("percipio_openedx/__init__.py names no __version__")
    return found.group(1)


def long_description() -> str:
    """Return the README with its links into the repository made absolute, as an index shows it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    readme = re.sub(r"(!\[[^]]*\]\()(?![a-z]+:)", rf"\g<1>{HOME}/raw/v{version()}/", readme)
    return re.sub(r"\]\((?![a-z]+:|#)", f"]({HOME}/blob/v{version()}/", readme)


def requirements(name: str) -> list[str]:
    """Return the requirements in ``requirements/<name>.in``, without comments and blank lines."""
    lines = (ROOT / "requirements" / f"{name}.in").read_text(encoding="utf-8").splitlines()
    return [stripped for line in lines if (stripped := line.partition("#")[0].strip())]


setup(
    name="percipio-openedx",
    version=version(),
    description="Learner progress and completion from an Open edX LMS to Skillsoft Percipio",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    author="The contributors of percipio_openedx",
    url=HOME,
    project_urls={
        "Documentation": f"{HOME}/blob/v{version()}/docs/index.md",
        "Source": HOME,
        "Issues": f"{HOME}/issues",
        "Changes": f"{HOME}/blob/v{version()}/CHANGELOG.rst",
        "Security": f"{HOME}/security/policy",
    },
    license_expression="AGPL-3.0-only",
    license_files=["LICENSE.txt"],
    packages=find_packages(include=["percipio_openedx", "percipio_openedx.*"]),
    package_data={
        "percipio_openedx": [
            "py.typed",
            "conf/locale/*/LC_MESSAGES/*",
            "locale/*/LC_MESSAGES/*.mo",
            "static/**/*",
            "templates/**/*",
        ],
    },
    zip_safe=False,
    python_requires=">=3.11",
    install_requires=requirements("base"),
    extras_require={"metrics": requirements("metrics")},
    entry_points={
        "lms.djangoapp": ["percipio_openedx = percipio_openedx.apps:PercipioOpenedxConfig"],
        # Of the plugin nothing but this: what it brings along is switched on in the CMS as well.
        "cms.djangoapp": ["percipio_event_routing = percipio_openedx.event_routing.apps:EventRoutingConfig"],
    },
    keywords="openedx percipio skillsoft xapi",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Framework :: Django",
        "Framework :: Django :: 5.2",
        "Intended Audience :: Developers",
        "Intended Audience :: Education",
        "Intended Audience :: System Administrators",
        "Natural Language :: English",
        "Natural Language :: German",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Education :: Computer Aided Instruction (CAI)",
        "Typing :: Typed",
    ],
)
