#!/usr/bin/env python3
"""Joins a room of a Plenum server and chats there: shows how a client in any language speaks docs/signalling.md.

    pip install python-socketio aiohttp
    python chat.py http://localhost:4000 ROOM NAME [ACCESS-TOKEN]

What is typed is said to the room; the end of the input (Ctrl-D) leaves it.
"""

import asyncio
import sys

import socketio


async def main(url, room, name, token=None):
    client = socketio.AsyncClient()
    # Without `token` the key must be left out: the server refuses fields that it does not know, and nulls.
    auth = {"protocol": 1} | ({"token": token} if token else {})
    names = {}

    async def ask(event, **payload):
        """Sends a request; its acknowledgement says whether it was carried out."""
        answer = await client.call(event, payload, timeout=10)
        if not answer["ok"]:
            raise SystemExit(f"{event}: {answer['error']['code']}: {answer['error']['message']}")
        return answer

    @client.on("chat")
    async def on_chat(line):
        print(f"{line['name']}: {line['text']}", flush=True)

    @client.on("room")
    async def on_room(diff):
        for change in diff["changes"]:
            if change["kind"] in ("joined", "changed"):
                if change["kind"] == "joined":
                    print(f"* {change['member']['name']} joined", flush=True)
                names[change["member"]["id"]] = change["member"]["name"]
            elif change["kind"] == "left":
                print(f"* {names.pop(change['member'], 'somebody')} left", flush=True)

    @client.on("farewell")
    async def on_farewell(farewell):
        print(f"* {farewell['message']}", flush=True)

    await client.connect(url, auth=auth, transports=["websocket", "polling"])
    joined = await ask("join", room=room, name=name)
    names.update((member["id"], member["name"]) for member in joined["room"]["members"])
    print(f"* in {joined['room']['id']} with {', '.join(names.values())}", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip():
            await ask("chat", text=line.strip())
    await ask("leave")
    await client.disconnect()


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        raise SystemExit(__doc__)
    asyncio.run(main(*sys.argv[1:]))
