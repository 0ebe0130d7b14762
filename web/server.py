"""uvicorn, draining before it stops, so that no request is lost when a pod is replaced."""

import time
from types import FrameType

import uvicorn
from starlette.applications import Starlette


class DrainingServer(uvicorn.Server):
    """Goes on answering for ``drain_seconds`` after the first signal to stop.

    Meanwhile ``app.state.draining`` is True: the application says that it is not ready, and closes
    each connection after its answer, so that clients with kept-alive connections go elsewhere.
    A second signal ends the draining.
    """

    def __init__(self, config: uvicorn.Config, app: Starlette, drain_seconds: int) -> None:
        """Serve ``app``, which is the one in ``config``."""
        super().__init__(config)
        self._state = app.state
        self._drain_seconds = drain_seconds
        self._stop: tuple[float, int] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start draining, or stop when that is under way already."""
        if self._stop is None and self._drain_seconds:
            self._stop = (time.monotonic() + self._drain_seconds, sig)
            self._state.draining = True
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Stop when the draining is over; uvicorn calls this ten times a second."""
        if self._stop is not None and not self.should_exit:
            deadline, sig = self._stop
            if time.monotonic() >= deadline:
                super().handle_exit(sig, None)
        return await super().on_tick(counter)
