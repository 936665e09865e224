"""An ASGI application served on a thread: there when the constructor returns, gone as soon as `stop` asks."""

import asyncio
import socket
import threading

import uvicorn

TICK = 1.0  # seconds between two looks at uvicorn's own limits
CLOSING = 0.002  # seconds between two looks whether the connections are closed


class Served:
    """Serves `config` until `stop()`; raises what kept it from starting.

    uvicorn looks every tenth of a second whether it shall stop, and then sleeps another tenth: nothing for a process that
    runs for weeks, and most of the time of a test that starts a server of its own.
    """

    def __init__(self, config: uvicorn.Config, name: str, sockets: list[socket.socket] | None = None) -> None:
        self._server = _Prompt(config)
        self._sockets = sockets
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._server.settled.wait()
        if not self._server.started:
            self._thread.join()
            raise RuntimeError(f"{name} did not start") from self._failure

    @property
    def port(self) -> int:
        return int(self._server.servers[0].sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Close the connections once their answers are out, end the application, and return when the thread is gone."""
        self._server.ask_to_stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._server.run(sockets=self._sockets)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - told by the constructor, on the thread that asked
            self._failure = error
        finally:
            self._server.settled.set()


class _Prompt(uvicorn.Server):
    """uvicorn's server with events where it sleeps."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()  # started, or failed to
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked = asyncio.Event()

    def ask_to_stop(self) -> None:
        """From any thread, also more than once and after the end."""
        self.should_exit = True
        if self._loop and not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(self._asked.set)
            except RuntimeError:  # closed since we looked
                return

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)
        self.settled.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            try:
                await asyncio.wait_for(self._asked.wait(), TICK)
            except TimeoutError:
                continue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                # uvicorn keeps sets, and tells nobody when they change
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110
                    await asyncio.sleep(CLOSING)
        except TimeoutError:
            for task in self.server_state.tasks:
                task.cancel()
        await self.lifespan.shutdown()
