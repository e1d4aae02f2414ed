#!/usr/bin/env python3
"""Says what is missing from a wheel, and fails then: `python scripts/wheel_content.py dist/NAME.whl`."""

import sys
import zipfile

THANK_YOU = [f"{language}.{part}" for language in ("en", "pl") for part in ("html", "subject", "txt")]
REQUIRED = (
    "orderferry/py.typed",
    "plugins/allegro/README.md",
    "plugins/amazon/README.md",
    "plugins/ebay/README.md",
    "plugins/etsy/README.md",
    "plugins/smtp/README.md",
    "plugins/shops/integration_file/README.md",
    "plugins/shops/medusa/README.md",
    "plugins/shops/prestashop/README.md",
    "plugins/shops/shoper/README.md",
    "plugins/shops/shopify/README.md",
    "plugins/shops/woocommerce/README.md",
    "daemon/scaffold/templates/both/pyproject.toml.tmpl",
    "daemon/scaffold/templates/marketplace/package/platform.py.tmpl",
    "daemon/scaffold/templates/shop/package/platform.py.tmpl",
    *(f"daemon/templates/thank_you.{part}" for part in THANK_YOU),
)
PACKAGES = {"orderferry", "daemon", "plugins"}


def problems(names: list[str]) -> list[str]:
    """One sentence for each thing that should be in the wheel and isn't, or is and shouldn't be."""
    found = [f"{name} is missing" for name in REQUIRED if name not in names]
    if not any(name.startswith("daemon/store/migrations/") and name.endswith(".sql") for name in names):
        found.append("daemon/store/migrations/ has no .sql file")
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        found.append("LICENSE is missing")
    strangers = {name.split("/")[0] for name in names if ".dist-info/" not in name} - PACKAGES
    found.extend(f"{name} does not belong in a wheel" for name in sorted(strangers))
    return found


def main(path: str) -> int:
    """Prints the problems; 0 where there are none."""
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
    found = problems(names)
    print("\n".join(found) or f"{len(names)} files, nothing missing")  # noqa: T201 - a command's output
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
