"""What the servers of ``read`` and ``step`` have in common."""

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class LocalServer(ThreadingHTTPServer):
    """A server for this machine only, which says nothing where a caller has left before he was answered."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show what went wrong, if it was not the other end."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
