"""`orderferry demo`: the main job, end to end, before one's eyes.

Simulated marketplaces and shops in processes of their own, all misbehaving on purpose; the real daemon on a real store
in a temporary folder; purchases coming in over some seconds; and in the middle of it the daemon is killed without
warning. At the end every shop is counted: the demo has succeeded only if no order is doubled or lost in any of them.
"""

from daemon.demo.playing import run

__all__ = ["run"]
