"""A WebSocket client of a server that says everything back; ends with an error unless all of it comes back."""

import asyncio
import os
import sys

import websockets


async def talk(socket):
    assert socket.subprotocol == "chat", socket.subprotocol
    for message in ["", "a word", "äöü €" * 1000, b"", b"\0\xff", os.urandom(3_000_000), "x" * 70_000]:
        await socket.send(message)
        assert await socket.recv() == message, len(message)
    # One message in fragments, with a control frame of the library's own in between.
    await socket.send(part for part in ["in ", "three ", "parts"])
    assert await socket.recv() == "in three parts"
    await (await socket.ping(b"are you there?"))
    for number in range(500):
        await socket.send(str(number))
    for number in range(500):
        assert await socket.recv() == str(number)


async def main(url):
    options = {"max_size": None, "subprotocols": ["chat"]}
    async with websockets.connect(url, **options) as socket:
        await talk(socket)
    async with websockets.connect(url, compression=None, **options) as socket:
        await talk(socket)
        await socket.send("hang up")
        try:
            await socket.recv()
        except websockets.ConnectionClosed as closed:
            assert (closed.rcvd.code, closed.rcvd.reason) == (4001, "as you wish"), closed
        else:
            raise AssertionError("it went on")


asyncio.run(main(sys.argv[1]))
