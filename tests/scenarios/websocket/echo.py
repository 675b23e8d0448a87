"""A WebSocket server that says everything back; the port it listens on is the first line it prints."""

import asyncio

import websockets


async def echo(socket, *_path):
    async for message in socket:
        if message == "hang up":
            await socket.close(4001, "as you wish")
            return
        await socket.send(message)


async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None, subprotocols=["chat"]) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
