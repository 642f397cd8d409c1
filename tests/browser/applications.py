"""An application of somebody else's: its own little server, and how it asks to be let in."""

from http.server import BaseHTTPRequestHandler
from urllib.parse import urlencode

STATE = "a state with spaces & signs"


class CallbackHandler(BaseHTTPRequestHandler):
    """The application's own server: it only says that somebody came back."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(
            b"<!doctype html><title>Back</title><link rel=icon href=data:,><h1>Back in the application</h1>"
        )

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def authorize(application: dict[str, str], callback: str) -> str:
    asked = {
        "client_id": application["client_id"],
        "redirect_uri": callback,
        "response_type": "code",
        "scope": "contact_data campaign_data offline_access",
        "state": STATE,
    }
    return "/oauth2/default/v1/authorize?" + urlencode(asked)
