"""The daemon with the platforms' politeness lifted, so that its own speed shows: `python -m benchmarks.eager N ...`.

Allegro's account is asked at most 6,000 times a minute and a WooCommerce shop four calls at once, by the plugins' own
figures; against a server on the same machine these would be all that is measured. The first argument is how many calls
at once either platform is given (0: as the plugin says); the rest is the command line of `orderferry`. Nothing else
differs from the program as it is installed.
"""

from __future__ import annotations

import sys
from functools import partial

from msgspec.structs import replace

from daemon import cli
from orderferry import http
from plugins.allegro import client
from plugins.shops.woocommerce.platform import WooCommerce


def main() -> None:
    """Lifts the figures, and runs the program."""
    at_once = int(sys.argv.pop(1))
    allegro = replace(client.LIMITS, per_minute=None, concurrency=at_once or client.LIMITS.concurrency)
    vars(client)["LIMITS"] = allegro
    if at_once:
        WooCommerce.concurrency = at_once
        vars(http)["Limits"] = partial(http.Limits, concurrency=at_once)
    cli.main()


if __name__ == "__main__":
    main()
