"""A name server of our own: real packets on a real port, with the records that a test publishes."""

import asyncio
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


class DnsServer(asyncio.DatagramProtocol):
    """`async with DnsServer() as server:` answers at `server.address`; a name without records does not exist."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.is_broken = False

    @property
    def address(self) -> str:
        host, port = self._transport.get_extra_info("sockname")
        return f"{host}:{port}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        if self.is_broken:
            answer.set_rcode(dns.rcode.REFUSED)
        elif name not in self.texts:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            strings = [
                " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200)) for text in self.texts[name]
            ]
            answer.answer.append(dns.rrset.from_text_list(query.question[0].name, 60, "IN", "TXT", strings))
        self._transport.sendto(answer.to_wire(max_size=65535), addr)
